"""Dimensions of layouts and the axes they run over, as the rules ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convcalc.core.algebra import prod
from convcalc.core.window import Window
from convcalc.pytorch.tracing.call import Computed, Value
from convcalc.pytorch.tracing.layout import Dim, Layout, Pairs, channels, grid, plain, reads, settled

ByAxis = Callable[[Sequence[int], int], tuple[int, ...]]
"""Options of the last dimensions, put in the order of the axes; its second argument is for the other axes."""


def by_axis(where: Sequence[int], rank: int) -> ByAxis:
    """How options of dimensions that run over the axes `where` are written for all `rank` axes."""

    def arranged(values: Sequence[int], rest: int) -> tuple[int, ...]:
        options = dict(zip(where, values, strict=True))
        return tuple([options.get(axis, rest) for axis in range(rank)])

    return arranged


def windowed(
    layout: Layout, value: Value, pairs: Pairs, where: Sequence[int], windows: Sequence[Window]
) -> tuple[Window, ...]:
    """What `layout` reads of a value: `windows` along the axes `where`, of the others what runs together by `pairs`."""
    onto = list(reads(layout, value.layout, pairs))
    for axis, window in zip(where, windows, strict=True):
        if axis < len(onto):
            onto[axis] = window
    return tuple(onto)


def broadest(values: list[Value], at: int, size: int) -> Dim:
    """What a dimension of a result runs over: places where any value has them."""
    dims = [v.layout[at] for v in values if -at <= len(v.layout) and v.shape[at] == size]
    spatial = [dim for dim in dims if any(atom.axis >= 0 for atom in dim)]
    return (spatial or dims or [channels(size)])[0]


def broadcast_reads(layout: Layout, value: Value, shape: tuple[int, ...]) -> tuple[Window, ...]:
    """What a broadcast result of `shape` reads of one of its values."""
    lead = len(shape) - len(value.shape)
    pairs = [(lead + i, i) for i, size in enumerate(value.shape) if lead + i >= 0 and size == shape[lead + i]]
    return reads(layout, value.layout, tuple(pairs))


def with_dim(layout: Layout, dim: int, atoms: Dim) -> Layout:
    """The layout with one dimension replaced, axes renumbered; the new dimension keeps its places."""
    kept = (*layout[:dim], (), *layout[dim + 1 :])
    after = settled(kept)
    return (*after[:dim], atoms, *after[dim + 1 :])


def whole_axis(layout: Layout, dim: int) -> int | None:
    """The axis, if a dimension runs over exactly one, from end to end."""
    atoms = layout[dim]
    if len(atoms) != 1 or atoms[0].axis < 0 or atoms[0].stride != 1:
        return None
    return atoms[0].axis if grid(layout)[atoms[0].axis] == atoms[0].size else None


def unused_axis(layout: Layout, dim: int) -> int:
    """The first axis that no other dimension has places of."""
    taken = {atom.axis for at, atoms in enumerate(layout) for atom in atoms if at != dim}
    return next(axis for axis in range(len(taken) + 1) if axis not in taken)


def set_axis(windows: tuple[Window, ...], axis: int, window: Window) -> tuple[Window, ...]:
    """The windows with that of one axis replaced."""
    return tuple([window if at == axis else w for at, w in enumerate(windows)])


def has_places(layout: Layout, dim: int) -> bool:
    """Whether a dimension runs over places of any axis."""
    return any(atom.axis >= 0 for atom in layout[dim])


def opened(layout: Layout, dim: int) -> Layout:
    """The layout with a new dimension of size 1."""
    return (*layout[:dim], (), *layout[dim:])


def each_axis(values: Any, axes: int) -> tuple[int, ...]:
    """An option for each axis, where PyTorch takes one number for all."""
    each: tuple[int, ...] = (values,) if isinstance(values, int) else tuple(values)
    return each * axes if len(each) == 1 else each


def spread(value: Value, axes: int) -> Value:
    """The value with its last `axes` dimensions on whole axes of their own, over a reshaping node if need be."""
    if value.is_constant:
        return value
    last = range(len(value.shape) - axes, len(value.shape))
    fine = all(value.shape[dim] == 1 or whole_axis(value.layout, dim) is not None for dim in last)
    if fine and not (has_places(value.layout, 1) and value.shape[1] > 1):
        return value
    layout = settled((*_unplaced(value.layout[: -axes or None]), *plain(value.shape[-axes - 1 :], batch=False)[1:]))
    pairs = tuple([(dim, dim) for dim in range(len(value.shape))])
    windows = reads(layout, value.layout, pairs)
    node = Computed(kind="reshape", values=[value], layout=layout, reads=[windows], arithmetic=0, view=True)
    return value._replace(source=node, layout=layout)


def _unplaced(layout: Layout) -> Layout:
    """The same sizes as channels."""
    return tuple([channels(prod([atom.size for atom in dim])) for dim in layout])


def axis_at(layout: Layout, dim: int) -> int:
    """The axis that a dimension runs over; of size 1 and without a name, the first that is free."""
    if layout[dim]:
        return max(layout[dim][0].axis, 0)
    named = {atom.axis for atoms in layout for atom in atoms}
    free = [axis for axis in range(len(layout) + len(named)) if axis not in named]
    nameless = [at for at in range(2, len(layout)) if not layout[at]]
    return free[nameless.index(dim)]
