"""One segment while it is written: its lock, its names, and lines whole or not at all."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import segments


@dataclass(slots=True, eq=False)
class Writer:
    """An open segment of this process. Not safe for threads; its `Spool` takes care of that.

    `size` in bytes, `due` in `time.monotonic()` seconds; `running` counts the requests that
    have begun in it and not ended, `dirty` tells whether it has lines that were not synced, `torn`
    whether it may end in half a line. `descriptor` is -1 when nothing can be written to it any
    more.
    """

    descriptor: int
    path: Path
    due: float
    size: int = 0
    running: int = 0
    dirty: bool = False
    torn: bool = False

    @classmethod
    def begin(cls, folder: Path, name: str, seconds: float) -> Self:
        """Make an empty segment, due in so many seconds, and the folder when there is none.

        Raises OSError.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / (name + segments.NEW)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o600)
        try:
            # Locked before it gets the name under which a shipper would look for orphans.
            if not segments.lock(descriptor):
                raise OSError(0, "a new segment was locked by another program")
            path = draft.rename(draft.with_suffix(segments.OPEN))
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, path, time.monotonic() + seconds)

    @property
    def is_gone(self) -> bool:
        """Whether someone has deleted it."""
        return os.fstat(self.descriptor).st_nlink == 0

    def write(self, line: bytes) -> None:
        """Append a line, newline included; one that doesn't fit is taken back. Raises OSError."""
        if self.torn:
            line = b"\n" + line
        try:
            if os.write(self.descriptor, line) != len(line):
                raise OSError(0, "No space left on device")
        except OSError:
            self._take_back()
            raise
        self.size += len(line)
        self.dirty, self.torn = True, False

    def _take_back(self) -> None:
        """Cut off half a line; where that fails it stays, as a line of its own."""
        try:
            os.ftruncate(self.descriptor, self.size)
        except OSError:
            self.torn = True
            self.size = os.fstat(self.descriptor).st_size

    def close(self) -> Path | None:
        """Give it to the shipper under the name that is returned; None when it had nothing.

        Raises OSError. Then it is not lost either: without its lock it counts as an orphan.
        """
        descriptor, self.descriptor = self.descriptor, -1
        try:
            if os.fstat(descriptor).st_nlink == 0:
                return None
            if self.size == 0:
                self.path.unlink()
                return None
            return self.path.rename(self.path.with_suffix(segments.CLOSED))
        finally:
            os.close(descriptor)

    def forget(self) -> None:
        """Let go of a parent's segment, in a child process: the parent keeps file and lock."""
        descriptor, self.descriptor = self.descriptor, -1
        os.close(descriptor)
