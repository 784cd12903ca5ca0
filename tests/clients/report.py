"""The matrix as a table for docs/clients.md."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import reasons
from .matrix import ROUTES, Cell
from .reasons import Reason
from .roster import CLIENTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
_MARKS = {
    "plain": "P",
    "stream": "S",
    "tool": "T",
    "two tools": "2",
    "overflow": "O",
    "429": "R",
    "cancel": "C",
}


def unexplained(cells: Iterable[Cell]) -> list[Cell]:
    """Red cells without a reason in the client."""
    return [cell for cell in cells if cell.flaw and reasons.of(cell) is None]


def markdown(cells: Sequence[Cell]) -> str:
    """The table, and under it the reasons of its red cells."""
    versions = {client.title: client.version() for client in CLIENTS}
    used: list[Reason] = []
    lines = [
        f"| Client | {' | '.join(route.title for route in ROUTES)} |",
        f"|---|{'---|' * len(ROUTES)}",
    ]
    for client in dict.fromkeys(cell.client for cell in cells):
        shown = [_entry(cells, client, route.title, used) for route in ROUTES]
        lines.append(f"| {client} {versions[client]} | {' | '.join(shown)} |")
    notes = [f"- {_letter(number)}: {reason.words}" for number, reason in enumerate(used)]
    return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])


def _entry(cells: Sequence[Cell], client: str, route: str, used: list[Reason]) -> str:
    here = [cell for cell in cells if (cell.client, cell.route) == (client, route)]
    shown = ""
    for cell in here:
        if cell.flaw is None:
            shown += _MARKS[cell.scenario]
            continue
        reason = reasons.of(cell)
        if reason and reason not in used:
            used.append(reason)
        shown += f"~~{_MARKS[cell.scenario]}~~"
        shown += f"({_letter(used.index(reason))})" if reason else "(?)"
    return shown or "-"


def _letter(number: int) -> str:
    return chr(ord("a") + number)


def write(name: str, table: str) -> None:
    """Put a table between its marks in docs/clients.md."""
    text = DOCUMENT.read_text()
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{begin}.*{end}", re.DOTALL)
    assert pattern.search(text), f"docs/clients.md has no {begin} ... {end}"
    DOCUMENT.write_text(pattern.sub(lambda _: f"{begin}\n{table}{end}", text))
