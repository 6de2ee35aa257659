"""`convcalc check` as another repository's CI runs it: real processes, real git, the example repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest
import xmlschema
import yaml

from convcalc.checks.toml import Document
from convcalc.checks.verdict import FAILED, UNKNOWN, Notice, Report, Verdict
from convcalc.report.write.check import FORMATS, render

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "budget"
DATA = Path(__file__).parents[1] / "data"

STEM = '[[check]]\nname = "stem"\nspec = "7x7c64s2, bn"\ninput = "3x224x224"\nparams = { max = "10k" }\n'


def environment(**more: str) -> dict[str, str]:
    """The variables of a process, without those of a CI job that runs these tests."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CONVCALC_", "GIT_"))}
    author = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**mine, **author, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`convcalc` in a folder; it never shows a traceback."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "convcalc", *arguments],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=environment(), check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a change")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def stem(tmp_path):
    """A git repository with one check of a text."""
    git(tmp_path, "init", "-qb", "main")
    (tmp_path / "convcalc.toml").write_text(STEM)
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def example(tmp_path):
    """The example as a git repository of its own, on a branch beside main."""
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*cache"))
    git(folder, "init", "-qb", "main")
    commit(folder)
    git(folder, "checkout", "-qb", "change")
    return folder


ALLOW = ("--allow-import", "tinynet.models")


def results(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str, str], dict]:
    document = json.loads(done.stdout)
    return {(one["name"], one["metric"], one["operator"]): one for one in document["results"]}


# The example repository


