"""What the benchmarks' command lines have in common: numbers, and an orderly end."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType

from .overhead.processes import BenchmarkError


def count(text: str) -> int:
    """A number of things, at least one. Raises ArgumentTypeError."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def run(main: Callable[[], None]) -> None:
    """Run a benchmark to an orderly end, so that what it has started is stopped.

    A trouble is one line and exit code 1.
    """
    signal.signal(signal.SIGTERM, _stop)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (BenchmarkError, ValueError, OSError) as trouble:
        sys.exit(f"benchmark: {trouble}")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)
