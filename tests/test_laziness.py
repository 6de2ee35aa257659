"""What is imported when: nothing heavy before it is needed, and imports between the parts go one way only."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "convcalc"

HEAVY = ("torch", "fvcore", "numpy", "sympy", "matplotlib")

COMMANDS = {
    "params": ["params", "--kernel", "3", "--groups", "32", "--explain", "--no-confirm"],
    "flops": ["flops", "resnet50", "--explain", "--no-confirm"],
    "rf": ["rf", "3x3,3x3,3x3", "--explain", "--unit", "3,4", "--pixel", "1,1", "--no-confirm"],
    "summary": ["summary", "resnet50", "--dtype", "float16", "--no-confirm"],
    "compare": ["compare", "resnet-block", "resnext-block", "--no-confirm"],
    "json": ["summary", "resnet18", "--format", "json", "--no-confirm"],
    "csv": ["params", "resnet18", "--format", "csv", "--no-confirm"],
    "markdown": ["params", "resnet18", "--format", "markdown", "--no-confirm"],
    "latex": ["params", "resnet18", "--format", "latex", "--no-confirm"],
    "blocks": ["blocks"],
    "block": ["blocks", "resnet50"],
    "articles": ["articles", "--no-confirm"],
    "a claim to count": ["articles", "kernels/rf-7x7", "--explain"],
    "completion": ["completion", "zsh"],
    "help": ["--help"],
    "mistake": ["params", "3x3x", "--no-confirm"],
}


def loaded(code: str, modules: tuple[str, ...], **environment: str) -> list[str]:
    """Which of `modules` a fresh interpreter has loaded after `code`."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += f"sys.stderr.write('\\n' + ' '.join(m for m in {modules!r} if m in sys.modules))"
    path = [environment.pop("path", ""), *sys.path]
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), **environment},
    )
    return result.stderr.rpartition("\n")[2].split()


def run(arguments: list[str]) -> str:
    return f"from convcalc.cli import main; main({arguments!r})"


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import convcalc", (*HEAVY, "rich", "click", "convcalc.pytorch")) == []


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_command_loads_anything_heavy(arguments: list[str]) -> None:
    assert loaded(run(arguments), (*HEAVY, "convcalc.pytorch")) == []


def test_piped_output_does_without_rich() -> None:
    assert loaded(run(COMMANDS["params"]), ("rich",)) == []


def test_colours_bring_rich() -> None:
    """So that the test above measures something."""
    assert loaded(run(COMMANDS["params"]), ("rich",), FORCE_COLOR="1", NO_COLOR="") == ["rich"]


def test_a_command_loads_no_other() -> None:
    others = ("convcalc.cli.commands.params", "convcalc.cli.commands.rf", "convcalc.cli.commands.compare")
    assert loaded(run(COMMANDS["params"]), others) == ["convcalc.cli.commands.params"]


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_test_sees_what_is_loaded(heavy: str, tmp_path: Path) -> None:
    """With an empty module of that name in place, importing it is found out."""
    (tmp_path / f"{heavy}.py").write_text("")
    assert loaded(f"import convcalc, {heavy}", HEAVY, path=str(tmp_path)) == [heavy]


RANKS = {
    "errors": 0,
    "algebra": 0,
    "window": 1,
    "ops": 2,
    "graph": 3,
    "spec": 4,
    "target": 6,
    "wire": 5,
    "phrase": 5,
    "blocks": 4,
    "field": 5,
    "proof": 5,
    "measure": 5,
    "comparison": 5,
    "budget": 6,
    "articles": 6,
    "report": 7,
    "cli": 8,
}
"""Who may import whom: a part imports its own rank and those below."""

PYTORCH_RANK = RANKS["measure"]
"""What imports torch stands beside the measuring, and only commands reach for it."""


def imported_parts(source: str) -> Iterator[str]:
    """The parts of the package that a module imports, anywhere in it but for the type checker."""
    tree = ast.parse(source)
    for guarded in ast.walk(tree):
        if isinstance(guarded, ast.If) and ast.unparse(guarded.test) == "TYPE_CHECKING":
            guarded.body = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.module != "convcalc" else [f"convcalc.{a.name}" for a in node.names]
        for name in names:
            if name.startswith("convcalc.") and name != "convcalc.__version__":
                yield name.split(".")[1]


def wrong_imports(part: str, source: str) -> list[str]:
    """What a module of `part` imports and may not."""
    if part == "pytorch":
        return [name for name in imported_parts(source) if name != part and RANKS[name] > PYTORCH_RANK]
    return [
        name
        for name in imported_parts(source)
        if (part != "cli" if name == "pytorch" else name not in RANKS or RANKS[name] > RANKS[part])
    ]


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = [path for path in PACKAGE.rglob("*.py") if part_of(path) not in ("__init__", "__main__", "pytest_plugin")]


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_imports_go_one_way(path: Path) -> None:
    assert wrong_imports(part_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("ops", "from convcalc.graph import Graph"),
        ("measure", "def late():\n    import convcalc.report.plain"),
        ("graph", "from convcalc import measure"),
        ("report", "from convcalc.pytorch.confirm import confirm"),
        ("pytorch", "from convcalc.report.proof import proof_sentences"),
        ("blocks", "import convcalc.unheard_of"),
    ],
)
def test_a_wrong_direction_is_seen(part: str, source: str) -> None:
    assert wrong_imports(part, source)
