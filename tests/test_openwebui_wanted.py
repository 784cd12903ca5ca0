"""What the installation would change in Open WebUI: only what is ours, and nothing twice."""

from typing import Any

import pytest
from sekisho.frontends.open_webui import shipped, wanted
from sekisho.frontends.open_webui.offers import Offer
from sekisho.frontends.open_webui.wanted import EVERYONE, Change, Unsure

URL = "http://gateway:4000/v1"
OPENAI = "https://api.openai.com/v1"
FRESH = {
    "ENABLE_OPENAI_API": True,
    "OPENAI_API_BASE_URLS": [OPENAI],
    "OPENAI_API_KEYS": [""],
    "OPENAI_API_CONFIGS": {},
}
OFFER = Offer("opus", "$5.00 in per million tokens.", vision=True, hidden=False)
STAFF = ("group", "g-1")


def grant(kind: str, who: str, may: str = "read") -> dict[str, Any]:
    """A grant as Open WebUI tells it."""
    return {"id": "x", "principal_type": kind, "principal_id": who, "permission": may}


# The connection


def test_the_connection_is_added_after_others() -> None:
    """The gateway's connection comes last, with its key and the two headers."""
    assert wanted.connected(FRESH, URL, "sk-1") == {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [OPENAI, URL],
        "OPENAI_API_KEYS": ["", "sk-1"],
        "OPENAI_API_CONFIGS": {
            "1": {
                "connection_type": "external",
                "prefix_id": "",
                "model_ids": [],
                "tags": [],
                "api_type": "",
                "enable": True,
                "auth_type": "bearer",
                "headers": {
                    "X-OpenWebUI-Message-Id": "{{MESSAGE_ID}}",
                    "X-OpenWebUI-Task": "{{TASK}}",
                },
            }
        },
    }
    assert wanted.connection_change(FRESH, URL, "sk-1") == Change("connection", URL, "added")


def test_a_connection_that_is_there_changes_nothing() -> None:
    """After the first run the second finds everything as it should be, and the key."""
    after = wanted.connected(FRESH, URL, "sk-1")
    assert wanted.connection_change(after, URL, "sk-1") is None
    assert wanted.connection(after, URL).key == "sk-1"
    assert wanted.connected(after, URL, "sk-1") == after


def test_a_connection_keeps_what_an_admin_has_set() -> None:
    """Prefix, tags, allowed models and other headers stay; ours come back."""
    after = wanted.connected(FRESH, URL, "sk-1")
    config = after["OPENAI_API_CONFIGS"]["1"]
    config |= {"enable": False, "prefix_id": "gw", "model_ids": ["opus"]}
    config["headers"] = {"X-Site": "tokyo"}
    change = wanted.connection_change(after, URL, "sk-2")
    assert change == Change("connection", URL, "changed: enable, headers, key")
    again = wanted.connected(after, URL, "sk-2")["OPENAI_API_CONFIGS"]["1"]
    assert again["enable"] is True
    assert (again["prefix_id"], again["model_ids"]) == ("gw", ["opus"])
    assert again["headers"] == {
        "X-Site": "tokyo",
        "X-OpenWebUI-Message-Id": "{{MESSAGE_ID}}",
        "X-OpenWebUI-Task": "{{TASK}}",
    }
    assert wanted.connection(after, URL).prefix == "gw."


def test_connections_that_are_off_are_switched_on() -> None:
    """Without ENABLE_OPENAI_API no connection works."""
    after = wanted.connected(FRESH, URL, "sk-1") | {"ENABLE_OPENAI_API": False}
    change = wanted.connection_change(after, URL, "sk-1")
    assert change == Change("connection", URL, "changed: connections are on")


