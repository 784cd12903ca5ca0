"""Proves the chain: a new user of Open WebUI asks, and the gateway's log has it under that user."""

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from . import gateway, offers, wanted
from .client import Client, OpenWebUIError

NAME = "関所 Check"  # what is not ASCII must arrive intact, too
_HELLO = "Say hello in one word."
_INSTALL = "Type: sekisho openwebui install"


class Row(Protocol):
    """The part of a row of the log that is looked at."""

    @property
    def api_key_kind(self) -> str | None:
        """The kind of the key that it came with."""
        ...

    @property
    def end_user_id(self) -> str | None:
        """Whom it is booked on."""
        ...

    @property
    def end_user_email(self) -> str | None:
        """Their address."""
        ...

    @property
    def end_user_name(self) -> str | None:
        """Their name."""
        ...

    @property
    def end_user_source(self) -> str:
        """How that is known."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model has said; `cost` (USD) is the gateway's figure, None when it named none."""

    text: str
    request_id: str | None
    cost: float | None


class Asker(Protocol):
    """A person's way to Open WebUI's models."""

    def models(self) -> Sequence[str]:
        """The models that the person sees."""
        ...

    def ask(self, model: str, question: str) -> Answer:
        """Ask one. Raises OpenWebUIError."""
        ...


@dataclass(frozen=True, slots=True)
class Chain:
    """What is to be proven, and with whose help.

    `gateway` is its address as Open WebUI has it, without a path, `reach` are addresses at which
    this machine may reach it. `sign_in` makes an asker of a token; `find` looks for a request's
    row. `signed` says whether the gateway has a signing secret. `patience` is how long the row is
    waited for, in seconds.
    """

    gateway: str
    reach: Sequence[str]
    sign_in: Callable[[str], Asker]
    find: Callable[[str], Row | None]
    signed: bool
    model: str | None = None
    group: str | None = None
    patience: float = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One link of the chain; `remedy` is what to do when it doesn't hold."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _User:
    id: str
    email: str
    token: str


def checks(client: Client, chain: Chain) -> Generator[Check]:
    """Each link, until one doesn't hold; the user is deleted at the end, or when it is closed.

    Raises OpenWebUIError.
    """
    yield Check("Open WebUI", True, f"{client.url}, version {client.check()}")
    model, connection = _connection(client, chain)
    yield connection
    if not connection.ok:
        return
    with _user(client, chain) as user:
        yield from _as_user(chain, user, chain.model or model)


def _connection(client: Client, chain: Chain) -> tuple[str, Check]:
    """The cheapest model behind the connection, and whether that is as it should be."""
    url = f"{chain.gateway}/v1"
    found = client.connections()
    here = wanted.connection(found, url)
    if here.key is None:
        return "", Check("connection", False, f"there is none to {url}", _INSTALL)
    if wanted.connection_change(found, url, here.key) is not None:
        return "", Check("connection", False, f"{url} is set up differently", _INSTALL)
    try:
        cheapest = offers.cheapest(gateway.models(chain.reach, here.key))
    except gateway.KeyRefusedError as error:
        return "", Check("connection", False, f"{url} refuses its key: {error}", _INSTALL)
    if cheapest is None:
        detail = f"{url} has no model for conversations"
        return "", Check("connection", False, detail, "See: sekisho models list")
    return f"{here.prefix}{cheapest.alias}", Check("connection", True, url)


@contextmanager
def _user(client: Client, chain: Chain) -> Generator[_User]:
    """A new user, for as long as this takes."""
    email = f"sekisho-check-{secrets.token_hex(6)}@sekisho.invalid"
    name, token = client.add_user(NAME, email, secrets.token_urlsafe(32))
    try:
        if chain.group is not None:
            client.join_group(client.group(chain.group), name)
        yield _User(name, email, token)
    finally:
        client.delete_user(name)


