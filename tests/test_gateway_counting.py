"""Tokens are counted by the provider, or estimated, and the answer and the row say which."""

from decimal import Decimal
from typing import Any

import anthropic
import httpx
import pytest

from .gateway import Gateway
from .simulators import Simulator

Json = dict[str, Any]
COUNT = "/v1/messages/count_tokens"
SAY = [{"role": "user", "content": "How many tokens has this sentence?"}]
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def _count(client: httpx.Client, alias: str, **fields: Any) -> httpx.Response:
    return client.post(COUNT, json={"model": alias, "messages": SAY, **fields})


@pytest.mark.parametrize(
    ("alias", "path"),
    [
        ("claude-sonnet-4-6-bedrock", "/model/anthropic.claude-sonnet-4-6/count-tokens"),
        ("claude-opus-5-5-bedrock", "/model/anthropic.claude-opus-5-5/count-tokens"),
        ("claude-sonnet-4-6-vertex", "publishers/anthropic/models/count-tokens:rawPredict"),
        ("claude-sonnet-4-6-azure", "/anthropic/v1/messages/count_tokens"),
        ("gemini-3.8-flash", "models/gemini-3.8-flash:countTokens"),
    ],
)
def test_the_providers_own_count(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, alias: str, path: str
) -> None:
    """Bedrock, Vertex AI and Foundry are asked for their own count, and it is what is answered."""
    clouds.clear()
    answer = _count(client, alias, system="Be brief.", tools=[TOOL])
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"input_tokens"}
    assert 10 <= answer.json()["input_tokens"] < 200
    assert answer.headers["x-sekisho-token-count"] == "provider"
    asked = [entry["path"] for entry in clouds.journal() if entry["path"] != "/token"]
    assert len(asked) == 1
    assert asked[0].endswith(path)
    row = gateway.row(answer)
    assert (row.status, row.usage_is_estimated, row.billed_cost) == ("success", False, Decimal(0))
    assert row.other_units["counted_tokens"] == answer.json()["input_tokens"]


def test_claude_on_vertex_is_counted_where_that_is_offered(
    client: httpx.Client, clouds: Simulator
) -> None:
    """The global location has no count for Claude, so a region that has it is asked."""
    clouds.clear()
    assert _count(client, "claude-opus-5-5-vertex").status_code == 200
    path = clouds.journal()[-1]["path"]
    assert "/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict" in path


@pytest.mark.parametrize(
    ("alias", "tokens"),
    [("gpt-5.5", 23), ("gpt-4.1", 23), ("demo", 25)],
)
def test_an_estimate(client: httpx.Client, gateway: Gateway, alias: str, tokens: int) -> None:
    """A model without a count of its own has an estimate, marked in the answer and in the row."""
    answer = _count(client, alias)
    assert (answer.status_code, answer.json()) == (200, {"input_tokens": tokens})
    assert answer.headers["x-sekisho-token-count"] == "estimated"
    row = gateway.row(answer)
    assert (row.status, row.usage_is_estimated, row.billed_cost) == ("success", True, Decimal(0))
    assert row.other_units["counted_tokens"] == tokens


@pytest.mark.parametrize("alias", ["claude-sonnet-4-6-bedrock", "claude-sonnet-4-6-vertex"])
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_count_that_fails(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, alias: str, status: int
) -> None:
    """A provider that may not or can't count costs nobody an error: there is an estimate."""
    clouds.clear()
    clouds.script({"status": status})
    answer = _count(client, alias, tools=[TOOL])
    clouds.clear()
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-sekisho-token-count"] == "estimated"
    assert 800 < answer.json()["input_tokens"] < 1000
    assert gateway.row(answer).usage_is_estimated


ODD: dict[str, list[Json]] = {
    "a picture": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    ],
    "a document by address": [
        {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}}
    ],
    "a reference to a tool": [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "tool_reference", "tool_name": "get_weather"}],
        }
    ],
    "a kind that nobody knows": [{"type": "hologram", "depth": 3, "of": [None, True, 1.5]}],
    "nothing": [],
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("alias", ["gpt-5.5", "gemini-3.8-flash", "nova-pro"])
def test_odd_content(client: httpx.Client, alias: str, name: str) -> None:
    """Whatever a message holds, its tokens are counted or estimated; it is never an error."""
    answer = client.post(
        COUNT, json={"model": alias, "messages": [{"role": "user", "content": ODD[name]}]}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["input_tokens"] > 0


@pytest.mark.parametrize("fields", [{"messages": []}, {"messages": None}, {"messages": ["hi"]}])
def test_nothing_to_count(client: httpx.Client, fields: Json) -> None:
    """A request without messages is the client's mistake."""
    answer = _count(client, "gpt-5.5", **fields)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_anthropics_sdk(gateway: Gateway, key: str) -> None:
    """Anthropic's SDK reads both kinds of answer."""
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as claude:
        for alias in ("claude-haiku-4-5-20251001", "gpt-5.5"):
            counted = claude.messages.count_tokens(
                model=alias, messages=[{"role": "user", "content": "How many?"}]
            )
            assert counted.input_tokens > 0


def test_googles_count(client: httpx.Client, clouds: Simulator) -> None:
    """Google's countTokens is the provider's own, or an estimate that says so."""
    body = {"contents": [{"role": "user", "parts": [{"text": "How many tokens?"}]}]}
    clouds.clear()
    own = client.post("/v1beta/models/gemini-3.8-flash:countTokens", json=body)
    other = client.post("/v1beta/models/gpt-5.5:countTokens", json=body)
    assert own.json()["totalTokens"] > 0
    assert own.headers["x-sekisho-token-count"] == "provider"
    assert other.json() == {"totalTokens": 20}
    assert other.headers["x-sekisho-token-count"] == "estimated"
