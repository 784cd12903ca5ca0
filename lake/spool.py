"""The writer's end of the spool: one line of JSON for each record, on disk before it returns."""

import contextlib
import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import codec, segments
from .record import Record

# Measured in the log-lake study: 8 MB segments keep the flusher under 200 MB of memory.
ROLL_BYTES = 8 * 1024 * 1024
ROLL_SECONDS = 300.0


class SpoolError(Exception):
    """A record could not be written; nothing half-written stays. The request must go on."""


@dataclass(slots=True)
class _Open:
    descriptor: int
    path: Path
    size: int
    since: float
    pid: int


class Spool:
    """Appends records to this process's own segments; safe for threads.

    A record survives `kill -9` as soon as `append` returns (the kernel has it). A power cut can
    take what the kernel had not written to disk yet, some seconds.
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
        # Why the last record could not be written, in one line; None when it was, or could be.
        self.trouble: str | None = None
        self._instance = re.sub("[^0-9A-Za-z]+", "_", instance)[:40]
        self._roll_bytes = roll_bytes
        self._roll_seconds = roll_seconds
        self._count = 0
        self._lock = threading.Lock()
        self._open: _Open | None = None

    def append(self, record: Record) -> None:
        """Write one record. Raises SpoolError when the disk is full or the folder is not ours."""
        line = codec.encode(record)
        with self._lock:
            try:
                self._write(self._segment(len(line)), line)
            except OSError as error:
                self.failed += 1
                self.trouble = f"spool {self.folder}: {error.strerror}"
                raise SpoolError(
                    f"spool {self.folder}: {error.strerror}; record {record.request_id} is lost. "
                    "Free disk space or mend the folder; writing goes on by itself then"
                ) from error
            self.written += 1
            self.trouble = None

    def roll_if_due(self) -> None:
        """Close a segment that is old enough, so that it can go to the lake without new traffic.

        Call it every few seconds: it also finds out whether a spool that failed works again,
        for no request comes to a gateway that says it is not ready. Raises SpoolError.
        """
        with self._lock:
            if self.trouble is not None:
                self._try_again()
            if self._open is not None and self._is_due(self._open, 0):
                self._close()

    def close(self) -> None:
        """Sync and close the segment; the next append begins another. Raises SpoolError."""
        with self._lock:
            self._close(sync=True)

    def _try_again(self) -> None:
        with contextlib.suppress(OSError):
            self._segment(0)
            self.trouble = None

    def _segment(self, more: int) -> _Open:
        found = self._open
        if found is not None and found.pid != os.getpid():
            # After a fork the segment and its lock are the parent's.
            os.close(found.descriptor)
            found = self._open = None
        if found is not None and self._is_due(found, more):
            with contextlib.suppress(SpoolError):  # then it counts as an orphan, and is read too
                self._close()
        if self._open is None:
            self._open = self._begin()
        return self._open

    def _is_due(self, segment: _Open, more: int) -> bool:
        full = segment.size > 0 and segment.size + more > self._roll_bytes
        old = time.monotonic() - segment.since >= self._roll_seconds
        gone = os.fstat(segment.descriptor).st_nlink == 0
        return full or old or gone

    def _begin(self) -> _Open:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._count += 1
        name = f"{stamp}-{self._instance}-{os.getpid()}-{self._count:06d}-{secrets.token_hex(4)}"
        draft = self.folder / (name + segments.NEW)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600)
        try:
            # Locked before it gets the name under which a flusher would look for orphans.
            if not segments.lock(descriptor):
                raise OSError(0, "a new segment was locked by another program")
            path = draft.rename(draft.with_suffix(segments.OPEN))
        except BaseException:
            os.close(descriptor)
            raise
        return _Open(descriptor, path, 0, time.monotonic(), os.getpid())

    def _write(self, segment: _Open, line: bytes) -> None:
        try:
            count = os.write(segment.descriptor, line)
            if count == len(line):
                segment.size += count
                return
        except OSError:
            os.ftruncate(segment.descriptor, segment.size)
            raise
        os.ftruncate(segment.descriptor, segment.size)
        raise OSError(0, "No space left on device")

    def _close(self, *, sync: bool = False) -> None:
        segment, self._open = self._open, None
        if segment is None:
            return
        try:
            if segment.pid != os.getpid() or os.fstat(segment.descriptor).st_nlink == 0:
                return
            if segment.size == 0:
                segment.path.unlink()
                return
            if sync:  # not when rolling: that is on a request's way
                os.fsync(segment.descriptor)
            segment.path.rename(segment.path.with_suffix(segments.CLOSED))
        except OSError as error:
            # Not lost: without its lock it counts as an orphan, which the flusher takes.
            raise SpoolError(f"spool {self.folder}: {error.strerror}") from error
        finally:
            os.close(segment.descriptor)
