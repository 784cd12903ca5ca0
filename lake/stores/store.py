"""Where files of the lake are kept: a folder here, a bucket in `s3`, both behind `Store`.

Keys are relative to the lake, as `usage/dt=2026-11-21/x.parquet`.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from .. import place
from ..place import LakeError

_DRAFT_SECONDS = 3600.0  # older ones are of processes that died
_READ_SECONDS = 30.0


class Changed(LakeError):
    """Another process has replaced, made or deleted the object meanwhile; nothing was written."""


class Denied(LakeError):
    """The lake is there and says no: credentials or permissions must be mended by a person."""


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the lake: size in bytes, when it was written (UTC), and what tells it apart."""

    key: str
    size: int
    changed: datetime
    tag: str


class Store(Protocol):
    """What the lake asks of the place that it is in. Every method raises LakeError."""

    name: str

    def put(self, key: str, path: Path) -> None:
        """Store a file, whole or not at all, in place of what is there."""
        ...

    def replace(self, key: str, path: Path, tag: str | None) -> None:
        """The same, if the object still has this tag; None: if there is none. Raises Changed."""
        ...

    def fetch(self, key: str, path: Path) -> str | None:
        """Copy an object into a file; its tag, or None when there is no such object."""
        ...

    def list(self, prefix: str) -> list[Item]:
        """The objects whose keys begin with `prefix`, by key."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; it is no error when there is none."""
        ...


def open_store(lake: str, *, read_seconds: float = _READ_SECONDS, attempts: int = 3) -> Store:
    """The store of `file:///folder` or `s3://bucket/prefix`; nothing is asked of it yet.

    Each call to a bucket waits for an answer `read_seconds` at most, and is tried so many times.
    Raises LakeError for a URL that is neither.
    """
    if not place.is_s3(lake):
        return FolderStore(place.folder(lake))
    # boto3 costs 40 MB and a third of a second, which nobody pays whose lake is a folder.
    from .s3 import S3Store

    return S3Store(lake, read_seconds=read_seconds, attempts=attempts)


class FolderStore:
    """A lake in a folder. Names that begin with a dot are its own."""

    def __init__(self, folder: Path) -> None:
        """The folder need not be there yet."""
        self.name = folder.as_uri()
        self._folder = folder

    def put(self, key: str, path: Path) -> None:
        """Store a file: on disk when this returns, and never half."""
        with self._explained(), self._draft(key, path) as draft:
            self._move(draft, key)

    def replace(self, key: str, path: Path, tag: str | None) -> None:
        """Store a file if the object still has this tag. Raises Changed."""
        with self._explained(), self._draft(key, path) as draft, self._alone():
            if self._tag(key) != tag:
                raise Changed(f"lake {self.name}: {key} was changed by another process; try again")
            self._move(draft, key)

    def fetch(self, key: str, path: Path) -> str | None:
        """Copy an object into a file, as it was at one moment."""
        with self._explained():
            try:
                source = self._path(key).open("rb")
            except FileNotFoundError:
                return None
            with source, path.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                return _tag_of(os.fstat(source.fileno()))

    def list(self, prefix: str) -> list[Item]:
        """The objects whose keys begin with `prefix`, by key."""
        with self._explained():
            parent = self._folder / prefix.rpartition("/")[0]
            found = [self._item(path) for path in parent.rglob("*") if _is_object(path)]
            items = [item for item in found if item and item.key.startswith(prefix)]
            return sorted(items, key=lambda item: item.key)

    def delete(self, key: str) -> None:
        """Delete an object, and its folder with the last one."""
        with self._explained():
            path = self._path(key)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts:
            raise LakeError(f"lake {self.name}: {key!r} is no key")
        return self._folder / parts

    def _item(self, path: Path) -> Item | None:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        key = path.relative_to(self._folder).as_posix()
        changed = datetime.fromtimestamp(found.st_mtime, UTC)
        return Item(key, found.st_size, changed, _tag_of(found))

    def _tag(self, key: str) -> str | None:
        try:
            return _tag_of(self._path(key).stat())
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _draft(self, key: str, source: Path) -> Generator[Path]:
        """The content beside its place, on disk, under a name of this process only."""
        target = self._path(key)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_old_drafts(target.parent)
        draft = target.parent / f".{target.name}.{secrets.token_hex(4)}.draft"
        try:
            with source.open("rb") as old, draft.open("xb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _move(self, draft: Path, key: str) -> None:
        target = self._path(key)
        draft.replace(target)
        for folder in target.parents:  # the folders may be new, too
            sync_folder(folder)
            if folder == self._folder:
                return

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        descriptor = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for microseconds
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename2 or error.filename or self._folder
            raise LakeError(
                f"lake {self._folder}: {error.strerror}: {where}; make room there or mend the "
                "folder"
            ) from error


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tag_of(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _is_object(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def _remove_old_drafts(folder: Path) -> None:
    for path in folder.glob(".*.draft"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _DRAFT_SECONDS:
                path.unlink()
