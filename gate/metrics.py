"""What `/metrics` shows, in Prometheus' text format, added up over all workers.

No name of a person is in it: budgets of end users are counted, not listed.
"""

import os
from pathlib import Path
from typing import Literal

# prometheus_client reads this when it is imported: each worker keeps its numbers in files there.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def folder(home: Path) -> Path:
    """Where the workers of a gateway keep their numbers while it runs."""
    return home / "run" / "metrics"


def make_folder(home: Path) -> None:
    """An empty folder: the numbers begin anew with the gateway."""
    place = folder(home)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in place.glob("*.db"):
        old.unlink(missing_ok=True)


# Of all workers the worst counts, or their sum.
_GAUGES: tuple[tuple[str, str, Literal["livemin", "livemax", "livesum"]], ...] = (
    ("sekisho_key_store_up", "Whether all workers reach the key store.", "livemin"),
    ("sekisho_shared_limits_up", "Whether limits are counted where they should be.", "livemin"),
    ("sekisho_spend_waiting", "Costs that are not in the key store yet.", "livemax"),
    ("sekisho_rows_in_memory", "Rows that the disk refuses, over all workers.", "livesum"),
)


class Metrics:
    """The numbers of one worker. Made once in a process.

    What all workers share, spool and shipper, is looked at when the page is asked for.
    """

    def __init__(self, spool: Path | None = None) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge

        registry = CollectorRegistry()
        self._spool = spool
        self._requests = Counter(
            "sekisho_requests",
            "Requests to inference routes that have ended.",
            ("operation", "status"),
            registry=registry,
        )
        self._refusals = Counter(
            "sekisho_refusals",
            "Requests that the gate has refused, by the row's error_type.",
            ("reason",),
            registry=registry,
        )
        self._warnings = Counter(
            "sekisho_budget_warnings",
            "Budgets of which 80 % have been spent.",
            ("scope", "period"),
            registry=registry,
        )
        self._shed = Counter(
            "sekisho_bodies_shed",
            "Prompts and answers that were not logged because there was no room.",
            registry=registry,
        )
        self._lost = Counter(
            "sekisho_rows_lost",
            "Rows that neither the disk nor memory has taken.",
            registry=registry,
        )
        self._logged = (0, 0)
        self._gauges = {
            name: Gauge(name, words, registry=registry, multiprocess_mode=mode)
            for name, words, mode in _GAUGES
        }

    def ended(self, operation: str, status: str, refused_for: str | None) -> None:
        """A request has ended; `refused_for` is the row's error_type when it was refused."""
        self._requests.labels(operation, status).inc()
        if refused_for is not None:
            self._refusals.labels(refused_for).inc()

    def warned(self, scope: str, period: str) -> None:
        """A budget has passed 80 %."""
        self._warnings.labels(scope, period).inc()

    def logged(self, shed: int, lost: int, kept: int) -> None:
        """Set what the log of this worker tells: bodies shed and rows lost since its start, rows
        that it keeps in memory.
        """
        before, self._logged = self._logged, (shed, lost)
        self._shed.inc(shed - before[0])
        self._lost.inc(lost - before[1])
        self.now(sekisho_rows_in_memory=kept)

    def now(self, **values: float) -> None:
        """Set gauges, by name."""
        for name, value in values.items():
            self._gauges[name].set(value)

    def text(self) -> bytes:
        """The page, over all workers that run. Reads files: not for an event loop."""
        from prometheus_client import CollectorRegistry, generate_latest, multiprocess

        from .spool_metrics import SpoolMetrics

        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, os.environ[FOLDER_VARIABLE])
        if self._spool is not None:
            registry.register(SpoolMetrics(self._spool))
        return generate_latest(registry)


def forget(pid: int) -> None:
    """A worker is gone: its gauges go with it, its counters stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)
