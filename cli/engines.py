"""Who answers `sekisho usage`: DuckDB here or Amazon Athena there, with progress for people."""

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import click

from ..lake.asking.athena import AthenaSettings
from . import output

if TYPE_CHECKING:
    from ..lake.asking.athena import Result
    from ..lake.asking.query import Engine
    from ..lake.asking.span import Span

EngineName = Literal["duckdb", "athena"]


class LakePlaces(output.Places, AthenaSettings, Protocol):
    """The part of `Settings` that says where questions are answered."""

    @property
    def redact(self) -> Sequence[re.Pattern[str]]:
        """What prompts in the spool may still have, and nobody shall see."""
        ...


def engine(places: LakePlaces, name: EngineName) -> "Engine":
    """The engine of that name; it tells on stderr how it is getting on."""
    from ..lake.asking import query

    if name == "duckdb":
        return query.on_duckdb(places.lake, places.spool, _copying, places.redact)
    run = query.on_athena(places, _waiting)

    def told(sql: str, span: "Span") -> "Result":
        try:
            result = run(sql, span)
        finally:
            _clear()
        click.echo(f"Athena scanned {size(result.bytes_scanned)}.", err=True)
        return result

    return told


def size(count: int) -> str:
    """Bytes for people: 1 kB is 1,000 bytes, as Athena bills them."""
    if count < 1000:
        return output.counted(count, "byte")
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:,.1f} TB"


def _copying(done: int, total: int) -> None:
    if done < total:
        _show(f"copying from S3: {size(done)} of {size(total)}")
    else:
        _clear()


def _waiting(state: str, seconds: float, scanned: int) -> None:
    _show(f"Athena: {state.lower()}, {seconds:.0f} s, {size(scanned)} scanned")


def _show(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _clear() -> None:
    _show("")
