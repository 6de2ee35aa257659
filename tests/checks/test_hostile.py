"""Files out to break the readers: each is read or refused at once, with one sentence and a remedy."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convcalc.analysis.load import load_text
from convcalc.checks.budget import Request, check, parse_configuration, read_budget
from convcalc.checks.budget.judge import Judge
from convcalc.checks.budget.lock import parse_lock
from convcalc.checks.budget.run import read_lock
from convcalc.checks.toml import ConfigurationError, load
from convcalc.checks.verdict import PASSED, UNKNOWN
from convcalc.core.errors import ConvcalcError
from convcalc.core.quantity import quantity

STEM = '[[check]]\nname = "stem"\nspec = "7x7c64s2"\nparams = { max = "27k" }\n'

MILLION = 1_000_000
HUGE = {
    "a huge exponent": STEM + "macs = { max = 1e400000000 }\n",
    "a text with a huge exponent": STEM + 'macs = { max = "1e9999999" }\n',
    "a small exponent": STEM + "coverage = { min = 1e-400000000 }\n",
    "infinite": STEM + "macs = { max = inf }\n",
    "not a number": STEM + "macs = { max = nan }\n",
    "4,299 digits": STEM + f"macs = {{ max = {'9' * 4_299} }}\n",
    "a million digits": STEM + f"macs = {{ max = {'9' * MILLION} }}\n",
    "a million digits of a fraction": STEM + f"macs = {{ max = 1.{'9' * MILLION} }}\n",
    "a million digits in base 16": STEM + f"macs = {{ max = 0x{'f' * MILLION} }}\n",
    "sizes of many digits": STEM + f"output = {{ equal = [{'9' * 4_000}] }}\n",
    "a dotted key": "a." * 200_000 + "b = 1\n",
    "a dotted key of texts": '"a".' * 200_000 + "b = 1\n",
    "a dotted header": f"[{'a.' * 200_000}b]\n",
    "a dotted key with spaces": "a . " * 200_000 + "b = 1\n",
    "brackets": "a = " + "[" * MILLION,
    "braces": "a = " + "{ a = " * 100_000,
    "headers": "[[check]]\n" * 100_000,
    "one long word": "a" * MILLION,
    "one long text": f'[[check]]\nname = "{"a" * MILLION}"\n',
    "quotes": '"' * MILLION,
    "names": "".join(f"a{number} = 1\n" for number in range(50_000)),
    "spaces": " " * MILLION,
    "no end of line": "# " + "#" * MILLION,
    "a long spec": f'[[check]]\nname = "a"\nspec = "{"(" * 300_000}"\nparams.max = 1\n',
    "many metrics": STEM + "".join(f"layers.k{number}.max = 1\n" for number in range(20_000)),
}


@contextmanager
def at_once(seconds: float = 2) -> Iterator[None]:
    """Hold what is inside to a bound of computing time, which no other process takes from it.

    Where every line is traced to measure coverage, Python is several times slower.
    """
    begin = time.process_time()
    yield
    assert time.process_time() - begin < seconds * (6 if sys.gettrace() else 1)


def refusal(read: Callable[[], object]) -> str:
    """What is said of a file that is refused; nothing of one that is read."""
    try:
        read()
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("case", HUGE)
def test_a_huge_file_is_answered_at_once(case: str) -> None:
    with at_once():
        said = refusal(lambda: parse_configuration(HUGE[case], "convcalc.toml"))
    assert len(said) < 2_000
    assert not said or "hint: " in said


@pytest.mark.parametrize("case", HUGE)
def test_a_huge_lock_is_answered_at_once(case: str) -> None:
    with at_once():
        assert len(refusal(lambda: parse_lock("lock-version = 2\n" + HUGE[case], "convcalc.lock"))) < 2_000


LOCKS = [
    "params = 1",
    "[check]\na = 1",
    "[check.a]\nfingerprint = '0'\nparams = inf",
    "[check.a]\nfingerprint = '0'\nparams = nan",
    "[check.a]\nfingerprint = '0'\nparams = []",
    "[check.a]\nfingerprint = '0'\nparams = [1, 2]",
    "[check.a]\nfingerprint = '0'\nparams = true",
    f"[check.a]\nfingerprint = '0'\ncoverage = '1/{'9' * 4_299}'",
    "[check.a]\nfingerprint = '0'\ncoverage = '1e400000000'",
    "[check.a]\nfingerprint = '0'\ncoverage = '1/0'",
    "[check.a]\nfingerprint = '0'\nlayer.x.params = inf",
    "[check.a]\nfingerprint = '0'\nlayer.x.params = 1.5",
    "[check.a]\nfingerprint = '0'\nlayer = [1]",
    "[check.a]\nfingerprint = '0'\nlayers.conv = 3",
]


@pytest.mark.parametrize("text", LOCKS)
def test_a_lock_of_wrong_values_is_refused(text: str) -> None:
    if text == LOCKS[0]:
        assert parse_lock(f"lock-version = 2\n{text}", "x").baselines == {}
        return
    with at_once(), pytest.raises(ConfigurationError):
        parse_lock(f"lock-version = 2\n{text}", "x")


def test_a_number_is_bounded_before_it_is_read() -> None:
    for written in (10**41, -(10**41), "9" * 5_000):
        with pytest.raises(ConvcalcError, match="40 digits"):
            quantity(written)
    assert quantity(10**39).value == 10**39


def test_a_budget_of_many_layers_is_refused_at_once() -> None:
    text = "".join(
        f'[[check]]\nname = "n{n}"\nspec = "(1x1)*{30_000 - n}"\ninput = "8x8x8"\nparams.max = "100M"\n'
        for n in range(24)
    )
    with at_once(seconds=6):
        configuration = parse_configuration(text, "convcalc.toml")
        judge = Judge(configuration.source, load_text)
        verdicts = [verdict for entry in configuration.entries for verdict in judge.entry(entry)]
    assert [verdict.status for verdict in verdicts] == [PASSED] * 3 + [UNKNOWN] * 21
    assert "more than 100,000 layers in all" in verdicts[-1].message


# What is not a plain file


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, loop, folder, device])
def test_a_budget_that_is_not_a_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "convcalc.toml")
    for config in (None, str(tmp_path / "convcalc.toml")):
        with pytest.raises(ConfigurationError):
            read_budget(config, tmp_path)


@pytest.mark.parametrize("make", [fifo, loop, folder, device])
def test_a_lock_that_is_not_a_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "convcalc.toml").write_text(STEM)
    make(tmp_path / "convcalc.lock")
    for request in (Request(), Request(update=True), Request(locked=True)):
        with pytest.raises(ConfigurationError):
            check(read_budget(None, tmp_path), request, load_text)


@pytest.mark.parametrize(
    "name",
    ["a" * 5_000 + ".lock", "convcalc.toml/x.lock", "nowhere/x.lock", "\\u0000.lock", "loop/x.lock", "fifo/x.lock"],
)
def test_a_lock_where_none_can_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "convcalc.toml").write_text(f'lock = "{name}"\n{STEM}')
    loop(tmp_path / "loop")
    fifo(tmp_path / "fifo")
    with pytest.raises(ConfigurationError) as caught:
        check(read_budget(None, tmp_path), Request(update=True), load_text)
    assert caught.value.hint
    assert len(str(caught.value)) < 1_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["convcalc.toml", "fifo", "loop"]


# Updates beside each other


def test_updates_beside_each_other_lose_nothing(tmp_path: Path) -> None:
    """Each accepts one check; all have read the lock before any of them writes."""
    names = [f"n{number}" for number in range(12)]
    texts = [f'[[check]]\nname = "{name}"\nspec = "3x3c{n + 1}"\nparams.min = 1\n' for n, name in enumerate(names)]
    (tmp_path / "convcalc.toml").write_text("".join(texts))
    ready = threading.Barrier(len(names))

    def load_together(source: object) -> object:
        ready.wait(30)
        return load_text(source)  # type: ignore[arg-type]

    def update(name: str) -> None:
        check(read_budget(None, tmp_path), Request(update=True, only=(name,)), load_together)  # type: ignore[arg-type]

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(update, names))
    lock = read_lock(read_budget(None, tmp_path))
    assert lock is not None
    assert sorted(lock.baselines) == sorted(names)


# Damage

_TEXT = Path(__file__).parents[2] / "examples" / "budget"
_BUDGET, _LOCK = ((_TEXT / f"convcalc.{end}").read_text("utf-8") for end in ("toml", "lock"))
_ODD = st.text(alphabet="[]{}\"'=.,0159inf#\n\\ \tabc_-é\x00\x1b", max_size=8) | st.sampled_from(
    ["[[check]]", "1e400000000", "9" * 50, "'''", '"""', "params", "a.b.c", "0x", "inf", "-", "check = 1\n"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    for text, read in ((_BUDGET, parse_configuration), (_LOCK, parse_lock), (_LOCK, load)):
        start = data.draw(st.integers(0, len(text)))
        damaged = text[:start] + data.draw(_ODD) + text[start + data.draw(st.integers(0, 12)) :]
        refusal(partial(read, damaged, "x"))
