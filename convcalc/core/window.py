"""Which positions are read: exact sets of integers, and the periodic maps that carry them.

`Positions` is a set of places along one axis. `Window` says which places of its source each unit of a
layer reads along that axis; composing windows from the input to a layer gives that layer's receptive
field. Convolution, pooling, dilation with its holes, transposed convolution with its phases,
upsampling, padding, cropping and global operators are all one thing here: a periodic map.

Nothing here knows of layers; the cost grows with the number of separate runs, never with a span.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from functools import lru_cache
from math import gcd, lcm
from operator import itemgetter
from typing import Any, NamedTuple

from convcalc.core.errors import LimitError

MAX_RUNS = 20_000
"""A set with more separate runs is kept as its hull: its ends stay exact, its holes are forgotten."""

MAX_WORK = 1_000_000
"""Where more runs than this would have to be listed for one composition, holes are forgotten first."""

MAX_PHASES = 4_096
"""A map whose units differ over a longer period is refused."""


class Positions(NamedTuple):
    """A finite set of integers as sorted, disjoint, non-touching half-open runs.

    `exact` is False where holes were forgotten (more than MAX_RUNS runs): the ends still hold.

    >>> Positions(((0, 3),)).spread(3, 2)
    Positions(runs=((0, 7),), exact=True)
    """

    runs: tuple[tuple[int, int], ...]
    exact: bool = True

    @property
    def first(self) -> int:
        return self.runs[0][0]

    @property
    def stop(self) -> int:
        """One past the last position."""
        return self.runs[-1][1]

    @property
    def span(self) -> int:
        """From the first position to the last, holes included; 0 of the empty set."""
        return self.runs[-1][1] - self.runs[0][0] if self.runs else 0

    @property
    def total(self) -> int:
        """How many positions there are."""
        return sum(stop - start for start, stop in self.runs)

    @property
    def hull(self) -> Positions:
        """From the first position to the last without holes: the ends are exact, what lies between is not."""
        return self if len(self.runs) < 2 else Positions(((self.first, self.stop),), exact=False)

    @property
    def largest_gap(self) -> int:
        """The longest stretch of unread positions between two that are read."""
        return max((b[0] - a[1] for a, b in zip(self.runs, self.runs[1:], strict=False)), default=0)

    def __contains__(self, position: Any) -> bool:
        index = bisect(self.runs, position, key=itemgetter(0)) - 1
        return index >= 0 and position < self.runs[index][1]

    def shift(self, distance: int) -> Positions:
        """Every position moved by `distance`."""
        if not distance:
            return self
        return Positions(tuple([(a + distance, b + distance) for a, b in self.runs]), self.exact)

    def spread(self, count: int, step: int) -> Positions:
        """The union of `count` copies, each `step` (not negative) further than the one before."""
        if count == 1 or step == 0 or not self.runs:
            return self
        if len(self.runs) == 1:
            start, stop = self.runs[0]
            if stop - start >= step:
                return Positions(((start, stop + (count - 1) * step),), self.exact)
        grown, done = self, 1
        while done < count:  # doubling: 1, 2, 4, ... copies
            more = min(done, count - done)
            grown = union([grown, grown.shift(more * step)])
            done += more
        return grown

    def clip(self, start: int, stop: int) -> Positions:
        """The positions from `start` up to, not including, `stop`."""
        if self.runs and start <= self.first and self.stop <= stop:
            return self
        kept = [(max(a, start), min(b, stop)) for a, b in self.runs if a < stop and b > start]
        return Positions(tuple(kept), self.exact)

    def covers(self, other: Positions) -> bool:
        """Whether every position of `other` is here too."""
        if self is other or self.runs == other.runs:
            return True
        index = 0
        for a, b in other.runs:
            while index < len(self.runs) and self.runs[index][1] < b:
                index += 1
            if index == len(self.runs) or a < self.runs[index][0]:
                return False
        return True


NOTHING = Positions(())


def union(sets: Iterable[Positions]) -> Positions:
    """The union of sets of positions; its hull where it has more than MAX_RUNS runs."""
    distinct = list({id(s): s for s in sets}.values())
    if len(distinct) == 1:
        return distinct[0]
    runs: list[tuple[int, int]] = []
    for start, stop in sorted(run for s in distinct for run in s.runs):
        if runs and start <= runs[-1][1]:
            if stop > runs[-1][1]:
                runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    exact = all(s.exact for s in distinct)
    if len(runs) > MAX_RUNS:
        return Positions(tuple(runs)).hull
    return Positions(tuple(runs), exact)


def places(start: int, count: int, step: int = 1) -> Positions:
    """`count` positions from `start` on, `step` apart."""
    return Positions(((start, start + 1),)).spread(count, step)


class Window(NamedTuple):
    """Which source positions each unit reads along an axis: unit u + period reads what u reads, `advance` further.

    `reads[u]` is the set of unit u, for u from 0 to period - 1. `advance` 0 means that every period reads
    the same: a global operator.
    """

    reads: tuple[Positions, ...]
    advance: int

    @property
    def period(self) -> int:
        return len(self.reads)

    def at(self, unit: int) -> Positions:
        """What unit `unit` reads."""
        turns, phase = divmod(unit, len(self.reads))
        return self.reads[phase].shift(turns * self.advance)

    def after(self, inner: Window) -> Window:
        """The window onto `inner`'s source: this layer's units read `inner`'s units, which read on.

        Raises LimitError where the units differ over more than MAX_PHASES.
        """
        if self is IDENTITY:
            return inner
        if inner is IDENTITY:
            return self
        repeats = inner.period // gcd(inner.period, self.advance) if self.advance else 1
        period = self.period * repeats
        _check_period(period)
        inner = inner._bounded(period * self._most_runs)
        advance = inner.advance * (self.advance * repeats // inner.period)
        return Window(tuple(inner.image(self.at(unit)) for unit in range(period)), advance)

    def image(self, units: Positions) -> Positions:
        """Everything that the units `units` read together."""
        period = self.period
        if period == 1:  # the common case, without the bookkeeping of phases
            reads = self._bounded(len(units.runs)).reads[0]
            sets = [reads.shift(start * self.advance).spread(stop - start, self.advance) for start, stop in units.runs]
        else:
            self = self._bounded(sum([min(stop - start, period) for start, stop in units.runs]))
            sets = []
            for start, stop in units.runs:
                for unit in range(start, min(stop, start + period)):
                    sets.append(self.at(unit).spread((stop - 1 - unit) // period + 1, self.advance))
        if not sets:
            return NOTHING
        joined = union(sets)
        return joined if units.exact else Positions(joined.runs, exact=False)

    def preimage(self, positions: Positions, count: int) -> Positions:
        """Those of the units 0 to `count` - 1 that read at least one of `positions`."""
        units = []
        self = self._bounded(len(positions.runs) * self.period)
        for phase, reads in enumerate(self.reads):
            turns = (count - 1 - phase) // self.period + 1  # units of this phase
            for a, b in reads.runs:
                for start, stop in positions.runs:
                    if self.advance:
                        low = max(0, (start - b) // self.advance + 1)
                        high = min(turns - 1, -((a - stop) // self.advance) - 1)
                    else:
                        low, high = (0, turns - 1) if a < stop and b > start else (0, -1)
                    if low <= high:
                        units.append(places(phase + low * self.period, high - low + 1, self.period))
        return union(units) if units else NOTHING

    @property
    def _most_runs(self) -> int:
        return max([len(reads.runs) for reads in self.reads])

    def _bounded(self, times: int) -> Window:
        """This window for reading through it `times` times: without its holes where that takes too long.

        Raises LimitError where it takes too long even so.
        """
        if times * self._most_runs <= MAX_WORK:
            return self
        if times > MAX_WORK:
            raise LimitError("the receptive field has too many holes to be followed")
        return Window(tuple([reads.hull for reads in self.reads]), self.advance)

    def over(self, period: int) -> Window:
        """The same map written with a longer period, a multiple of its own."""
        if period == self.period:
            return self
        return Window(tuple(self.at(unit) for unit in range(period)), self.advance * (period // self.period))


IDENTITY = Window((Positions(((0, 1),)),), 1)
"""Each unit reads the one position under it."""


@lru_cache(maxsize=4096)
def sliding(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Window:
    """The window of a convolution or a pool: `kernel` places `dilation` apart, `stride` further each unit."""
    if (kernel, stride, padding) == (1, 1, 0):
        return IDENTITY
    return Window((places(-padding, kernel, dilation),), stride)


@lru_cache(maxsize=1024)
def transposed(kernel: int, stride: int, padding: int, dilation: int) -> Window:
    """The window of a transposed convolution: unit u reads i wherever u + padding = i*stride + j*dilation, j < kernel.

    Some phases read nothing when the kernel is shorter than the stride. Raises LimitError (see MAX_PHASES).
    """
    _check_period(stride)
    turns = stride // gcd(stride, dilation)  # taps of one phase are this far apart
    gap = turns * dilation // stride
    reads = [NOTHING] * stride
    for tap in range(min(kernel, turns)):
        taps = (kernel - 1 - tap) // turns + 1
        for phase in range((tap * dilation - padding) % stride, stride, gcd(stride, dilation) * turns):
            nearest = (phase + padding - tap * dilation) // stride
            reads[phase] = places(nearest - (taps - 1) * gap, taps, gap)
    return Window(tuple(reads), 1)


@lru_cache(maxsize=1024)
def nearest(factor: int) -> Window:
    """The window of nearest-neighbour upsampling: `factor` units read one position. Raises LimitError."""
    _check_period(factor)
    return Window((IDENTITY.reads[0],) * factor, 1) if factor > 1 else IDENTITY


@lru_cache(maxsize=1024)
def linear(factor: int) -> Window:
    """The window of linear upsampling with half-pixel centres (align_corners=False). Raises LimitError."""
    _check_period(factor)
    reads = []
    for unit in range(factor):
        left, rest = divmod(2 * unit + 1 - factor, 2 * factor)  # of the centre, in half pixels
        reads.append(places(left, 2 if rest else 1))
    return Window(tuple(reads), 1) if factor > 1 else IDENTITY


@lru_cache(maxsize=1024)
def adaptive(size: int, target: int) -> Window:
    """The window of adaptive pooling from `size` positions to `target` units. Raises LimitError."""
    if target == 1:
        return everything(size)
    period = target // gcd(size, target)
    _check_period(period)
    bounds = [(unit * size // target, -(-(unit + 1) * size // target)) for unit in range(period)]
    return Window(tuple(Positions((bound,)) for bound in bounds), size // gcd(size, target))


@lru_cache(maxsize=1024)
def interpolated(size: int, target: int, taps: int, *, corners: bool = False) -> Window:
    """The window of resampling `size` positions to `target` units, each weighing `taps` neighbours.

    1 tap is the nearest below, 0 the nearest to the centre, 2 linear, 4 cubic. `corners` puts first and last
    units on first and last positions (align_corners=True). Raises LimitError.
    """
    whole, parts = (size - 1, target - 1) if corners and target > 1 else (size, target)
    period = parts // gcd(whole, parts) if whole else 1
    _check_period(period)
    reads = []
    for unit in range(period):
        if taps < 2:
            left, rest = (unit * whole) // parts if taps else ((2 * unit + 1) * whole) // (2 * parts), 0
        elif corners:
            left, rest = divmod(unit * whole, parts)
        else:
            left, rest = divmod((2 * unit + 1) * whole - parts, 2 * parts)
        reads.append(places(left - (taps // 2 - 1), taps) if rest else places(left, 1))
    return Window(tuple(reads), period * whole // parts)


@lru_cache(maxsize=1024)
def smoothed(size: int, target: int, reach: int) -> Window:
    """The window of antialiased resampling: `reach` places to each side, in output steps (1 linear, 2 cubic)."""
    period = target // gcd(size, target)
    _check_period(period)
    wide = reach * max(size, target)  # half the width in places, times `target`
    reads = []
    for unit in range(period):
        centre = (2 * unit + 1) * size  # twice, times `target`
        first = (centre - 2 * wide + target) // (2 * target)
        reads.append(places(first, max(1, (centre + 2 * wide + target) // (2 * target) - first)))
    return Window(tuple(reads), period * size // target)


@lru_cache(maxsize=1024)
def everything(size: int) -> Window:
    """The window of a global operator over `size` positions."""
    return Window((Positions(((0, size),)),), 0)


BROADCAST = everything(1)
"""The window onto a source of one position that every unit reads."""


def common_period(windows: Iterable[Window]) -> int:
    """The shortest period that fits all of `windows`. Raises LimitError (see MAX_PHASES)."""
    period = lcm(*(window.period for window in windows))
    _check_period(period)
    return period


def _check_period(period: int) -> None:
    if period > MAX_PHASES:
        raise LimitError(
            f"units differ over a period of {period:,}: the receptive field is followed up to {MAX_PHASES:,}",
            hint="use smaller strides and upsampling factors",
        )
