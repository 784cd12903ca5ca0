"""How full the spool is and how far the lake has come."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import codec, place, segments
from .segments import Segment


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """Counts of records and files, sizes in bytes; `oldest_waiting` is UTC."""

    spool_segments_open: int
    spool_segments_closed: int
    spool_bytes: int
    records_waiting: int
    oldest_waiting: datetime | None
    bad_lines: int
    lake_files: int
    lake_bytes: int
    first_day: str | None
    last_day: str | None


def status(lake: str, spool: Path) -> LakeStatus:
    """Look at spool and lake; a few milliseconds, no record is read. Raises LakeError."""
    found = segments.find(spool)
    contents = [segments.content(segment) for segment in found]
    files = sorted(place.usage_folder(lake).glob("dt=*/*.parquet"))
    days = [file.parent.name.removeprefix("dt=") for file in files]
    bad = (spool / segments.BAD_FOLDER).glob("*.jsonl")
    return LakeStatus(
        spool_segments_open=sum(segment.is_open for segment in found),
        spool_segments_closed=sum(not segment.is_open for segment in found),
        spool_bytes=sum(map(len, contents)),
        records_waiting=sum(content.count(b"\n") for content in contents),
        oldest_waiting=_oldest(found),
        bad_lines=sum(file.read_bytes().count(b"\n") for file in bad),
        lake_files=len(files),
        lake_bytes=sum(file.stat().st_size for file in files),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
    )


def _oldest(found: list[Segment]) -> datetime | None:
    for segment in found:
        lines, _torn = segments.lines(segments.content(segment))
        for line in lines:
            record = codec.record_or_none(line)
            if record is not None:
                return record.start_time
    return None
