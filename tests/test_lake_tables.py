"""What `logs ddl` prints fits the files: columns, types, keys, days; and each row counts once."""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from click.testing import CliRunner
from sekisho.cli.logs_ddl import ddl as ddl_command
from sekisho.lake.asking import cache, query, reading, tables, waiting
from sekisho.lake.asking.span import Span
from sekisho.lake.bodies import body as bodies
from sekisho.lake.bodies.body import Body
from sekisho.lake.codec import encode
from sekisho.lake.place import LakeError
from sekisho.lake.record import Attempt, Record
from sekisho.lake.shipping import scratch
from sekisho.lake.shipping.parquet import Made, Writer
from sekisho.lake.spool.beginning import Beginning
from sekisho.lake.spool.beginning import encode as encode_beginning
from sekisho.lake.stores import lifecycle

from . import filled

DAY = "2026-03-01"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = Record(
    request_id="r0",
    start_time=NOON,
    end_time=NOON,
    status="success",
    attempts=(Attempt(model="m", http_response_status_code=200, duration_ms=1.5),),
    tags=("a",),
    other_units={"images": Decimal(1)},
    billed_cost=Decimal("0.25"),
    is_priced=True,
    cost_breakdown={"input": Decimal("0.25")},
    restated_at=NOON,
)
STATEMENTS = {one.makes: one.sql for one in tables.ddl("s3://company-lake/llm", "sekisho")}


def rows(name: str, number: int = 3) -> list[Record]:
    """So many requests of one batch."""
    return [replace(ROW, request_id=f"{name}-{n}", batch_id=name) for n in range(number)]


def counted(lake: Path, spool: Path, table: str = "llm_usage") -> list[str]:
    """The requests that a table has, each as often as it is there."""
    sql = f"SELECT request_id FROM {table} ORDER BY 1"
    return [str(row[0]) for row in reading.select(lake.as_uri(), spool, sql, Span()).rows]


# --- the DDL and the files --------------------------------------------------------------------

# Athena's types and how Parquet stores them: physical type, and the annotations as DuckDB shows.
PARQUET = {
    "string": "BYTE_ARRAY UTF8",
    "timestamp": "INT64 TIMESTAMP_MICROS TimestampType(isAdjustedToUTC=0",
    "double": "DOUBLE",
    "bigint": "INT64 INT_64",
    "int": "INT32 INT_32",
    "boolean": "BOOLEAN",
    "decimal(18,12)": "INT64 DECIMAL DecimalType(scale=12, precision=18)",
    "decimal(18,6)": "INT64 DECIMAL DecimalType(scale=6, precision=18)",
}


def described(ddl: str) -> dict[str, str]:
    """Columns and types of a CREATE TABLE."""
    inside = ddl[ddl.index("(\n") + 2 : ddl.index("\n)\n")]
    return dict(re.findall(r"^  `(\w+)` (\S+?),?$", inside, re.MULTILINE))


def stored(file: Path) -> dict[str, list[str]]:
    """Columns of a Parquet file and the types of their leaves; `in` where those are nested."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT name, concat_ws(' ', type, converted_type, logical_type), num_children "
            "FROM parquet_schema(?)",
            [str(file)],
        ).fetchall()
    columns: dict[str, list[str]] = {}
    tops = _tops([(name, children or 0) for name, _, children in found[1:]])
    for top, (name, kind, children) in zip(tops, found[1:], strict=True):
        columns.setdefault(top, [])
        if not children:
            columns[top].append(kind if top == name else f"in {kind}")
    return columns


def _tops(nodes: Sequence[tuple[str, int]]) -> list[str]:
    """Of each node of a schema, written depth first, the column that it belongs to."""
    tops: list[str] = []
    left = 0
    for name, children in nodes:
        tops.append(tops[-1] if left else name)
        left += children - bool(left)
    return tops


def leaves(kind: str) -> list[str]:
    """The simple types that an Athena type is made of, in order."""
    return re.findall(
        r"decimal\(\d+,\d+\)|\b(?:string|int|double|bigint|boolean|timestamp)\b", kind
    )


def objections(ddl: str, file: Path) -> list[str]:
    """What of a table's description does not fit a file."""
    promised, found = described(ddl), stored(file)
    wrong = [f"{name} only in the file" for name in found if name not in promised]
    for name, kind in promised.items():
        nested = "in " if "<" in kind else ""
        expected = [nested + PARQUET[leaf] for leaf in leaves(kind)]
        actual = found.get(name, [])
        fits = len(expected) == len(actual) and all(
            is_there.startswith(want) for is_there, want in zip(actual, expected, strict=True)
        )
        if not fits:
            wrong.append(f"{name} {kind}: {actual}")
    location = re.search(r"LOCATION 's3://company-lake/llm/(\w+)/'", ddl)
    template = re.search(r"'storage.location.template' = 's3://company-lake/llm/(.*)'", ddl)
    assert location is not None
    assert template is not None
    key = "/".join(file.parts[-3:])
    day = file.parts[-2].removeprefix("dt=")
    if not key.startswith(template[1].replace("${dt}", day)) or not key.startswith(location[1]):
        wrong.append(f"{key} is not below {template[1]}")
    first = re.search(r"'projection.dt.range' = '([\d-]+),NOW\+1DAY'", ddl)
    assert first is not None
    if not first[1] <= day <= f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}":
        wrong.append(f"{day} is outside of the projection")
    return wrong


