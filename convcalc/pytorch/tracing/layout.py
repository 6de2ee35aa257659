"""Where the places of a network's maps lie in a PyTorch tensor, through every view.

A tensor's dimension is a row of atoms, outermost first, as in einops' `(h1 w1) (h2 w2) c`: a digit of
one spatial axis, or channels. Permuting moves them, reshaping splits and merges them, so that a window
partition, a token sequence and a map are one thing to the receptive field. Nothing here knows torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from convcalc.core.window import IDENTITY, MAX_PHASES, Positions, Window, everything, places

CHANNEL = -1
"""The axis of atoms that are not places: channels, heads, groups."""


class Atom(NamedTuple):
    """One digit of an axis: `place // stride % size`; `CHANNEL` atoms have no stride of meaning."""

    axis: int
    stride: int
    size: int


Dim = tuple[Atom, ...]
"""What one dimension of a tensor runs over, outermost first; nothing where its size is 1."""

Layout = tuple[Dim, ...]
"""One entry for each dimension of a tensor, the batch included."""

Pairs = tuple[tuple[int, int], ...]
"""Which dimensions of a result and of a source run together: (of the result, of the source)."""


def channels(size: int) -> Dim:
    """A dimension of channels."""
    return (Atom(CHANNEL, 1, size),) if size != 1 else ()


def places_of(axis: int, size: int) -> Dim:
    """A dimension that runs over one whole axis."""
    return (Atom(axis, 1, size),)


def plain(shape: Sequence[int], *, batch: bool = True) -> Layout:
    """Batch, channels, then one axis for each dimension: how an image lies.

    >>> plain((1, 3, 8, 8))[2]
    (Atom(axis=0, stride=1, size=8),)
    """
    lead = 1 if batch else 0
    rest = shape[lead:]
    spatial = [places_of(axis, size) for axis, size in enumerate(rest[1:])]
    return (*[channels(size) for size in shape[: lead + 1]], *spatial)


def constant(shape: Sequence[int]) -> Layout:
    """Channels only: a tensor that holds no places of an input."""
    return tuple([channels(size) for size in shape])


def size_of(dim: Dim) -> int:
    return prod([atom.size for atom in dim])


def grid(layout: Layout) -> tuple[int, ...]:
    """How many places there are along each axis; 1 along an axis that is gone."""
    sizes: dict[int, int] = {}
    for dim in layout:
        for axis, _, size in dim:
            if axis >= 0:
                sizes[axis] = sizes.get(axis, 1) * size
    return tuple([sizes.get(axis, 1) for axis in range(max(sizes, default=-1) + 1)])


def shape_of(layout: Layout) -> tuple[int, ...]:
    """The shape in convcalc's own order: all channels, then the axes."""
    return (prod([atom.size for dim in layout for atom in dim if atom.axis < 0]), *grid(layout))


def merged(atoms: Iterable[Atom]) -> Dim:
    """Neighbours that count on are one atom; a size of 1 says nothing, unless it is all there is."""
    kept: list[Atom] = []
    alone: Dim = ()
    for atom in atoms:
        if atom.size == 1:
            alone = (Atom(atom.axis, 1, 1),) if atom.axis >= 0 else alone
        elif kept and kept[-1].axis == atom.axis and (atom.axis < 0 or kept[-1].stride == atom.stride * atom.size):
            outer = kept.pop()
            kept.append(Atom(atom.axis, atom.stride, outer.size * atom.size))
        else:
            kept.append(atom)
    return tuple(kept) or alone


@lru_cache(maxsize=4096)
def reshaped(layout: Layout, shape: tuple[int, ...]) -> Layout | None:
    """The same elements in order under another shape; None where a dimension cuts an atom unevenly.

    >>> tokens = reshaped(plain((1, 8, 4, 6)), (1, 8, 24))
    >>> tokens[2], reshaped(tokens, (1, 8, 4, 6)) == plain((1, 8, 4, 6))
    ((Atom(axis=0, stride=1, size=4), Atom(axis=1, stride=1, size=6)), True)
    """
    if len(layout) == len(shape) and all(size_of(dim) == size for dim, size in zip(layout, shape, strict=True)):
        return layout
    rest = [atom for dim in reversed(layout) for atom in reversed(dim) if atom.size > 1]
    made: list[Dim] = []
    for size in shape:
        dim: list[Atom] = []
        missing = size
        while missing > 1:
            if not rest:
                return None
            axis, stride, whole = rest.pop()
            if missing % whole == 0:
                dim.append(Atom(axis, stride, whole))
                missing //= whole
            elif whole % missing == 0:
                inner = whole // missing
                dim.append(Atom(axis, stride * inner, missing))
                rest.append(Atom(axis, stride, inner))
                missing = 1
            else:
                return None
        made.append(merged(dim))
    return tuple(made)


