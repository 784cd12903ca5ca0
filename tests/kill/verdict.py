"""What the lake holds, read without Sekisho's code, and whether each request is there once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from .crowd import TOKENS, Asked

_USAGE = (
    "request_id, trace_id, status, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens, "
    "billed_cost IS NOT NULL, end_time IS NOT NULL"
)
# What may become of a request whose worker was killed, whose client saw its worker go, or that
# was on its way to a provider then.
_CUT = frozenset({"success", "interrupted", "cancelled", "truncated", "failure"})


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of `llm_usage` says."""

    request_id: str
    trace: str
    status: str
    tokens: tuple[int | None, int | None]
    priced: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts over the complete requests, and over all; `missing` and the like must be empty."""

    complete: int
    rows: int
    interrupted: int
    missing: tuple[str, ...]
    twice: tuple[str, ...]
    wrong: tuple[str, ...]
    cut_without_row: tuple[str, ...]
    without_payload: tuple[str, ...]
    payload_twice: tuple[str, ...]

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """What must not be, by its name; empty when all is well."""
        names = (
            "missing",
            "twice",
            "wrong",
            "cut_without_row",
            "without_payload",
            "payload_twice",
        )
        return {name: found for name in names if (found := getattr(self, name))}


def rows(lake: Path) -> list[Row]:
    """All rows of the usage files under a folder, in whatever files they are."""
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {_USAGE} FROM read_parquet(?, union_by_name = true)",
            [f"{lake}/usage/dt=*/*.parquet"],
        ).fetchall()
    return [
        Row(request_id, trace, status, (into, out), priced, ended)
        for request_id, trace, status, into, out, priced, ended in found
    ]


def payloads(lake: Path) -> list[tuple[str, str]]:
    """Request id and input messages of all rows of the payload files under a folder."""
    if not any(lake.glob("payload/dt=*/*.parquet")):
        return []
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT request_id, CAST(gen_ai_input_messages AS VARCHAR) "
            "FROM read_parquet(?, union_by_name = true)",
            [f"{lake}/payload/dt=*/*.parquet"],
        ).fetchall()


def judge(asked: Sequence[Asked], lake: Path, called: Iterable[str], bodies: bool) -> Verdict:
    """Compare what clients saw, and which traces providers were `called` for, with a lake.

    `bodies` says whether there must be bodies too.
    """
    stored = rows(lake)
    by_id = {row.request_id: row for row in stored}
    traces = {row.trace for row in stored}
    complete = [one for one in asked if one.complete and one.status == 200]
    told = {one.trace for one in asked if one.request_id is not None}
    bodies_of = payloads(lake) if bodies else []
    texts = dict(bodies_of)
    return Verdict(
        complete=len(complete),
        rows=len(stored),
        interrupted=sum(row.status == "interrupted" for row in stored),
        missing=tuple(one.trace for one in complete if one.request_id not in by_id),
        twice=_repeated(row.request_id for row in stored),
        wrong=tuple(_wrong(complete, by_id)) + tuple(_odd(stored, complete)),
        cut_without_row=tuple(sorted((told | set(called)) - traces)),
        without_payload=tuple(
            one.trace
            for one in complete
            if bodies and one.trace not in texts.get(one.request_id or "", "")
        ),
        payload_twice=_repeated(request_id for request_id, _ in bodies_of),
    )


def _wrong(complete: Sequence[Asked], by_id: dict[str, Row]) -> Iterable[str]:
    """Rows of complete requests that say something else than what was."""
    for one in complete:
        row = by_id.get(one.request_id or "")
        if row is None:
            continue
        right = Row(row.request_id, one.trace, "success", TOKENS, True, True)
        if row != right:
            yield f"{one.trace}: {row}"


def _odd(stored: Sequence[Row], complete: Sequence[Asked]) -> Iterable[str]:
    """Rows of the other requests with a status that none of them can have."""
    known = {one.request_id for one in complete}
    for row in stored:
        if row.request_id not in known and row.status not in _CUT:
            yield f"{row.trace}: {row}"


def _repeated(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, count in Counter(ids).items() if count > 1))
