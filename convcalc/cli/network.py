"""From a request on the command line to the network it means. All that contradicts itself is refused here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.analysis.network import Network
from convcalc.cli.options import LayerOptions, Request
from convcalc.core.errors import SpecError, UsageError
from convcalc.core.graph import Graph
from convcalc.core.ops import Shape, spell
from convcalc.language.parse import DEFAULT_INPUT, Call, input_shape, parse, read

if TYPE_CHECKING:
    from convcalc.catalogue import Block

_FLAGS = {name: "--" + name.replace("_", "-") for name in LayerOptions._fields}

_LETTERS = {"out_channels": "c", "stride": "s", "padding": "p", "dilation": "d", "groups": "g"}
"""How the language calls the options of a single layer."""


def resolve(request: Request) -> Network:
    """The network that `request` asks for. Raises UsageError, SpecError, ShapeError, UnknownBlockError."""
    if request.spec is not None and request.layers is not None:
        raise UsageError("a SPEC and --layers are two networks", hint="give one of them, or: convcalc compare A B")
    text = request.spec if request.layers is None else request.layers
    if text is None:
        return _single_layer(request)
    return _from_target(text, request) if ":" in text else _from_text(text, request)


def _from_target(text: str, request: Request) -> Network:
    """A model, where the text names one: package.module:attribute. Nothing else in the language has a colon."""
    from convcalc.sandbox.parent import is_target

    if not is_target(text):
        return _from_text(text, request)
    from convcalc.cli.models import model_network

    return model_network(text, request)


def _from_text(text: str, request: Request) -> Network:
    """A text, or a catalogue entry with the options as its parameters."""
    call = _lone_call(text)
    settings = _settings(request, call)
    if call is None:
        _refuse_layer_options(request)
    elif request.norm or (request.bias and "bias" not in settings):
        option = "--norm" if request.norm else "--bias"
        raise UsageError(
            f"{option} acts on the convolutions of a text; {call.entry.name} decides its own",
            hint=f"leave {option} out, or write the block as a text",
        )
    shape, defaulted = _input(request, call.entry.input if call else DEFAULT_INPUT)
    bias = request.bias and call is None
    graph = parse(text, shape, norm=request.norm, bias=bias, settings=settings)
    return Network(graph=graph, text=_with_settings(" ".join(text.split()), settings), defaulted=defaulted)


def _lone_call(text: str) -> Call | None:
    """The call, if a text is nothing but one catalogue entry."""
    items = read(text)
    return items[0] if len(items) == 1 and isinstance(items[0], Call) else None


def _settings(request: Request, call: Call | None) -> dict[str, Any]:
    """The parameters that --set and the options of the same name give a catalogue entry."""
    given = dict(map(_key_and_value, request.settings))
    if call is None:
        if given:
            raise UsageError(
                f"--set {next(iter(given))}: only a catalogue entry has parameters",
                hint="convcalc blocks lists the catalogue",
            )
        return {}
    for name, value in _given(request.layer).items():
        if name == "in_channels":
            continue
        parameter = _parameter_of(call.entry, name)
        if parameter in given:
            raise UsageError(f"{_FLAGS[name]} and --set {parameter} say the same thing", hint="give one of them")
        given[parameter] = value
    if request.bias and "bias" in call.entry.parameters:
        given["bias"] = "true"
    for name in given:
        if name in call.arguments:
            raise UsageError(f"{name} is given in the text and as an option", hint="give one of them")
    return _read_settings(call.entry, given)


def _parameter_of(entry: Block, option: str) -> str:
    """The entry's parameter that a layer option sets. Raises UsageError."""
    if option in entry.parameters:
        return option
    if option == "out_channels" and "channels" in entry.parameters:
        return "channels"
    known = ", ".join(f"{name}={value}" for name, value in entry.parameters.items()) or "none"
    raise UsageError(
        f"{_FLAGS[option]}: {entry.name} has no parameter {option!r}",
        hint=f"its parameters are {known} (--set KEY=VALUE)",
    )


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (equals and key.strip() and value.strip()):
        raise UsageError(f"--set {text!r} is no KEY=VALUE", hint="for example --set cardinality=64")
    return key.strip().replace("-", "_"), value.strip()


