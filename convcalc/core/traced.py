"""Operators that only a traced PyTorch model has: no words of the language, numbers as they were recorded.

Where a recorded call is an operator of the language, the graph has that operator; these are for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.core.errors import ShapeError
from convcalc.core.operator import NO_FORMULA, NO_PARAMS, Formula, Op, Params, Shape, record, spell
from convcalc.core.ops.convolution import Conv
from convcalc.core.window import IDENTITY, Window, everything


@record
class Traced(Op):
    """One recorded call: its shapes, its counts, and what each output place reads.

    `reads` has a window for every spatial axis of every input, nothing for an input that is read place
    by place. The sizes are those of the recording, and hold for no other. `keeps` is what the backward pass needs:
    "input", "output", "factors" (every input for the gradients by the others or by parameters), or nothing.
    """

    name: str
    inputs: tuple[Shape, ...]
    output: Shape
    reads: tuple[tuple[Window, ...], ...] = ()
    products: int = 0
    arithmetic: int = 0
    learned: Params = NO_PARAMS
    text: Formula = NO_FORMULA
    keeps: str = ""
    view: bool = False
    by_value: bool = False

    speakable = False

    @property
    def kind(self) -> str:
        return self.name

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.view

    @property
    def saves(self) -> str:  # type: ignore[override]
        return self.keeps

    @property
    def input_dependent(self) -> bool:  # type: ignore[override]
        return self.by_value

    @property
    def exact_in_fvcore(self) -> bool:  # type: ignore[override]
        return self.name == "fc"

    def shape(self, *inputs: Shape) -> Shape:
        if inputs != self.inputs:
            given = ", ".join(map(spell, inputs))
            raise ShapeError(
                f"{self.name} was traced over {', '.join(map(spell, self.inputs))}, not {given}",
                hint="trace the model again with the other input",
            )
        return self.output

    def params(self, *inputs: Shape) -> Params:
        return self.learned

    def macs(self, *inputs: Shape) -> int:
        return self.products

    def elementwise(self, *inputs: Shape) -> int:
        return self.arithmetic

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        if self.keeps != "factors":
            return super().saved_inputs(wanted, trained=trained)
        return [at for at in range(len(wanted)) if trained or any(wanted[:at]) or any(wanted[at + 1 :])]

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        windows = self.reads[source] if self.reads else ()
        return windows[axis] if axis < len(windows) else IDENTITY

    def formula(self, *inputs: Shape) -> Formula:
        return self.text

    def spec(self) -> str:
        return self.name


@record
class Uncounted(Op):
    """A call of an operator that convcalc does not know: it may read everything; its arithmetic is not counted.

    `arguments` are the call's, each with its shape or value as text.
    """

    name: str
    inputs: tuple[Shape, ...]
    output: Shape
    learned: Params = NO_PARAMS
    arguments: tuple[tuple[str, str], ...] = ()

    label = "uncounted"
    speakable = False
    counted = False

    def shape(self, *inputs: Shape) -> Shape:
        return self.output

    def params(self, *inputs: Shape) -> Params:
        return self.learned

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return everything(inputs[source][1 + axis])

    def spec(self) -> str:
        return self.name


@record
class Recorded(Op):
    """A layer of the language whose own parameters are not those of its formula: shared, frozen or computed."""

    op: Op
    learned: Params

    @property
    def kind(self) -> str:
        return self.op.kind

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        return self.op.is_view

    @property
    def saves(self) -> str:  # type: ignore[override]
        return self.op.saves

    @property
    def is_view_in_training(self) -> bool:  # type: ignore[override]
        return self.op.is_view_in_training

    @property
    def input_dependent(self) -> bool:  # type: ignore[override]
        return self.op.input_dependent

    @property
    def exact_in_fvcore(self) -> bool:  # type: ignore[override]
        return self.op.exact_in_fvcore

    @property
    def speakable(self) -> bool:  # type: ignore[override]
        return self.op.speakable

    def bind(self, *inputs: Shape) -> Op:
        return Recorded(self.op.bind(*inputs), self.learned)

    def shape(self, *inputs: Shape) -> Shape:
        return self.op.shape(*inputs)

    def params(self, *inputs: Shape) -> Params:
        return self.learned

    def macs(self, *inputs: Shape) -> int:
        return self.op.macs(*inputs)

    def elementwise(self, *inputs: Shape) -> int:
        return self.op.elementwise(*inputs)

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        return self.op.saved_inputs(wanted, trained=trained)

    def kept(self, *inputs: Shape) -> int:
        return self.op.kept(*inputs)

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        return self.op.window(axis, source, *inputs)

    def formula(self, *inputs: Shape) -> Formula:
        """The products as ever; of the parameters, what was recorded."""
        return Formula(str(self.learned.total), self.op.formula(*inputs).macs)

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return self.op.module(nn, *inputs)

    def spec(self) -> str:
        return self.op.spec()


class Pointwise(Conv):
    """A dense layer at every place of a map or a sequence: a 1x1 convolution, as PyTorch's Linear over tokens."""

    label = "fc"
    is_convolution = False

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        return super().saved_inputs(wanted, trained=trained) if trained else ()


@record
class Copy(Op):
    """The same values in new memory."""

    label = "copy"

    def spec(self) -> str:
        return "id"


@record
class Bypassed(Op):
    """A layer that is left out of the receptive field: it passes on what its first input reads, place by place."""

    op: Op
    inputs: tuple[Shape, ...]
    channels: int

    @property
    def kind(self) -> str:
        return self.op.kind

    @property
    def speakable(self) -> bool:  # type: ignore[override]
        return self.op.speakable

    def shape(self, *inputs: Shape) -> Shape:
        return (self.channels, *inputs[0][1:])

    def params(self, *inputs: Shape) -> Params:
        return self.op.params(*self.inputs)

    def macs(self, *inputs: Shape) -> int:
        return self.op.macs(*self.inputs)

    def elementwise(self, *inputs: Shape) -> int:
        return self.op.elementwise(*self.inputs)

    def spec(self) -> str:
        return self.op.spec()


@record
class Module(Op):
    """All layers of one module as one row of a table; no node of a graph."""

    layers: int
    cls: str
    all_counted: bool

    label = "module"
    speakable = False

    @property
    def counted(self) -> bool:  # type: ignore[override]
        return self.all_counted

    def spec(self) -> str:
        return self.cls or f"{self.layers} layers"


@record
class Unused(Op):
    """Parameters that no recorded call reads: they are there, and nothing is computed with them."""

    learned: Params

    label = "unused"
    speakable = False

    def shape(self, *inputs: Shape) -> Shape:
        return (0,)

    def params(self, *inputs: Shape) -> Params:
        return self.learned

    def formula(self, *inputs: Shape) -> Formula:
        return Formula(str(self.learned.total))

    def spec(self) -> str:
        return self.label
