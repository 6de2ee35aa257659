"""Claims as data: what a `[[claim]]` says, read and checked before anything is computed.

A claim puts two networks side by side (`left` and `right`, with limits), or states figures and relations in the
language of `expression`, or both. No verdict is read from a file for judging: `expected` only says what its author
expects to come out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, NoReturn

from convcalc.checks.claims import expression
from convcalc.checks.claims.expression import Expression
from convcalc.checks.claims.words import EXPERIMENTS, words
from convcalc.checks.limits import CLAIM, READING, Limit, metric_keys, read_limits
from convcalc.checks.toml import ConfigurationError, Document, KeyPath, Table, is_table, nearest, read_text, shown
from convcalc.core.errors import SpecError
from convcalc.core.quantity import Quantity, QuantityError, is_bounded, quantity
from convcalc.language.source import Source

VERDICTS = ("right", "wrong", "imprecise", "unstated", "outside")

MAX_CASES = 1_000
"""The most cases that a general statement is tried on."""

SIDES = ("left", "right")

STATEMENTS = ("specs", "where", "figures", "stated", "holds", "generally", "only", "outside")
"""The keys that say what a claim states, beside its two sides and their limits."""

KEYS = ("name", "says", "article", "expected", "why", *READING, *SIDES, *STATEMENTS)

ELSEWHERE = ("check", "lock", "python-path", "plugins")
"""The keys of a budget that are none of claims' business."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS_OF_PYTHON = ("and", "or", "not", "in", "is", "if", "else", "True", "False")
_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

Stated = Quantity | bool | list[int]
"""A figure as it is stated."""


@dataclass(frozen=True, kw_only=True)
class Article:
    """Where claims come from."""

    name: str
    title: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A network of a claim: a text with {holes} for the values of a case, and how it is to be read."""

    text: str
    inputs: tuple[str, ...] = ()
    norm: str = ""
    bias: bool = False
    any_input: bool = False

    def filled(self, values: Mapping[str, Any]) -> Source:
        """The network for one case."""
        text, *inputs = (fill(part, values, _written) for part in (self.text, *self.inputs))
        return Source(text=text, inputs=tuple(inputs), norm=self.norm, bias=self.bias, any_input=self.any_input)

    @property
    def holes(self) -> set[str]:
        return set(_HOLE.findall(" ".join((self.text, *self.inputs))))


@dataclass(frozen=True, kw_only=True)
class General:
    """Statements about every combination of some values: `says` is the condition in words."""

    cases: dict[str, list[Any]]
    holds: tuple[Expression, ...]
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement.

    Args:
        name: its own name.
        article: where it comes from.
        says: the statement in words.
        expected: the verdict that the file's author expects; empty for none.
        why: the author's own explanation, with {holes} for figures.
        outside: why nothing of it can be computed; empty where something can.
        specs: the networks by name; two of them are called left and right.
        where: values of the set-up that the claim is stated for.
        figures: what is computed.
        stated: what is stated of figures.
        limits: what is stated of left against right.
        holds: relations in the set-up that the claim is stated for.
        generally: relations in all cases that it is said of.
        only: a condition under which they hold after all.
        table: where it stands, with all its keys.
    """

    name: str
    article: Article
    says: str
    expected: str
    why: str
    outside: str
    specs: dict[str, Template]
    where: dict[str, Any]
    figures: dict[str, Expression]
    stated: dict[str, Stated]
    limits: tuple[Limit, ...]
    holds: tuple[Expression, ...]
    generally: General | None
    only: General | None
    table: Table

    @property
    def path(self) -> KeyPath:
        return self.table.path

    @property
    def is_compared_only(self) -> bool:
        """Whether two sides and their limits are all that it states, and nobody expects it to fail."""
        return not self.expected and not any(key in self.table for key in STATEMENTS)

    def placed(self, error: Exception) -> ConfigurationError:
        """An error of computing it, with the place of the claim."""
        message, _, _ = str(error).partition("\n  hint: ")
        document = self.table.document
        return ConfigurationError(
            f"claim {self.name}: {message}",
            file=document.file,
            line=document.line(self.path),
            hint=getattr(error, "hint", ""),
        )


