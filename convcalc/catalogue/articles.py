"""The article "convolution blocks": its Keras functions as written, quirks included; parameters keep its letters.

Keras' layers have biases, the article's aliases a relu by default, and nothing is normalised. All padding
is "same"; at the functions' stride 1 with odd kernels that is the same on both sides.
"""

from __future__ import annotations

from convcalc.catalogue.composites import Separable
from convcalc.catalogue.layers import (
    add,
    avgpool,
    cat,
    conv_relu,
    fc,
    flatten,
    global_avgpool,
    maxpool,
    multiply,
    relu,
)
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.activation import Sigmoid
from convcalc.core.ops.reshape import Unflatten

_ARTICLE = "article blocks"


def sepconv(x: Tensor, f: int, k: int = 3) -> Tensor:
    """Keras' SeparableConv2D without activation: the bias on the pointwise half only."""
    return x.apply(Separable(k, f, bias=True))


def sepconv_relu(x: Tensor, f: int, k: int = 3) -> Tensor:
    """Keras' SeparableConv2D with the alias' default activation."""
    return relu(sepconv(x, f, k))


def mean_3x3(x: Tensor) -> Tensor:
    """Keras' AveragePooling2D over 3x3 at stride 1: the padding is not part of the mean."""
    return avgpool(x, 3, 1, padding=1, count_padding=False)


@block("article-bottleneck", source=f"{_ARTICLE}: bottleneck", input="32x56x56")
def article_bottleneck(x: Tensor, f: int = 32, r: int = 4) -> Tensor:
    """1x1 to f//r, 3x3, 1x1 to f."""
    x = conv_relu(x, f // r, 1)
    x = conv_relu(x, f // r, 3)
    return conv_relu(x, f, 1)


@block("article-inception-naive", source=f"{_ARTICLE}: naive_inception_module", input="32x56x56")
def article_inception_naive(x: Tensor, f: int = 32) -> Tensor:
    """1x1, 3x3, 5x5 and max pooling, concatenated."""
    a = conv_relu(x, f, 1)
    b = conv_relu(x, f, 3)
    c = conv_relu(x, f, 5)
    d = maxpool(x, 3, 1, padding=1)
    return cat(a, b, c, d)


@block("article-inception", source=f"{_ARTICLE}: inception_module", input="32x56x56")
def article_inception(x: Tensor, f: int = 32, r: int = 4) -> Tensor:
    """The 3x3 branch reduces to f//3, not to f//r."""
    a = conv_relu(x, f, 1)
    b = conv_relu(x, f // 3, 1)
    b = conv_relu(b, f, 3)
    c = conv_relu(x, f // r, 1)
    c = conv_relu(c, f, 5)
    d = maxpool(x, 3, 1, padding=1)
    d = conv_relu(d, f, 1)
    return cat(a, b, c, d)


@block("article-residual", source=f"{_ARTICLE}: residual_block", input="32x56x56")
def article_residual(x: Tensor, f: int = 32, r: int = 4) -> Tensor:
    """A bottleneck added to its input; nothing after the sum."""
    return add(x, article_bottleneck(x, f, r))


@block("article-resnext", source=f"{_ARTICLE}: resnext_block", input="32x56x56")
def article_resnext(x: Tensor, f: int = 32, r: int = 2, c: int = 4) -> Tensor:
    """c paths of 1x1 to f//(c*r), 3x3 and 1x1 to f, summed and added to the input."""
    paths = []
    for i in range(c):
        with x.scope(f"path{i}"):
            m = conv_relu(x, f // (c * r), 1)
            m = conv_relu(m, f // (c * r), 3)
            paths.append(conv_relu(m, f, 1))
    return add(x, add(*paths))


@block("article-dense", source=f"{_ARTICLE}: dense_block", input="32x56x56")
def article_dense(x: Tensor, f: int = 32, d: int = 5) -> Tensor:
    """d convolutions, each over everything before it."""
    for _ in range(d):
        x = cat(x, conv_relu(x, f, 3))
    return x


@block("article-se", source=f"{_ARTICLE}: se_block", input="32x56x56")
def article_se(x: Tensor, f: int = 32, rate: int = 16) -> Tensor:
    """Each channel weighed by two dense layers. The article gives f no default; it must be the input's channels."""
    m = flatten(global_avgpool(x))
    m = relu(fc(m, f // rate))
    m = fc(m, f).apply(Sigmoid())
    return multiply(x, m.apply(Unflatten(len(x.shape) - 1)))


@block("article-nasnet-normal", source=f"{_ARTICLE}: normal_cell", input="32x56x56")
def article_nasnet_normal(x1: Tensor, x2: Tensor, f: int = 32) -> Tensor:
    """The cell over two inputs; b averages x1 with itself, where the paper has one pooling."""
    a = add(sepconv_relu(x1, f, 3), sepconv_relu(x1, f, 5))
    b = add(mean_3x3(x1), mean_3x3(x1))
    c = add(x1, mean_3x3(x2))
    d = add(sepconv_relu(x2, f, 5), sepconv_relu(x1, f, 3))
    e = add(x2, sepconv_relu(x2, f, 3))
    return cat(a, b, c, d, e)


@block("article-inverted-residual", source=f"{_ARTICLE}: inv_residual_block", input="32x56x56")
def article_inverted_residual(x: Tensor, f: int = 32, r: int = 4) -> Tensor:
    """1x1 to f*r, a separable 3x3 to f without activation, added to the input."""
    m = conv_relu(x, f * r, 1)
    return add(sepconv(m, f), x)


@block("article-separable-3", source=f"{_ARTICLE}: sepconv, k = 3", input="32x56x56")
def article_separable_3(x: Tensor, f: int = 32) -> Tensor:
    """A depthwise separable 3x3."""
    return sepconv_relu(x, f, 3)


@block("article-separable-5", source=f"{_ARTICLE}: sepconv, k = 5", input="32x56x56")
def article_separable_5(x: Tensor, f: int = 32) -> Tensor:
    """A depthwise separable 5x5."""
    return sepconv_relu(x, f, 5)
