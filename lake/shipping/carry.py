"""One batch to the lake: its files are made, what is no record is set aside, all is stored."""

import logging
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from ..bodies.redaction import Patterns
from ..place import LakeError
from ..spool import segments
from ..stores.store import Store, sync_folder
from . import batches, scratch
from .batches import Batch
from .parquet import Made, Writer, Written

log = logging.getLogger("sekisho.ship")

Step = Callable[[str], None]


class SpoolTrouble(Exception):
    """A batch can't be made of its segments; others may well be. One line."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the log keeps of prompts: see SEKISHO_LOG_MEDIA, and `redact` in the configuration."""

    media: Literal["hash", "full"] = "hash"
    redact: Patterns = ()


@dataclass(frozen=True, slots=True)
class Carried:
    """What a batch brought: segments, records, files and their bytes, lines that were set aside."""

    segments: int
    records: int
    files: int
    size: int
    bad_lines: int


class Carrier:
    """Brings batches of a spool to the lake. One that failed goes on where it stopped."""

    def __init__(self, spool: Path, store: Store, kept: Kept, step: Step) -> None:
        """`step` hears of each step that is done; tests let the process die in it."""
        self.store = store
        self._spool = spool
        self._kept = kept
        self._step = step
        self._ready: _Ready | None = None

    def carry(self, batch: Batch) -> Carried:
        """Store a batch and delete its segments. Doing it again stores the same.

        Raises SpoolTrouble when its files can't be made, LakeError when the lake refuses one.
        """
        ready = self._prepare(batch)
        # Prompts first: whoever sees a row finds what was said.
        for file in (*ready.payload.files, *ready.usage.files):
            if file.key not in ready.stored:
                self.store.put(file.key, file.path)
                ready.stored.add(file.key)
                self._step(f"stored {file.key.split('/')[0]}")
        size = sum(file.path.stat().st_size for file in ready.files)
        batches.done(self._spool, batch)
        self._step("done")
        self.drop()
        batches.forget(self._spool, batch, self._step)
        return Carried(
            segments=len(batch.usage) + len(batch.bodies),
            records=ready.usage.rows,
            files=len(ready.files),
            size=size,
            bad_lines=len(ready.usage.bad) + len(ready.payload.bad),
        )

    def drop(self) -> None:
        """Forget the files that were made and not stored yet."""
        if self._ready is not None:
            self._ready.resources.close()
            self._ready = None

    def _prepare(self, batch: Batch) -> "_Ready":
        if self._ready is not None and self._ready.is_good_for(batch):
            return self._ready
        self.drop()
        try:
            self._ready = self._make(batch)
        except (OSError, duckdb.Error, LakeError) as error:
            raise SpoolTrouble(f"batch {batch.id}: {_what(error)}") from error
        return self._ready

    def _make(self, batch: Batch) -> "_Ready":
        try:
            return self._make_in(batch, batch.folder(self._spool))
        except (OSError, duckdb.Error, LakeError) as error:
            if not scratch.is_disk_full(error):
                raise
            log.warning("spool %s: the disk is full; a batch is made in memory", self._spool)
            return self._make_in(batch, None)

    def _make_in(self, batch: Batch, folder: Path | None) -> "_Ready":
        with ExitStack() as stack:
            room = stack.enter_context(scratch.room(folder))
            writer = Writer(batch.id, batch.clock, room)
            payload = writer.payload(
                _lines(batch.bodies_paths(self._spool)), self._kept.media, self._kept.redact
            )
            self._step("payload made")
            usage = writer.usage(_lines(batch.usage_paths(self._spool)))
            self._step("usage made")
            for name, made in (("usage", usage), ("bodies", payload)):
                if made.bad:
                    _set_aside(self._spool, f"{batch.id}-{name}.jsonl", made.bad)
                    self._step("set aside")
            return _Ready(batch.id, payload, usage, set(), stack.pop_all())


@dataclass(slots=True)
class _Ready:
    """A batch whose files are made; `stored` are the keys that the lake has taken."""

    batch_id: str
    payload: Made
    usage: Made
    stored: set[str]
    resources: ExitStack

    @property
    def files(self) -> tuple[Written, ...]:
        return (*self.payload.files, *self.usage.files)

    def is_good_for(self, batch: Batch) -> bool:
        """Whether these are its files, and still there: between two attempts another process may
        have tried the same batch and cleaned up after itself.
        """
        return self.batch_id == batch.id and all(file.path.exists() for file in self.files)


def _lines(paths: Iterable[Path]) -> Generator[bytes]:
    """The complete lines of segments; a torn last line was never acknowledged."""
    for path in paths:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            log.critical("%s has gone before it was in the lake", path)
            continue
        with file:
            for line in file:
                if line.endswith(b"\n") and len(line) > 1:
                    yield line[:-1]


def _set_aside(spool: Path, name: str, bad: Iterable[bytes]) -> None:
    folder = spool / segments.BAD_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    draft = folder / f"{name}.draft"
    with draft.open("wb") as file:
        file.writelines(line + b"\n" for line in bad)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / name)
    sync_folder(folder)
    log.error("lines that are no records were set aside: %s", folder / name)


def _what(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    return " ".join(str(error).split())