def shipped(folder: Path, make: Callable[[Writer], Made]) -> Path:
    """The one file that the shipper makes, under its key."""
    with scratch.room(folder / "room") as room:
        [written] = make(Writer("b1", NOON, room)).files
        target = folder / written.key
        target.parent.mkdir(parents=True)
        return written.path.rename(target)


def test_usage_fits_its_table(tmp_path: Path) -> None:
    """Each column of the DDL is in the shipper's file, in the type in which Athena reads it."""
    file = shipped(tmp_path, lambda writer: writer.usage([encode(ROW).rstrip(b"\n")]))
    assert file.parts[-3:] == ("usage", "dt=2026-03-01", "b1.parquet")
    assert objections(STATEMENTS["llm_usage_files"], file) == []
    assert len(described(STATEMENTS["llm_usage_files"])) == 59


def test_payload_fits_its_table(tmp_path: Path) -> None:
    """The same for prompts and answers."""
    body = Body("r0", NOON, "chat", "/v1/chat/completions", {"messages": []}, None)
    line = bodies.encode(body, "full").rstrip(b"\n")
    file = shipped(tmp_path, lambda writer: writer.payload([line], "hash", ()))
    assert file.parts[-3:] == ("payload", "dt=2026-03-01", "b1.parquet")
    assert objections(STATEMENTS["llm_payload"], file) == []
    assert len(described(STATEMENTS["llm_payload"])) == 8


@pytest.mark.parametrize(
    ("sql", "folder", "objection"),
    [
        ("SELECT * REPLACE (uuid() AS request_id) FROM t", DAY, "request_id string: "),
        ("SELECT * REPLACE (1.5::DOUBLE AS billed_cost) FROM t", DAY, "billed_cost decimal"),
        ("SELECT * REPLACE (1.5::DECIMAL(18,6) AS billed_cost) FROM t", DAY, "billed_cost dec"),
        ("SELECT * REPLACE (['a'] AS status) FROM t", DAY, "status string"),
        ("SELECT *, 1 AS novelty FROM t", DAY, "novelty only in the file"),
        ("SELECT * EXCLUDE (team) FROM t", DAY, "team string: []"),
        ("SELECT * REPLACE (now() AS start_time) FROM t", DAY, "start_time timestamp"),
        ("SELECT * FROM t", "1970-01-01", "1970-01-01 is outside of the projection"),
    ],
)
def test_a_wrong_file_is_noticed(tmp_path: Path, sql: str, folder: str, objection: str) -> None:
    """The check does check: faults that Athena would stumble over are told."""
    source = filled.file(tmp_path, DAY, "b1", [ROW])
    file = tmp_path / "usage" / f"dt={folder}" / "b2.parquet"
    file.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM read_parquet('{source}')")
        connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
    found = objections(STATEMENTS["llm_usage_files"], file)
    assert [text for text in found if objection in text] != []


def test_the_ddl_in_full() -> None:
    """The statements in their order, and the payload table to the letter."""
    assert list(STATEMENTS) == [
        "database",
        "old llm_usage_files",
        "llm_usage_files",
        "old llm_payload",
        "llm_payload",
        "llm_usage",
        "llm_focus",
    ]
    assert STATEMENTS["database"] == "CREATE DATABASE IF NOT EXISTS `sekisho`"
    assert STATEMENTS["old llm_payload"] == "DROP TABLE IF EXISTS `sekisho`.`llm_payload`"
    assert STATEMENTS["llm_payload"] == (
        """\
CREATE EXTERNAL TABLE IF NOT EXISTS `sekisho`.`llm_payload` (
  `request_id` string,
  `start_time` timestamp,
  `gen_ai_input_messages` string,
  `gen_ai_output_messages` string,
  `request_parameters` string,
  `truncated` boolean,
  `batch_id` string,
  `schema_version` int
)
PARTITIONED BY (`dt` string)
STORED AS PARQUET
LOCATION 's3://company-lake/llm/payload/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2026-01-01,NOW+1DAY',
  'projection.dt.interval' = '1',
  'projection.dt.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://company-lake/llm/payload/dt=${dt}/',
  'parquet.compression' = 'ZSTD'
)"""
    )


