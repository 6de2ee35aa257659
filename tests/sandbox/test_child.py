"""The process of a model, from its parent's side: what it answers is a stranger's, what it started ends with it.

Most of these children are a few lines that speak the worker's protocol, so that no test waits for torch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commandline import listening

import convcalc
from convcalc.core.errors import ConfirmError, ConvcalcError, ModelError
from convcalc.language.source import Source
from convcalc.sandbox import child as module
from convcalc.sandbox.child import MAX_CHILDREN, MAX_PRINTED, Child
from convcalc.sandbox.codec import dump_confirmation, dump_graph
from convcalc.sandbox.load import load_model
from convcalc.sandbox.parent import Sandbox

ROOT = Path(__file__).resolve().parents[2]

SPEAK = """
import json, os, sys, time
setup = json.loads(sys.stdin.readline())
def say(text):
    sys.stdout.write(setup["nonce"] + text + "\\n")
    sys.stdout.flush()
def ask():
    return json.loads(sys.stdin.readline())
"""

GRAPH = convcalc.parse("3x3c4", (2, 8, 8))
TRACED = {"graph": dump_graph(GRAPH), "outputs": [[1, 4, 8, 8]], "buffers": 0, "note": "", "classes": {}}


@pytest.fixture
def speaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Make every child one that runs the given lines."""

    def speak(lines: str) -> None:
        (tmp_path / "lines.py").write_text(SPEAK + lines)
        monkeypatch.setattr(module, "_START", f"exec(open({str(tmp_path / 'lines.py')!r}).read())")

    return speak


def load(**options: Any) -> convcalc.Network:
    return load_model(Source(text="zoo:Net"), Sandbox(**{"timeout": 20, "tell": lambda printed: None, **options}))


