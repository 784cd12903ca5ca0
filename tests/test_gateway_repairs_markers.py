"""Prompt-cache markers on the real gateway: Claude gets them by every API, others don't."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from .asking import API, Asked, with_tool
from .gateway import Gateway
from .simulators import Simulator

CLAUDE = "claude-sonnet-4-6-bedrock"
CLAUDE_VERTEX = "claude-sonnet-4-6-vertex"
STEADY = "Be helpful. " * 400  # 4,800 characters
RESULT = "result " * 857  # 1,500 tokens


@pytest.fixture
def asked(client: httpx.Client, clouds: Simulator) -> Asked:
    """The gateway with Hanako's key."""
    return Asked(client, clouds)


def _markers(body: Any) -> int:
    """How many cache markers a body has, in either form."""
    text = json.dumps(body)
    return text.count('"cachePoint"') + text.count('"cache_control"')


def _conversation(api: str) -> tuple[str, dict[str, Any]]:
    """The second turn of a conversation with a tool and a long system prompt."""
    path, body = with_tool(api, "look", "unused", stream=False)
    said = [("user", "one"), ("assistant", "two"), ("user", "three")]
    turns = [{"role": role, "content": text} for role, text in said]
    if api == "chat":
        body["messages"] = [{"role": "system", "content": STEADY}, *turns]
    elif api == "messages":
        body |= {"messages": turns, "system": STEADY}
    elif api == "responses":
        body |= {"input": turns, "instructions": STEADY}
    else:
        roles = {"user": "user", "assistant": "model"}
        body["contents"] = [{"role": roles[role], "parts": [{"text": t}]} for role, t in said]
        body["systemInstruction"] = {"parts": [{"text": STEADY}]}
    return path, body


@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_VERTEX, "claude-haiku-5-5-azure"])
@pytest.mark.parametrize("api", API)
def test_cache_markers(asked: Asked, model: str, api: str) -> None:
    """Claude gets four, by every API: tools, system prompt, the last end and this one."""
    path, body = _conversation(api)
    asked.post(path, model, **body)
    sent = asked.upstream()
    tools = sent["tools"] if "tools" in sent else sent["toolConfig"]["tools"]
    assert [_markers(part) for part in (tools, sent["system"], sent["messages"])] == [1, 1, 2]


@pytest.mark.parametrize("model", ["nova-pro", "gpt-4.1", "gemini-3.8-flash"])
def test_no_markers_for_others(asked: Asked, model: str) -> None:
    """Other models get none."""
    path, body = _conversation("chat")
    asked.post(path, model, **body)
    assert _markers(asked.upstream()) == 0


def test_a_clients_own_marker(asked: Asked) -> None:
    """A client that marks what it wants cached has its own way."""
    path, body = _conversation("messages")
    block = {"type": "text", "text": STEADY, "cache_control": {"type": "ephemeral"}}
    asked.post(path, CLAUDE, **{**body, "system": [block]})
    assert _markers(asked.upstream()) == 1


@pytest.mark.parametrize("model", [CLAUDE, CLAUDE_VERTEX])
@pytest.mark.parametrize("api", API)
def test_the_second_turn_reads_the_first_ones_cache(
    asked: Asked, gateway: Gateway, model: str, api: str
) -> None:
    """Clients that send no markers pay a tenth for what has been said before, by every API."""
    path, body = _conversation(api)
    first = json.loads(json.dumps(body).replace("Be helpful", f"Help {api} of {model}"))
    second = json.loads(json.dumps(first))
    name = {"responses": "input", "generate": "contents"}.get(api, "messages")
    del first[name][-2:]
    rows = [gateway.row(asked.post(path, model, **one)) for one in (first, second)]
    written = rows[0].gen_ai_usage_cache_creation_input_tokens or 0
    assert written >= 1200
    assert rows[0].gen_ai_usage_cache_read_input_tokens == 0
    assert rows[1].gen_ai_usage_cache_read_input_tokens == written


def test_what_markers_save(asked: Asked, gateway: Gateway) -> None:
    """20 requests of a coding tool that sends none: prompts cost 81 % less (clients.md)."""
    path, body = with_tool("chat", "look", "unused", stream=False)
    turns: list[dict[str, Any]] = [
        {"role": "system", "content": "Save money. " * 5000},  # 15,000 tokens
        {"role": "user", "content": "Begin."},
    ]
    paid = listed = Decimal()
    for number in range(20):
        row = gateway.row(asked.post(path, CLAUDE, **{**body, "messages": turns}))
        assert row.billed_cost is not None
        assert row.gen_ai_usage_input_tokens is not None
        assert row.gen_ai_usage_output_tokens is not None
        # USD for a million tokens: 15 written by the model, 3 read by it.
        paid += row.billed_cost - row.gen_ai_usage_output_tokens * Decimal("0.000015")
        listed += row.gen_ai_usage_input_tokens * Decimal("0.000003")
        call = {"name": "look", "arguments": "{}"}
        calls = [{"id": f"c{number}", "type": "function", "function": call}]
        turns.append({"role": "assistant", "content": None, "tool_calls": calls})
        turns.append({"role": "tool", "tool_call_id": f"c{number}", "content": RESULT})
    assert round(1 - paid / listed, 2) == Decimal("0.81")
