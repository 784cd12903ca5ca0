"""Whether a worker is fit for traffic: what `/health/readiness` tells."""

import os
import shutil

from ..keys.check import GRACE_SECONDS
from ..lake.spool.log import Log

_MINIMUM_FREE = 16 << 20  # bytes of disk: two full segments


def readiness(started: bool, away_for: float | None, log: Log) -> tuple[int, str | None]:
    """The HTTP status, and in one line what is wrong.

    `away_for` is for how many seconds the key store has not answered. While known keys work
    without it the worker stays in service.
    """
    if not started:
        return 503, "starting"
    trouble = _spool_trouble(log)
    if trouble is not None:
        return 503, trouble
    if away_for is None:
        return 200, None
    left = GRACE_SECONDS - away_for
    if left <= 0:
        return 503, "keys: the key store can't be reached"
    return 200, f"keys: the key store can't be reached; known keys work for {left:.0f} s more"


def _spool_trouble(log: Log) -> str | None:
    if log.trouble is not None:
        return log.trouble
    # A folder that is missing is made with the next record.
    here = log.folder if log.folder.exists() else log.folder.parent
    if not here.is_dir() or not os.access(here, os.W_OK | os.X_OK):
        return f"spool: {log.folder} can't be written"
    if shutil.disk_usage(here).free < _MINIMUM_FREE:
        return f"spool: {log.folder} has less than {_MINIMUM_FREE >> 20} MiB of disk left"
    return None