HOSTILE = {
    "a list": "[]",
    "null": "null",
    "nothing": "",
    "no object": "{}",
    "a bug": '{"bug": {"a": 1}}',
    "a bug in words": '{"bug": "TypeError: a"}',
    "an error of no kind": '{"error": {}}',
    "an error of another type": '{"error": []}',
    "an error with numbers": '{"error": {"kind": "model", "message": 3, "hint": "", "place": ""}}',
    "an offset": '{"error": {"kind": "spec", "message": "a", "hint": "", "text": "a", "offset": "b"}}',
    "brackets": "[" * 200_000,
    "braces": '{"a":' * 100_000,
    "a long number": '{"graph": ' + "9" * 5000 + "}",
    "not a number": json.dumps({**TRACED, "buffers": float("nan")}),
    "negative buffers": json.dumps({**TRACED, "buffers": -1}),
    "a note": json.dumps({**TRACED, "note": []}),
    "classes": json.dumps({**TRACED, "classes": [1]}),
    "class names": json.dumps({**TRACED, "classes": {"a": None}}),
    "outputs": json.dumps({**TRACED, "outputs": [["x"]]}),
    "an empty graph": json.dumps({**TRACED, "graph": {"nodes": [], "shapes": [], "outputs": [0]}}),
    "a graph of null": json.dumps({**TRACED, "graph": None}),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_an_answer_that_is_not_valid_names_the_model(answer: str, speaks: Any) -> None:
    speaks(f"say({answer!r})")
    with pytest.raises(ModelError, match=r"zoo:Net|model's process"):
        load()


def test_what_is_not_the_workers_is_refused(speaks: Any) -> None:
    speaks(f"print({json.dumps(TRACED)!r}, flush=True); time.sleep(9)")
    with pytest.raises(ModelError, match="zoo:Net gives no valid answer: it is not the worker's"):
        load()


def test_an_endless_answer_is_refused(speaks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 1 << 20)
    speaks("while True: sys.stdout.write('x' * 65536)")
    with pytest.raises(ModelError, match="zoo:Net gives no valid answer: it is too long"):
        load()


def test_stages_without_end_run_into_the_time_limit(speaks: Any) -> None:
    speaks('while True: say(\'{"stage": "more"}\')')
    with pytest.raises(ModelError, match="longer than 1 seconds"):
        load(timeout=1)


def test_prints_are_cut(speaks: Any) -> None:
    speaks(f"sys.stderr.write('y' * 3_000_000); sys.stderr.flush(); say({json.dumps(TRACED)!r})")
    printed: list[str] = []
    load(tell=printed.append)
    assert 0 < len("".join(printed)) <= MAX_PRINTED


# The proof comes from the same process


def proof_of(*checks: Any, uncovered: tuple[str, ...] = ()) -> str:
    return json.dumps({"proof": dump_confirmation(convcalc.Confirmation("cpu", "2.13.0", checks, uncovered))})


OUTPUT = convcalc.Check("output", None, [[1, 4, 8, 8]], [[1, 4, 8, 8]], "torch module")
PARAMS = convcalc.Check("params", None, 72, 72, "torch module")


def test_the_numbers_come_first_and_the_proof_from_the_same_process(speaks: Any) -> None:
    """3*3*2*4 = 72 parameters."""
    speaks(
        f"ask(); say({json.dumps(TRACED)!r}); assert ask() == {{'prove': 'cpu'}}\n"
        f'say(\'{{"stage": "thinking"}}\'); say({proof_of(OUTPUT, PARAMS)!r})'
    )
    network = load()
    stages: list[str] = []
    assert network.params == 72
    proof = network.confirm(progress=stages.append)
    assert proof.ok
    assert stages == ["thinking"]


FORGED = {
    "no checks": proof_of(),
    "no shapes": proof_of(PARAMS),
    "no parameters": proof_of(OUTPUT),
    "other parameters": proof_of(OUTPUT, PARAMS._replace(expected=1, measured=1)),
    "other shapes": proof_of(OUTPUT._replace(expected=[], measured=[]), PARAMS),
    "objects": proof_of(OUTPUT, PARAMS, PARAMS._replace(layer="0", expected={}, measured={})),
    "deep lists": proof_of(OUTPUT, PARAMS, PARAMS._replace(layer="0", expected=[[[[[1]]]]])),
    "null": '{"proof": null}',
    "nothing": "{}",
}


@pytest.mark.parametrize("proof", FORGED.values(), ids=FORGED)
def test_a_proof_of_other_numbers_is_refused(proof: str, speaks: Any) -> None:
    speaks(f"ask(); say({json.dumps(TRACED)!r}); ask(); say({proof!r})")
    with pytest.raises(ModelError):
        load().confirm()


def test_what_cannot_be_proved_is_said(speaks: Any) -> None:
    error = {"error": {"kind": "confirm", "message": "no memory", "hint": "buy some"}}
    speaks(f"ask(); say({json.dumps(TRACED)!r}); ask(); say({json.dumps(error)!r})")
    with pytest.raises(ConfirmError, match="no memory"):
        load().confirm()


@pytest.mark.parametrize(("lines", "why"), [("sys.exit(7)", "with exit code 7"), ("time.sleep(9)", "longer than 2")])
def test_a_process_that_is_lost_while_it_proves_is_no_proof(lines: str, why: str, speaks: Any) -> None:
    speaks(f"ask(); say({json.dumps(TRACED)!r}); ask(); {lines}")
    network = load(timeout=2)
    with pytest.raises(ConfirmError, match=why):
        network.confirm()


def test_few_processes_are_kept_and_an_ended_one_starts_again(speaks: Any) -> None:
    speaks(f"ask(); say({json.dumps(TRACED)!r})\nif sys.stdin.readline(): say({proof_of(OUTPUT, PARAMS)!r})")
    networks = [load() for _ in range(MAX_CHILDREN + 2)]
    alive = [network.prove.__self__.child.is_alive for network in networks]  # type: ignore[union-attr]
    assert alive == [False, False, *[True] * MAX_CHILDREN]
    stages: list[str] = []
    assert networks[0].confirm(progress=stages.append).ok
    assert stages == ["tracing again"]


# Apart


def test_the_environment_is_what_torch_needs(speaks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("PYPI_TOKEN", "CI_DEPLOY_PASSWORD", "AWS_SECRET_ACCESS_KEY", "GITHUB_OUTPUT", "PYTHONPATH", "LD_PRELOAD")
    for name in (*secrets, "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "" if name == "LD_PRELOAD" else "1")
    speaks("ask(); say(json.dumps({'error': {'kind': 'usage', 'hint': '', 'message': ' '.join(os.environ)}}))")
    with pytest.raises(ConvcalcError) as caught:
        load()
    names = caught.value.message.split()
    assert not set(names) & set(secrets)
    assert {"PATH", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"} <= set(names)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_this_process_is_not_looked_into(speaks: Any) -> None:
    import ctypes

    speaks(f"ask(); say({json.dumps(TRACED)!r})")
    load()
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0  # PR_GET_DUMPABLE


STARTS = """
import os, subprocess, sys, time
ask()
own = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])
other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=True)
open({place!r}, 'w').write(f'{{os.getpid()}} {{own.pid}} {{other.pid}}')
time.sleep(300)
"""

RUN = """
import sys
from convcalc.sandbox import child
child._START = {lines!r}
from convcalc.language.source import Source
from convcalc.sandbox.load import load_model
from convcalc.sandbox.parent import Sandbox
load_model(Source(text='zoo:Net'), Sandbox(timeout=100))
"""


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_whatever_was_started(number: signal.Signals, tmp_path: Path) -> None:
    place = tmp_path / "numbers"
    lines = SPEAK + STARTS.format(place=str(place))
    parent = subprocess.Popen(
        [sys.executable, "-c", RUN.format(lines=lines)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        preexec_fn=listening,
    )
    for _ in range(200):
        if place.exists() and len(place.read_text().split()) == 3:
            break
        time.sleep(0.05)
    started = [int(text) for text in place.read_text().split()]
    assert all(map(is_running, started))
    parent.send_signal(number)
    parent.communicate(timeout=20)
    assert parent.returncode not in (0, 3)
    for _ in range(100):
        if not any(map(is_running, started)):
            break
        time.sleep(0.05)
    assert [is_running(process) for process in started] == [False] * 3


def test_a_child_is_ended_when_nobody_refers_to_it(speaks: Any) -> None:
    speaks("ask(); time.sleep(300)")
    process = Child("zoo:Net")
    number = process._process.pid
    del process
    assert not is_running(number)
