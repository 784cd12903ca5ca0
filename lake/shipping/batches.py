"""Batches: which segments go to the lake together, fixed in a manifest before anything is stored.

`spool/batches/ID.json` names the segments, so that whoever tries again, in this process or the
next, makes the same files under the same keys. Renamed to `ID.done` when all is stored; then
the segments are deleted, then it. A crash between any two steps loses and doubles nothing.
"""

import contextlib
import logging
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from ..spool import segments
from ..stores.store import sync_folder

FOLDER = "batches"
# A manifest's draft keeps so much room on the disk beforehand: a full one is emptied by shipping.
_SPARE, _SPARE_BYTES = "spare", 64 << 10
# So many names fit into it.
MOST_SEGMENTS = 400

_MANIFEST, _DONE = ".json", ".done"

log = logging.getLogger("sekisho.ship")


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes to the lake together: names of segments of rows and of prompts and answers.

    `clock` (UTC) is when it was made; days after the next one are not believed.
    """

    id: str
    clock: datetime
    usage: tuple[str, ...]
    bodies: tuple[str, ...]

    def segments(self, spool: Path) -> list[Path]:
        """Where its segments are."""
        return [*self.usage_paths(spool), *self.bodies_paths(spool)]

    def usage_paths(self, spool: Path) -> list[Path]:
        """Where its rows are."""
        return [spool / (name + segments.CLOSED) for name in self.usage]

    def bodies_paths(self, spool: Path) -> list[Path]:
        """Where its prompts and answers are."""
        folder = spool / segments.BODIES_FOLDER
        return [folder / (name + segments.CLOSED) for name in self.bodies]

    def folder(self, spool: Path) -> Path:
        """Where its files are made."""
        return spool / FOLDER / self.id


def commit(spool: Path, usage: Sequence[str], bodies: Sequence[str], now: datetime) -> Batch:
    """Make a batch of closed segments; from now on it will be stored. Raises OSError."""
    batch = Batch(_new_id(now), now, tuple(usage), tuple(bodies))
    content = orjson.dumps(
        {
            "batch_id": batch.id,
            "clock": batch.clock.isoformat(),
            "usage": batch.usage,
            "bodies": batch.bodies,
        }
    )
    folder = spool / FOLDER
    spare = keep_spare(spool)
    # Written over what is allocated already, so that it works on a full disk.
    descriptor = os.open(spare, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    spare.rename(folder / (batch.id + _MANIFEST))
    sync_folder(folder)
    return batch


def keep_spare(spool: Path) -> Path:
    """The draft of the next manifest; it is given its room when the disk has some."""
    folder = spool / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    spare = folder / _SPARE
    with contextlib.suppress(OSError):
        descriptor = os.open(spare, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            missing = _SPARE_BYTES - os.fstat(file.fileno()).st_size
            if missing > 0:
                file.write(b"\n" * _SPARE_BYTES)
    return spare


def pending(spool: Path) -> list[Batch]:
    """Batches that were made and are not known to be stored, oldest first. Raises OSError."""
    return _read(spool, _MANIFEST)


def stored(spool: Path) -> list[Batch]:
    """Batches that are stored; their segments may still be there. Raises OSError."""
    return _read(spool, _DONE)


def done(spool: Path, batch: Batch) -> None:
    """Note that everything of it is stored. Raises OSError."""
    manifest = spool / FOLDER / (batch.id + _MANIFEST)
    manifest.rename(manifest.with_suffix(_DONE))
    sync_folder(manifest.parent)


def forget(spool: Path, batch: Batch, step: Callable[[str], None]) -> None:
    """Delete what a stored batch was made of, and it. Raises OSError."""
    for path in batch.segments(spool):
        path.unlink(missing_ok=True)
        step("a segment is deleted")
    shutil.rmtree(batch.folder(spool), ignore_errors=True)
    # Its segments must be gone before it: without it they would be shipped again.
    for folder in (spool, spool / segments.BODIES_FOLDER):
        with contextlib.suppress(FileNotFoundError):
            sync_folder(folder)
    (spool / FOLDER / (batch.id + _DONE)).unlink(missing_ok=True)
    step("forgotten")


def _read(spool: Path, suffix: str) -> list[Batch]:
    paths = sorted((spool / FOLDER).glob(f"*{suffix}"))
    return [batch for path in paths if (batch := _batch(path)) is not None]


def _batch(path: Path) -> Batch | None:
    try:
        values: dict[str, Any] = orjson.loads(path.read_bytes())
        return Batch(
            values["batch_id"],
            datetime.fromisoformat(values["clock"]),
            tuple(values["usage"]),
            tuple(values["bodies"]),
        )
    except FileNotFoundError:  # renamed just now, by the one that ships
        return None
    except (ValueError, KeyError, TypeError):
        # Written and synced before it got its name: someone else has been here.
        log.critical("%s is no manifest any more; its segments are shipped anew", path)
        path.rename(path.with_suffix(".broken"))
        return None


def _new_id(now: datetime) -> str:
    host = re.sub("[^0-9A-Za-z]+", "_", socket.gethostname())[:40]
    return f"{now:%Y%m%dT%H%M%SZ}-{host}-{secrets.token_hex(4)}"
