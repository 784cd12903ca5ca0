"""Batches: what goes together, and that dying at any step of one loses and doubles nothing."""

import errno
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from sekisho.lake.place import LakeError
from sekisho.lake.shipping import batches, free, progress, scratch
from sekisho.lake.shipping.batches import Batch
from sekisho.lake.shipping.carry import Carrier, Kept
from sekisho.lake.shipping.flush import flush, no_step
from sekisho.lake.shipping.free import Free, FreeSegment
from sekisho.lake.spool import segments
from sekisho.lake.stores.store import Denied, FolderStore, open_store

from .faulty_s3 import FaultyS3
from .s3_servers import S3Server
from .test_lake_flush import beginning, body, lake_ids, left, record, write
from .test_lake_stores import use

MIB = 1 << 20
NOW = datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC)


def made(size: int, begun: float, changed: float | None = None) -> FreeSegment:
    """A segment of so many bytes."""
    return FreeSegment(f"s{begun:g}", size, begun, begun if changed is None else changed)


def names(usage: Sequence[FreeSegment], bodies: Sequence[FreeSegment]) -> tuple[str, str]:
    """Which segments go next."""
    chosen = Free(tuple(usage), tuple(bodies), ()).choose()
    return " ".join(chosen[0]), " ".join(chosen[1])


def test_small_segments_go_together() -> None:
    """Those of several workers make one batch."""
    usage = [made(100, number) for number in range(3)]
    assert names(usage, [made(1000, 1)]) == ("s0 s1 s2", "s1")


def test_a_batch_has_a_size() -> None:
    """The first segments that together reach 4 MB of rows or 32 MB of bodies, no more."""
    assert names([made(3 * MIB, n) for n in range(5)], []) == ("s0 s1", "")
    bodies = [made(8 * MIB, n) for n in range(6)]
    assert names([], bodies) == ("", "s0 s1 s2 s3")
    assert names([], [made(100 * MIB, 1), made(1, 2)]) == ("", "s1")


def test_rows_wait_for_bodies_that_may_be_theirs() -> None:
    """Rows of a segment that was written after another batch's bodies had begun come later."""
    bodies = [made(32 * MIB, 10), made(MIB, 20)]
    rows = [made(100, 5, changed=15), made(100, 6, changed=25)]
    assert names(rows, bodies) == ("s5", "s10")
    assert names(rows[1:], bodies[1:]) == ("s6", "s20")


def test_a_manifest_holds_so_many_names() -> None:
    """Of thousands of segments the first go, so that the manifest fits into its spare room."""
    many = [made(1, number) for number in range(1000)]
    usage, bodies = Free(tuple(many), tuple(many), ()).choose()
    assert (len(usage), len(bodies)) == (200, 200)


def test_much_is_due_at_once() -> None:
    """4 MB of rows or 32 MB of bodies don't wait for time to pass."""
    assert Free((made(4 * MIB, 1),), (), ()).is_much
    assert Free((), (made(16 * MIB, 1), made(16 * MIB, 2)), ()).is_much
    assert not Free((made(4 * MIB - 1, 1),), (made(32 * MIB - 1, 1),), ()).is_much


def test_a_manifest_is_as_it_was_made(tmp_path: Path) -> None:
    """Read again it is the same batch; its id begins with the time."""
    batch = batches.commit(tmp_path, ["a", "b"], ["c"], NOW)
    assert batches.pending(tmp_path) == [batch]
    assert batch == Batch(batch.id, NOW, ("a", "b"), ("c",))
    assert batch.id.startswith("20261121T101530Z-")
    batches.done(tmp_path, batch)
    assert (batches.pending(tmp_path), batches.stored(tmp_path)) == ([], [batch])


def test_a_long_manifest_fits_into_the_room_that_is_kept(tmp_path: Path) -> None:
    """400 names of the usual length need no new block of a disk that is full."""
    name = "20261121T101530-" + "h" * 40 + "-12345-000001-0123abcd"
    batches.keep_spare(tmp_path)
    spare = tmp_path / "batches" / "spare"
    room = spare.stat().st_size
    batch = batches.commit(tmp_path, [name] * 200, [name] * 200, NOW)
    assert (tmp_path / "batches" / f"{batch.id}.json").stat().st_size <= room == 65536


def test_a_manifest_that_is_none_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever overwrote it: its segments are shipped anew, and a line says so."""
    batch = batches.commit(tmp_path, ["a"], [], NOW)
    manifest = tmp_path / "batches" / f"{batch.id}.json"
    manifest.write_bytes(b"\0" * 100)
    assert batches.pending(tmp_path) == []
    assert [record.getMessage() for record in caplog.records] == [
        f"{manifest} is no manifest any more; its segments are shipped anew"
    ]


def test_a_manifest_that_is_renamed_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`logs status` looks without a lock while the shipper finishes a batch."""
    batch = batches.commit(tmp_path, ["a"], [], NOW)
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        batches.done(tmp_path, batch)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert batches.pending(tmp_path) == []


