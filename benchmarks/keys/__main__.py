"""`python -m benchmarks.keys`: measure, print, and write where told."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.markdown import Markdown
from sekisho.tests.servers import Postgres

from .. import command
from . import measure
from .measure import Figures

BEGIN, END = "<!-- keys:begin -->", "<!-- keys:end -->"
_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keys", description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000, help="keys in the store (100000)")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each command (7)")
    parser.add_argument("--docs", action="store_true", help=f"write into docs/{_DOCUMENT.name}")
    return parser.parse_args(words)


def markdown(found: Sequence[Figures], keys: int, at: datetime) -> str:
    """A table with one column for each database."""
    rows = [
        ("", *(figures.database for figures in found)),
        ("---", *("---:" for _ in found)),
        ("Check of a cached key, CPU", *(f"{f.cached_ms:.4f} ms" for f in found)),
        ("Check of another key, CPU", *(f"{f.uncached_ms:.2f} ms" for f in found)),
        ("Check of another key, wait", *(f"{f.uncached_wait_ms:.2f} ms" for f in found)),
    ]
    rows += [
        (f"`sekisho {title}`", *(f"{f.commands_s[title]:.2f} s" for f in found))
        for title in found[0].commands_s
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    conditions = f"{keys:,} keys, {at:%Y-%m-%d}; commands: the median of whole processes."
    return f"{conditions}\n\n{table}\n"


def write_into(document: Path, text: str) -> None:
    """Put `text` between the markers. Raises ValueError when the document has none."""
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{document} has no lines {BEGIN} and {END}")
    document.write_text(f"{before}{begin}\n{text}{end}{after}")


def measured(keys: int, rounds: int) -> Iterator[Figures]:
    """SQLite's figures, then PostgreSQL's when its programs are installed."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
        home = Path(folder)
        yield measure.run("SQLite", f"sqlite:///{home / 'keys.db'}", home, keys, rounds)
        try:
            with Postgres.start() as server:
                yield measure.run("PostgreSQL", server.database(), home, keys, rounds)
        except pytest.skip.Exception as reason:
            sys.stderr.write(f"without PostgreSQL: {reason}\n")


def main() -> None:
    """Run the benchmark as the command line says."""
    found = arguments()
    text = markdown([*measured(found.keys, found.rounds)], found.keys, datetime.now(UTC))
    Console().print(Markdown(text))
    if found.docs:
        write_into(_DOCUMENT, text)


if __name__ == "__main__":
    command.run(main)
