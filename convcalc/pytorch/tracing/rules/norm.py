"""Normalisation, whose statistics are taken as given; softmax and cumulative sums."""

from __future__ import annotations

from convcalc.core.algebra import prod
from convcalc.core.operator import Op
from convcalc.core.ops.activation import Softmax
from convcalc.core.ops.norm import BatchNorm, GroupNorm, LayerNorm
from convcalc.pytorch.tracing.call import Call, Computed, Outcome, Unreached
from convcalc.pytorch.tracing.layout import reads, shape_of
from convcalc.pytorch.tracing.rules.dimensions import has_places
from convcalc.pytorch.tracing.rules.elementwise import elementwise
from convcalc.pytorch.tracing.rules.registry import rule


@rule("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")
def _batch_norm(call: Call) -> Outcome:
    learned = call["weight"] is not None and call["bias"] is not None
    return _normalise(call, "bn", BatchNorm() if learned else None, 2)


@rule("layer_norm", "native_layer_norm")
def _layer_norm(call: Call) -> Outcome:
    value, shape = call.value(), call["normalized_shape"]
    local = len(shape) == 1 and shape[0] == shape_of(value.layout)[0] and not has_places(value.layout, -1)
    learned = call["weight"] is not None and call["bias"] is not None
    return _normalise(call, "ln", LayerNorm() if local and learned else None, 7)


@rule("group_norm", "native_group_norm")
def _group_norm(call: Call) -> Outcome:
    groups = call["num_groups"] if call.takes("num_groups") else call["group"]
    return _normalise(call, "gn", GroupNorm(groups) if call["weight"] is not None else None, 7)


@rule("instance_norm")
def _instance_norm(call: Call) -> Outcome:
    return _normalise(call, "norm", None, 7)


@rule("rms_norm", "_fused_rms_norm")
def _rms_norm(call: Call) -> Outcome:
    """For each element: square, sum, scaling, and the factor to learn."""
    return _normalise(call, "norm", None, 4)


def _normalise(call: Call, kind: str, core: Op | None, per_element: int) -> Outcome:
    value = call.value()
    affine = [v for name in ("weight", "bias") if (v := call.optional(name)) is not None]
    count = per_element * prod(value.shape)
    if value.is_constant or not all(v.is_constant for v in affine):
        return elementwise(call, kind, [value, *affine], count)
    return Computed(kind=kind, values=[value, *affine], layout=value.layout, core=core, arithmetic=count, keeps="input")


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "_safe_softmax")
def _softmax(call: Call) -> Outcome:
    """An exponential, an addition and a division for each element; along places it reads them all."""
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    dim = call["dim"] % len(value.shape)
    others = tuple([(at, at) for at in range(len(value.shape)) if at != dim])
    along_places = has_places(value.layout, dim)
    windows = [reads(value.layout, value.layout, others)] if along_places else []
    core = None if along_places or call.name.endswith("log_softmax") else Softmax()
    return Computed(
        kind=call.name.strip("_"),
        values=[value],
        layout=value.layout,
        core=core,
        reads=windows,
        arithmetic=3 * prod(value.shape),
        keeps="output",
    )


@rule("cumsum", "cumprod", "cummax", "logcumsumexp")
def _cumulative(call: Call) -> Outcome:
    value = call.value()
    if value.is_constant:
        return Unreached(values=[value])
    dim = call["dim"] % len(value.shape)
    windows = reads(value.layout, value.layout, tuple([(at, at) for at in range(len(value.shape)) if at != dim]))
    return Computed(kind=call.name, values=[value], layout=value.layout, reads=[windows])
