"""Random networks for property tests: small enough that every unit can be followed by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from convcalc.catalogue.composites import Deformable, SqueezeExcitation
from convcalc.core.algebra import prod
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Builder, Graph, Tensor
from convcalc.core.operator import Op
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv, TransposedConv
from convcalc.core.ops.dense import Dense, Flatten
from convcalc.core.ops.join import Add, Cat, Mean, Mul
from convcalc.core.ops.norm import BatchNorm
from convcalc.core.ops.pooling import AdaptiveAvgPool, AvgPool, GlobalAvgPool, MaxPool
from convcalc.core.ops.reshape import Pad, Upsample, UpsampleBilinear

MAX_UNITS = 160
"""The largest map, channels left out, that is drawn."""

_small = st.integers(1, 3)


def _axes(values: st.SearchStrategy[int], axes: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[values] * axes)


def operators(axes: int, *, whole: bool) -> st.SearchStrategy[Op]:
    """Operators of one input over maps of so many axes; `whole` adds those that read everything."""
    kernel, stride = _axes(st.integers(1, 4), axes), _axes(_small, axes)
    padding = _axes(st.integers(0, 3), axes)
    local: list[st.SearchStrategy[Op]] = [
        st.builds(Conv, kernel, st.just(4), stride, padding, stride),
        st.builds(TransposedConv, kernel, st.just(4), stride, st.just(0) | padding, stride),
        st.builds(MaxPool, kernel, stride, st.just(0), ceil=st.booleans()),
        st.builds(AvgPool, kernel, stride),
        st.builds(Upsample, _small),
        st.builds(UpsampleBilinear, _small),
        st.builds(Pad, _axes(st.integers(-1, 2), axes), _axes(st.integers(-2, 2), axes)),
        st.builds(AdaptiveAvgPool, _axes(st.integers(2, 5), axes)),
        st.sampled_from([ReLU(), BatchNorm()]),
    ]
    if axes == 2:
        local.append(st.builds(Deformable, kernel, st.just(4), stride, padding))
    everything: list[st.SearchStrategy[Op]] = [
        st.just(GlobalAvgPool()),
        st.just(SqueezeExcitation(2)),
        st.just(Flatten()),
        st.builds(Dense, _small),
        st.builds(AdaptiveAvgPool, _axes(st.integers(1, 2), axes)),
    ]
    return st.one_of([*local, *local, *everything] if whole else local)


def _joined(draw: st.DrawFn, tensors: list[Tensor], *, whole: bool) -> Tensor:
    """A join of the last tensor with an earlier one; a repeated side is read by every unit."""
    x = tensors[-1]
    other = draw(st.sampled_from([t for t in tensors if whole or t.shape[1:] == x.shape[1:]]))
    return x.apply(draw(st.sampled_from([Add(), Mul(), Mean(), Cat()])), other)


@st.composite
def graphs(draw: st.DrawFn, *, whole: bool = True, axes: int = 0, most: int = 7) -> Graph:
    """A network of 1 or 2 axes with branches; without `whole` no layer reads everything."""
    axes = axes or draw(st.integers(1, 2))
    builder = Builder()
    tensors = [builder.input((4, *draw(_axes(st.integers(3, 9), axes))))]
    for _ in range(draw(st.integers(1, most))):
        size = len(builder.nodes)
        try:
            if draw(st.integers(0, 2)) == 0:
                made = _joined(draw, tensors, whole=whole)
            else:
                source = tensors[draw(st.sampled_from([-1, -1, -1, -2, 0])) % len(tensors)]
                made = source.apply(draw(operators(axes, whole=whole)))
        except ShapeError:
            made = None
        if made is None or prod(made.shape[1:]) > MAX_UNITS:
            del builder.nodes[size:], builder.shapes[size:]
        else:
            tensors.append(made)
    return builder.graph(tensors[-1])
