"""The engine of budgets: quantities, lines of keys, the file's rules, operators, the lock, verdicts."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import replace
from fractions import Fraction

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.analysis.load import load_text
from convcalc.analysis.metrics import METRICS, RATIO, SHAPE, SHARE, SIZE, layer_kinds, metric
from convcalc.checks.budget import Request, check, parse_configuration, read_budget
from convcalc.checks.budget.judge import Judge, no_laboratory
from convcalc.checks.budget.lock import Baseline, Lock, format_lock, parse_lock
from convcalc.checks.budget.schema import schema
from convcalc.checks.claims import Judge as ClaimJudge
from convcalc.checks.claims import read_file
from convcalc.checks.limits import CHECK, CLAIM, COUNT, Value, kind_of
from convcalc.checks.models import ImportNotAllowedError, Loader
from convcalc.checks.toml import ConfigurationError, key_lines
from convcalc.checks.verdict import FAILED, PASSED, UNKNOWN, WARNED, Report
from convcalc.core.errors import UsageError
from convcalc.core.quantity import QuantityError, percentage, quantity, rounded

STEM = '[[check]]\nname = "stem"\nspec = "7x7c64s2, bn, relu, maxpool3x3s2p1"\ninput = "3x224x224"\n'
"""7*7*3*64 + 2*64 = 9,536 parameters; 7*7*3*64 * 112*112 = 118,013,952 MACs."""
SIDES = '[[claim]]\nname = "two"\nleft = "3x3,3x3"\nright = "5x5"\ninput = "64x56x56"\n'
"""2*9*64*64 = 73,728 against 25*64*64 = 102,400 parameters: 1 - 18/25 = 28 % fewer."""


def judged(text: str, lock: Lock | None = None, *, locked: bool = False) -> Report:
    """The report on a budget of texts."""
    configuration = parse_configuration(text, "convcalc.toml")
    judge = Judge(configuration.source, load_text, lock, locked=locked)
    verdicts = [verdict for entry in configuration.entries for verdict in judge.entry(entry)]
    return Report(
        source=configuration.source, verdicts=tuple(verdicts), notices=tuple(filter(None, map(judge.slack, verdicts)))
    )


def statuses(text: str, lock: Lock | None = None) -> list[str]:
    return [verdict.status for verdict in judged(text, lock).verdicts]


def accepted(text: str) -> Lock:
    """The lock that --update would write."""
    configuration = parse_configuration(text, "convcalc.toml")
    judge = Judge(configuration.source, load_text)
    return Lock(file="convcalc.lock", baselines={entry.name: judge.baseline(entry) for entry in configuration.checks})


# Quantities


@pytest.mark.parametrize(
    ("written", "value"),
    [(26, 26), ("10k", 10_000), ("4.2G", 4_200_000_000), ("26_000", 26_000), ("0.1M", 100_000), ("28%", 28)],
)
def test_quantities_are_exact(written, value):
    assert quantity(written).value == value


def test_a_sum_that_floats_get_wrong():
    # 0.1 + 0.2 in floats is not 0.3; in millions of elements it would be off by none or one.
    assert quantity("0.1M").value + quantity("0.2M").value == quantity("0.3M").value


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("40MB", "elements"),
        ("40MiB", "elements"),
        ("10K", '"10k"'),
        ("10T", "10^9"),
        ("10 percent", "%"),
        ("", "write"),
        ("1e6", "write"),
        ("k", "write"),
        ("９", "write"),
        ("1/2", "write"),
        (True, "write"),
        (None, "write"),
        ("9" * 50, "write"),
        ("__import__('os')", "write"),
    ],
)
def test_what_is_no_quantity_is_refused_with_a_remedy(written, hint):
    with pytest.raises(QuantityError) as caught:
        quantity(written)
    assert hint in caught.value.hint


@given(st.fractions(), st.integers(0, 8))
def test_rounding_is_half_up_and_nearest(value, decimals):
    assert abs(Fraction(rounded(value, decimals)) - value) <= Fraction(1, 2 * 10**decimals)


def test_a_percentage_that_is_not_nothing_never_shows_as_nothing():
    assert percentage(Fraction(1, 4_000_000_000)) == "0.00000003 %"
    assert percentage(Fraction(0)) == "0.00 %"


# Lines


def paths(value, path=()):
    """All key paths of nested tables and arrays."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = set()
    for key, child in children:
        found |= {(*path, key)} | paths(child, (*path, key))
    return found


AWKWARD = (
    '''a = 1 # [x]
"k]".b = """
x = 1
"""
[[t]]
n = [1, # ]
 {x = "}", y = [ ]}, ]
[t.sub]
q.'w.z' = 1
[[t]]
n = 2
[[t.in]]
d = 1979-05-27T07:32:00Z
s = '''
    + "'''\n[no]\n'''\n"
)


