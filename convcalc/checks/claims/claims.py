"""Claims as data: what a claims file says, read and checked before anything is computed.

A file is TOML: an optional `[article]` (name, title, source) and any number of `[[claim]]`. No verdict
is read from it for judging: `expected` only says what the file's author expects to come out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from convcalc.checks.claims import expression
from convcalc.checks.claims.expression import Expression
from convcalc.checks.claims.quantities import EXPERIMENTS, WORDS
from convcalc.core.errors import ConvcalcError, ShapeError, SpecError, UsageError
from convcalc.language.source import Source

VERDICTS = ("right", "wrong", "imprecise", "unstated", "outside")

MAX_BYTES = 1_000_000
"""The largest claims file that is read."""

MAX_DIGITS = 30
"""The longest number that is read."""

MAX_CASES = 1_000
"""The most cases that a general statement is tried on."""

_CLAIM_KEYS = (
    "id",
    "says",
    "article",
    "expected",
    "why",
    "outside",
    "input",
    "norm",
    "bias",
    "specs",
    "where",
    "figures",
    "stated",
    "holds",
    "generally",
    "only",
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ABOUT = re.compile(r"about ([0-9]+(?:\.[0-9]+)?)")


class Article(NamedTuple):
    """Where claims come from."""

    name: str
    title: str = ""
    source: str = ""


class Stated(NamedTuple):
    """A figure as an article states it: exactly, or to a last digit worth `step`."""

    value: Any
    step: Fraction | None = None

    def matches(self, computed: Any) -> bool:
        """Whether `computed` is the stated value, or rounds to it at the digits given."""
        if self.step is None or isinstance(computed, (bool, list)):
            return bool(self.value == computed)
        return bool(abs(Fraction(computed) - self.value) <= self.step / 2)

    def __str__(self) -> str:
        if self.step is None:
            return expression.spell(self.value)
        digits = max(0, len(str(self.step.denominator)) - 1)
        return f"about {float(self.value):,.{digits}f}"


class Template(NamedTuple):
    """A spec of a claim: a text with {holes} for the values of a case, and how it is to be read."""

    text: str
    input: str = ""
    norm: str = ""
    bias: bool = False

    def filled(self, values: Mapping[str, Any]) -> Source:
        """The spec for one case."""
        text, input = (fill(part, values, _written) for part in (self.text, self.input))
        return Source(text=text, inputs=(input,) if input else (), norm=self.norm, bias=self.bias)

    @property
    def holes(self) -> set[str]:
        return set(_HOLE.findall(self.text + self.input))


class General(NamedTuple):
    """Statements about every combination of some values: `says` is the condition in words."""

    cases: dict[str, list[Any]]
    holds: tuple[Expression, ...]
    says: str = ""


@dataclass(frozen=True)
class Claim:
    """One statement of an article.

    `stated` and `holds` are about the article's own set-up, `generally` about all it is said of; `only`
    is a condition under which it is true; `outside` says why nothing of it can be computed.
    """

    id: str
    article: Article
    says: str
    expected: str = ""
    why: str = ""
    outside: str = ""
    place: str = ""
    specs: dict[str, Template] = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Expression] = field(default_factory=dict)
    stated: dict[str, Stated] = field(default_factory=dict)
    holds: tuple[Expression, ...] = ()
    generally: General | None = None
    only: General | None = None


def read_file(path: Path) -> list[Claim]:
    """The claims of a file. Raises UsageError or SpecError that name the file, the line and the claim."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", hint="name a claims file that can be read") from None
    except ValueError as error:
        raise UsageError(f"{path}: not UTF-8 text: {error}", hint="save the file as UTF-8") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: a claims file has at most {MAX_BYTES:,} bytes", hint="split it")
    return read(text, str(path), path.stem)


