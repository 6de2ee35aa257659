"""What an operator is: its rules, its place in the language, and the registry that everything follows from.

A new operator is one class in one file of `ops/` (or of a user's own): a frozen dataclass under `@operator`.
Its fields are its options (`option("s")` gives one a letter), its methods its rules. The parser, the
tables, the codec, the proof and the tests find it by itself. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import operator as operator_module
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, dataclass_transform

from convcalc.core.algebra import at_least, divides, is_number, text
from convcalc.core.errors import ShapeError
from convcalc.core.registry import Registry
from convcalc.core.window import IDENTITY, Window

Shape = tuple[int, ...]
"""Channels first, then the spatial axes; the batch is left out: `(64, 56, 56)`."""

Axes = Any
"""One number for every spatial axis, or a tuple of one for each; None where an option has a default to fill in."""


class Params(NamedTuple):
    """Trainable parameters by what they are."""

    weights: int = 0
    biases: int = 0
    norm: int = 0
    frozen: int = 0
    """Not trainable (`requires_grad` is off): a count of its own, outside the total."""

    @property
    def total(self) -> int:
        """All trainable ones."""
        return self.weights + self.biases + self.norm


class Formula(NamedTuple):
    """The arithmetic of a layer as text, with the numbers in it; empty where there is none."""

    params: str = ""
    macs: str = ""


NO_PARAMS = Params()
NO_FORMULA = Formula()


class Op:
    """One operator. A subclass overrides the rules that are not trivial for it.

    Every rule takes the shapes of the inputs and is plain arithmetic (see `convcalc.core.algebra`).
    """

    word: ClassVar[str] = ""
    """How the language calls it; None of the table's words is a prefix rule: the longest match wins."""
    label: ClassVar[str] = ""
    """What its layers are called in builders: `conv1`, `bn1`. The kind shown in tables and JSON."""
    numbered: ClassVar[bool] = False
    """Whether builders number its layers from 1 (`conv1`), or only from the second on (`relu`, `relu2`)."""
    summary: ClassVar[str] = ""
    """One line for the table of operators."""
    is_view: ClassVar[bool] = False
    """Whether the output shares its input's memory in an inference pass."""
    is_view_in_training: ClassVar[bool] = True
    """Whether what is a view in an inference pass is one in training, too."""
    saves: ClassVar[str] = ""
    """What PyTorch keeps for the backward pass: "input" (every one, see `saved_inputs`), "output" or nothing."""
    aten: ClassVar[str] = ""
    """PyTorch's name of a call that is this operator with its defaults, where there is one."""
    exact_in_fvcore: ClassVar[bool] = False
    """Whether fvcore counts its multiply-accumulates to the unit (it rounds some matrix products)."""
    is_convolution: ClassVar[bool] = False
    """Whether --norm and --bias act on it."""
    input_dependent: ClassVar[bool] = False
    """Whether the positions read depend on the values, so that `window` is what is read at least."""
    speakable: ClassVar[bool] = True
    """Whether `spec` is a word of the language."""
    counted: ClassVar[bool] = True
    """Whether the counts are known; a network with a layer where they are not has a lower bound for a total."""

    classes: ClassVar[dict[str, type[Op]]] = {}
    """Every operator, with a word or without, by its full name."""

    def __init_subclass__(cls) -> None:
        Op.classes[cls.full_name()] = cls

    @classmethod
    def full_name(cls) -> str:
        """The class's module and name, by which another process knows it."""
        return f"{cls.__module__}.{cls.__qualname__}"

    @property
    def kind(self) -> str:
        """What sort of layer it is, in tables and JSON."""
        return self.label

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def bind(self, *inputs: Shape) -> Op:
        """The same operator with every default filled in for these inputs. Raises ShapeError."""
        return self

    def replace(self, **changes: Any) -> Self:
        """The same operator with some options changed."""
        changed: Self = dataclasses.replace(self, **changes)  # type: ignore[type-var]
        return changed

    def shape(self, *inputs: Shape) -> Shape:
        """The shape of the output. Raises ShapeError where the inputs do not fit."""
        return inputs[0]

    def params(self, *inputs: Shape) -> Params:
        """Trainable parameters."""
        return NO_PARAMS

    def buffers(self, *inputs: Shape) -> int:
        """Values that are kept beside the parameters and not learned, such as running statistics."""
        return 0

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulates of convolutions and matrix products, biases left out."""
        return 0

    def elementwise(self, *inputs: Shape) -> int:
        """All other arithmetic: one for each addition, multiplication, comparison or function value."""
        return 0

    def saved_inputs(self, wanted: Sequence[bool], *, trained: bool) -> Sequence[int]:
        """Which inputs the backward pass needs.

        `wanted` says for each input whether there is a gradient by it, `trained` whether there is one by parameters.
        """
        return range(len(wanted)) if self.saves == "input" else ()

    def kept(self, *inputs: Shape) -> int:
        """Elements that training makes and keeps besides inputs and output: a dropout's mask."""
        return 0

    def window(self, axis: int, source: int, *inputs: Shape) -> Window:
        """What one output reads of input number `source` along its spatial axis `axis`."""
        return IDENTITY

    def formula(self, *inputs: Shape) -> Formula:
        """`params` and `macs` as text with the numbers in it."""
        return NO_FORMULA

    def module(self, nn: Any, *inputs: Shape) -> Any:
        """The PyTorch module; `nn` is `convcalc.pytorch.modules`: torch.nn and what it lacks."""
        raise NotImplementedError(f"{type(self).__name__} has no torch module")

    def spec(self) -> str:
        """The operator in the language, defaults left out."""
        return self.word + "".join(
            letter + _spell(getattr(self, field.name), whole=not letter)
            for field, letter in options(type(self))
            if getattr(self, field.name) != self.default(field)
        )

    def default(self, field: dataclasses.Field[Any]) -> Any:
        """The value of `field` that `spec` leaves out."""
        return field.default