def test_the_lines_of_an_awkward_file():
    lines = key_lines(AWKWARD)
    assert set(lines) == paths(tomllib.loads(AWKWARD))
    assert lines["k]", "b"] == 2
    assert lines["t", 0, "n", 1, "y"] == 7
    assert lines["t", 0, "sub", "q", "w.z"] == 9
    assert lines["t", 1, "in", 0, "s"] == 14


PIECES = st.sampled_from([*"[]{}=.,\"'#\n\\ ", "a", "b", "1", "[[t]]\n", "x = 1\n", '"""', "'''", "é", "\t"])


@given(st.lists(PIECES, max_size=30).map("".join))
def test_every_valid_toml_has_a_line_for_every_key(text):
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(key_lines(text)) == paths(table)


# The file's rules

LIMIT = 'params = { max = "10k" }\n'
UNREADABLE = '[[check]]\nname = "b"\nspec = "?"\n' + LIMIT

MISTAKES = {
    "nothing": ("", 1, "convcalc init"),
    "no check": ("check = []\n", 1, "convcalc init"),
    "check is a table": ("[check]\nname = 'a'\n", 1, "[[check]]"),
    "check is a number": ("check = 3\n", 1, "[[check]]"),
    "check of numbers": ("check = [3]\n", 1, "for example"),
    "unknown table": ("[[checks]]\nname = 'a'\n", 1, "did you mean check"),
    "unknown key": (STEM + "parms = { max = 3 }\n", 5, "did you mean params"),
    "unknown operator": (STEM + "params = { maximum = 3 }\n", 5, "did you mean max"),
    "claims' operator": (STEM + 'params = { fewer = "28%" }\n', 5, "known"),
    "unknown memory": (STEM + "memory.peek = { max = 3 }\n", 5, "did you mean peak"),
    "memory without metric": (STEM + "memory = {}\n", 5, "memory.params"),
    "unknown unit": (STEM + 'params = { max = "10MB" }\n', 5, "elements"),
    "a share of a count": (STEM + 'params = { max = "10%" }\n', 5, "% sign"),
    "half a parameter": (STEM + "params = { max = 1.5 }\n", 5, "integers"),
    "negative": (STEM + "params = { max = -1 }\n", 5, "at least 0"),
    "infinite": (STEM + "params = { max = inf }\n", 5, "write"),
    "expression": (STEM + 'params = { max = "2*5k" }\n', 5, "write"),
    "no operator": (STEM + "params = 10\n", 5, "params = { max = 10 }"),
    "empty limit": (STEM + "params = {}\n", 5, "operators"),
    "max of a shape": (STEM + "output = { max = 3 }\n", 5, "equal"),
    "no shape": (STEM + 'output = { equal = "wide" }\n', 5, "64x28x28"),
    "no limit": (STEM, 1, "add a limit"),
    "no spec": ('[[check]]\nname = "a"\n' + LIMIT, 1, "spec"),
    "no name": ('[[check]]\nspec = "3x3"\n' + LIMIT, 1, "name"),
    "empty name": ('[[check]]\nname = " "\nspec = "3x3"\n' + LIMIT, 2, "example"),
    "control name": ('[[check]]\nname = "a\\n::error::b"\nspec = "3x3"\n' + LIMIT, 2, "another name"),
    "number as spec": ('[[check]]\nname = "a"\nspec = 3\n' + LIMIT, 3, "example"),
    "number as input": ('[[check]]\nname = "a"\nspec = "3x3"\ninput = 3\n' + LIMIT, 4, "example"),
    "bias as text": ('[[check]]\nname = "a"\nspec = "3x3"\nbias = "yes"\n' + LIMIT, 4, "example"),
    "two of a name": (STEM + LIMIT + STEM + LIMIT, 7, "its own"),
    "min over max": (STEM + "params = { max = 3, min = 4 }\n", 5, "at most"),
    "warn over max": (STEM + "params = { max = 3, warn = 4 }\n", 5, "at most"),
    "equal = false": (SIDES + "params = { equal = false }\n", 6, "fewer"),
    "claim without right": ('[[claim]]\nname = "a"\nleft = "3x3"\nparams = { equal = true }\n', 1, "right"),
    "not TOML": (STEM + "params = { max = 3\n", 5, "params = { max = 3"),
    "a key twice": (STEM + LIMIT + LIMIT, 6, "reads"),
    "deep": ("a = " + "[" * 5000, None, "three levels"),
    "long number": ("a = " + "9" * 5000, None, "40 digits"),
    "lock elsewhere": ('lock = "setup.cfg"\n' + STEM + LIMIT, 1, "convcalc.lock"),
    "python-path": ("python-path = 3\n" + STEM + LIMIT, 1, '["src"]'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_has_a_line_and_a_remedy(mistake):
    text, line, hint = MISTAKES[mistake]
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "convcalc.toml")
    assert caught.value.line == line
    assert hint in caught.value.hint
    assert str(caught.value).startswith("convcalc.toml:")


def test_a_table_inside_pyproject_keeps_its_lines():
    text = "[tool.other]\nx = 1\n\n[[tool.convcalc.check]]\nname = 'a'\nspec = '3x3'\nparams = { max = -1 }\n"
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "pyproject.toml", ("tool", "convcalc"))
    assert caught.value.line == 7


