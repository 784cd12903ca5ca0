"""`sekisho logs compact`: one file a day, and no day longer than wanted."""

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from ..settings import Settings
from . import output, progress, when

if TYPE_CHECKING:
    from ..lake.upkeep.compact import Compacted
    from ..lake.upkeep.retention import Expired


@click.command("compact")
@click.option("--since", metavar="TIME", help="Only days from then on: 7d or 2027-03-01.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
def compact(places: Settings, since: str | None, dry_run: bool, as_json: bool) -> None:
    """Make one file of each past day's files, and delete days that are too old.

    The files that it replaces are deleted by a later run, an hour or more afterwards. Doing it
    again, or being cut off, does no harm.
    """
    from ..lake.stores.store import open_store
    from ..lake.upkeep import compact as compacting
    from ..lake.upkeep import retention

    now = datetime.now(UTC)
    first = None if since is None else when.earlier("--since", since, now).date()
    with output.one_line():
        store = open_store(places.lake)
        # First what is too old, so that nothing of it is compacted.
        gone = retention.run(
            store,
            now,
            usage_days=places.usage_days,
            payload_days=places.payload_days,
            dry_run=dry_run,
        )
        if not as_json:
            _print_expired(gone, dry_run)
        with progress.bar("days", hidden=as_json) as told:
            done = compacting.run(
                store,
                places.home / "cache" / "work",
                now,
                since=_later(first, retention.first_kept(places.usage_days, now)),
                dry_run=dry_run,
                told=told,
            )
    if as_json:
        output.print_json(_plain(done, gone, dry_run))
    else:
        _print(done, gone, dry_run)


def _later(one: date | None, other: date | None) -> date | None:
    return max((day for day in (one, other) if day is not None), default=None)


def _print_expired(gone: "list[Expired]", dry_run: bool) -> None:
    word = "Would delete" if dry_run else "Deleted"
    for one in gone:
        files = output.counted(one.files, "file")
        click.echo(f"{word} {one.table} of {one.day}: {files}, {one.size:,} bytes")


def _print(done: "Compacted", gone: "list[Expired]", dry_run: bool) -> None:
    would = "Would make" if dry_run else "Made"
    click.echo(
        f"{would} {output.counted(len(done.days), 'day')} whole: {done.records:,} records, "
        f"{output.counted(done.files, 'file')} taken in; {done.deleted:,} old files "
        f"{'would be ' if dry_run else ''}deleted, {done.waiting:,} stay for an hour; "
        f"{output.counted(len(gone), 'day')} past retention."
    )
    if done.doubles:
        click.echo(f"{output.counted(done.doubles, 'row')} had been there twice.", err=True)


def _plain(done: "Compacted", gone: "list[Expired]", dry_run: bool) -> dict[str, object]:
    days = [str(day) for day in done.days]
    expired = [{**asdict(one), "day": str(one.day)} for one in gone]
    return {**asdict(done), "days": days, "expired": expired, "dry_run": dry_run}
