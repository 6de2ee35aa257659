"""The article's Keras functions, run in Keras, beside our entries: parameters, shapes, and results.

The code between the lines is the article's own, indentation apart; `inv_residual_block` had lost a bracket.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")

torch = pytest.importorskip("torch")
keras = pytest.importorskip("keras")
if keras.backend.backend() != "torch":
    pytest.skip("weights are copied by way of Keras' torch backend", allow_module_level=True)

from convcalc import Network, ShapeError  # noqa: E402
from convcalc.catalogue import get  # noqa: E402
from convcalc.pytorch.build import build  # noqa: E402

Conv2D, Dense, SeparableConv2D = keras.layers.Conv2D, keras.layers.Dense, keras.layers.SeparableConv2D
MaxPooling2D, AveragePooling2D = keras.layers.MaxPooling2D, keras.layers.AveragePooling2D
GlobalAveragePooling2D = keras.layers.GlobalAveragePooling2D
add, concatenate, multiply = keras.layers.add, keras.layers.concatenate, keras.layers.multiply

# ruff: noqa: E741
# ---------------------------------------------------------------------------------------------------


def conv(x, f, k=3, s=1, p="same", d=1, a="relu"):
    return Conv2D(filters=f, kernel_size=k, strides=s, padding=p, dilation_rate=d, activation=a)(x)


def dense(x, f, a="relu"):
    return Dense(f, activation=a)(x)


def maxpool(x, k=2, s=2, p="same"):
    return MaxPooling2D(pool_size=k, strides=s, padding=p)(x)


def avgpool(x, k=2, s=2, p="same"):
    return AveragePooling2D(pool_size=k, strides=s, padding=p)(x)


def gavgpool(x):
    return GlobalAveragePooling2D()(x)


def sepconv(x, f, k=3, s=1, p="same", d=1, a="relu"):
    return SeparableConv2D(filters=f, kernel_size=k, strides=s, padding=p, dilation_rate=d, activation=a)(x)


def bottleneck(x, f=32, r=4):
    x = conv(x, f // r, k=1)
    x = conv(x, f // r, k=3)
    return conv(x, f, k=1)


def naive_inception_module(x, f=32):
    a = conv(x, f, k=1)
    b = conv(x, f, k=3)
    c = conv(x, f, k=5)
    d = maxpool(x, k=3, s=1)
    return concatenate([a, b, c, d])


def inception_module(x, f=32, r=4):
    a = conv(x, f, k=1)
    b = conv(x, f // 3, k=1)
    b = conv(b, f, k=3)
    c = conv(x, f // r, k=1)
    c = conv(c, f, k=5)
    d = maxpool(x, k=3, s=1)
    d = conv(d, f, k=1)
    return concatenate([a, b, c, d])


def residual_block(x, f=32, r=4):
    m = conv(x, f // r, k=1)
    m = conv(m, f // r, k=3)
    m = conv(m, f, k=1)
    return add([x, m])


def resnext_block(x, f=32, r=2, c=4):
    l = []
    for _ in range(c):
        m = conv(x, f // (c * r), k=1)
        m = conv(m, f // (c * r), k=3)
        m = conv(m, f, k=1)
        l.append(m)
    m = add(l)
    return add([x, m])


def dense_block(x, f=32, d=5):
    l = x
    for _ in range(d):
        x = conv(l, f)
        l = concatenate([l, x])
    return l


def se_block(x, f, rate=16):
    m = gavgpool(x)
    m = dense(m, f // rate)
    m = dense(m, f, a="sigmoid")
    return multiply([x, m])


def normal_cell(x1, x2, f=32):
    a1 = sepconv(x1, f, k=3)
    a2 = sepconv(x1, f, k=5)
    a = add([a1, a2])
    b1 = avgpool(x1, k=3, s=1)
    b2 = avgpool(x1, k=3, s=1)
    b = add([b1, b2])
    c2 = avgpool(x2, k=3, s=1)
    c = add([x1, c2])
    d1 = sepconv(x2, f, k=5)
    d2 = sepconv(x1, f, k=3)
    d = add([d1, d2])
    e2 = sepconv(x2, f, k=3)
    e = add([x2, e2])
    return concatenate([a, b, c, d, e])


def inv_residual_block(x, f=32, r=4):
    m = conv(x, f * r, k=1)
    m = sepconv(m, f, a="linear")
    return add([m, x])


# ---------------------------------------------------------------------------------------------------

CASES: list[tuple[str, Callable[..., Any], dict[str, int]]] = [
    ("article-bottleneck", bottleneck, {"f": 32}),
    ("article-bottleneck", bottleneck, {"f": 48, "r": 5}),
    ("article-bottleneck", bottleneck, {"f": 7, "r": 7}),
    ("article-inception-naive", naive_inception_module, {"f": 32}),
    ("article-inception-naive", naive_inception_module, {"f": 5}),
    ("article-inception", inception_module, {"f": 32}),
    ("article-inception", inception_module, {"f": 20, "r": 3}),
    ("article-residual", residual_block, {"f": 32}),
    ("article-residual", residual_block, {"f": 32, "r": 9}),
    ("article-resnext", resnext_block, {"f": 32}),
    ("article-resnext", resnext_block, {"f": 32, "r": 1, "c": 32}),
    ("article-resnext", resnext_block, {"f": 32, "r": 3, "c": 1}),
    ("article-dense", dense_block, {"f": 32}),
    ("article-dense", dense_block, {"f": 9, "d": 3}),
    ("article-se", se_block, {"f": 32}),
    ("article-se", se_block, {"f": 32, "rate": 5}),
    ("article-nasnet-normal", normal_cell, {"f": 32}),
    ("article-inverted-residual", inv_residual_block, {"f": 32}),
    ("article-inverted-residual", inv_residual_block, {"f": 32, "r": 7}),
    ("article-separable-3", lambda x, f: sepconv(x, f, k=3), {"f": 32}),
    ("article-separable-3", lambda x, f: sepconv(x, f, k=3), {"f": 11}),
    ("article-separable-5", lambda x, f: sepconv(x, f, k=5), {"f": 32}),
    ("article-separable-5", lambda x, f: sepconv(x, f, k=5), {"f": 64}),
]

SIZE = (6, 9)


def keras_model(function: Callable[..., Any], arity: int, channels: int, parameters: dict[str, int]) -> Any:
    inputs = [keras.Input((*SIZE, channels)) for _ in range(arity)]
    return keras.Model(inputs, function(*inputs, **parameters))


def weights_in_torch(model: Any) -> Iterator[tuple[Any, Any]]:
    """Each convolution's and dense layer's weight and bias in torch's order, in the order of the article's code."""
    for layer in sorted(model.layers, key=lambda layer: _made(layer.name)):
        weights = [weight.value.detach().clone() for weight in layer.weights]
        if isinstance(layer, SeparableConv2D):
            depthwise, pointwise, bias = weights  # height x width x channels x 1
            yield depthwise.permute(2, 3, 0, 1), None
            yield pointwise.permute(3, 2, 0, 1), bias
        elif isinstance(layer, Conv2D):
            yield weights[0].permute(3, 2, 0, 1), weights[1]
        elif isinstance(layer, Dense):
            yield weights[0].T, weights[1]


def _made(name: str) -> int:
    """Keras numbers the layers of a kind in the order in which they are made."""
    number = name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def copy_weights(model: Any, module: Any) -> None:
    learned = [layer for layer in module.layers.values() if hasattr(layer, "weight")]
    for layer, (weight, bias) in zip(learned, weights_in_torch(model), strict=True):
        layer.weight.data.copy_(weight)
        assert (layer.bias is None) == (bias is None)
        if bias is not None:
            layer.bias.data.copy_(bias)


@pytest.mark.parametrize(("name", "function", "parameters"), CASES)
def test_counts(name: str, function: Callable[..., Any], parameters: dict[str, int]) -> None:
    entry = get(name)
    model = keras_model(function, entry.arity, 32, parameters)
    summary = Network(graph=entry.graph((32, *SIZE), **parameters))
    assert summary.params == model.count_params()
    height, width, channels = model.output_shape[1:]
    assert summary.graph.output_shape == (channels, height, width)


@pytest.mark.parametrize(("name", "function", "parameters"), CASES)
def test_results(name: str, function: Callable[..., Any], parameters: dict[str, int]) -> None:
    """With Keras' weights our module computes what Keras computes: padding, averages at borders, activations."""
    entry = get(name)
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    model = keras_model(function, entry.arity, 32, parameters)
    for weight in model.weights:
        if weight.path.endswith("bias"):
            weight.assign(weight + 0.1)  # Keras starts from 0, where a lost bias would not show
    module = build(entry.graph((32, *SIZE), **parameters)).eval()
    copy_weights(model, module)
    images = [torch.rand(2, 32, *SIZE) for _ in range(entry.arity)]
    channels_last = [image.permute(0, 2, 3, 1) for image in images]
    with torch.no_grad():
        theirs = model(channels_last[0] if entry.arity == 1 else channels_last)
        ours = module(*images)
    assert torch.allclose(ours, torch.as_tensor(theirs).permute(0, 3, 1, 2), atol=1e-5)


@pytest.mark.parametrize("parameters", [{"f": 32, "r": 2, "c": 32}, {"f": 3, "r": 4, "c": 4}])
def test_both_refuse_paths_of_no_filters(parameters: dict[str, int]) -> None:
    """f // (c * r) = 0: the article's claim about as many paths as channels, at its own default r."""

    with pytest.raises(ValueError, match="filters"):
        keras_model(resnext_block, 1, 32, parameters)
    with pytest.raises(ShapeError, match="channels must be at least 1"):
        get("article-resnext").graph((32, *SIZE), **parameters)