KEYS = st.sampled_from(
    ["check", "claim", "name", "spec", "left", "right", "input", "lock", "params", "macs", "rf", "memory", "peak"]
    + ["coverage", "layers", "conv", "output", "bogus"]
    + [key for operators in (CHECK, CLAIM) for key in operators]
)
SCALARS = st.one_of(
    st.sampled_from(["3x3", "10k", "28%", "64x56x56", "nonsense", "a:b", "", "1e99", "-3", "\x1b[31m"]),
    st.integers(-(10**30), 10**30),
    st.booleans(),
    st.floats(allow_nan=True, allow_infinity=True),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def as_toml(value) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {as_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


def judges_or_refuses(text: str) -> None:
    """Anything at all is judged or refused; nothing passes that limits nothing."""
    try:
        report = judged(text)
    except ConfigurationError:
        return
    assert report.verdicts


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_tables_are_judged_or_refused(table):
    judges_or_refuses("\n".join(f"{key} = {as_toml(value)}" for key, value in table.items()))


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.sampled_from([STEM, SIDES]))
def test_any_keys_of_an_entry_are_judged_or_refused(table, start):
    judges_or_refuses(start + "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items()))


@given(st.text())
def test_any_text_is_judged_or_refused(text):
    judges_or_refuses(text)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


LENIENT = {"two of a name", "min over max", "warn over max", "negative", "control name", "empty name"}
"""Mistakes that a schema cannot see."""


@pytest.mark.parametrize("mistake", sorted(MISTAKES.keys() - LENIENT))
def test_the_schema_refuses_what_the_reader_refuses(mistake):
    try:
        table = tomllib.loads(MISTAKES[mistake][0])
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return
    assert not jsonschema.Draft202012Validator(schema()).is_valid(table)


def test_the_schema_accepts_every_metric_by_every_name_with_every_operator():
    validator = jsonschema.Draft202012Validator(schema())
    bounds = {COUNT: "3k", SHARE: "3%", SIZE: 3, SHAPE: "3x3x3", RATIO: 3}
    for name, known in [(name, m) for m in METRICS.values() for name in (m.name, m.short) if name]:
        kind = kind_of(known)
        for table, operators in (({"spec": "3x3"}, CHECK), ({"left": "3x3", "right": "5x5"}, CLAIM)):
            for key, operator in operators.items():
                if kind in operator.kinds:
                    bound = True if operators is CLAIM and key == "equal" else bounds[kind]
                    bound = 3 if key == "ratio" else bound
                    limit = {key: bound}
                    for part in reversed(name.split(".")):
                        limit = {part: limit}
                    entry = {"name": "a", **table, **limit}
                    document = {"claim" if operators is CLAIM else "check": [entry]}
                    assert validator.is_valid(document)
                    text = "\n".join(f"{k} = {as_toml(v)}" for k, v in document.items())
                    (read,) = parse_configuration(text, "x").entries[0].limits
                    assert (read.written, read.metric.name, read.operator.key) == (name, known.name, key)


# Metrics are those of convcalc.analysis.metrics, and nothing here lists them


@pytest.fixture
def branching():
    """A metric of a user's own, which adds up over layers."""
    metric("own.joins", title="joins", unit="joins", layer=lambda layer: int(len(layer.inputs) > 1))(
        lambda network: sum(len(layer.inputs) > 1 for layer in network.layers)
    )
    yield
    del METRICS["own.joins"]


def test_a_registered_metric_is_limited_locked_and_in_the_schema(branching):
    text = '[[check]]\nname = "a"\nspec = "add(3x3 | 1x1)"\nown.joins = { max = 1, min = 1 }\n'
    assert statuses(text) == [PASSED, PASSED]
    assert statuses(text.replace("add(3x3 | 1x1)", "3x3")) == [PASSED, FAILED]
    baseline = accepted(text).baselines["a"]
    assert baseline.values["own.joins"].plain == 1
    assert [costs["own.joins"] for costs in baseline.layers.values() if "own.joins" in costs] == [1]
    jsonschema.validate(tomllib.loads(text), schema())
    with pytest.raises(ConfigurationError, match="unknown key 'jions'"):
        statuses(text.replace("joins", "jions"))


def test_a_new_metric_leaves_a_lock_as_it_is(branching):
    lock = accepted(STEM + LIMIT)
    old = lock.baselines["stem"]
    before = replace(old, values={name: value for name, value in old.values.items() if name != "own.joins"})
    lock = replace(lock, baselines={"stem": before})
    assert judged(STEM + LIMIT, lock, locked=True).exit_code() == 0


def test_a_metric_of_a_users_own_that_fails_is_unknown(branching):
    METRICS["own.joins"] = replace(METRICS["own.joins"], read=lambda network: 1 // 0)
    text = '[[check]]\nname = "a"\nspec = "3x3"\nown.joins = { max = 1 }\n'
    (verdict,) = judged(text).verdicts
    assert (verdict.status, verdict.message) == (
        UNKNOWN,
        "own.joins cannot be computed: ZeroDivisionError: integer division or modulo by zero",
    )


def test_a_metric_goes_by_the_name_that_the_file_gives_it():
    report = judged(STEM + "rf = { min = 11 }\nreceptive_field.stride = { max = 4 }\npeak = { max = '2M' }\n")
    assert [verdict.metric for verdict in report.verdicts] == ["rf", "receptive_field.stride", "peak"]
    assert [verdict.status for verdict in report.verdicts] == [PASSED] * 3
    with pytest.raises(ConfigurationError, match=r"receptive_field\.size and rf are the same metric") as caught:
        judged(STEM + "rf = { min = 11 }\nreceptive_field.size = { min = 11 }\n")
    assert caught.value.line == 6


def test_norm_is_a_limit_where_it_is_a_table():
    text = '[[check]]\nname = "a"\nspec = "3x3c8"\nnorm = {}\n'
    assert statuses(text.format("{ max = 0 }")) == [PASSED]
    assert statuses(text.format('"bn"\nparams = { equal = 9_232 }')) == [PASSED]  # 3*3*128*8 + 2*8


# Operators

VERDICTS = [
    ("params = { max = 9536 }", PASSED),
    ("params = { max = 9535 }", FAILED),
    ("params = { min = 9536 }", PASSED),
    ("params = { min = 9537 }", FAILED),
    ("params = { equal = 9536 }", PASSED),
    ("params = { equal = 9537 }", FAILED),
    ("params = { equal = '9.536k' }", PASSED),
    ("params = { equal = '9.5k' }", FAILED),  # a count is exact: nothing is rounded
    ("params = { warn = 9536 }", PASSED),
    ("params = { warn = 9535 }", WARNED),
    ("weights = { equal = 9408 }", PASSED),  # 7*7*3*64
    ("macs = { equal = 118_013_952 }", PASSED),
    ("flops = { equal = 236_027_904 }", PASSED),  # 2 x MACs
    ("rf = { equal = 11 }", PASSED),  # 7 + 2*(3-1)
    ("rf = { equal = '11x11' }", PASSED),
    ("rf = { equal = [11, 12] }", FAILED),
    ("rf = { equal = [11, 11, 11] }", FAILED),
    ("rf = { min = 12 }", FAILED),
    ("rf = { max = 10 }", FAILED),
    ("coverage = { equal = '100%' }", PASSED),
    ("coverage = { min = 0.99 }", PASSED),
    ("output = { equal = '64x56x56' }", PASSED),
    ("output = { equal = [64, 56, 55] }", FAILED),
    ("memory.params = { max = 9536 }", PASSED),
    ("memory.peak = { equal = 1_605_632 }", PASSED),  # 2 * 64*112*112
    ("layers = { equal = 4 }", PASSED),
    ("layers.conv = { max = 1 }", PASSED),
    ("layers.conv = { max = 0 }", FAILED),
    ("layers.gn = { max = 0 }", PASSED),  # there is none, and that is known
    ("layers.convolution = { max = 9 }", UNKNOWN),
    ("params = { growth = '0%' }", UNKNOWN),
]


@pytest.mark.parametrize(("limit", "status"), VERDICTS)
def test_a_limit_on_a_stem(limit, status):
    assert statuses(f"{STEM}{limit}\n") == [status]


UNEVEN = [
    ("rf = { max = 3 }", PASSED),
    ("rf = { max = 2 }", FAILED),  # one axis is over
    ("rf = { min = 1 }", PASSED),
    ("rf = { min = 2 }", FAILED),  # one axis is under
    ("rf = { equal = 3 }", FAILED),
    ("rf = { equal = '1x3' }", PASSED),
]


@pytest.mark.parametrize(("limit", "status"), UNEVEN)
def test_every_axis_keeps_a_limit(limit, status):
    assert statuses(f'[[check]]\nname = "row"\nspec = "1x3"\n{limit}\n') == [status]


LOOSER = [
    ("max", "9k", "10k"),
    ("warn", "9k", "10k"),
    ("min", "10k", "9k"),
    ("growth", "1%", "2%"),
]


@pytest.mark.parametrize(("key", "tight", "loose"), LOOSER)
def test_which_edit_of_a_limit_is_looser(key, tight, loose):
    operator = CHECK[key]
    first, second = operator.read(tight, COUNT), operator.read(loose, COUNT)
    assert operator.is_looser(first, second)
    assert not operator.is_looser(second, first)


def test_any_other_number_of_an_equality_is_looser():
    equal = CHECK["equal"]
    assert equal.is_looser(equal.read(3, COUNT), equal.read(4, COUNT))
    assert equal.is_looser(equal.read("3x3", SIZE), equal.read("3x4", SIZE))
    growth = CHECK["growth"]
    assert growth.is_looser(growth.read("5%", COUNT), growth.read("5", COUNT))


CLAIMS = [
    ("params = { fewer = '28%' }", PASSED),
    ("params = { fewer = '28.0%' }", PASSED),
    ("params = { fewer = '28.1%' }", FAILED),
    ("params = { fewer = '30%' }", FAILED),
    ("params = { fewer = 28_672 }", PASSED),  # 102,400 - 73,728
    ("params = { fewer = 28 }", FAILED),  # 28 parameters, not 28 %
    ("params = { at-least-fewer = '28%' }", PASSED),
    ("params = { at-least-fewer = '20%' }", PASSED),
    ("params = { at-least-fewer = '28.1%' }", FAILED),
    ("params = { more = '28%' }", FAILED),
    ("params = { at-least-more = 0 }", FAILED),
    ("params = { ratio = 0.72 }", PASSED),
    ("params = { ratio = 0.7 }", PASSED),
    ("params = { ratio = 0.71 }", FAILED),
    ("params = { ratio = '72%' }", PASSED),
    ("params = { equal = true }", FAILED),
    ("rf = { equal = true }", PASSED),
    ("rf = { more = 0 }", PASSED),
    ("output = { equal = true }", PASSED),
    ("layers.bn = { fewer = '10%' }", UNKNOWN),  # nothing is a share of 0
]


@pytest.mark.parametrize(("limit", "status"), CLAIMS)
def test_a_claim_on_two_small_kernels(limit, status):
    assert statuses(f"{SIDES}{limit}\n") == [status]


NEVER_FAILING = [
    STEM + "params = { min = 0 }",
    STEM + "rf = { min = 0 }",
    STEM + "layers.conv = { min = '0k' }",
    STEM + "coverage = { equal = '0k' }",
    STEM + "coverage = { max = 1 }",
    STEM + "coverage = { warn = '100%' }",
    SIDES + "params = { ratio = '0k' }",
    SIDES.replace("5x5", "3x3,3x3") + "params = { equal = true }",
]


@pytest.mark.parametrize("text", NEVER_FAILING)
def test_a_limit_that_cannot_fail_is_refused(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, "convcalc.toml")
    assert caught.value.hint


ROUNDING = [
    ("params = { ratio = 1 }", FAILED),  # 18/25 = 0.72: a whole number is exact
    ("params = { ratio = 'about 1' }", PASSED),
    ("params = { ratio = 'about 0.7' }", PASSED),
    ("params = { fewer = 'about 28.7k' }", PASSED),  # 28,672
    ("params = { fewer = '28.7k' }", FAILED),
    ("params = { fewer = 'about 28.6k' }", FAILED),
]


@pytest.mark.parametrize(("limit", "status"), ROUNDING)
def test_what_is_written_without_decimals_is_exact(limit, status):
    assert statuses(f"{SIDES}{limit}\n") == [status]


def test_a_claim_over_two_default_inputs_is_not_judged():
    text = '[[claim]]\nname = "a"\nleft = "3x3"\nright = "vgg11"\n{}params = {{ at-least-fewer = "1%" }}\n'
    (verdict,) = judged(text.format("")).verdicts
    assert verdict.status == UNKNOWN
    assert "left is over 128x56x56, right over 3x224x224" in verdict.message
    assert 'input = "3x224x224"' in verdict.remedy
    assert statuses(text.format('input = "3x224x224"\n')) == [PASSED]


def test_any_input_is_for_the_budget_to_allow():
    text = '[[check]]\nname = "a"\nspec = "resnet18"\ninput = "4x64x64"\n{}params.min = 1\n'
    (verdict,) = judged(text.format("")).verdicts
    assert (verdict.status, "any-input = true" in verdict.remedy) == (UNKNOWN, True)
    assert statuses(text.format("any-input = true\n")) == [PASSED]


# Plugins

PLUGIN = """
import convcalc

@convcalc.metric("branches", title="branches", unit="branches")
def branches(network):
    '''Joins of several tensors.'''
    return sum(len(layer.inputs) > 1 for layer in network.layers)
"""


def test_a_plugin_is_imported_only_with_leave(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "own_costs.py").write_text(PLUGIN)
    text = '[[check]]\nname = "a"\nspec = "add(3x3 | 1x1)"\nbranches = { max = 1 }\n'
    (tmp_path / "convcalc.toml").write_text(f'python-path = "src"\nplugins = ["own_costs"]\n{text}')
    with pytest.raises(ImportNotAllowedError, match=r"convcalc\.toml:2: the plugin own_costs") as caught:
        read_budget(None, tmp_path)
    assert caught.value.hint.endswith("--allow-import own_costs on the command line")
    assert "branches" not in METRICS
    loader = Loader(allowed=["own_costs"], folders=(), tell=print)
    try:
        report = check(read_budget(None, tmp_path, loader.plugin), Request(), loader)
        assert [verdict.status for verdict in report.verdicts] == [PASSED]
    finally:
        METRICS.pop("branches", None)
        sys.modules.pop("own_costs", None)


def test_a_plugin_outside_the_repository_is_refused(tmp_path):
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / "convcalc.toml").write_text(f'python-path = ".."\nplugins = ["a"]\n{STEM}{LIMIT}')
    loader = Loader(allowed=["a"], folders=(), tell=print)
    with pytest.raises(ConfigurationError, match="out of the repository"):
        read_budget(None, tmp_path / "repository", loader.plugin)


# Claims in the language of articles

IN_WORDS = """
[[claim]]
name = "words"
says = "two 3x3 have about 1.4 times fewer weights than a 5x5, and {n} channels do not matter"
input = "{n}x56x56"
where = { n = 64 }
specs = { five = "5x5", two = "3x3,3x3" }
figures = { ratio = "weights(five) / weights(two)" }
stated = { ratio = "about 1.4" }
holds = "rf(five) == rf(two)"
"""


def test_a_budget_takes_claims_in_words():
    assert statuses(IN_WORDS) == [PASSED]
    (verdict,) = judged(IN_WORDS.replace("about 1.4", "about 1.5")).verdicts
    assert (verdict.name, verdict.metric, verdict.operator, verdict.status) == ("words", "claim", "expected", FAILED)
    assert verdict.message == "it is wrong, not right: ratio is 1.389, not about 1.5"
    assert statuses(IN_WORDS.replace("about 1.4", "about 1.5") + 'expected = "wrong"\n') == [PASSED]
    assert statuses(IN_WORDS + 'expected = "wrong"\n') == [FAILED]
    jsonschema.validate(tomllib.loads(IN_WORDS), schema())


def test_a_claim_of_both_kinds_is_one():
    both = SIDES + 'params = { fewer = "28%" }\nholds = "depth(left) == 2 * depth(right)"\n'
    assert statuses(both) == [PASSED]
    (verdict,) = judged(both.replace("28%", "29%")).verdicts
    assert verdict.message.startswith("it is wrong, not right: params is 28.00 % fewer (73,728 against 102,400)")
    assert statuses(both.replace("2 *", "3 *")) == [FAILED]


def test_what_must_be_measured_and_is_not_is_unknown():
    text = IN_WORDS.replace('holds = "rf(five) == rf(two)"', 'holds = "difference(five, two) == 0"')
    assert statuses(text) == [UNKNOWN]


def test_a_claim_that_states_nothing_is_noticed(tmp_path):
    text = '[[claim]]\nname = "taste"\nsays = "it is nicer"\noutside = "a matter of taste"\n'
    (tmp_path / "convcalc.toml").write_text(text)
    with pytest.raises(UsageError, match="nothing would be checked"):
        check(read_budget(None, tmp_path), Request(), load_text)
    (tmp_path / "convcalc.toml").write_text(text + STEM + LIMIT)
    report = check(read_budget(None, tmp_path), Request(), load_text)
    assert report.exit_code() == 0
    assert [notice.message for notice in report.notices] == ["taste: it states nothing that can be judged"]


def test_articles_read_any_budget(tmp_path):
    path = tmp_path / "convcalc.toml"
    path.write_text(STEM + LIMIT + SIDES + 'params = { fewer = "28%" }\n' + IN_WORDS)
    claims = read_file(path)
    assert [(claim.name, ClaimJudge(no_laboratory).judge(claim).verdict) for claim in claims] == [
        ("two", "right"),
        ("words", "right"),
    ]
    path.write_text(SIDES + 'params = { fewer = "29%" }\n')
    (judged_claim,) = map(ClaimJudge(no_laboratory).judge, read_file(path))
    assert judged_claim.verdict == "wrong"
    assert "params is 28.00 % fewer" in judged_claim.explanation


def test_a_third_rounds_to_what_is_stated():
    # 3x3c1 over 3 channels against over 2: 27 against 18 parameters, 50 % more; 1/3 fewer the other way.
    text = '[[claim]]\nname = "a"\nleft = "1x1c2"\nright = "1x1c3"\ninput = "3x8x8"\nparams = {{ fewer = "{}%" }}\n'
    passing = {"33", "33.3", "33.33"}
    for stated in (*passing, "34", "33.4", "33.34", "30"):
        assert (statuses(text.format(stated)) == [PASSED]) == (stated in passing)


def test_a_broken_limit_tells_all():
    report = judged(f'{STEM}params = {{ max = "9k" }}\n')
    verdict = report.verdicts[0]
    assert (verdict.excess, verdict.relative) == (536, Fraction(536, 9000))
    assert verdict.message == "params is 9,536, over max 9k by 536 (5.96 %)"
    assert report.source.line(verdict.path) == 5
    assert [(layer.name, layer.now) for layer in verdict.layers] == [("0", 9408), ("1", 128)]
    assert verdict.remedy


def test_a_global_field_is_that_of_the_last_spatial_layer_or_unknown():
    assert statuses('[[check]]\nname = "a"\nspec = "3x3, gap, fc10"\nrf = { equal = 3 }\n') == [PASSED]
    assert statuses('[[check]]\nname = "a"\nspec = "gap, fc10"\nrf = { max = 500 }\n') == [UNKNOWN]


def test_a_network_that_cannot_be_built_leaves_the_others_judged():
    broken = '[[check]]\nname = "b"\nspec = "3x3, max pool"\nparams = { max = 1 }\nmacs = { max = 1 }\n'
    report = judged(broken + STEM + LIMIT)
    assert [verdict.status for verdict in report.verdicts] == [UNKNOWN, UNKNOWN, PASSED]
    assert report.exit_code() == 2
    assert "^" in report.verdicts[0].message


def test_exit_codes():
    assert judged(STEM + LIMIT).exit_code() == 0
    soft = judged(STEM + "params = { warn = 1 }\n")
    assert (soft.exit_code(), soft.exit_code(strict=True)) == (0, 1)
    assert judged(STEM + "params = { max = 1 }\n").exit_code() == 1
    assert judged(STEM + 'params = { max = 1, growth = "0%" }\n').exit_code() == 2  # broken, and incomplete


def test_slack_of_more_than_a_tenth_is_noticed():
    assert not judged(STEM + "params = { max = 10_595 }\n").notices  # 9,536 is 90.004 % of it
    assert judged(STEM + "params = { max = 10_596 }\n").notices  # and 89.996 % of this
    assert not judged(STEM + "params = { warn = 99_999, equal = 9536 }\n").notices


# The baseline

GROWING = STEM + 'params = {{ growth = "{}" }}\n'


def test_growth_is_against_the_baseline():
    lock = accepted(STEM + LIMIT)
    wider = GROWING.replace("c64", "c66")  # 7*7*3*66 + 2*66 = 9,834: 298 more, 3.125 %
    for growth, status in (("3%", FAILED), ("3.125%", PASSED), ("298", PASSED), ("297", FAILED), ("0%", FAILED)):
        assert statuses(wider.format(growth), lock) == [status]
    verdict = judged(wider.format("0%"), lock).verdicts[0]
    assert tuple(verdict.layers[0]) == ("0", "params", 9408, 9702)
    assert verdict.excess == 298


def test_growth_without_a_baseline_is_unknown_and_says_what_to_do():
    for lock in (None, Lock(file="convcalc.lock", baselines={})):
        report = judged(GROWING.format("0%"), lock)
        assert report.exit_code() == 2
        assert "--update" in report.verdicts[0].remedy


def test_locked_fails_on_improvements_too():
    lock = accepted(STEM + LIMIT)
    assert judged(STEM + LIMIT, lock, locked=True).exit_code() == 0
    smaller = judged((STEM + LIMIT).replace("c64", "c32"), lock, locked=True)
    assert smaller.exit_code() == 1
    assert {"params", "macs", "output"} <= {verdict.metric for verdict in smaller.of(FAILED)}
    renamed = judged((STEM + LIMIT).replace("bn, relu", "bn,  relu"), lock, locked=True)
    assert [verdict.metric for verdict in renamed.of(FAILED)] == ["lock"]  # another definition, the same numbers


def test_the_lock_reads_back_and_is_sorted():
    lock = accepted(STEM + LIMIT + STEM.replace('"stem"', '"a.b \\"c\\" é"') + LIMIT)
    text = format_lock(lock)
    assert parse_lock(text, "convcalc.lock") == lock
    assert format_lock(parse_lock(text, "")) == text
    assert text.index('[check."a.b') < text.index("[check.stem]")
    assert text.index("\nmacs") < text.index("\nparams") < text.index("\nweights")


@given(
    st.text(min_size=1),
    st.dictionaries(st.sampled_from([name for name, known in METRICS.items() if known.is_count]), st.integers(0)),
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.dictionaries(st.sampled_from(["params", "macs"]), st.integers(0), min_size=1),
    ),
)
def test_any_lock_reads_back(name, values, layers):
    name = "".join(char for char in name if char.isprintable()) or "a"
    counts = {metric: Value(COUNT, (Fraction(number),)) for metric, number in values.items()}
    lock = Lock(file="x", baselines={name: Baseline(fingerprint="00", values=counts, layers=layers)})
    assert parse_lock(format_lock(lock), "x") == lock


BROKEN_LOCKS = [
    "lock-version = 1",
    "lock-version = 3",
    "",
    "{",
    "lock-version = 2\ncheck = 3",
    "lock-version = 2\n[check.a]\nparams = 3",
    "lock-version = 2\n[check.a]\nfingerprint = '0'\nparams = 'many'",
    "lock-version = 2\n[check.a]\nfingerprint = '0'\nbogus = 3",
    "lock-version = 2\n[check.a]\nfingerprint = '0'\ncoverage = '1/0'",
    "lock-version = 2\n[check.a]\nfingerprint = '0'\nlayer = 3",
    "lock-version = 2\n[check.a]\nfingerprint = '0'\nlayer = { x = { params = 'y' } }",
    "<<<<<<< ours\nlock-version = 2",
]


@pytest.mark.parametrize("text", BROKEN_LOCKS)
def test_a_broken_lock_is_refused(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_lock(text, "convcalc.lock")
    assert caught.value.hint


@given(st.text())
def test_any_lock_is_read_or_refused(text):
    try:
        parse_lock(f"lock-version = 2\n{text}", "convcalc.lock")
    except ConfigurationError:
        return


# Files


def test_discovery_from_a_folder_below(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = ['convcalc']\n" + (STEM + LIMIT).replace("[[check", "[[tool.convcalc.check")
    )
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\ndependencies = ['convcalc']\n")
    found = read_budget(None, tmp_path / "a" / "b")
    assert found.path == tmp_path / "pyproject.toml"
    assert found.lock_path.name == "convcalc.lock"
    (tmp_path / "convcalc.toml").write_text(STEM + LIMIT)
    assert read_budget(None, tmp_path / "a" / "b").path == tmp_path / "convcalc.toml"


def test_a_byte_order_mark_and_windows_lines(tmp_path):
    (tmp_path / "convcalc.toml").write_bytes(
        b"\xef\xbb\xbf" + (STEM + "params = { max = -1 }\n").replace("\n", "\r\n").encode()
    )
    with pytest.raises(ConfigurationError) as caught:
        read_budget(None, tmp_path)
    assert caught.value.line == 5


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "convcalc.toml").write_bytes(b"# fine\n# \xff\n")
    with pytest.raises(ConfigurationError) as caught:
        read_budget(None, tmp_path)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "written", ["../x.lock", "/tmp/x.lock", "link/x.lock", "out.lock", "a/../../x.lock", "\\u0000.lock"]
)
def test_paths_in_the_file_stay_in_the_repository(tmp_path, written):
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "link").symlink_to(tmp_path)
    (repository / "out.lock").symlink_to(tmp_path / "elsewhere.lock")
    for key in ("lock", "python-path"):
        (repository / "convcalc.toml").write_text(f'{key} = "{written}"\n{STEM}{LIMIT}')
        budget = read_budget(None, repository)
        with pytest.raises(ConfigurationError, match="out of the repository"):
            _ = budget.lock_path if key == "lock" else budget.python_path
    assert not (tmp_path / "elsewhere.lock").exists()


def test_a_linked_budget_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("password = hunter2\n")
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "convcalc.toml").symlink_to(tmp_path / "secret")
    for config in (None, str(repository / "convcalc.toml")):
        with pytest.raises(ConfigurationError) as caught:
            read_budget(config, repository)
        assert "hunter2" not in str(caught.value)


def test_update_keeps_the_old_lock_where_a_number_is_missing(tmp_path):
    (tmp_path / "convcalc.toml").write_text(STEM + LIMIT)
    check(read_budget(None, tmp_path), Request(update=True), load_text)
    before = (tmp_path / "convcalc.lock").read_text()
    (tmp_path / "convcalc.toml").write_text(
        STEM.replace("c64", "c32") + LIMIT + '[[check]]\nname="b"\nspec="?"\n' + LIMIT
    )
    report = check(read_budget(None, tmp_path), Request(update=True), load_text)
    assert report.exit_code() == 2
    assert (tmp_path / "convcalc.lock").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["convcalc.lock", "convcalc.toml"]


def test_every_kind_of_layer_is_distinct_from_every_operator():
    assert not layer_kinds() & (CHECK.keys() | CLAIM.keys())
