"""`sekisho keys` in this process, for tests: a home with nothing else in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from click.testing import CliRunner, Result
from sekisho.cli.keys.commands import keys
from sekisho.keys import tables
from sekisho.keys.budgets.windows import window_of
from sekisho.keys.policy import Policy
from sekisho.keys.store import Store
from sqlalchemy import insert


@dataclass(frozen=True)
class Places:
    """The part of the settings that the commands use."""

    database_url: str
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Tokyo"))
    policy: Policy = field(default_factory=Policy)


def run(places: Places, *words: str, stdin: bytes | None = None) -> Result:
    """One command."""
    return CliRunner().invoke(keys, words, obj=places, input=stdin)


def done(places: Places, *words: str, stdin: bytes | None = None) -> str:
    """The stdout of a command that must go well."""
    result = run(places, *words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def read(places: Places, *words: str) -> Any:
    """The JSON of a command that must go well."""
    return json.loads(done(places, *words, "--json"))


def issue(places: Places, *words: str) -> dict[str, Any]:
    """A key issued with --json."""
    found: dict[str, Any] = read(places, "issue", *words)
    return found


def spend(
    places: Places,
    scope: str,
    name: str,
    now: datetime,
    figures: Mapping[str, str],
    held: str = "0",
) -> None:
    """Write what a scope has spent (USD) by period, as the ledger does; `held` of each."""
    rows = [
        {
            "scope": scope,
            "name": name,
            "window": window_of(period, now, places.time_zone),  # type: ignore[arg-type]
            "spent": int(Decimal(usd) * 10**12),
            "reserved": int(Decimal(held) * 10**12),
        }
        for period, usd in figures.items()
    ]
    with Store(places.database_url) as store, store.database.writing() as connection:
        connection.execute(insert(tables.spend), rows)
