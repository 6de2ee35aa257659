"""The language: every row of its table, spaces and letters in any order, and every mistake with its place."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc import Network, input_shape, parse
from convcalc.catalogue import get, names
from convcalc.core.errors import ConvcalcError, LimitError, ShapeError, SpecError, UnknownBlockError, UsageError
from convcalc.core.graph import MAX_LAYERS
from convcalc.core.operator import Shape
from convcalc.language.parse import DEFAULT_INPUT, MAX_DEPTH, MAX_DIGITS, read

X: Shape = (128, 56, 56)


def layers(text: str, shape: Shape = X, **options: Any) -> list[str]:
    """Each layer, written out."""
    graph = parse(text, shape, **options)
    return [graph.nodes[index].op.spec() for index in graph.layers]


def names_of(text: str, shape: Shape = X) -> list[str]:
    graph = parse(text, shape)
    return [graph.nodes[index].name for index in graph.layers]


# --- the table, row by row


@pytest.mark.parametrize(
    ("text", "layer", "output"),
    [
        ("3x3", "3x3c128", X),
        ("1x3", "1x3c128", X),
        ("7x7c64s2", "7x7c64s2", (64, 28, 28)),
        ("3x3d2", "3x3c128d2", X),
        ("3x3c128g32", "3x3c128g32", X),
        ("3x3p0", "3x3c128p0", (128, 54, 54)),
        ("5x5c10b", "5x5c10b", (10, 56, 56)),
        ("5x5c10b1", "5x5c10b", (10, 56, 56)),
        ("5x5c10b0", "5x5c10", (10, 56, 56)),
        # The padding that goes without saying: d(k-1)/2, rounded down.
        ("3x3p1", "3x3c128", X),
        ("3x3d2p2", "3x3c128d2", X),
        ("2x2", "2x2c128", (128, 55, 55)),
        ("4x4", "4x4c128", (128, 55, 55)),
        ("4x4p1x2", "4x4c128p1x2", (128, 55, 57)),
        # 3*(2-1)/2 rounded down is 1: 56 + 2 - 3 = 55.
        ("2x2d3", "2x2c128d3", (128, 55, 55)),
        # Per axis.
        ("3x3s2x1", "3x3c128s2x1", (128, 28, 56)),
        ("3x3s2x2", "3x3c128s2", (128, 28, 28)),
        ("3x3d1x2p0", "3x3c128p0d1x2", (128, 54, 52)),
        ("1x7p0x3", "1x7c128", X),
        ("1x7p0", "1x7c128p0", (128, 56, 50)),
        # One number for every axis.
        ("3", "3x3c128", X),
        ("3s2", "3x3c128s2", (128, 28, 28)),
        ("dw3x3s2", "3x3c128s2g128", (128, 28, 28)),
        ("dw3", "3x3c128g128", X),
        ("tconv4x4c64s2p1", "tconv4x4c64s2", (64, 112, 112)),
        ("tconv3x3s2p1o1", "tconv3x3c128s2o1", (128, 112, 112)),
        ("tconv2x2s2", "tconv2x2c128s2", (128, 112, 112)),
        ("maxpool3x3s2p1", "maxpool3x3s2p1", (128, 28, 28)),
        ("maxpool2", "maxpool2x2", (128, 28, 28)),
        ("maxpool2x2s1d2", "maxpool2x2s1d2", (128, 54, 54)),
        ("avgpool2x2", "avgpool2x2", (128, 28, 28)),
        ("avgpool3x3s2p1", "avgpool3x3s2p1", (128, 28, 28)),
        ("adaptiveavgpool7", "adaptiveavgpool7x7", (128, 7, 7)),
        ("gap", "gap", (128, 1, 1)),
        ("fc1000", "fc1000", (1000,)),
        ("fc1000b0", "fc1000b0", (1000,)),
        ("flatten", "flatten", (128 * 56 * 56,)),
        ("bn", "bn", X),
        ("ln", "ln", X),
        ("gn32", "gn32", X),
        ("relu", "relu", X),
        ("relu6", "relu6", X),
        ("gelu", "gelu", X),
        ("silu", "silu", X),
        ("sigmoid", "sigmoid", X),
        ("tanh", "tanh", X),
        ("softmax", "softmax", X),
        ("dropout", "dropout", X),
        ("shuffle4", "shuffle4", X),
        ("up2", "up2x2", (128, 112, 112)),
        ("up2x1", "up2x1", (128, 112, 56)),
        ("upbilinear2", "upbilinear2x2", (128, 112, 112)),
        ("pad1", "pad1x1", (128, 58, 58)),
        ("pad0e1", "pad0x0e1", (128, 57, 57)),
        ("id", "id", X),
    ],
)
def test_one_layer(text: str, layer: str, output: Shape) -> None:
    spec = parse(text, X)
    assert layers(text) == [layer]
    assert spec.output_shape == output
    # Written out it says the same.
    assert layers(layer) == [layer]


def test_words_of_several_layers() -> None:
    assert layers("sep3x3c64s2") == ["3x3c128s2g128", "1x1c64"]
    assert names_of("sep3x3c64") == ["0.depthwise", "0.pointwise"]
    assert layers("sep3x3")[-1] == "1x1c128"
    assert layers("se16") == ["gap", "1x1c8b", "relu", "1x1c128b", "sigmoid", "mul"]
    assert layers("se") == layers("se16")
    assert layers("dconv3x3c64")[0] == "3x3c18b"
    assert layers("dconv3x3c64v2")[0] == "3x3c27b"
    assert names_of("dconv3x3c64") == ["0.offset", "0.deform"]
    # The offsets of a strided, dilated sampling are taken where it samples.
    assert layers("dconv3x3c64s2d2")[0] == "3x3c18s2d2b"


@pytest.mark.parametrize(
    "text",
    [
        "3x3c64s2d2g4b",
        "3x3bg4d2s2c64",
        "3x3 c64 s2 d2 g4 b",
        "  3 x 3 c 64 s 2 d 2 g 4 b 1 ",
        "3X3C64S2D2G4B",
        "3×3c64s2d2g4b",
        "3x3\tc64\n s2 d2 g4 b",
        "c",
    ][:-1],
)
def test_letters_in_any_order_spaces_anywhere_either_case(text: str) -> None:
    assert layers(text) == ["3x3c64s2d2g4b"]


def test_any_number_of_axes() -> None:
    assert layers("3", (8, 100)) == ["3c8"]
    assert layers("3x3x3", (8, 9, 9, 9)) == ["3x3x3c8"]
    assert layers("3s1x2x2", (8, 9, 9, 9)) == ["3x3x3c8s1x2x2"]
    assert layers("maxpool2,up2,gap,fc3", (8, 9, 9, 9)) == ["maxpool2x2x2", "up2x2x2", "gap", "fc3"]
    assert layers("se2", (8, 100))[1] == "1c4b"


def test_a_sequence_is_numbered() -> None:
    assert names_of("3x3, relu , maxpool2") == ["0", "1", "2"]


def test_repetition() -> None:
    assert layers("3x3*2") == ["3x3c128"] * 2
    assert layers("(3x3, relu) * 3") == ["3x3c128", "relu"] * 3
    assert layers("((3x3,bn)*2,relu)*2") == ["3x3c128", "bn", "3x3c128", "bn", "relu"] * 2
    assert layers("3x3*2*3") == ["3x3c128"] * 6
    assert layers("(3x3)") == ["3x3c128"]
    assert layers("cat(id|id)*2, 1x1c4")[-1] == "1x1c4"
    assert parse("cat(id|id)*3", (2, 4, 4)).output_shape == (16, 4, 4)
    assert names_of("(3x3,relu)*2") == ["0", "1", "2", "3"]


def test_branches_start_from_the_same_tensor() -> None:
    graph = parse("relu, cat(1x1c8 | 3x3c16, 5x5c4 | id), bn", (6, 9, 9))
    assert graph.output_shape == (8 + 4 + 6, 9, 9)
    named = {node.name: node for node in graph.nodes}
    relu = graph.nodes.index(named["0"])
    assert named["1.0.0"].inputs == named["1.1.0"].inputs == named["1.2.0"].inputs == (relu,)
    assert [graph.nodes[i].name for i in named["1.cat"].inputs] == ["1.0.0", "1.1.1", "1.2.0"]


@pytest.mark.parametrize(("word", "channels"), [("add", 6), ("mul", 6), ("mean", 6), ("cat", 12)])
def test_every_join(word: str, channels: int) -> None:
    assert parse(f"{word}(3x3|id)", (6, 9, 9)).output_shape == (channels, 9, 9)
    # One branch is a join of one.
    assert parse(f"{word}(3x3)", (6, 9, 9)).output_shape == (6, 9, 9)


def test_branches_in_branches() -> None:
    text = "add(cat(1x1c2|3x3c2*2), 3x3 | mul(id | gap, 1x1, sigmoid))"
    assert parse(text, (4, 9, 9)).output_shape == (4, 9, 9)
    assert "0.0.0.1.1" in names_of(text, (4, 9, 9))


# --- the catalogue in a text


def test_a_lone_entry_has_its_own_input_and_names() -> None:
    graph = parse("resnet50")
    assert graph == get("resnet50").graph()
    assert graph.input_shapes == ((3, 224, 224),)
    assert graph.nodes[-1].name == "fc"


def test_an_entry_with_arguments() -> None:
    wide = parse("resnext-block(cardinality=64, width=4)")
    assert wide == get("resnext-block").graph(cardinality=64, width=4)
    assert parse(" ResNext-Block ( Cardinality = 64 ,width=4 ) ") == wide
    assert parse("resnext-block()") == get("resnext-block").graph()
    first = get("resnet-block").graph(stride=2, stride_on="1x1")
    assert parse("resnet-block(stride=2,stride_on=1x1)") == first
    assert parse("resnet-block(stride=2,stride-on='1x1')") == first
    assert parse('resnet-block(stride=2,stride_on="1x1")') == first
    assert parse("resnet-block(stride=2)", settings={"stride_on": "1x1"}) == first


def test_an_entry_among_layers() -> None:
    graph = parse("3x3c64,resnet-basic-block*2,gap", (8, 9, 9))
    assert graph.output_shape == (64, 1, 1)
    assert graph.nodes[2].name == "1.conv1"
    assert {node.name.split(".")[0] for node in graph.nodes[1:]} == {"0", "1", "2", "3"}


def test_every_entry_is_a_word() -> None:
    for name in names():
        assert read(name)[0].entry.name == name


def test_settings_are_for_entries() -> None:
    with pytest.raises(UsageError, match="width: only a catalogue entry has parameters"):
        parse("3x3", settings={"width": 4})
    with pytest.raises(UnknownBlockError, match="no parameter 'wdth'"):
        parse("resnext-block", settings={"wdth": 4})


# --- input, --norm, --bias


def test_the_default_input() -> None:
    assert parse("3x3").input_shapes == (DEFAULT_INPUT,) == ((128, 56, 56),)
    assert parse("3x3", (64, 7, 7)).input_shapes == ((64, 7, 7),)


@pytest.mark.parametrize("shape", [(), (0, 4, 4), (4, -1, 4)])
def test_an_input_of_nothing_is_refused_not_replaced(shape: Shape) -> None:
    for text in ("3x3", "resnet18"):
        with pytest.raises(ShapeError, match="sizes of at least 1"):
            parse(text, shape)


def test_norm_follows_every_convolution() -> None:
    assert layers("3x3,relu,maxpool2,fc10", norm="bn") == ["3x3c128", "bn", "relu", "maxpool2x2", "fc10"]
    assert layers("cat(1x1|3x3*2)", norm="gn4") == ["1x1c128", "gn4", *["3x3c128", "gn4"] * 2, "cat"]
    # A separable convolution is one; the table's other convolutions count too.
    assert layers("sep3x3", norm="ln") == ["3x3c128g128", "1x1c128", "ln"]
    assert layers("dw3x3,tconv2x2", norm="ln")[1::2] == ["ln", "ln"]
    assert layers("dconv3x3", norm="bn")[-1] == "bn"
    # A catalogue entry keeps its own.
    assert layers("resnet-block", norm="ln") == layers("resnet-block")


def test_bias_is_for_every_convolution() -> None:
    assert layers("3x3,dw3x3,sep3x3c4,fc10b0", bias=True) == [
        "3x3c128b",
        "3x3c128g128b",
        "3x3c128g128",
        "1x1c4b",
        "fc10b0",
    ]
    # 3*3*128*128 + 128 and batch norm's 2*128.
    assert Network(graph=parse("3x3", norm="bn", bias=True)).params == 147_456 + 128 + 256


@pytest.mark.parametrize("norm", ["3x3", "bn,bn", "cat(id|id)", "resnet50", "nonsense", "bn3", "(bn)"])
def test_what_is_not_a_normalisation_is_refused(norm: str) -> None:
    with pytest.raises(SpecError):
        parse("3x3", norm=norm)


# --- mistakes: what, where, and what instead


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "the text is empty", "for example"),
        ("   ", 3, "the text is empty", "for example"),
        (",", 0, "expected a layer, found ','", "for example"),
        ("3x3,", 4, "expected a layer, found the end", "for example"),
        ("3x3,,3x3", 4, "expected a layer, found ','", "for example"),
        ("3x3;3x3", 3, "expected a comma or the end, found ';'", ""),
        ("3x3 5x5", 4, "a convolution takes no number here", "a comma stands between layers"),
        ("3x3)", 3, "expected a comma or the end, found ')'", ""),
        ("(3x3", 4, "expected a comma or a closing bracket, found the end", ""),
        ("(3x3|3x3)", 4, "expected a comma or a closing bracket, found '|'", ""),
        ("()", 1, "expected a layer, found ')'", "for example"),
        ("3x", 2, "expected a number after 'x', found the end", ""),
        ("3xx3", 2, "expected a number after 'x', found 'x'", ""),
        ("3x3c", 4, "expected a number after 'c', found the end", ""),
        ("3x3c-4", 4, "expected a number after 'c', found '-'", ""),
        ("3x3z2", 3, "a convolution has no option 'z'", "c (channels), s (stride), p (padding)"),
        ("3x3c6x4", 5, "a convolution has no option 'x'", "c (channels)"),
        ("3x3,3x3c64c64", 10, "option 'c' is given twice", ""),
        ("3x3b2", 3, "option 'b' is 0 or 1, not 2", ""),
        ("3x3x3x3", 0, "at most three axes", "1-D, 2-D and 3-D"),
        ("3x3s1x1x1x1", 3, "at most three axes", "1-D, 2-D and 3-D"),
        ("relu7", 4, "relu takes no number", "relu has no options"),
        ("reluz", 0, "unknown layer 'reluz'", "did you mean relu"),
        ("maxpool", 7, "maxpool needs a number: its kernel", "for example maxpool3x3"),
        ("gn", 2, "gn needs a number: its groups", "for example gn2"),
        ("fc", 2, "fc needs a number: its channels", "for example fc2"),
        ("dws2", 2, "dw needs a number: its kernel", "for example dw3x3"),
        ("maxpools2", 7, "maxpool needs a number: its kernel", "for example maxpool3x3"),
        ("3x3*", 4, "expected a number of repetitions, found the end", ""),
        ("3x3*0", 4, "a repetition is at least 1", ""),
        ("cat", 3, "cat needs branches in brackets", "for example cat(1x1 | 3x3)"),
        ("cat()", 4, "expected a layer, found ')'", "for example"),
        ("cat(3x3|)", 8, "expected a layer, found ')'", "for example"),
        ("cat(3x3", 7, "expected a comma or a closing bracket, found the end", ""),
        ("rleu", 0, "unknown layer 'rleu'", "did you mean relu or relu6?"),
        ("3x3,maxpol2", 4, "unknown layer 'maxpol2'", "maxpool"),
        ("renset50", 0, "unknown layer 'renset50'", "resnet50"),
        ("qqqq", 0, "unknown layer 'qqqq'", "convcalc blocks"),
        ("3x3\x00", 3, "expected a comma or the end, found '\\x00'", ""),
        ("3x3²", 3, "a convolution takes no number here", "a comma"),
        ("1" * 31, 0, "numbers have at most 30 digits", ""),
        ("3x3c" + "9" * 5000, 4, "numbers have at most 30 digits", ""),
        # Calls.
        ("resnet-block(", 13, "expected a parameter of resnet-block, found the end", "channels="),
        ("resnet-block(256)", 13, "expected a parameter of resnet-block, found '2'", "channels="),
        ("resnet-block(channels)", 21, "expected = after 'channels'", "channels="),
        ("resnet-block(channels=)", 22, "expected a value, found ')'", ""),
        ("resnet-block(channels=64", 24, "expected a comma or a closing bracket, found the end", ""),
        ("resnet-block(channels=64 width=4)", 25, "expected a comma or a closing bracket, found 'w'", ""),
        ("resnet-block(chanels=64)", 13, "resnet-block has no parameter 'chanels'", "did you mean channels?"),
        ("resnet-block(channels=64.5)", 13, "resnet-block: channels is 64.5, its default is 256", "like 256"),
        ("resnet-block(channels=-3)", 13, "resnet-block: channels is at least 1, not -3", ""),
        ("resnet-block(channels=true)", 13, "resnet-block: channels is True, its default is 256", "like 256"),
        ("resnet-block(channels=1,channels=2)", 24, "parameter 'channels' is given twice", ""),
        ("resnet-block(stride_on='1x1)", 23, "a quoted text does not end", ""),
        ("resnet-block(channels=[1)", 13, "resnet-block: channels is (1,), its default is 256", "like 256"),
        ("resnet-block(channels=[1,2", 26, "expected a comma or a closing bracket, found the end", ""),
        ("resnet-block(channels=(", 23, "expected a closing bracket", ""),
        ("resnet-block(channels=" + "1" * 40 + ")", 22, "numbers have at most 30 digits", ""),
    ],
)
def test_mistakes(text: str, offset: int, message: str, hint: str) -> None:
    with pytest.raises(ConvcalcError) as caught:
        parse(text)
    error = caught.value
    assert isinstance(error, SpecError)
    assert message in error.message
    assert (error.text, error.offset, error.at) == (text, offset, offset)
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)


def test_the_caret_stands_under_the_culprit() -> None:
    with pytest.raises(SpecError) as caught:
        parse("3x3,\n  5x5q2")
    assert str(caught.value).splitlines()[1:3] == ["    5x5q2", "       ^"]
    with pytest.raises(SpecError) as caught:
        parse("3x3," * 50 + "?" + ",3x3" * 50)
    shown = str(caught.value).splitlines()
    assert len(shown[1]) <= 74
    assert shown[1][shown[2].index("^")] == "?"
    # Nothing unprintable reaches a terminal.
    with pytest.raises(SpecError) as caught:
        parse("3x3\x1b[31m")
    assert "\x1b" not in str(caught.value)


def test_a_long_unknown_word_is_cut() -> None:
    with pytest.raises(SpecError) as caught:
        parse("q" * 10_000)
    assert len(str(caught.value)) < 300


def test_shape_errors_name_the_layer_and_its_place() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("3x3c64,3x3g3", (10, 9, 9))
    error = caught.value
    assert (error.layer, error.at, error.text, error.offset) == ("1", "1", "3x3c64,3x3g3", 7)
    assert str(error).splitlines() == [
        "layer 1: groups=3 does not divide 64 channels",
        "  3x3c64,3x3g3",
        "         ^",
        "  hint: choose groups that divide both 64 and 64",
    ]
    with pytest.raises(ShapeError) as caught:
        parse("relu,cat(1x1|3x3,7x7p0)", (10, 5, 5))
    assert (caught.value.layer, caught.value.offset) == ("1.1.1", 17)
    with pytest.raises(ShapeError) as caught:
        parse("relu,add(1x1|3x3s2)", (10, 5, 5))
    assert (caught.value.layer, caught.value.offset) == ("1.add", 5)
    with pytest.raises(ShapeError) as caught:
        parse("(3x3p0)*3", (10, 5, 5))
    assert (caught.value.layer, caught.value.offset) == ("2", 1)
    with pytest.raises(ShapeError) as caught:
        parse("relu,flatten,resnet-block", (10, 5, 5), norm="bn")
    assert (caught.value.layer, caught.value.offset) == ("2.conv1", 13)


def test_shape_errors_of_a_lone_entry_name_its_layer_and_show_the_text() -> None:
    with pytest.raises(ShapeError) as caught:
        parse(" resnet18", (3,))
    assert caught.value.layer == "conv1"
    assert (caught.value.text, caught.value.offset) == (" resnet18", 1)


# --- inputs


def test_input_shapes() -> None:
    assert input_shape("256x56x56") == (256, 56, 56)
    assert input_shape(" 256 X 56 × 56 ") == (256, 56, 56)
    assert input_shape("8x100") == (8, 100)
    assert input_shape("8x4x4x4") == (8, 4, 4, 4)
    assert input_shape("10") == (10,)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("axb", 0),
        ("3x", 0),
        ("3,4", 0),
        ("-3x4", 0),
        ("3x4x5x6x7", 0),
        ("3x0x5", 2),
        ("0", 0),
        ("10x0", 3),
        ("3x" + "9" * 31, 2),
        ("٣x3", 0),
    ],
)
def test_bad_inputs(text: str, offset: int) -> None:
    with pytest.raises(SpecError) as caught:
        input_shape(text)
    assert caught.value.offset == offset
    assert "256x56x56" in caught.value.hint


# --- limits


def test_repetition_and_nesting_have_limits() -> None:
    for text in ("3x3*1000000000", "((3x3)*1000)*1000", f"3x3*{MAX_LAYERS + 1}", "3x3" + "*2" * 30):
        with pytest.raises(LimitError, match="more than 100,000 layers"):
            parse(text)
    assert parse("(" * MAX_DEPTH + "3x3" + ")" * MAX_DEPTH).output_shape == X
    for text in ("(" * (MAX_DEPTH + 1), "(" * 100_000, "cat(" * 10_000, "((cat((" * 5_000):
        with pytest.raises(LimitError, match="nested deeper than 40"):
            parse(text)


def test_numbers_have_a_limit() -> None:
    assert parse("fc" + "9" * MAX_DIGITS, (1,)).output_shape == (10**30 - 1,)
    with pytest.raises(LimitError, match="more than 36 digits"):
        parse("up1000000*7", (1, 9, 9))


def test_an_analysis_of_what_was_read() -> None:
    assert Network(graph=parse("3x3,3x3")).receptive_field.size == (5, 5)


@pytest.mark.parametrize(
    ("wide", "text"),
    [
        ("3x3，1x1", "3x3,1x1"),
        ("cat（1x1｜3x3）", "cat(1x1|3x3)"),
        ("３×３ｃ６４、ｒｅｌｕ", "3x3c64,relu"),
        ("（3x3，relu）＊2", "(3x3,relu)*2"),
        ("resnet-block（channels＝64）", "resnet-block(channels=64)"),
    ],
)
def test_chinese_punctuation_is_read_like_its_ascii_twin(wide: str, text: str) -> None:
    assert parse(wide) == parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Conv2d(3,64,3)", "write 3x3c64"),
        ("torch.nn.Conv2d(3, 64, kernel_size=(1, 7))", "write 1x1c64"),
        ("conv3x3", "a convolution is its kernel alone: 3x3"),
        ("3x3 conv, 64", "a convolution is its kernel alone: 3x3"),
        ("model.py", "so model:Net"),
        ("model.Net", "so model:Net"),
        ("pkg.sub.models.Net(width=3)", "so pkg.sub.models:Net"),
        ("src/mypkg/models.py:make_net", "so mypkg.models:make_net --python-path src"),
        ("nets/a.py", "so nets.a:Net"),
        ("m.pt", "weights alone do not say what the network is"),
        ("3*3", "a kernel is 3x3; a repetition is (3)*3"),
        ("3,224,224", "--input 3x224x224"),
        ("224", "--input 3x224x224"),
        ("224x224x3", "--input 224x224x3"),
        ("1x3x224x224", "--input 3x224x224"),
        ("3x224x224", "--input 3x224x224"),
        ("(3x3c64)x3", "write (3x3c64)*3"),
        ("[3x3, 64] x 3", "write (3x3c64)*3"),
        ("[3x3, 64]", "write 3x3c64"),
        ("3x3, 64", "channels are an option: 3x3c64"),
        ("7x7, 64, stride 2", "write 7x7c64s2"),
        ("3x3 max pool", "write maxpool3x3s2p1"),
        ("3x3/2", "3x3s2"),
        ("1x1 + 3x3", "add(1x1 | 3x3)"),
        ("3x3->3x3", "between commas"),
        ("nn.ReLU()", "write relu"),
        ("BatchNorm2d(64)", "write bn"),
        ("Linear(512, 10)", "write fc10"),
        ("Sequential(3x3)", "write 3x3c64, bn, relu"),
        ("resnet5O", "resnet50"),
    ],
)
def test_what_newcomers_write_is_answered_with_what_they_mean(text: str, hint: str) -> None:
    with pytest.raises((SpecError, ShapeError)) as caught:
        parse(text)
    assert hint in caught.value.hint


def test_a_hint_can_be_pasted() -> None:
    for text in ("3x3c64", "(3x3c64)*3", "(3)*3", "7x7c64s2", "maxpool3x3s2p1", "3x3c64, bn, relu", "add(1x1 | 3x3)"):
        parse(text)


def test_a_large_kernel_that_is_meant_is_written_out() -> None:
    assert parse("64x64", (4, 64, 64)).nodes[1].op.spec() == "64x64c4"
    assert parse("251s1", (1, 16000)).nodes[1].op.spec() == "251c1"
    assert parse("15", (4, 64)).nodes[1].op.spec() == "15c4"
