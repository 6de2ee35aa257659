"""Operators: the same rules on ints, NumPy arrays and SymPy symbols; formulas as text; hand arithmetic."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from strategies import instances

from convcalc import Network, parse
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Builder, Graph
from convcalc.core.operator import REGISTRY, Input, Op, Params, Shape, options, spell
from convcalc.core.ops.convolution import Conv, TransposedConv
from convcalc.core.ops.dense import Dense
from convcalc.core.ops.join import Add, Cat, Join, Mean, Mul
from convcalc.core.ops.norm import BatchNorm
from convcalc.core.ops.pooling import AvgPool, MaxPool

WORDS = sorted(REGISTRY)
SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def build(op: Op, shape: Shape) -> Graph:
    """The operator over one input; a join over two branches of it."""
    builder = Builder()
    x = builder.input(shape)
    others = [x.apply(BatchNorm())] if isinstance(op, Join) else []
    return builder.graph(x.apply(op, *others))


def layers(graph: Graph) -> list[tuple[Op, list[Shape]]]:
    """Every layer with the shapes that it reads."""
    return [(graph.nodes[index].op, graph.input_shapes_of(index)) for index in graph.layers]


def numbers(graph: Graph) -> list[Any]:
    """Every layer's shape, params, MACs and elementwise operations, in one row."""
    return [
        number
        for op, shapes in layers(graph)
        for number in (*op.shape(*shapes), *op.params(*shapes), op.macs(*shapes), op.elementwise(*shapes))
    ]


def array(values: ArrayLike) -> Any:
    """Many whole numbers in the place of one."""
    return np.array(values, dtype=np.int64)


def flat(word: str) -> bool:
    return word == "unflatten"


@st.composite
def placed(draw: st.DrawFn, word: str) -> tuple[Op, Shape]:
    """An operator, and the shape of an input that it fits."""
    axes = 2 if word == "dconv" else draw(st.integers(1, 3))
    op = draw(instances(word, axes, channels=(12, 24), speakable=True))
    shape = (12,) if flat(word) else (12, *draw(st.tuples(*[st.integers(4, 9)] * axes)))
    assume(fits(op, shape))
    return op, shape


def fits(op: Op, shape: Shape) -> bool:
    try:
        build(op, shape)
    except ShapeError:
        return False
    return True


def substitute(graph: Graph, values: dict[sympy.Symbol, int]) -> list[int]:
    return [int(sympy.sympify(number).subs(values)) for number in numbers(graph)]


@pytest.mark.parametrize("word", WORDS)
@SOME
@given(st.data())
def test_rules_hold_on_arrays(word: str, data: st.DataObject) -> None:
    op, shape = data.draw(placed(word))
    grown = [(size, size + 12 if axis == 0 else size + 1) for axis, size in enumerate(shape)]
    assume(fits(op, tuple(large for _, large in grown)))
    swept = numbers(build(op, tuple(array(pair) for pair in grown)))
    for place in (0, 1):
        plain = numbers(build(op, tuple(pair[place] for pair in grown)))
        assert [int(np.broadcast_to(number, 2)[place]) for number in swept] == plain


@pytest.mark.parametrize("word", WORDS)
@settings(SOME, max_examples=8)
@given(st.data())
def test_rules_hold_on_symbols(word: str, data: st.DataObject) -> None:
    op, shape = data.draw(placed(word))
    symbols = sympy.symbols("C H W D", integer=True, positive=True)[: len(shape)]
    assert substitute(build(op, symbols), dict(zip(symbols, shape, strict=True))) == numbers(build(op, shape))


@pytest.mark.parametrize("word", WORDS)
@SOME
@given(st.data())
def test_formulas_say_what_the_rules_count(word: str, data: st.DataObject) -> None:
    for op, shapes in layers(build(*data.draw(placed(word)))):
        formula = op.formula(*shapes)
        for text, value in ((formula.params, op.params(*shapes).total), (formula.macs, op.macs(*shapes))):
            assert evaluate(text) == value, (op, text)


def evaluate(formula: str) -> Fraction:
    """The formula's value, in exact fractions; nothing is 0."""
    assert re.fullmatch(r"[0-9*/()+ ]*", formula)
    return eval(re.sub(r"([0-9]+)", r"Fraction(\1)", formula) or "0")


