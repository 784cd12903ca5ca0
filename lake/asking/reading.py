"""SQL over a lake and its spool, as if both were Athena's tables: DuckDB with the same views.

Only files of the wanted days are opened. A row that is in lake and spool counts once; requests
that may still be running are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ..bodies.redaction import Patterns
from ..columns import COLUMNS, PAYLOAD_COLUMNS, Column
from ..place import LakeError
from . import cache, engine, tables, waiting
from .athena import Result
from .span import Span

Progress = Callable[[int, int], None]

_MEMORY = "1GB"
_TRIES = 5
# Athena's functions that DuckDB has in another form.
_MACROS = (
    "CREATE TEMP MACRO approx_percentile(x, p) AS approx_quantile(x, p)",
    "CREATE TEMP MACRO element_at(m, k) AS m[k]",
    "CREATE TEMP MACRO json_extract_scalar(j, p) AS "
    "CASE WHEN json_valid(j) AND json_type(j, p) NOT IN ('ARRAY', 'OBJECT') "
    "THEN json_extract_string(j, p) END",
)
_DAY = r"regexp_extract(filename, 'dt=([0-9-]+)[/\\][^/\\]+$', 1)"
_Fill = Callable[[duckdb.DuckDBPyConnection], None]


def select(
    lake: str,
    spool: Path,
    sql: str,
    span: Span,
    *,
    progress: Progress | None = None,
    redact: Patterns = (),
) -> Result:
    """Run a SELECT on `llm_usage`, `llm_focus`, `llm_payload` or `llm_usage_files`.

    `span` says which days' files are opened; the SQL itself says which rows are wanted. Of a lake
    on S3 these files are copied to this machine first, and `progress` gets bytes copied and to
    copy. `redact` is what prompts in the spool still may have and the lake won't. Times are aware
    UTC, decimals exact. Raises LakeError.
    """
    spooled: dict[str, _Fill] = {
        "usage": lambda connection: waiting.load_usage(connection, "usage", spool, span),
        "payload": lambda c: waiting.load_payload(c, "payload", spool, redact, span),
    }
    wanted = {name: spooled[name] for name in _folders(sql)}

    def lake_files() -> dict[str, list[Path]]:
        first, last = span.first_day, span.last_day
        folder = cache.folder(lake, spool.parent, first, last, tuple(wanted), progress=progress)
        return {name: _files(folder / name, span) for name in wanted}

    for _ in range(_TRIES):
        result = _run(sql, wanted, lake_files)
        if result is not None:
            return result
    raise LakeError("lake: its files are being replaced all the time; try again in a minute")


def _folders(sql: str) -> list[str]:
    of_usage = (tables.USAGE_FILES, tables.USAGE, tables.FOCUS_VIEW)
    names = {"usage": of_usage, "payload": (tables.PAYLOAD,)}
    return [folder for folder, mentioned in names.items() if any(n in sql for n in mentioned)]


def _files(folder: Path, span: Span) -> list[Path]:
    first = f"dt={span.first_day}" if span.first_day else ""
    last = f"dt={span.last_day}" if span.last_day else "dt=9999"
    days = sorted(day for day in folder.glob("dt=*") if first <= day.name <= last)
    return [file for day in days for file in sorted(day.glob("[!._]*.parquet"))]


def _versions(found: Mapping[str, Sequence[Path]]) -> dict[Path, tuple[int, int, int] | None]:
    return {path: _version(path) for paths in found.values() for path in paths}


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _run(
    sql: str, spooled: Mapping[str, _Fill], lake_files: Callable[[], Mapping[str, Sequence[Path]]]
) -> Result | None:
    """What the query answers; None when a file has gone or was replaced meanwhile.

    Compaction replaces a day's file and deletes what is in it: a query that has read it twice must
    have read the same file twice.
    """
    with engine.connect(_MEMORY) as connection:
        for macro in _MACROS:
            connection.execute(macro)
        for fill in spooled.values():  # before the lake: what moves meanwhile is in both
            fill(connection)
        found = lake_files()
        before = _versions(found)
        try:
            for name, files in found.items():
                waiting.forget(connection, name, files)
                _VIEWS[name](connection, files)
            cursor = connection.execute(sql)
            columns = tuple(str(column[0]) for column in cursor.description or ())
            rows = [tuple(map(_value, row)) for row in cursor.fetchall()]
        except duckdb.IOException:
            if None in _versions(found).values():
                return None
            raise
        return Result(columns, rows, 0) if _versions(found) == before else None


def _value(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _usage_views(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    _make_view(connection, tables.USAGE_FILES, COLUMNS, files, "usage")
    connection.execute(f"CREATE TEMP VIEW {tables.USAGE} AS {tables.usage_view()}")
    connection.execute(f"CREATE TEMP VIEW {tables.FOCUS_VIEW} AS {tables.focus_view()}")


def _payload_view(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    _make_view(connection, tables.PAYLOAD, PAYLOAD_COLUMNS, files, "payload")


_VIEWS = {"usage": _usage_views, "payload": _payload_view}


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    described: Sequence[Column],
    files: Sequence[Path],
    also: str,
) -> None:
    """A view of these files and of the table `also`, with every column, `$path` and `dt`.

    Files of an older Sekisho lack newer columns, those of a newer one have more.
    """
    sources = [f"SELECT * FROM {also}"]  # noqa: S608 - own names
    if files:
        sources.append(
            f'SELECT *, filename AS "$path", {_DAY} AS dt '  # noqa: S608 - own names
            f"FROM read_parquet({engine.listed(files)}, "
            "union_by_name = true, hive_partitioning = false, filename = true)"
        )
    columns = ", ".join(column.name for column in described)
    connection.execute(
        f'CREATE TEMP VIEW {name} AS SELECT {columns}, "$path", dt '  # noqa: S608 - own names
        f"FROM ({' UNION ALL BY NAME '.join(sources)})"
    )
