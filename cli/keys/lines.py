"""Lines of a file of keys become keys to issue; every line that is wrong is found, not just one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...keys.identity import KINDS, KeyKind
from ...keys.limits import LIMIT_NAMES, Limits
from ..output import Misuse
from . import words
from .columns import BadLineError, Line

if TYPE_CHECKING:
    from ...keys.row import NewKey

_GONE = ("revoked", "expired")


@dataclass(slots=True)
class Found:
    """What a file asks for, and what is wrong with it."""

    keys: "list[NewKey]" = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    gone: int = 0
    blocked: int = 0


def read(lines: Iterable[Line | BadLineError], now: datetime) -> Found:
    """Every line as a key to issue, or as one that is wrong.

    An export of everything has keys that were revoked or have expired: they stay so, and are left
    out. `now` is aware UTC.
    """
    found = Found()
    places: dict[str, int] = {}
    for line in lines:
        if isinstance(line, BadLineError):
            found.wrong.append(str(line))
            continue
        state = line.values.get("state", "").lower()
        if state in _GONE:
            found.gone += 1
            continue
        try:
            key = _key(line, now)
        except BadLineError as error:
            found.wrong.append(str(error))
            continue
        first = places.setdefault(key.alias, line.number)
        if first != line.number:
            found.wrong.append(f"line {line.number}: line {first} has the alias {key.alias}, too")
            continue
        found.blocked += state == "blocked"
        found.keys.append(key)
    return found


def _key(line: Line, now: datetime) -> "NewKey":
    from ...keys import fields
    from ...keys.row import KeyRefusedError, NewKey

    where = f"line {line.number}"
    values = line.values
    try:
        if "alias" not in values:
            raise Misuse("there is no alias")
        key = NewKey(
            where=where,
            alias=values["alias"],
            kind=_kind(values),
            owner=_name(values, "owner"),
            team=_name(values, "team"),
            **_rest(values, now),
        )
        fields.check_expiry(key.expires_at, now)
        return fields.checked(key)
    except (Misuse, KeyRefusedError) as error:
        text = str(error).removeprefix(f"{where}: ")
        raise BadLineError(f"{where}: {text}") from None


def _kind(values: Mapping[str, str]) -> KeyKind:
    if "kind" not in values:
        return "person" if _name(values, "owner") else "service"
    for kind in KINDS:
        if kind == values["kind"].lower():
            return kind
    raise Misuse(f"kind {values['kind']!r}: must be one of {', '.join(KINDS)}")


def _name(values: Mapping[str, str], column: str) -> str | None:
    text = values.get(column, "none")
    return None if words.nothing(text) else text


def _rest(values: Mapping[str, str], now: datetime) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    for name in LIMIT_NAMES:
        text = values.get(name, "none")
        if not words.nothing(text):
            read = words.usd if name.startswith("budget_") else words.count
            limits[name] = read(name, name, text)
    return {
        "models": words.models("models", values.get("models", "all")),
        "expires_at": words.expires("expires_at", values.get("expires_at", "never"), now),
        "limits": Limits(**limits),
        "networks": words.networks([values.get("networks", "any")]),
        "tags": words.tags([values.get("tags", "none")]),
        "mcp": words.mcp([values.get("mcp", "none")]),
    }
