"""The writer's end of a folder of segments: a line is on disk before `append` returns.

Lines of one request can belong together: its end goes to the segment that has its beginning, so
that a segment whose writer is gone tells by itself which requests were cut off.
"""

import contextlib
import os
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from . import segments
from .writer import Writer

# Measured in the log-lake study: 8 MB segments keep the shipper under 200 MB of memory.
ROLL_BYTES = 8 * 1024 * 1024
ROLL_SECONDS = 300.0

# So many segments may wait for the last of their requests, each with a descriptor. With as many,
# the next one grows beyond its size and age: at one segment a minute that takes three hours and
# a request in each that hangs so long.
MOST_WAITING = 200

_PROBE = bytes(65536)


class _Process:
    """This process; asking the system for it with each line would cost as much as the lock."""

    pid = os.getpid()


def _remember() -> None:
    _Process.pid = os.getpid()


os.register_at_fork(after_in_child=_remember)


class SpoolError(Exception):
    """A line could not be written; nothing half-written stays. The request must go on.

    `reason` is the system's word for it.
    """

    def __init__(self, folder: Path, reason: str | None) -> None:
        self.reason = reason or "unknown error"
        super().__init__(
            f"spool {folder}: {self.reason}. Free disk space or mend the folder; writing goes on "
            "by itself then"
        )


class TooLate(Exception):
    """The segment of a request was closed before its end; its beginning stands for it."""


@dataclass(slots=True, eq=False)
class Begun:
    """Where the beginning of a request is; good for one `end`."""

    segment: Writer | None


