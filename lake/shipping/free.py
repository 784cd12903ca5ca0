"""Segments that nobody writes to any more, and which of them go to the lake together."""

import os
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..spool import segments
from ..spool.segments import Segment
from . import batches

BODIES_BYTES = 32 << 20
ROWS_BYTES = 4 << 20

_DRAFT_SECONDS = 60.0  # a living writer keeps a draft for microseconds


@dataclass(frozen=True, slots=True)
class FreeSegment:
    """A closed segment: `begun` by its name and `changed`, seconds since 1970, size in bytes."""

    name: str
    size: int
    begun: float
    changed: float


@dataclass(frozen=True, slots=True)
class Free:
    """What can go to the lake, oldest first; `unreadable` says what can't, and why."""

    usage: tuple[FreeSegment, ...]
    bodies: tuple[FreeSegment, ...]
    unreadable: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is something."""
        return bool(self.usage or self.bodies)

    @property
    def is_much(self) -> bool:
        """Whether it is enough for a batch, however young it is."""
        return _size(self.usage) >= ROWS_BYTES or _size(self.bodies) >= BODIES_BYTES

    def choose(self) -> tuple[list[str], list[str]]:
        """Names of the segments of rows and of bodies that make the next batch.

        Rows wait for the bodies that may be theirs: those of segments that were begun before the
        rows' segment was written last.
        """
        bodies = _first(self.bodies, BODIES_BYTES, batches.MOST_SEGMENTS // 2)
        later = self.bodies[len(bodies) :]
        ready = self.usage
        if later:
            ready = tuple(rows for rows in self.usage if rows.changed < later[0].begun)
        usage = _first(ready, ROWS_BYTES, batches.MOST_SEGMENTS // 2)
        return [segment.name for segment in usage], [segment.name for segment in bodies]


def find(spool: Path, taken: Iterable[str]) -> Free:
    """The free segments without those of the names `taken`; orphans are taken over.

    Raises OSError.
    """
    known = frozenset(taken)
    unreadable: list[str] = []
    usage = _free(spool, known, unreadable)
    bodies = _free(spool / segments.BODIES_FOLDER, known, unreadable)
    return Free(usage, bodies, tuple(unreadable))


def remove_drafts(spool: Path) -> None:
    """Remove `.new` files of writers that died before they wrote. Raises OSError."""
    for folder in (spool, spool / segments.BODIES_FOLDER):
        for segment in segments.find(folder, segments.NEW):
            try:
                if time.time() - segment.path.stat().st_mtime > _DRAFT_SECONDS:
                    segment.path.unlink()
            except FileNotFoundError:
                continue


def is_written(spool: Path) -> bool:
    """Whether somebody has a segment open. Raises OSError."""
    folders = (spool, spool / segments.BODIES_FOLDER)
    found = [one for folder in folders for one in segments.find(folder, segments.OPEN)]
    return any(_take_over(segment.path) is None and segment.path.exists() for segment in found)


def _free(folder: Path, taken: frozenset[str], unreadable: list[str]) -> tuple[FreeSegment, ...]:
    found: list[FreeSegment] = []
    for segment in segments.find(folder):
        if segment.name in taken:
            continue
        try:
            one = _look(segment)
        except OSError as error:
            unreadable.append(f"{error.strerror}: {segment.path}")
            continue
        if one is not None:
            found.append(one)
    return tuple(found)


def _look(segment: Segment) -> FreeSegment | None:
    path = _take_over(segment.path) if segment.is_open else segment.path
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(0, "not a file")
    if status.st_size == 0:
        path.unlink()
        return None
    begun = segments.begun_at(segment)
    since = status.st_mtime if begun is None else begun.timestamp()
    return FreeSegment(segment.name, status.st_size, since, status.st_mtime)


def _take_over(path: Path) -> Path | None:
    """Close the segment of a dead writer; None when its writer lives, or has closed it."""
    # The lock of a living writer can't be had; that of a dead one can, whatever its pid is now.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not segments.lock(descriptor):
            return None
        return path.rename(path.with_suffix(segments.CLOSED))
    except FileNotFoundError:  # its writer closed it between our opening and our lock
        return None
    finally:
        os.close(descriptor)


def _first(found: Sequence[FreeSegment], most_bytes: int, most: int) -> list[FreeSegment]:
    """The first of them, until they have so many bytes."""
    chosen: list[FreeSegment] = []
    size = 0
    for segment in found[:most]:
        if size >= most_bytes:
            break
        chosen.append(segment)
        size += segment.size
    return chosen


def _size(found: Iterable[FreeSegment]) -> int:
    return sum(segment.size for segment in found)
