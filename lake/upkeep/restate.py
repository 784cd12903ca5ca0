"""Restating: rows get the cost that they have by the present price list, day by day.

A day is one conditional PUT of its `day.parquet`, made of all its files, as compaction does. Rows
whose cost is right already stay as they are, so that a run that was cut off is simply run again.
`original_billed_cost` keeps what was billed first.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from .. import codec
from ..spool import segments
from ..stores.store import Store
from . import days, whole_day
from .days import Day
from .reprice import Bill, NotKnown, Prices, Row
from .whole_day import Counted

_FIELDS = tuple(Row.__dataclass_fields__)
_AT_ONCE = 5_000
_ZERO = Decimal(0)
_CORRECTION = (
    "{'request_id': 'VARCHAR', 'cost': 'DECIMAL(18,12)', "
    "'breakdown': 'MAP(VARCHAR, DECIMAL(18,12))'}"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: asked for as `model` or answered by it, started in [since, until) (UTC).

    A row whose clock was insane counts as one of the day that it lies in.
    """

    model: str
    since: datetime
    until: datetime | None = None

    def has(self, day: Day) -> bool:
        """Whether the day can have such rows."""
        if day.table != days.USAGE or day.day < self.since.astimezone(UTC).date():
            return False
        return self.until is None or _naive(self.until) > datetime.combine(day.day, time())

    def includes(self, started: datetime) -> bool:
        """Whether a request that started then is in the time."""
        return self.since <= started and (self.until is None or started < self.until)


@dataclass(frozen=True, slots=True)
class Restated:
    """What became of one day: its wanted rows, how many got another cost, and how many had none.

    `before` and `after` are exact sums of USD over the wanted rows that have a cost. `skipped` are
    rows that stay as they are because their cost is not known, by the reason. `prices` are the ids
    of the prices that restated rows have now.
    """

    day: str
    rows: int = 0
    restated: int = 0
    newly_priced: int = 0
    before: Decimal = _ZERO
    after: Decimal = _ZERO
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    prices: frozenset[str] = frozenset()


def run(
    store: Store,
    work: Path,
    now: datetime,
    wanted: Wanted,
    prices: Prices,
    *,
    reason: str | None = None,
    dry_run: bool = False,
    memory: str = whole_day.MEMORY,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Restated]:
    """Restate day by day, oldest first; days without such rows are left out of the answer.

    `reason` is kept in the rows, by default the version of the price list. Raises LakeError; the
    days before that are done, and another run does the rest.
    """
    why = reason or f"price list {prices.version}"
    found = [day for day in days.find(store.list(f"{days.USAGE}/")) if wanted.has(day)]
    done: list[Restated] = []

    def attempt(day: Day) -> Restated:
        with whole_day.desk(work, memory) as (connection, folder):
            files = whole_day.fetch(store, connection, day, folder)
            if not files.files:
                return Restated(str(day.day))
            counted, _ = whole_day.open_rows(connection, files.files)
            result = _correct(connection, day, wanted, prices, folder / "corrections.jsonl")
            if result.restated and not dry_run:
                cost = counted.cost + result.after - result.before
                _view_of_corrected(connection, folder / "corrections.jsonl", now, prices, why)
                target = folder / "new.parquet"
                expected = Counted(counted.rows, counted.requests, cost)
                whole_day.write(connection, target, expected, "corrected")
                store.replace(day.whole_key, target, files.tag)
            return result

    for number, day in enumerate(found):
        told(number, len(found))
        done.append(whole_day.keep_trying(store, day, attempt))
    told(len(found), len(found))
    return [result for result in done if result.rows]


def waiting(spool: Path, wanted: Wanted, prices: Prices) -> int:
    """How many such rows are still in the spool of this machine, where nothing restates them."""
    deployments = prices.ids(wanted.model)
    records = map(codec.record_or_none, segments.snapshot(spool))
    return len(
        {
            record.request_id
            for record in records
            if record is not None
            and record.end_time is not None
            and wanted.includes(record.start_time)
            and (record.gen_ai_request_model == wanted.model or record.deployment_id in deployments)
        }
    )


