"""The language: a short text becomes a graph.

    items   := item ("," item)*
    item    := (layer | join | call | "(" items ")") ["*" number]
    layer   := [word] [size] (letter size)*          size := number ("x" number)*
    join    := word "(" items ("|" items)* ")"
    call    := entry ["(" [name "="] value, ... ")"]

Words and letters are the operators' own (`convcalc.core.operator.REGISTRY`); an entry is one of the catalogue.
Every mistake is a SpecError with the offset of its culprit, or a ShapeError that names the layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from convcalc.catalogue import find, names
from convcalc.core.errors import ConvcalcError, LimitError, ShapeError, SpecError, UsageError, suggest
from convcalc.core.graph import MAX_LAYERS, Builder, Graph, Tensor
from convcalc.core.operator import REGISTRY, Op, Shape, options
from convcalc.core.ops.join import Join

MAX_DEPTH = 40
"""The deepest nesting of brackets that is read."""

MAX_DIGITS = 30
"""The longest number that is read."""

MAX_LONE_KERNEL = 15
"""A larger number that stands by itself is refused: papers write output channels so, "3x3, 64"."""

DEFAULT_INPUT: Shape = (128, 56, 56)
"""The input of a text that names none."""

_PLAIN = {
    **{0xFEE0 + code: code for code in range(0x21, 0x7F)},  # the wide forms of ASCII in Chinese and Japanese texts
    **str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ×、", "abcdefghijklmnopqrstuvwxyzx,"),
    **str.maketrans("ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ", "abcdefghijklmnopqrstuvwxyz"),
}
"""Characters that are read as another one each, so that offsets stay."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:-[a-z0-9_]+)*")
_NUMBER = re.compile(r"[0-9]+")
_REAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SPACE = re.compile(r"\s*")


class Layer(NamedTuple):
    """One operator of a text, at an offset."""

    op: Op
    offset: int


class Branches(NamedTuple):
    """A join of branches that start from the same tensor."""

    join: Op
    branches: tuple[Items, ...]
    offset: int


class Call(NamedTuple):
    """A catalogue entry with its arguments."""

    entry: Any
    arguments: dict[str, Any]
    offset: int


class Repeat(NamedTuple):
    """Items that are repeated `times` times."""

    items: Items
    times: int
    offset: int


Item = Layer | Branches | Call | Repeat
Items = tuple[Any, ...]
"""Items that follow each other; each an Item."""


def parse(
    text: str, input: Shape | None = None, *, norm: str = "", bias: bool = False, settings: dict[str, Any] | None = None
) -> Graph:
    """Read `text` and build it over an input of shape `input`, channels first.

    The default input is a lone catalogue entry's own, else 128x56x56. `norm` ("bn") adds a normalisation
    after every convolution of the text (a separable one counts as one layer), `bias` a bias to each;
    `settings` are parameters for a lone catalogue entry. Raises SpecError, ShapeError, LimitError,
    UnknownBlockError, UsageError.

    >>> parse("3x3c64s2, relu").output_shape
    (64, 28, 28)
    """
    items = read(text)
    if norm or bias:
        items = _decorate(items, _norm(norm) if norm else None, bias)
    if len(items) == 1 and isinstance(items[0], Call):
        entry, arguments, offset = items[0]
        try:
            graph: Graph = entry.graph(*([] if input is None else [input]), **{**arguments, **(settings or {})})
        except ShapeError as error:
            raise _placed(error, text, offset) from None
        return graph
    if settings:
        names = ", ".join(settings)
        raise UsageError(f"{names}: only a catalogue entry has parameters", hint="convcalc blocks lists the catalogue")
    builder = Builder()
    output = build(text, items, builder.input(DEFAULT_INPUT if input is None else input))
    return builder.graph(output)


