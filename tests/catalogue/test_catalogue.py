"""The catalogue against the tables of figures in tests/data, and what every entry must be."""

from __future__ import annotations

import tomllib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from convcalc import Network, input_shape, parse
from convcalc.analysis.receptive_field import receptive_fields, spatial_end
from convcalc.catalogue import get, names
from convcalc.catalogue.registry import Block
from convcalc.catalogue.registry import block as register
from convcalc.core.errors import LimitError, ShapeError, UnknownBlockError, UsageError
from convcalc.core.graph import Graph
from convcalc.core.ops.dense import Dense

DATA = Path(__file__).parents[1] / "data"


def table(name: str) -> dict[str, dict]:
    return tomllib.loads((DATA / f"{name}.toml").read_text())


FIGURES = {**table("blocks"), **table("networks")}
FIELDS = {name: row for name, row in table("receptive_fields").items() if name != "stacks"}


def figures(graph: Graph) -> dict[str, object]:
    summary = Network(graph=graph)
    return {
        "input": "x".join(map(str, graph.input_shapes[0])),
        "output": "x".join(map(str, graph.output_shape)),
        "params": summary.params,
        "weights": summary.parameters.weights,
        "bias": summary.parameters.biases,
        "macs": summary.macs,
        "convs": sum(row.kind == "conv" for row in summary.layers),
    }


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure(name: str) -> None:
    found = figures(get(name).graph())
    assert {key: found[key] for key in FIGURES[name] if key in found} == {
        key: value for key, value in FIGURES[name].items() if key in found
    }


def test_resnet152_as_the_paper_strides_it() -> None:
    assert Network(graph=get("resnet152-v1").graph()).macs == FIGURES["resnet152"]["macs_v1"]
    assert Network(graph=get("resnet152").graph(stride_on="1x1")).macs == FIGURES["resnet152"]["macs_v1"]


@pytest.mark.parametrize("name", FIELDS)
def test_every_receptive_field(name: str) -> None:
    graph = get(name).graph()
    fields = receptive_fields(graph)
    end = spatial_end(graph, fields)
    assert end is not None
    field, row = fields[end], FIELDS[name]
    assert field.size == (row["size"],) * 2
    assert field.stride == (row.get("stride", 32),) * 2
    if "padding" in row:
        assert field.padding == (row["padding"],) * 2
    windows = [
        fields[index].size[0]
        for index in graph.layers
        if graph.nodes[index].op.label in ("conv", "maxpool") and index <= end
    ]
    if "per_layer" in row:
        assert windows == row["per_layer"]
    assert set(row.get("stages", ())) <= {field.size[0] for field in fields[: end + 1]}


def layers(graph: Graph) -> list[object]:
    return [graph.nodes[index] for index in graph.layers]


class TestEveryEntry:
    """What holds for each entry by registration."""

    @pytest.mark.parametrize("name", names())
    def test_is_described(self, name: str) -> None:
        entry = get(name)
        assert entry.summary.endswith(".")
        assert entry.source
        assert entry.family
        assert entry.arity in (1, 2)
        assert all(type(default) in (int, float, bool, str, tuple) for default in entry.parameters.values())

    @pytest.mark.parametrize("name", names())
    def test_names_each_layer_once(self, name: str) -> None:
        counted = Counter(node.name for node in get(name).graph().nodes)
        assert [layer for layer, count in counted.items() if count > 1] == []

    @pytest.mark.parametrize("name", names())
    def test_is_a_text_of_the_language(self, name: str) -> None:
        entry = get(name)
        expected = layers(entry.graph())
        assert layers(parse(name)) == expected
        given = ",".join(f"{key}={value!r}" for key, value in entry.parameters.items())
        assert layers(parse(f"{name}({given})")) == expected

    @pytest.mark.parametrize("name", names())
    @pytest.mark.parametrize("value", [1, 2, 3, 7])
    def test_answers_or_refuses_every_number(self, name: str, value: int) -> None:
        """Any parameter may be any number: the answer is a graph or an error that says why."""
        entry = get(name)
        for parameter, default in entry.parameters.items():
            if type(default) in (int, tuple):
                with suppress(ShapeError, UsageError, LimitError):
                    Network(graph=entry.graph(**{parameter: value}))

    @pytest.mark.parametrize("name", names())
    def test_answers_or_refuses_an_input_of_one_pixel(self, name: str) -> None:
        with suppress(ShapeError, UsageError):
            Network(graph=get(name).graph((1, 1, 1)))

    @pytest.mark.parametrize("name", [name for name in names() if "classes" in get(name).parameters])
    def test_has_so_many_classes(self, name: str) -> None:
        assert get(name).graph(classes=7).output_shape[0] == 7


