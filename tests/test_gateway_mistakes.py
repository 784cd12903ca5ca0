"""A mistake in a request is answered with 400 or 404 and what to do, never with a 500."""

from typing import Any

import httpx
import pytest

from .gateway import Gateway

Json = dict[str, Any]

HELLO = [{"role": "user", "content": "hello"}]
SHAPE = "'messages' must be a list of objects."
PICTURE = "The address of a picture or file in the request can't be fetched from here"


def _picture(url: str) -> list[Json]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


MISTAKES: list[tuple[str, Json, int, str]] = [
    ("/v1/chat/completions", {"messages": HELLO}, 400, "The request names no model"),
    ("/v1/chat/completions", {"model": 7, "messages": HELLO}, 400, "The request names no model"),
    ("/v1/chat/completions", {"model": "gpt-4.l", "messages": HELLO}, 404, "did you mean gpt-4.1"),
    ("/v1/chat/completions", {"model": "nova-pro", "messages": "hello"}, 400, SHAPE),
    ("/v1/chat/completions", {"model": "nova-pro", "messages": ["hello"]}, 400, SHAPE),
    ("/v1/chat/completions", {"model": "nova-pro"}, 400, "Missing required parameter: 'messages'"),
    (
        "/v1/chat/completions",
        {"model": "nova-pro", "messages": [{"role": "user", "content": [{"type": "song"}]}]},
        400,
        "A message in the request is not of the shape that the API defines.",
    ),
    ("/v1/messages", {"model": "nova-pro", "messages": "hello", "max_tokens": 9}, 400, SHAPE),
    ("/v1/responses", {"model": "nova-pro", "input": 7}, 400, "'input' must be a list of objects."),
    (
        "/v1/chat/completions",
        {"model": "titan-embed-text-v2", "messages": HELLO},
        400,
        "titan-embed-text-v2 is a model of the kind 'embedding': ask it at /v1/embeddings.",
    ),
    ("/v1/embeddings", {"model": "gpt-4.1", "input": "hello"}, 400, "of the kind 'chat': ask it"),
    (
        "/v1/images/generations",
        {"model": "tts-1", "prompt": "x"},
        400,
        "ask it at /v1/audio/speech",
    ),
    # A cloud's metadata service, a private address, a name that nobody has.
    (
        "/v1/chat/completions",
        {"model": "nova-pro", "messages": _picture("http://169.254.169.254/latest/")},
        400,
        PICTURE,
    ),
    (
        "/v1/chat/completions",
        {"model": "claude-sonnet-4-6-bedrock", "messages": _picture("http://10.0.0.1/a.png")},
        400,
        PICTURE,
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), MISTAKES)
def test_mistakes(client: httpx.Client, path: str, body: Json, status: int, words: str) -> None:
    """The status and the words fit the mistake."""
    answer = client.post(path, json=body)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_a_mistake_is_recorded_as_refused(gateway: Gateway, client: httpx.Client) -> None:
    """A request that the gate turns down has a row with its reason, and costs nothing."""
    body = {"model": "gpt-4.1", "input": "hello"}
    row = gateway.row(client.post("/v1/embeddings", json=body))
    assert (row.status, row.error_type) == ("refused", "wrong_kind_of_model")
    assert row.billed_cost == 0


def test_a_stream_names_the_alias(client: httpx.Client) -> None:
    """The events of a streamed response name the alias, not the cloud's id of the model."""
    body = {"model": "claude-sonnet-4-6-bedrock", "input": "hello", "stream": True}
    answer = client.post("/v1/responses", json=body)
    assert '"model":"claude-sonnet-4-6-bedrock"' in answer.text
    assert "anthropic.claude" not in answer.text


def test_counted_tokens_are_all_that_is_told(client: httpx.Client) -> None:
    """The answer of count_tokens has the number and nothing of LiteLLM's."""
    body = {"model": "demo", "messages": HELLO}
    answer = client.post("/v1/messages/count_tokens", json=body)
    assert answer.json().keys() == {"input_tokens"}
