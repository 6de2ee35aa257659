"""Every metric: one entry under `@metric`, from which tables, JSON, `compare`, budgets, claims and help follow.

A new metric is one function of a Network. Where it adds up over layers, `layer` says what one layer's part is.
A metric that a network does not have (the coverage of a field whose holes are unknown) raises NoNumberError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import wraps
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

from convcalc.core.errors import ConvcalcError, UsageError, suggest

if TYPE_CHECKING:
    from convcalc.analysis.counts import Layer
    from convcalc.analysis.network import Network
    from convcalc.analysis.receptive_field import Field, Region

SHARE, RATIO, SIZE, SHAPE = "share", "ratio", "size", "shape"
"""Units of numbers that are not counts: a fraction of 1, a quotient, one size for each axis, a whole shape."""

LAYERS = "layers."
"""What the names of layer counts by kind begin with: layers.conv."""


class NoNumberError(ConvcalcError):
    """The network has no such number, or it is not known exactly."""

    kind = "incomplete"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number that a network has.

    Args:
        name: what it is called in JSON, options and budgets ("memory.peak").
        title: what it is called in tables ("peak of activations").
        unit: "parameters", "MACs", "elements" and so on for counts; "share", "ratio", "size" or "shape" for others.
        read: how it is read off a network.
        short: another name that is accepted everywhere ("rf").
        layer: a layer's part of it, where it adds up over layers.
        witness: who sees it in a proof; empty for what follows from other metrics.
        needs_counts: whether it is unknown as long as one operator is not counted.
    """

    name: str
    title: str
    unit: str
    read: Callable[[Network], Any]
    short: str = ""
    layer: Callable[[Layer], Any] | None = None
    witness: str = ""
    needs_counts: bool = False

    @property
    def meaning(self) -> str:
        """What it means, in a sentence."""
        return " ".join((self.read.__doc__ or self.title).partition("\n\n")[0].split())

    @property
    def is_count(self) -> bool:
        """Whether its values are integers that add up, rather than shares, ratios or sizes."""
        return self.unit not in (SHARE, RATIO, SIZE, SHAPE)

    def value(self, network: Network) -> Any:
        """The number: an int, a Fraction, or a tuple of one int for each axis. Raises NoNumberError."""
        if self.needs_counts and not network.complete:
            calls = ", ".join(f"{number} x {operator}" for operator, number in network.uncounted.items())
            raise NoNumberError(
                f"{self.name} is not known: not counted are {calls}",
                hint="limit what is known of this model (params, layers, output), or rewrite the operator",
            )
        return self.read(network)


METRICS: dict[str, Metric] = {}
"""Every metric by its name, in the order in which tables and documents list them."""

Read = TypeVar("Read", bound=Callable[..., Any])


def find_metric(name: str) -> Metric:
    """The metric called `name`, by its name or its short one. Raises UsageError.

    `layers.KIND` counts the layers of one kind.
    """
    if name in METRICS:
        return METRICS[name]
    for known in METRICS.values():
        if name == known.short:
            return known
    if name.startswith(LAYERS):
        return _layers_of_kind(name.removeprefix(LAYERS))
    raise UsageError(f"no metric is called {name!r}", hint=suggest(name, metric_names(), otherwise=_listed()))


def metric_names() -> list[str]:
    """Every name that a metric goes by."""
    return [name for known in METRICS.values() for name in (known.name, known.short) if name]


def metric(
    name: str,
    *,
    title: str,
    unit: str,
    short: str = "",
    layer: Callable[[Layer], Any] | None = None,
    witness: str = "",
    needs_counts: bool = False,
) -> Callable[[Read], Read]:
    """Register a function of a Network as the metric `name` (see Metric for the arguments).

    Raises ValueError where a metric of that name is registered already.

    >>> @metric("macs_per_param", title="MACs per parameter", unit="ratio")
    ... def macs_per_param(network):
    ...     '''How often each parameter is used.'''
    ...     return Fraction(network.macs, network.params)
    >>> from convcalc import load
    >>> load("3x3", input=(64, 56, 56)).metric("macs_per_param")
    Fraction(3136, 1)
    >>> del METRICS["macs_per_param"]
    """

    def add(read: Read) -> Read:
        for taken in filter(None, (name, short)):
            if taken in metric_names() or taken.startswith(LAYERS):
                raise ValueError(f"two metrics are called {taken!r}")
        METRICS[name] = Metric(
            name=name,
            title=title,
            unit=unit,
            read=_guarded(name, read),
            short=short,
            layer=layer and _guarded(name, layer),
            witness=witness,
            needs_counts=needs_counts,
        )
        return read

    return add


