"""Claims: every verdict and figure of the truth table; verdicts follow from numbers alone; bad files are told."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convcalc.checks.claims import (
    EXPERIMENTS,
    Claim,
    Judge,
    Judged,
    Laboratory,
    read,
    read_file,
    select,
    shipped,
    words,
)
from convcalc.checks.claims import expression as language
from convcalc.checks.claims.claims import agrees
from convcalc.checks.claims.words import WORDS, word_called
from convcalc.checks.toml import ConfigurationError, Document
from convcalc.cli import main
from convcalc.core.errors import ConfirmError, ConvcalcError, SpecError
from convcalc.core.quantity import quantity

ROOT = Path(__file__).parents[2]
TRUTH = tomllib.loads((ROOT / "tests/data/claims.toml").read_text("utf-8"), parse_float=Decimal)["claim"]
MEASURED = {"kernels/shuffle-is-free", "resnext/concat-equals-sum", "resnet50/fig3-equivalent", "resnet50/fig3c-faster"}


def no_laboratory() -> Laboratory:
    raise ConfirmError("none here", hint="bring one")


@pytest.fixture(scope="module")
def judged() -> dict[str, Judged]:
    judge = Judge(no_laboratory)
    return {claim.name: judge.judge(claim) for claim in shipped()}


def verdict(text: str) -> Judged:
    """The verdict on the only claim of a file."""
    (claim,) = read(Document(file="own.toml", text='[[claim]]\nname = "own"\nsays = "something"\n' + text))
    return Judge(no_laboratory).judge(claim)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main(["articles", *arguments])
    out, err = capsys.readouterr()
    return int(exit.value.code or 0), out, err


# ---------------------------------------------------------------- the truth table


def test_the_claims_of_the_table_are_shipped(judged: dict[str, Judged]) -> None:
    """And a few that the articles make besides."""
    assert {row["id"] for row in TRUTH} <= judged.keys()
    assert all(one.is_expected and one.claim.expected for one in judged.values())
    assert all(claim.article.title and claim.article.source for claim in shipped())


@pytest.mark.parametrize("row", TRUTH, ids=lambda row: row["id"])
def test_verdict_and_figures(row: dict[str, Any], judged: dict[str, Judged]) -> None:
    one = judged[row["id"]]
    assert one.verdict == ("not run" if row["id"] in MEASURED else row["verdict"])
    for name, true in row.get("true", {}).items():
        computed = one.figures[name]
        if isinstance(true, Decimal):
            computed = Decimal(float(computed)).quantize(true)
        assert computed == true, name


def test_the_two_3x3_that_lost_a_factor(judged: dict[str, Judged]) -> None:
    # 3*3*64*64 + 3*3*64*64 = 73,728; 5*5*64*64 / 73,728 = 1.389
    one = judged["kernels/64-to-64-two-3x3"]
    assert one.verdict == "wrong"
    assert one.figures["right"] == 2 * 3 * 3 * 64 * 64
    assert one.figures["ratio"] == Fraction(25, 18)
    assert "right is 73,728, not 1,152" in one.explanation
    assert "ratio is 1.389, not about 88.8" in one.explanation
    assert "left out the second 64" in one.explanation


def test_a_kernel_that_does_not_fit_is_a_shape_error(judged: dict[str, Judged]) -> None:
    assert "7x7 does not fit a 5x5 input without padding" in judged["kernels/7x7-on-5x5-input"].explanation


@pytest.mark.parametrize(
    ("id", "told"),
    [
        ("kernels/stack-smaller-only-if-equal-channels", "weights(two) = 1,809, weights(one) = 4,800"),
        ("kernels/first-layer-7x7", "right = 9,360, left = 9,408"),  # 3*3*3*13 + 3*3*13*13 + 3*3*13*64
        ("kernels/rf-recursion", "own_stride_rf(net) = 5, rf(net) = 7"),
        ("kernels/asymmetric-81-vs-72", "at n = 6"),
        ("resnext/width-128", "at out_channels = 512"),
        ("blocks/amoebanet-less-than-nasnet", "macs(any) = 103,887,701,136"),  # 103.9 GMACs, at 299x299
        ("densenet/growth-32", "= 48"),
    ],
)
def test_what_is_imprecise_shows_its_counter_example(id: str, told: str, judged: dict[str, Judged]) -> None:
    assert judged[id].verdict == "imprecise"
    assert "counter-example: " in judged[id].explanation
    assert told in judged[id].explanation


def test_the_own_stride_rule_on_whole_stacks(judged: dict[str, Judged]) -> None:
    figures = judged["kernels/rf-recursion"].figures
    assert (figures["vgg_own_stride"], figures["vgg_truth"], figures["vgg16_whole"]) == (37, 212, 212)
    assert figures["alexnet_like"] == figures["alexnet_like_truth"] == 11


def test_memory_of_densenet_is_computed(judged: dict[str, Judged]) -> None:
    figures = judged["densenet/fewer-params-more-memory"].figures
    assert figures["densenet121_training"] > figures["resnet50_training"]
    assert figures["densenet121_peak"] > figures["resnet34_peak"]
    # six 3x3 from 64 channels of 56x56: the last layer's 64 + 5*32 channels, normalised, rectified
    assert figures["block_peak"] == 3 * (64 + 5 * 32) * 56 * 56
    assert figures["residual_peak"] == 3 * 64 * 56 * 56


# ---------------------------------------------------------------- verdicts follow from the numbers


def test_no_verdict_is_read_from_the_file() -> None:
    folder = ROOT / "convcalc/checks/claims"
    for path in folder.glob("*.toml"):
        text = re.sub(r'^expected = ".*"$', 'expected = "outside"', path.read_text("utf-8"), flags=re.M)
        for claim, original in zip(read(Document(file=path.name, text=text)), read_file(path), strict=True):
            judge = Judge(no_laboratory)
            one = judge.judge(claim)
            assert one.verdict == judge.judge(original).verdict
            assert one.is_expected == (one.verdict in ("outside", "not run"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('specs = { a = "3x3" }\nfigures = { w = "weights(a)" }\nstated = { w = 147456 }', "right"),
        ('specs = { a = "3x3" }\nfigures = { w = "weights(a)" }\nstated = { w = 147457 }', "wrong"),
        ('specs = { a = "3x3" }\nfigures = { w = "weights(a)" }', "unstated"),
        ('outside = "taste"\nholds = "1 == 2"', "outside"),
        ('holds = "1 == 1"\n[claim.generally]\nfor = { n = [1, 2] }\nholds = "n == 1"', "imprecise"),
        ('holds = "1 == 2"\n[claim.generally]\nfor = { n = [1, 2] }\nholds = "n == 1"', "wrong"),
        ('[claim.generally]\nfor = { n = [1, 2] }\nholds = "n < 3"', "right"),
        ('[claim.generally]\nfor = { n = [1, 2] }\nholds = "n > 1"\n[claim.only]\nholds = "1 == 1"', "imprecise"),
        ('[claim.generally]\nfor = { n = [1, 2] }\nholds = "n > 1"\n[claim.only]\nholds = "1 == 2"', "wrong"),
        ('specs = { a = "7x7p0" }\ninput = "3x5x5"\nholds = "fits(a)"', "wrong"),
        ('specs = { a = "1x1" }\nholds = "groups_reached(a, 2) == [2, 2]"', "not run"),
        ('specs = { a = "1x1" }\nholds = ["groups_reached(a, 2) == [2, 2]", "1 == 2"]', "wrong"),
        ('specs = { a = "1x1" }\n[claim.generally]\nholds = "groups_reached(a, 2) == [2, 2]"', "not run"),
        ('specs = { a = "1x1" }\nfigures = { g = "groups_reached(a, 2)" }\nholds = "1 == 1"', "right"),
        ('figures = { t = "[3, 4, 5]" }\nholds = "clearly_below(t, [6, 7, 8])"', "right"),
        ('figures = { t = "[3, 4, 5]" }\nholds = "clearly_below(t, [1, 2, 2.5])"', "wrong"),
        ('figures = { t = "[3, 4, 5]" }\nholds = "clearly_below(t, [4, 6, 8])"', "undecided"),
    ],
)
def test_a_verdict_falls_out(text: str, expected: str) -> None:
    assert verdict(text).verdict == expected


@pytest.mark.parametrize(
    ("stated", "computed", "matches"),
    [
        (2500, 2500, True),
        (2500, 2501, False),
        (Decimal("1.4"), Fraction(25, 18), True),
        (Decimal("1.4"), Fraction("1.45"), True),
        (Decimal("1.4"), Fraction("1.4501"), False),
        ("about 1.4", Fraction(25, 18), True),
        ("about 8", Fraction("8.04"), True),
        ("about 8", Fraction("8.6"), False),
        ("8", Fraction("8.04"), False),
        ("26M", 25_557_032, True),
        ("25M", 25_557_032, False),
        ("25.6M", 25_557_032, True),
        ("28 %", Fraction(28, 100), True),
        ("28 %", Fraction(2849, 10_000), True),
        ("28 %", Fraction(286, 1000), False),
    ],
)
def test_stated_figures_hold_to_their_digits(stated: Any, computed: Any, matches: bool) -> None:
    assert agrees(quantity(stated), computed) is matches


def test_stated_lists_and_truths_are_exact() -> None:
    assert agrees([64, 80], [64, 80])
    assert not agrees(True, False)


def test_a_trailing_zero_is_a_digit() -> None:
    assert verdict('figures = { r = "1.38" }\nstated = { r = 1.4 }').verdict == "right"
    assert verdict('figures = { r = "1.38" }\nstated = { r = 1.40 }').verdict == "wrong"


def test_networks_over_inputs_of_their_own_are_named() -> None:
    both = 'specs = { a = "3x3", b = "vgg11" }\nholds = "params(a) < params(b)"'
    assert verdict(both).explanation == "over their own inputs: a 128x56x56, b 3x224x224"
    assert verdict(f'input = "3x224x224"\n{both}').explanation == ""


def test_limits_show_their_arithmetic() -> None:
    judged = verdict('left = "3x3,3x3"\nright = "5x5"\ninput = "64x8x8"\nparams = { fewer = "28%" }')
    (step,) = judged.steps
    assert (step.text, step.value) == ("params fewer 28%", True)
    assert step.arithmetic == "28.00 % fewer (73,728 against 102,400), as stated"


# ---------------------------------------------------------------- the language


class _Nothing:
    """A scope with x = 7 and a list of one and two."""

    def name(self, name: str) -> Any:
        return {"x": 7, "items": [1, 2]}[name]

    def call(self, function: str, arguments: list[Any], text: str) -> Any:
        return {"double": lambda value: 2 * value}[function](*arguments)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.4", Fraction(7, 5)),
        ("2 / 4", Fraction(1, 2)),
        ("4 / 2", 2),
        ("0.1 + 0.2 == 0.3", True),
        ("1e-9 < 1 / 10 ** 8", True),
        ("-x // 2 % 5", 1),
        ("double(x) == 14 and not x == 8", True),
        ("items[0] + items[-1]", 3),
        ("1 < x < 10", True),
        ("x in items or 2 in items", True),
        ("[x, 'a'] == [7, \"a\"]", True),
    ],
)
def test_expressions(text: str, value: Any) -> None:
    found = language.evaluate(language.parse(text), _Nothing())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "x.real",
        "lambda: 1",
        "[y for y in items]",
        "(y := 1)",
        "f'{x}'",
        "items[0:1]",
        "{1: 2}",
        "x if x else 1",
        "double(value=1)",
        "double(*items)",
        "(double)(1)(2)",
        "1j",
        "1e999",
        "b'a'",
        "...",
        "x is 7",
        "~x",
        "x @ 2",
        "1 << 2",
        "é",
        "1\0",
        "1if x else 2",
        "(" * 200,
        "-" * 60 + "1",
        "1" * 500,
        "None",
    ],
)
def test_what_is_not_in_the_language(text: str) -> None:
    with pytest.raises(SpecError):
        language.parse(text)


@pytest.mark.parametrize(
    "text",
    ["9 ** 9 ** 9", "2 ** 600 * 2 ** 600", "1 / 0", "1 % 0", "0 ** -1", "(-8) ** 0.5", "'a' * 3", "items * 2", "y",
     "items[2]", "x[0]", "items['a']", "1 < items", "not 3", "3 and 4", "double(1, 2)", "-items", "1 in 2"],
)  # fmt: skip
def test_what_has_no_value(text: str) -> None:
    with pytest.raises(SpecError):
        language.evaluate(language.parse(text), _Nothing())


def test_the_witness_names_the_side_that_failed() -> None:
    outcome = language.decide(language.parse("x == 7 and double(x) < x"), _Nothing())
    assert outcome == (False, "double(x) = 14, x = 7")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="x1.+-*/()[]<>=, 'andortitems\"double", max_size=60))
def test_any_text_is_a_value_or_a_told_mistake(text: str) -> None:
    with suppress(SpecError):
        language.spell(language.evaluate(language.parse(text), _Nothing()))


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there are no claims"),
        ("claim = 3", "claim is not an array of tables"),
        ("claim = [3]", "claim 1 is not a table"),
        ("[[claim]]", "claim 1 has no name"),
        ('[[claim]]\nname = "a"', "claim 1 has no says"),
        ('[[claim]]\nname = 3\nsays = "b"', "name is a text, not 3"),
        ("[[claim]", "not TOML"),
        ("a = " + "[" * 5000, "nested too deep"),
        ('[[claims]]\nname = "a"', "did you mean claim?"),
        ('[[claim]]\nname = "a"\nsays = "b"\nstate = {}', "did you mean stated?"),
        (
            '[[claim]]\nname = "a"\nsays = "b"\nholds = "1 == 1"\n[[claim]]\nname = "a"\nsays = "b"\nholds = "1 == 1"',
            "two entries are called 'a'",
        ),
        ('[[claim]]\nname = "a"\nsays = "b"\nexpected = "rihgt"', "did you mean right?"),
        ('[[claim]]\nname = "a"\nsays = "b"\nspecs = { s = 3 }', "a spec is a text"),
        ('[[claim]]\nname = "a"\nsays = "b"\nspecs = { s = { spce = "3x3" } }', "a spec is a text"),
        ('[[claim]]\nname = "a"\nsays = "b"\nspecs = { "3s" = "3x3" }', "'3s' is not a name"),
        ('[[claim]]\nname = "a"\nsays = "b"\nspecs = { s = "3x3c{n}" }', "{n} has no value"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "weihgts(1)" }', "did you mean weights or"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "weights(net)" }', "nothing is called 'net'"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "1 +" }', "this is not an expression"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = 3 }', "figures.w is a text, not 3"),
        ('[[claim]]\nname = "a"\nsays = "b"\nstated = { w = 3 }', "no figure of that name is computed"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "1" }\nstated = { w = "some" }', "stated.w is a figure"),
        ('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "1" }\nstated = { w = nan }', "stated.w is a figure"),
        (
            '[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "1" }\nstated = { w = 1e99999999 }',
            "stated.w is a figure",
        ),
        ('[[claim]]\nname = "a"\nsays = "b"\nwhere = { w = 1979-05-27 }', "where.w is a number or a text"),
        ('[[claim]]\nname = "a"\nsays = "b"\nwhere = { w = 1 }\nfigures = { w = "1" }', "give them different names"),
        ('[[claim]]\nname = "a"\nsays = "b"\ngenerally = { for = { n = 3 } }', "for.n is a list"),
        ('[[claim]]\nname = "a"\nsays = "b"\ngenerally = { for = { n = [3] } }', "holds is missing"),
        (
            '[[claim]]\nname = "a"\nsays = "b"\ngenerally = { for = '
            f'{{ n = {list(range(40))}, m = {list(range(40))} }}, holds = "1 == 1" }}',
            "1,600 cases",
        ),
    ],
)
def test_a_bad_file_is_told_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConvcalcError) as error:
        read_file(path)
    assert told in str(error.value)
    assert str(error.value).startswith(str(path))
    assert error.value.hint or "not TOML" in told or "did you mean" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('figures = { w = "w" }', "made of itself"),
        ('figures = { v = "w", w = "v" }', "made of itself"),
        ('specs = { a = "3y3" }\nfigures = { w = "weights(a)" }', "figures.w"),
        ('specs = { a = "7x7p0" }\ninput = "1x5x5"\nfigures = { w = "weights(a)" }', "7x7 does not fit"),
        ('specs = { a = "3x3" }\ninput = "ab"\nfigures = { w = "weights(a)" }', "channels x sizes"),
        ('specs = { a = "3x3" }\nholds = "weights(a)"', "not a statement"),
        ('specs = { a = "3x3" }\nholds = "weights(a, a) == 1"', "it is written weights(spec)"),
        ('specs = { a = "3x3" }\nholds = "weights(3) == 1"', "its value number 1 is a spec"),
        ('holds = "clearly_below([], []) == 1"', "clearly_below"),
        ('holds = "largest([]) == 1"', "largest"),
        ('specs = { a = "3x3" }\nholds = "a + 1 == 2"', "is not a number"),
        ('specs = { a = "cat(3x3|1x1)" }\nholds = "own_stride_rf(a) == 3"', "does not simply follow"),
    ],
)
def test_a_claim_that_cannot_be_computed_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConvcalcError) as error:
        verdict(text)
    assert told in str(error.value)
    assert str(error.value).startswith("own.toml:1: claim own: ")


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_file(tmp_path / name)
    assert str(tmp_path) in str(error.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_file(path)
    path.write_bytes(b"#" * 10_000_001)
    with pytest.raises(ConfigurationError, match="longer than"):
        read_file(path)


_SHIPPED = (ROOT / "convcalc/checks/claims/kernels.toml").read_text("utf-8")
_TOKENS = re.findall(r"\w+|[^\w\s]|\s+", _SHIPPED)


def judged_or_told(damaged: str, start: int) -> None:
    """Judge the claim nearest to a damage; a mistake must be told with its file."""
    try:
        claims = read(Document(file="damaged.toml", text=damaged))
        nearest = min(claims, key=lambda claim: abs(damaged.find(claim.name) - start))
        Judge(no_laboratory).judge(nearest)
    except ConvcalcError as error:
        told = str(error)
    else:
        return
    assert told.startswith("damaged.toml")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_file_with_damaged_characters(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(_SHIPPED)))
    removed = data.draw(st.integers(0, 12))
    added = data.draw(st.text(alphabet="{}[]()\"'=,.0159xabcn_ \n\\*/<", max_size=6))
    judged_or_told(_SHIPPED[:start] + added + _SHIPPED[start + removed :], start)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_file_with_words_in_wrong_places(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(_TOKENS) - 1))
    chosen = st.sampled_from([*words(), *EXPERIMENTS, "[]", "0", "-1", "''", "five", "one", "left", "in", "not"])
    tokens = [*_TOKENS[:place], data.draw(chosen | st.sampled_from(_TOKENS)), *_TOKENS[place + 1 :]]
    judged_or_told("".join(tokens), len("".join(_TOKENS[:place])))


def test_the_example_file_explains_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "examples/claims.toml"
    comment = "\n".join(line for line in path.read_text("utf-8").splitlines() if line.startswith("#"))
    explained = set(re.findall(r"\w+", comment))
    assert {*WORDS, *EXPERIMENTS} <= explained
    code, out, _ = run(capsys, "--file", str(path))
    assert code == 0
    assert "every verdict is the expected one" in out


# ---------------------------------------------------------------- the command


def test_claims_are_chosen_by_article_or_id() -> None:
    claims = shipped()
    assert {claim.article.name for claim in select(claims, ["resnext"])} == {"resnext"}
    chosen: list[Claim] = select(claims, ["kernels/rf-7x7", "kernels/rf-5x5"])
    assert [claim.name for claim in chosen] == ["kernels/rf-5x5", "kernels/rf-7x7"]


def test_an_unknown_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "kernels/rf-5x6")
    assert (code, out) == (2, "")
    assert "did you mean kernels/rf-5x5" in err
    code, out, _ = run(capsys, "kernel", "--format", "json")
    assert (code, json.loads(out)["error"]["kind"]) == (2, "usage")


def test_all_claims_without_experiments(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--no-confirm")
    assert (code, err) == (0, "")
    assert out.endswith("every verdict is the expected one; 4 claims without a verdict\n")
    assert "not run: milliseconds(a, b, c): left out by --no-confirm (run it with --confirm)" in out


def test_without_torch_the_claim_says_how_to_run_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(capsys, "kernels/shuffle-is-free", "--confirm")[0] == 2
    code, out, _ = run(capsys, "kernels/shuffle-is-free")
    assert code == 0
    assert "needs torch and fvcore, not installed here (pip install 'convcalc[torch]')" in out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "kernels", "--no-confirm", "--format", "json")
    document = json.loads(out)
    assert (code, document["format_version"]) == (0, 1)
    claims = {claim["id"]: claim for claim in document["claims"]}
    one = claims["kernels/64-to-64-two-3x3"]
    assert (one["article"], one["verdict"]) == ("kernels", "wrong")
    assert one["stated"] == {"right": 1152, "ratio": 88.8}
    assert one["true"]["right"] == 73728
    assert one["true"]["ratio"] == pytest.approx(1.389, abs=5e-4)
    assert claims["kernels/shuffle-is-free"]["true"]["with_shuffle"] is None
    assert all({"id", "article", "verdict", "stated", "true", "why"} <= claim.keys() for claim in document["claims"])


def test_the_table_shows_stated_against_true(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "kernels/64-to-64-two-3x3")
    assert re.search(r"right +1,152 +73,728\n +ratio +about 88\.8 +1\.389", out)
    assert "卷积核的类型及其作用" in out


def test_explain_shows_the_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "kernels/64-to-64-two-3x3", "kernels/rf-7x7", "--explain")
    assert "weights(two) = 3*3*64*64 + 3*3*64*64 = 73,728" in out
    assert "rf(three) = 1 -> 3 -> 5 -> 7 = 7" in out


def test_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "kernels/64-to-64-5x5", "--format", "markdown")
    assert "| verdict | claim | stated | true |" in out


def test_strict_fails_on_a_wrong_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "kernels/rf-5x5", "--strict")[0] == 0
    assert run(capsys, "kernels/64-to-64-two-3x3", "--strict")[0] == 1
    assert run(capsys, "kernels/64-to-64-two-3x3")[0] == 0


def test_an_unexpected_verdict_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text('[[claim]]\nname = "a"\nsays = "b"\nexpected = "right"\nholds = "1 == 2"\n')
    code, out, _ = run(capsys, "--file", str(path))
    assert code == 1
    assert "unexpected: a is wrong, the file expects right" in out


def test_a_bad_file_is_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text('[[claim]]\nname = "a"\nsays = "b"\nfigures = { w = "weights(q)" }\n')
    code, out, err = run(capsys, "--file", str(path))
    assert (code, out) == (2, "")
    assert f"{path}:4: figures.w: nothing is called 'q'" in err
    assert "\n  weights(q)\n          ^\n" in err


@pytest.mark.parametrize(
    "statement",
    [
        "weights(a) == 3*3*4*8 and norm(a) == 8 + 8 and biases(a) == 0 and params(a) == 288 + 16",
        "macs(a) == 288 * 6 * 6 and flops(a) == 2 * macs(a) and elementwise(a) > 0",
        "activations(a) == 3 * 8*6*6 and peak(a) == 2 * 8*6*6 and training(a) > 0",
        "shape(a) == [8, 6, 6] and depth(a) == 1 and fits(a) and not fits(large)",
        "count(a, 'conv') == 1 and count(b, 'conv', '1') == 1 and kinds(a) == ['conv', 'bn', 'relu']",
        "out(b) == [4, 8] and ins(b) == [4, 4] and groups(b) == [1, 2] and layer_weights(b) == [4*4*3, 8*2*9]",
        "kernels(b) == [[1, 3], 3] and strides(b) == [1, 2]",
        "rf(b) == [3, 5] and rf(a) == 3 and reads(holes) == 2 and coverage(holes) == 4 / 9",
        "own_stride_rf(b) == [3, 7]",
        "features(joined) == ['input', '1.1.0'] and distinct(features(joined)) == length(features(joined))",
        "about(105, 100, 5) and not about(106, 100, 5) and total([1, 2]) == 3 and whole(2.9) == 2",
        "largest([1, 3, 2]) == 3 and smallest([2, 1]) == 1",
    ],
)
def test_words_by_hand(statement: str) -> None:
    specs = """specs = { a = "3x3c8,bn,relu", b = "1x3,3x3c8s2g2", large = "9x9p0", holes = "2x2d2p0", \
joined = "id,cat(id | 1x1)" }"""
    text = 'input = "4x6x6"\n' + specs.replace("\n", "") + f'\nholds = """{statement}"""'
    judged = verdict(text)
    assert judged.verdict == "right", judged.explanation


def test_words_are_documented() -> None:
    for word in [*map(word_called, words()), *EXPERIMENTS.values()]:
        assert word.summary.endswith(".") or ":" in word.summary, word.name
