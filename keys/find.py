"""Finding keys in the database: by a name, and by filters."""

import difflib
import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, or_, select

from . import key_rows, secret
from .identity import KeyKind
from .row import KeyRow, NoSuchKeyError, State
from .tables import key_secrets, keys

_NEIGHBOURS = 250  # on each side in the alphabet: enough to guess at, quick among 100,000


def one(connection: Connection, name: str) -> KeyRow:
    """The one key that goes by an id, an alias, a public part or a whole key.

    A key that was rotated goes by its older secrets, too. Raises NoSuchKeyError.
    """
    return key_rows.row(
        connection.execute(key_rows.ROWS.where(_id(connection, name))).mappings().one()
    )


class Filters(TypedDict, total=False):
    """What keys are looked for; what isn't given, or None, doesn't matter.

    `text` is part of the alias, the owner or the public part, in any case. `state` is the one at
    `now` (aware UTC; the clock's when it isn't given); `revoked` False is every other state than
    that one. Of `ids` there may be 1,000.
    """

    ids: Collection[str] | None
    text: str | None
    kind: KeyKind | None
    team: str | None
    owner: str | None
    state: State | None
    revoked: bool | None
    now: datetime | None


def matching(filters: Filters) -> list[ColumnElement[bool]]:
    """The conditions that a key must meet, those first that are looked at quickest."""
    found: list[ColumnElement[bool]] = []
    ids, revoked = filters.get("ids"), filters.get("revoked")
    if ids is not None:
        found.append(keys.c.id.in_(ids))
    if revoked is not None:
        found.append(keys.c.revoked_at.is_not(None) if revoked else keys.c.revoked_at.is_(None))
    same = {
        keys.c.kind: filters.get("kind"),
        keys.c.team: filters.get("team"),
        keys.c.owner: filters.get("owner"),
    }
    found += [column == value for column, value in same.items() if value is not None]
    text, state = filters.get("text"), filters.get("state")
    if state is not None:
        found += _in_state(state, filters.get("now") or datetime.now(UTC))
    if text is not None:
        places = (keys.c.alias, keys.c.owner, keys.c.prefix)
        found.append(or_(*(column.icontains(text, autoescape=True) for column in places)))
    return found


def _in_state(state: State, now: datetime) -> list[ColumnElement[bool]]:
    """As `KeyRow.state` has it."""
    if state == "revoked":
        return [keys.c.revoked_at.is_not(None)]
    alive = keys.c.revoked_at.is_(None)
    if state == "blocked":
        return [alive, keys.c.blocked_at.is_not(None)]
    passed = keys.c.expires_at <= now
    ended = passed if state == "expired" else or_(keys.c.expires_at.is_(None), ~passed)
    return [alive, keys.c.blocked_at.is_(None), ended]


def _id(connection: Connection, name: str) -> ColumnElement[bool]:
    shown = name
    if name.startswith("sk-") and name != secret.public_part(name):
        shown = f"{secret.public_part(name)}-..."  # it may be printed, whole or mistyped
    alive = keys.c.revoked_at.is_(None).label("alive")
    found = connection.execute(select(keys.c.id, alive).where(_named(name))).all()
    living = [key_id for key_id, is_alive in found if is_alive]
    chosen = living if len(living) == 1 else [key_id for key_id, _ in found]
    if len(chosen) == 1:
        same: ColumnElement[bool] = keys.c.id == chosen[0]
        return same
    if chosen:
        ids = ", ".join(chosen)
        raise NoSuchKeyError(f"{len(chosen)} keys go by {shown}; name one by its id: {ids}")
    near = difflib.get_close_matches(name, _neighbours(connection, name), n=1)
    hint = f"did you mean {near[0]}?" if near else "see: sekisho keys list"
    raise NoSuchKeyError(f"no key goes by {json.dumps(shown, ensure_ascii=False)}; {hint}")


def _named(name: str) -> ColumnElement[bool]:
    if secret.well_formed(name):
        known: ColumnElement[bool] = key_secrets.c.hash == secret.hash_key(name)
    elif name.startswith("sk-"):
        known = key_secrets.c.prefix == name
    else:
        return or_(keys.c.id == name, keys.c.alias == name)
    return keys.c.id.in_(select(key_secrets.c.key_id).where(known))


def _neighbours(connection: Connection, name: str) -> list[str]:
    """Aliases around `name` in the alphabet: of 100,000 not each can be compared."""
    alias = keys.c.alias
    before = select(alias).where(alias < name).order_by(alias.desc()).limit(_NEIGHBOURS)
    after = select(alias).where(alias >= name).order_by(alias).limit(_NEIGHBOURS)
    return [*connection.execute(before).scalars(), *connection.execute(after).scalars()]