def read_file(path: Path) -> list[Claim]:
    """The claims of a file: of claims alone, or of a budget, whose checks are left out. Raises ConfigurationError."""
    prefix = ("tool", "convcalc") if path.name == "pyproject.toml" else ()
    return read(Document(file=str(path), text=read_text(path, str(path)), prefix=prefix), path.stem)


def read(document: Document, name: str = "own") -> list[Claim]:
    """The claims of a document; `name` is the article where it names none. Raises ConfigurationError."""
    table = document.table()
    table.known(("article", "claim", *ELSEWHERE))
    claims = read_claims(table, name)
    if not claims:
        table.fail("there are no claims", hint="a claim begins with [[claim]] and has a name and says")
    return claims


def read_claims(table: Table, name: str) -> list[Claim]:
    """The claims of a document's table."""
    article = _article(table.table("article"), name)
    claims = [_claim(entry, article) for entry in table.tables("claim")]
    refuse_twice([claim.table for claim in claims])
    return claims


def refuse_twice(tables: Collection[Table]) -> None:
    """Refuse two entries of one name."""
    seen: dict[str, Table] = {}
    for table in tables:
        other = seen.setdefault(table.values["name"], table)
        if other is not table:
            line = table.document.line(other.path)
            message = f"two entries are called {table.values['name']!r}: the other is on line {line}"
            table.fail(message, "name", hint="numbers are kept by name: give each its own")


def read_name(table: Table) -> str:
    """An entry's own name."""
    name = table.text("name", example="stem")
    if not name.isprintable() or len(name) > 200:
        table.fail("a name is at most 200 printable characters", "name", hint="choose another name")
    return name


def fill(text: str, values: Mapping[str, Any], spell: Callable[[Any], str] = expression.spell) -> str:
    """`text` with every {name} replaced by its value, where there is one."""
    return _HOLE.sub(lambda hole: spell(values[hole[1]]) if hole[1] in values else hole[0], text)


def agrees(stated: Stated, computed: Any) -> bool:
    """Whether what is computed is what is stated, or rounds to it at the digits given."""
    if not isinstance(stated, Quantity) or isinstance(computed, bool | list):
        return bool(stated == computed)
    return stated.as_share().agrees(Fraction(computed))


def spell_stated(stated: Stated) -> str:
    """A stated figure for people: what is rounded is "about"."""
    if not isinstance(stated, Quantity) or not stated.step:
        return expression.spell(stated.value if isinstance(stated, Quantity) else stated)
    return stated.text if stated.about else f"about {stated.text}"


# ------------------------------------------------------------------ reading

_EXAMPLES = {
    "figures": 'figures = { ratio = "weights(one) / weights(two)" }',
    "holds": 'holds = "weights(two) < weights(one)"',
}


def _article(table: Table, name: str) -> Article:
    table.known(("name", "title", "source"))
    return Article(name=table.text("name", name), title=table.text("title", ""), source=table.text("source", ""))


def _claim(table: Table, article: Article) -> Claim:
    table.known((*KEYS, *metric_keys()))
    name = read_name(table)
    named = table.text("article", "")
    claim = Claim(
        name=name,
        article=Article(name=named) if named else article,
        says=_says(table, name),
        expected=_expected(table),
        why=table.text("why", ""),
        outside=table.text("outside", ""),
        specs=_specs(table),
        where={key: _value(inner, key) for inner in [_named(table, "where")] for key in inner.values},
        figures={key: _expression(inner, key) for inner in [_named(table, "figures")] for key in inner.values},
        stated={key: _stated(inner, key) for inner in [_named(table, "stated")] for key in inner.values},
        limits=read_limits(table, CLAIM),
        holds=_statements(table),
        generally=_general(table, "generally"),
        only=_general(table, "only"),
        table=table,
    )
    _check_sides(claim)
    _check_names(claim)
    return claim


def _says(table: Table, name: str) -> str:
    """The claim in words; two sides and their limits speak for themselves."""
    if any(key in table for key in SIDES):
        return table.text("says", name)
    return table.text("says", example="two 3x3 have fewer weights than one 5x5")


