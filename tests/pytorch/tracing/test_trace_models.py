"""A sample of other people's models: counts against published numbers and torch's counter, fields against tables.

The whole of torchvision and timm is in `tests/benchmarks/agreement.py`.
"""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from foreign import timm, torchvision_models

import convcalc

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from convcalc.analysis.receptive_field import bypassing  # noqa: E402
from convcalc.pytorch.tracing.trace import NoWeights  # noqa: E402

PUBLISHED = {
    # parameters and GMACs: num_params and _ops of torchvision's weights
    "alexnet": (61100840, 0.714),
    "convnext_tiny": (28589128, 4.456),
    "densenet121": (7978856, 2.834),
    "efficientnet_b0": (5288548, 0.386),
    "mnasnet0_5": (2218512, 0.104),
    "mobilenet_v2": (3504872, 0.301),
    "mobilenet_v3_small": (2542856, 0.057),
    "regnet_x_400mf": (5495976, 0.414),
    "resnet50": (25557032, 4.089),
    "shufflenet_v2_x0_5": (1366792, 0.04),
    "squeezenet1_0": (1248424, 0.819),
    "swin_t": (28288354, 4.491),
    "vgg11": (132863336, 7.609),
    "vit_b_16": (86567656, 17.564),
}

TIMM = [
    "convnextv2_atto",
    "crossvit_tiny_240",
    "eca_resnet33ts",
    "ghostnet_050",
    "mixer_s32_224",
    "mobilevit_xxs",
    "poolformer_s12",
    "regnety_002",
    "res2net50_48w_2s",
    "resnetv2_50",
    "test_vit3",
    "volo_d1_224",
]


def light(make: Any, *args: Any, **options: Any) -> Any:
    """The model, without weights."""
    with warnings.catch_warnings(), NoWeights():
        warnings.simplefilter("ignore")
        return make(*args, **options).eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_torchvisions_published_numbers(name: str) -> None:
    models = torchvision_models()
    summary = convcalc.Network(graph=convcalc.trace(light(models.get_model, name, weights=None), input=(3, 224, 224)))
    assert (summary.params, round(summary.macs / 1e9, 3)) == PUBLISHED[name]
    assert summary.complete


@pytest.mark.parametrize("name", TIMM)
def test_timm_models_as_torch_counts_them(name: str) -> None:
    model = light(timm().create_model, name, pretrained=False)
    shape = model.pretrained_cfg["input_size"]
    summary = convcalc.Network(graph=convcalc.trace(model, input=shape))
    assert summary.complete
    assert summary.params + summary.parameters.frozen == sum(p.numel() for p in model.parameters())
    model = model.to("meta").requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *shape, device="meta"))
    assert 2 * summary.macs == counter.get_total_flops()


FIELDS = tomllib.loads((Path(__file__).parents[2] / "data" / "receptive_fields.toml").read_text())


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("alexnet", "alexnet"),
        ("vgg16", "vgg16"),
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("resnet101", "resnet101"),
        ("densenet121", "densenet121"),
        ("googlenet-torchvision", "googlenet"),
    ],
)
def test_receptive_fields_of_the_tables(table: str, name: str) -> None:
    truth = FIELDS[table]
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = light(getattr(torchvision_models(), name), **options)
    analysis = convcalc.Network(graph=convcalc.trace(model, input=(3, 224, 224)))
    field = analysis.spatial_field
    assert field is not None
    assert field.size == (truth["size"],) * 2
    assert all(field.stride[axis] == truth.get("stride", field.stride[axis]) for axis in range(2))
    assert field.padding == (truth.get("padding", field.padding[0]),) * 2
    assert analysis.receptive_field.is_global


def test_squeeze_excitation_can_be_left_out_of_the_field() -> None:
    """EfficientNet-B0 without its squeeze-excitation sees 851 pixels."""
    graph = convcalc.trace(light(torchvision_models().efficientnet_b0), input=(3, 224, 224))
    path = {name for name, module in light(torchvision_models().efficientnet_b0).named_modules() if _squeezes(module)}
    ignored = {i for i in graph.layers if any(graph.nodes[i].name.startswith(f"{prefix}.") for prefix in path)}
    field = convcalc.Network(graph=bypassing(graph, ignored)).spatial_field
    assert field is not None
    assert field.size == (851, 851)


def _squeezes(module: Any) -> bool:
    return type(module).__name__ == "SqueezeExcitation"
