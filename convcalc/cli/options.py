"""The options that commands share, and the requests that they make (tuples filled by keyword: starting up counts)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from convcalc import sandbox
from convcalc.core.operator import Axes
from convcalc.report.write import formats

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from convcalc.report.build.columns import View

FORMATS = formats()
DEVICES = ("cpu", "cuda", "auto")
DTYPES = ("float16", "bfloat16", "float32", "float64", "int8")

Command = Callable[..., Any]


class LayerOptions(NamedTuple):
    """A single layer, option by option; None where not given, a tuple for values per axis."""

    kernel: Axes | None = None
    in_channels: int | None = None
    out_channels: int | None = None
    groups: int | None = None
    cardinality: int | None = None
    width: int | None = None
    stride: Axes | None = None
    dilation: Axes | None = None
    padding: Axes | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class Request(NamedTuple):
    """The network that a command line asks for (see the help texts of the options)."""

    spec: str | None = None
    layers: str | None = None
    layer: LayerOptions = LayerOptions()
    inputs: tuple[str, ...] = ()
    norm: str = ""
    bias: bool = False
    settings: tuple[str, ...] = ()
    any_input: bool = False
    plugins: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    timeout: float = sandbox.TIMEOUT
    memory: float | None = None


class Output(NamedTuple):
    """How the answer is given, and whether it is proved.

    Args:
        format: one of FORMATS.
        confirm: whether to prove it; None: where that can be done.
        device: where the proof runs.
        demanded: whether a proof that cannot be made is an error: it, or its device, was asked for.
        dtype: the type whose bytes memory is also given in.
        strict: whether an operator that is not counted is an error.
        columns, sort, top, total, depth, tree: see View.
        every: whether a long table is shown whole on a terminal, too.
    """

    format: str = "table"
    confirm: bool | None = None
    device: str = "cpu"
    demanded: bool = False
    dtype: str | None = None
    strict: bool = False
    columns: tuple[str, ...] = ()
    sort: str = ""
    top: int | None = None
    total: bool = False
    depth: int | None = None
    tree: bool = False
    every: bool = False

    @property
    def view(self) -> View:
        """Which rows and columns are shown."""
        import sys

        from convcalc.report.build.columns import View

        fold = self.format == "table" and not self.every and sys.stdout.isatty()
        return View(
            columns=self.columns,
            sort=self.sort,
            top=self.top,
            total=self.total,
            depth=self.depth,
            tree=self.tree,
            fold=fold,
        )


def complete_spec(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The catalogue's names, for the shell."""
    from click.shell_completion import CompletionItem

    from convcalc.catalogue import get, names

    return [CompletionItem(name, help=get(name).summary) for name in names() if name.startswith(incomplete)]


