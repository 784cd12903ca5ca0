"""`sekisho keys export`: what import reads, without secrets and hashes."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import click

from ...keys.limits import LIMIT_NAMES, PERIODS, Period
from ...keys.row import KeyRow
from .. import output
from . import columns as key_columns
from . import spend as key_spend
from .spend import Spend
from .store import KeyPlaces, opened

_COLUMNS = (*key_columns.COLUMNS, *key_columns.TOLD)


@click.command("export")
@click.argument("file", required=False)
@click.option(
    "--format",
    "typed_format",
    type=click.Choice(key_columns.FORMATS),
    help="CSV or JSON lines; default: as the file's name ends, on stdout CSV.",
)
@click.option("--all", "everything", is_flag=True, help="Revoked and expired keys, too.")
@click.pass_obj
def export(places: KeyPlaces, file: str | None, typed_format: str | None, everything: bool) -> None:
    """Write every key that isn't revoked or expired to FILE or stdout, without its secret.

    'sekisho keys import' reads it: the same holders, limits and models get new keys.
    """
    on_stdout = file in (None, "-")
    shape = key_columns.format_of(file or "-", typed_format or ("csv" if on_stdout else None))
    now = datetime.now(UTC)
    with opened(places) as store:
        rows = [r for r in store.list() if everything or r.state(now) in ("active", "blocked")]
        spends = key_spend.of_keys(store, rows, places, now)
        if file is None or on_stdout:
            _write(sys.stdout, shape, rows, spends, now)
            return
        _replace(Path(file), shape, rows, spends, now)
    click.echo(f"{output.counted(len(rows), 'key')} written to {file}, without secrets.", err=True)


def _write(
    target: TextIO,
    shape: key_columns.Format,
    rows: Sequence[KeyRow],
    spends: Sequence[Mapping[Period, Spend]],
    now: datetime,
) -> None:
    found = (_values(row, spend, now) for row, spend in zip(rows, spends, strict=True))
    if shape == "csv":
        output.print_csv(
            _COLUMNS, ([_cell(values[c]) for c in _COLUMNS] for values in found), target
        )
        return
    texts = (json.dumps(values, ensure_ascii=False, default=output.plain) for values in found)
    target.writelines(f"{text}\n" for text in texts)


def _replace(
    path: Path,
    shape: key_columns.Format,
    rows: Sequence[KeyRow],
    spends: Sequence[Mapping[Period, Spend]],
    now: datetime,
) -> None:
    # It has people's addresses: mode 0600, which mkstemp gives. A reader never sees half a file.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        with temporary.open("w", encoding="utf-8", newline="") as target:
            _write(target, shape, rows, spends, now)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _values(row: KeyRow, spend: Mapping[Period, Spend], now: datetime) -> dict[str, object]:
    identity = row.identity
    return {
        "alias": identity.alias,
        "kind": identity.kind,
        "owner": identity.owner,
        "team": identity.team,
        "models": list(identity.models),
        **{name: getattr(identity.limits, name) for name in LIMIT_NAMES},
        "expires_at": identity.expires_at,
        "networks": [str(network) for network in identity.networks],
        "tags": list(identity.tags),
        "mcp": list(identity.mcp),
        "id": identity.key_id,
        "prefix": row.prefix,
        "state": row.state(now),
        "created_at": row.created_at,
        "created_by": row.created_by,
        "blocked_at": row.blocked_at,
        "revoked_at": row.revoked_at,
        "last_used_at": row.last_used_at,
        **{f"spent_{period}": spend[period].spent for period in PERIODS},
    }


def _cell(value: object) -> object:
    """A value for a cell of CSV; lists with spaces, so that no cell needs quotes for them."""
    if isinstance(value, list):
        return " ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return output.plain(value) if isinstance(value, Decimal | datetime) else value
