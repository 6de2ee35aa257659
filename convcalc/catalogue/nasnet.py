"""Searched cells: NASNet-A and AmoebaNet, from their genotypes. Names as in timm's NASNet.

A cell squeezes its input (state 0) and fits the output before it (state 1); each of five pairs adds two
operations on earlier states to a new one. Padding is the same on both sides, where TensorFlow's "same"
pads an even map at its end only; shapes and counts do not differ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from convcalc.catalogue.layers import (
    add,
    avgpool,
    bn,
    cat,
    conv,
    conv_bn,
    depthwise,
    dropout,
    fc,
    maxpool,
    one_of,
    pooled,
    relu,
)
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.reshape import ChannelPad, Pad


class Genotype(NamedTuple):
    """A cell: pairs of (operation, state, operation, state), and the states that it concatenates."""

    pairs: tuple[tuple[str, int, str, int], ...]
    outputs: tuple[int, ...]


NASNET_NORMAL = Genotype(
    (
        ("sep5", 0, "sep3", 1),
        ("sep5", 1, "sep3", 1),
        ("avg3", 0, "none", 1),
        ("avg3", 1, "avg3", 1),
        ("sep3", 0, "none", 0),
    ),
    (1, 2, 3, 4, 5, 6),
)
NASNET_REDUCTION = Genotype(
    (
        ("sep5", 0, "sep7", 1),
        ("max3", 0, "sep7", 1),
        ("avg3", 0, "sep5", 1),
        ("none", 3, "avg3", 2),
        ("sep3", 2, "max3", 0),
    ),
    (3, 4, 5, 6),
)
AMOEBANET_NORMAL = {
    "A": Genotype(
        (
            ("avg3", 0, "max3", 0),
            ("sep3", 1, "none", 1),
            ("none", 0, "avg3", 1),
            ("sep3", 0, "sep5", 2),
            ("avg3", 5, "sep3", 0),
        ),
        (1, 3, 4, 6),
    ),
    "D": Genotype(
        (
            ("1x1", 1, "max3", 1),
            ("none", 1, "1x7_7x1", 0),
            ("1x1", 0, "1x7_7x1", 0),
            ("max3", 2, "none", 2),
            ("avg3", 1, "1x1", 5),
        ),
        (0, 3, 4, 6),
    ),
}
AMOEBANET_REDUCTION = {
    "A": Genotype(
        (
            ("sep3", 1, "avg3", 0),
            ("max3", 0, "sep7", 2),
            ("max3", 1, "max3", 0),
            ("sep3", 4, "1x7_7x1", 0),
            ("avg3", 1, "sep7", 0),
        ),
        (2, 3, 4, 5, 6),
    ),
    "D": Genotype(
        (
            ("max2", 0, "max3", 0),
            ("none", 2, "3x3", 1),
            ("1x7_7x1", 2, "max3", 2),
            ("none", 3, "max2", 1),
            ("avg3", 2, "1x1", 3),
        ),
        (4, 5, 6),
    ),
}

Operation = Callable[[Tensor, int, int], Tensor]
"""`operation(x, filters, stride)`."""


def separable(x: Tensor, filters: int, stride: int, kernel: int) -> Tensor:
    """Relu, separable convolution and batch norm, twice; the first one strides."""
    for number, step in enumerate((stride, 1), start=1):
        x = relu(x, name=f"act_{number}")
        with x.scope(f"separable_{number}"):
            x = depthwise(x, kernel, step, name="depthwise_conv2d")
            x = conv(x, filters, 1, name="pointwise_conv2d")
        x = bn(x, name=f"bn_sep_{number}")
    return x


def squeeze(x: Tensor, filters: int, stride: int = 1) -> Tensor:
    """Relu, 1x1, batch norm."""
    return bn(conv(relu(x, name="act"), filters, 1, stride, name="conv"), name="bn")


def pool(x: Tensor, filters: int, stride: int, window: Callable[[Tensor, int], Tensor]) -> Tensor:
    """Pooling, and a 1x1 where the channels differ."""
    x = window(x, stride)
    return x if x.channels == filters else conv_bn(x, filters, 1)


def keep(x: Tensor, filters: int, stride: int) -> Tensor:
    """The identity, or a squeeze where the shape changes."""
    return x if stride == 1 and x.channels == filters else squeeze(x, filters, stride)


def factored(x: Tensor, filters: int, stride: int, kernels: tuple[tuple[int, ...], ...]) -> Tensor:
    """A 1x1 to a quarter of the filters, the kernels, a 1x1 back; each strides along the axes that it is long in."""
    x = conv_bn(relu(x), filters // 4, 1)
    for kernel in kernels:
        x = conv_bn(relu(x), filters // 4, kernel, tuple(stride if size > 1 else 1 for size in kernel))
    return conv_bn(relu(x), filters, 1)


OPERATIONS: dict[str, Operation] = {
    "none": keep,
    "sep3": partial(separable, kernel=3),
    "sep5": partial(separable, kernel=5),
    "sep7": partial(separable, kernel=7),
    "avg3": partial(pool, window=lambda x, stride: avgpool(x, 3, stride, padding=1, count_padding=False)),
    "max3": partial(pool, window=lambda x, stride: maxpool(x, 3, stride, padding=1)),
    "max2": partial(pool, window=lambda x, stride: maxpool(x, 2, stride, ceil=True)),
    "1x1": squeeze,
    "3x3": partial(factored, kernels=((3, 3),)),
    "1x7_7x1": partial(factored, kernels=((1, 7), (7, 1))),
}


def halve(x: Tensor, filters: int) -> Tensor:
    """Half the map without losing places: two 1x1 of stride 2, one of them over the map moved by one place.

    Each makes half of the filters. The released code refuses an odd number, which AmoebaNet-A with F = 190 has
    in its stem (95): here a channel of zeros completes it.
    """
    x = relu(x, name="act")
    with x.scope("path_1"):
        a = conv(avgpool(x, 1, 2, name="avgpool"), filters // 2, 1, name="conv")
    with x.scope("path_2"):
        moved = x.apply(Pad(-1, 1), name="pad")
        b = conv(avgpool(moved, 1, 2, name="avgpool"), filters // 2, 1, name="conv")
    y = cat(a, b)
    if filters % 2:
        y = y.apply(ChannelPad(0, 1), name="final_path_pad")
    return bn(y, name="final_path_bn")


def fit(previous: Tensor, x: Tensor, filters: int) -> Tensor:
    """The output before `x`, brought to its size and to `filters` channels."""
    if previous.shape[1:] != x.shape[1:]:
        return halve(previous, filters)
    if previous.channels == filters:
        return previous
    with x.scope("conv_prev_1x1"):
        return squeeze(previous, filters)


def cell(x: Tensor, previous: Tensor | None, genotype: Genotype, filters: int, stride: int = 1) -> Tensor:
    """One cell; without a `previous` output its state 1 is the input itself."""
    before = x if previous is None else fit(previous, x, filters)
    with x.scope("conv_1x1"):
        states = [squeeze(x, filters), before]
    for number, (left, first, right, second) in enumerate(genotype.pairs):
        pair = []
        for side, operation, state in (("left", left, first), ("right", right, second)):
            with x.scope(f"comb_iter_{number}_{side}"):
                pair.append(OPERATIONS[operation](states[state], filters, stride if state < 2 else 1))
        states.append(add(*pair, name=f"comb_iter_{number}"))
    return cat(*[states[state] for state in genotype.outputs])


@block("nasnet-normal", source="Zoph et al. 2018, Fig. 4 left (NASNet-A)", input="32x56x56")
def nasnet_normal(x: Tensor, previous: Tensor, filters: int = 32) -> Tensor:
    """NASNet-A's normal cell over the current and the previous output."""
    return cell(x, previous, NASNET_NORMAL, filters)


