"""What the shipper has done so far, in `spool/ship.json`, for metrics, `logs status` and doctor."""

import contextlib
import os
import secrets
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import orjson

FILE = "ship.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of this spool since it is there; times are UTC.

    `at` is when the shipper was last known to live, `alive_since` when it started. `failures` are
    attempts that the lake has refused, `consecutive_failures` those since its last success;
    `trouble` is why, in one line. `quarantined` lines are in `bad/`.
    """

    at: datetime
    alive_since: datetime
    last_success: datetime | None = None
    batches: int = 0
    records: int = 0
    failures: int = 0
    consecutive_failures: int = 0
    trouble: str | None = None
    quarantined: int = 0
    shipped_bytes: int = 0


_NAMES = frozenset(field.name for field in fields(Progress))
_TIMES = ("at", "alive_since", "last_success")


def read(spool: Path) -> Progress | None:
    """What was written last; None when nothing was, or nothing that can be read."""
    try:
        found: object = orjson.loads((spool / FILE).read_bytes())
        if not isinstance(found, dict):
            return None
        values: dict[str, Any] = {
            name: value
            for name, value in cast("dict[str, Any]", found).items()
            if name in _NAMES and value is not None
        }
        for name in _TIMES:
            if name in values:
                values[name] = datetime.fromisoformat(values[name])
        return Progress(**values)
    except (OSError, ValueError, TypeError):
        return None


def write(spool: Path, progress: Progress) -> None:
    """Put it there for everybody to read. A disk that is full keeps the old one."""
    draft = spool / f"{FILE}.{secrets.token_hex(4)}.draft"
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(asdict(progress), option=orjson.OPT_UTC_Z))
        draft.replace(spool / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
