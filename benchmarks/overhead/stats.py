"""The arithmetic: percentiles, a median with its range, and comparisons within a round."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Mode = Literal["plain", "streamed"]
MODES: tuple[Mode, ...] = ("plain", "streamed")


@dataclass(frozen=True, slots=True)
class Sample:
    """One system in one round: CPU per request and latency, all in milliseconds."""

    system: str
    mode: Mode
    round: int
    cpu_ms: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The median over the rounds, and the lowest and the highest of them."""

    median: float
    low: float
    high: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values don't exceed (nearest rank)."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)
    return ranked[max(int(rank), 1) - 1]


def spread(values: Sequence[float]) -> Spread:
    """Median and range. Raises StatisticsError when there are no values."""
    return Spread(statistics.median(values), min(values), max(values))


def figure(
    samples: Sequence[Sample], system: str, mode: Mode, read: Callable[[Sample], float]
) -> Spread:
    """One figure of one system over all rounds."""
    return spread([read(s) for s in samples if (s.system, s.mode) == (system, mode)])


def compared(
    samples: Sequence[Sample],
    first: str,
    second: str,
    mode: Mode,
    compare: Callable[[Sample, Sample], float],
) -> Spread:
    """`compare` of two systems in each round, where they ran side by side.

    On a busy machine both of a pair are slowed alike, so a median of comparisons is steadier
    than a comparison of medians.
    """
    found = {(s.system, s.round): s for s in samples if s.mode == mode}
    rounds = sorted({number for _, number in found})
    return spread([compare(found[first, n], found[second, n]) for n in rounds])