def _expected(table: Table) -> str:
    expected = table.text("expected", "")
    if expected and expected not in VERDICTS:
        table.fail(f"no verdict is called {shown(expected)}", "expected", hint=nearest(expected, VERDICTS))
    return expected


def _check_sides(claim: Claim) -> None:
    """A claim of two sides has both, limits between them, and not the same network twice."""
    table = claim.table
    missing = [side for side in SIDES if side not in claim.specs]
    if (claim.limits or len(missing) == 1) and missing:
        table.fail(f"{claim.name!r} has no {missing[0]}", hint=f'add {missing[0]} = "3x3,3x3"')
    if missing:
        if not any(key in table for key in STATEMENTS):
            table.fail(f"{claim.name!r} states nothing", hint=f"add left, right and a limit, or {_EXAMPLES['holds']}")
        return
    if claim.is_compared_only and not claim.limits:
        hint = 'add a limit: params = { fewer = "28%" }'
        table.fail(f"{claim.name!r} limits nothing, so it would always pass", hint=hint)
    if claim.limits and claim.specs["left"] == claim.specs["right"]:
        table.fail("left and right are the same network", "right", hint="a claim is about two networks")


def definition(table: Table, key: str, shared: Table) -> Template:
    """A network: its text under `key`, and how it is read; what it does not say itself is said in `shared`."""
    written = {name: value for name, value in {**shared.values, **table.values}.items() if name in READING}
    reading = Table(table.document, {name: v for name, v in written.items() if not is_table(v)}, table.path)
    return Template(
        text=table.text(key),
        inputs=reading.texts("input", example='input = "3x224x224"'),
        norm=reading.text("norm", "", example="bn"),
        bias=reading.flag("bias"),
        any_input=reading.flag("any-input"),
    )


def _specs(table: Table) -> dict[str, Template]:
    specs = {side: definition(table, side, table) for side in SIDES if side in table}
    named = _named(table, "specs")
    for name, value in named.values.items():
        if name in specs:
            named.fail(f"{name!r} stands in specs and beside them", name, hint="keep one of them")
        if isinstance(value, str):
            value = {"spec": value}
        if not isinstance(value, dict) or not isinstance(value.get("spec"), str):
            hint = '"3x3,3x3" or { spec = "3x3,3x3", input = "10x5x5" }'
            named.fail("a spec is a text, or a table with one", name, hint=hint)
        entry = Table(table.document, value, (*named.path, name))
        entry.known(("spec", *READING))
        specs[name] = definition(entry, "spec", table)
    return specs


def _named(table: Table, key: str) -> Table:
    """A table whose keys are names of the expression language."""
    inner = table.table(key)
    for name in inner.values:
        if not _NAME.fullmatch(name) or name in _WORDS_OF_PYTHON:
            inner.fail(f"{shown(name)} is not a name", name, hint="a name has letters, digits and underscores")
    return inner


def _statements(table: Table) -> tuple[Expression, ...]:
    """One statement or a list of them."""
    written = table.values.get("holds", [])
    return tuple(_parsed(table, "holds", text) for text in (written if isinstance(written, list) else [written]))


def _expression(table: Table, key: str) -> Expression:
    return _parsed(table, key, table.values[key])


def _parsed(table: Table, key: str, text: Any) -> Expression:
    if not isinstance(text, str):
        example = _EXAMPLES["holds" if key == "holds" else "figures"]
        table.fail(f"{_label(table, key)} is a text, not {shown(text)}", key, hint=f"for example {example}")
    try:
        return expression.parse(text)
    except SpecError as error:
        _fail(table, key, error)


def _fail(table: Table, key: str, error: SpecError) -> NoReturn:
    """Raise an error of an expression, caret and all, with its place."""
    message, _, _ = str(error).partition("\n  hint: ")
    table.fail(f"{_label(table, key)}: {message}", key, hint=error.hint)


def _label(table: Table, key: str) -> str:
    """A key of a claim as people say it: figures.w."""
    return ".".join(map(str, (*table.path, key)[2:]))


