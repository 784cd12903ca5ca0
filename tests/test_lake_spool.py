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
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sekisho.lake.spool import lines as spool
from sekisho.lake.spool import segments
from sekisho.lake.spool.lines import Begun, Spool, SpoolError, TooLate

WRITER = """
import sys
from pathlib import Path
from sekisho.lake.spool.lines import Spool
spool = Spool(Path(sys.argv[1]), sys.argv[2], roll_bytes=int(sys.argv[3]))
for number in range(int(sys.argv[4])):
    name = f"{sys.argv[2]}-{number}"
    begun = spool.begin(f"begin {name}\\n".encode())
    spool.end(begun, f"{name} {'x' * 500}\\n".encode())
    if len(sys.argv) > 5:
        print(name, flush=True)
"""


def lines(folder: Path) -> list[str]:
    """The first words of the lines in the spool, in the order of their segments."""
    found = [segments.lines(segments.content(one))[0] for one in segments.find(folder)]
    return [line.decode().split()[0] for one in found for line in one]


def by_segment(folder: Path) -> list[str]:
    """The segments in their order, each as its state and its lines."""
    paths = sorted(folder.iterdir())
    return [" ".join([path.suffix, *path.read_text().split()]) for path in paths]


def locked(path: Path) -> bool:
    """Whether a writer holds the lock of a segment."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def no_file_beyond(size: int) -> Generator[None]:
    """A disk on which each file is full at so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    """A line can be read by others while its writer is still at it."""
    one = Spool(tmp_path / "spool", "host-1")
    one.append(b"a\n")
    one.append(b"b\n")
    assert by_segment(tmp_path / "spool") == [".open a b"]
    assert (one.written, one.failed) == (2, 0)
    one.close()
    assert by_segment(tmp_path / "spool") == [".closed a b"]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """The spool holds personal data: folder 0700, segments 0600."""
    one = Spool(tmp_path / "spool", "host")
    one.append(b"a\n")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "spool").iterdir()]
    assert ((tmp_path / "spool").stat().st_mode & 0o777, modes) == (0o700, [0o600])
    one.close()


def test_a_spool_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    """No line, no file, no folder."""
    Spool(tmp_path / "spool", "host").close()
    assert not (tmp_path / "spool").exists()
    assert segments.snapshot(tmp_path / "spool") == []


def test_a_segment_rolls_by_size(tmp_path: Path) -> None:
    """A segment that would grow past its size is closed first; order is kept over the roll."""
    one = Spool(tmp_path, "host", roll_bytes=6)
    for name in "abcdefgh":
        one.append(f"{name}\n".encode())
    assert by_segment(tmp_path) == [".closed a b c", ".closed d e f", ".open g h"]
    one.close()


def test_a_line_larger_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    """A line is never cut to fit, and never refused for its size."""
    one = Spool(tmp_path, "host", roll_bytes=6)
    for name in ("a", "b" * 20, "c"):
        one.append(f"{name}\n".encode())
    one.close()
    assert by_segment(tmp_path) == [".closed a", ".closed bbbbbbbbbbbbbbbbbbbb", ".closed c"]


def test_a_segment_rolls_by_age_without_traffic(tmp_path: Path) -> None:
    """An old segment is closed by `roll_if_due`, a young one stays."""
    young, old = Spool(tmp_path, "young"), Spool(tmp_path, "old", roll_seconds=0.0)
    for one in (young, old):
        one.append(b"a\n")
        one.roll_if_due()
    assert sorted(by_segment(tmp_path)) == [".closed a", ".open a"]
    young.close()
    old.close()


def test_a_live_segment_is_locked_and_a_dead_one_is_not(tmp_path: Path) -> None:
    """The lock of a segment tells a living writer from a dead one."""
    one = Spool(tmp_path, "host")
    one.append(b"a\n")
    with next(tmp_path.iterdir()).open("rb") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        one.close()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_spool_folder_that_vanishes_comes_back(tmp_path: Path) -> None:
    """When someone deletes the spool, the next line makes a new one."""
    folder = tmp_path / "spool"
    one = Spool(folder, "host")
    one.append(b"a\n")
    next(folder.iterdir()).unlink()
    folder.rmdir()
    one.append(b"b\n")
    assert lines(folder) == ["b"]
    one.close()


