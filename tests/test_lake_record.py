"""The columns of llm_usage, the record, and its way through JSON and Parquet."""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sekisho.lake import codec, columns
from sekisho.lake.asking import engine
from sekisho.lake.record import Attempt, Record

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SMALL = Record(request_id="req_1", start_time=START, status="success")

# Written out from the design: the order and the names are a promise to every reader of the lake.
DESIGN = [
    "request_id",
    "trace_id",
    "gen_ai_conversation_id",
    "start_time",
    "end_time",
    "duration_ms",
    "time_to_first_token_ms",
    "gateway_overhead_ms",
    "route",
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
    "gen_ai_request_stream",
    "deployment_id",
    "attempts",
    "api_key_id",
    "api_key_alias",
    "api_key_kind",
    "owner",
    "team",
    "end_user_id",
    "end_user_email",
    "end_user_name",
    "end_user_source",
    "claimed_user",
    "app",
    "task",
    "chat_id",
    "message_id",
    "tags",
    "gen_ai_usage_input_tokens",
    "gen_ai_usage_output_tokens",
    "gen_ai_usage_cache_read_input_tokens",
    "gen_ai_usage_cache_creation_input_tokens",
    "gen_ai_usage_reasoning_output_tokens",
    "other_units",
    "billed_cost",
    "billing_currency",
    "is_priced",
    "cost_breakdown",
    "price_version",
    "status",
    "http_response_status_code",
    "error_type",
    "error_message",
    "gen_ai_response_finish_reasons",
    "gateway_cache_hit",
    "client_address",
    "user_agent",
    "gateway_instance",
    "schema_version",
    "usage_is_estimated",
    "payload_logged",
    "batch_id",
    "original_billed_cost",
    "restated_at",
    "restated_reason",
    "service_tier",
]
PAYLOAD = [
    "request_id",
    "start_time",
    "gen_ai_input_messages",
    "gen_ai_output_messages",
    "request_parameters",
    "truncated",
    "batch_id",
    "schema_version",
]

HINTS = {
    "VARCHAR": "str",
    "VARCHAR[]": "tuple[str, ...]",
    "TIMESTAMP": "datetime",
    "DOUBLE": "float",
    "BIGINT": "int",
    "INTEGER": "int",
    "BOOLEAN": "bool",
    "DECIMAL(18,12)": "Decimal",
    "MAP(VARCHAR, DECIMAL(18,12))": "Mapping[str, decimal.Decimal]",
    "MAP(VARCHAR, DECIMAL(18,6))": "Mapping[str, decimal.Decimal]",
    columns.ATTEMPTS: "tuple[sekisho.lake.record.Attempt, ...]",
}


def test_columns_are_those_of_the_design_in_order() -> None:
    """The table, the record's fields and the design page have the same names in one order."""
    assert list(columns.NAMES) == DESIGN
    assert [field.name for field in fields(Record)] == DESIGN
    assert list(columns.PAYLOAD_NAMES) == PAYLOAD


def test_types_of_record_and_columns_agree() -> None:
    """Each field's Python type is the one that its column's type stands for."""
    for column in columns.COLUMNS:
        hint = get_type_hints(Record)[column.name]
        name = hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
        name = name.split(" | ")[0].replace("collections.abc.", "").replace("datetime.", "")
        if column.name not in ("status", "end_user_source", "payload_logged"):
            expected = HINTS[column.type]
            assert name in (expected, expected.split("[")[0], f"decimal.{expected}"), column.name


def test_attempts_hold_what_their_column_says() -> None:
    """The struct of the column `attempts` has the fields of `Attempt`, in order."""
    inside = columns.ATTEMPTS.removeprefix("STRUCT(").removesuffix(")[]")
    assert [part.split()[0] for part in inside.split(", ")] == [f.name for f in fields(Attempt)]


def test_the_markdown_table_has_a_line_for_each_column() -> None:
    """The page in docs is rendered from the table, one line a column under two of heading."""
    lines = columns.markdown().splitlines()
    assert lines[:2] == ["| Column | Type | Meaning |", "|---|---|---|"]
    assert lines[2] == ("| `request_id` | `VARCHAR` | Made by the gate for each request, unique. |")
    assert len(lines) == 2 + 59
    assert len(columns.payload_markdown().splitlines()) == 2 + 8