def _as_user(chain: Chain, user: _User, model: str) -> Iterator[Check]:
    asker = chain.sign_in(user.token)
    models = asker.models()
    if model not in models:
        detail = f"a new user doesn't see {model}" if models else "a new user sees no model"
        yield Check("models", False, detail, _UNSEEN if models else f"{_UNSEEN} {_EMPTY}")
        return
    yield Check("models", True, f"a new user sees {len(models)}")
    try:
        answer = asker.ask(model, _HELLO)
    except OpenWebUIError as error:
        yield Check("answer", False, str(error), "The gateway's log says more: sekisho logs tail")
        return
    yield Check("answer", True, f"{model} has answered")
    yield _cost(answer)
    yield from _logged(chain, user, answer)


def _cost(answer: Answer) -> Check:
    if answer.cost is None:
        remedy = "Type: sekisho openwebui install (the model must have the ability usage)"
        return Check("cost line", False, "the answer names no cost", remedy)
    cost = Decimal(repr(answer.cost))  # the shortest decimal that means this float
    return Check("cost line", True, f"the answer names its cost, {cost:f} USD")


def _logged(chain: Chain, user: _User, answer: Answer) -> Iterator[Check]:
    if answer.request_id is None:
        detail = "the answer has no x-sekisho-request-id, so it came past the gateway"
        yield Check("log", False, detail, "Remove Open WebUI's other connections to this model.")
        return
    row = _found(chain, answer.request_id)
    if row is None:
        detail = f"no row {answer.request_id} after {chain.patience:.0f} s"
        yield Check("log", False, detail, "Run this where the gateway's SEKISHO_HOME or lake is.")
        return
    yield Check("log", True, f"row {answer.request_id}")
    yield _end_user(row, user, chain)


def _found(chain: Chain, request_id: str) -> Row | None:
    end = time.monotonic() + chain.patience
    while (row := chain.find(request_id)) is None and time.monotonic() < end:
        time.sleep(0.3)
    return row


def _end_user(row: Row, user: _User, chain: Chain) -> Check:
    """The heart of it: the row is under the one who has asked."""
    if row.api_key_kind != "frontend":
        detail = f"the connection's key is a {row.api_key_kind} key: every answer is on its owner"
        return Check("end user", False, detail, _INSTALL)
    if row.end_user_source == "none":
        return Check("end user", False, "the row has no end user", _REMEDIES[chain.signed])
    told = (row.end_user_id, row.end_user_email, row.end_user_name)
    if told != (user.id, user.email, NAME):
        detail = f"the row is under {told}, and ({user.id}, {user.email}, {NAME}) has asked"
        return Check("end user", False, detail, "Nothing may rewrite headers between the two.")
    how = {
        "jwt": "by a signed token",
        "header": "by plain headers, which anyone with the key "
        "can send: set SEKISHO_OPENWEBUI_JWT_SECRET",
    }.get(row.end_user_source, "")
    return Check("end user", True, f"the row is under the one who has asked, {how}")


_UNSEEN = "Type: sekisho openwebui install --everyone; or verify with --group NAME."
# Open WebUI shows a list that it couldn't get as an empty one.
_EMPTY = (
    "If they have access: the gateway refuses Open WebUI's list. Its "
    "FORWARD_USER_INFO_HEADER_JWT_SECRET must be one of SEKISHO_OPENWEBUI_JWT_SECRET."
)
_REMEDIES: Mapping[bool, str] = {
    True: "Start Open WebUI with ENABLE_FORWARD_USER_INFO_HEADERS=true and "
    "FORWARD_USER_INFO_HEADER_JWT_SECRET, the gateway's SEKISHO_OPENWEBUI_JWT_SECRET.",
    False: "Start Open WebUI with ENABLE_FORWARD_USER_INFO_HEADERS=true, and without a "
    "FORWARD_USER_INFO_HEADER_JWT_SECRET that the gateway doesn't have.",
}
