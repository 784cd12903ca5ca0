"""`python -m benchmarks.overhead`: measure, print, and write where told."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .. import command
from . import measure, report, systems
from .measure import Options

_WIDTH = 100  # of the widest table
_DOCUMENT = systems.ROOT / "docs" / "performance.md"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    for name, kind, text in (
        ("rounds", command.count, "rounds, in alternating order"),
        ("requests", command.count, "plain requests of one round to each system"),
        ("streams", command.count, "streamed requests of one round to each system"),
        ("connections", command.count, "clients that ask at the same time"),
        ("chunks", command.count, "pieces of text in a streamed answer"),
        ("pace-ms", _pause, "the upstream's pause before each piece, in milliseconds"),
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
        requests=found.requests,
        streams=found.streams,
        connections=found.connections,
        chunks=found.chunks,
        pace_ms=found.pace_ms,
    )


def main() -> None:
    """Run the benchmark as the command line says."""
    found = arguments()
    options, console = options_of(found), Console()
    if console.width < _WIDTH:
        console = Console(width=_WIDTH)
    with (
        tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder,
        console.status("starting Sekisho, LiteLLM and the upstream") as status,
        systems.started(Path(folder), options.chunks, options.pace_ms) as bench,
    ):
        result = measure.run(bench, options, status.update)
    stated, tables = report.conditions(options, bench.deployments), report.tables(result)
    report.show(tables, stated, console)
    if found.json:
        everything = report.as_json(result, options, bench.deployments)
        found.json.write_text(json.dumps(everything, indent=2) + "\n")
    if found.docs:
        report.write_into(_DOCUMENT, report.markdown(tables, stated))


def _pause(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1000:
        raise argparse.ArgumentTypeError("must be between 0 and 1000 milliseconds")
    return value


if __name__ == "__main__":
    command.run(main)