O = TypeVar("O", bound=type[Op])  # noqa: E741


@dataclass_transform(frozen_default=True)
def record(cls: O) -> O:
    """Make `cls` a frozen dataclass, with Op's own comparison: half the time of a full one at every start."""
    dataclasses.dataclass(frozen=True, eq=False, repr=False, match_args=False)(cls)
    return cls


@record
class Input(Op):
    """The network's input, of a given shape. Not a word of the language."""

    label = "input"

    size: Shape

    def shape(self, *inputs: Shape) -> Shape:
        return self.size


REGISTRY: Registry[type[Op]] = Registry("operators", "convcalc.core.ops")
"""Every operator of the language by its word."""


def option(letter: str, *, default: Any = dataclasses.MISSING, axes: bool = False, flag: bool = False) -> Any:
    """A field with a place in the language: `letter` then a number, one for each axis if `axes`.

    An empty letter is the number right after the word: `fc1000`; without a default it must stand there.
    A `flag` may stand without a number.
    """
    return dataclasses.field(default=default, metadata={"letter": letter, "axes": axes, "flag": flag})


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
def operator(cls: O) -> O:
    """Make `cls` a frozen dataclass, if it has options, and a word of the language."""
    if vars(cls).get("__annotations__"):
        record(cls)
    REGISTRY.add(cls.word, cls, cls.__module__)
    return cls


def options(cls: type[Op]) -> list[tuple[dataclasses.Field[Any], str]]:
    """The fields of an operator that the language can say, each with its letter."""
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return [(field, field.metadata["letter"]) for field in fields if "letter" in field.metadata]


def as_shape(value: Any) -> Shape:
    """`value` as a shape: whole numbers of NumPy's or torch's become Python's own, which never overflow.

    Raises TypeError for what is not a row of whole numbers: a text, a float, True.

    >>> import array
    >>> as_shape(array.array("q", [3, 224, 224]))
    (3, 224, 224)
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"a shape is a row of whole numbers, channels first, such as (3, 224, 224), not {value!r}")
    if len(getattr(value, "shape", (1,))) != 1 or hasattr(value, "requires_grad"):
        raise TypeError("an input is given by its shape without the batch, such as (3, 224, 224), not by its values")
    return tuple([_size(size) for size in value])


def _size(value: Any) -> Any:
    """One size as an int; a batch of sizes or a symbol as it is."""
    if type(value) is int:
        return value
    if isinstance(value, bool | float | complex | str | bytes | list | tuple | dict | set | None):
        raise TypeError(f"the sizes of a shape are whole numbers, such as those of (3, 224, 224), not {value!r}")
    try:
        return operator_module.index(value)
    except TypeError:
        return value


def rank(shape: Shape) -> int:
    """The number of spatial axes."""
    return len(shape) - 1


def corners(shape: Shape) -> int:
    """How many neighbours linear interpolation weighs: two along each spatial axis."""
    return 1 << rank(shape)


def each_axis(value: Axes, shape: Shape, what: str) -> tuple[int, ...]:
    """`value` for every spatial axis of `shape`. Raises ShapeError if it is for another number of axes."""
    axes = len(shape) - 1
    if not axes:
        raise ShapeError(
            f"the {what} needs spatial axes, the input {spell(shape)} has none",
            hint="nothing spatial can follow a dense layer",
        )
    if type(value) is not tuple:
        return (value,) * axes
    if len(value) == axes:
        return value
    if len(value) == 1:
        return value * axes
    raise ShapeError(
        f"the {what} {spell(value)} is {len(value)}-D, its input {spell(shape)} has "
        + (f"{axes} spatial axes" if axes != 1 else "1 spatial axis"),
        hint=f"name an input with {len(value)} spatial axes, or give one number for every axis",
    )


def positive(what: str, *values: Any) -> None:
    """Raise ShapeError unless every value is at least 1."""
    for value in values:
        if not at_least(value, 1):
            raise ShapeError(f"{what} must be at least 1, not {value}")


def check_groups(groups: Any, x: Shape) -> None:
    """Raise ShapeError unless the channels of `x` make so many equal groups."""
    positive("groups", groups)
    if not divides(groups, x[0]):
        raise ShapeError(f"groups={groups} does not divide {text(x[0])} channels")


def spell(shape: Shape) -> str:
    """A shape as people write it: 64x56x56."""
    return "x".join(text(size) for size in shape)


def times(*factors: Any) -> str:
    """A product as text, with the numbers in it."""
    return "*".join(factor if isinstance(factor, str) else text(factor) for factor in factors)


def _spell(value: Any, *, whole: bool = False) -> str:
    """An option's value in the language; equal axes as one number unless `whole`."""
    if isinstance(value, tuple):
        equal = len(set(map(id, value))) == 1 or (all(is_number(v) for v in value) and len(set(value)) == 1)
        return text(value[0]) if equal and not whole else spell(value)
    return "" if value is True else str(int(value)) if value is False else str(value)
