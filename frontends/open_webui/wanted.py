"""What must change in Open WebUI: what is there against what should be there. Asks nobody.

Ours are the connection's key, state and two headers, and of each model its description, access, and
whether it sees pictures and counts tokens. All else that an admin has set stays: names, pictures,
parameters, descriptions that were rewritten, models that were turned off or shown again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...untyped import mapping, sequence, text
from .offers import Offer
from .shipped import Function

# Open WebUI fills these in for each request. The chat's id it sends by itself.
HEADERS = {"X-OpenWebUI-Message-Id": "{{MESSAGE_ID}}", "X-OpenWebUI-Task": "{{TASK}}"}

Grant = tuple[str, str]
"""Who may read a model: `user` or `group`, and an id or `*`."""

EVERYONE: Grant = ("user", "*")

_NOTE = "sekisho"  # our place in a model's `meta`
_CONNECTION = {"enable": True, "auth_type": "bearer"}
_NEW_CONNECTION = {
    "connection_type": "external",
    "prefix_id": "",
    "model_ids": [],
    "tags": [],
    "api_type": "",
}


class Unsure(Exception):
    """New models could be given to several kinds of readers; the message says what to type."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was changed, in words; `how` is `added`, or what is different now."""

    what: Literal["connection", "model", "function"]
    name: str
    how: str


# The connection


@dataclass(frozen=True, slots=True)
class Connection:
    """The gateway among Open WebUI's connections; `key` is None when it isn't there yet."""

    position: int
    key: str | None
    config: Mapping[str, Any]

    @property
    def prefix(self) -> str:
        """What Open WebUI puts before each model's name."""
        prefix = text(self.config.get("prefix_id"))
        return f"{prefix}." if prefix else ""


def connection(found: Mapping[str, Any], url: str) -> Connection:
    """The connection to this URL, which ends in `/v1`."""
    urls = [str(one).rstrip("/") for one in sequence(found.get("OPENAI_API_BASE_URLS"))]
    if url not in urls:
        return Connection(len(urls), None, {})
    position = urls.index(url)
    keys, configs = sequence(found.get("OPENAI_API_KEYS")), _configs(found)
    # Older versions named them by URL.
    config = configs.get(str(position), configs.get(url))
    key = str(keys[position]) if position < len(keys) else ""
    return Connection(position, key, mapping(config))


def connected(found: Mapping[str, Any], url: str, key: str) -> dict[str, Any]:
    """All connections, with the gateway's as it should be."""
    here = connection(found, url)
    urls = [*sequence(found.get("OPENAI_API_BASE_URLS"))]
    keys = [*sequence(found.get("OPENAI_API_KEYS"))]
    if here.key is None:
        urls.append(url)
    keys += [""] * (len(urls) - len(keys))
    keys[here.position] = key
    headers = {**mapping(here.config.get("headers")), **HEADERS}
    config = {**_NEW_CONNECTION, **here.config, **_CONNECTION, "headers": headers}
    configs = {name: one for name, one in _configs(found).items() if name != url}
    return {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": urls,
        "OPENAI_API_KEYS": keys,
        "OPENAI_API_CONFIGS": {**configs, str(here.position): config},
    }


def connection_change(found: Mapping[str, Any], url: str, key: str) -> Change | None:
    """What `connected` would change; the words have no key in them."""
    here, after = connection(found, url), connected(found, url, key)
    if here.key is None:
        return Change("connection", url, "added")
    config = mapping(after["OPENAI_API_CONFIGS"])[str(here.position)]
    differ = [name for name in config if config[name] != here.config.get(name)]
    differ += ["key"] if key != here.key else []
    differ += ["connections are on"] if found.get("ENABLE_OPENAI_API") is not True else []
    return Change("connection", url, _changed(differ)) if differ else None


def others(found: Mapping[str, Any], url: str) -> list[str]:
    """The connections that go around the gateway."""
    urls = sequence(found.get("OPENAI_API_BASE_URLS"))
    return [str(one) for one in urls if str(one).rstrip("/") != url]


def _configs(found: Mapping[str, Any]) -> dict[str, Any]:
    return mapping(found.get("OPENAI_API_CONFIGS"))


# The models


def model(
    offer: Offer, prefix: str, row: Mapping[str, Any] | None, readers: Sequence[Grant]
) -> dict[str, Any]:
    """A model's row as it should be; `row` is the one that is there."""
    there = row or {}
    return {
        "id": f"{prefix}{offer.alias}",
        "base_model_id": None,
        "name": there.get("name") or offer.alias,
        "meta": _meta(offer, mapping(there.get("meta"))),
        "params": mapping(there.get("params")),
        "is_active": there.get("is_active", True),
        "access_grants": _grants(there, readers),
    }


