"""Files that are needed for a moment: in memory where that is possible, so that a full disk, which
only the shipper can empty, does not stop the shipper.
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import duckdb


@contextmanager
def lines(found: Iterable[bytes]) -> Generator[Path]:
    """A file with these lines, each with a newline after it."""
    with _in_memory() as path, path.open("wb") as file:
        for line in found:
            file.write(line)
            file.write(b"\n")
        file.flush()
        yield path


@contextmanager
def _in_memory() -> Generator[Path]:
    if not hasattr(os, "memfd_create"):  # not Linux
        with TemporaryDirectory(prefix="sekisho-") as folder:
            yield Path(folder) / "file"
        return
    descriptor = os.memfd_create("sekisho")
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


class Room(Protocol):
    """Where the files of a batch are made; `overflow` is for what DuckDB can't hold, or empty."""

    @property
    def overflow(self) -> str:
        """A folder's path."""
        ...

    def path(self, name: str) -> Path:
        """A path for a file of that name; nothing is there yet."""
        ...


@contextmanager
def room(folder: Path | None) -> Generator[Room]:
    """A new, empty place below `folder` instead of what is there, or None: in memory. Gone at the
    end.

    Its name is of this call only: another process that makes the same batch takes files away, but
    puts none of its own, perhaps half-written, in their place.
    """
    if folder is None:
        with ExitStack() as stack:
            yield _Memory(stack)
        return
    shutil.rmtree(folder, ignore_errors=True)
    own = folder / secrets.token_hex(4)
    own.mkdir(mode=0o700, parents=True)
    try:
        yield _Folder(own)
    finally:
        shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process has its own in there
            folder.rmdir()


@dataclass(frozen=True, slots=True)
class _Folder:
    folder: Path

    @property
    def overflow(self) -> str:
        return str(self.folder / "overflow")

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True, slots=True)
class _Memory:
    stack: ExitStack
    overflow: str = ""

    def path(self, name: str) -> Path:  # noqa: ARG002 - files in memory have no names
        return self.stack.enter_context(_in_memory())


def is_disk_full(error: BaseException | None) -> bool:
    """Whether DuckDB or the system ran out of disk, by the error or what it came from."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, duckdb.Error) and "No space left" in str(error):
        return True
    return error is not None and is_disk_full(error.__cause__)