def test_an_empty_segment_is_nothing(tmp_path: Path) -> None:
    """It goes without a batch."""
    (tmp_path / "20261121T101530-x.closed").touch()
    assert not free.find(tmp_path, ())
    assert segments.find(tmp_path) == []


# --- dying ------------------------------------------------------------------------------------

_DIE = """
import os, sys
from pathlib import Path
from sekisho.lake.shipping.flush import flush

count = 0

def step(name):
    global count
    count += 1
    if count == int(sys.argv[3]):
        print(name, flush=True)
        os._exit(9)

flush(Path(sys.argv[1]), sys.argv[2], step=step)
"""
STEPS = (
    "committed",
    "payload made",
    "usage made",
    "set aside",
    "stored payload",
    "stored usage",
    "done",
    "a segment is deleted",
    "a segment is deleted",
    "forgotten",
)


def fill(spool: Path) -> None:
    """Two segments: a finished request, one cut off, and a poison line."""
    write(spool / "bodies", [body("a")])
    write(spool, [beginning("a"), beginning("b"), record("a"), b"rubbish\n"])


def die(spool: Path, lake: str, step: int) -> str:
    """Flush in a process of its own that dies right after that step; what it had done."""
    command = [sys.executable, "-c", _DIE, str(spool), lake, str(step)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 9, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("number", "name"), list(enumerate(STEPS, 1)))
def test_dying_at_a_step(number: int, name: str, tmp_path: Path) -> None:
    """Whatever was done, the next flush leaves each row in the lake once, and the spool empty."""
    spool, lake = tmp_path / "spool", tmp_path / "lake"
    fill(spool)
    assert die(spool, lake.as_uri(), number) == name
    flush(spool, lake.as_uri())
    assert (lake_ids(lake), lake_ids(lake, "payload")) == (["a", "b"], ["a"])
    assert [name.partition("-")[2][-11:] for name in left(spool)] == ["usage.jsonl"]


def test_there_are_no_other_steps(tmp_path: Path) -> None:
    """Every step that a flush tells of is in the list above."""
    steps: list[str] = []
    fill(tmp_path / "spool")
    flush(tmp_path / "spool", (tmp_path / "lake").as_uri(), step=steps.append)
    assert tuple(steps) == STEPS


def test_dying_again_and_again(tmp_path: Path) -> None:
    """Each life gets one step further than the one before; new rows come all the time."""
    spool, lake = tmp_path / "spool", tmp_path / "lake"
    for number in range(1, 8):
        write(spool, [record(f"r{number}")])
        die(spool, lake.as_uri(), number)
    flush(spool, lake.as_uri())
    assert lake_ids(lake) == [f"r{number}" for number in range(1, 8)]
    assert left(spool) == []


# --- a lake in trouble ------------------------------------------------------------------------


