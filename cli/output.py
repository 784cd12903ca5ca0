"""What commands print: tables for people, JSON and CSV for programs, errors in one line."""

import csv
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Protocol, TextIO

import click

from . import layout


class Places(Protocol):
    """The part of `Settings` that these commands use."""

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the key store."""
        ...

    @property
    def lake(self) -> str:
        """URL of the lake."""
        ...

    @property
    def spool(self) -> Path:
        """Folder of the spool."""
        ...


class Problem(click.ClickException):
    """The answer is no, or it can't be had now: one line on stderr, exit code 1."""

    exit_code = 1


class Misuse(click.ClickException):
    """The command was used wrongly: one line on stderr, exit code 2."""

    exit_code = 2


@contextmanager
def one_line() -> Generator[None]:
    """Turn the rooms' errors, whose messages are made for people, into `Problem`."""
    from ..keys.row import KeysError
    from ..lake.place import LakeError

    try:
        yield
    except (KeysError, LakeError) as error:
        raise Problem(str(error)) from error
    except BrokenPipeError:
        raise  # the reader has seen enough (`| head`): click ends in silence
    except OSError as error:
        raise Problem(f"{error.filename or 'system'}: {error.strerror}") from error


def printable(text: str) -> str:
    """Text from clients without the control characters that would steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def counted(number: int, thing: str) -> str:
    """`1 model`, `2 models`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def money(amount: Decimal | None) -> str:
    """USD to its last digit, at least cents, never in E notation; `-` for not known."""
    if amount is None:
        return "-"
    whole, _, places = format(amount, ",.12f").partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def rough_money(amount: Decimal) -> str:
    """USD for people: at least cents, at most four decimals, rounded down.

    Down, so that a budget that isn't used up never looks it.
    """
    if 0 < amount < Decimal("0.0001"):
        return "<0.0001"
    return money(amount.quantize(Decimal("0.0001"), ROUND_DOWN))


def moment(time: datetime | None) -> str:
    """A time (UTC) for a table; `-` for none."""
    return f"{time:%Y-%m-%d %H:%M}" if time is not None else "-"


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    footer: Sequence[str] = (),
) -> None:
    """A table; the columns named in `numbers` are right-aligned. In a pipe nothing is cut.

    Columns without names make a table without a heading.
    """
    lines = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _fit_table(columns, lines, numbers, footer)
        return
    rule = "\u2500" if "utf" in (sys.stdout.encoding or "").lower() else "-"
    found = layout.table(columns, lines, numbers=numbers, footer=footer, rule=rule)
    sys.stdout.writelines(f"{line}\n" for line in found)


def _fit_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[str],
    footer: Sequence[str],
) -> None:
    """The same on a terminal: cells are folded to its width, headings stand out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
        show_footer=bool(footer),
        show_edge=False,
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        table.add_column(
            Text(column),
            footer=Text(footer[number]) if footer else "",
            justify="right" if column in numbers else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)


def print_json(value: object) -> None:
    """One JSON document; decimals as strings, times as ISO 8601."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=plain))


def print_json_list(values: Iterable[object]) -> None:
    """One JSON document, a list that may be long: each value on a line of its own."""
    encode = json.JSONEncoder(ensure_ascii=False, default=plain).encode
    before = "[\n"
    for value in values:
        sys.stdout.write(before + encode(value))
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def print_csv(
    columns: Sequence[str], rows: Iterable[Sequence[object]], file: TextIO | None = None
) -> None:
    """RFC 4180 with a header line, to stdout by default; None is an empty field.

    Text that a spreadsheet would run as a formula begins with a single quote; numbers stay.
    """
    writer = csv.writer(file or sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_no_formula(cell) for cell in row] for row in rows)


def from_csv(cell: str) -> str:
    """The text that `print_csv` wrote as this cell: without the quote against formulas."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _no_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    # One that has its quotes already gets another, so that taking one away is always right.
    return cell.lstrip("'").startswith(("=", "+", "-", "@", "\t", "\r"))


def plain(value: object) -> str:
    """A time as ISO 8601, a decimal without exponent: how they stand in JSON and CSV."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(type(value).__name__)