def test_athena_understands_the_ddl() -> None:
    """Every statement is Athena's SQL to sqlglot."""
    for sql in STATEMENTS.values():
        assert sqlglot.parse_one(sql, dialect="athena") is not None


# --- the view ---------------------------------------------------------------------------------


def test_a_batch_that_a_day_file_has_counts_once(tmp_path: Path) -> None:
    """Between the day's file and the deletion of its batches each row is there once."""
    spool = tmp_path / "spool"
    for name in ("b1", "b2", "late"):
        filled.file(tmp_path, DAY, name, rows(name))
    every = [f"{name}-{n}" for name in ("b1", "b2", "late") for n in range(3)]
    assert counted(tmp_path, spool) == every
    filled.file(tmp_path, DAY, "day", [*rows("b1"), *rows("b2")])
    assert counted(tmp_path, spool) == every
    assert len(counted(tmp_path, spool, "llm_usage_files")) == 15
    (tmp_path / "usage" / f"dt={DAY}" / "b1.parquet").unlink()
    assert counted(tmp_path, spool) == every


def test_a_day_file_hides_nothing_of_other_days(tmp_path: Path) -> None:
    """A batch has rows of two days: the day that is not compacted yet still has its own."""
    filled.file(tmp_path, DAY, "b1", rows("b1"))
    next_day = [replace(row, request_id=f"next-{row.request_id}") for row in rows("b1")]
    filled.file(tmp_path, "2026-03-02", "b1", next_day)
    filled.file(tmp_path, DAY, "day", rows("b1"))
    assert len(counted(tmp_path, tmp_path / "spool")) == 6


def test_files_of_an_older_sekisho_lack_columns(tmp_path: Path) -> None:
    """Files without the newer columns, also without batch ids, are read and hidden as others."""
    old = tuple(described(STATEMENTS["llm_usage_files"]))[:53]
    filled.file(tmp_path, DAY, "b1", rows("b1"), columns=old)
    assert len(counted(tmp_path, tmp_path / "spool")) == 3
    filled.file(tmp_path, DAY, "day", rows("b1"))
    assert len(counted(tmp_path, tmp_path / "spool")) == 3


def test_drafts_are_not_read(tmp_path: Path) -> None:
    """What a writer has not finished, and what Athena would not read either, is left out."""
    filled.file(tmp_path, DAY, "b1", rows("b1"))
    for name in (".b2.parquet", "_b3.parquet", "b4.parquet.draft"):
        (tmp_path / "usage" / f"dt={DAY}" / name).write_bytes(b"PAR1")
    assert len(counted(tmp_path, tmp_path / "spool")) == 3


def test_only_wanted_days_are_opened(tmp_path: Path) -> None:
    """A broken file of another day doesn't matter."""
    filled.file(tmp_path, DAY, "b1", rows("b1"))
    broken = tmp_path / "usage" / "dt=2026-03-02" / "b2.parquet"
    broken.parent.mkdir()
    broken.write_bytes(b"no parquet")
    until = datetime(2026, 3, 2, tzinfo=UTC)
    found = query.usage(tmp_path.as_uri(), tmp_path / "spool", (), NOON, until)
    assert [row.requests for row in found] == [3]
    with pytest.raises(LakeError, match=r"b2\.parquet"):
        query.usage(tmp_path.as_uri(), tmp_path / "spool", (), NOON)


def test_strange_folders_are_plain_names(tmp_path: Path) -> None:
    """A lake below `team=x` and `[a]*` has no columns of these, and no patterns."""
    lake = tmp_path / "team=x" / "it's [a]*"
    filled.file(lake, DAY, "b1", rows("b1"))
    found = query.usage(lake.as_uri(), tmp_path / "spool", ("team", "day"))
    assert [(row.group, row.requests) for row in found] == [(("(none)", DAY), 3)]