def _guarded(name: str, read: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function, whose mistakes are the metric's own; convcalc's are as they are."""
    if read.__module__.startswith("convcalc."):
        return read

    @wraps(read)
    def guarded(counted: Any) -> Any:
        try:
            value = read(counted)
        except ConvcalcError:
            raise
        except ZeroDivisionError:
            raise NoNumberError(f"{name} divides by zero here") from None
        except Exception as error:
            raise UsageError(f"the metric {name} fails: {type(error).__name__}: {error}") from error
        if not isinstance(value, int | float | Fraction | tuple):
            raise UsageError(
                f"the metric {name} is a {type(value).__name__}", hint="give an int, a Fraction or a tuple"
            )
        return value

    return guarded


def values(network: Network) -> dict[str, Any]:
    """Every number that the network has, by metric; layers by kind included."""
    known = {}
    for entry in [*METRICS.values(), *map(_layers_of_kind, network.kinds)]:
        try:
            known[entry.name] = entry.value(network)
        except NoNumberError:
            continue
    return known


def _listed() -> str:
    return f"the metrics are {', '.join(METRICS)}"


def layer_kinds() -> set[str]:
    """What layers of the language are called."""
    from convcalc.core.operator import REGISTRY

    return {operator.label for operator in REGISTRY.values()}


def _layers_of_kind(kind: str) -> Metric:
    def read(network: Network) -> int:
        known = {*network.kinds, *layer_kinds()}
        if kind not in known:
            raise NoNumberError(
                f"no layer is of the kind {kind!r}",
                hint=suggest(kind, known, otherwise=f"the kinds are {', '.join(sorted(known))}"),
            )
        return network.kinds.get(kind, 0)

    return Metric(
        name=LAYERS + kind,
        title=f"{kind} layers",
        unit="layers",
        read=read,
        layer=lambda layer: int(layer.kind == kind),
    )


# ------------------------------------------------------------------ parameters and arithmetic


@metric("params", title="params", unit="parameters", layer=lambda layer: layer.params, witness="the module")
def _params(network: Network) -> int:
    """Trainable parameters, those of normalisation included."""
    return network.params


@metric(
    "weights", title="weights", unit="parameters", layer=lambda layer: layer.parameters.weights, witness="the module"
)
def _weights(network: Network) -> int:
    """Trainable parameters without biases and normalisation."""
    return network.parameters.weights


@metric("biases", title="biases", unit="parameters", layer=lambda layer: layer.parameters.biases)
def _biases(network: Network) -> int:
    """Biases of convolutions and dense layers."""
    return network.parameters.biases


@metric("norm", title="norm", unit="parameters", layer=lambda layer: layer.parameters.norm)
def _norm(network: Network) -> int:
    """Scales and shifts of normalisation layers."""
    return network.parameters.norm


@metric("frozen", title="frozen", unit="parameters", layer=lambda layer: layer.parameters.frozen)
def _frozen(network: Network) -> int:
    """Parameters that are not trained, outside the total of the trainable ones."""
    return network.parameters.frozen


@metric(
    "macs",
    title="MACs",
    unit="MACs",
    layer=lambda layer: layer.macs,
    witness="fvcore and torch's counter",
    needs_counts=True,
)
def _macs(network: Network) -> int:
    """Multiply-accumulates of convolutions, dense layers and matrix products."""
    return network.macs


@metric("flops", title="FLOPs (2 x MACs)", unit="FLOPs", layer=lambda layer: layer.flops, needs_counts=True)
def _flops(network: Network) -> int:
    """2 x MACs."""
    return network.flops


@metric("elementwise", title="elementwise", unit="operations", layer=lambda layer: layer.elementwise, needs_counts=True)
def _elementwise(network: Network) -> int:
    """All other arithmetic: biases, normalisation, activations, pooling, joins."""
    return network.elementwise


# ------------------------------------------------------------------ memory


@metric(
    "memory.params", title="parameters", unit="elements", layer=lambda layer: layer.params + layer.parameters.frozen
)
def _memory_params(network: Network) -> int:
    """Elements of parameters, frozen ones included."""
    return network.memory.params


@metric("memory.buffers", title="buffers", unit="elements")
def _memory_buffers(network: Network) -> int:
    """Elements that are kept beside the parameters and not learned, such as running statistics."""
    return network.memory.buffers


@metric("memory.activations", title="activations written", unit="elements", short="activations", needs_counts=True)
def _memory_activations(network: Network) -> int:
    """Elements that the layers of an inference pass write."""
    return network.memory.activations


@metric("memory.peak", title="peak of activations", unit="elements", short="peak", needs_counts=True)
def _memory_peak(network: Network) -> int:
    """Elements of activations alive at once in an inference pass, at most."""
    return network.memory.peak


@metric("memory.training", title="kept for training", unit="elements", short="training", needs_counts=True)
def _memory_training(network: Network) -> int:
    """Elements of activations that are kept for the backward pass."""
    return network.memory.training


# ------------------------------------------------------------------ the receptive field, before it turns global


@metric("receptive_field.size", title="receptive field", unit=SIZE, short="rf", witness="gradients", needs_counts=True)
def _size(network: Network) -> tuple[int, ...]:
    """Span of the receptive field in every axis (before the output turns global)."""
    return _field(network).size


@metric("receptive_field.stride", title="effective stride", unit=SIZE, needs_counts=True)
def _stride(network: Network) -> tuple[Any, ...]:
    """How far the receptive field moves from unit to unit, in every axis."""
    return _field(network).stride


@metric("receptive_field.padding", title="effective padding", unit=SIZE, needs_counts=True)
def _padding(network: Network) -> tuple[int, ...]:
    """How far the first unit reads beyond the input's first place, in every axis."""
    return _field(network).padding


@metric("receptive_field.coverage", title="coverage", unit=SHARE, short="coverage", needs_counts=True)
def _coverage(network: Network) -> Fraction:
    """Places read / places spanned by the receptive field."""
    region = _known_holes(_field(network))
    return Fraction(region.count, prod(region.size))


@metric("receptive_field.largest_gap", title="largest gap", unit=SIZE, needs_counts=True)
def _largest_gap(network: Network) -> tuple[int, ...]:
    """The longest stretch of unread places between two that are read, in every axis."""
    return tuple(axis.largest_gap for axis in _known_holes(_field(network)).axes)


# ------------------------------------------------------------------ structure


@metric("layers", title="layers", unit="layers", layer=lambda layer: 1)
def _layers(network: Network) -> int:
    """Layers; of one kind: layers.conv."""
    return len(network.layers)


@metric("output", title="output", unit=SHAPE, witness="the module")
def _output(network: Network) -> tuple[int, ...]:
    """The output's shape, without the batch."""
    return network.graph.output_shape


def _field(network: Network) -> Field:
    """The network's spatial field. Raises NoNumberError where it has no size."""
    if not network.fields:
        raise NoNumberError(network.receptive_field_note)
    field = network.spatial_field
    if field.is_empty:
        raise NoNumberError("the output does not depend on the input: it has no receptive field")
    if field.is_global or not field.size:
        raise NoNumberError(
            "every unit sees the whole input: the receptive field has no size",
            hint="drop this limit, or check the part of the network before its first global layer",
        )
    return field


def _known_holes(field: Field) -> Region:
    if not field.typical.exact:
        raise NoNumberError("the receptive field has too many holes for an exact coverage")
    return field.typical
