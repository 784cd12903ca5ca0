"""The log of a process: nothing that a disk does costs a request, and little costs a row."""

import errno
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from sekisho.lake import codec
from sekisho.lake.bodies.body import Body
from sekisho.lake.record import Record
from sekisho.lake.spool import kept, segments
from sekisho.lake.spool.beginning import Beginning
from sekisho.lake.spool.log import Log

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MIB = 1 << 20


def beginning(name: str) -> Record:
    """What is written before a request is sent."""
    return Record(request_id=name, start_time=START, status="interrupted", owner="a@example.com")


def row(name: str) -> Record:
    """What is written at its end."""
    return replace(beginning(name), end_time=START, status="success")


def body(name: str, size: int = 10) -> Body:
    """What was said, of so many characters."""
    return Body(name, START, "chat", "/v1/chat/completions", {"prompt": "x" * size}, b'{"a":1}')


def log_of(folder: Path, bodies: str = "full", most_bytes: int = 1 << 30) -> Log:
    """A log with an ordinary limit."""
    return Log(folder, "host", bodies=bodies, most_bytes=most_bytes)  # type: ignore[arg-type]


def rows(folder: Path) -> list[tuple[str, str, str | None]]:
    """Id, status and fate of the body of each request in the spool that nobody writes to now."""
    lines = [line for one in segments.find(folder) for line in segments.content(one).splitlines()]
    records = map(codec.decode, segments.settled(lines))
    return [(found.request_id, found.status, found.payload_logged) for found in records]


def bodies(folder: Path) -> list[str]:
    """The request ids of the bodies in the spool, in order."""
    found = segments.find(folder / "bodies")
    lines = [line for one in found for line in segments.content(one).splitlines()]
    return [orjson.loads(line)["request_id"] for line in lines]


def until(what: Callable[[], bool]) -> None:
    """Wait until it is so; fail after ten seconds."""
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def full_disk(
    monkeypatch: pytest.MonkeyPatch, only: str = "", code: int = errno.ENOSPC
) -> Generator[None]:
    """A disk that takes no byte, in files whose path has `only` in it."""
    real = os.write

    def write(descriptor: int, line: bytes) -> int:
        if only in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(code, os.strerror(code))
        return real(descriptor, line)

    def write_bytes(path: Path, _: bytes) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        patch.setattr(Path, "write_bytes", write_bytes)
        yield


@contextmanager
def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> Generator[None]:
    """A disk with so many bytes free."""
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        yield


def test_a_request_is_a_beginning_a_body_and_a_row(tmp_path: Path) -> None:
    """In this order, and the row says what the log has of the body."""
    log = log_of(tmp_path)
    begun = log.begin(beginning("r1"))
    assert rows(tmp_path) == [("r1", "interrupted", None)]
    assert segments.snapshot(tmp_path) == []
    log.end(row("r1"), body("r1"), begun)
    assert rows(tmp_path) == [("r1", "success", "full")]
    assert len(segments.snapshot(tmp_path)) == 1
    assert bodies(tmp_path) == ["r1"]
    assert (log.trouble, log.shed, log.kept, log.lost) == (None, 0, 0, 0)
    log.close()
    assert [one.is_open for one in segments.find(tmp_path)] == [False]
    assert [one.is_open for one in segments.find(tmp_path / "bodies")] == [False]


def test_the_body_is_there_before_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sees a row that says so finds its body."""
    written: list[str] = []
    real = os.write

    def write(descriptor: int, line: bytes) -> int:
        folder = Path(f"/proc/self/fd/{descriptor}").readlink().parent.name
        written.append("body" if folder == "bodies" else "row")
        return real(descriptor, line)

    log = log_of(tmp_path / "spool")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        log.end(row("r1"), body("r1"), log.begin(beginning("r1")))
    assert written == ["row", "body", "row"]
    log.close()


def test_what_is_logged_of_a_body(tmp_path: Path) -> None:
    """All, hashes or nothing, as the operator has set; nothing where there was no body."""
    for mode, logged, count in (("full", "full", 1), ("hash", "hash", 1), ("none", "none", 0)):
        log = log_of(tmp_path / mode, mode)
        log.end(row("with"), body("with", 4000), log.begin(beginning("with")))
        log.end(row("without"), None, None)
        log.close()
        assert rows(tmp_path / mode) == [
            ("with", "success", logged),
            ("without", "success", "none"),
        ]
        assert len(bodies(tmp_path / mode)) == count


def test_a_text_that_looks_like_a_field_is_none(tmp_path: Path) -> None:
    """What a client writes can't change what the row says of its body, or its being a row."""
    log = log_of(tmp_path)
    claim = '"payload_logged":null,"end_time":null,"status":"interrupted"'
    log.end(replace(row("r1"), user_agent=claim, claimed_user=claim), body("r1"), None)
    log.close()
    (line,) = segments.snapshot(tmp_path)
    found = codec.decode(line)
    assert (found.payload_logged, found.user_agent, found.claimed_user) == ("full", claim, claim)