def test_a_day_replaced_meanwhile_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compaction between two looks at a day's file: the query runs once more, on the new one."""
    filled.file(tmp_path, DAY, "b1", rows("b1"))
    filled.file(tmp_path, DAY, "late", rows("late"))
    filled.file(tmp_path, DAY, "day", rows("b1"))
    runs: list[int] = []
    real = waiting.forget

    def forget(*given: Any) -> None:  # the files have been looked at, and are about to be read
        real(*given)
        if not runs:
            new = filled.file(tmp_path / "new", DAY, "day", [*rows("b1"), *rows("late")])
            new.replace(tmp_path / "usage" / f"dt={DAY}" / "day.parquet")
        runs.append(1)

    monkeypatch.setattr(waiting, "forget", forget)
    assert len(counted(tmp_path, tmp_path / "spool")) == 6
    assert len(runs) == 2


def test_what_was_said_is_found_while_it_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt that moves from the spool to the lake meanwhile is in one of both, and once."""
    bodies_folder = tmp_path / "spool" / "bodies"
    bodies_folder.mkdir(parents=True)
    asked = {"messages": [{"role": "user", "content": "Where is the gate?"}]}
    segment = bodies_folder / "x.closed"
    segment.write_bytes(bodies.encode(Body("r0", NOON, "chat", "/v1", asked, None), "full"))
    real = cache.folder

    def folder(*given: Any, **named: Any) -> Path:  # the lake has been looked at
        found = real(*given, **named)
        segment.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(cache, "folder", folder)
    assert counted(tmp_path, tmp_path / "spool", "llm_payload") == ["r0"]


def test_what_is_no_text_is_no_scalar(tmp_path: Path) -> None:
    """As in Athena, `json_extract_scalar` of an object or a list is NULL."""
    sql = (
        'SELECT json_extract_scalar(\'{"a": {"b": [1]}}\', p), request_id FROM llm_usage '
        "CROSS JOIN UNNEST(['$.a', '$.a.b', '$.a.b[0]', '$.c']) AS t (p) ORDER BY p"
    )
    filled.file(tmp_path, DAY, "b1", rows("b1", 1))
    found = reading.select(tmp_path.as_uri(), tmp_path / "spool", sql, Span()).rows
    assert [row[0] for row in found] == [None, None, "1", None]


def test_a_clock_gone_wrong_is_put_where_the_shipper_puts_it(tmp_path: Path) -> None:
    """A request of 1970 waits in the spool under the lake's first day, one of 2099 tomorrow."""
    past = replace(ROW, request_id="past", start_time=datetime(1970, 1, 1, tzinfo=UTC))
    future = replace(ROW, request_id="future", start_time=datetime(2099, 1, 1, tzinfo=UTC))
    filled.segment(tmp_path / "spool", "x", [past, future])
    sql = "SELECT dt FROM llm_usage ORDER BY 1"
    found = reading.select((tmp_path / "lake").as_uri(), tmp_path / "spool", sql, Span()).rows
    today = datetime.now(UTC).date()
    assert found[0] == ("2026-01-01",)
    assert found[1][0] in (str(today + timedelta(days=1)), str(today + timedelta(days=2)))


def test_an_interrupted_request_is_unpriced(tmp_path: Path) -> None:
    """A row that was only ever a beginning lacks most columns: its cost is unknown, not nothing."""
    beginning = Beginning("r0", NOON, {"gen_ai_request_model": "claude"})
    filled.lines(tmp_path, DAY, "b1", [encode_beginning(beginning)])
    [row] = query.usage(tmp_path.as_uri(), tmp_path / "spool", ("model", "status"))
    assert (row.group, row.requests, row.errors) == (("claude", "interrupted"), 1, 1)
    assert (row.cost_usd, row.unpriced) == (None, 1)
    sql = "SELECT BilledCost, BillingCurrency, x_IsPriced, x_Requests FROM llm_focus"
    found = reading.select(tmp_path.as_uri(), tmp_path / "spool", sql, Span()).rows
    assert found == [(None, "USD", False, 1)]


# --- what the cost query reads ----------------------------------------------------------------

COST = query.usage_sql(("user", "model", "day"), Span(NOON.replace(hour=0), None))


def scanned(file: Path) -> int:
    """Bytes that Athena reads of a file for the cost query, counted unkindly.

    The chunks of every column that it names, once; the footer twice, for the view looks at each
    file twice; of a day's file the batch ids, too.
    """
    content = file.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    names = set(re.findall(r"\w+", COST)) | ({"batch_id"} if file.stem == "day" else set())
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT path_in_schema, total_compressed_size FROM parquet_metadata(?)", [str(file)]
        ).fetchall()
    return 2 * footer + sum(int(size) for path, size in found if path in names)


