"""`sekisho openwebui install` in an Open WebUI that is in use: groups, and keys that don't work."""

import pytest

from .stage import MODEL, Stage

pytestmark = pytest.mark.openwebui


def test_models_for_a_group(world: Stage) -> None:
    """With a group only its members see the models; a second run changes nothing; and back."""
    world.chat.admin.post("/api/v1/groups/create", {"name": "staff", "description": ""})
    narrowed = world.openwebui("install", "--group", "staff")
    assert narrowed.code == 0, narrowed.err
    assert {line.split(maxsplit=2)[2] for line in narrowed.out.splitlines()} == {"changed: access"}
    if world.mode == "header":  # else BYPASS_MODEL_ACCESS_CONTROL shows them to everyone
        assert world.hanako.models() == []
    for again in (("--group", "staff"), ()):
        assert world.openwebui("install", *again).out == "nothing to change\n"
    assert world.openwebui("install", "--everyone").code == 0
    assert MODEL in world.hanako.models()
    assert world.openwebui("install").out == "nothing to change\n"


def test_a_group_that_is_not_there(world: Stage) -> None:
    """The groups that there are, are named; nothing has changed."""
    refused = world.openwebui("install", "--group", "nobody")
    assert (refused.code, refused.out) == (1, "")
    assert f"{world.chat.url} has no group nobody (there is: " in refused.err
    assert refused.err.count("\n") == 1


def test_a_blocked_key_is_not_replaced(world: Stage) -> None:
    """Somebody has blocked it on purpose: no other key is issued, and the reason is told."""
    world.gateway.keys("block", "open-webui")
    refused = world.openwebui("install")
    world.gateway.keys("unblock", "open-webui")
    assert (refused.code, refused.out) == (1, "")
    assert "refuses Open WebUI's key open-webui: This key is blocked." in refused.err
    assert world.openwebui("install").out == "nothing to change\n"


def test_a_persons_key_is_refused(world: Stage) -> None:
    """It would put every answer on one person."""
    key = world.gateway.issue("hanakos-own", owner="hanako@example.com")
    refused = world.openwebui("install", "--key", key)
    assert (refused.code, refused.out) == (1, "")
    assert "--key is a person key, which would put every answer on its owner" in refused.err
    assert key not in refused.err


def test_what_goes_around_the_gateway_is_named(world: Stage) -> None:
    """Another connection stays, and is told; the gateway's is found wherever it stands."""
    admin = world.chat.admin
    before = admin.get("/openai/config")
    other = {
        "OPENAI_API_BASE_URLS": ["https://api.example/v1", *before["OPENAI_API_BASE_URLS"]],
        "OPENAI_API_KEYS": ["", *before["OPENAI_API_KEYS"]],
        "OPENAI_API_CONFIGS": {
            "0": {"enable": False},
            **{str(int(at) + 1): one for at, one in before["OPENAI_API_CONFIGS"].items()},
        },
    }
    admin.post("/openai/config/update", {**before, **other})
    again = world.openwebui("install")
    admin.post("/openai/config/update", before)
    assert again.out == "nothing to change\n"
    assert again.err == ("https://api.example/v1 goes around the gateway: remove that connection\n")