def test_a_beginning_may_be_made_the_quick_way(tmp_path: Path) -> None:
    """What is known of a request comes back as a record does, halves of characters mended."""
    log = log_of(tmp_path)
    for name, user in (("r1", "a@example.com"), ("r2", "half \ud83d")):
        quick = Beginning(name, START, {"owner": user, "gen_ai_request_stream": True})
        assert log.begin(quick) is not None
    (segment,) = segments.find(tmp_path)
    lines, _ = segments.lines(segments.content(segment))
    assert [segments.is_beginning(line) for line in lines] == [True, True]
    assert [codec.decode(line) for line in lines] == [
        replace(beginning("r1"), gen_ai_request_stream=True),
        replace(beginning("r2"), gen_ai_request_stream=True, owner="half \ufffd"),
    ]
    log.close()


def test_bodies_are_shed_before_the_spool_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond 80 % of the limit rows come without bodies, told once; below 70 % with them again,
    told once.
    """
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500 * MIB))
    log = log_of(tmp_path, most_bytes=10 * MIB)
    (tmp_path / "bad").mkdir()
    other = tmp_path / "bad" / "other.jsonl"
    other.write_bytes(bytes(7 * MIB))
    log.care()
    log.end(row("r1"), body("r1"), None)
    other.write_bytes(bytes(9 * MIB))
    log.care()
    for name in ("r2", "r3"):
        log.end(row(name), body(name), None)
    other.write_bytes(bytes(7 * MIB + MIB // 2))
    log.care()
    log.end(row("r4"), body("r4"), None)
    other.unlink()
    log.care()
    log.end(row("r5"), body("r5"), None)
    assert rows(tmp_path) == [
        ("r1", "success", "full"),
        ("r2", "success", "shed"),
        ("r3", "success", "shed"),
        ("r4", "success", "shed"),
        ("r5", "success", "full"),
    ]
    assert (bodies(tmp_path), log.shed, log.trouble) == (["r1", "r5"], 3, None)
    assert [record.getMessage() for record in caplog.records] == [
        f"spool {tmp_path}: 9 of 10 MiB (SEKISHO_SPOOL_BYTES) are used, "
        "500 MiB of disk are free; prompts and answers are left out of the log from now on, rows "
        "of usage are not. See what keeps them from the lake: sekisho logs status",
        f"spool {tmp_path}: there is room again; prompts and answers are logged, 3 requests went "
        "without",
    ]
    log.close()


def test_what_was_written_since_the_last_look_counts(tmp_path: Path) -> None:
    """Between two looks at the folder a worker knows what it has written itself."""
    log = log_of(tmp_path, most_bytes=MIB)
    log.care()
    for number in range(9):
        log.end(row(f"r{number}"), body(f"r{number}", 100_000), None)
    assert [logged for _, _, logged in rows(tmp_path)] == ["full"] * 8 + ["shed"]
    log.close()


def test_bodies_are_shed_when_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With less than 64 MiB of disk rows come without bodies, from 96 MiB on with them again."""
    log = log_of(tmp_path)
    for number, free in enumerate((65, 63, 66, 97)):
        with disk(monkeypatch, free * MIB):
            log.care()
        log.end(row(f"r{number}"), body("r"), None)
    assert [logged for _, _, logged in rows(tmp_path)] == ["full", "shed", "shed", "full"]
    assert log.shed == 2
    log.close()


