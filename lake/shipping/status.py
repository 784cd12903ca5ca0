"""How full the spool is, how far the lake has come, and what a person on call should mend."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .. import codec, place
from ..spool import room, segments
from ..spool.segments import Segment
from . import batches, progress
from .progress import Progress

# A shipper tells every ten seconds that it lives; while it waits for a slow lake, at each attempt.
_SILENT_SECONDS = 300.0
_LATE_SECONDS = 600.0
_SHED = b'"payload_logged":"shed"'


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """Counts of records and files, sizes in bytes, times in UTC.

    `records_waiting` are rows in the spool, `requests_running` requests that have begun and have no
    row yet (or were cut off). `shed_waiting` of the rows lost their prompts to a full disk. What
    the lake has is None for a bucket: listing it needs rights that the gateway doesn't.
    """

    spool_segments_open: int
    spool_segments_closed: int
    spool_bytes: int
    disk_free_bytes: int
    records_waiting: int
    requests_running: int
    shed_waiting: int
    oldest_waiting: datetime | None
    batches_waiting: int
    bad_lines: int
    lake_files: int | None
    lake_bytes: int | None
    first_day: str | None
    last_day: str | None
    shipper: Progress | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much: SEKISHO_SPOOL_BYTES, SEKISHO_SHIP_SECONDS."""

    spool_bytes: int
    ship_seconds: float


def status(lake: str, spool: Path, limits: Limits) -> LakeStatus:
    """Look at spool and lake. Raises LakeError for a lake that can't be."""
    place.check(lake)
    rows = segments.find(spool)
    found = [*rows, *segments.find(spool / segments.BODIES_FOLDER)]
    waiting = running = shed = 0
    oldest: datetime | None = None
    for segment in rows:
        lines = segments.lines(segments.content(segment))[0]
        ended = segments.rows(lines)
        waiting += len(ended)
        running += len(segments.settled(lines)) - len(segments.settled(ended))
        shed += sum(_SHED in line for line in ended)
        oldest = oldest or _first_start(ended)
    files, size, days = _lake(lake)
    shipper = progress.read(spool)
    used, free = segments.total_bytes(spool), room.free_bytes(spool)
    bad = _bad_lines(spool)
    problems = [
        *_shipping(shipper, found, limits),
        *_room(used, free, limits, shed),
        *([f"{bad} lines are no records and were set aside: {spool / 'bad'}"] if bad else []),
    ]
    return LakeStatus(
        spool_segments_open=sum(segment.is_open for segment in found),
        spool_segments_closed=sum(not segment.is_open for segment in found),
        spool_bytes=used,
        disk_free_bytes=free,
        records_waiting=waiting,
        requests_running=running,
        shed_waiting=shed,
        oldest_waiting=oldest,
        batches_waiting=len(batches.pending(spool)),
        bad_lines=bad,
        lake_files=files,
        lake_bytes=size,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        shipper=shipper,
        problems=tuple(problems),
    )


def _shipping(shipper: Progress | None, found: Sequence[Segment], limits: Limits) -> Iterator[str]:
    """What is wrong between spool and lake."""
    if shipper is not None and shipper.trouble is not None:
        yield (
            f"the last {shipper.consecutive_failures} attempts to ship failed: {shipper.trouble}"
        )
    closed = [_begun(one) for one in found if not one.is_open]
    now = datetime.now(UTC)
    waited = (now - min(closed)).total_seconds() if closed else 0.0
    if waited > 2 * limits.ship_seconds + _LATE_SECONDS:
        yield (
            f"finished records have waited for {waited / 60:.0f} minutes; by hand: sekisho logs "
            "flush"
        )
    silent = (now - shipper.at).total_seconds() if shipper else waited
    if closed and silent > _SILENT_SECONDS:
        yield (
            "nothing ships this spool: start the gateway (sekisho up), or sekisho logs ship"
            if shipper is None
            else f"nothing has shipped this spool since {shipper.at:%Y-%m-%d %H:%M:%S} UTC: look "
            "for sekisho.ship in the gateway's log, or start: sekisho logs ship"
        )


def _room(used: int, free: int, limits: Limits, shed: int) -> Iterator[str]:
    if used > 0.8 * limits.spool_bytes:
        yield (
            f"the spool uses {used >> 20} of {limits.spool_bytes >> 20} MiB "
            "(SEKISHO_SPOOL_BYTES): prompts and answers are left out of the log"
        )
    if free < room.LEAST_FREE:
        yield f"the spool's disk has {free >> 20} MiB left: make room there"
    if shed:
        yield f"{shed} waiting rows have no prompts and answers, for want of room"


def _begun(segment: Segment) -> datetime:
    """When a segment was begun; one of another name, when it was written last."""
    begun = segments.begun_at(segment)
    if begun is not None:
        return begun
    try:
        return datetime.fromtimestamp(segment.path.stat().st_mtime, UTC)
    except FileNotFoundError:  # shipped just now
        return datetime.now(UTC)


def _first_start(lines: Sequence[bytes]) -> datetime | None:
    for line in lines:
        record = codec.record_or_none(line)
        if record is not None:
            return record.start_time
    return None


def _lake(lake: str) -> tuple[int | None, int | None, list[str]]:
    """Files, bytes and days of a lake that is a folder."""
    if place.is_s3(lake):
        return None, None, []
    files = sorted(place.usage_folder(lake).glob("dt=*/*.parquet"))
    days = [file.parent.name.removeprefix("dt=") for file in files]
    return len(files), sum(map(_size, files)), days


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # compacted just now
        return 0


def _bad_lines(spool: Path) -> int:
    found = (spool / segments.BAD_FOLDER).glob("*.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in found)
