"""Whose limits a request counts against: the key's, its user's, its team's, the gateway's."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ..untyped import mapping
from .identity import KINDS, Identity, KeyKind
from .limits import LIMIT_NAMES, NO_LIMITS, Limits
from .limits import read as read_limits

ScopeKind = Literal["key", "end_user", "team", "agent", "gateway"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Somebody whose use is counted.

    `name` is a key's id, an end user's id, a team's or an agent's name, or "" for the gateway;
    `label` is how a refusal calls it (it names no person).
    """

    kind: ScopeKind
    name: str
    label: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of the `sekisho:` section, beside those that each key has of its own.

    `keys` are defaults for each key of a kind, `team_keys` for each key of a team; a team's come
    before a kind's. `teams` are limits of one team's keys together, `each_team` what holds where a
    team has none of its own.
    """

    gateway: Limits = NO_LIMITS
    each_end_user: Limits = NO_LIMITS
    each_team: Limits = NO_LIMITS
    teams: Mapping[str, Limits] = field(default_factory=dict[str, Limits])
    keys: Mapping[KeyKind, Limits] = field(default_factory=dict[KeyKind, Limits])
    team_keys: Mapping[str, Limits] = field(default_factory=dict[str, Limits])

    def of_key(self, identity: Identity) -> Limits:
        """The key's own limits, then its team's defaults for keys, then its kind's."""
        by_team = self.team_keys.get(identity.team or "", NO_LIMITS)
        by_kind = self.keys.get(identity.kind, NO_LIMITS)
        return identity.limits.over(by_team).over(by_kind)

    def scopes(self, identity: Identity, end_user: str | None = None) -> tuple[Scope, ...]:
        """All whose use a request counts for, from the narrowest to the widest.

        In this order a key that knocks too often is stopped before it uses up its team's share.
        The holder of a person's key is its owner, with all of the owner's keys; a service is no
        end user. `end_user` is the id of whom a frontend's request was proven to come from.
        """
        found = [Scope("key", identity.key_id, "This key", self.of_key(identity))]
        of_kind = {"person": identity.owner, "frontend": end_user}
        user = of_kind.get(identity.kind)
        if user is not None:
            found.append(Scope("end_user", user, "This user", self.each_end_user))
        if identity.team is not None:
            limits = self.teams.get(identity.team, NO_LIMITS).over(self.each_team)
            found.append(Scope("team", identity.team, f"The team {identity.team}", limits))
        return (*found, Scope("gateway", "", "This gateway", self.gateway))


def read(section: object, where: str = "limits:") -> Policy:
    """The policy of a parsed YAML section; docs/keys.md shows one.

    Raises ValueError with one line: where, what, and the nearest known name.
    """
    top = _names(section, where, [f.name for f in fields(Policy) if f.name != "team_keys"])
    teams = {
        str(name): value for name, value in _names(top.get("teams"), f"{where} teams:").items()
    }
    places = {name: f"{where} teams: {name}:" for name in teams}
    known = (*LIMIT_NAMES, "each_key")
    in_team = {name: _names(value, places[name], known) for name, value in teams.items()}
    kinds = _names(top.get("keys"), f"{where} keys:", KINDS)
    return Policy(
        gateway=_limits(top.get("gateway"), f"{where} gateway:"),
        each_end_user=_limits(top.get("each_end_user"), f"{where} each_end_user:"),
        each_team=_limits(top.get("each_team"), f"{where} each_team:"),
        teams={
            name: _limits({k: v for k, v in found.items() if k != "each_key"}, places[name])
            for name, found in in_team.items()
        },
        keys={k: _limits(kinds[k], f"{where} keys: {k}:") for k in KINDS if k in kinds},
        team_keys={
            name: _limits(found["each_key"], f"{places[name]} each_key:")
            for name, found in in_team.items()
            if "each_key" in found
        },
    )


def _limits(value: object, where: str) -> Limits:
    found = _names(value, where, LIMIT_NAMES)
    try:
        return read_limits(found)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _names(value: object, where: str, known: Iterable[str] = ()) -> dict[str, Any]:
    """A section as a mapping whose names are known ones; any names when none are given."""
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{where} must be a mapping, not {value!r}")
    found, known = mapping(value), list(known)
    for name in found if known else ():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise ValueError(f"{where} unknown key {name}: {hint}")
    return found
