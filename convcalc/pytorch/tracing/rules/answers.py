"""What many rules answer."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.core.traced import Copy
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Same, Unreached, Value
from convcalc.pytorch.tracing.layout import Layout, plain, reads


def same(call: Call, value: Value, layout: Layout) -> Outcome:
    """The same values in another layout: a view, or a copy where PyTorch made one."""
    return Same(value=value, layout=layout) if value.is_constant or call.shares_memory else copied(value, layout)


def copied(value: Value, layout: Layout) -> Computed:
    """The same values in new memory."""
    return Computed(kind="copy", values=[value], layout=layout, core=Copy())


def everywhere(
    call: Call,
    kind: str,
    count: int = 0,
    *,
    values: Sequence[Value] | None = None,
    by_value: bool = False,
    view: bool = False,
) -> Answer:
    """An operator whose every output may read every place of `values` (default: of all its tensors)."""
    values = call.values() if values is None else values
    if all(value.is_constant for value in values):
        return Unreached(values=values)
    return [
        Computed(
            kind=kind,
            values=values,
            layout=layout,
            reads=[reads(layout, value.layout, ()) for value in values],
            arithmetic=count,
            by_value=by_value,
            view=view,
        )
        for layout in plain_layouts(call)
    ]


def unknown(call: Call) -> Answer:
    """An operator without a rule: listed as not counted, its outputs read everything."""
    values, outputs = call.values(), call.outputs
    is_reached = not all(value.is_constant for value in values)
    if not outputs or not (is_reached or any(out.is_floating_point() for out in outputs)):
        return Unreached(values=values)
    layout, *others = plain_layouts(call)
    uncounted = Computed(kind=call.schema.replace("::", "."), values=values, layout=layout, uncounted=call.arguments)
    return [uncounted, *[another(values, other) for other in others]]


def another(values: Sequence[Value], layout: Layout) -> Computed:
    """One more output of an operator that has been counted with its first."""
    return Computed(
        kind="output",
        values=values,
        layout=layout,
        reads=[reads(layout, value.layout, ()) for value in values],
        arithmetic=0,
    )


def plain_layouts(call: Call) -> list[Layout]:
    """A layout for each output that lies like an image."""
    return [plain(out.shape) for out in call.outputs]
