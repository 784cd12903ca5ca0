"""A key as programs see it (JSON objects) and as people read its fields (words)."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ...keys.identity import Identity, KeyKind
from ...keys.limits import LIMIT_NAMES, NO_LIMITS, Limits, Period
from ...keys.policy import Policy
from ...keys.row import Change, KeyRow
from ...untyped import sequence
from .. import output

_COUNTS = ("rpm", "tpm", "parallel")
_BUDGET_NAMES = {
    "budget_day": "budget per day",
    "budget_month": "budget per month",
    "budget_total": "budget in total",
}
_PERIOD_WORDS: dict[Period, str] = {"day": "today", "month": "this month", "total": "in total"}


def key_object(row: KeyRow, now: datetime) -> dict[str, object]:
    """Everything that is stored about a key, but no secret."""
    identity = row.identity
    return {
        "id": identity.key_id,
        "alias": identity.alias,
        "prefix": row.prefix,
        "kind": identity.kind,
        "owner": identity.owner,
        "team": identity.team,
        "models": list(identity.models),
        "state": row.state(now),
        "expires_at": identity.expires_at,
        "limits": limits_object(identity.limits),
        "networks": [str(network) for network in identity.networks],
        "tags": list(identity.tags),
        "mcp": list(identity.mcp),
        "created_at": row.created_at,
        "created_by": row.created_by,
        "blocked_at": row.blocked_at,
        "revoked_at": row.revoked_at,
        "last_used_at": row.last_used_at,
    }


def limits_object(limits: Limits) -> dict[str, object]:
    """Every limit by name; None is no limit, USD is text."""
    return {name: number(getattr(limits, name)) for name in LIMIT_NAMES}


def number(value: int | Decimal | None) -> int | str | None:
    """A limit or an amount for JSON: USD is a text without zeros at its end."""
    return plain_usd(value) if isinstance(value, Decimal) else value


def effective(policy: Policy, identity: Identity) -> dict[str, tuple[int | Decimal, str]]:
    """The limits that count for a key, each with where it comes from: key, team or kind."""
    kind: KeyKind = identity.kind
    sources = {
        "key": identity.limits,
        "team": policy.team_keys.get(identity.team or "", NO_LIMITS),
        "kind": policy.keys.get(kind, NO_LIMITS),
    }
    found: dict[str, tuple[int | Decimal, str]] = {}
    for name in LIMIT_NAMES:
        for source, limits in sources.items():
            value = getattr(limits, name)
            if value is not None:
                found.setdefault(name, (value, source))
    return found


def fields_of(row: KeyRow) -> dict[str, str]:
    """The fields that can be changed, in words."""
    identity, limits = row.identity, row.identity.limits
    return {
        "alias": identity.alias,
        "kind": identity.kind,
        "owner": identity.owner or "none",
        "team": identity.team or "none",
        "models": ",".join(identity.models) or "all",
        **{words: _usd(getattr(limits, name)) for name, words in _BUDGET_NAMES.items()},
        **{name: short(getattr(limits, name)) for name in _COUNTS},
        "expires": utc(identity.expires_at, "never"),
        "networks": ",".join(map(str, identity.networks)) or "any",
        "tags": ",".join(identity.tags) or "none",
        "mcp servers": ",".join(identity.mcp) or "none",
    }


def short(number: int | None) -> str:
    """A limit as one would type it: 60, 200k, 1.5m; `none` for none."""
    if number is None:
        return "none"
    for suffix, size in (("m", 1_000_000), ("k", 1_000)):
        if number >= size and number % (size // 10) == 0:
            return f"{Decimal(number) / size:f}{suffix}"
    return str(number)


def limit_words(name: str, value: object) -> tuple[str, str]:
    """A limit's name and value: `budget per day`, `5 USD`."""
    if isinstance(value, Decimal):
        return _BUDGET_NAMES[name], f"{plain_usd(value)} USD"
    return name, short(value) if isinstance(value, int) else "none"


def counts_text(limits: Limits) -> str:
    """`60 rpm, 200k tpm, 4 parallel`; `-` without any."""
    set_ones = ((name, getattr(limits, name)) for name in _COUNTS)
    return ", ".join(f"{short(n)} {name}" for name, n in set_ones if n is not None) or "-"


def budgets_text(limits: Limits) -> str:
    """`5/day, 100/month`; `-` without any."""
    return ", ".join(f"{plain_usd(usd)}/{p}" for p, usd in limits.budgets.items()) or "-"


def shortest(limits: Limits) -> Period:
    """The period that says most about a key: of its shortest budget, else the month."""
    for period in limits.budgets:
        return period
    return "month"


def spent_text(spent: Decimal, limit: Decimal | None, period: Period) -> str:
    """`3.2045 of 50.00 this month`."""
    of = f" of {output.money(limit)}" if limit is not None else ""
    return f"{output.rough_money(spent)}{of} {_PERIOD_WORDS[period]}"


def plain_usd(amount: Decimal) -> str:
    """USD as one would type it: 50, 0.25."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def utc(time: datetime | None, otherwise: str = "-") -> str:
    """A time with its zone."""
    return f"{output.moment(time)} UTC" if time is not None else otherwise


def local(time: datetime | None, zone: ZoneInfo) -> str:
    """A time of the zone where budgets begin anew; `never` for none."""
    return output.moment(time.astimezone(zone)) if time is not None else "never"


def changes(before: KeyRow, after: KeyRow) -> list[tuple[str, str, str]]:
    """What differs: field, old, new."""
    old, new = fields_of(before), fields_of(after)
    return [(name, old[name], new[name]) for name in old if old[name] != new[name]]


def detail_text(change: Change) -> str:
    """What an entry of the audit trail says beside its action: `rpm 30 -> 60`, `alias=ci`."""
    between = " " if change.action == "update" else "="
    return ", ".join(f"{n}{between}{_word(value)}" for n, value in change.detail.items() if value)


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, sequence(value)))
    return str(value)


def _usd(amount: Decimal | None) -> str:
    return f"{plain_usd(amount)} USD" if amount is not None else "none"
