"""`sekisho keys import`: many keys at once from a file, all or none."""

import io
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import output
from . import columns as key_columns
from . import lines as key_lines
from .store import KeyPlaces, by_option, opened, who

if TYPE_CHECKING:
    from ...keys.row import Issued, NewKey
    from ...keys.store import Store

_MOST_SHOWN = 20


@click.command("import")
@click.argument("file")
@click.option(
    "--format",
    "typed_format",
    type=click.Choice(key_columns.FORMATS),
    help="CSV or JSON lines; default: as the file's name ends.",
)
@click.option(
    "--keys-to",
    metavar="FILE",
    help="Write alias, owner and key into this new CSV file (mode 0600), not to stdout.",
)
@click.option("--skip-existing", is_flag=True, help="Leave out aliases that have a key already.")
@click.option("--dry-run", is_flag=True, help="Check the file and issue nothing.")
@by_option
@click.pass_obj
def import_keys(
    places: KeyPlaces,
    file: str,
    typed_format: str | None,
    keys_to: str | None,
    skip_existing: bool,
    dry_run: bool,
    by: str | None,
) -> None:
    """Issue a key for every line of FILE (- is stdin), all or none.

    Columns: alias, kind, owner, team, models, budget_day, budget_month, budget_total, rpm, tpm,
    parallel, expires_at, networks, tags, mcp; all but alias may be left out. Lists have spaces,
    commas or semicolons between. What 'keys export' writes can be read, and gives new keys. Each
    new key is printed this once: alias, tab, key.
    """
    now, name = datetime.now(UTC), who(by)
    if keys_to is not None and os.path.lexists(keys_to):
        raise output.Problem(f"{keys_to} exists; --keys-to only writes a new file, name another")
    shape = key_columns.format_of("-" if file == "-" else file, typed_format)
    with output.one_line():
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    found = key_lines.read(key_columns.lines(data, shape), now)
    with opened(places) as store:
        new = _without_existing(store, found, skip_existing)
        if found.wrong:
            _refuse(found)
        skipped = len(found.keys) - len(new)
        if not dry_run and new:
            with _new_file(keys_to) as target:
                issued = _issue(store, new, name, now, keys_to)
                _hand_out(issued, target, keys_to)
    _tell(found, len(new), skipped, dry_run)


def _without_existing(
    store: "Store", found: key_lines.Found, skip_existing: bool
) -> "list[NewKey]":
    taken = store.live_aliases()
    new = [key for key in found.keys if key.alias not in taken]
    if not skip_existing:
        found.wrong += [
            f"{key.where}: a key named {key.alias} exists; leave such lines out with "
            "--skip-existing"
            for key in found.keys
            if key.alias in taken
        ]
    return new


def _refuse(found: key_lines.Found) -> None:
    for line in found.wrong[:_MOST_SHOWN]:
        click.echo(output.printable(line), err=True)
    more = len(found.wrong) - _MOST_SHOWN
    if more > 0:
        click.echo(f"... and {output.counted(more, 'line')} more", err=True)
    raise output.Problem(
        f"nothing was imported: {output.counted(len(found.wrong), 'line')} must be mended first"
    )


@contextmanager
def _new_file(path: str | None) -> Generator[io.FileIO | None]:
    """The file for the keys, open before any key exists."""
    if path is None:
        yield None
        return
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with io.FileIO(descriptor, "wb") as target:
        yield target


def _issue(
    store: "Store", new: "Sequence[NewKey]", by: str, now: datetime, keys_to: str | None
) -> "Sequence[Issued]":
    try:
        return store.issue_many(new, by=by, now=now)
    except BaseException:
        if keys_to is not None:
            Path(keys_to).unlink(missing_ok=True)
        raise


def _hand_out(issued: "Sequence[Issued]", target: io.FileIO | None, path: str | None) -> None:
    """From here on the keys exist: they reach the file, or else stdout."""
    if target is not None:
        text = io.StringIO()
        rows = [(new.row.identity.alias, new.row.identity.owner, new.key) for new in issued]
        output.print_csv(("alias", "owner", "key"), rows, text)
        try:
            _write(target, text.getvalue().encode())
            return
        except OSError as error:
            click.echo(
                f"{path}: {error.strerror}. The keys were issued; this is the only time they are "
                "shown:",
                err=True,
            )
    for new in issued:
        click.echo(f"{new.row.identity.alias}\t{new.key}")


def _write(target: io.FileIO, data: bytes) -> None:
    while data:
        data = data[target.write(data) :]
    os.fsync(target.fileno())


def _tell(found: key_lines.Found, new: int, skipped: int, dry_run: bool) -> None:
    verb = "would be issued; nothing was written" if dry_run else "issued"
    notes = [f"{output.counted(new, 'key')} {verb}."]
    if skipped:
        whose = "its alias has a key" if skipped == 1 else "their aliases have keys"
        notes.append(f"{output.counted(skipped, 'line')} left out: {whose}.")
    if found.gone:
        notes.append(f"{output.counted(found.gone, 'line')} left out: revoked or expired there.")
    if found.blocked:
        verb = "was blocked there and isn't" if found.blocked == 1 else "were blocked there, not"
        notes.append(
            f"{output.counted(found.blocked, 'key')} {verb} here: see 'sekisho keys block'."
        )
    click.echo(" ".join(notes), err=True)
