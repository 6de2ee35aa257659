"""Pooling, resizing and reductions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convcalc.core.algebra import prod
from convcalc.core.operator import Op
from convcalc.core.ops.pooling import AdaptiveAvgPool, AvgPool, GlobalAvgPool, MaxPool
from convcalc.core.ops.reshape import Upsample, UpsampleBilinear
from convcalc.core.window import Window, adaptive, everything, interpolated, sliding, smoothed
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Unreached, Value
from convcalc.pytorch.tracing.layout import Atom, Dim, grid, places_of, reads, settled
from convcalc.pytorch.tracing.rules.dimensions import ByAxis, axis_at, by_axis, each_axis, spread, whole_axis, windowed
from convcalc.pytorch.tracing.rules.elementwise import pointwise
from convcalc.pytorch.tracing.rules.registry import rule


@rule("max_pool1d", "max_pool2d", "max_pool3d")
@rule("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices")
def _max_pool(call: Call) -> Outcome:
    return _pool(call, MaxPool)


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(call: Call) -> Outcome:
    return _pool(call, AvgPool)


def _pool(call: Call, pool: type[MaxPool] | type[AvgPool]) -> Outcome:
    axes = int(call.name[call.name.index("pool") + 4])
    kernel = each_axis(call["kernel_size"], axes)
    stride = each_axis(call["stride"] or kernel, axes)
    padding = each_axis(call["padding"], axes)
    dilation = each_axis(call["dilation"], axes) if pool is MaxPool else (1,) * axes
    windows = [sliding(*four) for four in zip(kernel, stride, padding, dilation, strict=True)]
    count = prod(call.shape) * (prod(kernel) - (pool is MaxPool))

    def core(arranged: ByAxis) -> Op:
        ceil = bool(call["ceil_mode"])
        if pool is MaxPool:
            return MaxPool(
                kernel=arranged(kernel, 1),
                stride=arranged(stride, 1),
                padding=arranged(padding, 0),
                dilation=arranged(dilation, 1),
                ceil=ceil,
            )
        return AvgPool(kernel=arranged(kernel, 1), stride=arranged(stride, 1), padding=arranged(padding, 0), ceil=ceil)

    return _resample(call, pool.label, axes, windows, count, core)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
def _adaptive_avg(call: Call) -> Outcome:
    return _adaptive(call, "avgpool")


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive_max(call: Call) -> Outcome:
    return _adaptive(call, "maxpool")


def _adaptive(call: Call, kind: str) -> Outcome:
    axes = int(call.name[-2])
    value, out = call.value(), call.shape
    sizes = list(zip(value.shape[-axes:], out[-axes:], strict=True))
    windows = [adaptive(n, m) if m > 1 else everything(n) for n, m in sizes]
    count = prod(out[:-axes]) * prod([sum(-(-(u + 1) * n // m) - u * n // m for u in range(m)) for n, m in sizes])

    def core(arranged: ByAxis) -> Op | None:
        if kind != "avgpool":
            return None
        target = arranged(out[-axes:], 0)
        if not all(target):
            return None
        return GlobalAvgPool() if set(target) == {1} else AdaptiveAvgPool(target)

    return _resample(call, kind, axes, windows, count, core)


@rule(
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
)
def _upsample(call: Call) -> Outcome:
    axes = int(call.name.removesuffix("_aa")[-2])
    value, out = call.value(), call.shape
    sizes = list(zip(value.shape[-axes:], out[-axes:], strict=True))
    by_corners = bool(call.takes("align_corners") and call["align_corners"])
    is_nearest, taps = "nearest" in call.name, 4 if "cubic" in call.name else 2
    if is_nearest:
        taps = 0 if "exact" in call.name else 1
    smooth = call.name.endswith("_aa")
    windows = [smoothed(n, m, taps // 2) if smooth else interpolated(n, m, taps, corners=by_corners) for n, m in sizes]
    whole = all(m % n == 0 for n, m in sizes) and not smooth and not by_corners

    def core(arranged: ByAxis) -> Op | None:
        factor = arranged([m // n for n, m in sizes], 1)
        if not whole or (taps > 2 or "exact" in call.name):
            return None
        return Upsample(factor) if is_nearest else UpsampleBilinear(factor)

    count = 0 if is_nearest else prod(out) * (2 * taps**axes - 1)
    return _resample(call, "upsample", axes, windows, count, core)


_Core = Callable[[ByAxis], Op | None]
"""Makes the layer with the same arithmetic, if there is one, of options put in the order of the axes."""


def _resample(call: Call, kind: str, axes: int, windows: Sequence[Window], count: int, core: _Core) -> Outcome:
    """An operator that works on every channel by itself, along the last dimensions."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    lead = len(value.shape) - axes
    value = _spread_last(value, axes)
    padded = value.layout if lead >= 2 else ((),) * (2 - lead) + value.layout
    where = [axis_at(padded, max(lead, 2) + at) for at in range(axes)]
    layout = (*value.layout[:lead], *[places_of(a, n) for a, n in zip(where, call.shape[lead:], strict=True)])
    windows = windowed(layout, value, tuple([(at, at) for at in range(lead)]), where, windows)
    layer = core(by_axis(where, max([*where, len(windows) - 1]) + 1))
    return Computed(
        kind=kind, values=[value], layout=layout, core=layer, reads=[windows], arithmetic=count, keeps="input"
    )


def _spread_last(value: Value, axes: int) -> Value:
    """Like `spread`; dimensions in front may hold what they like."""
    last = range(len(value.shape) - axes, len(value.shape))
    if all(value.shape[dim] == 1 or whole_axis(value.layout, dim) is not None for dim in last):
        return value
    return spread(value, axes)


@rule("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "prod", "any", "all", "median")
def _reduce_named(call: Call) -> Answer:
    if call.name in ("max", "min") and call.takes("other"):
        return pointwise(call)
    return _reduce(call, call.name)


@rule("norm", "linalg_vector_norm", "logsumexp", "argmax", "argmin", "count_nonzero", "nansum", "aminmax")
def _reduce_other(call: Call) -> Outcome:
    return _reduce(call, call.name.removeprefix("linalg_"))


def _reduce(call: Call, kind: str) -> Outcome:
    """One operation for each value read; the dimensions that go are read whole."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    count = len(value.shape)
    named = call["dim"] if call.takes("dim") else None
    named = [named] if isinstance(named, int) else named
    dims = [dim % count for dim in named] if named else list(range(count))
    keep = bool(call.takes("keepdim") and call["keepdim"])
    gone = tuple([() if at in dims else dim for at, dim in enumerate(value.layout)])
    layout = settled(gone if keep else tuple([dim for at, dim in enumerate(gone) if at not in dims]))
    kept = [at for at in range(count) if at not in dims]
    pairs = [(at, at) for at in kept] if keep else list(enumerate(kept))
    windows = reads(layout, value.layout, tuple(pairs))
    places_only = all(atom.axis >= 0 for dim in dims for atom in value.layout[dim])
    core: Op | None = None
    if kind == "mean" and places_only and not grid(layout) and grid(value.layout):
        core = GlobalAvgPool()
        if keep:
            layout = tuple([_remembered(value.layout[at]) if at in dims else d for at, d in enumerate(layout)])
    return Computed(kind=kind, values=[value], layout=layout, core=core, reads=[windows], arithmetic=prod(value.shape))


def _remembered(dim: Dim) -> Dim:
    """A dimension of one place that still names its axis, if it had one of its own."""
    return (Atom(dim[0].axis, 1, 1),) if len(dim) == 1 and dim[0].axis >= 0 else ()
