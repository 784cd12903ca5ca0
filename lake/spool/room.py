"""Whether there is room for prompts and answers: they are left out long before rows would be."""

import logging
import shutil
from pathlib import Path

from . import segments

# Of the spool's limit: prompts and answers stop at the first and come back below the second, so
# that a lake that takes a little now and then doesn't make them flicker.
_STOP, _COME_BACK = 0.8, 0.7

# The same for what is free on the disk, in bytes: eight full segments.
LEAST_FREE, _COME_BACK_FREE = 64 << 20, 96 << 20

log = logging.getLogger("sekisho.record")


class Room:
    """Measured every few seconds, with the bodies that this process has written since taken off.

    `shed` counts the bodies for which there was none; `is_tight` tells whether they are left out at
    the moment.
    """

    def __init__(self, spool: Path, most_bytes: int) -> None:
        """`most_bytes` is the limit of the whole folder. Touches no disk yet."""
        self.shed = 0
        self.is_tight = False
        self._spool = spool
        self._most = most_bytes
        self._left = int(_STOP * most_bytes)
        self._shed_before = 0

    def take(self, size: int) -> bool:
        """Whether there is room for a body of so many bytes; then it counts as written."""
        if size > self._left:
            self._begin(f"nearly all of its {self._most >> 20} MiB (SEKISHO_SPOOL_BYTES) are used")
        if self.is_tight:
            return False
        self._left -= size
        return True

    def leave_out(self) -> None:
        """A body is left out."""
        self.shed += 1

    def refused(self, why: str) -> None:
        """The disk has refused a line: no more bodies until it takes them again."""
        self._begin(f"the disk refuses lines: {why}")

    def measure(self, *, works: bool) -> None:
        """Look how full folder and disk are; `works` is whether lines are taken at the moment."""
        try:
            used, free = segments.total_bytes(self._spool), free_bytes(self._spool)
        except OSError:
            return  # the next line tells, for it needs more than a look
        self._left = min(int(_STOP * self._most) - used, free - LEAST_FREE)
        if self._left <= 0:
            self._begin(
                f"{used >> 20} of {self._most >> 20} MiB (SEKISHO_SPOOL_BYTES) are used, "
                f"{free >> 20} MiB of disk are free"
            )
        elif works and used < _COME_BACK * self._most and free > _COME_BACK_FREE:
            self._end()

    def _begin(self, why: str) -> None:
        if self.is_tight:
            return
        self.is_tight = True
        self._shed_before = self.shed
        log.critical(
            "spool %s: %s; prompts and answers are left out of the log from now on, rows of usage "
            "are not. See what keeps them from the lake: sekisho logs status",
            self._spool,
            why,
        )

    def _end(self) -> None:
        if not self.is_tight:
            return
        self.is_tight = False
        log.warning(
            "spool %s: there is room again; prompts and answers are logged, %d requests went "
            "without",
            self._spool,
            self.shed - self._shed_before,
        )


def free_bytes(spool: Path) -> int:
    """Bytes of disk that are free where the spool is, or will be."""
    here = spool
    while not here.exists() and here != here.parent:
        here = here.parent
    return shutil.disk_usage(here).free
