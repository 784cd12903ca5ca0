"""The spool: what append has returned for is on disk, whatever happens next."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sekisho.lake import codec, segments
from sekisho.lake.record import Record
from sekisho.lake.spool import Spool, SpoolError

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sekisho.lake.record import Record
from sekisho.lake.spool import Spool
spool = Spool(Path(sys.argv[1]), sys.argv[2], roll_bytes=int(sys.argv[3]))
start = datetime(2026, 3, 1, tzinfo=UTC)
for number in range(int(sys.argv[4])):
    name = f"{sys.argv[2]}-{number}"
    spool.append(Record(request_id=name, start_time=start, status="success"))
    if len(sys.argv) > 5:
        print(name, flush=True)
"""


def record(name: str) -> Record:
    """A small record."""
    return Record(request_id=name, start_time=START, status="success")


def ids(folder: Path) -> list[str]:
    """The request ids in the spool, in order."""
    return [codec.decode(line).request_id for line in segments.snapshot(folder)]


def states(folder: Path) -> list[str]:
    """The states of the segments in the spool, in order."""
    return [path.suffix for path in sorted(folder.iterdir())]


def test_a_record_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    """A record can be read by others while its writer is still at it."""
    spool = Spool(tmp_path / "spool", "host-1")
    spool.append(record("a"))
    spool.append(record("b"))
    assert ids(tmp_path / "spool") == ["a", "b"]
    assert states(tmp_path / "spool") == [".open"]
    assert (spool.written, spool.failed) == (2, 0)
    spool.close()
    assert states(tmp_path / "spool") == [".closed"]
    assert ids(tmp_path / "spool") == ["a", "b"]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """The spool holds personal data: folder 0700, segments 0600."""
    spool = Spool(tmp_path / "spool", "host")
    spool.append(record("a"))
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir()]
    assert ((tmp_path / "spool").stat().st_mode & 0o777, modes) == (0o700, [0o600])
    spool.close()


def test_a_spool_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    """No record, no file, no folder."""
    Spool(tmp_path / "spool", "host").close()
    assert not (tmp_path / "spool").exists()
    assert segments.snapshot(tmp_path / "spool") == []


def test_a_segment_rolls_by_size(tmp_path: Path) -> None:
    """A segment that would grow past its size is closed first; order is kept over the roll."""
    size = len(codec.encode(record("00")))
    spool = Spool(tmp_path, "host", roll_bytes=3 * size)
    for number in range(8):
        spool.append(record(f"{number:02}"))
    assert states(tmp_path) == [".closed", ".closed", ".open"]
    assert ids(tmp_path) == ["00", "01", "02", "03", "04", "05", "06", "07"]
    spool.close()


def test_a_segment_rolls_by_age_without_traffic(tmp_path: Path) -> None:
    """An old segment is closed by `roll_if_due`, a young one stays."""
    young = Spool(tmp_path, "young")
    old = Spool(tmp_path, "old", roll_seconds=0.0)
    for spool in (young, old):
        spool.append(record("a"))
        spool.roll_if_due()
    assert sorted(states(tmp_path)) == [".closed", ".open"]
    young.close()
    old.close()


def test_a_live_segment_is_locked_and_a_dead_one_is_not(tmp_path: Path) -> None:
    """The lock of a segment tells a living writer from a dead one."""
    spool = Spool(tmp_path, "host")
    spool.append(record("a"))
    with next(tmp_path.iterdir()).open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        spool.close()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_spool_folder_that_vanishes_comes_back(tmp_path: Path) -> None:
    """When someone deletes the spool, the next record makes a new one."""
    folder = tmp_path / "spool"
    spool = Spool(folder, "host")
    spool.append(record("a"))
    next(folder.iterdir()).unlink()
    folder.rmdir()
    spool.append(record("b"))
    assert ids(folder) == ["b"]
    spool.close()


