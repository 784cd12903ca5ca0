"""Usage by whatever is asked for, and the last requests: one SQL, run by DuckDB or by Athena."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

from .. import codec, place
from ..bodies.redaction import Patterns
from ..columns import NAMES
from ..place import LakeError
from ..record import Record
from ..spool import segments
from . import athena, cache, reading
from .athena import AthenaSettings, Result
from .span import Span

By = Literal["user", "model", "key", "team", "day", "app", "status"]
GROUPINGS: tuple[By, ...] = get_args(By)
Engine = Callable[[str, Span], Result]
"""Answers a SELECT on the tables of `tables`, of these days."""

_NONE = "'(none)'"
_EXPRESSIONS: dict[By, str] = {
    "user": f"coalesce(end_user_email, end_user_id, owner, {_NONE})",
    "model": f"coalesce(gen_ai_request_model, {_NONE})",
    "key": f"coalesce(api_key_alias, api_key_id, {_NONE})",
    "team": f"coalesce(team, {_NONE})",
    "day": "dt",
    "app": f"coalesce(app, {_NONE})",
    "status": "status",
}
_MEASURES = (
    "count(*) AS requests",
    "count(*) FILTER (WHERE status NOT IN ('success', 'cancelled')) AS errors",
    "coalesce(sum(gen_ai_usage_input_tokens), 0) AS input_tokens",
    "coalesce(sum(gen_ai_usage_output_tokens), 0) AS output_tokens",
    "coalesce(sum(gen_ai_usage_cache_read_input_tokens), 0) AS cache_read_tokens",
    "coalesce(sum(gen_ai_usage_cache_creation_input_tokens), 0) AS cache_write_tokens",
    "sum(billed_cost) FILTER (WHERE is_priced AND billing_currency = 'USD') AS cost_usd",
    "count(*) FILTER (WHERE NOT coalesce(is_priced, false)) AS unpriced",
)
_WHERE = """\
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until"""


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


def on_duckdb(
    lake: str,
    spool: Path,
    progress: reading.Progress | None = None,
    redact: Patterns = (),
) -> Engine:
    """Answers from lake and spool on this machine; nothing to set up.

    Of a lake on S3 the wanted days are copied to `HOME/cache` first, the spool being `HOME/spool`;
    `progress` gets bytes copied and to copy.
    """
    return lambda sql, span: reading.select(
        lake, spool, sql, span, progress=progress, redact=redact
    )


def on_athena(settings: AthenaSettings, progress: athena.Progress | None = None) -> Engine:
    """Answers from Amazon Athena, which bills what it reads: only with a first day."""

    def run(sql: str, span: Span) -> Result:
        if span.since is None:
            raise LakeError("athena: without a first day this reads the whole lake; say --since")
        return athena.run(sql, settings, progress)

    return run


def usage_sql(by: Sequence[By], span: Span) -> str:
    """The SELECT of `usage`, for both engines."""
    names = [f'{_EXPRESSIONS[name]} AS "{name}"' for name in by]
    keys = ", ".join(str(number + 1) for number in range(len(by)))
    dearest = "cost_usd DESC NULLS LAST, requests DESC"
    order = (keys, dearest) if by and by[0] == "day" else (dearest, keys)
    selected = ",\n  ".join([*names, *_MEASURES])
    return span.fill(
        f"SELECT\n  {selected}\nFROM llm_usage\n{_WHERE}\n"
        + (f"GROUP BY {keys}\n" if by else "HAVING count(*) > 0\n")
        + f"ORDER BY {', '.join(part for part in order if part)}"
    )


def usage(
    lake: str,
    spool: Path,
    by: Sequence[By] = ("user", "model"),
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    engine: Engine | None = None,
) -> list[UsageRow]:
    """Usage of requests that started in [since, until), each request once. Raises LakeError.

    Dearest first; by time when the first grouping is `day`. Without an engine DuckDB answers.
    """
    span = Span(since, until)
    found: list[Any] = (engine or on_duckdb(lake, spool))(usage_sql(by, span), span).rows
    return [UsageRow(tuple(map(str, row[: len(by)])), *row[len(by) :]) for row in found]


def latest(lake: str, spool: Path, count: int) -> list[Record]:
    """The `count` requests that ended last, oldest of them first. Raises LakeError.

    Of a lake on S3 only the last days are looked at.
    """
    if count <= 0:
        return []
    found = {record.request_id: record for record in _spooled(spool, count)}
    for day in _last_days(lake, spool):
        if len(found) >= count:
            break
        for record in _newest(lake, spool, day, count):
            found.setdefault(record.request_id, record)
    return sorted(found.values(), key=ended)[-count:]


def ended(record: Record) -> datetime:
    """When a request ended (UTC), or began when the end isn't known."""
    return record.end_time or record.start_time


_LAST_DAYS = 3


def _last_days(lake: str, spool: Path) -> list[date]:
    """Days that the lake has, the last first."""
    first = None
    if place.is_s3(lake):
        first = datetime.now(UTC).date() - timedelta(days=_LAST_DAYS - 1)
    folder = cache.folder(lake, spool.parent, first, None)
    names = [day.name.removeprefix("dt=") for day in (folder / "usage").glob("dt=*")]
    days: list[date] = []
    for name in names:
        with suppress(ValueError):  # a folder of somebody else's
            days.append(date.fromisoformat(name))
    days.sort(reverse=True)
    return [day for day in days if first is None or day >= first]


def _spooled(spool: Path, count: int) -> list[Record]:
    """The newest `count` finished records of the spool, at least: of each segment the last."""
    found = {segment.name: segment for segment in segments.find(spool)}.values()
    records: list[Record] = []
    for segment in found:
        lines = segments.rows(segments.lines(segments.content(segment))[0])[-count:]
        records += [record for line in lines if (record := codec.record_or_none(line)) is not None]
    return records


def _newest(lake: str, spool: Path, day: date, count: int) -> list[Record]:
    start = datetime.combine(day, datetime.min.time(), UTC)
    span = Span(start, start + timedelta(days=1))
    sql = (
        f"SELECT {', '.join(NAMES)} FROM llm_usage WHERE dt = '{day}' "  # noqa: S608 - own names
        f"ORDER BY coalesce(end_time, start_time) DESC LIMIT {count:d}"
    )
    rows: list[tuple[Any, ...]] = reading.select(lake, spool, sql, span).rows
    return [codec.from_values(dict(zip(NAMES, row, strict=True))) for row in rows]
