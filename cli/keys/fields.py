"""The options that `keys issue` and `keys update` share, and the fields of a key they make."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, TypeVar

import click

from ...keys.identity import KINDS, KeyKind
from ...keys.limits import PERIODS, Period
from ..output import Misuse
from . import words

Command = TypeVar("Command", bound=Callable[..., Any])


class Typed(TypedDict):
    """What was typed for the shared options; None or empty is not given."""

    kind: KeyKind | None
    owner: str | None
    team: str | None
    models: str | None
    budget: tuple[str, ...]
    budget_period: Period | None
    rpm: str | None
    tpm: str | None
    parallel: str | None
    expires: str | None
    allow_ip: tuple[str, ...]
    tag: tuple[str, ...]
    mcp: tuple[str, ...]


_OPTIONS = (
    click.option(
        "--kind",
        type=click.Choice(KINDS),
        help="Who holds it; a new key is a person's with --owner, else a service's.",
    ),
    click.option("--owner", metavar="EMAIL", help="Whose it is; a person's key must have one."),
    click.option("--team", help="Team that answers for the cost, or none."),
    click.option(
        "--models", metavar="PATTERNS", help="Models it may use, as 'claude-*,gpt-5', or all."
    ),
    click.option(
        "--budget",
        multiple=True,
        metavar="USD[/PERIOD]",
        help="Most that it may cost in a day, a month or in total: 50, 5/day, 1000/total. May be "
        "given for several periods; none takes all away, none/day one.",
    ),
    click.option(
        "--budget-period",
        type=click.Choice(PERIODS),
        help="The period of a --budget that names none; default: month.",
    ),
    click.option("--rpm", metavar="N", help="Requests a minute, or none."),
    click.option(
        "--tpm", metavar="N", help="Tokens a minute, in and out: 50000, 200k, 1.5m, or none."
    ),
    click.option("--parallel", metavar="N", help="Requests at once, or none."),
    click.option(
        "--expires",
        metavar="WHEN",
        help="90d from now, or 2027-03-31 (from 00:00 UTC of that day it is refused), or never.",
    ),
    click.option(
        "--allow-ip",
        multiple=True,
        metavar="CIDR",
        help="Where it may be used from, as 10.0.0.0/8 or one address; several times, or any.",
    ),
    click.option(
        "--tag",
        multiple=True,
        metavar="TAG",
        help="Word for every row of its log; several times, or none.",
    ),
    click.option(
        "--mcp",
        multiple=True,
        metavar="NAME",
        help="MCP server that it may use, by its name; several times, '*' for all, or none.",
    ),
)


def field_options(command: Command) -> Command:
    """Give a command the shared options, in their order; it receives them as `Typed`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(typed: Typed, now: datetime) -> dict[str, Any]:
    """The fields of a key that were given, but for its limits; by the store's names.

    Raises Misuse.
    """
    found: dict[str, Any] = {}
    if typed["kind"] is not None:
        found["kind"] = typed["kind"]
    for name in ("owner", "team"):
        text = typed[name]
        if text is not None:
            found[name] = None if words.nothing(text) else text
    if typed["models"] is not None:
        found["models"] = words.models("--models", typed["models"])
    if typed["expires"] is not None:
        found["expires_at"] = words.expires("--expires", typed["expires"], now)
    if typed["allow_ip"]:
        found["networks"] = words.networks(typed["allow_ip"])
    if typed["tag"]:
        found["tags"] = words.tags(typed["tag"])
    if typed["mcp"]:
        found["mcp"] = words.mcp(typed["mcp"])
    return found


def given_limits(typed: Typed) -> dict[str, Any]:
    """The limits that were given, by the names of `Limits`; None takes one away. Raises Misuse."""
    return {**_counts(typed), **_budgets(typed)}


def _counts(typed: Typed) -> dict[str, int | None]:
    texts = {"rpm": typed["rpm"], "tpm": typed["tpm"], "parallel": typed["parallel"]}
    return {
        name: None if words.nothing(text) else words.count(f"--{name}", name, text)
        for name, text in texts.items()
        if text is not None
    }


def _budgets(typed: Typed) -> dict[str, Decimal | None]:
    texts = typed["budget"]
    if typed["budget_period"] is not None and not texts:
        raise Misuse("--budget-period needs an amount: add --budget USD")
    found: dict[str, Decimal | None] = {}
    clear = [text for text in texts if words.nothing(text)]
    if clear:  # all of them, and then those that are named beside it
        found = {f"budget_{period}": None for period in PERIODS}
    named: set[str] = set()
    for text in texts:
        if text in clear:
            continue
        period, amount = words.budget(text, typed["budget_period"] or "month")
        if period in named:
            raise Misuse(f"--budget {text}: there is another --budget for the period {period}")
        named.add(period)
        found[f"budget_{period}"] = amount
    return found
