"""What `/metrics` and readiness tell of the log: how much waits, how old it is, what was lost."""

import errno
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sekisho.gate import health
from sekisho.gate.spool_metrics import SpoolMetrics
from sekisho.lake.record import Record
from sekisho.lake.shipping import progress
from sekisho.lake.shipping.progress import Progress
from sekisho.lake.spool.log import Log

ROW = Record(
    request_id="r1",
    start_time=datetime(2026, 3, 1, tzinfo=UTC),
    end_time=datetime(2026, 3, 1, tzinfo=UTC),
    status="success",
)


def numbers(spool: Path) -> dict[str, float]:
    """What is shown, by name."""
    return {
        sample.name: sample.value
        for metric in SpoolMetrics(spool).collect()
        for sample in metric.samples
    }


def segment(folder: Path, age: timedelta, state: str, size: int) -> None:
    """A segment that was begun so long ago."""
    folder.mkdir(exist_ok=True)
    stamp = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%S")
    (folder / f"{stamp}-host-7-000001-aa{state}").write_bytes(bytes(size))


def test_an_empty_spool_is_zero(tmp_path: Path) -> None:
    """No folder, or none of ours in it: nothing waits, and there has been no shipper."""
    assert set(numbers(tmp_path / "none").values()) == {0}
    (tmp_path / "flush.lock").write_text("not a segment")
    found = numbers(tmp_path)
    assert set(found.values()) == {0}
    assert "sekisho_ship_seen_seconds" not in found


def test_what_waits_is_counted(tmp_path: Path) -> None:
    """Rows, prompts and answers and bad lines count; the oldest of them tells the age."""
    segment(tmp_path, timedelta(minutes=5), ".closed", 100)
    segment(tmp_path, timedelta(minutes=1), ".open", 20)
    segment(tmp_path / "bodies", timedelta(minutes=10), ".closed", 3000)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.jsonl").write_bytes(bytes(7))
    found = numbers(tmp_path)
    assert found["sekisho_spool_bytes"] == 3127
    assert found["sekisho_oldest_unshipped_seconds"] == pytest.approx(600, abs=5)


def test_what_the_shipper_did_is_told(tmp_path: Path) -> None:
    """The shipper's own numbers, wherever it runs."""
    now = datetime.now(UTC)
    written = Progress(
        at=now - timedelta(seconds=30),
        alive_since=now,
        batches=4,
        records=5000,
        failures=7,
        consecutive_failures=2,
        quarantined=1,
        shipped_bytes=123456,
    )
    progress.write(tmp_path, written)
    found = numbers(tmp_path)
    assert found.pop("sekisho_ship_seen_seconds") == pytest.approx(30, abs=5)
    assert found == {
        "sekisho_spool_bytes": 0,
        "sekisho_oldest_unshipped_seconds": 0,
        "sekisho_ship_batches_total": 4,
        "sekisho_ship_records_total": 5000,
        "sekisho_ship_bytes_total": 123456,
        "sekisho_ship_failures_total": 7,
        "sekisho_ship_quarantined_total": 1,
        "sekisho_ship_failures_in_a_row": 2,
    }


def test_readiness_turns_red_when_rows_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses a row takes the worker out of service, until it takes rows again."""
    log = Log(tmp_path, "host", bodies="none", most_bytes=1 << 30)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert health.readiness(True, None, log) == (200, None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        patch.setattr(Path, "write_bytes", full)
        log.end(ROW, None, None)
        log.care()
        status = health.readiness(True, None, log)
    assert status == (503, f"spool {tmp_path}: No space left on device")
    log.care()
    assert health.readiness(True, None, log) == (200, None)
    log.close()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda patch: _less_than(patch, 15), "spool: {} has less than 16 MiB of disk left"),
        (lambda patch: patch.setattr(os, "access", _no), "spool: {} can't be written"),
    ],
)
def test_readiness_does_not_wait_for_the_first_loss(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[pytest.MonkeyPatch], None],
    expected: str,
) -> None:
    """A spool that could not be written is told before there is a row to write."""
    log = Log(tmp_path, "host", bodies="none", most_bytes=1 << 30)
    with monkeypatch.context() as patch:
        spoil(patch)
        assert health.readiness(True, None, log) == (503, expected.format(tmp_path))


def _less_than(patch: pytest.MonkeyPatch, mebibytes: int) -> None:
    patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=mebibytes << 20))


def _no(*_: object) -> bool:
    return False
