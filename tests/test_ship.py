"""The shipping process: it outlives signals, errors and a lake that is away, and is replaced."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sekisho.lake import codec
from sekisho.lake.place import LakeError
from sekisho.lake.record import Record
from sekisho.lake.shipping import progress, ship
from sekisho.lake.shipping.flush import Busy, flush
from sekisho.lake.shipping.ship import Plan, Ship
from sekisho.lake.shipping.shipper import Shipper
from sekisho.lake.spool.lines import Spool
from sekisho.lake.stores.store import Denied, FolderStore
from sekisho.lake.upkeep.tidy import Tidier

from .gateway import until
from .test_lake_flush import lake_ids

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IGNORED = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)
_PROGRAM = [sys.executable, "-m", "sekisho"]


def write(home: Path, name: str) -> None:
    """A finished segment with one record."""
    spool = Spool(home / "spool", "host")
    record = Record(request_id=name, start_time=START, end_time=START, status="success")
    spool.append(codec.encode(record))
    spool.close()


def in_lake(home: Path) -> list[str]:
    """The request ids that are in the lake."""
    return lake_ids(home / "lake")


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


def plan(home: Path, seconds: float = 300.0) -> Plan:
    """A plan for a lake in a folder of that home."""
    return Plan(home / "spool", (home / "lake").as_uri(), seconds=seconds)


class Times:
    """A `sleep` that lets so many looks pass, doing something before each; never waits."""

    def __init__(self, *before: Callable[[], object]) -> None:
        self.asked: list[float] = []
        self._before = list(before)

    def __call__(self, seconds: float) -> bool:
        """Do the next thing; False when there is none."""
        self.asked.append(seconds)
        if not self._before:
            return False
        self._before.pop(0)()
        return True


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


def test_little_goes_once_in_a_while_and_the_rest_at_the_end(home: Path) -> None:
    """What is there first goes at once; later segments wait for others, and for the last flush."""
    files: list[int] = []

    def look(name: str) -> Callable[[], None]:
        def do() -> None:
            files.append(len(in_lake(home)))
            write(home, name)

        return do

    ship.run(plan(home), Times(*map(look, "abc")))
    assert files == [0, 1, 1]
    assert in_lake(home) == ["a", "b", "c"]
    assert len(list((home / "lake").glob("usage/*/*.parquet"))) == 2


def test_much_goes_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch's worth of rows doesn't wait for time to pass."""
    monkeypatch.setattr("sekisho.lake.shipping.free.ROWS_BYTES", 1)
    found: list[list[str]] = []
    ship.run(
        plan(home),
        Times(
            lambda: write(home, "a"),
            lambda: write(home, "b"),
            lambda: found.append(in_lake(home)),
        ),
    )
    assert found == [["a", "b"]]