def test_a_connection_of_an_older_version() -> None:
    """Settings that are kept under the URL are found, and moved under the position."""
    old = {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [URL + "/"],
        "OPENAI_API_KEYS": [],
        "OPENAI_API_CONFIGS": {URL: {"enable": True, "prefix_id": "gw"}},
    }
    after = wanted.connected(old, URL, "sk-1")
    assert list(after["OPENAI_API_CONFIGS"]) == ["0"]
    assert after["OPENAI_API_CONFIGS"]["0"]["prefix_id"] == "gw"
    assert after["OPENAI_API_KEYS"] == ["sk-1"]


def test_what_goes_around_the_gateway() -> None:
    """Connections to others are named."""
    assert wanted.others(wanted.connected(FRESH, URL, "sk-1"), URL) == [OPENAI]


# The models


def row(offer: Offer = OFFER, *readers: wanted.Grant) -> dict[str, Any]:
    """A model as an earlier run has left it, in Open WebUI's words."""
    made = wanted.model(offer, "", None, readers or (EVERYONE,))
    grants = [{**one, "id": "x", "created_at": 1} for one in made["access_grants"]]
    meta = {"profile_image_url": "/static/favicon.png", **made["meta"]}
    return {**made, "access_grants": grants, "meta": meta, "user_id": "u", "created_at": 1}


def steps(offer: Offer, there: dict[str, Any], *readers: wanted.Grant) -> wanted.ModelSteps | None:
    """What a run would do with it."""
    model = wanted.model(offer, "", there, readers or wanted.readers(there))
    return wanted.model_steps(model, there)


def change(offer: Offer, there: dict[str, Any]) -> Change | None:
    """What a run would change in it."""
    found = steps(offer, there)
    return found.change if found else None


def test_a_new_model() -> None:
    """It gets description, abilities and readers, and none of Open WebUI's own tools."""
    model = wanted.model(OFFER, "gw.", None, (EVERYONE,))
    assert model == {
        "id": "gw.opus",
        "base_model_id": None,
        "name": "opus",
        "meta": {
            "description": "$5.00 in per million tokens.",
            "capabilities": {"builtin_tools": False, "usage": True, "vision": True},
            "sekisho": {"description": "$5.00 in per million tokens."},
        },
        "params": {},
        "is_active": True,
        "access_grants": [
            {"principal_type": "user", "principal_id": "*", "permission": "read"},
        ],
    }
    added = Change("model", "gw.opus", "added")
    assert wanted.model_steps(model, None) == wanted.ModelSteps(model, True, False, added)


def test_a_model_that_is_there_changes_nothing() -> None:
    """After the first run the second finds every model as it should be."""
    assert change(OFFER, row()) is None
    assert change(OFFER, row(OFFER, STAFF)) is None


def test_a_new_price_is_written_down() -> None:
    """The description follows the gateway, for as long as it is ours."""
    dearer = Offer("opus", "$6.00 in per million tokens.", vision=True, hidden=False)
    assert change(dearer, row()) == Change("model", "opus", "changed: description")


def test_an_admins_words_stay() -> None:
    """Name, description, picture, parameters and state are the admin's once they have changed."""
    there = row()
    there |= {"name": "Opus (for lawyers)", "params": {"temperature": 0}, "is_active": False}
    there["meta"] |= {"description": "Ask it about contracts.", "profile_image_url": "/own.png"}
    there["meta"]["capabilities"]["builtin_tools"] = True
    dearer = Offer("opus", "$6.00 in per million tokens.", vision=True, hidden=False)
    assert change(dearer, there) is None
    model = wanted.model(dearer, "", there, wanted.readers(there))
    assert (model["name"], model["params"]) == ("Opus (for lawyers)", {"temperature": 0})
    assert model["meta"] == there["meta"]
    assert model["is_active"] is False


def test_abilities_follow_the_gateway() -> None:
    """Whether it sees pictures, and that it counts tokens, is not for an admin to say."""
    there = row()
    there["meta"]["capabilities"] |= {"usage": False, "citations": False}
    assert change(OFFER, there) == Change("model", "opus", "changed: capabilities")
    found = wanted.model(OFFER, "", there, (EVERYONE,))["meta"]["capabilities"]
    assert found == {"builtin_tools": False, "usage": True, "vision": True, "citations": False}


