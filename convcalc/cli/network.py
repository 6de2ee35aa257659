"""From a request on the command line to the network it means. All that contradicts itself is refused here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convcalc.analysis.network import Network
from convcalc.cli.options import LayerOptions, Request
from convcalc.core.errors import UsageError
from convcalc.core.operator import Shape, spell
from convcalc.language.parse import DEFAULT_INPUT, Call, input_shape, lone_call, read_value, single

if TYPE_CHECKING:
    from convcalc.catalogue import Block

_FLAGS = {name: "--" + name.replace("_", "-") for name in LayerOptions._fields}

_LETTERS = {"out_channels": "c", "stride": "s", "padding": "p", "dilation": "d", "groups": "g"}
"""How the language calls the options of a single layer."""


def resolve(request: Request) -> Network:
    """The network that `request` asks for. Raises UsageError, and all that SPECs and plugins raise."""
    load_plugins(request)
    if request.spec is not None and request.layers is not None:
        raise UsageError("a SPEC and --layers are two networks", hint="give one of them, or: convcalc compare A B")
    text = request.spec if request.layers is None else request.layers
    if text is None:
        return _single_layer(request)
    return _model(text, request) if _is_model(text) else _from_text(text, request)


def load_plugins(request: Request) -> None:
    """Import the modules that --plugin names. Raises PluginError."""
    if request.plugins:
        from convcalc.core.plugins import load_plugin

        for name in request.plugins:
            load_plugin(name, request.python_path or (".",))


def _is_model(text: str) -> bool:
    """Whether a text names a model: package.module:attribute. Nothing else in the language has a colon."""
    if ":" not in text:
        return False
    from convcalc.sandbox.parent import is_target

    return is_target(text)


def _model(text: str, request: Request) -> Network:
    """The model. Raises UsageError, SpecError, ModelError."""
    from convcalc.cli.answer import quote
    from convcalc.cli.progress import Progress
    from convcalc.language.source import Source
    from convcalc.sandbox.load import load
    from convcalc.sandbox.parent import Sandbox

    for flag, value in (("--norm", request.norm), ("--bias", request.bias), ("--set", request.settings)):
        if value:
            hint = "give the model arguments: package.module:Net(width=32)"
            raise UsageError(f"{flag} is for texts and catalogue entries", hint=hint)
    if request.layer != LayerOptions():
        raise UsageError("a model's code describes its layers itself", hint="leave the options of a single layer out")
    source = Source(text=text, inputs=request.inputs, any_input=request.any_input)
    with Progress("tracing") as progress:
        progress(text)
        return load(
            source, Sandbox(python_path=request.python_path, timeout=request.timeout, memory=request.memory, tell=quote)
        )


def _from_text(text: str, request: Request) -> Network:
    """A text, or a catalogue entry with the options as its parameters."""
    from convcalc.analysis.load import load_text
    from convcalc.language.source import Source

    call = lone_call(text)
    settings = _settings(request, call)
    if call is None:
        _refuse_layer_options(request)
    shape, defaulted = _input(request, call.entry.input if call else DEFAULT_INPUT)
    source = Source(
        text=" ".join(text.split()),
        inputs=(spell(shape),),
        norm=request.norm,
        bias=request.bias and "bias" not in settings,
        settings=tuple(settings.items()),
        any_input=request.any_input,
    )
    return replace(load_text(source), text=_with_settings(source.text, settings), defaulted=defaulted)


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
    for name, value in request.layer.given.items():
        if name == "in_channels":
            continue
        parameter = _parameter_of(call.entry, name)
        if parameter in given:
            raise UsageError(f"{_FLAGS[name]} and --set {parameter} say the same thing", hint="give one of them")
        given[parameter] = value
    if request.bias and "bias" in call.entry.parameters:
        given["bias"] = True
    for name in given:
        if name in call.arguments:
            raise UsageError(f"{name} is given in the text and as an option", hint="give one of them")
    return given


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


def _key_and_value(text: str) -> tuple[str, Any]:
    """A --set: the value is read by the language's own rules, so that it means what it means in a text."""
    key, equals, value = text.partition("=")
    if not (equals and key.strip() and value.strip()):
        raise UsageError(f"--set {text!r} is not KEY=VALUE", hint="for example --set cardinality=64")
    return key.strip().replace("-", "_"), read_value(value.strip())


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
    for name in request.layer.given:
        if name == "in_channels":
            continue
        letter = _LETTERS.get(name)
        hint = f"write it in the text: 3x3{letter}2" if letter else "give --kernel without a text"
        raise UsageError(f"{_FLAGS[name]} describes a single layer, and the text has its own", hint=hint)


def _single_layer(request: Request) -> Network:
    """The layer that --kernel and its companions describe; with groups, the ungrouped one beside it."""
    layer = request.layer
    if layer.kernel is None:
        given = ", ".join(_FLAGS[name] for name in layer.given)
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
    whole = _layer_network(request, 1, shape) if groups > 1 else None
    return replace(_layer_network(request, groups, shape), defaulted=defaulted, ungrouped=whole)


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


def _layer_network(request: Request, groups: int, shape: Shape) -> Network:
    """The convolution that the options describe, over `shape`."""
    from convcalc.core.ops.convolution import Conv

    layer = request.layer
    convolution = Conv(
        kernel=layer.kernel,
        channels=layer.out_channels,
        stride=layer.stride or 1,
        padding=layer.padding,
        dilation=layer.dilation or 1,
        groups=groups,
    )
    graph = single(convolution, shape, norm=request.norm, bias=request.bias)
    return Network(graph=graph, text=", ".join(graph.nodes[index].op.spec() for index in graph.layers))


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
