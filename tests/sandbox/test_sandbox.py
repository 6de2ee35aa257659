"""Models named on the command line: hostile and broken ones end in one clear error, nothing they print is ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.analysis.network import Network
from convcalc.core.errors import ConfirmError, ConvcalcError, ModelError, SpecError
from convcalc.language.source import Source
from convcalc.sandbox import child
from convcalc.sandbox.codec import dump_graph, load_graph
from convcalc.sandbox.load import load_model
from convcalc.sandbox.parent import Sandbox, Target, is_target

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]

MODELS = """
import os, sys, time
import torch
from torch import nn

print("on stdout while importing")

class Net(nn.Module):
    def __init__(self, width=8, *, depth=1):
        super().__init__()
        self.steps = [step.item() for step in torch.linspace(0, 1, depth)]
        self.layers = nn.ModuleList([nn.Conv2d(3 if i == 0 else width, width, 3) for i in range(depth)])

    def forward(self, x):
        print("on stdout while running")
        for layer in self.layers:
            x = layer(x)
        return x

class Wrong(Net):
    def forward(self, x):
        return super().forward(x) @ torch.zeros(5, 5)

class Needs(Net):
    def __init__(self, count):
        super().__init__()

class Slow(Net):
    def forward(self, x):
        time.sleep(60)

class Exits(Net):
    def forward(self, x):
        os._exit(7)

class Raises(Net):
    def forward(self, x):
        raise SystemExit("enough")

class Endless(Net):
    def forward(self, x):
        return self(x)

class Two(Net):
    def forward(self, x, y):
        return super().forward(x + y)

def factory(name):
    return name

def greedy():
    return [bytearray(1 << 30) for _ in range(64)] and Net()

def relu_of_torch():
    return nn.ReLU()

from torch.nn import Conv2d
from os import system
print("imported", file=open(__file__ + ".imports", "a"))

instance = Net(4)
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "zoo.py").write_text(MODELS)
    (tmp_path / "broken.py").write_text("import nothing_of_the_kind\n")
    (tmp_path / "misspelt.py").write_text("def f(:\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    return tmp_path


def trace(text: str, folder: Path, *inputs: str, **options: Any) -> Network:
    options = {"timeout": 60, "tell": lambda printed: None, **options}
    source = Source(text=text, inputs=inputs or ("3x8x8",))
    return load_model(source, Sandbox(python_path=(str(folder),), **options))


def test_classes_arguments_and_instances(folder: Path) -> None:
    def macs(text: str) -> int:
        return trace(text, folder).macs

    assert macs("zoo:Net") == 3 * 3 * 3 * 8 * 36
    assert macs("zoo:Net(16, depth=2)") == 3 * 3 * 3 * 16 * 36 + 3 * 3 * 16 * 16 * 16
    assert macs("zoo:instance") == 3 * 3 * 3 * 4 * 36


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("zoo:Wrong", r"forward fails over 3x8x8 at .*zoo\.py:22: RuntimeError", "torch.zeros(5, 5)"),
        ("zoo:Needs", r"zoo:Needs cannot be made: TypeError: .*'count'", "name=value"),
        ("zoo:Net(height=3)", "unexpected keyword argument 'height'", "name=value"),
        ("zoo:Nett", "zoo has no 'Nett'", "did you mean Net?"),
        ("zoo:number", "is not a PyTorch module, class or function, but of type int", ""),
        ("zoo:instance()", "takes no arguments", ""),
        ("zoo:factory('x')", "gives a value of type str", ""),
        ("zoo:Exits", "ends its process with exit code 7 before it answers", ""),
        ("zoo:Raises", "SystemExit: enough", ""),
        ("zoo:Endless", r"forward fails over 3x8x8 at .*zoo\.py:\d+: RecursionError", "return self(x)"),
        ("zoo:Two", "missing 1 required positional argument: 'y'", "repeat --input"),
        ("absent:Net", "no module is called 'absent'", "--python-path"),
        ("broken:Net", r"importing broken fails at .*broken\.py:1: ModuleNotFoundError", "import nothing_of_the_kind"),
        ("misspelt:Net", r"importing misspelt fails at .*misspelt\.py:1: SyntaxError", ""),
        ("leaves:Net", r"importing leaves fails at .*leaves\.py:1: SystemExit: 3", "raise SystemExit"),
    ],
)
def test_broken_models(text: str, said: str, hint: str, folder: Path) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        trace(text, folder)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["zoo:nn.Linear(3, 3)", "zoo:nn.functional.importlib.import_module('evil')", "zoo:os.system('true')", "zoo:os"],
)
def test_another_module_is_not_walked_through(text: str, folder: Path) -> None:
    with pytest.raises(ModelError, match="is a module of its own"):
        trace(text, folder)


