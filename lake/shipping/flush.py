"""Spool to lake: what is free becomes batches, and these are carried there, oldest first.

One process at a time does it (`spool/flush.lock`). What a process leaves unfinished, killed or
refused by the lake, the next one finishes.
"""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..place import LakeError
from ..spool import segments
from ..stores.store import open_store
from . import batches, free, progress
from .batches import Batch
from .carry import Carried, Carrier, Kept, SpoolTrouble, Step
from .free import Free
from .progress import Progress

_POLL = 0.05  # seconds between two looks at a lock


class Busy(LakeError):
    """Another process is bringing this spool to the lake at the moment."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """What was brought to the lake; `bad_lines` were set aside in the spool's `bad/`."""

    batches: int = 0
    segments: int = 0
    records: int = 0
    files: int = 0
    bad_lines: int = 0

    def __add__(self, other: "Flushed") -> "Flushed":
        """Both together."""
        return Flushed(
            self.batches + other.batches,
            self.segments + other.segments,
            self.records + other.records,
            self.files + other.files,
            self.bad_lines + other.bad_lines,
        )


def no_step(_step: str) -> None:
    """Nobody wants to hear of steps."""


def flush(
    spool: Path,
    lake: str,
    kept: Kept = Kept(),  # noqa: B008 - frozen
    *,
    patience: float = 10.0,
    step: Step = no_step,
) -> Flushed:
    """Bring everything that is free to the lake now.

    Segments of living writers stay, and one that can't be read doesn't keep the others back. Waits
    `patience` seconds for another process that is at it. Raises LakeError, also when that takes
    longer (Busy); what was not finished is done by the next run.
    """
    store = open_store(lake)
    if not spool.is_dir():
        return Flushed()
    carrier = Carrier(spool, store, kept, step)
    try:
        with alone(spool, patience):
            return Round(spool, carrier, step).run(lambda _free: True)
    except Busy:
        raise
    except LakeError as error:
        raise LakeError(
            f"{error}; mend it and type: sekisho logs flush (the records wait in the spool)"
        ) from error
    finally:
        carrier.drop()


@contextmanager
def alone(spool: Path, patience: float) -> Generator[None]:
    """Be the only process that works on the spool. Raises Busy, LakeError."""
    try:
        descriptor = os.open(spool / "flush.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LakeError(f"spool {spool}: {error.strerror}") from error
    try:
        end = time.monotonic() + patience
        while not segments.lock(descriptor):
            if time.monotonic() >= end:
                raise Busy(f"spool {spool}: another process is flushing it; wait and try again")
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


class Round:
    """One look at the spool, with the lock held, and everything that it leads to."""

    def __init__(
        self,
        spool: Path,
        carrier: Carrier,
        step: Step = no_step,
        deadline: float = float("inf"),
    ) -> None:
        """No batch is begun after `deadline`, in `time.monotonic()` seconds."""
        self._spool = spool
        self._carrier = carrier
        self._step = step
        self._deadline = deadline
        self._failed: dict[str, str] = {}  # by batch or "", what is wrong with the spool

    def run(self, is_due: Callable[[Free], bool]) -> Flushed:
        """Finish what was begun, then make and carry batches for as long as one `is_due`.

        Raises LakeError: the lake refuses, or something in the spool can't be read; then
        everything else was done.
        """
        try:
            total = self._run(is_due)
        except OSError as error:
            self._note_failure(f"spool {self._spool}: {error.strerror}")
            raise LakeError(f"spool {self._spool}: {error.strerror}: {error.filename}") from error
        except LakeError as error:
            self._note_failure(str(error))
            raise
        if self._failed:
            first, *others = self._failed.values()
            more = f" (and {len(others)} more such)" if others else ""
            words = f"spool {self._spool}: {first}{more}"
            self._note_failure(words)
            raise LakeError(words)
        self._note_success()
        return total

    def _run(self, is_due: Callable[[Free], bool]) -> Flushed:
        for batch in batches.stored(self._spool):
            batches.forget(self._spool, batch, self._step)
        free.remove_drafts(self._spool)
        total = Flushed()
        for batch in batches.pending(self._spool):
            total += self._carry(batch)
        while time.monotonic() < self._deadline:
            found = self._find()
            if not found or not is_due(found):
                break
            usage, bodies = found.choose()
            batch = batches.commit(self._spool, usage, bodies, datetime.now(UTC))
            self._step("committed")
            total += self._carry(batch)
        batches.keep_spare(self._spool)
        return total

    def _find(self) -> Free:
        """What is free and in no batch yet."""
        pending = batches.pending(self._spool)
        taken = [name for batch in pending for name in (*batch.usage, *batch.bodies)]
        found = free.find(self._spool, taken)
        for number, words in enumerate(found.unreadable):
            self._failed[str(number)] = words
        return found

    def _carry(self, batch: Batch) -> Flushed:
        try:
            done = self._carrier.carry(batch)
        except SpoolTrouble as error:
            self._failed[batch.id] = str(error)
            return Flushed()
        self._note(done)
        return Flushed(1, done.segments, done.records, done.files, done.bad_lines)

    def _note(self, done: Carried) -> None:
        known, now = self._known()
        progress.write(
            self._spool,
            replace(
                known,
                at=now,
                last_success=now,
                batches=known.batches + 1,
                records=known.records + done.records,
                shipped_bytes=known.shipped_bytes + done.size,
                quarantined=known.quarantined + done.bad_lines,
            ),
        )

    def _note_failure(self, words: str) -> None:
        known, now = self._known()
        progress.write(
            self._spool,
            replace(
                known,
                at=now,
                failures=known.failures + 1,
                consecutive_failures=known.consecutive_failures + 1,
                trouble=words,
            ),
        )

    def _note_success(self) -> None:
        known, now = self._known()
        if known.trouble is not None or known.consecutive_failures:
            progress.write(
                self._spool, replace(known, at=now, consecutive_failures=0, trouble=None)
            )

    def _known(self) -> tuple[Progress, datetime]:
        now = datetime.now(UTC)
        return progress.read(self._spool) or Progress(at=now, alive_since=now), now