@pytest.mark.parametrize("word", WORDS)
@SOME
@given(st.data())
def test_every_layer_says_what_it_is_in_the_language(word: str, data: st.DataObject) -> None:
    """Round trip: a layer's spec, read again, is the same layer."""
    op, shape = data.draw(placed(word))
    graph = build(op, shape)
    for index in graph.layers:
        made, shapes = graph.nodes[index].op, graph.input_shapes_of(index)
        if isinstance(made, Join) or made.word not in REGISTRY:
            continue
        again = parse(made.spec(), shapes[0])
        assert again.nodes[1].op == made
        assert again.output_shape == graph.shapes[index]


def test_an_operator_that_is_not_bound_yet_says_what_it_was_given() -> None:
    assert Conv(3).spec() == "3"
    assert Conv((3, 1), 8, 2, (1, 0)).spec() == "3x1c8s2p1x0"
    assert TransposedConv((2, 2), stride=2, output_padding=1).spec() == "tconv2x2s2o1"
    assert MaxPool(2).spec() == "maxpool2"


@pytest.mark.parametrize("word", WORDS)
def test_every_operator_introduces_itself(word: str) -> None:
    cls = REGISTRY[word]
    assert cls.word == word
    assert cls.label
    assert cls.summary
    assert cls.__doc__
    letters = [letter for _, letter in options(cls)]
    assert len(set(letters)) == len(letters)


# --- sweeps of options: a whole table of configurations in one line


