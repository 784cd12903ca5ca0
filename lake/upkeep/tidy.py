"""Once a day, for a lake that is a folder: one file for each past day, old days deleted.

`python -m sekisho.lake.upkeep.tidy LAKE WORK USAGE_DAYS PAYLOAD_DAYS`, a process of its
own: it needs twice the shipper's memory for some seconds, and shipping goes on meanwhile. Being
killed at any moment does no harm.
"""

import contextlib
import logging
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from ... import log_lines
from ..place import LakeError
from ..stores.store import open_store
from . import compact

log = logging.getLogger("sekisho.tidy")

_NICE = 10


class Tidier:
    """The shipper's end of it: starts the process when a day has begun."""

    def __init__(self, lake: str, work: Path, usage_days: int, payload_days: int) -> None:
        """Days are kept so long, 0: for ever. Nothing is started yet."""
        self._command = [sys.executable, "-m", "sekisho.lake.upkeep.tidy", lake, str(work)]
        self._command += [str(usage_days), str(payload_days)]
        self._done: date | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def look(self, now: datetime) -> None:
        """Start it when today (UTC) it has not been. Never waits."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._done == now.date():
            return
        self._done = now.date()
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module
        except OSError as error:
            log.error("compacting can't be started: %s", error.strerror)

    def stop(self) -> None:
        """End it; tomorrow it is done again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def main(lake: str, work: Path, usage_days: int, payload_days: int) -> None:
    """Do it now; what goes wrong is a line in the log."""
    log_lines.set_up()
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    try:
        compact.tidy(
            open_store(lake),
            work,
            datetime.now(UTC),
            usage_days=usage_days,
            payload_days=payload_days,
        )
    except LakeError as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