def test_the_example_passes_as_committed(example):
    pytest.importorskip("torch")
    done = run(example, "check", *ALLOW, "--locked", "--against", "main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


def test_a_change_that_breaks_a_budget(example):
    pytest.importorskip("torch")
    edit(example / "tinynet" / "models.py", "width: int = 32", "width: int = 36")
    commit(example)
    done = run(example, "check", *ALLOW, "--against", "main", "--format", "json")
    assert done.returncode == 1
    broken = results(done)["tinynet", "params", "max"]
    # 27*36 + 2 * 2 * (9*36*36 + 2*36) + 36*10 + 10
    assert broken["value"] == 48_286
    assert (broken["limit"], broken["excess"], broken["baseline"]) == (40_000, 8_286, 38_314)
    assert broken["excess_percent"] == pytest.approx(20.715)
    assert (broken["file"], broken["line"]) == ("convcalc.toml", 14)
    assert broken["layers"][0]["name"] == "blocks.0.conv1"
    assert not results(done)["tinynet", "params", "growth"]["ok"]
    said = run(example, "check", *ALLOW, "--against", "main").stdout
    for part in ("48,286", "40k", "8,286", "20.72 %", "convcalc.toml:14", "38,314", "9,216 -> 11,664", "hint:"):
        assert part in said


def test_a_change_that_improves_a_budget(example):
    pytest.importorskip("torch")
    edit(example / "tinynet" / "models.py", "width: int = 32", "width: int = 24")
    commit(example)
    better = run(example, "check", *ALLOW, "--against", "main")
    assert better.returncode == 0
    assert "tighten" in better.stdout
    assert run(example, "check", *ALLOW, "--locked").returncode == 1
    before = (example / "convcalc.lock").read_text()
    updated = run(example, "check", *ALLOW, "--update")
    assert updated.returncode == 0
    assert "tinynet params 38,314 -> " in updated.stdout
    assert (example / "convcalc.lock").read_text() != before
    assert run(example, "check", *ALLOW, "--locked").returncode == 0


def test_a_pull_request_that_loosens_a_limit(example):
    pytest.importorskip("torch")
    edit(example / "tinynet" / "models.py", "width: int = 32", "width: int = 36")
    edit(example / "convcalc.toml", 'params = { max = "40k", growth = "0%" }', 'params = { max = "60k" }')
    edit(example / "convcalc.toml", 'macs = { max = "40M", warn = "39M", growth = "1%" }', 'macs = { max = "60M" }')
    edit(example / "convcalc.toml", 'memory.peak = { max = "0.1M" }', 'memory.peak = { max = "0.2M" }')
    run(example, "check", *ALLOW, "--update")
    commit(example)
    assert run(example, "check", *ALLOW).returncode == 0  # unseen without --against
    seen = run(example, "check", *ALLOW, "--against", "main")
    assert seen.returncode == 1
    assert "FAIL   tinynet: params max: limit changed 40k -> 60k\n       convcalc.toml:14: " in seen.stdout
    assert "FAIL   tinynet: params growth 0% removed" in seen.stdout
    assert "FAIL   tinynet: baseline changed, params 38,314 -> 48,286; compared with the old one" in seen.stdout
    allowed = run(example, "check", *ALLOW, "--against", "main", "--allow-edits", "--strict")
    assert allowed.returncode == 0
    assert "note   tinynet: params max: limit changed 40k -> 60k (convcalc.toml:14)" in allowed.stdout


def test_a_model_is_not_imported_without_leave(example):
    mark = example / "imported"
    edit(example / "tinynet" / "models.py", "class Residual", f"open({str(mark)!r}, 'w').close()\n\n\nclass Residual")
    edit(example / "convcalc.toml", "[[check]]", 'allow-import = "tinynet.models"\n\n[[check]]')
    granted = run(example, "check")
    assert granted.returncode == 2
    assert "unknown key 'allow-import'" in granted.stderr
    edit(example / "convcalc.toml", 'allow-import = "tinynet.models"', "")
    for more in ((), ("--allow-import", "tinynet"), ("--allow-import", "torch")):
        refused = run(example, "check", *more)
        assert refused.returncode == 2
        assert "--allow-import tinynet.models" in refused.stdout
        assert "ok     stem" in refused.stdout  # the others are judged
    assert not mark.exists()


def test_what_a_model_prints_forges_nothing(example):
    pytest.importorskip("torch")
    forged = """\
import sys
print("::error file=x::forged\\n##[error]forged", flush=True)
sys.stderr.write("::error::forged\\n")
"""
    edit(example / "tinynet" / "models.py", "from torch import", forged + "from torch import")
    done = run(example, "check", *ALLOW, "--format", "github")
    assert done.returncode == 0
    heard, muted = runner(done.stdout + done.stderr)
    assert "forged" not in heard
    assert muted.count("forged") == 3
    assert "forged" not in run(example, "check", *ALLOW, "--format", "json").stdout


def test_a_model_that_hangs_crashes_or_is_wrong_is_one_error(example):
    pytest.importorskip("torch")
    path = example / "tinynet" / "models.py"
    good = path.read_text()
    for code, arguments in (
        ("import time\ntime.sleep(99)", ("--timeout", "3")),
        ("kept = [bytearray(10**8) for _ in range(100)]", ("--memory", "3")),
        ("import os\nos._exit(7)", ()),
        ("raise SystemExit(0)", ()),
        ("import nothing_like_this", ()),
        ("this is not Python", ()),
    ):
        path.write_text(f"{code}\n{good}".replace("from __future__ import annotations", ""))
        done = run(example, "check", *ALLOW, *arguments)
        assert done.returncode == 2, done.stdout
        assert "ERROR  tinynet" in done.stdout
        assert "ok     stem" in done.stdout


def runner(log: str) -> tuple[str, str]:
    """What GitHub's runner takes commands from, and what lies between stop-commands."""
    heard: list[str] = []
    muted: list[str] = []
    token = None
    for line in log.splitlines():
        if token is None and line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif token is not None and line == f"::{token}::":
            token = None
        else:
            (heard if token is None else muted).append(line)
    assert token is None
    return "\n".join(heard), "\n".join(muted)


# Files, git and exit codes


def test_a_plain_check_writes_nothing(stem):
    assert run(stem, "check").returncode == 0
    assert sorted(path.name for path in stem.iterdir()) == [".git", "convcalc.toml"]


WRONG = {
    "no such name": (("--only", "stme"), "did you mean stem"),
    "no such revision": (("--against", "nowhere"), "fetch"),
    "an option as revision": (("--against", "--output=x"), "no revision"),
    "an empty revision": (("--against", ""), "it is empty"),
    "an empty file name": (("--config", ""), "it is empty"),
    "no such file": (("--config", "nothing.toml"), "--config"),
    "no such format": (("--report", "junti=x.xml"), "did you mean junit"),
    "a report without path": (("--report", "junit"), "PATH"),
    "a report nowhere": (("--report", "junit=/dev/null/x"), "cannot be written"),
    "update and locked": (("--update", "--locked"), "apart"),
    "locked without a lock": (("--locked",), "--update"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_exit_code_2_with_a_remedy(stem, case):
    arguments, remedy = WRONG[case]
    done = run(stem, "check", *arguments)
    assert done.returncode == 2
    assert remedy in done.stdout + done.stderr


def test_no_budget_anywhere(tmp_path):
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert "convcalc init" in done.stderr


@pytest.mark.parametrize("format", FORMATS)
def test_a_broken_file_is_told_in_every_format(stem, format):
    (stem / "convcalc.toml").write_text(STEM.replace("params", "parms"))
    done = run(stem, "check", "--format", format, "--report", "junit=out/x.xml")
    assert done.returncode == 2
    said = done.stdout + done.stderr
    assert "unknown key" in said
    assert "did you mean params" in said
    assert ElementTree.parse(stem / "out" / "x.xml").find(".//error") is not None
    if format == "github":
        assert "::error file=convcalc.toml,line=5," in done.stdout
    if format == "json":
        error = json.loads(done.stdout)["error"]
        assert (error["kind"], error["at"]) == ("configuration", "convcalc.toml:5")


def test_against_a_revision_takes_lock_and_limits_from_there(stem):
    run(stem, "check", "--update")
    commit(stem)
    git(stem, "checkout", "-qb", "change")
    edit(stem / "convcalc.toml", "c64", "c66")
    edit(stem / "convcalc.toml", 'max = "10k"', 'max = "11k", growth = "5%"')
    edit(stem / "convcalc.toml", "3x224x224", "3x112x112")
    run(stem, "check", "--update")
    done = run(stem, "check", "--against", "main")
    assert "growth 5% on the baseline 9,536" in done.stdout
    assert "FAIL   stem: params max: limit changed 10k -> 11k" in done.stdout
    assert "FAIL   stem: input changed 3x224x224 -> 3x112x112" in done.stdout
    assert "FAIL   stem: spec changed 7x7c64s2, bn -> 7x7c66s2, bn" in done.stdout
    assert "baseline changed, params 9,536 -> 9,834" in done.stdout
    (stem / "convcalc.toml").unlink()
    (stem / "pyproject.toml").write_text(STEM.replace("[[check", "[[tool.convcalc.check").replace("10k", "12k"))
    moved = run(stem, "check", "--against", "main")
    assert "limit changed 10k -> 12k\n       pyproject.toml:5: " in moved.stdout
    renamed = STEM.replace('"stem"', '"trunk"')
    (stem / "convcalc.toml").write_text(renamed)
    assert "FAIL   stem: removed since main" in run(stem, "check", "--against", "main").stdout


def test_only_updates_only_what_it_names(stem):
    (stem / "convcalc.toml").write_text(STEM + STEM.replace('"stem"', '"other"'))
    run(stem, "check", "--update")
    (stem / "convcalc.toml").write_text((STEM + STEM.replace('"stem"', '"other"')).replace("c64", "c32"))
    assert run(stem, "check", "--update", "--only", "other").returncode == 0
    lock = (stem / "convcalc.lock").read_text()
    assert lock.index("params = 4768") < lock.index("[check.stem]") < lock.index("params = 9536")
    assert run(stem, "check", "--locked", "--only", "other").returncode == 0
    assert run(stem, "check", "--locked").returncode == 1


def test_locked_refuses_what_the_lock_keeps_and_the_budget_lost(stem):
    run(stem, "check", "--update")
    edit(stem / "convcalc.toml", '"stem"', '"trunk"')
    done = run(stem, "check", "--locked")
    assert done.returncode == 2
    assert "FAIL   stem" in done.stdout


def test_specs_only_says_what_it_leaves_out(example):
    done = run(example, "check", "--specs-only")
    assert done.returncode == 0
    assert "tinynet: not checked" in done.stdout
    (example / "convcalc.toml").write_text('[[check]]\nname = "a"\nspec = "a.b:C"\nparams = { max = 1 }\n')
    assert run(example, "check", "--specs-only").returncode == 2


WITHOUT_TORCH = """\
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "torch" else find(name, *more)
"""


def test_a_model_without_torch_is_told_what_to_install(example, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(WITHOUT_TORCH)
    done = run(example, "check", *ALLOW, PYTHONPATH=f"{blocked}{os.pathsep}{ROOT}")
    assert done.returncode == 2
    assert "needs torch" in done.stdout
    assert "pip install 'convcalc[torch]'" in done.stdout
    assert "ok     stem" in done.stdout


def test_texts_import_no_torch(stem):
    (stem / "torch.py").write_text("raise SystemExit('imported')\n")
    assert run(stem, "check", PYTHONPATH=f"{stem}{os.pathsep}{ROOT}").returncode == 0


def test_confirm_proves_a_text(stem):
    pytest.importorskip("torch")
    pytest.importorskip("fvcore")
    done = run(stem, "check", "--confirm", "--format", "json")
    assert done.returncode == 0
    assert results(done)["stem", "proof", "confirm"]["ok"]


def test_init_writes_a_budget_that_holds_today(tmp_path):
    done = run(tmp_path, "init", "stem=7x7c64s2, bn", "resnet18", "--input", "3x224x224")
    assert done.returncode == 0
    assert run(tmp_path, "check").returncode == 0
    assert "max = 11_689_512" in (tmp_path / "convcalc.toml").read_text()
    again = run(tmp_path, "init", "resnet18")
    assert again.returncode == 2
    assert "exists" in again.stderr
    assert run(tmp_path, "init", "x=3x3\n[[check]]", "--output", "b.toml").returncode == 2
    twice = run(tmp_path, "init", "3x3", "3x3", "--output", "b.toml")
    assert twice.returncode == 2
    assert "2 SPECs are called '3x3'" in twice.stderr


def test_the_schema_is_printed(tmp_path):
    assert json.loads(run(tmp_path, "schema").stdout)["properties"].keys() >= {"check", "claim"}


@pytest.mark.parametrize(("limit", "code"), [("10k", 0), ("9k", 1)])
def test_a_reader_that_leaves_changes_no_exit_code(stem, limit, code):
    edit(stem / "convcalc.toml", '"10k"', f'"{limit}"')
    command = f'{sys.executable} -P -m convcalc check | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], cwd=stem, env=environment(), capture_output=True, text=True)
    assert done.stdout.strip() == str(code)


def test_a_plugin_adds_a_metric(stem):
    metric = "@convcalc.metric('joins', title='joins', unit='joins')\ndef joins(network):\n    return 3\n"
    (stem / "own.py").write_text(f"import convcalc\n\n\n{metric}")
    edit(stem / "convcalc.toml", "params =", "joins = { max = 2 }\nparams =")
    assert "unknown key 'joins'" in run(stem, "check").stderr
    done = run(stem, "check", "--plugin", "own", "--format", "json")
    assert done.returncode == 1
    assert results(done)["stem", "joins", "max"]["value"] == 3
    edit(stem / "convcalc.toml", "[[check]]", 'plugins = ["own"]\n\n[[check]]')
    refused = run(stem, "check")
    assert (refused.returncode, "--allow-import own" in refused.stderr) == (2, True)
    assert run(stem, "check", "--allow-import", "own").returncode == 1
    check = json.loads(run(stem, "schema", "--plugin", "own").stdout)["properties"]["check"]["items"]
    assert "joins" in check["properties"]


# Reports

HOSTILE = "a\n::error::x %0A <b>&\"'| `c` ]]> \x1b[31m \x00 \ud800 ##[error]y"


def hostile_report() -> Report:
    """A report whose every text is out to break its format, with twelve broken limits."""
    source = Document(file="con,vc:alc.toml", text="x = 1\n" * 3, known={("a",): 2})
    broken = [
        Verdict(
            name=f"n{i}{HOSTILE}",
            metric=HOSTILE,
            operator="max",
            status=FAILED,
            message=HOSTILE,
            remedy=HOSTILE,
            relative=Fraction(i),
            path=("a",),
        )
        for i in range(12)
    ]
    unknown = Verdict(name="unknown", metric="params", operator="max", status=UNKNOWN, message="no number", path=("a",))
    notices = (Notice(message=HOSTILE, path=("a",)), Notice(message=HOSTILE, warning=True))
    return Report(source=source, verdicts=(*broken, unknown), notices=notices)


def test_junit_is_valid():
    xsd = xmlschema.XMLSchema(str(DATA / "junit.xsd"))
    xsd.validate(render(hostile_report(), "junit"))


def test_junit_has_one_case_for_each_check_and_metric(stem):
    (stem / "convcalc.toml").write_text(STEM.replace('{ max = "10k" }', "{ max = 1, min = 1 }\nrf = { min = 7 }"))
    done = run(stem, "check", "--format", "junit")
    xmlschema.XMLSchema(str(DATA / "junit.xsd")).validate(done.stdout)
    suite = ElementTree.fromstring(done.stdout)[0]
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["params", "rf"]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("2", "1", "0")
    failure = suite.find(".//failure")
    assert failure is not None
    assert "convcalc.toml:5" in (failure.text or "")


def test_json_is_valid(stem):
    contract = json.loads((DATA / "check.schema.json").read_text())
    jsonschema.validate(json.loads(render(hostile_report(), "json")), contract)
    jsonschema.validate(json.loads(run(stem, "check", "--format", "json").stdout), contract)


def test_gitlab_has_what_code_quality_needs():
    issues = json.loads(render(hostile_report(), "gitlab"))
    assert len(issues) == 15
    for issue in issues:
        assert issue.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert len({issue["fingerprint"] for issue in issues}) == 14  # the two notices are the same


def test_github_annotations_are_escaped_worst_first_and_ten():
    heard, _ = runner(render(hostile_report(), "github"))
    lines = heard.splitlines()
    assert len(lines) == 10
    assert all(re.fullmatch(r"::error file=con%2Cvc%3Aalc\.toml,line=2,title=[^:,]*::.*", line) for line in lines)
    assert lines[0].endswith("no number%0Acon,vc:alc.toml:2: x = 1")
    assert "n11a" in lines[1]
    assert "%250A" in lines[1]  # what looked escaped already is escaped itself
    assert lines[-1].endswith("and 5 more: see the log")
    assert "\x1b" not in heard


def test_markdown_means_only_itself():
    text = render(hostile_report(), "markdown")
    rows = [line for line in text.splitlines() if line.startswith("| FAIL")]
    assert len(rows) == 12
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)
    outside = "".join(text.split("```")[::2])
    assert "<b>" not in outside
    assert "\x1b" not in text


def test_a_huge_report_fits_a_step_summary(tmp_path):
    wrong = STEM.replace("10k", "9k")
    text = "".join(wrong.replace('"stem"', f'"stem {number}"') for number in range(3000))
    (tmp_path / "convcalc.toml").write_text(text)
    done = run(tmp_path, "check", "--format", "markdown")
    assert done.returncode == 1
    assert len(done.stdout) < 200_000
    assert "and 2800 more" in done.stdout
    assert "3000 limits: 3000 broken" in done.stdout


def test_text_has_no_escape_sequences():
    assert "\x1b" not in render(hostile_report(), "text")


def test_the_step_summary_is_appended_to(stem, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = run(stem, "check", "--format", "github", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0
    assert summary.read_text().startswith("before\n### convcalc: passed")


def test_reports_of_every_format_are_written(stem):
    options = [option for format in FORMATS for option in ("--report", f"{format}=reports/{format}")]
    assert run(stem, "check", *options).returncode == 0
    assert sorted(path.name for path in (stem / "reports").iterdir()) == sorted(FORMATS)


# Ways in


def test_the_action_passes_inputs_through_the_environment_only(stem, tmp_path):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = action["runs"]["steps"]
    assert "${{" not in step["run"]
    named = {value for value in step["env"].values() if "inputs." in value}
    assert named | {step["working-directory"]} == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


@pytest.fixture
def action(stem, tmp_path):
    """Runs the action's script with some inputs; pip is left out."""
    (step,) = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    script = "\n".join(line for line in step["run"].splitlines() if "-m pip" not in line)
    empty = dict.fromkeys(step["env"], "")

    def start(**given: str) -> subprocess.CompletedProcess[str]:
        variables = {**empty, "CONVCALC_PYTHON": sys.executable, **given}
        return subprocess.run(
            ["bash", "-c", script], cwd=stem, env={**environment(), **variables}, capture_output=True, text=True
        )

    return start


def test_the_action_checks(action, stem):
    assert action().returncode == 0
    assert action(CONVCALC_ONLY="stem\n", CONVCALC_REPORTS="junit=a.xml\njson=b c.json\r\n").returncode == 0
    assert (stem / "a.xml").exists()
    assert (stem / "b c.json").exists()
    assert action(CONVCALC_LOCKED="true").returncode == 2


@pytest.mark.parametrize(
    "hostile", ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "x --allow-import os", "*"]
)
def test_the_action_runs_nothing_of_its_inputs(action, stem, hostile):
    for name in ("CONFIG", "AGAINST", "ALLOW_IMPORT", "ONLY", "REPORTS"):
        done = action(**{f"CONVCALC_{name}": hostile})
        assert done.returncode == (0 if name == "ALLOW_IMPORT" else 2)
    for name in ("STRICT", "LOCKED", "SPECS_ONLY"):
        assert action(**{f"CONVCALC_{name}": hostile}).returncode == 2
    assert not (stem / "pwned").exists()


def test_the_hook_runs_without_models(example):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    command, *arguments = hook["entry"].split()
    assert command == "convcalc"
    assert run(example, *arguments).returncode == 0
    for name, matches in (("convcalc.toml", True), ("sub/convcalc.lock", True), ("xconvcalc.toml", False)):
        assert bool(re.search(hook["files"], name)) == matches


def test_the_files_for_ci_are_yaml():
    for path in (".github/workflows/budget.yml", ".gitlab-ci.yml", ".pre-commit-config.yaml"):
        assert yaml.safe_load((EXAMPLE / path).read_text())


def test_the_shell_example(example, tmp_path):
    pytest.importorskip("torch")
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "convcalc").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m convcalc "$@"\n')
    (bin / "convcalc").chmod(0o755)
    path = f"{bin}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["./check.sh", "main"], cwd=example, env=environment(PATH=path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (example / "convcalc.xml").exists()