def read(text: str) -> Items:
    """The items of `text`, nothing built yet. Raises SpecError, LimitError."""
    if not isinstance(text, str):
        raise TypeError(f"a network is a text such as '3x3c64s2,3x3', not a value of type {type(text).__name__}")
    try:
        return _Parser(text).whole()
    except SpecError as error:
        from convcalc.language.meant import meant  # for mistakes only: starting up counts

        error.hint = meant(text) or error.hint
        raise


def single(op: Op, input: Shape, *, norm: str = "", bias: bool = False) -> Graph:
    """The network of one layer, as a text of that layer alone means it. Raises SpecError, ShapeError."""
    items = _decorate((Layer(op, 0),), _norm(norm) if norm else None, bias)
    builder = Builder()
    return builder.graph(build("", items, builder.input(input)))


def lone_call(text: str) -> Call | None:
    """The call, if `text` is nothing but one catalogue entry. Raises SpecError, LimitError."""
    items = read(text)
    return items[0] if len(items) == 1 and isinstance(items[0], Call) else None


def read_value(text: str) -> Any:
    """The value of an entry's parameter, as a text has it: 64, (3, 4), true. Raises SpecError.

    >>> read_value("(3, 4)")
    (3, 4)
    """
    parser = _Parser(text)
    value = parser.literal()
    parser.skip()
    if parser.offset < len(text):
        parser.fail("this is more than one value")
    return value


def build(text: str, items: Items, x: Tensor) -> Tensor:
    """Add `items`, numbered 0, 1, 2, over `x`. Raises ShapeError with the layer and its place in `text`."""
    for number, item in enumerate(_flat(items)):
        try:
            x = _build_item(text, item, x, str(number))
        except ShapeError as error:
            raise _placed(error, text, item.offset) from None
    return x


def _placed(error: ShapeError, text: str, offset: int) -> ShapeError:
    """`error` with its place in `text`, unless it has one further inside."""
    if not error.text:
        from convcalc.language.meant import input_meant

        error.text, error.offset = text, offset
        error.hint = input_meant(text) or error.hint
    return error


def _build_item(text: str, item: Layer | Branches | Call, x: Tensor, name: str) -> Tensor:
    if isinstance(item, Layer):
        return x.apply(item.op, name=name)
    with x.scope(name):
        if isinstance(item, Call):
            return item.entry.build(*(x,) * item.entry.arity, **item.arguments)  # type: ignore[no-any-return]
        outputs = []
        for number, branch in enumerate(item.branches):
            with x.scope(str(number)):
                outputs.append(build(text, branch, x))
        return outputs[0].apply(item.join, *outputs[1:], name=item.join.word)


def _flat(items: Items) -> Any:
    """The items in order, repetitions unrolled."""
    for item in items:
        if isinstance(item, Repeat):
            for _ in range(item.times):
                yield from _flat(item.items)
        else:
            yield item


def _count(items: Items) -> int:
    """How many layers the items stand for, at least."""
    total = 0
    for item in items:
        if isinstance(item, Repeat):
            total += item.times * _count(item.items)
        elif isinstance(item, Branches):
            total += 1 + sum(map(_count, item.branches))
        else:
            total += 1
    return total


def _decorate(items: Items, norm: Op | None, bias: bool) -> Items:
    """The items with `norm` after every convolution and a `bias` on each."""
    made: list[Item] = []
    for item in items:
        if isinstance(item, Layer) and item.op.is_convolution:
            made.append(item._replace(op=item.op.replace(bias=True)) if bias else item)
            if norm:
                made.append(Layer(norm, item.offset))
        elif isinstance(item, Repeat):
            made.append(item._replace(items=_decorate(item.items, norm, bias)))
        elif isinstance(item, Branches):
            made.append(item._replace(branches=tuple(_decorate(b, norm, bias) for b in item.branches)))
        else:
            made.append(item)
    return tuple(made)