def test_a_child_process_writes_its_own_segment(tmp_path: Path) -> None:
    """After a fork parent and child don't share a segment."""
    spool = Spool(tmp_path, "host")
    spool.append(record("parent-1"))
    child = os.fork()
    if child == 0:
        spool.append(record("child"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool.append(record("parent-2"))
    assert len(list(tmp_path.iterdir())) == 2
    assert sorted(ids(tmp_path)) == ["child", "parent-1", "parent-2"]
    spool.close()


def test_a_folder_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    """A spool that can't be written raises, in one line with the remedy, and counts."""
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", "host")
    with pytest.raises(SpoolError) as caught:
        spool.append(record("a"))
    assert str(caught.value) == (
        f"spool {tmp_path / 'file' / 'spool'}: Not a directory; record a is lost. Free disk space "
        "or mend the folder; writing goes on by itself then"
    )
    assert (spool.written, spool.failed) == (0, 1)


def test_trouble_lasts_until_the_spool_works_again(tmp_path: Path) -> None:
    """A failed record makes trouble known; it goes with a good one, and without any traffic."""
    folder = tmp_path / "spool"
    spool = Spool(folder, "host")
    for traffic in (True, False):
        folder.touch()
        with pytest.raises(SpoolError):
            spool.append(record("a"))
        assert str(spool.trouble) == f"spool {folder}: File exists"
        spool.roll_if_due()
        assert str(spool.trouble) == f"spool {folder}: File exists"
        folder.unlink()
        if traffic:
            spool.append(record("b"))
        else:
            spool.roll_if_due()
        assert not spool.trouble
        spool.close()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When the disk takes half a line, it is taken back, told, and the next one may succeed."""
    size = len(codec.encode(record("a")))
    spool = Spool(tmp_path, "host")
    spool.append(record("a"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, hard))
    try:
        for _ in range(2):
            with pytest.raises(SpoolError, match="record b is lost"):
                spool.append(record("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert next(tmp_path.iterdir()).stat().st_size == size
    spool.append(record("c"))
    assert ids(tmp_path) == ["a", "c"]
    assert (spool.written, spool.failed) == (2, 2)
    spool.close()


def test_an_error_of_the_disk_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC is told in words, and what is there stays."""
    spool = Spool(tmp_path, "host")
    spool.append(record("a"))

    def full(descriptor: int, line: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(SpoolError, match="No space left on device; record b is lost"):
            spool.append(record("b"))
    assert ids(tmp_path) == ["a"]
    spool.close()


@given(cut=st.integers(0, 400), tail=st.sampled_from([b"", b"\0\0\0", b'{"request_id":"x']))
def test_a_torn_last_line_is_not_read(cut: int, tail: bytes) -> None:
    """However a segment is cut, complete lines are read and the rest of a line never is."""
    one, two = codec.encode(record("a")), codec.encode(record("b"))
    content = (one + two)[: len(one) + cut] + (tail if cut < len(two) else b"")
    complete, torn = segments.lines(content)
    expected = ["a", "b"] if cut >= len(two) else ["a"]
    assert [codec.decode(line).request_id for line in complete] == expected
    assert torn == len(content) - sum(len(line) + 1 for line in complete)


def test_four_processes_write_at_once_and_every_record_is_read_once(tmp_path: Path) -> None:
    """4 processes with 2,000 records each, rolling often: 8,000 records, none twice."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"w{n}", "100000", "2000"])
        for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    counted = Counter(ids(tmp_path))
    assert set(counted.values()) == {1}
    assert counted.keys() == {f"w{n}-{number}" for n in range(4) for number in range(2000)}


def test_kill_9_loses_no_acknowledged_record(tmp_path: Path) -> None:
    """A writer killed in mid-append, five times: all that it acknowledged is there, once."""
    acknowledged: list[str] = []
    for turn in range(5):
        command = [sys.executable, "-c", WRITER, str(tmp_path), f"t{turn}", "20000", "9999999", "p"]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        acknowledged.extend(
            writer.stdout.readline().decode().strip() for _ in range(150 + 70 * turn)
        )
        writer.send_signal(signal.SIGKILL)
        acknowledged.extend(writer.stdout.read().decode().split("\n")[:-1])
        writer.stdout.close()
        assert writer.wait(20) == -signal.SIGKILL
    counted = Counter(ids(tmp_path))
    assert set(counted.values()) == {1}
    assert not set(acknowledged) - counted.keys()
    assert len(counted) - len(acknowledged) <= 5  # written, but killed before it could say so


def test_append_costs_less_than_100_microseconds(tmp_path: Path) -> None:
    """The CPU of one append is far below what a request may spend on its record."""
    spool = Spool(tmp_path, "host")
    row = record("a")
    spool.append(row)
    started = time.process_time()
    for _ in range(2_000):
        spool.append(row)
    assert (time.process_time() - started) / 2_000 < 100e-6
    spool.close()
