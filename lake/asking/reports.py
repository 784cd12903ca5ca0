"""Canned reports: each a file `queries/NAME.sql`, whose first line is its title.

They are Athena SQL that DuckDB runs as it is. `:first_day`, `:last_day`, `:since` and `:until` are
filled in by `Span`; whoever pastes one into Athena's console writes days there.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from .athena import Result
from .query import Engine
from .span import Span

_FOLDER = Path(__file__).parents[1] / "queries"
_TITLE = "-- "


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its name, one line that says what it shows, and its SQL with open parameters."""

    name: str
    title: str
    sql: str


def every() -> tuple[Report, ...]:
    """All reports by name."""
    return tuple(map(_read, sorted(file.stem for file in _FOLDER.glob("*.sql"))))


def get(name: str) -> Report:
    """The report of that name. Raises LookupError, which names the nearest."""
    known = [report.name for report in every()]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
        raise LookupError(hint)
    return _read(name)


def run(report: Report, engine: Engine, span: Span) -> Result:
    """A report of the requests that started in a span. Raises LakeError."""
    return engine(span.fill(report.sql), span)


def markdown() -> str:
    """The reports as a Markdown table, for docs."""
    rows = [f"| `{report.name}` | {report.title} |" for report in every()]
    return "\n".join(["| Report | Shows |", "|---|---|", *rows]) + "\n"


def _read(name: str) -> Report:
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    title, _, _ = text.partition("\n")
    assert title.startswith(_TITLE), f"{name}.sql has no title"
    return Report(name, title.removeprefix(_TITLE), text)
