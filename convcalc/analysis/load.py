"""From what is written to a Network, for all that needs no torch: texts and catalogue entries.

An input that would quietly make another network of what was named is refused here, for everybody.
"""

from __future__ import annotations

from convcalc.analysis.network import Network
from convcalc.catalogue.registry import Block
from convcalc.core.errors import UsageError
from convcalc.core.operator import Shape, spell
from convcalc.language.parse import input_shape, lone_call, parse
from convcalc.language.source import Source


def load_text(source: Source) -> Network:
    """Build a text or a catalogue entry.

    Raises SpecError, ShapeError, LimitError, UnknownBlockError, UsageError.

    >>> load_text(Source(text="3x3,3x3", inputs=("64x56x56",))).params
    73728
    """
    if len(source.inputs) > 1:
        raise UsageError("a text has one input", hint="give one, for example 3x224x224")
    shape = input_shape(source.inputs[0]) if source.inputs else None
    call = lone_call(source.text)
    if call:
        _check_call(call.entry, source, shape)
    graph = parse(source.text, shape, norm=source.norm, bias=source.bias, settings=dict(source.settings))
    notes = () if call or source.any_input else _remarks(shape)
    return Network(graph=graph, text=source.text, defaulted="" if source.inputs else "default", notes=notes)


def _check_call(entry: Block, source: Source, shape: Shape | None) -> None:
    """Raise UsageError for what an entry would leave out, or be another network with."""
    for option in ("norm", "bias"):
        if getattr(source, option):
            raise UsageError(
                f"{option} acts on the convolutions of a text; {entry.name} decides its own",
                hint=f"leave {option} out, or write the block as a text",
            )
    if shape is None or source.any_input or (len(shape), shape[0]) == (len(entry.input), entry.input[0]):
        return
    raise UsageError(
        f"over {spell(shape)} {entry.name} is another network: it is made for {spell(entry.input)}",
        hint=f"{_meant(shape, entry.input)}; --any-input (any-input = true) allows any input",
    )


def _meant(shape: Shape, default: Shape) -> str:
    """What an input that does not fit was probably meant to be.

    >>> _meant((1, 3, 64, 64), (3, 224, 224)), _meant((224, 224, 3), (3, 224, 224))
    ('leave out the batch: 3x64x64', 'channels come first: 3x224x224')
    """
    channels, *sizes = default
    if len(shape) == len(default) + 1:
        if channels in (shape[1], shape[-1]):
            return f"leave out the batch: {spell((channels, *_without(shape[1:], channels)))}"
    elif len(shape) == len(default) and shape[-1] == channels:
        return f"channels come first: {spell((channels, *shape[:-1]))}"
    elif len(shape) == len(sizes):
        return f"channels come first: {spell((channels, *shape))}"
    return f"give {channels} channels and {len(sizes)} size{'s' * (len(sizes) != 1)}, as in {spell(default)}"


def channels_first(inputs: tuple[str, ...]) -> str:
    """What a model's input was probably meant to be, if it has its channels last: a hint for a forward that fails.

    >>> channels_first(("224x224x3",)), channels_first(("3x224x224",))
    ('channels come first: 3x224x224', '')
    """
    sizes = inputs[0].split("x") if len(inputs) == 1 else []
    is_last = len(sizes) == 3 and sizes[2] in ("1", "3", "4") and sizes[0] not in ("1", "3", "4")
    return f"channels come first: {'x'.join((sizes[2], *sizes[:2]))}" if is_last else ""


def _without(shape: Shape, channels: int) -> Shape:
    """The sizes beside the channels, wherever those stand."""
    return shape[1:] if shape[0] == channels else shape[:-1]


def _remarks(shape: Shape | None) -> tuple[str, ...]:
    """What is said of an input that a text takes, and that may be meant otherwise."""
    if shape is None or len(shape) != 4 or shape[0] != 1:
        return ()
    return (f"{spell(shape)} is one channel over three axes; if the 1 is a batch, leave it out: {spell(shape[1:])}",)
