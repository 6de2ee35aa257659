"""Joins: several tensors become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.core.algebra import alike, prod, same, total
from convcalc.core.errors import ShapeError
from convcalc.core.operator import Op, Shape, operator, spell
from convcalc.core.window import BROADCAST, IDENTITY, Window


class Join(Op):
    """A word with branches: `cat(A | B)`."""

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return getattr(nn, type(self).__name__)()


class _Elementwise(Join):
    """A join of equal shapes, place by place; a side of size 1 is repeated along that axis."""

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        for other in inputs[1:]:
            if not alike(first, other):
                first = self._broadcast(first, other)
        return first

    def _broadcast(self, left: Shape, right: Shape) -> Shape:
        if len(left) != len(right):
            raise self._differ(left, right)
        size = []
        for a, b in zip(left, right, strict=True):
            if same(a, b) or same(b, 1):
                size.append(a)
            elif same(a, 1):
                size.append(b)
            else:
                raise self._differ(left, right)
        return tuple(size)

    def _differ(self, left: Shape, right: Shape) -> ShapeError:
        return ShapeError(
            f"{self.word} needs branches of one shape, got {spell(left)} and {spell(right)}",
            hint="give the branches the same channels and stride, or join them with cat",
        )

    def elementwise(self, *inputs: Shape) -> int:
        """One operation for each output and each input after the first."""
        return (len(inputs) - 1) * prod(self.shape(*inputs))

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        mine = inputs[source][1 + axis]
        return IDENTITY if all(same(mine, other[1 + axis]) for other in inputs) else _repeat(mine)


def _repeat(size: int) -> Window:
    return BROADCAST if size == 1 else IDENTITY


@operator
class Add(_Elementwise):
    """Sum of the branches."""

    label = word = aten = "add"
    summary = "sum of the branches"


@operator
class Mul(_Elementwise):
    """Product of the branches."""

    label = word = aten = "mul"
    summary = "product of the branches"
    saves = "input"

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        """Each factor, for the gradient by the other: the branches are multiplied one after the other."""
        others = [wanted[1:2], *(wanted[:number] for number in range(1, len(wanted)))]
        return [number for number, gradients in enumerate(others) if any(gradients)]

    def kept(self, *inputs: Shape) -> int:
        """The products of the first two branches, of the first three and so on, without the last."""
        return sum([prod(self.shape(*inputs[:count])) for count in range(2, len(inputs))])


@operator
class Mean(_Elementwise):
    """Mean of the branches (FractalNet's join, Larsson et al. 2017): their sum and a division."""

    label = word = "mean"
    summary = "mean of the branches"

    def elementwise(self, *inputs: Shape) -> int:
        return len(inputs) * prod(self.shape(*inputs))


@operator
class Cat(Join):
    """Concatenation along the channels: no arithmetic, new memory."""

    label = word = "cat"
    summary = "concatenation of the branches' channels"

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        for other in inputs[1:]:
            if not alike(first[1:], other[1:]):
                raise ShapeError(
                    f"cat needs branches of one size, got {spell(first)} and {spell(other)}",
                    hint="give the branches the same stride and padding that keeps their size",
                )
        return (total([shape[0] for shape in inputs]), *first[1:])