def _read_settings(entry: Block, given: dict[str, str]) -> dict[str, Any]:
    """The values read by the language's own rules, so that they mean what they mean in a text."""
    if not given:
        return {}
    entry.check({name: value for name, value in given.items() if name not in entry.parameters})  # refuses them
    text = f"{entry.name}({', '.join(f'{name}={value}' for name, value in given.items())})"
    call = _lone_call(text)
    if call is None or set(call.arguments) != set(given):
        raise SpecError(
            "the value of a --set is more than one value", text, 0, hint="give each parameter its own --set"
        )
    return call.arguments


def _with_settings(text: str, settings: dict[str, Any]) -> str:
    """How the text would say what the options say."""
    if not settings:
        return text
    head, _, arguments = text.strip().partition("(")
    said = [part for part in (arguments.removesuffix(")").strip(),) if part]
    said += [f"{name}={_literal(value)}" for name, value in settings.items()]
    return f"{head.strip()}({', '.join(said)})"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"({', '.join(map(_literal, value))})" if isinstance(value, tuple) else str(value)


def _refuse_layer_options(request: Request) -> None:
    """A text says its layers' options itself."""
    for name in _given(request.layer):
        if name == "in_channels":
            continue
        letter = _LETTERS.get(name)
        hint = f"write it in the text: 3x3{letter}2" if letter else "give --kernel without a text"
        raise UsageError(f"{_FLAGS[name]} describes a single layer, and the text has its own", hint=hint)


def _given(layer: LayerOptions) -> dict[str, Any]:
    """The options of a single layer that were given."""
    return {name: value for name, value in layer._asdict().items() if value is not None}


def _single_layer(request: Request) -> Network:
    """The layer that --kernel and its companions describe; with groups, the ungrouped one beside it."""
    layer = request.layer
    if layer.kernel is None:
        given = ", ".join(_FLAGS[name] for name in _given(layer))
        raise UsageError(
            f"{given} of which layer?" if given else "no network is given",
            hint="give a SPEC, --layers TEXT or --kernel, for example --kernel 3",
        )
    if request.settings:
        raise UsageError("--set: only a catalogue entry has parameters", hint="convcalc blocks lists the catalogue")
    groups, channels = _grouping(layer)
    if channels and layer.in_channels is None and not request.inputs:
        request = request._replace(layer=layer._replace(in_channels=channels))
    shape, defaulted = _input(request, DEFAULT_INPUT)
    if channels and shape[0] != channels:
        raise UsageError(
            f"--cardinality {layer.cardinality} with --width {layer.width} is over {channels} channels, "
            f"the input has {shape[0]}",
            hint=f"leave --width out, or give the input {channels} channels",
        )
    graph = _layer_graph(layer, groups, shape, request)
    whole = Network(graph=_layer_graph(layer, 1, shape, request)) if groups > 1 else None
    text = ", ".join(graph.nodes[i].op.spec() for i in graph.layers)
    return Network(graph=graph, text=text, defaulted=defaulted, ungrouped=whole)


def _grouping(layer: LayerOptions) -> tuple[int, int | None]:
    """The groups, and the channels that cardinality and width make, if both are given."""
    if layer.groups and layer.cardinality:
        raise UsageError("--groups and --cardinality say the same thing", hint="give one of them")
    if layer.width and not layer.cardinality:
        raise UsageError(
            "--width is that of each of --cardinality groups", hint="for example --cardinality 32 --width 4"
        )
    groups = layer.groups or layer.cardinality or 1
    return groups, groups * layer.width if layer.width else None


def _layer_graph(layer: LayerOptions, groups: int, shape: Shape, request: Request) -> Graph:
    """The layer as the language says it, over `shape`."""
    options = {**_given(layer), "groups": groups}
    letters = [f"{letter}{options[name]}" for name, letter in _LETTERS.items() if name in options]
    return parse(f"{layer.kernel}{''.join(letters)}", shape, norm=request.norm, bias=request.bias)


def _input(request: Request, default: Shape) -> tuple[Shape, str]:
    """The input's shape, and which part of it nobody named."""
    if len(request.inputs) > 1:
        raise UsageError("a text has one input", hint="give --input once")
    channels = request.layer.in_channels
    if not request.inputs:
        if channels is None:
            return default, "default"
        return (channels, *default[1:]), f"{spell(default[1:])} default"
    shape = input_shape(request.inputs[0])
    if channels not in (None, shape[0]):
        raise UsageError(
            f"--in-channels {channels} and --input {spell(shape)} contradict each other", hint="give one of them"
        )
    return shape, ""