def complete_column(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of columns, for the shell; of a list of them, the last."""
    from click.shell_completion import CompletionItem

    from convcalc.report.build.columns import column_names

    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(before + comma + name) for name in column_names() if name.startswith(last)]


class _Sizes(click.ParamType):  # type: ignore[type-arg]
    """One number for every axis, or one for each: `3`, `1x3`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Axes:
        if not isinstance(value, str):
            return value
        sizes = value.strip().lower().replace("×", "x").split("x")
        if len(sizes) > 3 or not all(size.isascii() and size.isdigit() and len(size) <= 30 for size in sizes):
            self.fail(f"{value!r} is not a size: one number for every axis, or one for each, like 3 or 1x3", param, ctx)
        return int(sizes[0]) if len(sizes) == 1 else tuple(map(int, sizes))


class _Count(click.ParamType):  # type: ignore[type-arg]
    """A number of at least 1."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 30 and int(text) >= 1):
            self.fail(f"{value!r} is not a whole number of at least 1", param, ctx)
        return int(text)


class Place(click.ParamType):  # type: ignore[type-arg]
    """A place on a map, counted from 0: `3,4`."""

    name = "I,J"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) <= 30 for part in parts):
            self.fail(f"{value!r} is not a place: a number for each axis, like 3,4", param, ctx)
        return tuple(int(part) for part in parts)


class _Names(click.ParamType):  # type: ignore[type-arg]
    """Names, a comma between each two."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).replace("，", ",").split(","))
        return names if all(names) else self.fail(f"{value!r} names nothing between two commas", param, ctx)


class Amount(click.ParamType):  # type: ignore[type-arg]
    """More than 0 of a unit, and no more than a machine has of it; the command gets it in the base unit."""

    def __init__(self, unit: str, size: int = 1) -> None:
        self.name = unit
        self.size = size

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            amount = float(value)
        except ValueError:
            amount = 0.0
        if not 0 < amount <= 1_000_000:
            self.fail(f"{value!r} is not a number of {self.name} between 0 and 1,000,000", param, ctx)
        return amount * self.size


INPUT = click.option(
    "--input", "inputs", multiple=True, metavar="CxHxW", help="Input, channels first. [default: 128x56x56]"
)
ANY_INPUT = click.option("--any-input", is_flag=True, help="Allow an input that makes another network of an entry.")
SETTINGS = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A catalogue entry's parameter.")
PLUGIN = click.option(
    "--plugin", "plugins", multiple=True, metavar="MODULE", help="Import operators, blocks, metrics of your own."
)
PYTHON_PATH = click.option(
    "--python-path", multiple=True, metavar="DIR", help="Where a model's or plugin's package is. [default: here]"
)
_NORM = click.option("--norm", default="", metavar="WORD", help="A normalisation after every convolution of a text.")
_BIAS = click.option("--bias", is_flag=True, help="A bias on every convolution of a text.")
TIMEOUT = click.option(
    "--timeout", type=Amount("seconds"), default=sandbox.TIMEOUT, show_default=True, help="Time that a model may take."
)
MEMORY = click.option(
    "--memory", type=Amount("GB", 10**9), help="Memory that a model may take. [default: most of what is free]"
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
    *(_BIAS, _NORM, SETTINGS, INPUT, ANY_INPUT, PLUGIN, PYTHON_PATH, TIMEOUT, MEMORY),
)
_SEVERAL = (
    click.argument("specs", nargs=-1, required=True, shell_complete=complete_spec),
    *(_BIAS, _NORM, INPUT, ANY_INPUT, PLUGIN, PYTHON_PATH, TIMEOUT, MEMORY),
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
TREE = click.option("--tree", is_flag=True, help="Modules as a tree.")
_OUTPUT = (
    click.option("--format", type=click.Choice(FORMATS), default="table", show_default=True, help="How to answer."),
    CONFIRM,
    DEVICE,
    click.option("--dtype", type=click.Choice(DTYPES), help="Also give memory in bytes of this type."),
    click.option("--strict", is_flag=True, help="Exit with 2 if an operator of a model cannot be counted."),
    click.option(
        "--columns", type=_Names(), default=(), shell_complete=complete_column, help="Columns: layer, spec, any metric."
    ),
    click.option("--sort", metavar="NAME", default="", shell_complete=complete_column, help="Sort layers by a column."),
    click.option("--top", type=_Count(), help="Only the largest layers, by --sort or by share."),
    click.option("--total", is_flag=True, help="Only the totals."),
    click.option("--depth", type=_Count(), help="Group layers by module, this many names deep."),
    click.option("--all", "every", is_flag=True, help="Every layer on a terminal, too."),
)
_OUTPUT_NAMES = tuple(name for name in Output._fields if name not in ("demanded", "tree"))
_SHARED_NAMES = tuple(name for name in Request._fields if name not in ("spec", "layers", "layer"))


def network_options(command: Command) -> Command:
    """Add SPEC and all that says what it is; the command gets `request`, a Request."""

    @wraps(command)
    def run(**given: Any) -> Any:
        layer = LayerOptions(**{name: given.pop(name) for name in LayerOptions._fields})
        kept = {name: given.pop(name) for name in ("spec", "layers", *_SHARED_NAMES)}
        return command(request=Request(layer=layer, **kept), **given)

    return _with(_NETWORK, run)


def several_networks_options(command: Command) -> Command:
    """Add several SPECs over one input; the command gets `requests`, a Request for each."""

    @wraps(command)
    def run(specs: tuple[str, ...], **given: Any) -> Any:
        shared = Request(**{name: given.pop(name) for name in _SHARED_NAMES if name != "settings"})
        return command(requests=[shared._replace(spec=spec) for spec in specs], **given)

    return _with(_SEVERAL, run)


def output_options(command: Command) -> Command:
    """Add format, rows, columns and proof; the command gets `output`, an Output."""

    @wraps(command)
    def run(tree: bool = False, **given: Any) -> Any:
        asked = {name: given.pop(name) for name in _OUTPUT_NAMES}
        output = Output(tree=tree, demanded=is_demanded(asked["confirm"]), **asked)
        return command(output=output, **given)

    return _with(_OUTPUT, run)


def is_demanded(confirm: bool | None) -> bool:
    """Whether --confirm or --device was given, so that a proof that cannot be made is an error."""
    device = click.get_current_context().get_parameter_source("device")
    return confirm is True or (confirm is None and device is ParameterSource.COMMANDLINE)


def _with(options: Sequence[Command], command: Command) -> Command:
    """`command` under click's decorators, in the order of the help text."""
    for option in reversed(options):
        command = option(command)
    return command
