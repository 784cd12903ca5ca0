"""The names and states of spool segments, and how to read one that may still be written.

`X.new` is being made, `X.open` belongs to a living writer (which holds its flock) or to a dead
one, `X.closed` waits for the lake. Lines that are no records go to `bad/`.
"""

import fcntl
from dataclasses import dataclass
from pathlib import Path

NEW, OPEN, CLOSED = ".new", ".open", ".closed"
BAD_FOLDER = "bad"


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


def lock(descriptor: int) -> bool:
    """Take the exclusive flock of an open file; False when another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def snapshot(spool: Path) -> list[bytes]:
    """Every complete line that is in the spool now, oldest segment first.

    Read it before the lake: a segment that moves there meanwhile is then found twice, and
    counted once, rather than not at all.
    """
    # Two listings: one may miss an entry that is renamed while it runs.
    found = {segment.name: segment for segment in (*find(spool), *find(spool))}
    return [line for name in sorted(found) for line in lines(content(found[name]))[0]]


def content(segment: Segment) -> bytes:
    """The bytes of a segment, wherever its writer has moved it; empty when it is in the lake."""
    for path in (segment.path, segment.path.with_suffix(CLOSED)):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            continue
    return b""
