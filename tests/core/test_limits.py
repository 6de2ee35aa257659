"""Numbers beyond any memory are exact; networks beyond any size are refused in words, never by Python's stack."""

from __future__ import annotations

import sys

import pytest

from convcalc import Network, parse, receptive_fields
from convcalc.core.errors import ConvcalcError, LimitError
from convcalc.core.graph import MAX_LAYERS, MAX_SIZE, Builder
from convcalc.core.ops.activation import ReLU
from convcalc.core.ops.convolution import Conv
from convcalc.core.ops.join import Cat
from convcalc.core.ops.reshape import Upsample


def test_a_billion_channels_by_hand() -> None:
    # 3*3*128*10^9 = 1.152 * 10^12 weights at 56*56 = 3,136 places.
    summary = Network(graph=parse("3x3c1000000000"))
    assert summary.params == 1_152_000_000_000
    assert summary.macs == 1_152_000_000_000 * 3136 == 3_612_672_000_000_000
    assert summary.memory.activations == 3136 * 10**9
    # And from a billion to a billion: 9 * 10^18, beyond 63 bits with the places.
    wide = Network(graph=parse("3x3c1000000000*2"))
    assert wide.macs == (9 * 128 * 10**9 + 9 * 10**18) * 3136


def test_thirty_digits() -> None:
    nines = int("9" * 30)
    summary = Network(graph=parse(f"1x1c{nines}*2", (1, 1, 1)))
    assert summary.params == nines + nines**2


def test_sizes_have_an_end() -> None:
    builder = Builder()
    x = builder.input((1, 10**9))
    large = x.apply(Upsample(10**26))
    assert large.shape == (1, 10**35)
    with pytest.raises(LimitError, match="layer upsample2: a size of more than 36 digits"):
        large.apply(Upsample(10))
    with pytest.raises(ConvcalcError, match="sizes of at least 1"):
        builder.input((1, MAX_SIZE))


def calls_per_layer(count: int) -> float:
    """Calls of Python functions per layer while a network of so many layers is built and analysed."""
    calls = 0

    def count_calls(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    builder = Builder()
    sys.setprofile(count_calls)
    try:
        x = builder.input((2, 4))
        for _ in range(count // 2):
            x = x.apply(Conv(3)).apply(ReLU())
        analysis = Network(graph=builder.graph(x))
        assert analysis.fields
    finally:
        sys.setprofile(None)
    assert len(analysis.layers) == count
    assert analysis.receptive_field.size == (count + 1,)
    return calls / count


def test_work_grows_linearly_with_the_layers() -> None:
    few, many = calls_per_layer(1_000), calls_per_layer(20_000)
    assert many == pytest.approx(few, rel=0.05)


@pytest.mark.long
def test_a_hundred_thousand_layers() -> None:
    analysis = Network(graph=parse("3*100000", (2, 8)))
    assert analysis.params == 12 * 100_000
    assert analysis.receptive_field.size == (200_001,)
    assert analysis.receptive_field.padding == (100_000,)


def test_the_longest_network() -> None:
    builder = Builder()
    x = builder.input((1, 1))
    builder.nodes *= MAX_LAYERS + 1  # as many as there may be, without the time it takes
    with pytest.raises(LimitError, match="more than 100,000 layers"):
        x.apply(ReLU())
    with pytest.raises(LimitError, match="more than 100,000 layers"):
        parse("cat(" + "|".join(["relu*99999"] * 3) + ")")


def test_python_s_stack_is_never_the_limit() -> None:
    depth = sys.getrecursionlimit() * 10
    for text in (
        "(" * depth,
        "cat(" * depth,
        "(" * depth + "3x3" + ")" * depth,
        "3x3" + "*2" * depth,
        "(3x3" + "*1" * depth + ")*1000000",
        "add(id|" * depth + "id" + ")" * depth,
    ):
        with pytest.raises(LimitError):
            parse(text)
    assert parse("3x3" + "*1" * depth).output_shape == (128, 56, 56)
    assert len(parse(",".join(["relu"] * depth)).layers) == depth
    assert parse("cat(" + "|".join(["1x1c1"] * 2000) + ")").output_shape[0] == 2000


def test_a_chain_of_joins_is_as_deep_as_one_likes() -> None:
    builder = Builder()
    x = builder.input((1, 4))
    for _ in range(3_000):
        x = x.apply(Cat(), x)
        x = x.apply(Conv(3, 1))
    assert receptive_fields(builder.graph(x))[-1].size == (6_001,)