def test_an_error_does_not_stop_the_next_look(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is one line, once as long as it is the same; pauses grow; afterwards all is well."""
    errors: list[Exception] = [
        LakeError("lake: full"),
        LakeError("lake: full"),
        RuntimeError("a\nsurprise"),
        Denied("lake: no"),
        Busy("another"),
    ]
    real = Ship._round  # pyright: ignore[reportPrivateUsage]

    def sometimes(*given: Any, **named: Any) -> None:
        if errors:
            raise errors.pop(0)
        real(*given, **named)

    monkeypatch.setattr(Ship, "_round", sometimes)
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    write(home, "a")
    sleep = Times(*[lambda: None] * 7)
    ship.run(plan(home), sleep)
    assert sleep.asked == [0.0, 2.0, 4.0, 8.0, 16.0, 1.0, 1.0, 1.0]
    assert in_lake(home) == ["a"]
    waits = "(records wait in the spool; it is tried again)"
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, f"lake: full {waits}"),
        (logging.ERROR, f"RuntimeError: a surprise {waits}"),
        (logging.CRITICAL, f"lake: no {waits}"),
        (logging.WARNING, "the lake takes records again, after 4 attempts"),
    ]


def test_credentials_are_read_again_after_a_refusal(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipper goes on when they are mended, without being started again."""
    opened: list[FolderStore] = []

    def denied(*_: object) -> None:
        raise Denied("lake: the AWS credentials are refused")

    def open_store(*_: object, **__: object) -> FolderStore:
        store = FolderStore(home / "lake")
        if not opened:
            monkeypatch.setattr(store, "put", denied)
        opened.append(store)
        return store

    monkeypatch.setattr(ship, "open_store", open_store)
    write(home, "a")
    found: list[list[str]] = []
    ship.run(plan(home), Times(*[lambda: found.append(in_lake(home))] * 3))
    assert found == [[], [], ["a"]]


def test_pauses_have_an_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the lake is away, it is asked every minute; no two shippers at the same time."""
    monkeypatch.setattr(Ship, "_round", lambda *_, **__: 1 / 0)
    sleep = Times(*[lambda: None] * 50)
    ship.run(plan(home), sleep)
    late = sleep.asked[-20:]
    assert all(30 <= seconds <= 60 for seconds in late)
    assert len(set(late)) == 20


def test_it_tells_that_it_lives(home: Path) -> None:
    """`ship.json` has when it was seen last and when it started; counts go on from before."""
    before = datetime.now(UTC)
    write(home, "a")
    flush(home / "spool", (home / "lake").as_uri())
    write(home, "b")
    ship.run(plan(home), Times(lambda: None))
    found = progress.read(home / "spool")
    assert found is not None
    assert before <= found.alive_since <= found.at <= datetime.now(UTC)
    assert (found.batches, found.records, found.failures, found.trouble) == (2, 2, 0, None)
    files = (home / "lake").glob("usage/*/2*.parquet")
    assert found.shipped_bytes == sum(file.stat().st_size for file in files)


def test_progress_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """No file, rubbish, another shape: nothing is known, and nothing raised."""
    assert progress.read(tmp_path) is None
    for content in (b"", b"\0", b"[]", b"{}", b'{"at":"x","alive_since":"y"}'):
        (tmp_path / "ship.json").write_bytes(content)
        assert progress.read(tmp_path) is None
    now = datetime(2026, 11, 21, tzinfo=UTC)
    known = progress.Progress(at=now, alive_since=now, last_success=now, trouble="x", records=3)
    progress.write(tmp_path, known)
    assert progress.read(tmp_path) == known
    progress.write(tmp_path / "nowhere", known)
    assert [path.name for path in tmp_path.iterdir()] == ["ship.json"]


def test_a_second_shipper_waits_and_takes_over(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A sidecar beside `up`: while the first lives the second does nothing, then it ships."""
    first_ends, second_ends = threading.Event(), threading.Event()
    first = threading.Thread(
        target=ship.run, args=(plan(home, 0.1), lambda s: not first_ends.wait(min(s, 0.05)))
    )
    second = threading.Thread(
        target=ship.run, args=(plan(home, 0.1), lambda s: not second_ends.wait(min(s, 0.05)))
    )
    first.start()
    until("the first", lambda: progress.read(home / "spool"))
    second.start()
    until("the second to wait", lambda: caplog.records)
    write(home, "a")
    until("a record", lambda: in_lake(home) == ["a"])
    first_ends.set()
    first.join(20)
    write(home, "b")
    until("another", lambda: in_lake(home) == ["a", "b"])
    second_ends.set()
    second.join(20)
    assert not first.is_alive()
    assert not second.is_alive()
    assert [record.getMessage() for record in caplog.records] == [
        f"another process ships the spool {home / 'spool'}; waiting for its end"
    ]


def test_one_that_waits_can_be_told_to_end(home: Path) -> None:
    """It ends without having shipped: that is for the other one."""
    write(home, "a")
    lock = home / "spool" / "ship.lock"
    with lock.open("w") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        ship.run(plan(home), Times(lambda: None))
    assert in_lake(home) == []


def test_a_flush_works_beside_a_shipper(home: Path) -> None:
    """An operator's `logs flush` needn't wait for a shipper that has nothing to do."""
    with started(home):
        until("the first look", lambda: progress.read(home / "spool"))
        write(home, "a")
        flush(home / "spool", (home / "lake").as_uri())
        assert in_lake(home) == ["a"]


def test_a_folder_lake_is_tidied_once_a_day(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process of its own, at the first look and when a day (UTC) has begun."""
    begun: list[list[str]] = []

    def start(command: list[str], **_: Any) -> "subprocess.Popen[bytes]":
        begun.append(command)
        done = real([sys.executable, "-c", ""])
        done.wait()
        return done

    real = subprocess.Popen
    monkeypatch.setattr("sekisho.lake.upkeep.tidy.subprocess.Popen", start)
    tidier = Tidier("file:///lake", home / "work", 400, 90)
    for hour in (0, 1, 23, 24, 25):
        tidier.look(START.replace(hour=0) + timedelta(hours=hour))
    tidier.stop()
    words = ["-m", "sekisho.lake.upkeep.tidy", "file:///lake", str(home / "work"), "400", "90"]
    assert begun == [[sys.executable, *words]] * 2


def test_tidying_makes_past_days_whole(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The real thing, within a shipper: two batches of a past day become one file."""
    for name in "ab":
        write(home, name)
        flush(home / "spool", (home / "lake").as_uri())
    day = home / "lake" / "usage" / "dt=2026-03-01"
    looks = Times(lambda: None, lambda: until("the day", (day / "day.parquet").exists))
    ship.run(plan(home), looks)
    assert len(list(day.glob("*.parquet"))) == 3
    assert caplog.records == []


def test_a_lake_that_cannot_be_tidied_is_one_line(home: Path) -> None:
    """The process ends with 1; shipping knows nothing of it."""
    broken = home / "lake" / "usage" / "dt=2026-03-01"
    broken.mkdir(parents=True)
    for name in "ab":
        (broken / f"{name}.parquet").write_bytes(b"rubbish")
    lake = (home / "lake").as_uri()
    command = [sys.executable, "-m", "sekisho.lake.upkeep.tidy", lake, str(home / "w")]
    done = subprocess.run([*command, "0", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert " ERROR sekisho.tidy: usage/dt=2026-03-01/ " in done.stderr


def test_the_last_flush_has_little_patience(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone waits for the end: with a lake that takes long, no further batch is begun."""
    for name in "ab":
        write(home, name)
        (home / "spool" / "bodies").mkdir(exist_ok=True)
    monkeypatch.setattr("sekisho.lake.shipping.free.ROWS_BYTES", 1)
    clock = [0.0]
    put = FolderStore.put

    def slow(self: FolderStore, key: str, path: Path) -> None:
        clock[0] += 9.0
        put(self, key, path)

    monkeypatch.setattr(FolderStore, "put", slow)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    ship.run(plan(home), Times())
    assert len(in_lake(home)) == 1


def sidecar(home: Path) -> "subprocess.Popen[bytes]":
    """`sekisho logs ship` in a process of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SEKISHO_HOME": str(home)}
    environment["SEKISHO_SHIP_SECONDS"] = "0.2"
    return subprocess.Popen([*_PROGRAM, "logs", "ship"], env=environment, stderr=subprocess.PIPE)


def test_a_sidecar_ships_until_the_gateway_has_gone(home: Path) -> None:
    """After SIGTERM it goes on while somebody writes to the spool, and ends with 0 and all rows."""
    process = sidecar(home)
    try:
        write(home, "a")
        until("the first record", lambda: in_lake(home) == ["a"])
        gateway = Spool(home / "spool", "gateway")
        line = Record(request_id="b", start_time=START, end_time=START, status="success")
        gateway.append(codec.encode(line))
        process.send_signal(signal.SIGTERM)
        write(home, "c")
        until("a record after SIGTERM", lambda: in_lake(home) == ["a", "c"])
        assert process.poll() is None
        gateway.close()
        _, told = process.communicate(timeout=30)
        assert (process.returncode, told) == (0, b"")
        assert in_lake(home) == ["a", "b", "c"]
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def test_a_lake_that_cannot_be_is_one_line_and_no_loop(home: Path) -> None:
    """A process started with a URL that is no lake ends with 1 and says why."""
    done = subprocess.run(
        [sys.executable, "-m", "sekisho.lake.shipping.ship", str(home / "spool"), "file:x"],
        input=b"",
        capture_output=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "SEKISHO_HOME": str(home)},
    )
    assert done.returncode == 1
    line = done.stderr.decode().splitlines()[-1]
    assert line.endswith(
        "CRITICAL sekisho.ship: SEKISHO_LAKE=file:x: write file:///absolute/folder or "
        "s3://bucket/prefix"
    )