def _correct(
    connection: duckdb.DuckDBPyConnection, day: Day, wanted: Wanted, prices: Prices, file: Path
) -> Restated:
    """Look at each wanted row and write a line for each one that has another cost now."""
    first = f"TIMESTAMP '{day.day} 00:00:00'"
    last = f"TIMESTAMP '{day.day} 23:59:59.999999'"
    started = f"greatest(least(start_time, {last}), {first})"
    sql = (
        f"SELECT {', '.join(_FIELDS)} FROM found WHERE {started} >= ? "  # noqa: S608 - own names
        "AND (gen_ai_request_model = ? OR list_contains(?, deployment_id))"
    )
    values: list[Any] = [_naive(wanted.since), wanted.model, prices.ids(wanted.model)]
    if wanted.until is not None:
        sql += f" AND {started} < ?"
        values.append(_naive(wanted.until))
    tally = _Tally()
    found = connection.execute(sql, values)
    with file.open("w") as lines:
        while rows := found.fetchmany(_AT_ONCE):
            for values_of_row in rows:
                row = Row(**dict(zip(_FIELDS, values_of_row, strict=True)))
                bill = tally.look_at(row, prices)
                if bill is not None:
                    lines.write(_line(row, bill))
    return replace(tally.result(), day=str(day.day))


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    restated: int = 0
    newly_priced: int = 0
    before: Decimal = _ZERO
    after: Decimal = _ZERO
    skipped: Counter[str] = field(default_factory=Counter[str])
    prices: set[str] = field(default_factory=set[str])

    def look_at(self, row: Row, prices: Prices) -> Bill | None:
        """The row's new bill; None when it stays as it is."""
        self.rows += 1
        self.before += row.billed_cost or 0
        try:
            bill = prices.bill(row)
        except NotKnown as reason:
            self.skipped[str(reason)] += 1
            self.after += row.billed_cost or 0
            return None
        if bill.is_already_in(row):
            self.after += row.billed_cost or 0
            return None
        self.restated += 1
        self.newly_priced += not row.is_priced
        self.after += bill.total
        if bill.price is not None:
            self.prices.add(bill.price.id)
        return bill

    def result(self) -> Restated:
        return Restated(
            "",
            self.rows,
            self.restated,
            self.newly_priced,
            self.before,
            self.after,
            dict(self.skipped),
            frozenset(self.prices),
        )


def _line(row: Row, bill: Bill) -> str:
    breakdown = {unit: format(part, "f") for unit, part in bill.breakdown.items()}
    cost = format(bill.total, "f")
    line = {"request_id": row.request_id, "cost": cost, "breakdown": breakdown}
    return json.dumps(line) + "\n"


def _view_of_corrected(
    connection: duckdb.DuckDBPyConnection, file: Path, now: datetime, prices: Prices, reason: str
) -> None:
    """Make the view `corrected`: the rows of `found` with their new costs."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE corrections AS SELECT request_id, cost, breakdown, "  # noqa: S608
        "?::TIMESTAMP AS at, ?::VARCHAR AS reason, ?::VARCHAR AS version "
        f"FROM read_json(?, format = 'newline_delimited', columns = {_CORRECTION})",
        [_naive(now), reason, prices.version, str(file)],
    )
    new = {
        "billed_cost": "corrections.cost",
        "is_priced": "true",
        "cost_breakdown": "corrections.breakdown",
        "price_version": "corrections.version",
        "original_billed_cost": (
            "CASE WHEN found.restated_at IS NULL THEN found.billed_cost "
            "ELSE found.original_billed_cost END"
        ),
        "restated_at": "corrections.at",
        "restated_reason": "corrections.reason",
    }
    replaced = ", ".join(
        f"CASE WHEN corrections.request_id IS NULL THEN found.{name} ELSE {value} END AS {name}"
        for name, value in new.items()
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW corrected AS SELECT found.* REPLACE ({replaced}) "  # noqa: S608
        "FROM found LEFT JOIN corrections ON found.request_id = corrections.request_id"
    )


def _naive(moment: datetime) -> datetime:
    """As the lake has times: UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