@block("nasnet-reduction", source="Zoph et al. 2018, Fig. 4 right (NASNet-A)", input="32x56x56")
def nasnet_reduction(x: Tensor, previous: Tensor, filters: int = 32) -> Tensor:
    """NASNet-A's reduction cell over the current and the previous output."""
    return cell(x, previous, NASNET_REDUCTION, filters, 2)


@block("amoebanet-normal", source="Real et al. 2019, Fig. 5 (A) and released code (D)", input="32x56x56")
def amoebanet_normal(x: Tensor, previous: Tensor, filters: int = 32, variant: str = "A") -> Tensor:
    """AmoebaNet's normal cell, variant A or D."""
    return cell(x, previous, AMOEBANET_NORMAL[one_of("variant", variant.upper(), "A", "D")], filters)


@block("amoebanet-reduction", source="Real et al. 2019, Fig. 5 (A) and released code (D)", input="32x56x56")
def amoebanet_reduction(x: Tensor, previous: Tensor, filters: int = 32, variant: str = "A") -> Tensor:
    """AmoebaNet's reduction cell, variant A or D."""
    return cell(x, previous, AMOEBANET_REDUCTION[one_of("variant", variant.upper(), "A", "D")], filters, 2)


def network(
    x: Tensor,
    normal: Genotype,
    reduction: Genotype,
    stem: int,
    filters: int,
    repeats: int,
    classes: int,
    *,
    skip: bool = False,
) -> Tensor:
    """A stem of two reductions and three stacks of `repeats` cells, a reduction between stacks.

    After a reduction, `skip` takes as previous output what stood two cells before it, not one.
    """
    with x.scope("conv0"):
        x = bn(conv(x, stem, 3, 2, padding=0, name="conv"), name="bn")
    outputs = [None, x]
    for number, width in enumerate((filters // 4, filters // 2)):
        with x.scope(f"cell_stem_{number}"):
            x = cell(x, outputs[-2], reduction, width, 2)
        outputs.append(x)
    for place in range(3 * repeats):
        previous = outputs[-2]
        if place in (repeats, 2 * repeats):
            filters *= 2
            with x.scope(f"reduction_cell_{place // repeats - 1}"):
                x = cell(x, previous, reduction, filters, 2)
            outputs.append(x)
            previous = previous if skip else outputs[-2]
        with x.scope(f"cell_{place}"):
            x = cell(x, previous, normal, filters)
        outputs.append(x)
    return fc(dropout(pooled(relu(x, name="act"))), classes, name="last_linear")


@block("nasnet_a_large", source="Zoph et al. 2018, Table 2: NASNet-A (6 @ 4032)", input="3x331x331")
def nasnet_a_large(x: Tensor, classes: int = 1000) -> Tensor:
    """18 normal cells of 168, 336 and 672 filters."""
    return network(x, NASNET_NORMAL, NASNET_REDUCTION, 96, 168, 6, classes, skip=True)


@block("nasnet_a_mobile", source="Zoph et al. 2018, Table 3: NASNet-A (4 @ 1056)", input="3x224x224")
def nasnet_a_mobile(x: Tensor, classes: int = 1000) -> Tensor:
    """12 normal cells of 44, 88 and 176 filters."""
    return network(x, NASNET_NORMAL, NASNET_REDUCTION, 32, 44, 4, classes)


@block("amoebanet_a", source="Real et al. 2019, Table 2: AmoebaNet-A (N = 6, F = 190)", input="3x331x331")
def amoebanet_a(x: Tensor, classes: int = 1001, filters: int = 190, repeats: int = 6) -> Tensor:
    """18 normal cells; 1001 classes as released."""
    return network(x, AMOEBANET_NORMAL["A"], AMOEBANET_REDUCTION["A"], 32, filters, repeats, classes)
