"""The pytest plugin: `pytest --convcalc` runs every check of the budget as a test; a fixture holds networks to limits.

Installed with convcalc (entry point pytest11), so it is imported wherever pytest runs: everything but
pytest is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from convcalc.checks.budget.configuration import Entry
    from convcalc.checks.budget.judge import Judge
    from convcalc.checks.models import Loader
    from convcalc.checks.verdict import Report


class BudgetWarning(pytest.PytestWarning):
    """A soft limit (`warn`) is exceeded."""


class BudgetBrokenError(AssertionError):
    """A limit is broken, or its number is missing; the message is the report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("convcalc", "budgets of convolution networks")
    group.addoption("--convcalc", action="store_true", help="run every check of the convcalc budget as a test")
    group.addoption("--convcalc-config", metavar="FILE", help="the budget (default: found from the root folder)")
    group.addoption(
        "--convcalc-allow-import",
        action="append",
        default=[],
        metavar="MODULE",
        help="let checks import this module (repeatable)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add an item for each check; first, so that -k selects among them, too."""
    if config.getoption("convcalc"):
        items += _collect(session, config)


@pytest.fixture(scope="session")
def convcalc_budget() -> Callable[..., Report]:
    """A function that holds one network to limits, written as in convcalc.toml.

    `convcalc_budget("3x3,3x3", input="64x56x56", params={"max": "80k"}, memory={"peak": {"max": "1M"}})`: the
    network is a text, a catalogue entry, a `convcalc.Graph`, or a PyTorch module (which needs `input`).
    """
    return _hold


def _hold(network: Any, *, input: Any = None, **keys: Any) -> Report:
    """Judge one network. Raises BudgetBrokenError, and ConvcalcError where the call is wrong."""
    __tracebackhide__ = True
    from convcalc.analysis.load import load_text
    from convcalc.checks.budget.configuration import parse_check
    from convcalc.checks.budget.judge import Judge
    from convcalc.checks.verdict import Report

    is_text = isinstance(network, str)
    table = {"name": keys.pop("name", network if is_text else type(network).__name__), **keys}
    sizes = "x".join(map(str, input)) if isinstance(input, tuple) else input
    table |= {"spec": network if is_text else "id"} | ({"input": sizes} if is_text and sizes else {})
    check = parse_check(table, "convcalc_budget")
    source = check.table.document
    judge = Judge(source, load_text if is_text else lambda _: _loaded(network, input))
    report = Report(source=source, verdicts=tuple(judge.entry(check)))
    _raise_if_broken(report)
    return report


def _loaded(network: Any, input: Any) -> Any:
    import convcalc

    return convcalc.load(network, input=input)


class BudgetFile(pytest.File):
    """The budget, as the node that its checks belong to."""

    def collect(self) -> list[pytest.Item]:
        return []


class BudgetItem(pytest.Item):
    """One check or claim."""

    def __init__(self, *, judge: Judge, entry: Entry, **node: Any) -> None:
        super().__init__(**node)
        self.judge = judge
        self.entry = entry

    def runtest(self) -> None:
        from convcalc.checks.verdict import WARNED, Report

        report = Report(source=self.judge.source, verdicts=tuple(self.judge.entry(self.entry)))
        for verdict in report.of(WARNED):
            self.warn(BudgetWarning(f"{self.name}: {verdict.message}"))
        _raise_if_broken(report)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The report alone: a traceback through convcalc would help nobody."""
        if isinstance(excinfo.value, BudgetBrokenError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.judge.source.line(self.entry.path) - 1, f"convcalc: {self.name}"


def _collect(session: pytest.Session, config: pytest.Config) -> list[pytest.Item]:
    """An item for each entry of the budget. Raises pytest.UsageError where there is none, or a wrong one."""
    from convcalc.checks.budget.files import read_budget
    from convcalc.checks.budget.judge import Judge
    from convcalc.checks.budget.run import read_lock
    from convcalc.core.errors import ConvcalcError

    try:
        budget = read_budget(config.getoption("convcalc_config"), config.rootpath, _loader(config).plugin)
        judge = Judge(budget.configuration.source, _loader(config, budget.python_path), read_lock(budget))
    except ConvcalcError as error:
        raise pytest.UsageError(str(error)) from None
    file: Any = BudgetFile.from_parent(session, path=budget.path)
    return [
        BudgetItem.from_parent(file, name=entry.name, judge=judge, entry=entry)
        for entry in budget.configuration.entries
    ]


def _loader(config: pytest.Config, folders: tuple[Path, ...] = ()) -> Loader:
    from convcalc.checks.models import Loader

    return Loader(
        allowed=config.getoption("convcalc_allow_import"),
        folders=folders,
        tell=print,
        option="--convcalc-allow-import",
    )


def _raise_if_broken(report: Report) -> None:
    __tracebackhide__ = True
    if report.exit_code():
        from convcalc.checks.verdict import FAILED, UNKNOWN, Report
        from convcalc.report.write.check import render

        broken = Report(source=report.source, verdicts=tuple(report.of(FAILED, UNKNOWN)))
        raise BudgetBrokenError(render(broken, "text"))