def test_an_end_goes_where_its_beginning_is(tmp_path: Path) -> None:
    """A full segment gets no new line but the ends of what began in it, and is closed with the
    last of them; others go to the next one meanwhile.
    """
    one = Spool(tmp_path, "host", roll_bytes=12)
    first, second = one.begin(b"begin-1\n"), one.begin(b"b2\n")
    one.append(b"a\n")
    third = one.begin(b"b3\n")
    assert by_segment(tmp_path) == [".open begin-1 b2", ".open a b3"]
    one.end(second, b"end-2\n")
    one.end(third, b"end-3\n")
    assert by_segment(tmp_path) == [".open begin-1 b2 end-2", ".open a b3 end-3"]
    one.end(first, b"end-1\n")
    assert by_segment(tmp_path) == [".closed begin-1 b2 end-2 end-1", ".open a b3 end-3"]
    one.close()


def test_a_waiting_segment_is_locked_until_its_last_end(tmp_path: Path) -> None:
    """Nobody takes a segment for an orphan while a request runs in it."""
    one = Spool(tmp_path, "host", roll_seconds=0.0)
    begun = one.begin(b"begin\n")
    one.roll_if_due()
    assert (by_segment(tmp_path), locked(next(tmp_path.iterdir()))) == ([".open begin"], True)
    one.end(begun, b"end\n")
    assert by_segment(tmp_path) == [".closed begin end"]
    assert not locked(next(tmp_path.iterdir()))
    one.close()


def test_a_dropped_request_keeps_its_segment_from_nothing(tmp_path: Path) -> None:
    """The beginning of a request whose end is given up stays, and its segment is closed."""
    one = Spool(tmp_path, "host", roll_seconds=0.0)
    begun = one.begin(b"begin\n")
    one.roll_if_due()
    one.drop(begun)
    assert by_segment(tmp_path) == [".closed begin"]
    one.close()


def test_close_leaves_beginnings(tmp_path: Path) -> None:
    """A request that runs when the spool is closed is interrupted: its end comes too late."""
    one = Spool(tmp_path, "host", roll_bytes=6)
    begun = [one.begin(b"b-1\n"), one.begin(b"b-2\n")]
    one.close()
    assert by_segment(tmp_path) == [".closed b-1", ".closed b-2"]
    for late in begun:
        with pytest.raises(TooLate):
            one.end(late, b"end\n")
        one.drop(late)
    one.append(b"after\n")
    one.close()
    assert by_segment(tmp_path) == [".closed b-1", ".closed b-2", ".closed after"]


def test_rest_keeps_what_runs(tmp_path: Path) -> None:
    """A spool that rests closes what is done; an end that comes after is not too late."""
    one = Spool(tmp_path, "host", roll_bytes=6)
    one.append(b"a\n")
    one.rest()
    begun = one.begin(b"b\n")
    one.rest()
    assert by_segment(tmp_path) == [".closed a", ".open b"]
    one.end(begun, b"end\n")
    assert by_segment(tmp_path) == [".closed a", ".closed b end"]


def test_the_end_of_a_deleted_beginning_is_written_elsewhere(tmp_path: Path) -> None:
    """When someone deletes a segment with a running request, its row is not lost."""
    one = Spool(tmp_path, "host")
    begun = one.begin(b"begin\n")
    next(tmp_path.iterdir()).unlink()
    one.end(begun, b"end\n")
    assert by_segment(tmp_path) == [".open end"]
    one.close()


