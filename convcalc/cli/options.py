"""The options that commands share, and the requests that they make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

FORMATS = ("table", "json", "csv", "markdown", "latex")
DEVICES = ("cpu", "cuda", "auto")
DTYPES = ("float16", "bfloat16", "float32", "float64", "int8")

TIMEOUT = 120.0
"""Seconds that a model's code may take."""

Command = Callable[..., Any]


class LayerOptions(NamedTuple):
    """A single layer, option by option; each a text of the language (`3`, `1x3`), or None where not given."""

    kernel: str | None = None
    in_channels: int | None = None
    out_channels: int | None = None
    groups: int | None = None
    cardinality: int | None = None
    width: int | None = None
    stride: str | None = None
    dilation: str | None = None
    padding: str | None = None


class Request(NamedTuple):
    """The network that a command line asks for."""

    spec: str | None
    layers: str | None
    layer: LayerOptions
    inputs: tuple[str, ...]
    norm: str
    bias: bool
    settings: tuple[str, ...]
    python_path: tuple[str, ...] = ()
    timeout: float = TIMEOUT


class Output(NamedTuple):
    """How the answer is given, and whether it is proved."""

    format: str
    confirm: bool
    device: str
    dtype: str | None = None
    strict: bool = False
    depth: int | None = None


def complete_spec(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The catalogue's names, for the shell."""
    from click.shell_completion import CompletionItem

    from convcalc.catalogue import get, names

    return [CompletionItem(name, help=get(name).summary) for name in names() if name.startswith(incomplete)]


class _Sizes(click.ParamType):  # type: ignore[type-arg]
    """One number for every axis, or one for each: `3`, `1x3`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        sizes = str(value).strip().lower().replace("×", "x").split("x")
        if not all(size.isascii() and size.isdigit() and len(size) <= 30 for size in sizes):
            self.fail(f"{value!r} is no size: one number for every axis, or one for each, like 3 or 1x3", param, ctx)
        return "x".join(sizes)


class _Count(click.ParamType):  # type: ignore[type-arg]
    """A number of at least 1."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 30 and int(text) >= 1):
            self.fail(f"{value!r} is no whole number of at least 1", param, ctx)
        return int(text)


class Place(click.ParamType):  # type: ignore[type-arg]
    """A place on a map, counted from 0: `3,4`."""

    name = "I,J"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) <= 30 for part in parts):
            self.fail(f"{value!r} is no place: a number for each axis, like 3,4", param, ctx)
        return tuple(int(part) for part in parts)


INPUT = click.option(
    "--input", "inputs", multiple=True, metavar="CxHxW", help="Input, channels first. [default: 128x56x56]"
)
SETTINGS = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A catalogue entry's parameter.")
_NORM = click.option("--norm", default="", metavar="WORD", help="A normalisation after every convolution of a text.")
_BIAS = click.option("--bias", is_flag=True, help="A bias on every convolution of a text.")
_MODEL = (
    click.option("--python-path", multiple=True, metavar="DIR", help="Where a model's package is. [default: here]"),
    click.option("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="How long a model's code may take."),
)
_NETWORK = (
    click.argument("spec", required=False, shell_complete=complete_spec),
    click.option("--layers", metavar="TEXT", help="The network as a text, in place of SPEC."),
    click.option("--kernel", type=_Sizes(), help="Kernel of a single layer: 3 (every axis) or 1x3."),
    click.option("--in-channels", type=_Count(), help="Channels of the input."),
    click.option("--out-channels", type=_Count(), help="Output channels. [default: as many as come in]"),
    click.option("--groups", type=_Count(), help="Groups of channels; also shows the ungrouped layer."),
    click.option("--cardinality", type=_Count(), help="Groups, with --width channels in each."),
    click.option("--width", type=_Count(), help="Channels in each group of --cardinality."),
    click.option("--stride", type=_Sizes(), help="Stride. [default: 1]"),
    click.option("--dilation", type=_Sizes(), help="Dilation. [default: 1]"),
    click.option("--padding", type=_Sizes(), help="Padding. [default: keeps the size at stride 1]"),
    _BIAS,
    _NORM,
    SETTINGS,
    INPUT,
    *_MODEL,
)
_SEVERAL = (
    click.argument("specs", nargs=-1, required=True, shell_complete=complete_spec),
    _BIAS,
    _NORM,
    INPUT,
    *_MODEL,
)
CONFIRM = click.option(
    "--confirm/--no-confirm",
    default=None,
    envvar="CONVCALC_CONFIRM",
    help="Prove the numbers on the real PyTorch module. [default: where torch is installed]",
)
DEVICE = click.option(
    "--device", type=click.Choice(DEVICES), default="cpu", show_default=True, help="Where the proof runs."
)
_OUTPUT = (
    click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="How to answer."),
    CONFIRM,
    DEVICE,
    click.option("--dtype", type=click.Choice(DTYPES), help="Also give memory in bytes of this type."),
    click.option("--strict", is_flag=True, help="Exit with 2 if an operator of a model cannot be counted."),
    click.option("--depth", type=_Count(), help="Group layers by module, so many names deep."),
)


_OUTPUT_NAMES = tuple(name for name in Output._fields if name != "confirm")


def network_options(command: Command) -> Command:
    """Add SPEC and all that says what it is; the command gets `request`, a Request."""

    @wraps(command)
    def run(**given: Any) -> Any:
        layer = LayerOptions(**{name: given.pop(name) for name in LayerOptions._fields})
        kept = {name: given.pop(name) for name in Request._fields if name != "layer"}
        return command(request=Request(layer=layer, **kept), **given)

    return _with(_NETWORK, run)


def several_networks_options(command: Command) -> Command:
    """Add several SPECs over one input; the command gets `requests`, a Request for each."""

    @wraps(command)
    def run(specs: tuple[str, ...], **given: Any) -> Any:
        shared = {name: given.pop(name) for name in ("inputs", "norm", "bias", "python_path", "timeout")}
        requests = [Request(spec, None, LayerOptions(), settings=(), **shared) for spec in specs]
        return command(requests=requests, **given)

    return _with(_SEVERAL, run)


def output_options(command: Command) -> Command:
    """Add format and proof; the command gets `output`, an Output."""

    @wraps(command)
    def run(confirm: bool | None, **given: Any) -> Any:
        output = Output(confirm=confirm is not False, **{name: given.pop(name) for name in _OUTPUT_NAMES})
        return command(output=output, **given)

    return _with(_OUTPUT, run)


def _with(options: Sequence[Command], command: Command) -> Command:
    """`command` under click's decorators, in the order of the help text."""
    for option in reversed(options):
        command = option(command)
    return command