def _stated(table: Table, key: str) -> Stated:
    value = table.values[key]
    if isinstance(value, bool) or (isinstance(value, list) and all(type(item) is int for item in value)):
        return value
    try:
        return quantity(value)
    except QuantityError:
        hint = 'for example 2500, 1.4, "about 8", "26M", "28%" or [64, 80]'
        table.fail(f"{_label(table, key)} is a figure, not {shown(value)}", key, hint=hint)


def _value(table: Table, key: str) -> Any:
    return _exact(table, key, table.values[key])


def _exact(table: Table, key: str, value: Any) -> Any:
    """A value of a case: a text, a whole number, true or false, an exact fraction."""
    if isinstance(value, Decimal) and is_bounded(value):
        return Fraction(value)
    if not isinstance(value, str | int):
        hint = "for example where = { n = 64 }"
        table.fail(f"{_label(table, key)} is a number or a text, not {shown(value)}", key, hint=hint)
    return value


def _general(table: Table, key: str) -> General | None:
    if key not in table:
        return None
    inner = table.table(key)
    inner.known(("for", "holds", "says"))
    named = _named(inner, "for")
    for name, values in named.values.items():
        if not isinstance(values, list) or not values:
            named.fail(f"{_label(named, name)} is a list of values", name, hint="for = { n = [16, 32, 64] }")
    cases = {name: [_exact(named, name, value) for value in values] for name, values in named.values.items()}
    count = prod(map(len, cases.values()))
    if count > MAX_CASES:
        inner.fail(f"{count:,} cases, more than {MAX_CASES:,}", "for", hint="try fewer values")
    holds = _statements(inner)
    if not holds:
        inner.fail("holds is missing", hint=_EXAMPLES["holds"])
    return General(cases=cases, holds=holds, says=inner.text("says", ""))


# ------------------------------------------------------------------ names


def _check_names(claim: Claim) -> None:
    """Raise where a figure, a network or a statement names what is not there."""
    table = claim.table
    generals = {key: part for key, part in (("generally", claim.generally), ("only", claim.only)) if part}
    values = {*claim.where, *(name for part in generals.values() for name in part.cases)}
    _refuse_clashes(table, {"figures": claim.figures, "specs": claim.specs, "values": values})
    for name, template in claim.specs.items():
        for hole in sorted(template.holes - values):
            table.fail(f"{name}: {{{hole}}} has no value", "specs", name, hint=f"add where = {{ {hole} = 64 }}")
    for name in claim.stated:
        if name not in claim.figures:
            hint = f'add figures = {{ {name} = "weights(…)" }}'
            table.fail(f"{name} is stated, and no figure of that name is computed", "stated", name, hint=hint)
    known = [*values, *claim.specs, *claim.figures]
    for name, figure in claim.figures.items():
        _check_expression(table.table("figures"), name, figure, known)
    for statement in claim.holds:
        _check_expression(table, "holds", statement, known)
    for key, part in generals.items():
        for statement in part.holds:
            _check_expression(table.table(key), "holds", statement, known)


def _refuse_clashes(table: Table, names: Mapping[str, Collection[str]]) -> None:
    owners: dict[str, str] = {}
    for owner, known in names.items():
        for name in known:
            other = owners.setdefault(name, owner)
            if other != owner:
                table.fail(f"{name!r} stands in {other} and in {owner}", owner, name, hint="give them different names")


def _check_expression(table: Table, key: str, checked: Expression, known: Collection[str]) -> None:
    for names, kind, all_known in (
        (expression.names(checked), "nothing", known),
        (expression.functions(checked), "no function", [*words(), *EXPERIMENTS]),
    ):
        for name, offset in names.items():
            if name not in all_known:
                hint = nearest(name, all_known) or "the words are listed in examples/claims.toml"
                _fail(table, key, SpecError(f"{kind} is called {name!r}", checked.text, offset, hint=hint))


def _written(value: Any) -> str:
    """A value as a spec writes it."""
    return str(float(value)) if isinstance(value, Fraction) else str(value)
