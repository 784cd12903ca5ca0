"""What `/metrics` shows of the spool and of the process that ships it, looked up when asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..lake.shipping import progress
from ..lake.shipping.progress import Progress
from ..lake.spool import segments


class SpoolMetrics(Collector):
    """Spool and shipper at the moment: all workers share them, so that any of them may tell."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool

    def collect(self) -> Iterator[Metric]:
        """The numbers; when the shipper was seen only when there has been one."""
        yield GaugeMetricFamily(
            "sekisho_spool_bytes",
            "Bytes on disk that wait for the lake: rows, prompts and answers.",
            segments.total_bytes(self._spool),
        )
        yield GaugeMetricFamily(
            "sekisho_oldest_unshipped_seconds",
            "Age of the oldest record that is not in the lake, 0 when there is none.",
            _oldest(self._spool),
        )
        found = progress.read(self._spool)
        now = datetime.now(UTC)
        yield from _shipped(found or Progress(at=now, alive_since=now))
        if found is not None:
            yield GaugeMetricFamily(
                "sekisho_ship_seen_seconds",
                "How long ago the shipper was last known to live.",
                _seconds_since(found.at),
            )


def _shipped(found: Progress) -> Iterator[Metric]:
    counters = (
        ("sekisho_ship_batches", "Batches that are in the lake.", found.batches),
        ("sekisho_ship_records", "Records that are in the lake.", found.records),
        ("sekisho_ship_bytes", "Bytes of Parquet that went to the lake.", found.shipped_bytes),
        ("sekisho_ship_failures", "Attempts that the lake has refused.", found.failures),
        (
            "sekisho_ship_quarantined",
            "Lines that are no records and were set aside in the spool's bad/.",
            found.quarantined,
        ),
    )
    for name, words, value in counters:
        yield CounterMetricFamily(name, words, value)
    yield GaugeMetricFamily(
        "sekisho_ship_failures_in_a_row",
        "Attempts that the lake has refused since the last that it took.",
        found.consecutive_failures,
    )


def _oldest(spool: Path) -> float:
    """The age in seconds of the oldest segment."""
    folders = (spool, spool / segments.BODIES_FOLDER)
    first = [segment for folder in folders for segment in segments.find(folder)[:1]]
    begun = [time for time in map(segments.begun_at, first) if time is not None]
    return _seconds_since(min(begun)) if begun else 0.0


def _seconds_since(time: datetime) -> float:
    return max((datetime.now(UTC) - time).total_seconds(), 0.0)