class Spool:
    """Appends lines to this process's own segments; safe for threads.

    A line survives `kill -9` as soon as `append` returns (the kernel has it). A power cut can take
    what came after the last `sync`.
    """

    def __init__(
        self,
        folder: Path,
        instance: str,
        *,
        roll_bytes: int = ROLL_BYTES,
        roll_seconds: float = ROLL_SECONDS,
    ) -> None:
        """`instance` names this process in the segments' names. Touches no disk yet."""
        self.folder = folder
        self.written = 0
        self.failed = 0
        # Why the last line could not be written, in one line; None when it was, or could be.
        self.trouble: str | None = None
        self._instance = re.sub("[^0-9A-Za-z]+", "_", instance)[:40]
        self._roll_bytes = roll_bytes
        self._roll_seconds = roll_seconds
        self._count = 0
        self._pid = _Process.pid
        self._lock = threading.Lock()
        self._open: Writer | None = None
        self._waiting: list[Writer] = []  # due; no line comes but the ends of their requests
        self._unsynced: deque[Path] = deque(maxlen=1000)  # closed since the last sync
        self._new_names = False

    def append(self, line: bytes) -> None:
        """Write a line, newline included. Raises SpoolError: full disk, folder not ours."""
        with self._lock:
            self._write(line, None)

    def begin(self, line: bytes) -> Begun:
        """Write the beginning of a request, which must be ended or dropped. Raises SpoolError."""
        with self._lock:
            segment = self._write(line, None)
            segment.running += 1
        return Begun(segment)

    def end(self, begun: Begun | None, line: bytes) -> None:
        """Write the end of a request into the segment of its beginning, if it has one.

        Raises SpoolError, and may then be tried again; TooLate after `close`. A deleted segment
        has taken the beginning with it: the end goes to another one.
        """
        with self._lock:
            if begun is None:
                self._write(line, None)
                return
            self._leave_to_parent()
            segment = begun.segment
            if segment is None or segment.descriptor < 0:
                raise TooLate(f"spool {self.folder}: closed before the end of a request")
            self._write(line, None if segment.is_gone else segment)
            self._release(begun)

    def drop(self, begun: Begun) -> None:
        """Give up the end of a request: its beginning stands for it."""
        with self._lock:
            self._release(begun)

    def roll_if_due(self) -> None:
        """Close a segment that is old enough, so that it can go to the lake without new traffic.

        Call it every few seconds: it also finds out whether a spool that failed works again,
        for no request comes to a gateway that says it is not ready. Raises SpoolError.
        """
        if self.trouble is not None:
            with contextlib.suppress(OSError):
                self._probe()
                self.trouble = None
        with self._lock:
            self._leave_to_parent()
            segment = self._open
            if segment is not None and (segment.is_gone or self._is_old(segment)):
                self._retire(segment)

    def sync(self) -> None:
        """Bring to the disk itself what was written since the last time. Raises SpoolError.

        For a thread: it waits for the disk, outside the lock that requests need.
        """
        with self._lock:
            dirty = [segment for segment in self._all() if segment.dirty]
            for segment in dirty:
                segment.dirty = False
            paths = [*self._unsynced, *(segment.path for segment in dirty)]
            self._unsynced.clear()
            if self._new_names:
                paths.append(self.folder)
                self._new_names = False
        for number, path in enumerate(paths):
            try:
                _sync(path)
            except OSError as error:
                self._unsynced.extend(paths[number:])  # for the next time
                raise SpoolError(self.folder, f"not synced: {error.strerror}") from error

    def rest(self) -> None:
        """Close what no request runs in. The others' segments stay ours until this process ends,
        and then count as orphans: what is written until then is not too late.
        """
        with self._lock:
            self._leave_to_parent()
            if self._open is not None:
                self._retire(self._open)

    def close(self) -> None:
        """Close everything; requests that have not ended stay as beginnings. Raises SpoolError.

        The next `append` begins another segment.
        """
        self.sync()
        with self._lock:
            self._leave_to_parent()
            found, self._open, self._waiting = self._all(), None, []
            for segment in found:
                self._close(segment)

    def _all(self) -> list[Writer]:
        return [*self._waiting, *([self._open] if self._open is not None else [])]

    def _write(self, line: bytes, segment: Writer | None) -> Writer:
        """To this segment or, when it is None, to the one for new lines. Raises SpoolError."""
        more = len(line)
        try:
            if segment is None:
                segment = self._open
                if segment is None or self._pid != _Process.pid or self._is_due(segment, more):
                    segment = self._next()
            segment.write(line)
        except OSError as error:
            self.failed += 1
            self.trouble = f"spool {self.folder}: {error.strerror}"
            raise SpoolError(self.folder, error.strerror) from error
        self.written += 1
        self.trouble = None
        return segment

    def _next(self) -> Writer:
        """A new segment for new lines. Raises OSError."""
        self._leave_to_parent()
        if self._open is not None:
            with contextlib.suppress(SpoolError):  # then it counts as an orphan, and is read too
                self._retire(self._open)
        self._open = Writer.begin(self.folder, self._name(), self._roll_seconds)
        self._new_names = True
        return self._open

    def _is_due(self, segment: Writer, more: int) -> bool:
        """Whether it is full, with so many bytes more, or deleted by someone."""
        full = segment.size + more > self._roll_bytes and segment.size > 0
        return segment.is_gone or (full and len(self._waiting) < MOST_WAITING)

    def _is_old(self, segment: Writer) -> bool:
        return time.monotonic() >= segment.due and len(self._waiting) < MOST_WAITING

    def _retire(self, segment: Writer) -> None:
        self._open = None
        if segment.running:
            self._waiting.append(segment)
        else:
            self._close(segment)

    def _release(self, begun: Begun) -> None:
        segment, begun.segment = begun.segment, None
        if segment is None or segment.descriptor < 0:
            return
        segment.running -= 1
        if not segment.running and segment in self._waiting:
            self._waiting.remove(segment)
            with contextlib.suppress(SpoolError):  # the line is written; an orphan is read too
                self._close(segment)

    def _close(self, segment: Writer) -> None:
        try:
            path = segment.close()
        except OSError as error:
            raise SpoolError(self.folder, error.strerror) from error
        if path is not None and segment.dirty:
            self._unsynced.append(path)
            self._new_names = True

    def _probe(self) -> None:
        """Raise OSError unless the folder takes a file again: one, and some bytes in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / (self._name() + segments.NEW)
        try:
            if path.write_bytes(_PROBE) != len(_PROBE):
                raise OSError(0, "No space left on device")
        finally:
            path.unlink(missing_ok=True)

    def _leave_to_parent(self) -> None:
        """After a fork: the segments, their locks and requests are the parent's."""
        if self._pid == _Process.pid:
            return
        for segment in self._all():
            segment.forget()
        self._open, self._waiting, self._pid = None, [], _Process.pid
        self._unsynced.clear()

    def _name(self) -> str:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._count += 1
        return f"{stamp}-{self._instance}-{os.getpid()}-{self._count:06d}-{secrets.token_hex(4)}"


def _sync(path: Path) -> None:
    """Sync a segment under whichever of its names it has now, or a folder. Raises OSError.

    By a descriptor of its own: one shared with the writer would keep the writer's lock alive.
    """
    for name in (path, path.with_suffix(segments.CLOSED)):
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return
