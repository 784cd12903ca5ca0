"""`sekisho logs`: how the lake is, the last requests, and the way from spool to lake."""

import contextlib
import signal
import sys
import threading
import time
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ..settings import Settings
from . import output
from .logs_compact import compact
from .logs_ddl import ddl
from .logs_iam import iam

if TYPE_CHECKING:
    from ..lake.record import Record
    from ..lake.shipping.flush import Flushed
    from ..lake.shipping.status import LakeStatus

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_FOLLOW_SECONDS = 0.25
# A sidecar told to end waits so long for the gateway beside it: Kubernetes gives both 30 seconds.
_GATEWAY_SECONDS = 18.0
_LINE = "{:<19}  {:<11} {:>4}  {:<28} {:<28} {:>9} {:>9} {:>12} {:>9}  {}"


@click.group("logs")
def logs() -> None:
    """Look at the records of requests."""


for _command in (compact, ddl, iam):
    logs.add_command(_command)


@logs.command("status")
@click.option("--check", is_flag=True, help="Exit with 1 when something must be mended.")
@_as_json
@click.pass_obj
def status(settings: Settings, as_json: bool, check: bool) -> None:
    """Show what waits in the spool, what the shipper has done, and what is wrong."""
    from ..lake.shipping.status import Limits
    from ..lake.shipping.status import status as look

    with output.one_line():
        limits = Limits(settings.spool_bytes, settings.ship_seconds)
        found = look(settings.lake, settings.spool, limits)
    if as_json:
        places = {"lake": settings.lake, "spool": str(settings.spool)}
        output.print_json({**places, **asdict(found)})
    else:
        _print_status(settings, found)
    if check and found.problems:
        sys.exit(1)


def _print_status(settings: Settings, found: "LakeStatus") -> None:
    shown: dict[str, object] = {"lake": settings.lake, "spool": settings.spool, **asdict(found)}
    del shown["shipper"], shown["problems"]
    for name, value in asdict(found.shipper).items() if found.shipper else ():
        shown[_SHIPPER_NAMES.get(name, f"shipper_{name}")] = value
    rows = [(name.replace("_", " "), _cell(value)) for name, value in shown.items()]
    output.print_table(["", ""], rows)
    for problem in found.problems:
        click.echo(f"{click.style('problem', fg='red')}: {output.printable(problem)}", err=True)


_SHIPPER_NAMES = {"at": "shipper_last_seen", "records": "shipped_records"}


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
    from ..lake.asking import query
    from ..lake.spool.follow import Follower

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
def flush(settings: Settings, as_json: bool) -> None:
    """Bring finished segments of the spool to the lake now.

    The segment that a running gateway writes to stays; queries read it where it is.
    """
    _print_flushed(settings, _flush(settings), as_json)


@logs.command("ship")
@click.option("--once", is_flag=True, help="Bring what is there and end, as 'logs flush' does.")
@click.pass_obj
def ship(settings: Settings, once: bool) -> None:
    """Bring records to the lake until SIGTERM: a sidecar of 'sekisho up --no-ship'.

    Of several for one spool one works, the others wait for its end.
    """
    from ..lake.shipping.ship import Plan, run

    if once:
        _print_flushed(settings, _flush(settings), as_json=False)
        return
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with output.one_line():
        run(Plan.of(settings), _Patience(settings, stopping).sleep)


class _Patience:
    """Time to ship until we are told to end and the gateway beside us has ended, too."""

    def __init__(self, settings: Settings, stopping: threading.Event) -> None:
        self._spool = settings.spool
        self._stopping = stopping
        self._end: float | None = None

    def sleep(self, seconds: float) -> bool:
        """Wait; False when it is over."""
        from ..lake.shipping.free import is_written

        if not self._stopping.wait(seconds):
            return True
        now = time.monotonic()
        if self._end is None:
            self._end = now + _GATEWAY_SECONDS
        if now >= self._end or not is_written(self._spool):
            return False
        time.sleep(_FOLLOW_SECONDS)
        return True


def _flush(settings: Settings) -> "Flushed":
    from ..lake.shipping.flush import flush as run
    from ..lake.shipping.ship import Plan

    with output.one_line():
        return run(settings.spool, settings.lake, Plan.of(settings).kept)


def _print_flushed(settings: Settings, done: "Flushed", as_json: bool) -> None:
    if as_json:
        output.print_json(asdict(done))
        return
    click.echo(f"{done.records} records of {done.segments} segments into {done.files} files.")
    if done.bad_lines:
        click.echo(f"{done.bad_lines} lines were no records: {settings.spool / 'bad'}", err=True)


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
