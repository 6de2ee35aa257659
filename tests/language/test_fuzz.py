"""Random and mutated texts, more than 20,000 of them: an answer or a ConvcalcError, and that soon."""

from __future__ import annotations

import string
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convcalc import Network, input_shape, parse
from convcalc.core.errors import ConvcalcError, ShapeError, SpecError
from convcalc.core.operator import REGISTRY

SMALL = (12, 9, 9)
"""An input on which most layers fit."""

VALID = [
    "3x3c64s2p1d1g4b, bn, relu",
    "cat(1x1c4 | 3x3s1, 5x5c10b | id)",
    "add(id | sep3x3, se4)*3, gap, fc10b0",
    "(dw3x3s2, 1x1c24)*2, upbilinear2, tconv4x4c6s2p1",
    "resnext-block(cardinality=4, width=2)",
    "resnet-block(stride_on='1x1', stride=2), maxpool3x3s2p1",
    "dconv3x3c8v2, shuffle4, gn4, pad1e0, avgpool2x2",
    "mul(id | gap, 1x1, sigmoid), mean(id | 3x3d2), flatten",
]

WORDS = [*REGISTRY, "resnet-block", "resnext-block", "resnet-basic-block", "channels=", "stride_on=1x1", "width=4"]
TOKENS = [*WORDS, *"cspdgbvoe0123489x,,,((()))|||***=-_.'[] \n", "3x3", "1x1c8", "(3x3", "relu,", "99999", "10**9"]

MUTANTS = string.ascii_letters + string.digits + ",()|*=_-. x\n\t\0×é３'\"[]"


@pytest.fixture(scope="module", autouse=True)
def short_networks() -> Iterator[None]:
    """Repetitions up to a limit that takes no time: tests/test_limits.py has the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convcalc.language.parse.MAX_LAYERS", 300)
        patch.setattr("convcalc.core.graph.MAX_LAYERS", 300)
        yield


def examples(count: int) -> settings:
    """So many texts, none of which may take long."""
    return settings(max_examples=count, deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck))


def judge(text: str) -> None:
    """Whatever `text` is, it is answered, or refused in words with a place inside it."""
    try:
        analysis = Network(graph=parse(text, SMALL))
    except ConvcalcError as error:
        check_refusal(text, error)
        return
    assert analysis.macs >= 0
    assert all(row.spec or row.kind for row in analysis.layers)
    for row in analysis.layers:
        analysis.formula(row)
    if analysis.fields:
        field = analysis.receptive_field
        assert len(field.size) == len(field.stride) == len(field.padding) == 2
        assert field.typical.count >= 0
    else:
        assert analysis.receptive_field_note


def check_refusal(text: str, error: ConvcalcError) -> None:
    assert error.message
    shown = str(error)
    assert "\n" not in error.message or "\n" in text
    assert all(line.isprintable() for line in shown.splitlines())
    if isinstance(error, SpecError):
        assert error.text == text
        assert 0 <= error.offset <= len(text)
    if isinstance(error, ShapeError):
        assert error.layer
        assert error.text == text
        assert 0 <= error.offset < len(text)


@examples(4_000)
@given(st.text(max_size=40))
def test_any_unicode(text: str) -> None:
    judge(text)


@pytest.mark.long
@examples(5_000)
@given(st.text(alphabet="0123456789xcsdpgbwevtonurlami,()|*=-_ '", max_size=30))
def test_letters_of_the_language(text: str) -> None:
    judge(text)


@pytest.mark.long
@examples(5_000)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map("".join))
def test_words_of_the_language(text: str) -> None:
    judge(text)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid text with up to four pieces removed, doubled, moved, replaced or put in."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 4)))
        piece = text[start:stop]
        new = draw(
            st.sampled_from(["", piece * 2, piece[::-1]]) | st.text(MUTANTS, max_size=2) | st.sampled_from(WORDS)
        )
        text = text[:start] + new + text[stop:]
    return text


@examples(6_000)
@given(mutated())
def test_valid_texts_mutated(text: str) -> None:
    judge(text)


@examples(1_000)
@given(mutated())
def test_norms(text: str) -> None:
    with pytest.raises(ConvcalcError):
        parse("3x3", SMALL, norm=f"{text},,")
    with suppress(ConvcalcError):
        parse("3x3", SMALL, norm=text)


@examples(3_000)
@given(st.text(max_size=20) | st.text("0123456789xX× -.", max_size=12) | st.from_regex(r"[0-9]+(x[0-9]+){0,4}"))
def test_inputs(text: str) -> None:
    try:
        shape = input_shape(text)
    except SpecError as error:
        check_refusal(text, error)
    else:
        assert 1 <= len(shape) <= 4
        assert all(size >= 1 for size in shape)


@pytest.mark.parametrize(
    "text",
    [
        "up1000000000",
        "(up1000000000)*50",
        "(up2)*50",
        "(up4096)*3",
        "upbilinear4096,3x3,3x3d3",
        "(upbilinear2)*40",
        "(up3,3x3s2)*30",
        "adaptiveavgpool999999999",
        "adaptiveavgpool4096,adaptiveavgpool4095",
        "tconv3x3s4096",
        "(tconv4x4s4096p0)*3",
        "tconv99999999x99999999s64",
        "3x3s999999999",
        "999999999",
        "999999999p0",
        "999999999d999999999",
        "1x19999d7p0,1x19999d11p0",
        "tconv1x19999d7s64,1x19999d11p0",
        "up4096,3x99d7,3x99d5,99d3",
        "maxpool999999999999p499999999999",
        "pad" + "9" * 30,
        "3x3p" + "9" * 30,
        "3x3c" + "9" * 30,
        "1" * 5000,
        "3x3c" + "9" * 5000,
        "3x3*" + "9" * 5000,
        "resnet-block(channels=" + "9" * 5000 + ")",
        "resnet-block(channels=" + "(" * 5000,
        "3x3*1000000000",
        "(3x3,(3x3)*1000)*1000",
        "3x3" + "*2" * 10_000,
        "3x3" + "*1" * 10_000,
        "(" * 10_000,
        "(" * 10_000 + "3x3" + ")" * 10_000,
        "cat(" * 10_000,
        "a" * 100_000,
        "a-" * 50_000,
        "_" * 100_000,
        "3x3 " * 50_000,
        " " * 100_000,
        "\0" * 100,
        "3x3\0,3x3",
        "'" * 10_000,
        "cat(" + "|" * 10_000,
        "cat(" + "|".join(f"{2 * i + 1}x{2 * (250 - i) + 1}" for i in range(250)) + "),3x3*40",
        "cat(" + "|".join(f"1x{2 * i + 1}d{i + 1}" for i in range(1, 120)) + ")",
    ],
    ids=lambda text: text[:24].replace("\0", "NUL"),
)
def test_extremes(text: str) -> None:
    judge(text)


@pytest.mark.parametrize("text", ["9" * 5000, "x" * 100_000, "1x" * 50_000, "1" + " " * 100_000 + "z", "\0", ""])
def test_extreme_inputs(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        input_shape(text)
    check_refusal(text, caught.value)