def test_rows_wait_in_memory_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that takes nothing costs bodies, not rows: they are there when it takes them again,
    in the segment of their beginnings; it is told once when it begins, and once when it ends.
    """
    log = log_of(tmp_path)
    begun = log.begin(beginning("r1"))
    with full_disk(monkeypatch):
        log.end(row("r1"), body("r1"), begun)
        log.end(row("r2"), body("r2"), log.begin(beginning("r2")))
        log.end(row("r3"), None, None)
        log.care()
        assert (log.kept, log.shed, log.lost) == (3, 2, 0)
        assert str(log.trouble) == f"spool {tmp_path}: No space left on device"
    until(lambda: log.kept == 0)
    assert not log.trouble
    log.care()
    log.end(row("r4"), body("r4"), None)
    log.close()
    assert rows(tmp_path) == [
        ("r1", "success", "shed"),
        ("r2", "success", "shed"),
        ("r3", "success", "none"),
        ("r4", "success", "full"),
    ]
    levels = [(record.levelno, record.getMessage().split(": ", 1)[1]) for record in caplog.records]
    assert levels == [
        (
            logging.CRITICAL,
            "the disk refuses lines: No space left on device; prompts and answers are left out of "
            "the log from now on, rows of usage are not. See what keeps them from the lake: "
            "sekisho logs status",
        ),
        (
            logging.CRITICAL,
            "No space left on device. Free disk space or mend the folder; writing goes on by "
            "itself then. Until then at most 20000 rows are kept in memory, the others are lost",
        ),
        (logging.WARNING, "works again; 3 rows from memory are on disk, 0 are lost"),
        (
            logging.WARNING,
            "there is room again; prompts and answers are logged, 2 requests went without",
        ),
    ]


def test_memory_has_a_bound_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows beyond it are counted as lost, loudly; their beginnings stand for them."""
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    log = log_of(tmp_path)
    begun = [log.begin(beginning(f"r{number}")) for number in range(4)]
    with full_disk(monkeypatch):
        for number in range(4):
            log.end(row(f"r{number}"), None, begun[number])
        assert (log.kept, log.lost) == (2, 2)
    log.care()
    log.close()
    assert rows(tmp_path) == [
        ("r0", "success", "none"),
        ("r1", "success", "none"),
        ("r2", "interrupted", None),
        ("r3", "interrupted", None),
    ]
    assert [one.is_open for one in segments.find(tmp_path)] == [False]
    told = [record.getMessage() for record in caplog.records]
    assert f"spool {tmp_path}: memory is full, rows are lost now" in told
    assert f"spool {tmp_path}: works again; 2 rows from memory are on disk, 2 are lost" in told


def test_rows_that_the_disk_never_takes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A gateway that stops while the disk is full says how many rows it takes with it."""
    log = log_of(tmp_path)
    with full_disk(monkeypatch):
        log.end(row("r1"), None, None)
        log.close()
    assert (log.kept, log.lost) == (0, 1)
    assert caplog.records[-1].getMessage() == f"spool {tmp_path}: 1 rows are lost"


def test_a_real_full_disk_heals(tmp_path: Path) -> None:
    """Files that may not grow, then may: every row is there once, no line is torn."""
    log = log_of(tmp_path)
    log.end(row("r0"), body("r0"), log.begin(beginning("r0")))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        for number in range(1, 20):
            log.end(row(f"r{number}"), body(f"r{number}"), log.begin(beginning(f"r{number}")))
        assert log.kept > 10
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: log.kept == 0)
    log.close()
    assert sorted(rows(tmp_path)) == sorted(
        [("r0", "success", "full"), *_fates(tmp_path, range(1, 20))]
    )
    torn = [segments.lines(path.read_bytes())[1] for path in tmp_path.glob("*.closed")]
    assert torn == [0]


def _fates(folder: Path, numbers: range) -> list[tuple[str, str, str | None]]:
    """Each of them as a success, with its body logged if the spool has it."""
    there = bodies(folder)
    return [(f"r{n}", "success", "full" if f"r{n}" in there else "shed") for n in numbers]


def test_only_bodies_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bodies folder that can't be written costs bodies, and the gateway stays in service; one
    line says so, not one at each look.
    """
    log = log_of(tmp_path)
    with full_disk(monkeypatch, only="/bodies/"):
        log.end(row("r1"), body("r1"), None)
        log.end(row("r2"), body("r2"), None)
        log.care()
        log.end(row("r3"), body("r3"), None)
    assert (log.trouble, log.shed) == (None, 3)
    assert len(caplog.records) == 1
    log.care()
    log.end(row("r4"), body("r4"), None)
    log.close()
    assert [logged for _, _, logged in rows(tmp_path)] == ["shed", "shed", "shed", "full"]


def test_bodies_that_do_not_sync_keep_no_rows_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are synced although the bodies' folder has an error, which is told meanwhile."""
    log = log_of(tmp_path)
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if "bodies" in path.parts:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced.append(path.suffix)

    monkeypatch.setattr(os, "fsync", fsync)
    log.end(row("r1"), body("r1"), None)
    log.close()
    assert ".open" in synced
    assert "not synced" in (log.trouble or "")


