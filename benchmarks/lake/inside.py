"""A gateway whose log counts its own CPU: `python -m benchmarks.lake.inside FILE up ...`.

Everything after FILE is `sekisho`'s. When the gateway ends, FILE has the CPU of the threads that
were in the log, in seconds, and how many requests were written.
"""

import atexit
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sekisho.cli.main import main
from sekisho.lake.spool.log import Log

_PARTS = ("begin", "end", "care", "_sync")


def _count(name: str, spent: Counter[str]) -> None:
    """Count the calls of a part of the log, and their CPU in nanoseconds."""
    part: Callable[..., Any] = getattr(Log, name)

    def counted(self: Log, *words: Any, **named: Any) -> Any:
        begun = time.thread_time_ns()
        try:
            return part(self, *words, **named)
        finally:
            spent[name] += time.thread_time_ns() - begun
            spent[f"{name} calls"] += 1

    setattr(Log, name, counted)


def _run() -> None:
    spent: Counter[str] = Counter()
    for name in _PARTS:
        _count(name, spent)
    found = Path(sys.argv.pop(1))
    atexit.register(lambda: found.write_text(json.dumps(spent)))
    main()


if __name__ == "__main__":
    _run()