def test_a_hidden_model_may_be_shown() -> None:
    """It is hidden when it is added, and not again when an admin has shown it."""
    offer = Offer("embed", "Embeddings.", vision=False, hidden=True)
    there = row(offer)
    assert there["meta"]["hidden"] is True
    there["meta"]["hidden"] = False
    assert change(offer, there) is None


def test_a_group_replaces_other_readers() -> None:
    """With a group only its members may use the model; who may edit it still may."""
    there = row()
    there["access_grants"].append(grant("user", "u-1", "write"))
    found = steps(OFFER, there, STAFF)
    assert found is not None
    assert found.change == Change("model", "opus", "changed: access")
    assert (found.write, found.grant) == (False, True)
    assert found.row["access_grants"] == [
        {"principal_type": "user", "principal_id": "u-1", "permission": "write"},
        {"principal_type": "group", "principal_id": "g-1", "permission": "read"},
    ]


def test_a_group_and_a_new_price() -> None:
    """Row and access are written apart, and told together."""
    dearer = Offer("opus", "$6.00 in per million tokens.", vision=True, hidden=False)
    found = steps(dearer, row(), STAFF)
    assert found is not None
    assert found.change == Change("model", "opus", "changed: description, access")
    assert (found.write, found.grant) == (True, True)


def test_a_model_that_was_private_before_stays_so() -> None:
    """A row that isn't ours gets our description, and its readers stay."""
    there = {"id": "opus", "name": "opus", "meta": {}, "params": {}, "access_grants": []}
    model = wanted.model(OFFER, "", there, wanted.readers(there))
    assert model["access_grants"] == []
    assert change(OFFER, there) == Change("model", "opus", "changed: description, capabilities")


def test_readers_of_new_models() -> None:
    """They are those of the models before; nobody is let in that wasn't when these differ."""
    assert wanted.readers_of_new([]) == (EVERYONE,)
    foreign = {"meta": {}, "access_grants": [grant("user", "u-9")]}
    assert wanted.readers_of_new([row(OFFER, STAFF), foreign]) == (STAFF,)
    with pytest.raises(Unsure, match="say who may use the new ones, with --group NAME or --every"):
        wanted.readers_of_new([row(OFFER, STAFF), row()])


# The Functions

COST = next(one for one in shipped.functions() if one.name == "cost_line")


def function_row(**fields: Any) -> dict[str, Any]:
    """The Function as an earlier run has left it."""
    form = COST.form()
    meta = {**form["meta"], "manifest": {"title": "Cost line"}}
    there = {**form, "meta": meta, "type": "filter", "is_active": True, "is_global": True}
    return {**there, **fields}


@pytest.mark.parametrize(
    ("there", "on", "taken", "how"),
    [
        (None, True, (True, False, True, True), "added"),
        (function_row(content="old"), True, (False, True, False, False), "changed: code or name"),
        (function_row(is_active=False), True, (False, False, True, False), "changed: on"),
        (function_row(), False, (False, False, True, False), "changed: off"),
        (
            function_row(is_global=False),
            True,
            (False, False, False, True),
            "changed: for every model",
        ),
    ],
)
def test_steps_to_a_function(
    there: dict[str, Any] | None, on: bool, taken: tuple[bool, ...], how: str
) -> None:
    """Each way in which a Function is not as it should be takes its own steps."""
    found = wanted.function_steps(COST, there, on)
    assert found is not None
    made = (found.create, found.update, found.toggle, found.toggle_everywhere)
    assert made == taken
    assert found.change == Change("function", "sekisho_cost_line", how)


def test_a_function_that_is_there_changes_nothing() -> None:
    """After the first run the second has no step; one that isn't wanted is not added."""
    assert wanted.function_steps(COST, function_row(), True) is None
    assert wanted.function_steps(COST, None, False) is None
    assert wanted.function_steps(COST, function_row(is_active=False), False) is None
