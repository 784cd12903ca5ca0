"""Files of keys, CSV or JSON lines: their columns, and how lines of text are read from them."""

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ...keys.limits import LIMIT_NAMES
from ...untyped import mapping, sequence
from .. import output
from ..output import Misuse

Format = Literal["csv", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl")

# What a file says about a key that is to be issued.
COLUMNS = (
    *("alias", "kind", "owner", "team", "models"),
    *("budget_day", "budget_month", "budget_total", "rpm", "tpm", "parallel"),
    *("expires_at", "networks", "tags", "mcp"),
)
assert set(LIMIT_NAMES) <= set(COLUMNS)
# What an export tells beside it.
TOLD = (
    *("id", "prefix", "state", "created_at", "created_by", "blocked_at", "revoked_at"),
    *("last_used_at", "spent_day", "spent_month", "spent_total"),
)
_KNOWN = frozenset((*COLUMNS, *TOLD, "expires"))


@dataclass(frozen=True, slots=True)
class Line:
    """One key in a file: where its line begins, and its columns that aren't empty, as text."""

    number: int
    values: Mapping[str, str]


class BadLineError(Exception):
    """A line that can't be read; the message is one line and names it."""


def format_of(path: str, typed: str | None) -> Format:
    """The format that was typed, or that the file's name ends in. Raises Misuse."""
    word = typed or {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(
        Path(path).suffix.lower()
    )
    for known in FORMATS:
        if known == word:
            return known
    raise Misuse(f"{path}: what format is this? Add --format csv or --format jsonl")


def lines(data: bytes, shape: Format) -> Iterator[Line | BadLineError]:
    """Each key in a file; blank lines are none. Raises Misuse for a file that isn't one."""
    try:
        text = data.decode("utf-8-sig")  # Excel begins its files with a byte order mark
    except UnicodeDecodeError:
        raise Misuse("the file is not UTF-8; from Excel, save it as 'CSV UTF-8'") from None
    return _csv(text) if shape == "csv" else _json(text)


def _csv(text: str) -> Iterator[Line | BadLineError]:
    # Excel writes semicolons where the comma is the decimal sign.
    header = text.partition("\n")[0]
    separator = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] = []
    end = 0
    while True:
        number = end + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Misuse(f"line {reader.line_num}: {error}") from None
        end = reader.line_num
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _header(cells)
            continue
        if len(cells) > len(columns):
            yield BadLineError(
                f"line {number}: {len(cells)} cells under {len(columns)} columns; put cells with "
                "commas into double quotes"
            )
            continue
        pairs = zip(columns, cells, strict=False)  # cells at the end may be left out
        found = {name: output.from_csv(cell).strip() for name, cell in pairs}
        yield Line(number, {name: cell for name, cell in found.items() if cell})


def _header(cells: list[str]) -> list[str]:
    columns = [_column(cell, "line 1") for cell in cells]
    for column in columns:
        if columns.count(column) > 1:
            raise Misuse(f"there are two columns {column}; leave one out")
    if "alias" not in columns:
        raise Misuse(f"there is no column alias; the first line names them: {','.join(COLUMNS)}")
    return columns


def _column(text: str, where: str) -> str:
    name = text.strip().lower().replace(" ", "_")
    if name not in _KNOWN:
        near = difflib.get_close_matches(name, sorted(_KNOWN), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known columns: {', '.join(COLUMNS)}"
        raise Misuse(f"{where}: unknown column {text.strip()!r}: {hint}")
    return "expires_at" if name == "expires" else name


def _json(text: str) -> Iterator[Line | BadLineError]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            found: object = json.loads(line, parse_float=Decimal)
        except (ValueError, RecursionError):
            yield BadLineError(f"{where}: not a JSON object; one object a line, as export writes")
            continue
        if not isinstance(found, dict):
            yield BadLineError(f"{where}: not a JSON object; one object a line, as export writes")
            continue
        named = mapping(found)
        columns = {_column(name, where): name for name in named}
        if "alias" not in columns:
            yield BadLineError(f"{where}: there is no alias")
            continue
        odd = [name for name in columns.values() if isinstance(named[name], dict | bool)]
        if odd:
            yield BadLineError(f"{where}: {odd[0]} must be a text, a number or a list")
            continue
        texts = {column: _text(named[name]) for column, name in columns.items()}
        yield Line(number, {column: cell for column, cell in texts.items() if cell})


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(item) for item in sequence(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value).strip()
