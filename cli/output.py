"""What commands print: tables for people, JSON and CSV for programs, errors in one line."""

import csv
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import click


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
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(file=sys.stdout, width=None if terminal else 10_000)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
        show_footer=bool(footer),
        show_edge=False,
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        table.add_column(
            column,
            footer=Text(footer[number]) if footer else "",
            justify="right" if column in numbers else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)


def print_json(value: object) -> None:
    """One JSON document; decimals as strings, times as ISO 8601."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """RFC 4180 with a header line; None is an empty field.

    Text that a spreadsheet would run as a formula begins with a single quote; numbers stay.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_no_formula(cell) for cell in row] for row in rows)


def _no_formula(cell: object) -> object:
    starts = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if starts else cell


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(type(value).__name__)
