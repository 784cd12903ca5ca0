"""The names and states of spool segments, and how to read one that may still be written.

`X.new` is being made, `X.open` belongs to a living writer (which holds its flock) or to a dead
one, `X.closed` waits for the lake. Lines that are no records go to `bad/`.

A line of usage is a row, or the beginning of a request. Its row comes to the same segment, so
that in a segment that nobody writes to any more a beginning without a row is an interrupted
request, and is its row. While the segment is written it says nothing yet: `rows` leaves it out.
"""

import fcntl
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

NEW, OPEN, CLOSED = ".new", ".open", ".closed"
BAD_FOLDER = "bad"
BODIES_FOLDER = "bodies"
_WAITS = (OPEN, CLOSED, ".jsonl")

# Sound on lines of our encoder: within a text of JSON each quote has a backslash before it.
_NO_END = b'"end_time":null'
_CUT_OFF = b'"status":"interrupted"'
_REQUEST_ID = re.compile(rb'\{"request_id":"([^"\\]+)"')
_END = re.compile(rb'"end_time":"([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as found: its name without the state, and where it is now."""

    name: str
    path: Path

    @property
    def is_open(self) -> bool:
        """Whether a writer had it when it was found; that writer may be dead."""
        return self.path.suffix == OPEN


def find(spool: Path, *suffixes: str) -> list[Segment]:
    """Segments in the folder by name, oldest first; none when there is no folder."""
    try:
        paths = sorted(spool.iterdir())
    except FileNotFoundError:
        return []
    wanted = suffixes or (OPEN, CLOSED)
    return [Segment(path.stem, path) for path in paths if path.suffix in wanted]


def lines(content: bytes) -> tuple[list[bytes], int]:
    """The complete lines, without newlines, and the length of a torn last line in bytes."""
    complete, newline, torn = content.rpartition(b"\n")
    if not newline:
        return [], len(torn)
    return [line for line in complete.split(b"\n") if line], len(torn)


def is_beginning(line: bytes) -> bool:
    """Whether a line is the beginning of a request rather than its row."""
    return _NO_END in line and _CUT_OFF in line


def rows(found: Iterable[bytes]) -> list[bytes]:
    """The lines of requests that have ended."""
    return [line for line in found if not is_beginning(line)]


def settled(found: Iterable[bytes]) -> list[bytes]:
    """What became of each request, one line each, of segments that nobody writes to any more.

    A row beats a beginning, of two rows the one that ended later counts, and a beginning without
    a row is a row now. Lines that are no records stay, for whoever reads them to set aside.
    """
    best: dict[bytes, bytes] = {}
    for number, line in enumerate(found):
        match = _REQUEST_ID.match(line)
        key = match[1] if match else b"\n%d" % number
        other = best.get(key)
        if other is None or _beats(line, other):
            best[key] = line
    return list(best.values())


def _beats(line: bytes, other: bytes) -> bool:
    if is_beginning(line) or is_beginning(other):
        return not is_beginning(line)
    return _end(line) >= _end(other)


def _end(line: bytes) -> bytes:
    found = _END.search(line)
    # Without the Z, for "12:00:00" is before "12:00:00.5".
    return found[1].rstrip(b"Z") if found else b""


def begun_at(segment: Segment) -> datetime | None:
    """When a segment was begun (UTC), by its name: a little before its first line."""
    try:
        return datetime.fromisoformat(segment.name.partition("-")[0] + "Z")
    except ValueError:
        return None


def lock(descriptor: int) -> bool:
    """Take the exclusive flock of an open file; False when another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def snapshot(spool: Path) -> list[bytes]:
    """Every complete row that is in the spool now, oldest segment first.

    Read it before the lake: a segment that moves there meanwhile is then found twice, and
    counted once, rather than not at all.
    """
    # Two listings: one may miss an entry that is renamed while it runs.
    found = {segment.name: segment for segment in (*find(spool), *find(spool))}
    return [line for name in sorted(found) for line in rows(lines(content(found[name]))[0])]


def content(segment: Segment) -> bytes:
    """The bytes of a segment, wherever its writer has moved it; empty when it is in the lake."""
    for path in (segment.path, segment.path.with_suffix(CLOSED)):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            continue
    return b""


def total_bytes(spool: Path) -> int:
    """Bytes of everything that waits in the spool: rows, prompts and answers, bad lines."""
    total = 0
    for folder in (spool, spool / BODIES_FOLDER, spool / BAD_FOLDER):
        try:
            with os.scandir(folder) as entries:
                total += sum(_bytes(entry) for entry in entries if entry.name.endswith(_WAITS))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return total


def _bytes(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0  # gone to the lake just now