class TestParameters:
    def test_zero_and_negative_numbers_are_refused(self) -> None:
        with pytest.raises(UnknownBlockError, match="at least 1, not 0"):
            get("article-bottleneck").graph(r=0)
        with pytest.raises(UnknownBlockError, match="at least 0, not -1"):
            get("unet").graph(padding=-1)
        with pytest.raises(UnknownBlockError, match="at least 1, not -2"):
            get("aspp").graph(rates=(6, -2))
        with pytest.raises(UnknownBlockError, match="more than 0"):
            get("dense-transition").graph(compression=0.0)

        with pytest.raises(UsageError, match="at most 1"):
            get("dense-transition").graph(compression=1.5)

    def test_types_are_those_of_the_defaults(self) -> None:
        for wrong in ("x", 1.5, True, (2,)):
            with pytest.raises(UnknownBlockError, match="its default is 32"):
                get("resnext-block").graph(cardinality=wrong)
        with pytest.raises(UnknownBlockError, match="is empty"):
            get("aspp").graph(rates=())

    def test_one_number_will_do_for_several(self) -> None:
        assert layers(get("aspp").graph(rates=6)) == layers(get("aspp").graph(rates=(6,)))

    def test_unknown_names_come_with_the_nearest(self) -> None:
        with pytest.raises(UnknownBlockError, match="cardinality"):
            get("resnext-block").graph(cardinalty=8)
        with pytest.raises(UnknownBlockError, match="resnet50"):
            get("resnet5o")

    def test_words_are_checked(self) -> None:
        with pytest.raises(UsageError, match="1x1 or 3x3"):
            get("resnet-block").graph(stride_on="5x5")
        with pytest.raises(UsageError, match="A or D"):
            get("amoebanet-normal").graph(variant="Z")

    def test_widths_of_a_module(self) -> None:
        with pytest.raises(UsageError, match="6 widths, not 2"):
            get("inception").graph(widths=(64, 32))

    def test_a_fractal_has_limits(self) -> None:
        with pytest.raises(LimitError, match="columns"):
            get("fractal-block").graph(C=10**6)

    def test_the_number_of_inputs(self) -> None:
        with pytest.raises(UsageError, match="2 inputs, not 3"):
            get("nasnet-normal").graph((8, 4, 4), (8, 4, 4), (8, 4, 4))