def test_descriptors_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many segments that wait for a request, the next one grows instead."""
    monkeypatch.setattr(spool, "MOST_WAITING", 3)
    one = Spool(tmp_path, "host", roll_bytes=1)
    begun = [one.begin(f"{number}\n".encode()) for number in range(6)]
    assert by_segment(tmp_path) == [".open 0", ".open 1", ".open 2", ".open 3 4 5"]
    one.end(begun[1], b"end\n")
    one.append(b"6\n")
    assert by_segment(tmp_path) == [
        ".open 0", ".closed 1 end", ".open 2", ".open 3 4 5", ".open 6"
    ]  # fmt: skip
    one.close()


def test_a_child_process_writes_its_own_segment(tmp_path: Path) -> None:
    """After a fork parent and child don't share a segment, nor the requests in it."""
    one = Spool(tmp_path, "host")
    begun = one.begin(b"parent-1\n")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            one.end(begun, b"never\n")
        except TooLate:
            one.append(b"child\n")
            one.roll_if_due()
            code = 0
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    one.end(begun, b"parent-2\n")
    assert sorted(by_segment(tmp_path)) == [".open child", ".open parent-1 parent-2"]
    parents = next(path for path in tmp_path.iterdir() if b"parent" in path.read_bytes())
    assert locked(parents)
    one.close()


def test_a_folder_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    """A spool that can't be written raises, in one line with the remedy, and counts."""
    (tmp_path / "file").touch()
    one = Spool(tmp_path / "file" / "spool", "host")
    with pytest.raises(SpoolError) as caught:
        one.append(b"a\n")
    assert str(caught.value) == (
        f"spool {tmp_path / 'file' / 'spool'}: Not a directory. Free disk space or mend the "
        "folder; writing goes on by itself then"
    )
    assert caught.value.reason == "Not a directory"
    assert (one.written, one.failed) == (0, 1)


def test_trouble_lasts_until_the_spool_works_again(tmp_path: Path) -> None:
    """A failed line makes trouble known; it goes with a good one, and without any traffic."""
    folder = tmp_path / "spool"
    one = Spool(folder, "host")
    for traffic in (True, False):
        folder.touch()
        with pytest.raises(SpoolError):
            one.append(b"a\n")
        assert str(one.trouble) == f"spool {folder}: File exists"
        one.roll_if_due()
        assert str(one.trouble) == f"spool {folder}: File exists"
        folder.unlink()
        if traffic:
            one.append(b"b\n")
        else:
            one.roll_if_due()
        assert not one.trouble
        one.close()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_a_disk_that_takes_files_but_no_bytes_is_still_full(tmp_path: Path) -> None:
    """Trouble goes when the disk takes bytes again, not when it takes the name of a file."""
    one = Spool(tmp_path, "host")
    with no_file_beyond(2):
        with pytest.raises(SpoolError):
            one.append(b"a line\n")
        one.roll_if_due()
        assert str(one.trouble) == f"spool {tmp_path}: No space left on device"
    one.roll_if_due()
    assert not one.trouble
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When the disk takes half a line, it is taken back, told, and the next one may succeed."""
    one = Spool(tmp_path, "host")
    one.append(b"a line\n")
    with no_file_beyond(10):
        for _ in range(2):
            with pytest.raises(SpoolError, match="No space left on device"):
                one.append(b"another\n")
    assert by_segment(tmp_path) == [".open a line"]
    one.append(b"third\n")
    assert by_segment(tmp_path) == [".open a line third"]
    assert (one.written, one.failed) == (2, 2)
    one.close()


def test_half_a_line_that_stays_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes half a line and won't give it back: the next line is whole all the same."""
    real = os.write

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    one = Spool(tmp_path, "host")
    one.append(b"first\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, line: real(descriptor, line[:3]))
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(SpoolError, match="No space left"):
            one.append(b"second\n")
    one.append(b"second\n")
    one.append(b"third\n")
    one.close()
    (segment,) = segments.find(tmp_path)
    complete, torn = segments.lines(segments.content(segment))
    assert (complete, torn) == ([b"first", b"sec", b"second", b"third"], 0)


def test_an_end_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose end the disk refuses is still running, and so keeps its segment."""
    one = Spool(tmp_path, "host", roll_seconds=0.0)
    begun = one.begin(b"begin\n")

    def full(descriptor: int, line: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(SpoolError, match="No space left on device"):
            one.end(begun, b"end\n")
    one.roll_if_due()
    assert by_segment(tmp_path) == [".open begin"]
    one.end(begun, b"end\n")
    assert by_segment(tmp_path) == [".closed begin end"]
    one.close()


def test_sync_brings_each_segment_to_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written since is synced, open or closed, with the folder when names are new;
    nothing is synced twice, and a segment that is in the lake already is no error.
    """
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().suffix or "folder")

    monkeypatch.setattr(os, "fsync", fsync)
    one = Spool(tmp_path, "host", roll_bytes=4)
    one.append(b"a\n")
    one.append(b"b\n")
    one.append(b"c\n")
    one.sync()
    assert synced == [".closed", ".open", "folder"]
    one.sync()
    assert synced == [".closed", ".open", "folder"]
    one.append(b"d\n")
    one.sync()
    assert synced == [".closed", ".open", "folder", ".open"]
    one.append(b"e\n")
    for path in tmp_path.iterdir():
        path.unlink()
    one.sync()
    assert synced == [".closed", ".open", "folder", ".open", "folder"]
    one.close()


