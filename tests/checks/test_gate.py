"""--against: whatever makes a limit easier to keep than at a revision is one finding, and fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from convcalc.analysis.load import load_text
from convcalc.checks.budget import Request, check, read_budget
from convcalc.checks.verdict import FAILED, Report
from convcalc.core.errors import UsageError

BUDGET = """\
[[check]]
name = "stem"
spec = "7x7c64s2, bn"
input = "3x224x224"
params = { max = "10k", growth = "0%" }
rf = { min = 7 }

[[check]]
name = "other"
spec = "3x3"
input = "64x56x56"
macs = { max = "120M" }

[[claim]]
name = "two"
left = "3x3,3x3"
right = "5x5"
input = "64x56x56"
params = { fewer = "28%", at-least-fewer = "20%" }

[[claim]]
name = "words"
says = "a 3x3 has nine weights"
specs = { a = { spec = "3x3", input = "{n}x8x8" } }
where = { n = 1 }
figures = { w = "weights(a)" }
stated = { w = 9 }
holds = "rf(a) == 3"
"""


def git(folder: Path, *arguments: str) -> None:
    author = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env={**clean, **author}, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a change")


def update(start: Path) -> None:
    check(read_budget(None, start), Request(update=True), load_text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A budget with its lock, committed on main, in the root and in a folder of its own."""
    git(tmp_path, "init", "-qb", "main")
    for folder in (tmp_path, tmp_path / "sub" / "deep"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "convcalc.toml").write_text(BUDGET)
        update(folder)
    commit(tmp_path)
    return tmp_path


def against(start: Path, config: str | None = None, *, allow: bool = False, specs_only: bool = False) -> Report:
    request = Request(against="main", allow_edits=allow, specs_only=specs_only)
    return check(read_budget(config, start), request, load_text)


def findings(report: Report) -> list[tuple[str, str]]:
    """What was edited to the limits' advantage, in what."""
    return [(verdict.name, verdict.metric) for verdict in report.verdicts if verdict.operator == "against"]


def edited(start: Path, old: str, new: str) -> None:
    text = (start / "convcalc.toml").read_text()
    assert old in text
    (start / "convcalc.toml").write_text(text.replace(old, new, 1))


def test_nothing_edited_is_no_finding(repository: Path) -> None:
    for start in (repository, repository / "sub" / "deep"):
        report = against(start)
        assert (findings(report), report.exit_code()) == ([], 0)