def _norm(text: str) -> Op:
    items = read(text)
    if len(items) != 1 or not isinstance(items[0], Layer) or items[0].op.is_convolution:
        raise SpecError(f"{text!r} is not one normalisation", text, 0, hint="for example bn, ln or gn32")
    return items[0].op


class _Parser:
    """A cursor over a text; each method reads one rule of the grammar in the module's docstring."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = text.translate(_PLAIN)
        self.offset = 0
        self.depth = 0

    def whole(self) -> Items:
        self.skip()
        if self.offset == len(self.plain):
            self.fail("the text is empty", hint="for example 3x3c64s2,3x3")
        items = self.items()
        if self.offset < len(self.plain):
            self.fail(f"expected a comma or the end, found {self.found()}")
        return items

    def items(self) -> Items:
        start = self.offset
        items = [self.item()]
        while self.take(","):
            items.append(self.item())
        if _count(tuple(items)) > MAX_LAYERS:
            raise LimitError(
                f"the text has more than {MAX_LAYERS:,} layers (from offset {start} on)", hint="repeat less"
            )
        return tuple(items)

    def item(self) -> Item:
        self.skip()
        start = self.offset
        if self.take("("):
            items = self.nested(lambda: (self.items(),))[0]
            item: Item = Repeat(items, 1, start)
        else:
            item = self.element()
        times, layers = 1, 0
        while self.take("*"):
            layers = layers or _count((item,))
            at = self.offset
            count = self.number("a number of repetitions")
            if count < 1:
                self.fail("a repetition is at least 1", at=at)
            if self.text[start:at].replace(" ", "") == f"{count}*":
                self.fail(f"{count}*{count} is a kernel to some and a repetition to others", at=start)
            times *= count
            if times * layers > MAX_LAYERS:
                raise LimitError(
                    f"{count:,} repetitions make more than {MAX_LAYERS:,} layers (at offset {at})",
                    hint="repeat less",
                )
        return item if times == 1 else Repeat((item,), times, start)

    def nested(self, rule: Callable[[], tuple[Items, ...]]) -> tuple[Items, ...]:
        """What `rule` reads, then a closing bracket; the opening one has been taken."""
        opened = self.offset - 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LimitError(f"brackets nested deeper than {MAX_DEPTH} (at offset {opened})")
        content = rule()
        if not self.take(")"):
            self.fail(f"expected a comma or a closing bracket, found {self.found()}")
        self.depth -= 1
        return content

    def branches(self) -> tuple[Items, ...]:
        branches = [self.items()]
        while self.take("|"):
            branches.append(self.items())
        return tuple(branches)

    def element(self) -> Item:
        """A layer, a join or a call of a catalogue entry."""
        start = self.offset
        if self.plain[start : start + 1].isdigit():
            return self.layer(start, "")
        match = _NAME.match(self.plain, start)
        if not match:
            self.fail(
                f"expected a layer, found {self.found()}", hint="for example 3x3c64, maxpool2x2, relu, cat(1x1 | 3x3)"
            )
        name = match[0]
        if name in REGISTRY and issubclass(REGISTRY[name], Join):
            self.offset = match.end()
            if not self.take("("):
                self.fail(f"{name} needs branches in brackets", hint=f"for example {name}(1x1 | 3x3)")
            return Branches(REGISTRY[name](), self.nested(self.branches), start)
        entry = find(name)
        if entry is not None:
            self.offset = match.end()
            return Call(entry, self.arguments(entry) if self.take("(") else {}, start)
        word = next((w for w in _words(tuple(REGISTRY)) if name.startswith(w)), None)
        if word is None or self._reads_on(name, word):
            raise self.unknown(name)
        return self.layer(start, word)

    def _reads_on(self, name: str, word: str) -> bool:
        """Whether letters follow a word that are none of its options: `sequential` is not squeeze-excitation."""
        letters = [letter for _, letter in options(REGISTRY[word])]
        following = name[len(word) :]
        return following[:1].isalpha() and following[0] not in letters

    def unknown(self, name: str) -> SpecError:
        hint = suggest(name, [*filter(None, REGISTRY), *names()], otherwise="convcalc blocks lists the catalogue")
        shown = name if len(name) <= 40 else f"{name[:40]}..."
        return SpecError(f"unknown layer {shown!r}", self.text, self.offset, hint=hint)

    def layer(self, start: int, word: str) -> Layer:
        """`word`, then its options in any order."""
        self.offset = start + len(word)
        cls = REGISTRY[word]
        known = {letter: field for field, letter in options(cls)}
        values: dict[str, Any] = {}
        while True:
            self.skip()
            at = self.offset
            letter = self.plain[at : at + 1]
            if letter.isdigit() and not values and "" in known:
                letter = ""
            elif not letter.isalpha():
                break
            if letter not in known:
                self.fail(f"{word or 'a convolution'} has no option {letter!r}", hint=_letters(word, known))
            field = known[letter]
            if field.name in values:
                self.fail(f"option {letter!r} is given twice")
            self.offset += len(letter)
            values[field.name] = self.value(field, letter, at)
        for field in known.values():
            if field.default is MISSING and field.name not in values:
                example = f"for example {word}{'3x3' if field.name == 'kernel' else 2}"
                self.fail(f"{word} needs a number: its {field.name}", at=start + len(word), hint=example)
        if set(values) == {"kernel"} and type(values["kernel"]) is int and values["kernel"] > MAX_LONE_KERNEL:
            size = values["kernel"]
            hint = f"write {size}x{size}, or {size}s1 for an input of any number of axes, if it is the kernel"
            self.fail(f"a lone {size} is a kernel of that size in every axis", at=start, hint=hint)
        if self.plain[self.offset : self.offset + 1].isdigit():
            hint = "a comma stands between layers" if values else _letters(word, known)
            self.fail(f"{word or 'a convolution'} takes no number here", hint=hint)
        return Layer(cls(**values), start)

    def value(self, field: Any, letter: str, at: int) -> Any:
        """An option's number, or numbers per axis; a flag's 0 or 1 may be left out."""
        self.skip()
        if field.metadata["flag"]:
            if not self.plain[self.offset : self.offset + 1].isdigit():
                return True
            number = self.number("0 or 1")
            if number > 1:
                self.fail(f"option {letter!r} is 0 or 1, not {number}", at=at)
            return bool(number)
        numbers = [self.number(f"a number after {letter!r}" if letter else "a number")]
        while field.metadata["axes"] and self.take("x"):
            numbers.append(self.number("a number after 'x'"))
        if len(numbers) > 3:
            self.fail("at most three axes", at=at, hint="convcalc computes 1-D, 2-D and 3-D")
        return numbers[0] if len(numbers) == 1 else tuple(numbers)

    def arguments(self, entry: Any) -> dict[str, Any]:
        """The arguments of a catalogue entry, up to the closing bracket."""
        values: dict[str, Any] = {}
        while not self.take(")"):
            if values and not self.take(","):
                self.fail(f"expected a comma or a closing bracket, found {self.found()}")
            self.skip()
            at = self.offset
            match = _NAME.match(self.plain, at)
            if not match:
                self.fail(f"expected a parameter of {entry.name}, found {self.found()}", hint=_example(entry))
            self.offset = match.end()
            if not self.take("="):
                self.fail(f"expected = after {match[0]!r}", hint=_example(entry))
            written = match[0].replace("-", "_")
            name = next((known for known in entry.parameters if known.lower() == written), written)
            if name in values:
                self.fail(f"parameter {name!r} is given twice", at=at)
            try:
                values.update(entry.check({name: self.literal()}))
            except SpecError:
                raise
            except ConvcalcError as error:
                raise SpecError(error.message, self.text, at, hint=error.hint) from None
        return values

    def literal(self) -> Any:
        """A number, a word, a quoted text, or several of them in brackets."""
        if self.take("(") or self.take("["):
            values: list[Any] = []
            while not (self.take(")") or self.take("]")):
                if values and not self.take(","):
                    self.fail(f"expected a comma or a closing bracket, found {self.found()}")
                if len(self.text) <= self.offset:
                    self.fail("expected a closing bracket")
                values.append(self.scalar())
            return tuple(values)
        return self.scalar()

    def scalar(self) -> Any:
        self.skip()
        start = self.offset
        quote = self.text[start : start + 1]
        if quote and quote in "'\"":
            stop = self.text.find(quote, start + 1)
            if stop < 0:
                self.fail("a quoted text does not end")
            self.offset = stop + 1
            return self.text[start + 1 : stop]
        match = re.compile(r"[a-z0-9_.+-]+").match(self.plain, start)
        if not match:
            self.fail(f"expected a value, found {self.found()}")
        if _REAL.fullmatch(match[0]):
            if len(match[0]) > MAX_DIGITS:
                self.fail(f"numbers have at most {MAX_DIGITS} digits")
            self.offset = match.end()
            return float(match[0]) if "." in match[0] else int(match[0])
        self.offset = match.end()
        return {"true": True, "false": False}.get(match[0], self.text[start : match.end()])

    def number(self, what: str) -> int:
        self.skip()
        match = _NUMBER.match(self.plain, self.offset)
        if not match:
            self.fail(f"expected {what}, found {self.found()}")
        if len(match[0]) > MAX_DIGITS:
            self.fail(f"numbers have at most {MAX_DIGITS} digits")
        self.offset = match.end()
        return int(match[0])

    def take(self, char: str) -> bool:
        """Skip spaces, and `char` if it is next."""
        self.skip()
        if not self.plain.startswith(char, self.offset):
            return False
        self.offset += 1
        return True

    def skip(self) -> None:
        match = _SPACE.match(self.plain, self.offset)
        self.offset = match.end() if match else self.offset

    def found(self) -> str:
        return repr(self.text[self.offset]) if self.offset < len(self.text) else "the end"

    def fail(self, message: str, *, at: int | None = None, hint: str = "") -> NoReturn:
        raise SpecError(message, self.text, self.offset if at is None else at, hint=hint)


@lru_cache(maxsize=1)
def _words(registered: tuple[str, ...]) -> list[str]:
    """Of the registered words those that stand before numbers, the longest first."""
    return sorted((w for w in registered if w and not issubclass(REGISTRY[w], Join)), key=len, reverse=True)


def _letters(word: str, known: dict[str, Any]) -> str:
    letters = [f"{letter} ({field.name.replace('_', ' ')})" for letter, field in known.items() if letter]
    return f"its options are {', '.join(letters)}" if letters else f"{word} has no options"


def _example(entry: Any) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in entry.parameters.items())
    return f"for example {entry.name}({shown})" if shown else f"{entry.name} has no parameters"


def input_shape(text: str) -> Shape:
    """An input's shape from a text like 256x56x56, channels first. Raises SpecError.

    >>> input_shape("3x224x224")
    (3, 224, 224)
    """
    plain = text.translate(_PLAIN).strip()
    if not re.fullmatch(r"[0-9]+(\s*x\s*[0-9]+){0,3}", plain) or not plain.isascii():
        raise SpecError("an input is channels x sizes", text, 0, hint="for example 256x56x56, channels first")
    for size in _NUMBER.finditer(text):
        if len(size[0]) > MAX_DIGITS or int(size[0]) < 1:
            long = len(size[0]) > MAX_DIGITS
            problem = f"numbers have at most {MAX_DIGITS} digits" if long else "sizes are at least 1"
            raise SpecError(problem, text, size.start(), hint="for example 256x56x56, channels first")
    return tuple(int(size) for size in _NUMBER.findall(text))