@lru_cache(maxsize=4096)
def settled(layout: Layout) -> Layout:
    """A result's layout: each axis renumbered over the digits that are left, a digit met twice made channels."""
    taken: dict[int, list[Atom]] = {}
    clean: list[list[Atom]] = []
    for dim in layout:
        kept: list[Atom] = []
        for atom in dim:
            if atom.axis >= 0 and any(_overlap(atom, other) for other in taken.get(atom.axis, [])):
                kept.append(Atom(CHANNEL, 1, atom.size))
                continue
            if atom.axis >= 0:
                taken.setdefault(atom.axis, []).append(atom)
            kept.append(atom)
        clean.append(kept)
    renumbered: dict[Atom, Atom] = {}
    for atoms in taken.values():
        stride = 1
        for atom in sorted(atoms, key=lambda atom: (atom.stride, atom.size)):
            renumbered[atom] = Atom(atom.axis, stride, atom.size)
            stride *= atom.size
    return tuple([merged([renumbered.get(atom, atom) for atom in dim]) for dim in clean])


def _overlap(a: Atom, b: Atom) -> bool:
    """Whether two atoms of one axis share a digit (of size 1: they share nothing but the axis)."""
    return a.size > 1 and b.size > 1 and a.stride < b.stride * b.size and b.stride < a.stride * a.size


@lru_cache(maxsize=8192)
def reads(result: Layout, source: Layout, pairs: Pairs) -> tuple[Window, ...]:
    """What one place of `result` reads of `source`, per axis of the source.

    Digits that run together are followed; every other digit of the source is read whole.
    """
    sizes, mine = grid(source), grid(result)
    linked: dict[int, list[tuple[int, int, int]]] = {}
    free: dict[int, list[tuple[int, int]]] = {}
    together = {e: d for d, e in pairs}
    for e, dim in enumerate(source):
        halves = refined(result[together[e]], dim) if e in together else None
        for outer, inner in halves or [(None, atom) for atom in dim]:
            if inner.axis >= 0 and outer is not None and outer.axis == inner.axis:
                linked.setdefault(inner.axis, []).append((outer.stride, inner.stride, inner.size))
            elif inner.axis >= 0:
                free.setdefault(inner.axis, []).append((inner.stride, inner.size))
    return tuple(
        [
            follow(mine[axis] if axis < len(mine) else 1, size, tuple(linked.get(axis, ())), tuple(free.get(axis, ())))
            for axis, size in enumerate(sizes)
        ]
    )


def refined(left: Dim, right: Dim) -> list[tuple[Atom | None, Atom]] | None:
    """Both dimensions cut at each other's borders, in pairs; None where they do not fit."""
    a, b = [*reversed(left)], [*reversed(right)]
    pairs: list[tuple[Atom | None, Atom]] = []
    while a and b:
        x, y = a.pop(), b.pop()
        size = min(x.size, y.size)
        if max(x.size, y.size) % size:
            return None
        if x.size > size:
            a.append(Atom(x.axis, x.stride, x.size // size))
            x = Atom(x.axis, x.stride * (x.size // size), size)
        if y.size > size:
            b.append(Atom(y.axis, y.stride, y.size // size))
            y = Atom(y.axis, y.stride * (y.size // size), size)
        pairs.append((x, y))
    return None if a or b else pairs


@lru_cache(maxsize=8192)
def follow(units: int, size: int, links: tuple[tuple[int, int, int], ...], free: tuple[tuple[int, int], ...]) -> Window:
    """The window from `units` places onto `size` places of an axis.

    `links` are digits that run together (stride here, stride there, size), `free` ones (stride, size) are read whole.
    """
    digits = [link for link in links if link[2] > 1]
    if not digits:
        return IDENTITY if units == size == 1 and links else everything(size)
    here, there, many = max(digits)
    if here * many == units and there * many == size:  # the leading digit only moves on: it need not be listed
        digits.remove((here, there, many))
        period, advance = here, there
    else:
        period, advance = units, 0
    if period > MAX_PHASES:
        return everything(size)
    listed = []
    for unit in range(period):
        read = places(sum(unit // mine % n * other for mine, other, n in digits), 1)
        for stride, n in sorted(free):
            read = read.spread(n, stride)
        listed.append(read)
    window = Window(tuple(listed), advance)
    return IDENTITY if window == IDENTITY else window


@lru_cache(maxsize=1024)
def rolled(size: int, shift: int) -> Window:
    """Unit u reads place u - shift, around the end."""
    return Window(tuple([places((unit - shift) % size, 1) for unit in range(size)]), size)


@lru_cache(maxsize=1024)
def flipped(size: int) -> Window:
    """Unit u reads place size - 1 - u."""
    return Window(tuple([places(size - 1 - unit, 1) for unit in range(size)]), size)


@lru_cache(maxsize=4096)
def segment(total: int, start: int, size: int) -> Window:
    """Of `total` units, `size` from `start` on read one place each; the others nothing."""
    return Window(
        tuple([places(u - start, 1) if start <= u < start + size else Positions(()) for u in range(total)]), size
    )
