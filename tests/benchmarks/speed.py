"""How fast, side by side: `python tests/benchmarks/speed.py` prints a Markdown table of ratios.

Both sides of a ratio are run in turn in one process, and the fastest run of each counts, so that a busy
machine slows both. Needs the extra `torch` for the comparison with other counters; nothing here is a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import perf_counter
from typing import NamedTuple

from convcalc import Network
from convcalc.catalogue import get
from convcalc.core.graph import Builder, Graph
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv

COMMAND = [sys.executable, "-m", "convcalc", "params", "--kernel", "3", "--groups", "32", "--no-confirm"]
BARE = [sys.executable, "-c", "import click, rich.console, rich.table"]


class Result(NamedTuple):
    """One line of the table: what took how long, beside what, in seconds; `aim` is of the ratio."""

    what: str
    seconds: float
    beside: str
    other: float
    ratio: float
    aim: str


def fastest(*functions: Callable[[], object], rounds: int) -> list[float]:
    """The fastest run of each function, the functions taken in turn."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for place, function in enumerate(functions):
            start = perf_counter()
            function()
            best[place] = min(best[place], perf_counter() - start)
    return best


def counts(graph: Graph) -> tuple[int, int]:
    """What the other counters count, too."""
    network = Network(graph=graph)
    return network.params, network.macs


def counts_and_fields(graph: Graph) -> object:
    """A network's counts, and the receptive field of every layer."""
    network = Network(graph=graph)
    return network.params, network.macs, network.fields


def start_up() -> Result:
    """A whole process, against one that only imports what it cannot do without."""
    with TemporaryDirectory() as bytecode:  # as an installed package has it, whatever this environment says
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        run = partial(subprocess.run, check=True, capture_output=True, env=environment)
        mine, bare = fastest(partial(run, COMMAND), partial(run, BARE), rounds=15)
    return Result("`convcalc params --no-confirm`", mine, "importing click and rich", bare, mine / bare, "at most 1.3")


def counters() -> list[Result]:
    """resnet50's params and MACs from a graph already built, against counters that run a model already built."""
    import torch
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    from convcalc.pytorch.build import build

    graph = get("resnet50").graph()
    model = build(graph).eval()
    image = torch.zeros(1, 3, 224, 224)

    def fvcore() -> object:
        counter = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return counter.total()

    def flop_counter_mode() -> object:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(image)
        return counter.get_total_flops()

    results = []
    for name, other in (("fvcore", fvcore), ("torch's FlopCounterMode", flop_counter_mode)):
        mine, theirs = fastest(lambda: counts(graph), other, rounds=15)
        results.append(Result("resnet50: params, MACs", mine, name, theirs, theirs / mine, "at least 100"))
    return results


def receptive_field() -> Result:
    """resnet152 with every layer's receptive field, against its counts alone."""
    graph = get("resnet152").graph()
    all, alone = fastest(lambda: counts_and_fields(graph), lambda: counts(graph), rounds=60)
    return Result("resnet152: counts and receptive fields", all, "its counts alone", alone, all / alone, "5 ms")


def chain(layers: int) -> Graph:
    builder = Builder()
    x = builder.input((64, 56, 56))
    for _ in range(layers // 2):
        x = x.apply(Conv(3)).apply(ReLU())
    return builder.graph(x)


def long_networks() -> Result:
    """The time of one layer in a network of 100,000, against one in a network of 10,000."""
    many, few = fastest(lambda: counts_and_fields(chain(100_000)), lambda: counts_and_fields(chain(10_000)), rounds=3)
    return Result("100,000 layers", many, "10 times 10,000 layers", 10 * few, many / (10 * few), "about 1: linear")


def many_checks() -> Result:
    """`convcalc check` over 200 texts beside one."""
    entry = '[[check]]\nname = "{0}"\nspec = "7x7c{1}s2, bn, relu"\ninput = "3x224x224"\nparams = {{ min = 1 }}\n'

    def check(count: int) -> Callable[[], object]:
        folder = mkdtemp()
        budget = "".join(entry.format(number, number + 1) for number in range(count))
        Path(folder, "convcalc.toml").write_text(budget)
        command = [sys.executable, "-m", "convcalc", "check"]
        return lambda: subprocess.run(command, cwd=folder, capture_output=True, check=True)

    many, one = fastest(check(200), check(1), rounds=7)
    return Result("`convcalc check` of 200 texts", many, "of one", one, many / one, "at most 1.5")


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def main() -> None:
    warnings.simplefilter("ignore")
    print("| what | time | beside | time | ratio | aim |")
    print("| --- | ---: | --- | ---: | ---: | --- |")
    for result in (start_up(), *counters(), receptive_field(), long_networks(), many_checks()):
        mine, other = duration(result.seconds), duration(result.other)
        print(f"| {result.what} | {mine} | {result.beside} | {other} | {result.ratio:.2f} | {result.aim} |", flush=True)


if __name__ == "__main__":
    main()
