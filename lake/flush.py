"""Spool to lake: each finished segment becomes one Parquet file a day, then the segment goes.

A file is named after its segment and replaced whole, so that doing it again, after a crash at
any point, counts once.
"""

import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from . import codec, engine, place, segments
from .place import LakeError
from .record import Record
from .segments import Segment

_DRAFT_SECONDS = 60.0  # a living writer keeps a draft for microseconds


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one run of `flush` did; `bad_lines` were set aside in the spool's `bad/`."""

    segments: int = 0
    records: int = 0
    files: int = 0
    bad_lines: int = 0


def flush(spool: Path, lake: str) -> Flushed:
    """Bring closed and orphaned segments to the lake (`file:///...`).

    Segments of living writers stay, and one that can't be brought doesn't keep the others back.
    Raises LakeError, also when another process is flushing; what was not finished is done by the
    next run.
    """
    target = place.usage_folder(lake)
    total = Flushed()
    failed: list[str] = []
    try:
        if not spool.is_dir():
            return total
        with _elected(spool), engine.connect() as connection:
            for segment in segments.find(spool):
                try:
                    total = _add(total, _flush_if_free(connection, segment, target))
                except (OSError, duckdb.Error, LakeError) as error:
                    failed.append(_what(error, segment.path))
            _remove_drafts(spool)
    except (OSError, duckdb.Error) as error:
        failed.append(_what(error, spool))
    if failed:
        more = f" (and {len(failed) - 1} more such)" if len(failed) > 1 else ""
        raise LakeError(
            f"lake {target}: {failed[0]}{more}; mend it and type: "
            "sekisho logs flush (the records wait in the spool)"
        )
    return total


def _what(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename or path}"
    return f"{' '.join(str(error).split())}: {path}"


@contextmanager
def _elected(spool: Path) -> Generator[None]:
    descriptor = os.open(spool / "flush.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        if not segments.lock(descriptor):
            raise LakeError(f"spool {spool}: another process is flushing it; wait and try again")
        yield
    finally:
        os.close(descriptor)


def _flush_if_free(
    connection: duckdb.DuckDBPyConnection, segment: Segment, target: Path
) -> Flushed:
    # The lock of a living writer can't be had; that of a dead one can, whatever its pid is now.
    try:
        descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # closed by its writer just now: the next run takes it
        return Flushed()
    try:
        if not segments.lock(descriptor):
            return Flushed()
        done = _store(connection, segment, target)
        # The writer may have closed it between our listing and our lock.
        for path in (segment.path, segment.path.with_suffix(segments.CLOSED)):
            path.unlink(missing_ok=True)
        return done
    finally:
        os.close(descriptor)


def _store(connection: duckdb.DuckDBPyConnection, segment: Segment, target: Path) -> Flushed:
    path = segment.path
    if not path.exists():
        path = path.with_suffix(segments.CLOSED)
    lines, _torn = segments.lines(path.read_bytes())  # a torn line was never acknowledged
    good = _load(connection, lines)
    bad = [line for line in lines if line not in good]
    if bad:
        _set_aside(segment, bad)
    days = sorted({record.start_time.date().isoformat() for record in good.values()})
    written = sum(_write_day(connection, segment, target, day) for day in days)
    expected = len({record.request_id for record in good.values()})
    if written < expected:
        raise LakeError(f"{written} of {expected} records arrived")
    return Flushed(1, expected, len(days), len(bad))


def _load(connection: duckdb.DuckDBPyConnection, lines: Sequence[bytes]) -> dict[bytes, Record]:
    """Fill the table `batch` with those lines that are records, and return these."""
    good = {line: record for line in lines if (record := codec.record_or_none(line)) is not None}
    try:
        engine.load_lines(connection, "batch", list(good))
    except duckdb.Error:  # a line that our reader let through: look for it one by one
        good = {line: record for line, record in good.items() if _loads(connection, line)}
        engine.load_lines(connection, "batch", list(good))
    return good


def _loads(connection: duckdb.DuckDBPyConnection, line: bytes) -> bool:
    try:
        engine.load_lines(connection, "batch", [line])
    except duckdb.Error:
        return False
    return True


def _set_aside(segment: Segment, bad: Sequence[bytes]) -> None:
    folder = segment.path.parent / segments.BAD_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / f"{segment.name}.draft"
    draft.write_bytes(b"\n".join(bad) + b"\n")
    draft.replace(folder / f"{segment.name}.jsonl")


def _write_day(
    connection: duckdb.DuckDBPyConnection, segment: Segment, target: Path, day: str
) -> int:
    folder = target / f"dt={day}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{segment.name}.draft"
    found = connection.execute(
        f"COPY (SELECT * FROM batch WHERE CAST(start_time AS DATE) = DATE '{day}' "  # noqa: S608 - own text
        f"{engine.ONCE} ORDER BY start_time) TO {engine.quoted(draft)} "
        "(FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    _sync(draft)
    draft.replace(folder / f"{segment.name}.parquet")
    _sync(folder)
    return int(found[0]) if found else 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_drafts(spool: Path) -> None:
    """Remove `.new` files of writers that died before they wrote."""
    for segment in segments.find(spool, segments.NEW):
        if time.time() - segment.path.stat().st_mtime > _DRAFT_SECONDS:
            segment.path.unlink(missing_ok=True)


def _add(one: Flushed, other: Flushed) -> Flushed:
    return Flushed(
        one.segments + other.segments,
        one.records + other.records,
        one.files + other.files,
        one.bad_lines + other.bad_lines,
    )