def test_a_disk_that_does_not_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of fsync is told in words."""
    one = Spool(tmp_path, "host")
    one.append(b"a\n")

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(SpoolError, match="not synced: Input/output error"):
            one.sync()
    synced: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced.append)
        one.sync()
    assert len(synced) == 2  # the segment and its folder: tried again
    one.close()


@given(cut=st.integers(0, 40), tail=st.sampled_from([b"", b"\0\0\0", b'{"request_id":"x']))
def test_a_torn_last_line_is_not_read(cut: int, tail: bytes) -> None:
    """However a segment is cut, complete lines are read and the rest of a line never is."""
    content = b"first\nsecond\n"[: 6 + cut] + (tail if cut < 7 else b"")
    complete, torn = segments.lines(content)
    assert complete == ([b"first", b"second"] if cut >= 7 else [b"first"])
    assert torn == (0 if cut >= 7 else cut + len(tail))


def test_four_processes_write_at_once_and_every_line_is_read_once(tmp_path: Path) -> None:
    """4 processes with 2,000 requests each, rolling often: 8,000 rows, none twice."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"w{n}", "100000", "2000"])
        for n in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    counted = Counter(lines(tmp_path))
    assert counted.pop("begin") == 8000
    assert set(counted.values()) == {1}
    assert counted.keys() == {f"w{n}-{number}" for n in range(4) for number in range(2000)}


def test_kill_9_loses_no_acknowledged_line(tmp_path: Path) -> None:
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
    counted = Counter(lines(tmp_path))
    del counted["begin"]
    assert set(counted.values()) == {1}
    assert not set(acknowledged) - counted.keys()
    assert len(counted) - len(acknowledged) <= 5  # written, but killed before it could say so


def test_append_costs_less_than_50_microseconds(tmp_path: Path) -> None:
    """The CPU of one append is far below what a request may spend on its record."""
    one = Spool(tmp_path, "host")
    line = b"x" * 1500 + b"\n"
    one.append(line)
    started = time.process_time()
    for _ in range(2_000):
        one.append(line)
    assert (time.process_time() - started) / 2_000 < 50e-6
    one.close()


def test_a_handle_is_good_for_one_end(tmp_path: Path) -> None:
    """Ending a request twice is refused, and does not count for another request."""
    one = Spool(tmp_path, "host", roll_seconds=0.0)
    begun, other = one.begin(b"b1\n"), one.begin(b"b2\n")
    one.end(begun, b"e1\n")
    assert isinstance(begun, Begun)
    with pytest.raises(TooLate):
        one.end(begun, b"e1\n")
    one.drop(begun)
    one.end(other, b"e2\n")
    one.close()
