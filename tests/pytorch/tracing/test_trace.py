"""Tracing PyTorch modules: counts against torch's own, receptive fields against gradients, names, what is said."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch_modules import Forward, Module, conv, counted_by_torch  # noqa: E402

import convcalc  # noqa: E402
from convcalc.analysis.receptive_field import unit_field  # noqa: E402
from convcalc.core.errors import ModelError, SpecError  # noqa: E402
from convcalc.pytorch.tracing import leaving  # noqa: E402
from convcalc.pytorch.tracing.rules.registry import RULES  # noqa: E402
from convcalc.pytorch.tracing.trace import InputSpec, record  # noqa: E402


def window_attention(m: Any, x: Any) -> Any:
    """Attention inside windows of 4x4 places, as in Swin."""
    b, c, h, w = x.shape
    windows = x.view(b, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    q, k, v = m.qkv(windows).chunk(3, -1)
    mixed = (q @ k.transpose(-2, -1)).softmax(-1) @ v
    return mixed.view(b, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, h, w)


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "functional convolution": (
        lambda: Module(
            lambda m, x: (
                functional.conv2d(x, m.c.weight, padding=1) + m.c(x)[:, :, 1:-1, 1:-1].mean((2, 3), keepdim=True)
            ),
            c=conv(3, 4, 3, padding=2),
        ),
        (3, 9, 9),
    ),
    "same padding of an even kernel": (
        lambda: nn.Sequential(conv(3, 4, 4, padding="same"), conv(4, 2, 3)),
        (3, 12, 12),
    ),
    "residual": (
        lambda: Module(
            lambda m, x: m.b(m.a(x)) + x, a=conv(4, 4, 3, padding=1), b=conv(4, 4, 3, padding=2, dilation=2)
        ),
        (4, 13, 13),
    ),
    "concatenation": (
        lambda: Module(
            lambda m, x: torch.cat([m.a(x), m.b(x)], 1),
            a=conv(3, 2, (1, 7), padding=(0, 3)),
            b=conv(3, 2, (7, 1), padding=(3, 0)),
        ),
        (3, 11, 11),
    ),
    "patch merging": (
        lambda: Module(
            lambda m, x: m.f(
                torch.cat(
                    [x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], x[:, :, 0::2, 1::2], x[:, :, 1::2, 1::2]], 1
                ).permute(0, 2, 3, 1)
            ).permute(0, 3, 1, 2),
            f=nn.Linear(12, 6),
        ),
        (3, 8, 8),
    ),
    "patch merging by reshaping": (
        lambda: Module(
            lambda m, x: m.f(
                x.permute(0, 2, 3, 1).reshape(1, 4, 2, 4, 2, 3).permute(0, 1, 3, 4, 2, 5).flatten(3)
            ).permute(0, 3, 1, 2),
            f=nn.Linear(12, 6),
        ),
        (3, 8, 8),
    ),
    "shifted windows": (
        lambda: Module(
            lambda m, x: torch.roll(window_attention(m, torch.roll(x, (-2, -2), (2, 3))), (2, 2), (2, 3)),
            qkv=nn.Linear(4, 12),
        ),
        (4, 12, 12),
    ),
    "grid attention": (
        lambda: Module(
            lambda m, x: (
                window_attention(m, x.view(1, 4, 4, 3, 4, 3).permute(0, 1, 3, 2, 5, 4).reshape(1, 4, 12, 12))
                .view(1, 4, 3, 4, 3, 4)
                .permute(0, 1, 3, 2, 5, 4)
                .reshape(1, 4, 12, 12)
            ),
            qkv=nn.Linear(4, 12),
        ),
        (4, 12, 12),
    ),
    "windows of attention": (lambda: Module(window_attention, qkv=nn.Linear(4, 12)), (4, 8, 12)),
    "attention over a row": (
        lambda: Module(
            lambda m, x: (
                functional.scaled_dot_product_attention(*m.qkv(x.permute(0, 2, 3, 1).flatten(0, 1)).chunk(3, -1))
                .view(1, 5, 6, 4)
                .permute(0, 3, 1, 2)
            ),
            qkv=nn.Linear(4, 12),
        ),
        (4, 5, 6),
    ),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1), conv(4, 2, 3, padding=1)
        ),
        (3, 7, 7),
    ),
    "upsampling": (
        lambda: nn.Sequential(conv(3, 4, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear"), conv(4, 2, 3)),
        (3, 8, 8),
    ),
    "upsampling by 3/2": (
        lambda: nn.Sequential(nn.Upsample((12, 12), mode="bilinear", align_corners=True), conv(3, 2, 3)),
        (3, 8, 8),
    ),
    "nearest to another size": (lambda: nn.Sequential(nn.Upsample((11, 5)), conv(3, 2, 1)), (3, 8, 8)),
    "pixel shuffle": (
        lambda: nn.Sequential(
            conv(3, 8, 3, padding=1), nn.PixelShuffle(2), conv(2, 2, 3, padding=1), nn.PixelUnshuffle(2)
        ),
        (3, 6, 6),
    ),
    "pixel shuffle by hand": (
        lambda: Module(
            lambda m, x: m.c(m.a(x).view(1, 2, 2, 2, 6, 6).permute(0, 1, 4, 2, 5, 3).reshape(1, 2, 12, 12)),
            a=conv(3, 8, 3, padding=1),
            c=conv(2, 2, 3),
        ),
        (3, 6, 6),
    ),
    "pooling": (lambda: nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.AdaptiveAvgPool2d((3, 5)), conv(3, 2, 1)), (3, 13, 13)),
    "flipped": (lambda: Module(lambda m, x: m.c(x).flip(3), c=conv(3, 2, 3)), (3, 7, 8)),
    "a crop": (lambda: Module(lambda m, x: m.c(x)[:, :, 2:-1, 1::2], c=conv(3, 2, 3, padding=1)), (3, 9, 9)),
    "axial": (
        lambda: Module(
            lambda m, x: m.c(x.permute(0, 2, 1, 3).flatten(0, 1)).view(1, 5, 4, 7).permute(0, 2, 1, 3),
            c=nn.Conv1d(3, 4, 3, padding=1),
        ),
        (3, 5, 7),
    ),
    "frames": (
        lambda: Module(
            lambda m, x: m.t(m.c(x.transpose(1, 2).flatten(0, 1)).view(1, 4, 4, 5, 5).transpose(1, 2)),
            c=conv(3, 4, 3, padding=1),
            t=nn.Conv3d(4, 2, (3, 1, 1)),
        ),
        (3, 4, 5, 5),
    ),
    "unfold": (
        lambda: Module(
            lambda m, x: m.f(functional.unfold(x, 3, padding=1).transpose(1, 2)).transpose(1, 2).reshape(1, 4, 6, 7),
            f=nn.Linear(27, 4),
        ),
        (3, 6, 7),
    ),
    "in place": (lambda: Module(_in_place, a=conv(3, 3, 3, padding=1)), (3, 8, 8)),
    "transposed in place": (
        lambda: Module(lambda m, x: m.f(m.c(x).transpose_(1, 3)).swapaxes_(1, 3), c=conv(3, 4, 3), f=nn.Linear(4, 6)),
        (3, 7, 8),
    ),
    "squeezed in place": (
        lambda: Module(
            lambda m, x: m.f(m.c(x).squeeze_(2).transpose_(1, 2)).transpose_(1, 2).unsqueeze_(2).mul_(2),
            c=conv(3, 4, (5, 3)),
            f=nn.Linear(4, 5),
        ),
        (3, 5, 8),
    ),
    "a view of what is transposed in place": (
        lambda: Module(_view_transposed, a=conv(3, 3, 3, padding=1), b=conv(3, 2, (1, 3))),
        (3, 8, 6),
    ),
    "a learned constant": (
        lambda: Module(
            lambda m, x: x * m.bn(m.up(m.c(m.start[:1]).relu())) + m.p(m.start[1:]),
            start=nn.Parameter(torch.rand(2, 3, 4, 4)),
            c=conv(3, 5, 3, padding=1),
            up=nn.ConvTranspose2d(5, 3, 2, stride=2),
            bn=nn.BatchNorm2d(3),
            p=nn.Sequential(nn.Upsample(scale_factor=4), nn.MaxPool2d(2), conv(3, 3, 1)),
        ),
        (3, 8, 8),
    ),
    "no elements": (
        lambda: Module(
            lambda m, x: m.c(x) + m.f(x[:, :, :0].relu().transpose(1, 3)).sum() + m.c(x[:0]).sum() + m.p(x[:0]).sum(),
            c=conv(3, 4, 1),
            f=nn.Linear(3, 4, bias=False),
            p=nn.MaxPool2d(2),
        ),
        (3, 4, 4),
    ),
    "reflection": (lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 0, 1)), conv(3, 2, 3)), (3, 8, 8)),
    "global": (
        lambda: Module(lambda m, x: x * m.f(x.mean((2, 3), keepdim=True)).sigmoid(), f=conv(3, 3, 1)),
        (3, 6, 6),
    ),
    "einsum": (
        lambda: Module(
            lambda m, x: torch.einsum("bchw,dc->bdhw", m.c(x), m.f.weight),
            c=conv(3, 4, 3),
            f=nn.Linear(4, 6, bias=False),
        ),
        (3, 7, 7),
    ),
}


def _view_transposed(m: Any, x: Any) -> Any:
    y = m.a(x)
    z = y.view(1, 3, 48)
    y.transpose_(2, 3)
    y.mul_(2)
    return m.b(y.transpose_(2, 3)) + z.view(1, 3, 8, 6)[:, :2, :, :4]


def _in_place(m: Any, x: Any) -> Any:
    y = m.a(x)
    z = y.view(1, 3, 64)
    y += x
    y.mul_(2)
    return m.a(z.view(1, 3, 8, 8))


@pytest.mark.parametrize("name", MODULES)
def test_counts_are_torchs(name: str) -> None:
    make, shape = MODULES[name]
    summary = convcalc.Network(graph=convcalc.trace(make(), input=shape))
    model = make()
    assert summary.complete
    assert summary.params == sum(p.numel() for p in model.parameters())
    assert summary.macs == counted_by_torch(model, torch.empty(1, *shape))


@pytest.mark.parametrize("name", MODULES)
def test_the_places_read_are_those_with_a_gradient(name: str) -> None:
    make, shape = MODULES[name]
    torch.manual_seed(0)
    model = make().double().eval()
    graph = convcalc.trace(model, input=shape)
    x = torch.rand(1, *shape, dtype=torch.float64, requires_grad=True)
    output = model(x)
    assert tuple(output.shape[1:]) == graph.output_shape
    corners = product(*[sorted({0, size // 2, size - 1}) for size in output.shape[2:]])
    for unit in corners:
        (gradient,) = torch.autograd.grad(output[(0, slice(None), *unit)].sum(), x, retain_graph=True)
        read = {tuple(place) for place in (gradient[0].abs().sum(0) > 1e-12).nonzero().tolist()}
        region = unit_field(graph, unit)[graph.inputs[0]]
        assert read == {place for place in product(*map(range, shape[1:])) if region.contains(place)}, unit


def test_a_dense_layer_over_places_reads_them_all() -> None:
    graph = convcalc.trace(Module(lambda m, x: m.f(x.flatten(2)), f=nn.Linear(20, 20)), input=(3, 4, 5))
    field = convcalc.Network(graph=graph).receptive_field
    assert field is not None
    assert field.is_global
    assert field.size == (4, 5)
    assert convcalc.Network(graph=graph).macs == 3 * 20 * 20


def test_shared_parameters_count_once_and_calls_every_time() -> None:
    shared = conv(4, 4, 3, padding=1, bias=False)
    graph = convcalc.trace(nn.Sequential(shared, nn.ReLU(), shared), input=(4, 8, 8))
    summary = convcalc.Network(graph=graph)
    assert summary.params == 3 * 3 * 4 * 4
    assert summary.macs == 2 * 3 * 3 * 4 * 4 * 8 * 8
    assert [row.name for row in summary.layers] == ["0", "1", "0#2"]
    assert [row.params for row in summary.layers] == [144, 0, 0]


def test_tied_weights_frozen_ones_and_those_that_nothing_reads() -> None:
    table, head = nn.Embedding(10, 4), nn.Linear(4, 10)
    head.weight = table.weight
    head.bias.requires_grad_(False)
    model = Module(lambda m, i: m.head(m.table(i)), table=table, head=head, spare=nn.Linear(2, 3))
    recording = record(model, [InputSpec.read("6:int64")])
    summary = convcalc.Network(graph=recording.graph)
    assert summary.params == 10 * 4 + 2 * 3 + 3
    assert summary.parameters.frozen == 10
    assert summary.macs == 6 * 4 * 10
    assert summary.layers[-1].kind == "unused"
    assert recording.outputs == ((1, 6, 10),)


def test_names_are_module_paths_in_execution_order() -> None:
    block = Module(
        lambda m, x: functional.relu(m.bn(m.conv(x)) + x), bn=nn.BatchNorm2d(4), conv=conv(4, 4, 3, padding=1)
    )
    rows = convcalc.Network(graph=convcalc.trace(nn.Sequential(block, nn.Flatten()), input=(4, 5, 5))).layers
    assert [row.name for row in rows] == ["0.conv", "0.bn", "0.add", "0.relu"]


def test_several_inputs_and_outputs() -> None:
    model = Module(
        lambda m, image, ids: {"image": m.c(image), "both": [m.c(image).mean((2, 3)) + m.e(ids).mean(1)]},
        c=conv(3, 4, 3),
        e=nn.Embedding(10, 4),
    )
    graph = convcalc.trace(model, input=[(3, 8, 8), "1x5:int64"])
    assert graph.input_shapes == ((3, 8, 8), (1, 5))
    assert len(graph.outputs) == 2
    assert convcalc.Network(graph=graph).macs == 2 * 3 * 3 * 3 * 4 * 6 * 6


def test_unknown_operators_are_listed_and_never_zero() -> None:
    model = Module(lambda m, x: m.c(torch.linalg.inv(x) + torch.linalg.inv(x * 2)), c=conv(3, 4, 1))
    summary = convcalc.Network(graph=convcalc.trace(model, input=(3, 4, 4)))
    assert not summary.complete
    assert summary.uncounted == {"aten.linalg_inv_ex": 2}
    assert summary.macs == 3 * 4 * 4 * 4


def test_a_forward_that_reads_values_runs_once_for_real_and_says_so() -> None:
    model = Module(lambda m, x: m.c(x) if x.sum() > 0 else x, c=conv(3, 4, 1))
    recording = record(model, [InputSpec((3, 4, 4))])
    assert recording.note == "its forward needs real values: run once on the CPU to be recorded"
    assert convcalc.Network(graph=recording.graph).macs == 3 * 4 * 16


def test_the_model_stays_as_it_is() -> None:
    model = nn.Sequential(conv(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    convcalc.trace(model, input=(3, 8, 8))
    assert model.training
    assert model[2].training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(hasattr(p, "_convcalc_value") for p in model.parameters())


def test_a_model_of_ten_billion_parameters() -> None:
    with torch.device("meta"):
        model = nn.Sequential(*[nn.Linear(16384, 16384, bias=False) for _ in range(40)])
    assert convcalc.Network(graph=convcalc.trace(model, input=(16384,))).params == 40 * 16384**2


def test_recurrent_layers_are_taken_apart() -> None:
    model = Module(lambda m, x: m.l(x.transpose(1, 2))[0], l=nn.LSTM(6, 8, batch_first=True))
    summary = convcalc.Network(graph=convcalc.trace(model, input=(6, 5)))
    assert summary.macs == 5 * (6 * 4 * 8 + 8 * 4 * 8)
    assert summary.params == sum(p.numel() for p in model.parameters())


def test_attention_of_every_kind() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    summary = convcalc.Network(graph=convcalc.trace(Module(lambda m, x: m.t(x), t=layer), input=(10, 16)))
    # four projections of 16 to 16, two products of 10 x 10 tokens, two dense layers of 16 x 32
    assert summary.macs == 10 * 4 * 16 * 16 + 2 * 10 * 10 * 16 + 10 * 2 * 16 * 32
    weights = nn.MultiheadAttention(16, 2, batch_first=True)
    asked = Module(lambda m, x: m.a(x, x, x, need_weights=True), a=weights)
    assert convcalc.Network(graph=convcalc.trace(asked, input=(10, 16))).macs == 10 * 4 * 16 * 16 + 2 * 10 * 10 * 16


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_computed_weights_count_what_they_come_from(norm: Callable[[nn.Module], nn.Module]) -> None:
    model = nn.Sequential(norm(conv(3, 4, 3, bias=False)))
    summary = convcalc.Network(graph=convcalc.trace(model, input=(3, 8, 8)))
    assert summary.complete
    assert summary.params == sum(p.numel() for p in model.parameters())
    assert sum(row.macs for row in summary.layers if row.kind == "conv") == 3 * 3 * 3 * 4 * 36


def test_a_failing_forward_names_its_own_line() -> None:
    with pytest.raises(ModelError, match=r"test_trace\.py:\d+: RuntimeError") as caught:
        convcalc.trace(Module(lambda m, x: m.f(x), f=nn.Linear(3, 4)), input=(5,))
    assert "m.f(x)" in caught.value.hint or "forward" in caught.value.hint


@pytest.mark.parametrize("really", [False, True])
def test_a_call_that_pytorch_refuses_is_the_models_fault(really: bool) -> None:
    def forward(m: Any, x: Any) -> Any:
        return torch.cat(5 if not really or x.sum() > 0 else [x, x])

    with pytest.raises(ModelError, match=r"test_trace\.py:\d+: TypeError"):
        convcalc.trace(Module(forward), input=(3, 5))


@pytest.mark.parametrize("really", [False, True])
def test_a_failure_of_a_rule_is_never_the_models_fault(really: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(call: Any) -> Any:
        raise KeyError("a bug of ours")

    fails.__code__ = fails.__code__.replace(co_filename=leaving.OWN + "core/rules.py")
    monkeypatch.setattr(RULES, "_entries", {**RULES, "tanh": fails})
    model = Module(lambda m, x: x.tanh() if not really or x.sum() > 0 else x)
    with pytest.raises(KeyError, match="a bug of ours"):
        convcalc.trace(model, input=(3, 5))


@pytest.mark.parametrize("text", ["3x8x8:float99", "3x8x8:nn", "3xx8", ""])
def test_inputs_that_are_none(text: str) -> None:
    with pytest.raises(SpecError):
        InputSpec.read(text)


@pytest.mark.parametrize(
    ("forward", "read"),
    [
        (lambda m, x: m.f(x.clone().as_strided_((1, 4, 6), (24, 6, 1))), 12),
        (lambda m, x: m.f(torch.as_strided(x, (1, 4, 6), (24, 6, 1))), 12),
        (lambda m, x: m.f(x.clone().resize_(1, 4, 6)), 12),
        (lambda m, x: m.f(x.clone().resize_as_(torch.empty(1, 4, 6, device=x.device))), 12),
        (lambda m, x: m.f(torch.diagonal(x.view(1, 4, 1, 6), dim1=0, dim2=2).permute(2, 0, 1)), 12),
        (lambda m, x: m.f(torch.empty(0, device=x.device).set_(x.view(1, 4, 6))), 6),
    ],
)
def test_memory_under_another_shape(forward: Forward, read: int) -> None:
    """Where places go is followed through views; what is chosen by its position in memory may be any of them."""
    network = convcalc.Network(graph=convcalc.trace(Module(forward, f=nn.Linear(6, 5)), input=(2, 12)))
    assert network.complete
    assert network.macs == 4 * 6 * 5
    assert network.receptive_field.size == (read,)


def test_views_keep_the_memory_that_a_tensor_leaves() -> None:
    def forward(m: Any, x: Any) -> Any:
        y = m.c(x)
        before = y.view(1, 3, 48)
        y.set_(x)
        return before

    network = convcalc.Network(graph=convcalc.trace(Module(forward, c=conv(3, 3, 3, padding=1)), input=(3, 6, 8)))
    assert network.receptive_field.size == (3, 3)


def test_a_buffer_that_is_transposed_in_place() -> None:
    model = Module(lambda m, x: x @ m.table.t_())
    model.register_buffer("table", torch.rand(7, 3))
    network = convcalc.Network(graph=convcalc.trace(model, input=(5, 3)))
    assert network.macs == 5 * 3 * 7
    assert network.layers[0].output == (5 * 7,)


def test_a_network_of_constants_alone_reads_nothing() -> None:
    model = Module(lambda m, x: m.c(m.start), start=nn.Parameter(torch.rand(1, 3, 6, 6)), c=conv(3, 4, 3))
    network = convcalc.Network(graph=convcalc.trace(model, input=(3, 6, 6)))
    assert network.macs == 3 * 3 * 3 * 4 * 4 * 4
    assert network.layers[0].output == (4, 4, 4)
    assert network.receptive_field.is_empty