def read(text: str, source: str, name: str = "own") -> list[Claim]:
    """The claims in the TOML `text` of `source`; `name` is the article where the text names none."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise UsageError(f"{source}: not TOML: {error}", hint="see the shipped files for examples") from None
    top = _Table(document, source)
    top.known("article", "claim")
    article = _article(top.table("article"), name)
    entries = top.get("claim", list, [])
    if not entries:
        top.fail("no claims", "a claim begins with [[claim]] and has an id and says")
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            top.fail(f"claim {number} is no table", "a claim begins with [[claim]]")
        claim = _claim(_Table(entry, _place(text, source, entry.get("id"), number)), article)
        if claim.id in claims:
            raise UsageError(f"{claim.place}: a second claim of that id", hint="give every claim its own id")
        claims[claim.id] = claim
    return list(claims.values())


def fill(text: str, values: Mapping[str, Any], spell: Callable[[Any], str] = expression.spell) -> str:
    """`text` with every {name} replaced by its value, where there is one."""
    return _HOLE.sub(lambda hole: spell(values[hole[1]]) if hole[1] in values else hole[0], text)


class _Table:
    """A table of the file, with the place that errors name."""

    def __init__(self, values: dict[str, Any], place: str) -> None:
        self.values = values
        self.place = place

    def fail(self, message: str, hint: str = "") -> NoReturn:
        raise UsageError(f"{self.place}: {message}", hint=hint)

    def known(self, *keys: str) -> None:
        """Raise UsageError for a key that is none of `keys`."""
        for key in self.values:
            if key not in keys:
                near = get_close_matches(key, keys, 1, 0.6)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
                self.fail(f"unknown key {key!r}", hint)

    def get(self, key: str, kind: type[Any], default: Any) -> Any:
        """The value of `key`, of type `kind`."""
        value = self.values.get(key, default)
        if not isinstance(value, kind):
            wanted = {str: "a text", bool: "true or false", dict: "a table", list: "a list"}[kind]
            self.fail(f"{key} is {wanted}, not {_shown(value)}", f"for example {_EXAMPLES.get(key, key)}")
        return value

    def table(self, key: str) -> _Table:
        return _Table(self.get(key, dict, {}), f"{self.place}, {key}")

    def named(self, key: str) -> dict[str, Any]:
        """A table whose keys are names of the expression language."""
        values: dict[str, Any] = self.get(key, dict, {})
        for name in values:
            if not _NAME.fullmatch(name) or name in ("and", "or", "not", "in", "is", "if", "else", "True", "False"):
                self.fail(f"{key}: {name!r} is no name", "a name has letters, digits and underscores")
        return values


_EXAMPLES = {
    "specs": 'specs = { one = "5x5", two = "3x3,3x3" }',
    "figures": 'figures = { ratio = "weights(one) / weights(two)" }',
    "stated": 'stated = { ratio = "about 1.4" }',
    "holds": 'holds = "weights(two) < weights(one)"',
    "for": "for = { n = [16, 32, 64] }",
    "input": 'input = "10x5x5"',
    "says": 'says = "two 3x3 have fewer weights than one 5x5"',
}


def _article(table: _Table, name: str) -> Article:
    table.known("name", "title", "source")
    return Article(table.get("name", str, name), table.get("title", str, ""), table.get("source", str, ""))


def _claim(table: _Table, article: Article) -> Claim:
    table.known(*_CLAIM_KEYS)
    for key in ("id", "says"):
        if not table.get(key, str, "").strip():
            table.fail(f"{key} is missing", f"a claim has an id and says; for example {_EXAMPLES['says']}")
    expected = table.get("expected", str, "")
    if expected and expected not in VERDICTS:
        near = get_close_matches(expected, VERDICTS, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"verdicts are {', '.join(VERDICTS)}"
        table.fail(f"expected: no verdict is called {expected!r}", hint)
    named = table.get("article", str, "")
    claim = Claim(
        table.values["id"],
        Article(named) if named else article,
        table.values["says"],
        expected,
        table.get("why", str, ""),
        table.get("outside", str, ""),
        table.place,
        _specs(table),
        {name: _value(table, f"where.{name}", value) for name, value in table.named("where").items()},
        {name: _expression(table, f"figures.{name}", text) for name, text in table.named("figures").items()},
        {name: _stated(table, name, value) for name, value in table.named("stated").items()},
        _statements(table, "holds"),
        _general(table, "generally"),
        _general(table, "only"),
    )
    _check_names(table, claim)
    return claim


def _specs(table: _Table) -> dict[str, Template]:
    shared = {"input": table.get("input", str, ""), "norm": table.get("norm", str, "")}
    bias = table.get("bias", bool, False)
    specs = {}
    for name, value in table.named("specs").items():
        entry = _Table({"spec": value} if isinstance(value, str) else value, f"{table.place}, specs.{name}")
        if not isinstance(entry.values, dict) or not isinstance(entry.values.get("spec"), str):
            entry.fail("a spec is a text, or a table with one", '"3x3,3x3" or { spec = "3x3,3x3", input = "10x5x5" }')
        entry.known("spec", "input", "norm", "bias")
        given = {key: entry.get(key, str, default) for key, default in shared.items()}
        specs[name] = Template(entry.values["spec"], given["input"], given["norm"], entry.get("bias", bool, bias))
    return specs


def _statements(table: _Table, key: str) -> tuple[Expression, ...]:
    """One statement or a list of them."""
    given = table.values.get(key, [])
    texts = given if isinstance(given, list) else [given]
    return tuple(_expression(table, key, text) for text in texts)


def _expression(table: _Table, key: str, text: Any) -> Expression:
    if not isinstance(text, str):
        table.fail(f"{key} is a text, not {_shown(text)}", f"for example {_EXAMPLES[key.partition('.')[0]]}")
    try:
        return expression.parse(text)
    except SpecError as error:
        raise placed(error, f"{table.place}, {key}") from None


def _stated(table: _Table, name: str, value: Any) -> Stated:
    about = _ABOUT.fullmatch(value) if isinstance(value, str) else None
    if about:
        value = Decimal(about[1])
    if isinstance(value, Decimal):
        figure = _exact(table, f"stated.{name}", value)
        return Stated(figure, Fraction(10) ** int(value.as_tuple().exponent))
    if isinstance(value, (bool, int)):
        return Stated(value)
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        table.fail(f"stated.{name} is a figure, not {_shown(value)}", 'for example 2500, 1.4, "about 8" or [64, 80]')
    return Stated(value)


def _value(table: _Table, key: str, value: Any) -> Any:
    """A value of a case: a text, a whole number, true or false, an exact fraction."""
    if isinstance(value, Decimal):
        return _exact(table, key, value)
    if not isinstance(value, str | int):
        table.fail(f"{key} is a number or a text, not {_shown(value)}", "for example where = { n = 64 }")
    return value


def _exact(table: _Table, key: str, value: Decimal) -> Fraction:
    """A decimal number of a reasonable size as a fraction."""
    if not value.is_finite() or max(abs(int(value.as_tuple().exponent)), len(value.as_tuple().digits)) > MAX_DIGITS:
        table.fail(f"{key}: {_shown(value)} has no place here", f"numbers have at most {MAX_DIGITS} digits")
    return Fraction(value)


def _general(table: _Table, key: str) -> General | None:
    if key not in table.values:
        return None
    inner = table.table(key)
    inner.known("for", "holds", "says")
    cases = inner.named("for")
    for name, values in cases.items():
        if not isinstance(values, list) or not values:
            inner.fail(f"for.{name} is a list of values", _EXAMPLES["for"])
        cases[name] = [_value(inner, f"for.{name}", value) for value in values]
    count = prod(len(values) for values in cases.values())
    if count > MAX_CASES:
        inner.fail(f"{count:,} cases, more than {MAX_CASES:,}", "try fewer values")
    holds = _statements(inner, "holds")
    if not holds:
        inner.fail("holds is missing", _EXAMPLES["holds"])
    return General(cases, holds, inner.get("says", str, ""))


def _check_names(table: _Table, claim: Claim) -> None:
    """Raise where a figure, a spec or a statement names what is not there."""
    general = [(key, part) for key, part in (("generally", claim.generally), ("only", claim.only)) if part]
    values = {*claim.where, *(name for _, part in general for name in part.cases)}
    tables: list[tuple[str, Collection[str]]] = [("figures", claim.figures), ("specs", claim.specs), ("values", values)]
    for number, (one, names) in enumerate(tables):
        for other, others in tables[number + 1 :]:
            for name in set(names) & set(others):
                table.fail(f"{name!r} stands in {one} and in {other}", "give them different names")
    for name, template in claim.specs.items():
        for hole in sorted(template.holes - values):
            table.fail(f"specs.{name}: {{{hole}}} has no value", f"add where = {{ {hole} = 64 }}")
    for name in claim.stated:
        if name not in claim.figures:
            table.fail(f"stated.{name}: no figure of that name", f'add figures = {{ {name} = "weights(…)" }}')
    known = [*values, *claim.specs, *claim.figures]
    for name, figure in claim.figures.items():
        _check_expression(f"{table.place}, figures.{name}", figure, known)
    for statement in claim.holds:
        _check_expression(f"{table.place}, holds", statement, known)
    for key, part in general:
        for statement in part.holds:
            _check_expression(f"{table.place}, {key}.holds", statement, known)


def _check_expression(place: str, checked: Expression, known: Collection[str]) -> None:
    for names, kind, words in (
        (expression.names(checked), "nothing", known),
        (expression.functions(checked), "no function", [*WORDS, *EXPERIMENTS]),
    ):
        for name, offset in names.items():
            if name not in words:
                near = get_close_matches(name, words, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(words)}"
                raise SpecError(f"{place}: {kind} is called {name!r}", checked.text, offset, hint=hint)


def placed(error: ConvcalcError, place: str) -> ConvcalcError:
    """The same error with the place in front of its message, and of the layer's name."""
    if isinstance(error, ShapeError) and error.layer:
        place, error.layer = f"{place}: layer {error.layer}", ""
    error.message = f"{place}: {error.message}"
    return error


def _place(text: str, source: str, id: Any, number: int) -> str:
    """What errors call a claim: its file, line and id."""
    if not isinstance(id, str):
        return f"{source}, claim {number}"
    at = re.search(rf"""^\s*id\s*=\s*["']{re.escape(id)}["']""", text, re.MULTILINE)
    line = f":{text.count(chr(10), 0, at.end()) + 1}" if at else ""
    return f"{source}{line}, claim {id}"


def _written(value: Any) -> str:
    """A value as a spec writes it."""
    return str(float(value)) if isinstance(value, Fraction) else str(value)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
