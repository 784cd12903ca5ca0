"""One query through Amazon Athena: started, waited for, its rows read; stopped on Ctrl-C.

Athena bills what a query reads, so that one without a range of days, which would read the whole
lake, is refused before it is sent.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol, cast

from ..place import LakeError
from . import athena_trouble

Value = str | int | float | bool | Decimal | datetime | date | None
Progress = Callable[[str, float, int], None]

_FIRST_PAUSE = 0.25  # seconds; most of our queries take one or two
_LONGEST_PAUSE = 2.0
_GROWTH = 1.5
# Athena ends a query after 30 minutes itself; this is for an Athena that never says so.
_LONGEST_WAIT = 45 * 60.0

_TABLE = re.compile(r'\b(?:from|join)\s+(?:"?\w+"?\s*\.\s*){0,2}"?llm_\w+"?', re.IGNORECASE)
_DAY = r"(?:date\s*)?'\d{4}-\d{2}-\d{2}'"
_DT = r'\bdt\b"?'
_BOUND = re.compile(
    rf"""{_DT}\s*(?:>=?|=)\s*{_DAY}            # a first day, or one day
      | {_DT}\s+between\s+{_DAY}\s+and\s+{_DAY}
      | {_DT}\s+in\s*\(\s*{_DAY}
      | {_DAY}\s*(?:<=?|=)\s*(?:"?\w+"?\.)?"?dt\b
      | {_DT}\s*=\s*"?\w+"?\."?dt\b            # the other side of a join has it""",
    re.IGNORECASE | re.VERBOSE,
)
_COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)


class AthenaSettings(Protocol):
    """The part of `Settings` that says where a query runs."""

    @property
    def athena_workgroup(self) -> str:
        """Name of the workgroup."""
        ...

    @property
    def athena_database(self) -> str:
        """Name of the Glue database."""
        ...

    @property
    def athena_output(self) -> str:
        """`s3://bucket/prefix/` for results; empty: as the workgroup says."""
        ...


class Client(Protocol):
    """What of boto3's Athena client is used here."""

    def start_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """Begin a query."""
        ...

    def get_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """How a query is getting on."""
        ...

    def get_query_results(self, **arguments: Any) -> Mapping[str, Any]:
        """A page of rows."""
        ...

    def stop_query_execution(self, **arguments: Any) -> Mapping[str, Any]:
        """End a query."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What a query found: decimals are exact, times aware UTC, arrays and maps Athena's text."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]
    bytes_scanned: int


def run(
    sql: str,
    settings: AthenaSettings,
    progress: Progress | None = None,
    *,
    client: Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Run one SELECT and wait for it.

    `progress` gets the state (QUEUED, RUNNING, SUCCEEDED), the seconds since the start and the
    bytes scanned so far. Raises LakeError: refused before it is sent (no range of days), or with
    what Athena said and the remedy. Whatever ends the wait, Ctrl-C too, stops the query.
    """
    require_days(sql)
    where = f"athena {settings.athena_workgroup}/{settings.athena_database}"
    with athena_trouble.explained(where):
        found = client or _client()
        query = _start(found, sql, settings)
        try:
            scanned = _wait(found, query, where, progress, sleep)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                found.stop_query_execution(QueryExecutionId=query)
            raise
        columns, rows = _results(found, query)
    return Result(columns, rows, scanned)


def require_days(sql: str) -> None:
    """Raise LakeError unless each `llm_` table that is read has a bound on `dt`.

    Meant against mistakes, not against ill will: `OR true` passes. The workgroup's own limit of
    bytes is the guard against that.
    """
    plain = _COMMENT.sub(lambda match: match[1] or " ", sql)
    tables = len(_TABLE.findall(plain))
    if len(_BOUND.findall(plain)) < max(tables, 1):
        raise LakeError(
            "athena: without a range of days this reads the whole lake, and each byte is billed; "
            "add --since 7d, or in SQL for each table: dt >= '2027-03-01'"
        )


def _client() -> Client:
    import boto3
    from botocore.config import Config

    from ..stores import aws

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 6},
    )
    made: Any = boto3.client("athena", region_name=aws.region(), config=config)
    return cast("Client", made)


def _start(client: Client, sql: str, settings: AthenaSettings) -> str:
    output = settings.athena_output
    result = {"ResultConfiguration": {"OutputLocation": output}} if output else {}
    started = client.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": settings.athena_database},
        WorkGroup=settings.athena_workgroup,
        **result,
    )
    return str(started["QueryExecutionId"])


def _wait(
    client: Client,
    query: str,
    where: str,
    progress: Progress | None,
    sleep: Callable[[float], None],
) -> int:
    """Wait until it has succeeded; the bytes that it scanned. Raises LakeError."""
    waited, pause = 0.0, _FIRST_PAUSE
    start = time.monotonic()
    while True:
        found = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        status = found["Status"]
        scanned = int(found.get("Statistics", {}).get("DataScannedInBytes", 0))
        if status["State"] in ("FAILED", "CANCELLED"):
            raise athena_trouble.of_status(where, status, scanned)
        if progress is not None:
            progress(status["State"], time.monotonic() - start, scanned)
        if status["State"] == "SUCCEEDED":
            return scanned
        if waited > _LONGEST_WAIT:
            raise LakeError(f"{where}: no answer after {waited / 60:.0f} minutes; query {query}")
        sleep(pause)
        waited += pause
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _results(client: Client, query: str) -> tuple[tuple[str, ...], list[tuple[Value, ...]]]:
    columns: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = []
    for number, page in enumerate(_pages(client, query)):
        described = page["ResultSetMetadata"]["ColumnInfo"]
        columns = tuple(column["Name"] for column in described)
        readers = [_READERS.get(column["Type"].lower(), str) for column in described]
        texts = [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["Rows"]]
        if number == 0 and texts and tuple(texts[0]) == columns:  # Athena sends the heading first
            texts = texts[1:]
        rows += [
            tuple(
                None if text is None else read(text)
                for read, text in zip(readers, line, strict=True)
            )
            for line in texts
        ]
    return columns, rows


def _pages(client: Client, query: str) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    while True:
        more = {"NextToken": token} if token else {}
        answer = client.get_query_results(QueryExecutionId=query, MaxResults=1000, **more)
        yield answer["ResultSet"]
        token = answer.get("NextToken")
        if not token:
            return


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text:.60} is neither true nor false")
    return text == "true"


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text.removesuffix(" UTC"))
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[str], Value]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
    **dict.fromkeys(("real", "float", "double"), float),
    "decimal": Decimal,
    "boolean": _yes_no,
    "date": date.fromisoformat,
    "timestamp": _time,
    "timestamp with time zone": _time,
}