def records(chance: random.Random, number: int) -> list[Record]:
    """Requests of 500 users with 60 models, tokens as they come, over one day."""
    users = chance.choices(range(500), [1 / (n + 1) ** 1.1 for n in range(500)], k=number)
    models = chance.choices(range(60), [1 / (n + 1) for n in range(60)], k=number)
    found: list[Record] = []
    for n in range(number):
        asked, answered = int(chance.lognormvariate(7.5, 1.2)), int(chance.lognormvariate(5.5, 1))
        address = f"firstname.lastname{users[n]}@example.com"
        found.append(
            replace(
                ROW,
                request_id=f"req_{chance.randbytes(12).hex()}",
                start_time=NOON.replace(hour=0) + timedelta(seconds=n * 86400 / number),
                end_user_id=f"{users[n]:08x}-1111-4111-8111-{users[n]:012x}",
                end_user_email=address,
                owner=address,
                gen_ai_request_model=f"model-{models[n]}-2026",
                gen_ai_usage_input_tokens=asked,
                gen_ai_usage_output_tokens=answered,
                gen_ai_usage_cache_read_input_tokens=chance.choice((None, int(asked * 0.8))),
                billed_cost=asked * Decimal("0.000003") + answered * Decimal("0.000015"),
                batch_id=f"20260301T{n // 5000:06d}Z-host-{n // 1000 % 4}",
            )
        )
    return found


def test_the_cost_query_reads_few_bytes(tmp_path: Path) -> None:
    """At most 100 bytes a record in files of 1,000 records, at most 24 once a day is compacted."""
    found = records(random.Random(1), 20_000)
    lines = [encode(record).rstrip(b"\n") for record in found[:1000]]
    batch = shipped(tmp_path, lambda writer: writer.usage(lines))
    whole = filled.file(tmp_path, DAY, "day", found)
    assert scanned(batch) / 1000 < 45  # 100 is promised, 36 measured
    assert scanned(whole) / 20_000 < 18  # 24 is promised, 14 measured


# --- the command ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """The part of the settings that `logs ddl` uses."""

    lake: str = "s3://company-lake/llm/"
    athena_database: str = "sekisho"
    usage_days: int = 0
    payload_days: int = 90


def test_ddl_prints_statements() -> None:
    """Statements for people with how to run them, the same for programs one by one."""
    result = CliRunner().invoke(ddl_command, [], obj=Places())
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("-- Tables of s3://company-lake/llm for Amazon Athena, in the")
    assert result.stdout.count(";\n") == 7
    shown = CliRunner().invoke(ddl_command, ["--json"], obj=Places()).stdout
    assert {one["makes"]: one["sql"] for one in json.loads(shown)} == STATEMENTS


def test_ddl_names_the_keys_that_the_store_writes() -> None:
    """However the lake's URL is written, the tables are where the shipper puts their files."""
    shown = CliRunner().invoke(ddl_command, [], obj=Places(lake="S3://company-lake//llm//")).stdout
    assert "LOCATION 's3://company-lake/llm/usage/'" in shown
    result = CliRunner().invoke(ddl_command, [], obj=Places(lake="s3:///llm"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: SEKISHO_LAKE=s3:///llm: write s3://bucket/prefix\n"


def test_ddl_of_a_folder_says_that_athena_needs_s3() -> None:
    """A folder's tables are printed with a placeholder, and with a line that says so."""
    result = CliRunner().invoke(ddl_command, [], obj=Places(lake="file:///data/lake"))
    assert "LOCATION 's3://BUCKET/PREFIX/usage/'" in result.stdout
    assert result.stderr == (
        "This lake is the folder file:///data/lake, and Athena reads S3 only: put your bucket in "
        "place of s3://BUCKET/PREFIX, or set SEKISHO_LAKE.\n"
    )


def test_lifecycle_has_a_rule_for_each_table_that_ends() -> None:
    """90 days of prompts, usage for ever: one rule, and one for what old versions leave."""
    result = CliRunner().invoke(ddl_command, ["--lifecycle"], obj=Places())
    assert json.loads(result.stdout) == {
        "Rules": [
            {
                "ID": "sekisho-payload",
                "Filter": {"Prefix": "llm/payload/"},
                "Status": "Enabled",
                "Expiration": {"Days": 91},
            },
            {
                "ID": "sekisho-leftovers",
                "Filter": {"Prefix": "llm/"},
                "Status": "Enabled",
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            },
        ]
    }
    assert "put-bucket-lifecycle-configuration" in result.stderr


def test_a_lake_that_is_a_whole_bucket() -> None:
    """Without a prefix the rules are for the tables' folders at the bucket's top."""
    found = json.dumps(lifecycle.rules("s3://company-lake", 400, 0))
    assert '"Prefix": "usage/"' in found
    assert '"Days": 401' in found
    assert "payload" not in found