@pytest.fixture
def faulty(real: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """The server behind a proxy that misbehaves; this process's AWS clients ask it."""
    with FaultyS3.before(real) as proxy:
        use(proxy.server, monkeypatch)
        yield proxy


def ids(server: S3Server, prefix: str) -> list[str]:
    """Request ids of both tables, each as often as it is there."""
    assert server.folder is not None
    lake = server.folder / prefix
    return [*lake_ids(lake), *lake_ids(lake, "payload")]


@pytest.mark.parametrize("fault", ["lost", "503", "cut"])
@pytest.mark.parametrize("request_number", [1, 2])
def test_a_fault_at_a_put(
    fault: str, request_number: int, faulty: FaultyS3, tmp_path: Path, real: S3Server
) -> None:
    """A reply lost after the write, a 503, a connection that breaks: each row is there once."""
    spool, prefix = tmp_path / "spool", f"put-{fault}-{request_number}"
    fill(spool)
    faulty.next(*[None] * (request_number - 1), fault)  # type: ignore[arg-type]
    flush(spool, f"s3://{real.bucket}/{prefix}")
    assert ids(real, prefix) == ["a", "b", "a"]
    puts = [seen for seen in faulty.journal if seen.method == "PUT"]
    assert (len(puts), len({seen.key for seen in puts})) == (3, 2)


@pytest.mark.parametrize("number", [6, 7])
def test_dying_around_a_put(number: int, faulty: FaultyS3, tmp_path: Path, real: S3Server) -> None:
    """A process that dies after its PUT stores the same again under the same key."""
    spool, prefix = tmp_path / "spool", f"dying-{number}"
    lake = f"s3://{real.bucket}/{prefix}"
    fill(spool)
    die(spool, lake, number)
    flush(spool, lake)
    assert ids(real, prefix) == ["a", "b", "a"]
    keys = [seen.key for seen in faulty.journal if seen.method == "PUT"]
    assert len(set(keys)) == 2


def test_a_lake_that_says_no_for_a_while(faulty: FaultyS3, tmp_path: Path, real: S3Server) -> None:
    """403 is an error that names the right; nothing is dropped, and afterwards all arrives."""
    spool, lake = tmp_path / "spool", f"s3://{real.bucket}/denied"
    fill(spool)
    faulty.always("403", methods="PUT")
    for _ in range(2):
        with pytest.raises(LakeError, match=r"s3:PutObject on .* is denied"):
            flush(spool, lake)
    found = progress.read(spool)
    assert found is not None
    assert (found.failures, found.consecutive_failures, found.batches) == (2, 2, 0)
    assert found.trouble is not None
    assert "is denied" in found.trouble
    write(spool, [record("c")])
    faulty.always(None)
    flush(spool, lake)
    assert ids(real, "denied") == ["a", "b", "c", "a"]
    found = progress.read(spool)
    assert found is not None
    assert (found.failures, found.consecutive_failures, found.trouble) == (2, 0, None)
    assert (found.batches, found.records, found.quarantined) == (2, 3, 1)
    assert found.last_success is not None


def test_while_the_lake_is_away_one_batch_waits(
    faulty: FaultyS3, tmp_path: Path, real: S3Server
) -> None:
    """However often it is tried, the spool doesn't fill with manifests and files made in vain."""
    spool, lake = tmp_path / "spool", f"s3://{real.bucket}/away"
    faulty.always("403")
    for number in range(4):
        write(spool, [record(f"r{number}")])
        with pytest.raises(LakeError):
            flush(spool, lake)
    assert len(batches.pending(spool)) == 1
    assert len(segments.find(spool)) == 4
    assert [path.name for path in spool.rglob("*.parquet")] == []
    faulty.always(None)
    assert flush(spool, lake).records == 4


def test_files_that_another_process_took_away_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shipper that waits for its next attempt has files; `logs flush` tries the same batch, has
    no luck either and cleans up. It must not keep the shipper from going on.
    """
    spool, lake = tmp_path / "spool", tmp_path / "lake"
    write(spool, [record("a")])
    carrier = Carrier(spool, open_store(lake.as_uri()), Kept(), no_step)
    usage = [segment.name for segment in segments.find(spool)]
    batch = batches.commit(spool, usage, [], NOW)
    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "put", refuse)
        with pytest.raises(LakeError, match="away"):
            carrier.carry(batch)
        with pytest.raises(LakeError, match="away"):
            flush(spool, lake.as_uri())
    assert carrier.carry(batch).records == 1
    assert (lake_ids(lake), left(spool)) == (["a"], [])


def test_half_written_files_of_another_process_are_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, and `logs flush` is killed while it writes its files of the batch."""
    spool, lake = tmp_path / "spool", tmp_path / "lake"
    write(spool, [record("a")])
    carrier = Carrier(spool, open_store(lake.as_uri()), Kept(), no_step)
    batch = batches.commit(spool, [segment.name for segment in segments.find(spool)], [], NOW)
    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "put", refuse)
        with pytest.raises(LakeError, match="away"):
            carrier.carry(batch)
    with scratch.room(batch.folder(spool)) as room:
        room.path("usage-2026-03-01.parquet").write_bytes(b"PAR1")
        assert carrier.carry(batch).records == 1
    assert (lake_ids(lake), left(spool)) == (["a"], [])


def refuse(*_: object) -> None:
    """A lake that is away."""
    raise LakeError("away")


def test_denied_is_known_as_such(faulty: FaultyS3, tmp_path: Path, real: S3Server) -> None:
    """What needs a person can be told from what mends itself."""
    faulty.always("403")
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(Denied):
        open_store(f"s3://{real.bucket}/x").put("usage/x", tmp_path / "x")


def test_a_full_disk_does_not_stop_the_shipping_that_empties_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without room for files they are made in memory."""
    spool, lake = tmp_path / "spool", tmp_path / "lake"
    write(spool / "bodies", [body("a")])
    write(spool, [record("a")])
    real = scratch.room

    def room(folder: Path | None) -> AbstractContextManager[scratch.Room]:
        if folder is not None:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        return real(folder)

    monkeypatch.setattr(scratch, "room", room)
    flush(spool, lake.as_uri())
    assert (lake_ids(lake), lake_ids(lake, "payload")) == (["a"], ["a"])
    assert [record.getMessage() for record in caplog.records] == [
        f"spool {spool}: the disk is full; a batch is made in memory"
    ]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.EIO, "x"), False),
        (duckdb.IOException('Could not write file "x": No space left on device'), True),
        (duckdb.IOException("something else"), False),
        (None, False),
    ],
)
def test_a_full_disk_is_known_by_its_errors(error: Exception | None, full: bool) -> None:
    """The system's and DuckDB's, and no other."""
    assert scratch.is_disk_full(error) is full
