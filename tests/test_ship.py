"""The shipping process: it outlives signals and errors, and its parent replaces it."""

import logging
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sekisho.lake import engine, ship
from sekisho.lake.place import LakeError
from sekisho.lake.record import Record
from sekisho.lake.shipper import Shipper
from sekisho.lake.spool import Spool

from .gateway import until

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IGNORED = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)


def write(home: Path, name: str) -> None:
    """A finished segment with one record."""
    spool = Spool(home / "spool", "host")
    spool.append(Record(request_id=name, start_time=START, end_time=START, status="success"))
    spool.close()


def in_lake(home: Path) -> list[str]:
    """The request ids that are in the lake."""
    files = list((home / "lake").glob("usage/*/*.parquet"))
    if not files:
        return []
    with engine.connect() as connection:
        source, names = engine.parquet(files)
        rows = connection.execute(f"SELECT request_id FROM {source}", [names]).fetchall()
    return sorted(row[0] for row in rows)


def works(pid: int) -> bool:
    """Whether a shipping process has begun to ignore SIGTERM and SIGINT."""
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return int(ignored.split()[1], 16) & IGNORED == IGNORED


def started(home: Path) -> Shipper:
    """A shipper that is at work."""
    shipper = Shipper(home / "spool", (home / "lake").as_uri())
    until("the shipper to work", lambda: works(shipper.pid))
    return shipper


def test_signals_to_the_group_do_not_end_it(home: Path) -> None:
    """Rows that are written after SIGTERM and SIGINT are in the lake when `stop` returns."""
    shipper = started(home)
    for name in (signal.SIGTERM, signal.SIGINT):
        os.kill(shipper.pid, name)
    write(home, "last")
    shipper.stop()
    assert in_lake(home) == ["last"]


def test_a_killed_shipper_is_replaced(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After kill -9 another one works, one line says so, and rows get to the lake."""
    shipper = started(home)
    killed = shipper.pid
    os.kill(killed, signal.SIGKILL)
    until("another shipper", lambda: shipper.pid != killed and works(shipper.pid))
    write(home, "a")
    shipper.stop()
    assert in_lake(home) == ["a"]
    assert [record.getMessage() for record in caplog.records] == [
        "the process that ships rows to the lake ended with -9"
    ]


def test_one_killed_at_the_end_ships_all_the_same(home: Path) -> None:
    """A shipper that dies just when the gateway stops leaves no row behind."""
    shipper = started(home)
    write(home, "a")
    os.kill(shipper.pid, signal.SIGKILL)
    shipper.stop()
    assert in_lake(home) == ["a"]


def test_one_that_hangs_is_killed(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The end of the gateway waits only so long for the last flush."""
    shipper = started(home)
    os.kill(shipper.pid, signal.SIGSTOP)
    shipper.stop(patience=0.1)
    until("its end", lambda: not Path(f"/proc/{shipper.pid}").exists())
    assert [record.getMessage() for record in caplog.records] == [
        "the last flush took more than 0.1 s and was killed; the rows wait in the spool, "
        "for the next start or: sekisho logs flush"
    ]


def test_an_error_of_one_flush_does_not_stop_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a flush raises is one line in the log, and the work goes on."""
    reading, writing = os.pipe()
    errors = [LakeError("lake: full"), RuntimeError("a\nsurprise"), None]

    def flush(_spool: Path, _lake: str) -> None:
        error = errors.pop(0)
        if len(errors) == 1:
            os.close(writing)
        if error is not None:
            raise error

    monkeypatch.setattr(ship, "flush", flush)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with caplog.at_level(logging.ERROR):
            ship.run(home, "file:///x", every=0.0)
    assert errors == []
    assert [record.getMessage() for record in caplog.records] == [
        "lake: full",
        "flushing failed: RuntimeError: a surprise",
    ]
