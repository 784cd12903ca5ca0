"""Tools of an MCP server, by Open WebUI's own MCP client and the gateway."""

import json

import pytest

from ..gateway import until
from .chat import BACKGROUND, Person, SavedChat
from .stage import MEDIA_KEY, MODEL, SERVER, Stage

pytestmark = pytest.mark.openwebui

_CHAT = ["chat", *(f"chat/{task}" for task in BACKGROUND)]
TOOL = f"{SERVER}_{SERVER}-add"


def test_tool_in_a_chat(world: Stage) -> None:
    """The model calls the tool, Open WebUI runs it by the gateway: a row with user and tool."""
    people = (world.hanako, world.taro) if world.mode == "jwt" else (world.hanako,)
    for person in people:
        with world.ledger.expects(person, "mcp_tool_call", "chat", *_CHAT) as rows:
            chat = _ask(person)
            message = chat.answer()
        assert "1234" in json.dumps(message["output"])
        (call,) = [row for row in rows if row.gen_ai_operation_name == "mcp_tool_call"]
        assert (call.chat_id, call.message_id) == (chat.id, chat.answer_id)
        assert (call.status, call.api_key_alias) == ("success", MEDIA_KEY[world.mode])


def test_an_address_that_no_header_can_have(world: Stage) -> None:
    """With plain headers Open WebUI's MCP client fails at an e-mail address that is not ASCII.

    It says so in the chat, and the question is asked without tools. Signed users have no such
    trouble: the test before this one.
    """
    if world.mode == "jwt":
        return
    with world.ledger.expects(world.taro, *_CHAT):
        chat = _ask(world.taro)
    assert f"Failed to connect to MCP server '{SERVER}'" in chat.status_lines()


def test_no_grant(world: Stage) -> None:
    """Without the grant the same key gets no tools; the refusal is in the log under the user."""
    _change(world, "none", "gpt-*,claude-*")
    with world.ledger.expects(world.hanako, "mcp", *_CHAT) as rows:
        chat = _ask(world.hanako)
    _change(world, SERVER, "all")
    (refused,) = [row for row in rows if row.gen_ai_operation_name == "mcp"]
    assert refused.status == "refused"
    assert f"Failed to connect to MCP server '{SERVER}'" in chat.status_lines()


def _ask(person: Person) -> SavedChat:
    arguments = json.dumps({"a": 1200, "b": 34})
    question = f"How much is it? [[sim:tool {TOOL}={arguments}]]"
    return person.start_chat(MODEL, question, tool_ids=[f"server:mcp:{SERVER}"])


def _change(world: Stage, grant: str, models: str) -> None:
    """Change the key of the tools; its models change too, by which the gateway shows that it knows.

    With `gpt-*,claude-*` it has all that chats need, and no embeddings.
    """
    world.gateway.keys("update", MEDIA_KEY[world.mode], "--mcp", grant, "--models", models)
    (server,) = world.chat.admin.get("/api/v1/configs/tool_servers")["TOOL_SERVER_CONNECTIONS"]
    with world.gateway.client(server["key"]) as client:

        def is_known() -> bool:
            has_embeddings = "text-embedding-3-small" in client.get("/v1/models").text
            return has_embeddings == (models == "all")

        until("the gateway to know the change", is_known, 5)
