"""Sets Open WebUI up: reads what is there, changes what must change, tells what it has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import gateway, shipped, wanted
from .client import Client, OpenWebUIError
from .offers import Offer
from .wanted import EVERYONE, Change, Connection, Grant

_NOT_KNOWN = (
    "refuses the key that was issued here; run this where its key store is (SEKISHO_HOME, "
    "SEKISHO_DATABASE_URL)"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for.

    `gateway` is the gateway's address as Open WebUI reaches it, without a path; `reach` are
    addresses at which this machine may. `key` was given; without one a working key stays, or a new
    one is issued. `group` and `everyone` say who may use the models; without them those keep their
    readers. `without` are Functions, by name, that shall not be on.
    """

    gateway: str
    reach: Sequence[str]
    key: str | None = None
    group: str | None = None
    everyone: bool = False
    without: frozenset[str] = frozenset()

    @property
    def openai(self) -> str:
        """The address of the connection."""
        return f"{self.gateway}/v1"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What this machine's key store has of a key; `state` is active, blocked, expired, revoked."""

    alias: str
    kind: str
    state: str


class Keys(Protocol):
    """The gateway's keys, as far as this machine knows them."""

    def known(self, key: str) -> KnownKey | None:
        """A key that is in the store of this machine."""
        ...

    def issue(self) -> str:
        """A new frontend key."""
        ...

    def take_back(self) -> None:
        """Revoke the key that was issued: nobody has got it."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What was changed, nothing when all was as it should be, and what is worth a look."""

    changes: Sequence[Change]
    notes: Sequence[str]


def install(client: Client, wish: Wish, keys: Keys) -> Report:
    """Make everything as it should be. Raises OpenWebUIError, wanted.Unsure, keys' own errors.

    A key that was issued is taken back when it doesn't get into the connection.
    """
    client.check()
    found = client.connections()
    here = wanted.connection(found, wish.openai)
    offers, key = _offers(wish, keys, here)
    issued = key is None
    try:
        if key is None:
            key = keys.issue()
            offers = _offered(wish, key, _NOT_KNOWN)
        changes = _plan(client, wish, here, found, offers, key)
        if changes.connection is not None:
            client.save_connections(wanted.connected(found, wish.openai, key))
    except BaseException:
        if issued:
            keys.take_back()
        raise
    return Report(_apply(client, changes), _notes(found, wish, offers))


def _offers(wish: Wish, keys: Keys, here: Connection) -> tuple[Sequence[Offer], str | None]:
    """What the gateway offers to the key that was given or is there, and that key if it is good."""
    if wish.key is not None:
        known = keys.known(wish.key)
        if known is not None and known.kind != "frontend":
            raise OpenWebUIError(
                f"--key is a {known.kind} key, which would put every answer on its owner: issue "
                "one with --kind frontend, or leave --key out"
            )
        return _offered(wish, wish.key, "refuses --key"), wish.key
    known = keys.known(here.key) if here.key else None
    if not here.key or (known is not None and known.kind != "frontend"):
        return (), None
    try:
        return gateway.models(wish.reach, here.key), here.key
    except gateway.KeyRefusedError as error:
        if known is None or known.state == "revoked":
            return (), None
        # Blocked, expired, bound to a network: that was meant, and another key would undo it.
        raise OpenWebUIError(
            f"gateway: {wish.reach[0]} refuses Open WebUI's key {known.alias}: {error} Mend that, "
            "or give another key with --key"
        ) from None


def _offered(wish: Wish, key: str, refused: str) -> Sequence[Offer]:
    """What the gateway offers to a key that it must take; `refused` says what if it doesn't."""
    try:
        return gateway.models(wish.reach, key)
    except gateway.KeyRefusedError as error:
        raise OpenWebUIError(f"gateway: {wish.reach[0]} {refused}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Changes:
    connection: Change | None
    models: Sequence[wanted.ModelSteps]
    functions: Sequence[wanted.FunctionSteps]


def _plan(
    client: Client,
    wish: Wish,
    here: Connection,
    found: Mapping[str, Any],
    offers: Sequence[Offer],
    key: str,
) -> _Changes:
    rows, functions = client.models(), client.functions()
    asked = _asked_readers(client, wish)
    steps = [
        wanted.function_steps(one, functions.get(one.id), one.name not in wish.without)
        for one in shipped.functions()
    ]
    return _Changes(
        wanted.connection_change(found, wish.openai, key),
        _models(offers, here.prefix, rows, asked),
        [step for step in steps if step is not None],
    )


def _asked_readers(client: Client, wish: Wish) -> tuple[Grant, ...] | None:
    if wish.group is not None:
        return (("group", client.group(wish.group)),)
    return (EVERYONE,) if wish.everyone else None


def _models(
    offers: Sequence[Offer],
    prefix: str,
    rows: Mapping[str, Mapping[str, Any]],
    asked: Sequence[Grant] | None,
) -> list[wanted.ModelSteps]:
    of_new = asked
    steps: list[wanted.ModelSteps] = []
    for offer in offers:
        row = rows.get(f"{prefix}{offer.alias}")
        if row is None and of_new is None:
            of_new = wanted.readers_of_new(rows.values())
        allowed = (of_new if row is None else asked) or wanted.readers(row or {})
        step = wanted.model_steps(wanted.model(offer, prefix, row, allowed), row)
        if step is not None:
            steps.append(step)
    return steps


def _apply(client: Client, changes: _Changes) -> list[Change]:
    """All but the connection, which is there by now; it is told first."""
    written = [steps.row for steps in changes.models if steps.write]
    if written:
        client.import_models(written)
    for steps in changes.models:
        if steps.grant:
            client.grant_model(steps.row)
    for function in changes.functions:
        _apply_function(client, function)
    told = [changes.connection] if changes.connection else []
    told += [steps.change for steps in changes.models]
    return [*told, *(steps.change for steps in changes.functions)]


def _apply_function(client: Client, steps: wanted.FunctionSteps) -> None:
    function = steps.function
    if steps.create:
        client.create_function(function.form())
    if steps.update:
        client.update_function(function.form())
    if steps.toggle_everywhere:
        client.toggle_function_everywhere(function.id)
    if steps.toggle:
        client.toggle_function(function.id)


def _notes(found: Mapping[str, Any], wish: Wish, offers: Sequence[Offer]) -> list[str]:
    around = wanted.others(found, wish.openai)
    notes = [f"{url} goes around the gateway: remove that connection" for url in around]
    if not any(not offer.hidden for offer in offers):
        notes.append("the gateway has no model for conversations; the list will be empty")
    return notes