@pytest.mark.parametrize("text", ["zoo:Net.__init__.__globals__", "zoo:__builtins__"])
def test_pythons_own_attributes_are_not_named(text: str, folder: Path) -> None:
    with pytest.raises(ModelError, match="has no"):
        trace(text, folder)


@pytest.mark.parametrize(
    "text",
    ["zoo:Conv2d(3, 4, 3)", "zoo:system('true')", "zoo:Net.float", "zoo:instance.forward", "zoo:number.to_bytes"],
)
def test_where_only_some_modules_are_allowed_only_what_they_define_is_called(text: str, folder: Path) -> None:
    with pytest.raises(ModelError, match="is not defined in zoo"):
        trace(text, folder, own_only=True)


@pytest.mark.parametrize("text", ["zoo:Net(4)", "zoo:instance", "zoo:relu_of_torch", "torch.nn:Conv2d(3, 4, 3)"])
def test_what_an_allowed_module_defines_is_called(text: str, folder: Path) -> None:
    assert trace(text, folder, own_only=True).complete


def test_a_folder_does_not_answer_for_what_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("json", "click", "torch", "convcalc", "numpy", "site", "sitecustomize", "usercustomize", "ast")
    for name in names:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"open({str(folder / 'taken')!r}, 'a').write({name!r})")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert trace("zoo:Net", folder).params == 8 * 27 + 8
    assert not (folder / "taken").exists()


def test_a_memory_limit(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"zoo:greedy cannot be made .*MemoryError"):
        trace("zoo:greedy", folder, memory=4 << 30)


def test_a_model_is_imported_and_traced_once(folder: Path) -> None:
    network = trace("zoo:Net", folder)
    stages: list[str] = []
    assert network.confirm(progress=stages.append).ok
    assert stages == ["building the module", "running the module"]
    assert (folder / "zoo.py.imports").read_text() == "imported\n"


def test_without_torch_a_model_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "import sys; sys.modules['torch'] = None\n"
    monkeypatch.setattr(child, "_START", broken + child._START)
    with pytest.raises(ConfirmError, match="torch and fvcore are needed"):
        trace("zoo:Net", folder)


def test_a_time_limit(folder: Path) -> None:
    with pytest.raises(ModelError, match="zoo:Slow takes longer than 6 seconds"):
        trace("zoo:Slow", folder, timeout=6)


@pytest.mark.parametrize(
    "text",
    [
        "zoo:Net(width=print(1))",
        "zoo:Net(__import__('os'))",
        "zoo:Net(*[1])",
        "zoo:Net(**{})",
        "zoo:Net(1",
        "zoo:",
        "zoo:1",
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(SpecError):
        Target.read(text)


def test_which_texts_are_targets() -> None:
    assert is_target("a.b:C(1)")
    assert not is_target("3x3c64")
    assert not is_target("resnet50")


def test_a_graph_survives_the_wire() -> None:
    nn = pytest.importorskip("torch.nn")
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample((7, 9)), nn.Softplus(), nn.Flatten(), nn.Linear(252, 5))
    model[0].weight.requires_grad_(False)
    graph = convcalc.trace(model, input=(3, 8, 8))
    assert load_graph(json.loads(json.dumps(dump_graph(graph)))) == graph


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convcalc", *arguments, "--python-path", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_the_command_line_keeps_stdout_for_itself(folder: Path) -> None:
    done = run("params", "zoo:Net", "--input", "3x8x8", "--format", "json", folder=folder)
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["params"] == 3 * 3 * 3 * 8 + 8
    assert document["confirmed"]["ok"]
    assert "on stdout while running" in done.stderr


def test_the_command_line_says_what_is_wrong(folder: Path) -> None:
    done = run("summary", "zoo:Wrong", "--input", "3x8x8", "--format", "json", folder=folder)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "model"
    assert error["at"].endswith("zoo.py:22")


def test_the_errors_of_the_child_are_ours(folder: Path) -> None:
    with pytest.raises(ConvcalcError, match="no dtype is called 'int65'"):
        trace("zoo:Net", folder, "3x8x8:int65")


def test_a_model_beside_a_text(folder: Path) -> None:
    done = run("compare", "zoo:Net", "3x3c8p0b", "--input", "3x8x8", "--no-confirm", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "224" in done.stdout