class TestBlocks:
    """Sums by hand beside the figures."""

    def test_the_three_forms_of_resnext(self) -> None:
        """256*128 + 9*4*128 + 128*256 weights in each form."""
        forms = [Network(graph=get(f"resnext-block-{form}").graph()) for form in "abc"]
        assert {form.parameters.weights for form in forms} == {256 * 128 + 9 * 4 * 128 + 128 * 256} == {70144}
        assert len({(form.params, form.macs) for form in forms}) == 1

    @pytest.mark.parametrize(
        ("cardinality", "width", "weights"),
        [(1, 64, 69632), (2, 40, 69760), (4, 24, 69888), (8, 14, 71456), (32, 4, 70144)],
    )
    def test_pairs_of_about_equal_cost(self, cardinality: int, width: int, weights: int) -> None:
        """Xie et al. 2017, Table 2: C * (256*d + 9*d*d + d*256)."""
        graph = get("resnext-block").graph(cardinality=cardinality, width=width)
        by_hand = cardinality * (256 * width + 9 * width * width + width * 256)
        assert Network(graph=graph).parameters.weights == by_hand == weights

    def test_the_articles_width(self) -> None:
        """D = 32 * int(4 * out / 256): 128 at 256 channels, 256 at 512."""
        for channels, width in ((256, 128), (512, 256)):
            graph = get("resnext-bottleneck").graph((channels, 14, 14), out_channels=channels)
            assert graph.shapes[1] == (width, 14, 14)

    def test_a_fractal_has_2_to_the_c_less_1_convolutions(self) -> None:
        for columns in range(1, 7):
            rows = Network(graph=get("fractal-block").graph(C=columns)).layers
            assert sum(row.kind == "conv" for row in rows) == 2**columns - 1
            assert sum(row.kind == "mean" for row in rows) == 2 ** (columns - 1)

    def test_dense_layers_read_everything_before_them(self) -> None:
        """Layer i has c0 + (i - 1) * k inputs."""
        rows = Network(graph=get("dense-block").graph(bottleneck=False)).layers
        assert [row.parameters.weights for row in rows if row.kind == "conv"] == [
            9 * (64 + i * 32) * 32 for i in range(6)
        ]

    def test_hybrid_dilation_leaves_no_holes(self) -> None:
        for name, coverage in (("hdc", 1.0), ("dilated-stack", 49 / 169)):
            field = receptive_fields(get(name).graph())[-1]
            assert field.typical.coverage == pytest.approx(coverage)

    def test_a_shuffle_unit_of_stride_2_fills_up_with_its_input(self) -> None:
        assert get("shufflenet-unit").graph((240, 28, 28), channels=480, stride=2).output_shape == (480, 14, 14)
        with pytest.raises(ShapeError, match="makes more"):
            get("shufflenet-unit").graph(stride=2)

    def test_inception_3a_saves_by_its_1x1s(self) -> None:
        naive = Network(graph=get("inception-naive").graph()).parameters.weights
        assert naive == 192 * (64 + 9 * 128 + 25 * 32) > Network(graph=get("inception-3a").graph()).parameters.weights

    def test_amoebanet_d(self) -> None:
        """The normal cell's states 0, 3, 4, 6; by hand: 1x1s 1 + 3, two factored 1x7, 7x1 at a quarter."""
        graph = get("amoebanet-normal").graph(variant="D")
        factored = 2 * (32 * 8 + 2 * 7 * 8 * 8 + 8 * 32)
        assert graph.output_shape == (128, 56, 56)
        assert Network(graph=graph).parameters.weights == 4 * 32 * 32 + factored
        assert get("amoebanet-reduction").graph(variant="d").output_shape == (96, 28, 28)

    def test_unet_keeps_the_size_where_it_is_padded(self) -> None:
        assert get("unet").graph().output_shape == (2, 388, 388)
        assert get("unet").graph((3, 256, 256), padding=1).output_shape == (2, 256, 256)

    def test_seen_by_layers_of_all_kinds(self) -> None:
        """ResNet-50: 53 convolutions, 4 of them projections, and 1 dense layer."""
        rows = Network(graph=get("resnet50").graph()).layers
        convolutions = [row.name for row in rows if row.kind == "conv"]
        assert len(convolutions) == 53
        assert sum("downsample" in name for name in convolutions) == 4
        assert sum(isinstance(row.op, Dense) for row in rows) == 1

    @pytest.mark.parametrize(
        ("name", "macs"), [("resnext101_2x64d", 15_123_087_360), ("resnet101_1x100d", 15_272_862_720)]
    )
    def test_twice_the_cost_of_resnet101(self, name: str, macs: int) -> None:
        assert Network(graph=get(name).graph()).macs == macs


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="two blocks are called 'resnet50'"):
        register("resnet50", source="here", input="3x9x9")(lambda x: x)


def test_adding_a_block_is_one_function() -> None:
    """A function over handles is all that an entry needs."""

    def two_layers(x, channels: int = 8):
        """Twice."""
        from convcalc.catalogue.layers import conv_bn_relu

        return conv_bn_relu(conv_bn_relu(x, channels, 3), channels, 3)

    entry = Block("two-layers", "test", "here", input_shape("4x9x9"), two_layers)
    assert entry.parameters == {"channels": 8}
    assert Network(graph=entry.graph(channels=2)).parameters.weights == 9 * (4 * 2 + 2 * 2)