def test_a_line_is_json_with_exact_decimals_and_utc_times() -> None:
    """Decimals are text to their last digit, times end in Z, texts are UTF-8 as they are."""
    line = codec.encode(
        replace(
            SMALL,
            owner="\u65e5\u672c@example.com",
            billed_cost=Decimal("0.000000000001"),
            cost_breakdown={"input": Decimal("1E-12")},
            attempts=(Attempt(model="m", http_response_status_code=429),),
        )
    )
    assert line.startswith(b'{"request_id":"req_1","trace_id":null,')
    assert b'"start_time":"2026-03-01T12:00:00.123456Z"' in line
    assert '"owner":"\u65e5\u672c@example.com"'.encode() in line
    assert b'"billed_cost":"0.000000000001"' in line
    assert b'"cost_breakdown":{"input":"0.000000000001"}' in line
    assert b'"model":"m","http_response_status_code":429,' in line
    assert line.endswith(
        b'"schema_version":2,"usage_is_estimated":false,"payload_logged":null,"batch_id":null,'
        b'"original_billed_cost":null,"restated_at":null,"restated_reason":null,'
        b'"service_tier":null}\n'
    )
    assert line.count(b"\n") == 1


def test_a_line_without_a_newer_field_still_reads() -> None:
    """Fields of a newer Sekisho are ignored, those that an older one lacked are default."""
    line = b'{"request_id":"r","start_time":"2026-03-01T12:00:00.123456Z","status":"success",'
    assert codec.decode(line + b'"novelty":[1]}') == replace(SMALL, request_id="r")


def test_times_in_other_zones_are_the_same_moment() -> None:
    """A time given with another offset comes back as the same moment in UTC."""
    tokyo = START.astimezone(timezone(timedelta(hours=9)))
    read = codec.decode(codec.encode(replace(SMALL, start_time=tokyo)))
    assert read.start_time == START
    assert read.start_time.tzinfo is UTC


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "empty"),
        (b"\0\0\0", "character"),
        (b"[]", "not a JSON object"),
        (b"{}", "no request_id, start_time, status"),
        (b'{"request_id":1}', "text expected, not 1"),
        (b'{"request_id":"r","start_time":"now"}', "Invalid isoformat"),
        (b'{"request_id":"r","start_time":"0001-01-01T00:00:00+09:00"}', "no time in UTC"),
        (b'{"duration_ms":"1"}', "a number expected, not '1'"),
        (b'{"duration_ms":true}', "a number expected, not True"),
        (b'{"gen_ai_usage_input_tokens":1.5}', "a whole number expected, not 1.5"),
        (b'{"gen_ai_usage_input_tokens":18446744073709551615}', "has more than 64 bits"),
        (b'{"http_response_status_code":99999999999}', "has more than 32 bits"),
        (b'{"is_priced":1}', "true or false expected, not 1"),
        (b'{"billed_cost":0.1}', "text expected, not 0.1"),
        (b'{"billed_cost":"x"}', "a decimal expected, not 'x'"),
        (b'{"billed_cost":"NaN"}', r"NaN does not fit decimal\(18,12\)"),
        (b'{"billed_cost":"1000000"}', r"1000000 does not fit decimal\(18,12\)"),
        (b'{"cost_breakdown":[]}', "an object expected"),
        (b'{"tags":"a"}', "a list expected, not 'a'"),
        (b'{"attempts":[1]}', "an object expected, not 1"),
    ],
)
def test_a_line_that_is_no_record_is_told_why(line: bytes, message: str) -> None:
    """Every wrong line is a ValueError that names the trouble, never another error."""
    with pytest.raises(ValueError, match=message):
        codec.decode(line)


def test_what_no_utf8_can_carry_is_replaced() -> None:
    """Lone surrogates become U+FFFD, everywhere in the row; the rest of the row is untouched."""
    record = replace(
        SMALL,
        user_agent="a\ud800b",
        tags=("\udfff",),
        other_units={"\ud800": Decimal(1)},
        attempts=(Attempt(error_type="\ud800"),),
        billed_cost=Decimal("0.5"),
    )
    assert codec.decode(codec.encode(record)) == replace(
        SMALL,
        user_agent="a\ufffdb",
        tags=("\ufffd",),
        other_units={"\ufffd": Decimal(1)},
        attempts=(Attempt(error_type="\ufffd"),),
        billed_cost=Decimal("0.5"),
    )


