"""Answers from the lake and from what is still in the spool: who used what, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb

from . import codec, engine, place, segments
from .columns import NAMES
from .record import Record

By = Literal["user", "model", "key", "team", "day", "app", "status"]
GROUPINGS: tuple[By, ...] = get_args(By)

_NONE = "'(none)'"
_EXPRESSIONS: dict[By, str] = {
    "user": f"coalesce(end_user_email, end_user_id, owner, {_NONE})",
    "model": f"coalesce(gen_ai_request_model, {_NONE})",
    "key": f"coalesce(api_key_alias, api_key_id, {_NONE})",
    "team": f"coalesce(team, {_NONE})",
    "day": "strftime(start_time, '%Y-%m-%d')",
    "app": f"coalesce(app, {_NONE})",
    "status": "status",
}


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One line of usage; `group` has the values of the groupings asked for, in their order.

    `errors` are requests that the gate, the provider or a crash spoiled; those that the client
    cancelled are not. Tokens: `input_tokens` includes cached ones. `cost_usd` is the exact sum
    in USD of the priced requests, None when there is none; `unpriced` counts the others.
    """

    group: tuple[str, ...]
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal | None
    unpriced: int


def usage(
    lake: str,
    spool: Path,
    by: Sequence[By] = ("user", "model"),
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[UsageRow]:
    """Usage of requests that started in [since, until), each request once. Raises LakeError.

    Dearest first; by time when the first grouping is `day`.
    """
    folder = place.usage_folder(lake)
    lines = segments.snapshot(spool)
    with engine.connect("1GB") as connection:
        _load_good(connection, lines)
        found, values = _found(folder, since, until)
        names = [f'{_EXPRESSIONS[name]} AS "{name}"' for name in by]
        keys = ", ".join(str(number + 1) for number in range(len(by)))
        dearest = "cost DESC NULLS LAST, requests DESC"
        order = ", ".join(part for part in _order(by, keys, dearest) if part)
        rows = connection.execute(
            f"SELECT {', '.join([*names, *_MEASURES])} FROM ("  # noqa: S608 - own expressions
            f"SELECT * FROM ({found}) {engine.ONCE}) "
            + (f"GROUP BY {keys} " if by else "HAVING count(*) > 0 ")
            + f"ORDER BY {order}",
            values,
        ).fetchall()
    return [UsageRow(tuple(map(str, row[: len(by)])), *row[len(by) :]) for row in rows]


def latest(lake: str, spool: Path, count: int) -> list[Record]:
    """The `count` requests that ended last, oldest of them first. Raises LakeError."""
    if count <= 0:
        return []
    folder = place.usage_folder(lake)
    found = {record.request_id: record for record in _spooled(spool, count)}
    days = sorted(folder.glob("dt=*"), reverse=True)
    with engine.connect() as connection:
        for day in days:
            if len(found) >= count:
                break
            for record in _newest(connection, day, count):
                found.setdefault(record.request_id, record)
    return sorted(found.values(), key=ended)[-count:]


def ended(record: Record) -> datetime:
    """When a request ended (UTC), or began when the end isn't known."""
    return record.end_time or record.start_time


_MEASURES = (
    "count(*) AS requests",
    "count(*) FILTER (status NOT IN ('success', 'cancelled')) AS errors",
    "coalesce(sum(gen_ai_usage_input_tokens), 0)::BIGINT",
    "coalesce(sum(gen_ai_usage_output_tokens), 0)::BIGINT",
    "coalesce(sum(gen_ai_usage_cache_read_input_tokens), 0)::BIGINT",
    "coalesce(sum(gen_ai_usage_cache_creation_input_tokens), 0)::BIGINT",
    "sum(billed_cost) FILTER (is_priced AND billing_currency = 'USD') AS cost",
    "count(*) FILTER (NOT is_priced) AS unpriced",
)
_NEEDED = (
    "request_id, start_time, end_time, schema_version, end_user_email, end_user_id, owner, team, "
    "gen_ai_request_model, api_key_alias, api_key_id, app, status, gen_ai_usage_input_tokens, "
    "gen_ai_usage_output_tokens, gen_ai_usage_cache_read_input_tokens, "
    "gen_ai_usage_cache_creation_input_tokens, billed_cost, billing_currency, is_priced"
)


def _order(by: Sequence[By], keys: str, dearest: str) -> tuple[str, str]:
    return (keys, dearest) if by and by[0] == "day" else (dearest, keys)


def _found(
    folder: Path, since: datetime | None, until: datetime | None
) -> tuple[str, list[datetime | list[str]]]:
    """SQL for the wanted rows of lake and spool, and its parameters."""
    start, end = (None if time is None else time.astimezone(UTC) for time in (since, until))
    conditions = ["start_time >= ?"] * (start is not None) + ["start_time < ?"] * (end is not None)
    bounds = [time.replace(tzinfo=None) for time in (start, end) if time is not None]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = f"SELECT {_NEEDED} FROM spooled{where}"  # noqa: S608 - own names
    values: list[datetime | list[str]] = [*bounds]
    files = _files(folder, start, end)
    if files:
        source, names = engine.parquet(files)
        sql += f" UNION ALL BY NAME SELECT {_NEEDED} FROM {source}{where}"  # noqa: S608 - own names
        values += [names, *bounds]
    return sql, values


def _files(folder: Path, start: datetime | None, end: datetime | None) -> list[Path]:
    """The lake's files of the wanted days; the others are not even opened."""
    first = f"dt={start:%Y-%m-%d}" if start else ""
    last = f"dt={end:%Y-%m-%d}" if end else "dt=9999"
    return [file for file in folder.glob("dt=*/*.parquet") if first <= file.parent.name <= last]


def _load_good(connection: duckdb.DuckDBPyConnection, lines: Sequence[bytes]) -> None:
    """Load the spool's lines; only when DuckDB stumbles, look at each one (20 us)."""
    try:
        engine.load_lines(connection, "spooled", lines)
    except duckdb.Error:
        records = map(codec.record_or_none, lines)
        good = [codec.encode(record) for record in records if record is not None]
        engine.load_lines(connection, "spooled", [line.rstrip(b"\n") for line in good])


def _spooled(spool: Path, count: int) -> list[Record]:
    """The newest `count` records of the spool, at least: of each segment the last lines."""
    found = {segment.name: segment for segment in segments.find(spool)}.values()
    lines = [
        line for segment in found for line in segments.lines(segments.content(segment))[0][-count:]
    ]
    return [record for record in map(codec.record_or_none, lines) if record is not None]


def _newest(connection: duckdb.DuckDBPyConnection, day: Path, count: int) -> list[Record]:
    files = sorted(day.glob("*.parquet"))
    if not files:
        return []
    source, names = engine.parquet(files)
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {', '.join(NAMES)} FROM {source} "  # noqa: S608 - own names
        "ORDER BY coalesce(end_time, start_time) DESC LIMIT ?",
        [names, count],
    ).fetchall()
    return [codec.from_values(dict(zip(NAMES, row, strict=True))) for row in rows]
