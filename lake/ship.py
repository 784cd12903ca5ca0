"""The process beside the workers: brings finished records from the spool to the lake.

`python -m sekisho.lake.ship SPOOL LAKE` works until its standard input ends, which it does when
its parent stops or dies. Signals that reach a whole group of processes don't end it: its last
flush comes after the workers' last rows.
"""

import logging
import select
import signal
import sys
from pathlib import Path

from .. import log_lines
from .flush import flush
from .place import LakeError

EVERY_SECONDS = 30.0

log = logging.getLogger("sekisho.ship")


def run(spool: Path, lake: str, every: float = EVERY_SECONDS) -> None:
    """Flush every so many seconds, and a last time when standard input ends."""
    parent_lives = True
    while parent_lives:
        readable, _, _ = select.select([sys.stdin], [], [], every)
        parent_lives = not readable
        try:
            flush(spool, lake)
        except LakeError as error:
            log.error("%s", error)
        except Exception as error:  # noqa: BLE001 - the next round may do better
            log.error("flushing failed: %s", log_lines.in_one_line(error))


if __name__ == "__main__":
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    log_lines.set_up()
    run(Path(sys.argv[1]), sys.argv[2])