@dataclass(frozen=True, slots=True)
class ModelSteps:
    """What is to be done with a model: `write` its row, and `grant` access to one that was there.

    Open WebUI takes the access of a new row as it is written, and leaves that of an old one alone.
    """

    row: Mapping[str, Any]
    write: bool
    grant: bool
    change: Change


def model_steps(wanted: Mapping[str, Any], row: Mapping[str, Any] | None) -> ModelSteps | None:
    """How a row gets as it should be, None when it is."""
    name = str(wanted["id"])
    if row is None:
        return ModelSteps(wanted, True, False, Change("model", name, "added"))
    old, new = mapping(row.get("meta")), mapping(wanted["meta"])
    differ = [field for field in ("description", "capabilities") if old.get(field) != new[field]]
    differ += [] if differ or _NOTE in old else ["note"]
    grant = _readers(row) != _readers(wanted)
    if not differ and not grant:
        return None
    words = [*differ, *(["access"] if grant else [])]
    return ModelSteps(wanted, bool(differ), grant, Change("model", name, _changed(words)))


def readers_of_new(rows: Iterable[Mapping[str, Any]]) -> tuple[Grant, ...]:
    """Who may read models that are new: whoever may read those installed before, else everyone.

    Raises Unsure when these differ.
    """
    ours = [row for row in rows if _NOTE in mapping(row.get("meta"))]
    kinds = {_readers(row) for row in ours}
    if len(kinds) > 1:
        raise Unsure(
            "the models that are installed have different readers: say who may use the new ones, "
            "with --group NAME or --everyone, which then holds for all"
        )
    return tuple(sorted(next(iter(kinds)))) if kinds else (EVERYONE,)


def readers(row: Mapping[str, Any]) -> tuple[Grant, ...]:
    """Who may read the model of a row."""
    return tuple(sorted(_readers(row)))


def _meta(offer: Offer, there: Mapping[str, Any]) -> dict[str, Any]:
    note, said = mapping(there.get(_NOTE)), there.get("description")
    is_ours = not said or said == note.get("description")
    abilities = mapping(there.get("capabilities"))
    # Else each chat carries 30 tools of Open WebUI's own: 5,000 tokens for a "hello".
    new = {} if note else {"builtin_tools": False}
    found = {
        **there,
        "description": offer.description if is_ours else said,
        "capabilities": {**abilities, **new, "usage": True, "vision": offer.vision},
        _NOTE: {"description": offer.description} if is_ours or not note else note,
    }
    return {**found, "hidden": True} if offer.hidden and not note else found


def _grants(row: Mapping[str, Any], allowed: Sequence[Grant]) -> list[dict[str, str]]:
    writers = [grant for grant in _all_grants(row) if grant[2] != "read"]
    wanted = [*writers, *((kind, who, "read") for kind, who in allowed)]
    return [
        {"principal_type": kind, "principal_id": who, "permission": may}
        for kind, who, may in wanted
    ]


def _readers(row: Mapping[str, Any]) -> frozenset[Grant]:
    return frozenset((kind, who) for kind, who, may in _all_grants(row) if may == "read")


def _all_grants(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    grants = map(mapping, sequence(row.get("access_grants")))
    names = ("principal_type", "principal_id", "permission")
    return [(str(g.get(names[0])), str(g.get(names[1])), str(g.get(names[2]))) for g in grants]


# The Functions


@dataclass(frozen=True, slots=True)
class FunctionSteps:
    """What is to be done with a Function; `toggles` are of its being on, and on every model."""

    function: Function
    create: bool
    update: bool
    toggle: bool
    toggle_everywhere: bool
    change: Change


def function_steps(
    function: Function, row: Mapping[str, Any] | None, on: bool
) -> FunctionSteps | None:
    """How a Function gets as it should be, None when it is; one that shall be off isn't added."""
    if row is None and not on:
        return None
    there = row or {}
    meta = mapping(there.get("meta"))
    same = (
        there.get("content") == function.content
        and there.get("name") == function.title
        and meta.get("description") == function.description
    )
    create, update = row is None, row is not None and not same
    toggle = bool(there.get("is_active")) is not on
    everywhere = on and not there.get("is_global")
    words = ["code or name"] if update else []
    words += ["on" if on else "off"] if toggle else []
    words += ["for every model"] if everywhere else []
    how = "added" if create else _changed(words)
    if not (create or words):
        return None
    change = Change("function", function.id, how)
    return FunctionSteps(function, create, update, toggle, everywhere, change)


def _changed(names: Iterable[str]) -> str:
    return f"changed: {', '.join(names)}"
