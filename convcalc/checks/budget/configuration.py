"""The budget as a file: what convcalc.toml may say. A mistake is a ConfigurationError with file, line and remedy."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from convcalc.checks.claims.claims import (
    ELSEWHERE,
    Claim,
    Template,
    definition,
    read_claims,
    read_name,
    refuse_twice,
)
from convcalc.checks.limits import CHECK, READING, Limit, metric_keys, read_limits
from convcalc.checks.models import module_of, refuse_plugin
from convcalc.checks.toml import ConfigurationError, Document, KeyPath, Table, nearest
from convcalc.core.errors import ConvcalcError, SpecError
from convcalc.language.source import Source

FILE = "convcalc.toml"
PROJECT_FILE = "pyproject.toml"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One network with its limits."""

    name: str
    spec: Template
    limits: tuple[Limit, ...]
    table: Table

    @property
    def source(self) -> Source:
        return self.spec.filled({})

    @property
    def path(self) -> KeyPath:
        return self.table.path


Entry = Check | Claim


def imports_of(entry: Entry) -> list[str]:
    """The modules that must be imported to judge an entry; none for texts and catalogue entries."""
    modules = []
    for source in sources_of(entry):
        try:
            modules.append(module_of(source))
        except SpecError:  # it is told where the entry is judged
            continue
    return [module for module in modules if module]


def sources_of(entry: Entry) -> list[Source]:
    """The networks that an entry names."""
    if isinstance(entry, Check):
        return [entry.source]
    return [template.filled(entry.where) for template in entry.specs.values()]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A budget that has been read. `lock` and `python_path` are as written, relative to the file's folder."""

    source: Document
    checks: tuple[Check, ...]
    claims: tuple[Claim, ...]
    lock: str = ""
    python_path: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (*self.checks, *self.claims)

    def select(self, names: Collection[str]) -> tuple[Entry, ...]:
        """The entries called so, all of them for no names. Raises ConfigurationError for a name of none."""
        known = [entry.name for entry in self.entries]
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"no check or claim is called {name!r}", file=self.source.file, hint=nearest(name, known)
                )
        return tuple(entry for entry in self.entries if not names or entry.name in names)


def parse_configuration(
    text: str, file: str, prefix: KeyPath = (), plugin: Callable[[str, tuple[str, ...]], object] = refuse_plugin
) -> Configuration:
    """Read a budget from TOML. Raises ConfigurationError, and ImportNotAllowedError for a plugin.

    Args:
        text: the file.
        file: its name, as reports show it.
        prefix: the table that the budget stands in.
        plugin: loads a plugin, by its name and the file's own folders of modules, before metrics are looked up.

    >>> budget = parse_configuration('[[check]]\\nname = "a"\\nspec = "3x3"\\nparams.max = "1k"', "convcalc.toml")
    >>> budget.checks[0].limits[0].bound.number
    1000
    """
    document = Document(file=file, text=text, prefix=prefix)
    table = document.table()
    table.known(("article", "claim", *ELSEWHERE))
    python_path = table.texts("python-path", example='python-path = ["src"]')
    plugins = table.texts("plugins", example='plugins = ["mypkg.costs"]')
    for number, name in enumerate(plugins):
        _load(table, number, name, python_path, plugin)
    checks = tuple(_check(entry) for entry in table.tables("check"))
    claims = tuple(read_claims(table, "own"))
    if not checks and not claims:
        table.fail("there is no check and no claim", hint="convcalc init writes a first one")
    refuse_twice([*(check.table for check in checks), *(claim.table for claim in claims)])
    lock = table.text("lock", "", example="convcalc.lock")
    if "lock" in table and not lock.endswith(".lock"):
        table.fail("lock is not the name of a lock file", "lock", hint='for example lock = "convcalc.lock"')
    return Configuration(
        source=document, checks=checks, claims=claims, lock=lock, python_path=python_path, plugins=plugins
    )


def parse_check(table: dict[str, Any], file: str) -> Check:
    """One check from a table of plain values; `file` says in messages where it comes from."""
    return _check(Table(Document(file=file, known={}), table, ()))


def _check(table: Table) -> Check:
    """One [[check]]."""
    table.known(("name", "spec", *READING, *metric_keys()))
    name = read_name(table)
    limits = read_limits(table, CHECK)
    if not limits:
        hint = 'add a limit: params = { max = "26M" }'
        table.fail(f"{name!r} limits nothing, so it would always pass", hint=hint)
    return Check(name=name, spec=definition(table, "spec", table), limits=limits, table=table)


def _load(table: Table, number: int, name: str, python_path: tuple[str, ...], plugin: Callable[..., object]) -> None:
    """Load a plugin; an error gets the place where the file names it."""
    try:
        plugin(name, python_path)
    except ConfigurationError:
        raise
    except ConvcalcError as error:
        line = table.document.line(("plugins", number))
        error.message = f"{table.document.file}:{line}: {error.message}"
        raise
