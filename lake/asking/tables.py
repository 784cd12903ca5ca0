"""The tables and views of the lake as SQL: Athena and DuckDB run the same views.

`llm_usage_files` has the rows of every file below `usage/`. While a day is compacted, a row can be
in its batch's file and in `day.parquet` as well: `llm_usage` is the view in which it is there once,
and what everybody asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .. import columns
from ..columns import COLUMNS, NAMES, PAYLOAD_COLUMNS, Column
from .focus import FOCUS

USAGE_FILES, USAGE, PAYLOAD, FOCUS_VIEW = (
    "llm_usage_files",
    "llm_usage",
    "llm_payload",
    "llm_focus",
)
FIRST_DAY = "2026-01-01"
"""The lake's first possible day: records of clocks that are before it are put there."""

# Where the files of a table are, below the lake.
FOLDERS = {USAGE_FILES: "usage", PAYLOAD: "payload"}

_HIVE = {
    columns.TEXT: "string",
    columns.TEXTS: "array<string>",
    columns.TIME: "timestamp",
    columns.REAL: "double",
    columns.COUNT: "bigint",
    columns.SMALL: "int",
    columns.YES_NO: "boolean",
    columns.MONEY: "decimal(18,12)",
    columns.MONEY_MAP: "map<string,decimal(18,12)>",
    columns.UNIT_MAP: "map<string,decimal(18,6)>",
    columns.ATTEMPTS: (
        "array<struct<deployment_id:string,provider:string,model:string,"
        "http_response_status_code:int,error_type:string,duration_ms:double>>"
    ),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of Athena SQL, and what it makes."""

    makes: str
    sql: str


def usage_view(files: str = USAGE_FILES) -> str:
    """The SELECT of `llm_usage` from the table of files.

    A batch's file is named after its batch, and `day.parquet` has the ids of its batches in the
    column `batch_id`: what a day's file has is not read from the batch's file. A condition on `dt`
    holds for both sides of the join, because `dt` is what they are joined by.
    """
    selected = ",\n  ".join(f"f.{name}" for name in NAMES)
    return (
        f"SELECT\n  {selected},\n  f.dt\n"  # noqa: S608 - own names
        f"FROM {files} AS f\n"
        "LEFT JOIN (\n"
        f"  SELECT DISTINCT d.dt AS day, d.batch_id AS batch FROM {files} AS d\n"
        "  WHERE d.\"$path\" LIKE '%/day.parquet'\n"
        ") AS whole\n"
        "  ON whole.day = f.dt\n"
        "  AND whole.batch = regexp_extract(f.\"$path\", '([^/]+)[.]parquet$', 1)\n"
        "WHERE whole.batch IS NULL"
    )


def focus_view(usage: str = USAGE) -> str:
    """The SELECT of `llm_focus` from `llm_usage`."""
    return FOCUS.replace("FROM llm_usage", f"FROM {usage}")


def ddl(location: str, database: str) -> tuple[Statement, ...]:
    """What makes this lake's tables in Athena, in the order in which it must be run.

    `location` is `s3://bucket/prefix`. Athena takes one statement at a time. To be run again after
    an update of Sekisho: a table is only a description, dropping it touches no data.
    """
    base = location.rstrip("/")
    tables = ((USAGE_FILES, COLUMNS), (PAYLOAD, PAYLOAD_COLUMNS))
    found = [Statement("database", f"CREATE DATABASE IF NOT EXISTS `{database}`")]
    for name, described in tables:
        full = f"`{database}`.`{name}`"
        found.append(Statement(f"old {name}", f"DROP TABLE IF EXISTS {full}"))
        found.append(Statement(name, _table(full, described, f"{base}/{FOLDERS[name]}")))
    usage = usage_view(f'"{database}".{USAGE_FILES}')
    focus = focus_view(f'"{database}".{USAGE}')
    found.append(Statement(USAGE, _view(database, USAGE, usage)))
    found.append(Statement(FOCUS_VIEW, _view(database, FOCUS_VIEW, focus)))
    return tuple(found)


def _table(name: str, described: Sequence[Column], location: str) -> str:
    lines = ",\n".join(f"  `{column.name}` {_HIVE[column.type]}" for column in described)
    place = location.replace("'", "\\'")
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{lines}\n)\n"
        "PARTITIONED BY (`dt` string)\n"
        "STORED AS PARQUET\n"
        f"LOCATION '{place}/'\n"
        "TBLPROPERTIES (\n"
        "  'projection.enabled' = 'true',\n"
        "  'projection.dt.type' = 'date',\n"
        "  'projection.dt.format' = 'yyyy-MM-dd',\n"
        f"  'projection.dt.range' = '{FIRST_DAY},NOW+1DAY',\n"
        "  'projection.dt.interval' = '1',\n"
        "  'projection.dt.interval.unit' = 'DAYS',\n"
        f"  'storage.location.template' = '{place}/dt=${{dt}}/',\n"
        "  'parquet.compression' = 'ZSTD'\n"
        ")"
    )


def _view(database: str, name: str, select: str) -> str:
    return f'CREATE OR REPLACE VIEW "{database}".{name} AS\n{select}'
