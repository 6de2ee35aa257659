"""Sets of positions and periodic maps, against plain Python sets."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.core.errors import LimitError
from convcalc.core.window import (
    BROADCAST,
    IDENTITY,
    MAX_PHASES,
    MAX_RUNS,
    NOTHING,
    Positions,
    Window,
    adaptive,
    common_period,
    everything,
    linear,
    nearest,
    places,
    sliding,
    transposed,
    union,
)

small = st.integers(1, 5)
FEW = settings(max_examples=400, deadline=None)


def plain(positions: Positions) -> set[int]:
    return {place for start, stop in positions.runs for place in range(start, stop)}


@st.composite
def sets(draw: st.DrawFn) -> Positions:
    parts = st.builds(places, st.integers(-9, 20), small, small)
    return union(draw(st.lists(parts, min_size=1, max_size=4)))


windows = st.one_of(
    st.builds(sliding, small, small, st.integers(0, 4), small),
    st.builds(transposed, small, small, st.integers(0, 4), small),
    st.builds(nearest, small),
    st.builds(linear, small),
    st.builds(adaptive, st.integers(1, 9), st.integers(1, 9)),
    st.builds(everything, small),
    st.just(BROADCAST),
)


def is_canonical(positions: Positions) -> bool:
    """Sorted, disjoint, non-touching, no run empty."""
    edges = [edge for run in positions.runs for edge in run]
    return edges == sorted(set(edges))


# --- positions


@FEW
@given(sets())
def test_a_set_knows_its_ends_span_total_and_gap(positions: Positions) -> None:
    members = sorted(plain(positions))
    assert is_canonical(positions)
    assert (positions.first, positions.stop) == (members[0], members[-1] + 1)
    assert positions.span == members[-1] - members[0] + 1
    assert positions.total == len(members)
    assert positions.largest_gap == max((b - a - 1 for a, b in itertools.pairwise(members)), default=0)
    assert [p for p in range(-60, 90) if p in positions] == members


@FEW
@given(sets(), st.integers(-5, 5), st.integers(0, 7), st.integers(1, 9))
def test_shift_spread_clip(positions: Positions, distance: int, step: int, count: int) -> None:
    members = plain(positions)
    assert plain(positions.shift(distance)) == {p + distance for p in members}
    grown = positions.spread(count, step)
    assert plain(grown) == {p + copy * step for p in members for copy in range(count)}
    assert is_canonical(grown)
    assert plain(positions.clip(distance, distance + step)) == members & set(range(distance, distance + step))


@FEW
@given(sets(), sets())
def test_union_and_covers(left: Positions, right: Positions) -> None:
    both = union([left, right])
    assert plain(both) == plain(left) | plain(right)
    assert is_canonical(both)
    assert both.covers(left)
    assert both.covers(right)
    assert left.covers(right) == (plain(left) >= plain(right))


def test_the_empty_set() -> None:
    assert (NOTHING.span, NOTHING.total, NOTHING.largest_gap) == (0, 0, 0)
    assert 0 not in NOTHING
    assert NOTHING.spread(3, 2) is NOTHING
    assert NOTHING.clip(0, 5).runs == ()
    assert union([NOTHING, NOTHING]) == NOTHING
    assert sliding(3).image(NOTHING) is NOTHING
    assert sliding(3).preimage(NOTHING, 9) is NOTHING
    assert places(0, 2).covers(NOTHING)
    assert not NOTHING.covers(places(0, 2))


def test_too_many_runs_become_a_hull_with_exact_ends() -> None:
    even = places(4, MAX_RUNS, 2)
    assert even.exact
    assert even.total == MAX_RUNS
    hull = places(4, MAX_RUNS + 1, 2)
    assert hull == Positions(((4, 4 + 2 * MAX_RUNS + 1),), exact=False)
    # What is made of it is not exact either, even where it has one run.
    assert not hull.shift(3).exact
    assert not hull.spread(2, 5).exact
    assert not hull.clip(0, 9).exact
    assert not union([hull, places(0, 1)]).exact
    assert not sliding(2, 3).image(hull).exact
    assert not sliding(1, 1, 1).image(hull).exact


def test_huge_spans_cost_nothing() -> None:
    million = 10**9
    assert sliding(million, 7, 3).at(5) == Positions(((32, 32 + million),))
    assert places(0, million, 2).span == 2 * million - 1
    held = sliding(million, 1, 0, million).after(sliding(3, 2, 1))
    # Ends by hand: (million-1)*million units further, 2 places each, and a kernel of 3 from -1 on.
    assert held.at(0).first == -1
    assert held.at(0).stop == 2 * (million - 1) * million + 2


def test_the_ends_stay_exact_where_two_holed_kernels_meet() -> None:
    # 19,999 taps of 7 over 19,999 taps of 11: 400 million pairs, never listed.
    left, right = sliding(19_999, 1, 0, 7), sliding(19_999, 1, 0, 11)
    read = left.after(right).at(0)
    assert (read.first, read.stop) == (0, 19_998 * 18 + 1)


# --- windows


@FEW
@given(small, small, st.integers(0, 4), small)
def test_sliding_and_transposed_by_their_definitions(kernel: int, stride: int, padding: int, dilation: int) -> None:
    forward = sliding(kernel, stride, padding, dilation)
    backward = transposed(kernel, stride, padding, dilation)
    for unit in range(-9, 10):
        assert plain(forward.at(unit)) == {unit * stride - padding + dilation * tap for tap in range(kernel)}
        reads = {
            place
            for place in range(-60, 60)
            for tap in range(kernel)
            if place * stride + dilation * tap == unit + padding
        }
        assert plain(backward.at(unit)) == reads


@FEW
@given(small, st.integers(-9, 9))
def test_upsampling_by_its_definition(factor: int, unit: int) -> None:
    assert plain(nearest(factor).at(unit)) == {unit // factor}
    centre = Fraction(2 * unit + 1, 2 * factor) - Fraction(1, 2)
    assert plain(linear(factor).at(unit)) == {floor(centre), ceil(centre)}


@FEW
@given(st.integers(1, 12), st.integers(1, 12))
def test_adaptive_by_its_definition(size: int, target: int) -> None:
    for unit in range(target):
        reads = range(unit * size // target, -(-(unit + 1) * size // target))
        assert plain(adaptive(size, target).at(unit)) == set(reads)


def test_adaptive_to_one_place_is_global() -> None:
    assert adaptive(7, 1) == everything(7)


@FEW
@given(windows, windows, st.integers(-7, 9))
def test_composition_is_composition_of_sets(outer: Window, inner: Window, unit: int) -> None:
    expected = {place for middle in plain(outer.at(unit)) for place in plain(inner.at(middle))}
    made = outer.after(inner)
    assert plain(made.at(unit)) == expected
    assert plain(inner.image(outer.at(unit))) == expected
    assert plain(made.over(3 * made.period).at(unit)) == expected


@FEW
@given(windows, sets(), st.integers(1, 14))
def test_preimage_is_who_reads(window: Window, positions: Positions, count: int) -> None:
    readers = {unit for unit in range(count) if plain(window.at(unit)) & plain(positions)}
    assert plain(window.preimage(positions, count)) == readers


@FEW
@given(windows, sets())
def test_image_of_any_set(window: Window, units: Positions) -> None:
    assert plain(window.image(units)) == {place for unit in plain(units) for place in plain(window.at(unit))}


def test_the_identity_goes_without_saying() -> None:
    window = sliding(3, 2, 1)
    assert window.after(IDENTITY) is window
    assert IDENTITY.after(window) is window
    assert sliding(1) is IDENTITY
    assert nearest(1) is IDENTITY
    assert linear(1) is IDENTITY


def test_periods_beyond_the_limit_are_refused() -> None:
    assert nearest(MAX_PHASES).period == MAX_PHASES
    for make in (nearest, linear):
        with pytest.raises(LimitError, match="4,097"):
            make(MAX_PHASES + 1)
    with pytest.raises(LimitError):
        transposed(3, MAX_PHASES + 1, 0, 1)
    with pytest.raises(LimitError):
        adaptive(MAX_PHASES + 2, MAX_PHASES + 1)
    with pytest.raises(LimitError, match="8,192"):
        nearest(2).after(nearest(MAX_PHASES))
    assert common_period([nearest(4), nearest(6)]) == 12
    with pytest.raises(LimitError):
        common_period([nearest(4_095), nearest(4_096)])