EDITS = {
    "a max raised": ('max = "10k"', 'max = "11k"', ("stem", "params")),
    "a min lowered": ("rf = { min = 7 }", "rf = { min = 6 }", ("stem", "rf")),
    "growth raised": ('growth = "0%"', 'growth = "5%"', ("stem", "params")),
    "a share of growth made a number": ('growth = "0%"', "growth = 5", ("stem", "params")),
    "a limit removed": ("rf = { min = 7 }\n", "", ("stem", "rf")),
    "an operator removed": ('{ max = "10k", growth = "0%" }', '{ max = "10k" }', ("stem", "params")),
    "a max made a warning": ('macs = { max = "120M" }', 'macs = { warn = "120M" }', ("other", "macs")),
    "a metric replaced": ('macs = { max = "120M" }', 'params = { max = "120M" }', ("other", "macs")),
    "another spec": ('spec = "3x3"\n', 'spec = "1x1c1"\n', ("other", "spec")),
    "another input": ('"3x224x224"', '"3x112x112"', ("stem", "input")),
    "an input left out": ('input = "3x224x224"\n', "", ("stem", "input")),
    "a norm": ('spec = "3x3"\n', 'spec = "3x3"\nnorm = "bn"\n', ("other", "norm")),
    "a bias": ('spec = "3x3"\n', 'spec = "3x3"\nbias = true\n', ("other", "bias")),
    "a left side replaced": ('left = "3x3,3x3"', 'left = "3x3p1,3x3"', ("two", "left")),
    "a right side replaced": ('right = "5x5"', 'right = "5x5p2"', ("two", "right")),
    "a statement loosened": ('at-least-fewer = "20%"', 'at-least-fewer = "10%"', ("two", "params")),
    "a statement changed": ('fewer = "28%"', 'fewer = "28.0%"', ("two", "params")),
    "a stated figure": ("stated = { w = 9 }", 'stated = { w = "about 9" }', ("words", "stated")),
    "a computed figure": ('w = "weights(a)"', 'w = "weights(a) + 0"', ("words", "figures")),
    "a value": ("where = { n = 1 }", "where = { n = -1 }", ("words", "where")),
    "a network of a claim": ('spec = "3x3", input', 'spec = "3x3p1", input', ("words", "specs")),
    "a relation": ('holds = "rf(a) == 3"', 'holds = "rf(a) > 0"', ("words", "holds")),
    "an expected verdict": ("stated = { w = 9 }", 'stated = { w = 9 }\nexpected = "wrong"', ("words", "expected")),
    "a reason not to judge": ("stated = { w = 9 }", 'stated = { w = 9 }\noutside = "dull"', ("words", "outside")),
    "a check removed": (BUDGET[BUDGET.index('[[check]]\nname = "other"') : BUDGET.index("[[claim]]")], "",
                        ("other", "removed")),
    "a check renamed": ('name = "other"', 'name = "another"', ("other", "removed")),
    "a check made a claim": ('[[check]]\nname = "other"\nspec = "3x3"\n', '[[claim]]\nname = "other"\nsays = "x"\n'
                             'holds = "1 == 1"\n', ("other", "kind")),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
@pytest.mark.parametrize("place", [".", "sub/deep"])
def test_an_edit_that_loosens_is_a_finding(repository: Path, case: str, place: str) -> None:
    old, new, finding = EDITS[case]
    start = repository / place
    if case == "a check made a claim":
        edited(start, 'macs = { max = "120M" }\n', "")
    edited(start, old, new)
    report = against(start)
    assert finding in findings(report)
    assert len(findings(report)) == len(set(findings(report)))
    assert report.exit_code() in (1, 2)
    allowed = against(start, allow=True)
    assert findings(allowed) == []
    assert any(finding[0] in notice.message for notice in allowed.notices)


TIGHTENED = {
    "a max lowered": ('max = "10k"', 'max = "9.9k"'),
    "a min raised": ("rf = { min = 7 }", "rf = { min = 7, max = 7 }"),
    "a statement tightened": ('at-least-fewer = "20%"', 'at-least-fewer = "28%"'),
    "another name of the same metric": ("rf = { min = 7 }", "receptive_field.size = { min = 7 }"),
    "other words": ("a 3x3 has nine weights", "nine weights has a 3x3"),
    "a new check": ('[[check]]\nname = "other"', '[[check]]\nname = "n"\nspec = "3x3"\nparams.min = 1\n'
                    '[[check]]\nname = "other"'),
}  # fmt: skip


@pytest.mark.parametrize("case", TIGHTENED)
def test_an_edit_that_tightens_is_no_finding(repository: Path, case: str) -> None:
    edited(repository, *TIGHTENED[case])
    report = against(repository)
    assert (findings(report), report.exit_code()) == ([], 0)


def test_a_larger_network_with_its_own_lock_is_seen(repository: Path) -> None:
    """The baseline is main's, and each raised number of the lock under a growth limit is a finding."""
    edited(repository, "7x7c64s2, bn", "7x7c66s2, bn")  # 9,834 parameters: within 10k, over the baseline
    update(repository)
    report = against(repository)
    assert findings(report) == [("stem", "spec"), ("stem", "lock")]
    (growth,) = [verdict for verdict in report.verdicts if verdict.operator == "growth"]
    assert (growth.status, growth.baseline and growth.baseline.plain) == (FAILED, 9_536)


def test_a_new_lock_beside_a_changed_spec(repository: Path) -> None:
    edited(repository, "[[check]]", 'lock = "x.lock"\n\n[[check]]')
    edited(repository, "7x7c64s2, bn", "7x7c66s2, bn")
    update(repository)
    report = against(repository)
    assert {("lock", "moved"), ("stem", "spec"), ("stem", "lock")} == set(findings(report))
    (growth,) = [verdict for verdict in report.verdicts if verdict.operator == "growth"]
    assert growth.status == FAILED  # against main's lock, where main's budget has it


def test_a_lock_that_cannot_be_read_at_the_revision(repository: Path) -> None:
    (repository / "convcalc.lock").write_text("lock-version = 1\n")
    commit(repository)
    update(repository)
    assert set(findings(against(repository))) == {("lock", "lock"), ("stem", "lock")}


def test_a_removed_lock(repository: Path) -> None:
    (repository / "convcalc.lock").unlink()
    assert findings(against(repository)) == [("stem", "lock")]


def test_a_spec_that_became_a_model_is_left_out_by_specs_only(repository: Path) -> None:
    edited(repository, 'spec = "3x3"\n', 'spec = "evil.module:Net"\n')
    report = against(repository, specs_only=True)
    assert [key for name, key in findings(report) if name == "other"] == ["spec", "spec"]
    assert report.exit_code() == 1


def test_a_budget_nearer_to_the_folder_hides_nothing(repository: Path) -> None:
    nearer = repository / "sub" / "convcalc.toml"
    nearer.write_text('[[check]]\nname = "easy"\nspec = "3x3"\nparams = { min = 1 }\n')
    names = [name for name, key in findings(against(repository / "sub")) if key == "removed"]
    assert names == ["stem", "other", "two", "words"]


def test_a_budget_that_moved_is_found_where_it_was(repository: Path) -> None:
    shutil.rmtree(repository / "sub")
    commit(repository)
    moved = repository / "elsewhere" / "convcalc.toml"
    moved.parent.mkdir()
    (repository / "convcalc.toml").rename(moved)
    (repository / "convcalc.lock").rename(moved.with_name("convcalc.lock"))
    edited(moved.parent, 'max = "10k"', 'max = "11k"')
    report = against(repository, str(moved))
    assert findings(report) == [("lock", "moved"), ("stem", "params")]
    assert "convcalc.toml -> elsewhere/convcalc.toml" in "".join(notice.message for notice in report.notices)


def test_a_folder_replaced_by_a_link_hides_nothing(repository: Path) -> None:
    """The budget is read through the link; those that it hides are gone, whichever it is compared with."""
    (repository / "easy").mkdir()
    (repository / "easy" / "convcalc.toml").write_text('[[check]]\nname = "e"\nspec = "3x3"\nparams.min = 1\n')
    shutil.rmtree(repository / "sub" / "deep")
    (repository / "sub" / "deep").symlink_to(repository / "easy")
    named = findings(against(repository, str(repository / "sub" / "deep" / "convcalc.toml")))
    assert {("stem", "removed"), ("other", "removed"), ("two", "removed")} <= set(named)


def test_a_budget_removed_beside_the_one_that_is_judged(repository: Path) -> None:
    shutil.rmtree(repository / "sub")
    assert findings(against(repository)) == [("budget", "removed")]


def test_a_first_budget_is_no_finding(repository: Path) -> None:
    first = repository / "own" / "budget.toml"
    first.parent.mkdir()
    first.write_text(BUDGET.replace(', growth = "0%"', ""))
    report = against(repository, str(first))
    assert (findings(report), report.exit_code()) == ([], 0)
    assert any("there was no budget at main" in notice.message for notice in report.notices)


def test_edits_are_allowed_only_against_something(repository: Path) -> None:
    with pytest.raises(UsageError, match="--allow-edits"):
        check(read_budget(None, repository), Request(allow_edits=True), load_text)
