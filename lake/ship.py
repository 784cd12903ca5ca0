"""The process beside the workers: brings finished records from the spool to the lake.

`python -m sekisho.lake.ship SPOOL LAKE` works until its standard input ends, which it does when
its parent stops or dies.
"""

import logging
import select
import sys
from pathlib import Path

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


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        run(Path(sys.argv[1]), sys.argv[2])
    except KeyboardInterrupt:
        flush(Path(sys.argv[1]), sys.argv[2])
