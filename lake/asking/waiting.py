"""What is still in the spool, as tables of DuckDB with the lake's columns, `$path` and `dt`."""

from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import orjson

from .. import codec
from ..bodies import body as bodies
from ..bodies.redaction import Patterns
from ..columns import PAYLOAD_COLUMNS
from ..spool import segments
from . import engine, tables
from .span import Span

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def load_usage(connection: duckdb.DuckDBPyConnection, table: str, spool: Path, span: Span) -> None:
    """Make a table of the spool's rows whose days are wanted, each request once."""
    lines = segments.snapshot(spool)
    try:
        engine.load_lines(connection, "spooled", lines)
    except duckdb.Error:  # only when DuckDB stumbles, look at each line (20 us)
        records = map(codec.record_or_none, lines)
        good = [codec.encode(record) for record in records if record is not None]
        engine.load_lines(connection, "spooled", [line.rstrip(b"\n") for line in good])
    _finish(connection, table, engine.ONCE, span)


def load_payload(
    connection: duckdb.DuckDBPyConnection, table: str, spool: Path, redact: Patterns, span: Span
) -> None:
    """Make a table of the spool's prompts and answers, as the shipper would store them.

    Media are hashes here whatever the lake keeps.
    """
    engine.load_lines(connection, "spooled", _payload(spool, redact), PAYLOAD_COLUMNS)
    once = "QUALIFY row_number() OVER (PARTITION BY request_id) = 1"
    _finish(connection, table, once, span)


def forget(connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Path]) -> None:
    """Leave out what these files of the lake have too: its segments go in a moment."""
    rows = connection.execute(f"SELECT DISTINCT dt FROM {table}").fetchall()  # noqa: S608
    days = {f"dt={row[0]}" for row in rows}
    same = [file for file in files if file.parent.name in days]
    if same:
        source, names = engine.parquet(same)
        connection.execute(
            f"DELETE FROM {table} WHERE request_id IN "  # noqa: S608 - own names
            f"(SELECT request_id FROM {source})",
            [names],
        )


def _payload(spool: Path, redact: Patterns) -> Generator[bytes]:
    for segment in segments.find(spool / segments.BODIES_FOLDER):
        for line in segments.lines(segments.content(segment))[0]:
            try:
                yield orjson.dumps(bodies.row(line, "hash", redact), option=_OPTIONS)
            except ValueError:  # the shipper sets it aside
                continue


def _finish(connection: duckdb.DuckDBPyConnection, table: str, once: str, span: Span) -> None:
    tomorrow = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    clamped = f"least(greatest(start_time, TIMESTAMP '{tables.FIRST_DAY}'), TIMESTAMP '{tomorrow}')"
    connection.execute(
        f"CREATE TEMP TABLE {table} AS SELECT *, '' AS \"$path\", "  # noqa: S608 - own names
        f"strftime({clamped}, '%Y-%m-%d') AS dt FROM spooled {once}"
    )
    unwanted = span.fill("dt < :first_day OR dt > :last_day")
    connection.execute(f"DELETE FROM {table} WHERE {unwanted}")  # noqa: S608 - own names
