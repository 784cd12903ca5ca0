"""`sekisho logs`: how the lake is, the last requests, and a push from spool to lake."""

import contextlib
import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from . import output

if TYPE_CHECKING:
    from ..lake.record import Record

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_FOLLOW_SECONDS = 0.25
_LINE = "{:<19}  {:<11} {:>4}  {:<28} {:<28} {:>9} {:>9} {:>12} {:>9}  {}"


@click.group("logs")
def logs() -> None:
    """Look at the records of requests."""


@logs.command("status")
@_as_json
@click.pass_obj
def status(places: output.Places, as_json: bool) -> None:
    """Show what waits in the spool and what is in the lake."""
    from ..lake.status import status as look

    with output.one_line():
        found = asdict(look(places.lake, places.spool))
    shown = {"lake": places.lake, "spool": str(places.spool), **found}
    if as_json:
        output.print_json(shown)
    else:
        rows = [(name.replace("_", " "), _cell(value)) for name, value in shown.items()]
        output.print_table(["", ""], rows)


@logs.command("tail")
@click.option(
    "-n",
    "--lines",
    "count",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How many of the last requests.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, every column.")
@click.pass_obj
def tail(places: output.Places, count: int, follow: bool, as_json: bool) -> None:
    """Show the last requests, whatever became of them."""
    from ..lake import query
    from ..lake.follow import Follower

    with output.one_line(), contextlib.ExitStack() as stack:
        # Made before the first look: a record that comes in between is shown twice by the files
        # and once here, because it is known by its id.
        follower = stack.enter_context(Follower(places.spool)) if follow else None
        records = query.latest(places.lake, places.spool, count)
        if not as_json:
            click.echo(_heading())
        _print(records, as_json)
        if follower is None:
            return
        known = {record.request_id for record in records}
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                new = follower.new_records()
                _print([record for record in new if record.request_id not in known], as_json)
                known.clear()
                time.sleep(_FOLLOW_SECONDS)


@logs.command("flush")
@_as_json
@click.pass_obj
def flush(places: output.Places, as_json: bool) -> None:
    """Bring finished segments of the spool to the lake now.

    The segment that a running gateway writes to stays; queries read it where it is.
    """
    from ..lake.flush import flush as run

    with output.one_line():
        done = run(places.spool, places.lake)
    if as_json:
        output.print_json(asdict(done))
        return
    click.echo(f"{done.records} records of {done.segments} segments into {done.files} files.")
    if done.bad_lines:
        click.echo(f"{done.bad_lines} lines were no records: {places.spool / 'bad'}", err=True)


def _heading() -> str:
    return _LINE.format(
        "ended (UTC)", "status", "http", "user", "model", "in", "out", "USD", "ms", "request"
    )


def _print(records: "list[Record]", as_json: bool) -> None:
    from ..lake.codec import encode

    for record in records:
        click.echo(encode(record) if as_json else _line(record), nl=not as_json)


def _line(record: "Record") -> str:
    user = record.end_user_email or record.end_user_id or record.owner or "(none)"
    return _LINE.format(
        f"{record.end_time or record.start_time:%Y-%m-%d %H:%M:%S}",
        record.status,
        _number(record.http_response_status_code),
        output.printable(user),
        output.printable(record.gen_ai_request_model or "-"),
        _number(record.gen_ai_usage_input_tokens),
        _number(record.gen_ai_usage_output_tokens),
        output.money(record.billed_cost),
        _number(None if record.duration_ms is None else round(record.duration_ms)),
        output.printable(record.request_id),
    )


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value}"


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return output.moment(value)
    return "-" if value is None else str(value)