def test_a_sweep_over_a_million_configurations() -> None:
    axes = np.arange(1, 101), np.arange(32, 3232, 32), [1, 2, 4, 8, 16, 32] * 17
    kernel, channels, groups = map(array, np.meshgrid(*axes))
    op = Conv((kernel, kernel), channels, (1, 1), (kernel // 2, kernel // 2), (1, 1), groups).bind((64, 56, 56))
    weights: Any = op.params((64, 56, 56)).weights
    macs: Any = op.macs((64, 56, 56))
    assert weights.shape == (100, 100, 102)
    # Kernel 3, 64 channels, 4 groups: 3*3*(64/4)*64 = 9,216.
    assert weights[1, 2, 2] == 9216
    assert macs[1, 2, 2] == 9216 * 56 * 56


def test_a_closed_form() -> None:
    k, c, m, g, h, w = sympy.symbols("k c m g h w", integer=True, positive=True)
    op = Conv((2 * k + 1,) * 2, m, (1, 1), (k, k), (1, 1), g)
    x = (c * g, h, w)
    bound = op.bind(x)
    assert bound.shape(*[x]) == (m, h, w)
    assert sympy.simplify(bound.macs(x) - (2 * k + 1) ** 2 * c * m * h * w) == 0
    # The 1/G law.
    assert sympy.simplify(bound.params(x).weights * g - op.replace(groups=1).params(x).weights) == 0
    assert "(2*k + 1)" in bound.formula(x).params


def test_a_sweep_that_does_not_fit_somewhere_is_refused() -> None:
    with pytest.raises(ShapeError):
        Conv(3, 8, 1, 0).bind((4, 9)).shape((4, array([9, 2])))
    with pytest.raises(ShapeError, match="does not divide"):
        Conv(3, 8, groups=array([2, 3])).bind((4, 9))


# --- by hand


@pytest.mark.parametrize(
    ("text", "shape", "output", "params", "macs"),
    [
        # 3*3*64*128 = 73,728 weights at 56*56 places.
        ("3x3c128", (64, 56, 56), (128, 56, 56), (73_728, 0, 0), 231_211_008),
        # A quarter of it with 4 groups, and 128 biases.
        ("3x3c128g4b", (64, 56, 56), (128, 56, 56), (18_432, 128, 0), 57_802_752),
        # Floor((56 + 2 - 3)/2) + 1 = 28; 73,728*28*28.
        ("3x3c128s2", (64, 56, 56), (128, 28, 28), (73_728, 0, 0), 57_802_752),
        # 56 - 5*(3-1) = 46.
        ("3x3d5p0", (4, 56, 56), (4, 46, 46), (144, 0, 0), 144 * 46 * 46),
        # Kernel 1x3, stride 2x1: (56-1)//2 + 1 = 28 by 54.
        ("1x3s2x1p0", (4, 56, 56), (4, 28, 54), (48, 0, 0), 48 * 28 * 54),
        # 1-D: 5*8*16 over 100 places; 3-D: 27*2*2 over 4*5*6.
        ("5c16", (8, 100), (16, 100), (640, 0, 0), 64_000),
        ("3", (2, 4, 5, 6), (2, 4, 5, 6), (108, 0, 0), 12_960),
        # 3*3*64; two kernels for each channel: 3*3*128.
        ("dw3x3", (64, 56, 56), (64, 56, 56), (576, 0, 0), 576 * 3136),
        ("dw3x3c128", (64, 56, 56), (128, 56, 56), (1_152, 0, 0), 1_152 * 3136),
        # 3*3*32 + 32*64 = 2,336; with bias 64 more, on the pointwise layer.
        ("sep3x3c64", (32, 56, 56), (64, 56, 56), (2_336, 0, 0), 2_336 * 3136),
        ("sep3x3c64b", (32, 56, 56), (64, 56, 56), (2_336, 64, 0), 2_336 * 3136),
        # 4*4*128*64 at each of 28*28 input places; (28-1)*2 - 2 + 4 = 56.
        ("tconv4x4c64s2p1", (128, 28, 28), (64, 56, 56), (131_072, 0, 0), 102_760_448),
        # (5-1)*3 - 2*0 + 2*(2-1) + 1 + 1 = 16; 2*4*6 = 48 at 5 places.
        ("tconv2c6s3d2o1p0", (4, 5), (6, 16), (48, 0, 0), 240),
        # 3*3*64*64 and the offsets: 3*3*64*18 + 18 = 47,250; the mask's 27: 3*3*64*27 + 27 + 36,864 = 52,443.
        ("dconv3x3", (64, 56, 56), (64, 56, 56), (47_232, 18, 0), 148_119_552),
        ("dconv3x3v2", (64, 56, 56), (64, 56, 56), (52_416, 27, 0), 164_376_576),
        # 512*7*7*1000 and 1,000 biases.
        ("fc1000", (512, 7, 7), (1000,), (25_088_000, 1000, 0), 25_088_000),
        ("fc1000b0", (512, 7, 7), (1000,), (25_088_000, 0, 0), 25_088_000),
        # 256*16 + 16 + 16*256 + 256 = 8,464.
        ("se16", (256, 56, 56), (256, 56, 56), (8_192, 272, 0), 8_192),
        ("bn", (64, 7, 7), (64, 7, 7), (0, 0, 128), 0),
        ("ln", (64, 7, 7), (64, 7, 7), (0, 0, 128), 0),
        ("gn32", (64, 7, 7), (64, 7, 7), (0, 0, 128), 0),
        # Floor((112 + 2 - 3)/2) + 1 = 56.
        ("maxpool3x3s2p1", (64, 112, 112), (64, 56, 56), (0, 0, 0), 0),
        ("avgpool2x2", (64, 7, 8), (64, 3, 4), (0, 0, 0), 0),
        ("gap", (64, 7, 7), (64, 1, 1), (0, 0, 0), 0),
        ("adaptiveavgpool7", (64, 9, 5), (64, 7, 7), (0, 0, 0), 0),
        ("flatten", (64, 7, 7), (3136,), (0, 0, 0), 0),
        ("up2", (64, 7, 8), (64, 14, 16), (0, 0, 0), 0),
        ("upbilinear3", (64, 7, 8), (64, 21, 24), (0, 0, 0), 0),
        ("pad1", (64, 7, 8), (64, 9, 10), (0, 0, 0), 0),
        ("pad1x0e0x2", (64, 7, 8), (64, 8, 10), (0, 0, 0), 0),
        ("shuffle4", (64, 7, 8), (64, 7, 8), (0, 0, 0), 0),
        ("id", (64, 7, 8), (64, 7, 8), (0, 0, 0), 0),
        ("cat(3x3c2|id)", (4, 5, 5), (6, 5, 5), (72, 0, 0), 72 * 25),
    ],
)
def test_by_hand(text: str, shape: Shape, output: Shape, params: tuple[int, int, int], macs: int) -> None:
    summary = Network(graph=parse(text, shape))
    assert summary.graph.output_shape == output
    assert (summary.parameters.weights, summary.parameters.biases, summary.parameters.norm) == params
    assert summary.params == sum(params)
    assert summary.macs == macs
    assert summary.flops == 2 * macs


@pytest.mark.parametrize(
    ("text", "elementwise"),
    [
        # On 4x6x6 = 144 elements.
        ("3x3", 0),
        ("3x3b", 144),
        ("relu", 144),
        ("softmax", 3 * 144),
        ("bn", 2 * 144),
        ("ln", 7 * 144),
        ("gn2", 7 * 144),
        ("maxpool2", (4 - 1) * 36),
        ("avgpool2", 4 * 36),
        ("gap", 144),
        # 6 places by 4 units: 0-1, 1-2, 3-4, 4-5: 2 each, 8 in all along each axis.
        ("adaptiveavgpool4", 4 * 8 * 8),
        ("adaptiveavgpool3", 144),
        ("fc10", 10),
        ("fc10b0", 0),
        ("up2", 0),
        # 4 products and 3 sums for each of 4*12*12 outputs.
        ("upbilinear2", 7 * 576),
        ("pad1", 0),
        ("id", 0),
        ("dropout", 0),
        ("flatten", 0),
        ("shuffle2", 0),
        ("cat(id|id)", 0),
        ("add(id|id|id)", 2 * 144),
        ("mul(id|id)", 144),
        ("mean(id|id)", 2 * 144),
        # Offsets' 18 biases at 36 places, and for each of 9*4*36 samples 4 products and 3 sums (and the mask's);
        # the mask is a sigmoid for each of 9 places.
        ("dconv3x3", 18 * 36 + 7 * 9 * 4 * 36),
        ("dconv3x3v2", 27 * 36 + 8 * 9 * 4 * 36 + 9 * 36),
        # Average 144, bias 2, relu 2, bias 4, sigmoid 4, product 144.
        ("se2", 144 + 2 + 2 + 4 + 4 + 144),
    ],
)
def test_all_other_arithmetic_by_hand(text: str, elementwise: int) -> None:
    assert Network(graph=parse(text, (4, 6, 6))).elementwise == elementwise


def test_linear_upsampling_in_one_and_three_axes() -> None:
    # 2 products and 1 sum; 8 products and 7 sums.
    assert Network(graph=parse("upbilinear2", (4, 6))).elementwise == 3 * 4 * 12
    assert Network(graph=parse("upbilinear2", (1, 2, 2, 2))).elementwise == 15 * 64


def test_ceil_mode_as_in_pytorch() -> None:
    # (56 - 3)/2 rounded up + 1 = 28; the last window must start inside: (4 + 2 - 2)/2 + 1 = 3, 2*2 >= 4 + 1? No: kept.
    assert MaxPool(3, 2, ceil=True).bind((1, 56)).shape((1, 56)) == (1, 28)
    assert AvgPool(1, 2, ceil=True).bind((1, 4)).shape((1, 4)) == (1, 2)
    assert AvgPool(2, 3, 1, ceil=True).bind((1, 5)).shape((1, 5)) == (1, 2)


def test_joins_repeat_sides_of_one() -> None:
    for op in (Add(), Mul(), Mean()):
        assert op.shape((4, 6, 6), (4, 1, 1)) == (4, 6, 6)
        assert op.shape((4, 1, 1), (4, 6, 1), (1, 6, 5)) == (4, 6, 5)
    assert Mul().elementwise((4, 1, 1), (4, 6, 6)) == 144


# --- refusals: what, why, what instead


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("3x3g3", (64, 9, 9), "groups=3 does not divide 64 channels"),
        ("3x3g3c9", (64, 9, 9), "groups=3 does not divide 64 input channels"),
        ("3x3g4c9", (64, 9, 9), "groups=4 does not divide 9 output channels"),
        ("7x7p0", (10, 5, 5), "7x7 does not fit a 5x5 input without padding"),
        ("7x7p0x1", (10, 5, 5), "7x7 does not fit a 5x5 input with padding 0x1"),
        ("3x3d4p1", (10, 5, 5), "3x3 (dilated to 9x9) does not fit a 5x5 input with padding 1x1"),
        ("3x3x3", (10, 5, 5), "the kernel 3x3x3 is 3-D, its input 10x5x5 has 2 spatial axes"),
        ("3s2x2", (10, 5), "the stride 2x2 is 2-D, its input 10x5 has 1 spatial axis"),
        ("fc10,3x3", (10, 5, 5), "a convolution needs spatial axes, its input 10 has none"),
        ("fc10,maxpool2", (10, 5, 5), "pooling needs spatial axes, its input 10 has none"),
        ("fc10,up2", (10, 5, 5), "the factor needs spatial axes, the input 10 has none"),
        ("fc10,pad2", (10, 5, 5), "the padding needs spatial axes, the input 10 has none"),
        ("fc10,adaptiveavgpool2", (10, 5, 5), "the size needs spatial axes, the input 10 has none"),
        ("3x3s0", (10, 5, 5), "the stride must be at least 1, not 0"),
        ("3x3d0", (10, 5, 5), "the dilation must be at least 1, not 0"),
        ("3x0", (10, 5, 5), "the kernel must be at least 1, not 0"),
        ("3x3c0", (10, 5, 5), "channels must be at least 1, not 0"),
        ("3x3g0", (10, 5, 5), "groups must be at least 1, not 0"),
        ("fc0", (10, 5, 5), "channels must be at least 1, not 0"),
        ("up0", (10, 5, 5), "the factor must be at least 1, not 0"),
        ("adaptiveavgpool0", (10, 5, 5), "the size must be at least 1, not 0"),
        ("gn3", (10, 5, 5), "groups=3 does not divide 10 channels"),
        ("shuffle3", (10, 5, 5), "groups=3 does not divide 10 channels"),
        ("se0", (10, 5, 5), "the reduction must be at least 1, not 0"),
        ("se11", (10, 5, 5), "a reduction of 11 leaves nothing of 10 channels"),
        ("maxpool3x3p2", (10, 5, 5), "pooling takes a padding of at most half its kernel 3, not 2"),
        ("avgpool6", (10, 5, 5), "6x6 does not fit a 5x5 input without padding"),
        ("maxpool7x7p1", (10, 4, 4), "7x7 does not fit a 4x4 input with padding 1x1"),
        ("tconv3x3o1", (10, 5, 5), "output padding 1 must be smaller than the stride 1 or the dilation 1"),
        ("tconv3x3p9", (10, 5, 5), "padding 9 leaves nothing of the output"),
        ("dconv3", (10, 5), "deformable convolution is 2-D, its input 10x5 is not"),
        ("dconv3x3v3", (10, 5, 5), "deformable convolution has versions 1 and 2, not 3"),
        ("add(3x3|3x3c5)", (10, 5, 5), "add needs branches of one shape, got 10x5x5 and 5x5x5"),
        ("add(id|fc10)", (10, 5, 5), "add needs branches of one shape, got 10x5x5 and 10"),
        ("cat(id|3x3s2)", (10, 5, 5), "cat needs branches of one size, got 10x5x5 and 10x3x3"),
        ("cat(id|fc10)", (10, 5, 5), "cat needs branches of one size, got 10x5x5 and 10"),
        ("unflatten2", (10, 5, 5), "unflatten takes a row of numbers, its input is 10x5x5"),
        ("fc10,unflatten4", (10, 5, 5), "unflatten makes 1, 2 or 3 axes, not 4"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(text: str, shape: Shape, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        parse(text, shape)
    assert caught.value.message == message
    assert caught.value.layer
    assert caught.value.text == text


def test_offsets_must_fit_their_convolution() -> None:
    from convcalc.core.ops.convolution import DeformConv

    with pytest.raises(ShapeError, match="the offsets are 18x4x4, the output is 8x9x9"):
        DeformConv((3, 3), 8, (1, 1), (1, 1), (1, 1)).shape((8, 9, 9), (18, 4, 4))


def test_cropping_everything_is_refused() -> None:
    from convcalc.core.ops.reshape import Pad

    with pytest.raises(ShapeError, match="cropping leaves nothing of 1x4x4"):
        Pad((-2, -2), (-2, -2)).shape((1, 4, 4))


def test_what_is_asked_of_a_symbol_is_granted_until_it_is_known() -> None:
    from convcalc.core.algebra import at_least, divides, same

    n = sympy.Symbol("n", integer=True, positive=True)
    assert at_least(n, 1)
    assert at_least(n - 5, 1)  # undecided
    assert not at_least(-n, 1)
    assert divides(2, n)
    assert not divides(2, 2 * n + 1)
    assert same(n, 7)
    assert not same(n, n + 1)
    assert same(np.array([1, 1]), 1)
    assert not same(np.array([1, 2]), 1)
    assert divides(2, np.array([2, 4]))
    assert not divides(2, np.array([2, 5]))
    assert not divides(np.int64(2), np.int64(5))


# --- places in the house


def test_an_operator_that_does_nothing_special() -> None:
    op = Op()
    assert (op.shape((1, 2)), op.params((1, 2)), op.macs((1, 2)), op.elementwise((1, 2))) == ((1, 2), Params(), 0, 0)
    assert op.bind((1, 2)) is op
    with pytest.raises(NotImplementedError):
        op.module(None)


def test_two_operators_cannot_have_one_word() -> None:
    from convcalc.core.operator import operator

    with pytest.raises(ValueError, match="two operators"):
        operator(type("Again", (Op,), {"word": "relu"}))


def test_numbers_beyond_any_machine_word() -> None:
    op = Dense(10**30)
    assert op.macs((10**30,)) == 10**60
    assert TransposedConv((1,), 10**20, (1,), (0,), (1,)).macs((10**20, 10**20)) == 10**60


def test_shapes_are_spelled_as_people_write_them() -> None:
    assert spell((64, 56, 56)) == "64x56x56"
    assert Input((3, 4)).shape() == (3, 4)
    assert Cat().shape((1, 2), (3, 2)) == (4, 2)
