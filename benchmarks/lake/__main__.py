"""`python -m benchmarks.lake`: measure, print, and write where told."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from sekisho.tests.s3_servers import rclone

from .. import command
from ..overhead.report import markdown, show, write_into
from . import report
from .measure import Bench, Options

_WIDTH = 120  # of the widest table
_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lake", description=__doc__)
    for name, kind, text in (
        ("rounds", command.count, "rounds, in alternating order"),
        ("seconds", float, "of one run of a logger"),
        ("per-second", float, "requests a second"),
        ("lives", command.count, "lives of each logger that a kill -9 ends"),
        ("away-seconds", float, "seconds for which S3 is away"),
        ("intervals", command.count, "shipping intervals of each container"),
    ):
        default = getattr(usual, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} ({default})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--docs", action="store_true", help=f"write into docs/{_DOCUMENT.name}")
    return parser.parse_args(words)


def options_of(found: argparse.Namespace) -> Options:
    """How much to measure."""
    return Options(
        rounds=found.rounds,
        seconds=found.seconds,
        per_second=found.per_second,
        lives=found.lives,
        away_seconds=found.away_seconds,
        intervals=found.intervals,
    )


def main() -> None:
    """Run the benchmark as the command line says."""
    found = arguments()
    options, console = options_of(found), Console()
    if console.width < _WIDTH:
        console = Console(width=_WIDTH)
    with (
        tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder,
        console.status("starting the S3 server") as status,
        rclone(Path(folder) / "s3") as server,
    ):
        result = Bench(server, Path(folder), status.update).run(options)
    stated, tables = report.conditions(options), report.tables(result)
    show(tables, stated, console)
    if found.json:
        found.json.write_text(json.dumps(asdict(result), indent=2) + "\n")
    if found.docs:
        write_into(_DOCUMENT, markdown(tables, stated), report.MARKS)


if __name__ == "__main__":
    command.run(main)
