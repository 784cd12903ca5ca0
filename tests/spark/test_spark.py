"""Spark, whose SQL and Parquet reader are not ours, reads the lake by the DDL and finds the same.

It executes what `sekisho logs ddl` prints, with Hive's metastore as Athena has Glue's; Athena's own
views and queries are put into Spark's dialect by sqlglot. `make test-spark` installs and runs it.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import sqlglot
from sekisho.lake.asking import query, reading, reports, tables
from sekisho.lake.asking.span import Span
from sekisho.lake.bodies.body import Body
from sekisho.lake.columns import NAMES, PAYLOAD_NAMES
from sekisho.lake.record import Attempt, Record
from sekisho.lake.shipping.flush import flush
from sekisho.lake.spool.log import Log
from sekisho.lake.stores.store import open_store
from sekisho.lake.upkeep import compact

from .. import many_records
from ..lakes import record
from ..many_records import FIRST

pytestmark = pytest.mark.long

_HERE = Path(__file__).parent
_PYTHON = _HERE.parents[1] / ".venv" / "spark" / "bin" / "python"
WEEK = Span(FIRST, FIRST + timedelta(days=7))
ODD = Span(FIRST + timedelta(hours=31, seconds=5), FIRST + timedelta(days=5, hours=7))
ALL = Span(FIRST - timedelta(days=30), FIRST + timedelta(days=365))
# Faults planted into the DDL, each in a database of its own, and what becomes of the query.
FAULTS = {
    "a_double": ("`billed_cost` decimal(18,12)", "`billed_cost` double"),
    "a_text": ("`gen_ai_usage_input_tokens` bigint", "`gen_ai_usage_input_tokens` string"),
    "elsewhere": ("/usage/'", "/usages/'"),
    "no_days": ("PARTITIONED BY (`dt` string)\n", ""),
    "renamed": ("`billed_cost`", "`billed_costs`"),
}
# In month-to-date: after GROUPING SETS Spark's HAVING knows the columns that come out, not those
# that went in.
_UNLIKE_SPARK = {
    "grouping(api_key_id) + grouping(person) + grouping(team) = 3": "grouping_id() = 7",
    "coalesce(api_key_id, person, team) IS NOT NULL": "id <> ''",
}
_FEW = 100  # of less requests two approximations of a percentile may be anywhere
TOTAL = "SELECT sum(billed_cost), sum(gen_ai_usage_input_tokens), count(dt) FROM {}.llm_usage_files"


@dataclass(frozen=True)
class Answers:
    """What Spark said of each statement and query, and what DuckDB says of the same queries."""

    made: Mapping[str, str | None]
    spark: Mapping[str, Mapping[str, Any]]
    lake: str
    spool: Path

    def rows(self, name: str) -> list[list[Any]]:
        """Spark's rows, in an order of their own."""
        found = self.spark[name]
        assert "error" not in found, found
        return ordered(found["rows"])

    def duckdb(self, sql: str, span: Span = ALL) -> list[list[Any]]:
        """DuckDB's rows in the same form and order."""
        return ordered(map(plain, reading.select(self.lake, self.spool, sql, span).rows))


