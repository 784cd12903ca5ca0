"""How far a command is, on a terminal's stderr; nothing in a pipe."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click


@contextmanager
def bar(label: str, hidden: bool = False) -> Generator[Callable[[int, int], None]]:
    """A bar for work that tells `(done, of)` as it goes."""
    hidden = hidden or not sys.stderr.isatty()
    with click.progressbar(length=1, label=label, hidden=hidden, file=sys.stderr) as shown:

        def told(done: int, of: int) -> None:
            shown.length = max(of, 1)
            shown.update(done - shown.pos)

        yield told