def test_numbers_that_no_column_can_hold_are_unknown() -> None:
    """Integers beyond 64 bits and floats that are none become null; the row stays."""
    record = replace(
        SMALL,
        gen_ai_usage_input_tokens=2**64,
        duration_ms=math.inf,
        time_to_first_token_ms=math.nan,
        billed_cost=Decimal("NaN"),
    )
    assert codec.decode(codec.encode(record)) == SMALL


def test_a_novel_in_a_header_is_cut() -> None:
    """A row with a megabyte of text is cut to 1,000 characters a text; others stay whole."""
    record = replace(SMALL, user_agent="\u00e9" * 1_000_000, owner="a@b", tags=("x" * 5000,) * 99)
    line = codec.encode(record)
    read = codec.decode(line)
    assert len(line) < 32_768
    assert read.user_agent == "\u00e9" * 997 + "..."
    assert (read.owner, len(read.tags)) == ("a@b", 20)
    whole = replace(SMALL, error_message="x" * 20_000)
    assert codec.decode(codec.encode(whole)) == whole


texts = st.text(max_size=20) | st.sampled_from(
    ["\u65e5\u672c\u8a9e", "a\0b", "\U0001f600", "'\"\\"]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.integers(0, 2 * 10**17).map(lambda micros: EPOCH + timedelta(microseconds=micros))
reals = st.floats(allow_nan=False, allow_infinity=False)
money = st.decimals(Decimal(-999_999), Decimal(999_999), places=12)
units = st.decimals(Decimal(0), Decimal(999_999_999), places=6)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": _maybe(texts),
    "VARCHAR[]": st.lists(texts, max_size=3).map(tuple),
    "TIMESTAMP": _maybe(times),
    "DOUBLE": _maybe(reals),
    "BIGINT": _maybe(st.integers(-(2**63), 2**63 - 1)),
    "INTEGER": _maybe(st.integers(-(2**31), 2**31 - 1)),
    "BOOLEAN": _maybe(st.booleans()),
    "DECIMAL(18,12)": _maybe(money),
    "MAP(VARCHAR, DECIMAL(18,12))": st.dictionaries(texts, money, max_size=3),
    "MAP(VARCHAR, DECIMAL(18,6))": st.dictionaries(texts, units, max_size=3),
    columns.ATTEMPTS: st.lists(
        st.builds(
            Attempt,
            deployment_id=_maybe(texts),
            error_type=_maybe(texts),
            http_response_status_code=_maybe(st.integers(100, 599)),
            duration_ms=_maybe(reals),
        ),
        max_size=2,
    ).map(tuple),
}
NEVER_NONE = {
    "request_id": texts,
    "start_time": times,
    "status": st.sampled_from(["success", "failure", "refused", "cancelled", "truncated"]),
    "end_user_source": st.sampled_from(["key", "jwt", "header", "slack", "none"]),
    "billing_currency": st.just("USD"),
    "is_priced": st.booleans(),
    "schema_version": st.just(2),
    "usage_is_estimated": st.booleans(),
    "payload_logged": st.sampled_from([None, "full", "hash", "none", "shed"]),
}
records = st.builds(
    Record,
    **{
        column.name: NEVER_NONE.get(column.name, STRATEGIES[column.type])
        for column in columns.COLUMNS
    },
)


Reader = Callable[[list[bytes]], list[Record]]


@pytest.fixture(scope="module")
def through_duckdb() -> Iterator[Reader]:
    """Lines to a typed table and back, with one DuckDB for every example."""
    with engine.connect() as connection:

        def read(lines: list[bytes]) -> list[Record]:
            engine.load_lines(connection, "t", [line.rstrip(b"\n") for line in lines])
            rows = connection.execute("SELECT * FROM t ORDER BY rowid").fetchall()
            return [codec.from_values(dict(zip(columns.NAMES, row, strict=True))) for row in rows]

        yield read


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=st.lists(records, max_size=3))
def test_a_record_survives_json_and_duckdb(through_duckdb: Reader, found: list[Record]) -> None:
    """Whatever a record holds comes back from JSON, and from a typed table, as it was."""
    lines = [codec.encode(record) for record in found]
    assert [codec.decode(line) for line in lines] == found
    assert through_duckdb(lines) == found