def test_a_body_that_can_not_be_encoded_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours in the encoder is told, and the row says that there is no body."""

    def broken(*_: object) -> bytes:
        raise RecursionError("too deep")

    monkeypatch.setattr("sekisho.lake.bodies.body.encode", broken)
    log = log_of(tmp_path)
    log.end(row("r1"), body("r1"), log.begin(beginning("r1")))
    log.close()
    assert rows(tmp_path) == [("r1", "success", "none")]
    assert [record.getMessage() for record in caplog.records] == [
        "request r1: what was said is not logged: RecursionError"
    ]


def test_a_row_that_can_not_be_encoded_is_its_beginning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours in a row is told and counted, and raises nothing."""
    log = log_of(tmp_path)
    wrong = replace(row("r1"), other_units={"images": object()})  # type: ignore[dict-item]
    log.end(wrong, None, log.begin(beginning("r1")))
    assert log.begin(wrong) is None
    log.close()
    assert (rows(tmp_path), log.lost) == ([("r1", "interrupted", None)], 1)
    assert "request r1: its row can't be written" in caplog.text


def test_what_is_open_is_synced_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and bodies go to the disk itself soon, by a thread, and only when there are new ones."""
    synced: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.suffix:
            kind = "bodies" if path.parent.name == "bodies" else "rows"
            synced.append((kind, threading.current_thread() is threading.main_thread()))

    monkeypatch.setattr(os, "fsync", fsync)
    log = log_of(tmp_path)
    log.end(row("r1"), body("r1"), None)
    until(lambda: len(synced) >= 2)
    assert synced == [("bodies", False), ("rows", False)]
    log.close()
    assert synced == [("bodies", False), ("rows", False)]


def test_a_row_that_comes_after_close_is_not_lost(tmp_path: Path) -> None:
    """A request that is cancelled last, when all is closed, has its row where its beginning is."""
    log = log_of(tmp_path)
    begun = log.begin(beginning("r1"))
    log.close()
    assert [one.is_open for one in segments.find(tmp_path)] == [True]
    log.end(row("r1"), None, begun)
    assert [one.is_open for one in segments.find(tmp_path)] == [False]
    assert rows(tmp_path) == [("r1", "success", "none")]


_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sekisho.lake.spool.log import Log
from sekisho.lake.record import Record
log = Log(Path(sys.argv[1]), "child", bodies="none", most_bytes=1 << 30)
start = datetime(2026, 3, 1, tzinfo=UTC)
def begin(name):
    return log.begin(Record(request_id=name, start_time=start, status="interrupted"))
begun = {name: begin(name) for name in ("ended", "running-1", "running-2")}
row = Record(request_id="ended", start_time=start, end_time=start, status="success")
log.end(row, None, begun["ended"])
print("ready", flush=True)
sys.stdin.read()
"""


def test_kill_9_leaves_an_interrupted_row_for_each_running_request(tmp_path: Path) -> None:
    """A worker killed with requests on their way: theirs are interrupted, others are not, and
    while it lives nobody is told so.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"ready\n"
    (segment,) = segments.find(tmp_path)
    with segment.path.open("rb") as file:
        assert not segments.lock(file.fileno())
        assert [codec.decode(line).request_id for line in segments.snapshot(tmp_path)] == ["ended"]
        child.send_signal(signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
        assert segments.lock(file.fileno())
    child.stdin.close()
    child.stdout.close()
    assert rows(tmp_path) == [
        ("ended", "success", "none"),
        ("running-1", "interrupted", None),
        ("running-2", "interrupted", None),
    ]


def test_threads_may_share_a_log(tmp_path: Path) -> None:
    """8 threads with 200 requests each: 1,600 rows, each once."""
    log = log_of(tmp_path)

    def work(name: int) -> None:
        for number in range(200):
            one = f"{name}-{number}"
            log.end(row(one), body(one), log.begin(beginning(one)))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    log.close()
    expected = {
        (f"{name}-{number}", "success", "full") for name in range(8) for number in range(200)
    }
    found = rows(tmp_path)
    assert (len(found), set(found)) == (1600, expected)
    assert len(bodies(tmp_path)) == 1600


def test_a_record_costs_less_than_120_microseconds(tmp_path: Path) -> None:
    """The CPU of a beginning, a body of 20 KB and a row, in the request process."""
    log = log_of(tmp_path)
    said = body("r1", 20_000)
    first, last = beginning("r1"), row("r1")
    started = time.thread_time()
    for _ in range(2_000):
        log.end(last, said, log.begin(first))
    assert (time.thread_time() - started) / 2_000 < 120e-6
    log.close()