def ordered(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows in an order that doesn't depend on the engine; floats to nine digits."""
    return sorted(([rough(value) for value in row] for row in rows), key=repr)


def rough(value: Any) -> Any:
    """A float to nine digits, anything else as it is."""
    return float(f"{value:.9g}") if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """What DuckDB returns in the form in which `run.py` writes it; exact decimals as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        if "deployment_id" in found:  # a struct; the others are maps
            return [plain(item) for item in found.values()]
        return {key: plain(item) for key, item in found.items()}
    return value


def in_spark(sql: str) -> str:
    """Athena's SQL in Spark's dialect."""
    for ours, theirs in _UNLIKE_SPARK.items():
        sql = sql.replace(ours, theirs)
    return sqlglot.transpile(sql, read="athena", write="spark")[0]


def statements(lake: str) -> dict[str, str]:
    """The DDL of this lake, and what Spark needs beside it, by what they make."""
    found: dict[str, str] = {}
    for each in tables.ddl(lake, "sekisho"):
        if each.makes == tables.USAGE:
            found["partitions"] = "MSCK REPAIR TABLE sekisho.llm_usage_files"
            found["partitions of payload"] = "MSCK REPAIR TABLE sekisho.llm_payload"
            # Athena's hidden column "$path".
            found["paths"] = "CREATE DATABASE paths"
            found["path"] = (
                "CREATE VIEW paths.llm_usage_files AS SELECT *, input_file_name() AS `$path` "
                "FROM sekisho.llm_usage_files"
            )
        sql = each.sql.replace('"sekisho".llm_usage_files', "paths.llm_usage_files")
        is_view = each.makes in (tables.USAGE, tables.FOCUS_VIEW)
        found[each.makes] = in_spark(sql) if is_view else sql
    for name, (good, bad) in FAULTS.items():
        table = next(each for each in tables.ddl(lake, name) if each.makes == tables.USAGE_FILES)
        assert good in table.sql
        found[f"database of {name}"] = f"CREATE DATABASE {name}"
        found[f"table of {name}"] = table.sql.replace(good, bad)
        found[f"partitions of {name}"] = f"MSCK REPAIR TABLE {name}.llm_usage_files"
    return {**found, "use": "USE sekisho"}


QUERIES: dict[str, tuple[str, Span]] = {
    **{
        f"{each.name} {span.since}": (each.sql, span)
        for each in reports.every()
        for span in (WEEK, ODD)
    },
    **{f"by {by}": (query.usage_sql([by], WEEK), WEEK) for by in query.GROUPINGS},
    "every row": (f"SELECT {', '.join(NAMES)}, dt FROM llm_usage", ALL),
    "every prompt": (f"SELECT {', '.join(PAYLOAD_NAMES)}, dt FROM llm_payload", ALL),
    "focus": ("SELECT * FROM llm_focus", ALL),
    "bill": ("SELECT sum(BilledCost), sum(x_Requests) FROM llm_focus", ALL),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Spark's answers about a lake of three thousand requests, from one start of Spark."""
    if not _PYTHON.exists():
        pytest.skip("PySpark is not installed; type: make test-spark")
    folder = tmp_path_factory.mktemp("spark")
    world = many_records.make(folder)
    full = record(
        "everything",
        attempts=(
            Attempt(deployment_id="d", http_response_status_code=429, duration_ms=1.5),
            Attempt(provider="aws.bedrock", model="claude", error_type="overloaded"),
        ),
        tags=("a", "\u65e5\u672c\u8a9e"),
        other_units={"images": Decimal("1.000001")},
        cost_breakdown={"input": Decimal("0.000000000001"), "output": Decimal("999999.5")},
        billed_cost=Decimal("999999.500000000001"),
        original_billed_cost=Decimal("-1.5"),
        gen_ai_usage_input_tokens=2**53 + 1,
        gen_ai_response_finish_reasons=("stop",),
    )
    _ship(full, folder / "spool-of-one", world.lake)
    # The last days are made whole by the real compaction; the first ones have day files already.
    done = compact.run(
        open_store(world.lake),
        folder / "work",
        datetime.now(UTC),
        since=(FIRST + timedelta(days=4)).date(),
    )
    assert len(done.days) == 3
    made = statements(world.lake)
    asked = {
        "folder": str(folder),
        "statements": [*made.values()],
        "queries": {
            **{name: in_spark(span.fill(sql)) for name, (sql, span) in QUERIES.items()},
            **{name: TOTAL.format(name) for name in ("sekisho", *FAULTS)},
            "misspelt": "SELECT summ(billed_cost) FROM llm_usage",
        },
    }
    spark = subprocess.run(
        [str(_PYTHON), str(_HERE / "run.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=1800,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TZ": "UTC"},
        cwd=folder,
    )
    assert spark.returncode == 0, spark.stderr[-3000:]
    told = json.loads(spark.stdout)
    spool = folder / "empty" / "spool"
    outcome = dict(zip(made, told["made"], strict=True))
    return Answers(outcome, told["found"], world.lake, spool)


def _ship(row: Record, spool: Path, lake: str) -> None:
    """Bring a row and its prompt to the lake on the way that they go in a gateway."""
    body = Body(
        request_id=row.request_id,
        start_time=row.start_time,
        operation="chat",
        route="/v1/chat/completions",
        asked={"messages": [{"role": "user", "content": "\u65e5\u672c\u8a9e \U0001f600"}]},
        answer=None,
    )
    written = Log(spool, "host", bodies="full", most_bytes=1 << 30)
    written.end(row, body, None)
    written.close()
    assert flush(spool, lake).files == 2


def test_the_ddl_is_executed(answers: Answers) -> None:
    """Every statement that makes this lake's tables and views is executed without an error."""
    wrong = {name: error for name, error in answers.made.items() if error is not None}
    assert [name for name in wrong if not any(fault in name for fault in FAULTS)] == []


@pytest.mark.parametrize("name", [name for name in QUERIES if name not in ("every row", "focus")])
def test_queries_find_the_same(answers: Answers, name: str) -> None:
    """Each report gives what DuckDB gives: rows, decimals to the last digit, times.

    Percentiles are approximate in both engines: those of many requests may differ by a twentieth.
    """
    sql, span = QUERIES[name]
    columns: list[str] = answers.spark[name].get("columns", [])
    rough_ones = [number for number, column in enumerate(columns) if column[:4] in ("p50_", "p95_")]
    found, expected = answers.rows(name), answers.duckdb(span.fill(sql), span)
    assert len(found) == len(expected) > 0
    for row, wanted in zip(found, expected, strict=True):
        for number in rough_ones:
            many = row[columns.index("requests")] >= _FEW
            assert not many or row[number] == pytest.approx(wanted[number], rel=0.05)
            row[number] = wanted[number]
    assert found == expected


@pytest.mark.parametrize("name", ["every row", "focus"])
def test_every_column_of_every_row(answers: Answers, name: str) -> None:
    """Lists, maps, structures, exact decimals and microseconds are read as they were written."""
    sql, span = QUERIES[name]
    found, expected = answers.rows(name), answers.duckdb(sql, span)
    assert len(found) > 1000
    assert found == expected


def test_the_extremes(answers: Answers) -> None:
    """One row with something in every kind of column, written out."""
    columns: list[str] = answers.spark["every row"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in answers.rows("every row")]
    row = next(row for row in rows if row["request_id"] == "everything")
    assert row["billed_cost"] == "999999.500000000001"
    assert row["original_billed_cost"] == "-1.500000000000"
    assert row["cost_breakdown"] == {"input": "0.000000000001", "output": "999999.500000000000"}
    assert row["other_units"] == {"images": "1.000001"}
    assert row["tags"] == ["a", "\u65e5\u672c\u8a9e"]
    assert row["attempts"] == [
        ["d", None, None, 429, None, 1.5],
        [None, "aws.bedrock", "claude", None, "overloaded", None],
    ]
    assert row["gen_ai_usage_input_tokens"] == 9007199254740993
    assert row["start_time"] == "2026-11-20T12:00:00"
    assert row["dt"] == "2026-11-20"
    assert row["payload_logged"] == "full"
    columns = answers.spark["every prompt"]["columns"]
    prompts = [dict(zip(columns, row, strict=True)) for row in answers.rows("every prompt")]
    prompt = next(row for row in prompts if row["request_id"] == "everything")
    assert json.loads(prompt["gen_ai_input_messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "\u65e5\u672c\u8a9e \U0001f600"}]}
    ]
    assert prompt["batch_id"] == row["batch_id"]


def test_planted_faults_are_noticed(answers: Answers) -> None:
    """Wrong types, a wrong place, no partitions, a wrong name: Spark stumbles over each of them."""
    good = answers.rows("sekisho")
    assert good != []
    unnoticed = [name for name in FAULTS if answers.spark[name].get("rows") == good]
    assert unnoticed == []
    assert "PARQUET" in answers.spark["a_double"]["error"].upper()
    assert answers.spark["elsewhere"]["rows"] == [[None, None, 0]]
    assert answers.made["partitions of no_days"] is not None
    assert answers.spark["misspelt"]["error"].startswith("[UNRESOLVED_ROUTINE]")
