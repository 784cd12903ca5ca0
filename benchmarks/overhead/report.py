"""What was measured, for people (tables), for docs/performance.md (Markdown) and for programs."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .measure import Options, Result
from .stats import MODES, Mode, Spread, compared, figure
from .systems import LITELLM, SEKISHO, UPSTREAM

BEGIN, END = "<!-- overhead:begin -->", "<!-- overhead:end -->"
_TITLES = {SEKISHO: "(a) Sekisho", LITELLM: "(b) LiteLLM", UPSTREAM: "(c) upstream"}
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Cells:
    """A table before it is drawn."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(result: Result) -> tuple[Cells, ...]:
    """All tables of the report."""
    return (_requests(result), _ratios(result), _memory(result))


def ratio(result: Result, mode: Mode, with_helpers: bool = True) -> Spread:
    """CPU per request of Sekisho to that of a stock LiteLLM, round by round."""
    more = result.helpers_cpu_ms if with_helpers else 0.0
    return compared(
        result.samples, SEKISHO, LITELLM, mode, lambda a, b: (a.cpu_ms + more) / b.cpu_ms
    )


def conditions(options: Options, deployments: int) -> dict[str, str]:
    """What one has to know to repeat the run."""
    pause = f"{options.pace_ms:g} ms"
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f} at the end",
        "Versions": f"Python {platform.python_version()}, Sekisho {version('sekisho')}, "
        f"LiteLLM {version('litellm')} in both, one worker each",
        "Models": f"{deployments} deployments in both, one of them the local upstream",
        "Requests": f"{options.rounds} rounds of {options.requests} plain and {options.streams} "
        f"streamed ones to each, {options.connections} connections, closed loop",
        "Answers": f"{options.chunks} chunks with {pause} before each; plain answers take as long",
    }


def as_json(result: Result, options: Options, deployments: int) -> dict[str, Any]:
    """Everything, with the raw samples."""
    return {
        "conditions": conditions(options, deployments),
        "options": asdict(options),
        "cpu_ratio": {mode: asdict(ratio(result, mode)) for mode in MODES},
        "cpu_ratio_without_shipper": {mode: asdict(ratio(result, mode, False)) for mode in MODES},
        **asdict(result),
    }


def show(found: Sequence[Cells], stated: dict[str, str], console: Console) -> None:
    """Print conditions and tables for people."""
    for name, value in stated.items():
        console.print(f"[bold]{name}[/]: {value}", highlight=False, soft_wrap=True)
    for cells in found:
        drawn = Table(title=cells.title, title_justify="left")
        for number, column in enumerate(cells.columns):
            drawn.add_column(column, justify="right" if number else "left")
        for row in cells.rows:
            drawn.add_row(*row)
        console.print(drawn)


def markdown(found: Sequence[Cells], stated: dict[str, str]) -> str:
    """Conditions and tables for a document."""
    lines = [f"- {name}: {value}." for name, value in stated.items()]
    for cells in found:
        lines += ["", f"**{cells.title}**", ""]
        lines.append(f"| {' | '.join(cells.columns)} |")
        lines.append(f"|---|{'---:|' * (len(cells.columns) - 1)}")
        lines += [f"| {' | '.join(row)} |" for row in cells.rows]
    return "\n".join(lines) + "\n"


def write_into(document: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put `text` between the marks. Raises ValueError when the document has none."""
    before, begin, rest = document.read_text().partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not end:
        raise ValueError(f"{document} has no lines {marks[0]} and {marks[1]}")
    document.write_text(f"{before}{begin}\n{text}{end}{after}")


def _requests(result: Result) -> Cells:
    rows: list[tuple[str, ...]] = []
    for mode in MODES:
        for name, title in _TITLES.items():
            cpu = figure(result.samples, name, mode, lambda s: s.cpu_ms)
            p50 = figure(result.samples, name, mode, lambda s: s.p50_ms)
            p99 = figure(result.samples, name, mode, lambda s: s.p99_ms)
            rows.append((mode, title, _range(cpu), _ms(p50), _ms(p99), *_added(result, name, mode)))
    columns = ("", "System", "CPU ms/request", "p50 ms", "p99 ms", "p50 added", "p99 added")
    return Cells("Requests (median over rounds, range in brackets)", columns, tuple(rows))


def _added(result: Result, name: str, mode: Mode) -> tuple[str, str]:
    if name == UPSTREAM:
        return _NOTHING, _NOTHING
    samples = result.samples
    p50 = compared(samples, name, UPSTREAM, mode, lambda s, direct: s.p50_ms - direct.p50_ms)
    p99 = compared(samples, name, UPSTREAM, mode, lambda s, direct: s.p99_ms - direct.p99_ms)
    return _ms(p50), _ms(p99)


def _ratios(result: Result) -> Cells:
    rows = [
        (mode, _range(ratio(result, mode)), _range(ratio(result, mode, with_helpers=False)))
        for mode in MODES
    ]
    title = f"CPU per request, a/b (shipper: {result.helpers_cpu_ms:.2f} ms/request)"
    return Cells(title, ("", "All of Sekisho", "Without the lake shipper"), tuple(rows))


def _memory(result: Result) -> Cells:
    rows: list[tuple[str, ...]] = []
    for m in result.memory:
        rows.append((_TITLES[m.system], f"{m.idle_mb:.0f}", f"{m.after_mb:.0f}"))
        if m.helpers_idle_mb:
            shipper = (f"{m.helpers_idle_mb:.0f}", f"{m.helpers_after_mb:.0f}")
            rows.append(("(a) its lake shipper", *shipper))
    return Cells("Resident memory in MiB", ("", "Idle", "After the run"), tuple(rows))


def _range(value: Spread) -> str:
    return f"{value.median:.2f} ({value.low:.2f}-{value.high:.2f})"


def _ms(value: Spread) -> str:
    return f"{value.median:.1f}"


def processor() -> str:
    """What kind of processor this machine has."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
