"""The gate's small decisions: whose address, which key, which words, how many tokens."""

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from sekisho.gate import credentials, errors, estimate, surface
from sekisho.gate.address import client_address
from sekisho.gate.errors import Failure
from sekisho.gate.exchange import Exchange
from sekisho.gate.readers.select import reader_for
from sekisho.pricing.usage import Usage

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "10.9.9.9, 10.0.0.2", "10.9.9.9"),
        ("10.0.0.1", "203.0.113.7,nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, ", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7:443", "10.0.0.1"),
        ("2001:db8:1::1", "2001:db8:2::7", "2001:db8:2::7"),
        ("2001:db8:2::1", "198.51.100.1", "2001:db8:2::1"),
        ("2001:db8:1::1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("unix:", "203.0.113.7", "unix:"),
        (None, "203.0.113.7", None),
    ],
)
def test_whose_address(peer: str | None, forwarded: str | None, expected: str | None) -> None:
    """Only what our own proxies have written into X-Forwarded-For is believed, from its end."""
    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_trusted_proxies_the_header_is_nothing() -> None:
    """By default nobody's X-Forwarded-For is believed, not even of the machine itself."""
    assert client_address("127.0.0.1", "203.0.113.7", ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"authorization": "Bearer sk-a"}, "sk-a"),
        ({"authorization": "bearer   sk-a "}, "sk-a"),
        ({"authorization": "sk-a"}, "sk-a"),
        ({"authorization": "Basic dTpw"}, "Basic dTpw"),
        ({"authorization": "Bearer "}, ""),
        ({"x-api-key": " sk-a "}, "sk-a"),
        ({"api-key": "sk-a"}, "sk-a"),
        ({"x-api-key": "sk-a", "api-key": "sk-b"}, "sk-a"),
        ({"authorization": "Bearer sk-a", "x-api-key": "sk-b"}, "sk-a"),
        ({"x-litellm-api-key": "sk-a"}, None),
        ({"x-goog-api-key": "sk-a"}, None),
        ({"cookie": "token=sk-a"}, None),
    ],
)
def test_which_key(headers: dict[str, str], expected: str | None) -> None:
    """The key stands where OpenAI's, Anthropic's and Azure's clients put it, nowhere else."""
    assert credentials.bearer(headers) == expected


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("The model is overloaded.", "The model is overloaded."),
        ("litellm.RateLimitError: RateLimitError: AzureException - slow down", "slow down"),
        (
            'litellm.BadRequestError: BedrockException - {"message":"Malformed input"}',
            "Malformed input",
        ),
        ('BedrockException: {"Message": "no access"}', "no access"),
        (
            "litellm.ContextWindowExceededError: BedrockException: Context Window Error - "
            '{"message": "Input is too long"}',
            "Input is too long",
        ),
        (
            'litellm.AuthenticationError: VertexAIException - b\'{\\n  "error": {\\n    "code": '
            '403,\\n    "message": "It\\\'s not allowed"\\n  }\\n}\'',
            "It's not allowed",
        ),
        ('b\'[{"error": {"code": 429, "message": "Quota exceeded"}}]\'', "Quota exceeded"),
        ('{"type":"error","error":{"type":"api_error","message":"boom"}}', "boom"),
        (
            "litellm.InternalServerError: boom. Received Model Group=gpt-4.1\n"
            "Available Model Group Fallbacks=None LiteLLM Retried: 2 times",
            "boom",
        ),
        ("boom\nTraceback (most recent call last):\n  File x, line 1", "boom"),
        ("No deployments: 3 left", "No deployments: 3 left"),
        ('{"reason": "no message"}', '{"reason": "no message"}'),
        ("b'\\xzz", "b'\\xzz"),
        ("", ""),
    ],
)
def test_the_providers_own_words(raw: str, words: str) -> None:
    """LiteLLM's class names, router state, tracebacks and wrappings are taken off."""
    assert errors.clean(raw) == words


def test_cleaning_twice_changes_nothing() -> None:
    """A cleaned message stays as it is when it passes another step."""
    once = errors.clean("litellm.RateLimitError: RateLimitError: AzureException - slow down")
    assert errors.clean(once) == once


STATUSES = [
    (400, "invalid_request_error", "invalid_request_error"),
    (401, "authentication_error", "authentication_error"),
    (403, "permission_error", "permission_error"),
    (404, "not_found_error", "not_found_error"),
    (408, "timeout_error", "timeout_error"),
    (413, "invalid_request_error", "request_too_large"),
    (422, "invalid_request_error", "invalid_request_error"),
    (429, "rate_limit_error", "rate_limit_error"),
    (500, "server_error", "api_error"),
    (502, "server_error", "api_error"),
    (503, "server_error", "api_error"),
    (504, "server_error", "timeout_error"),
    (529, "server_error", "overloaded_error"),
]


@pytest.mark.parametrize(("status", "openai", "anthropic"), STATUSES)
def test_an_error_in_both_dialects(status: int, openai: str, anthropic: str) -> None:
    """Each status has the type that the SDKs of OpenAI and Anthropic know."""
    failure = Failure(status, "No.", "some_code")
    assert json.loads(errors.body(failure, "openai", "req_1")) == {
        "error": {"message": "No.", "type": openai, "param": None, "code": "some_code"}
    }
    assert json.loads(errors.body(failure, "anthropic", "req_1")) == {
        "type": "error",
        "error": {"type": anthropic, "message": "No."},
        "request_id": "req_1",
    }


def test_a_failure_may_bring_its_own_types() -> None:
    """A refusal's types stand over those of its status."""
    failure = Failure(403, "No.", "c", openai_type="mine", anthropic_type="other")
    assert json.loads(errors.body(failure, "openai", ""))["error"]["type"] == "mine"
    assert json.loads(errors.body(failure, "anthropic", ""))["error"]["type"] == "other"


@pytest.mark.parametrize(
    ("answer", "message", "code"),
    [
        ({"error": {"message": "slow down", "code": "429"}}, "slow down", None),
        ({"error": {"message": "no", "code": "content_filter"}}, "no", "content_filter"),
        ({"error": {"message": "no", "code": None}}, "no", None),
        ({"type": "error", "error": {"type": "api_error", "message": "boom"}}, "boom", None),
        ({"detail": "Not found"}, "Not found", None),
        ({"detail": {"error": "no tokens"}}, "no tokens", None),
        ({"detail": {"error": {"message": "deep", "code": "x"}}}, "deep", "x"),
        ({"error": "short"}, "short", None),
        ([1], "the provider answered 418 without a message", None),
    ],
)
def test_what_litellm_answered(answer: Any, message: str, code: str | None) -> None:
    """Every shape of LiteLLM's error bodies gives its message and its code."""
    failure = errors.of_litellm(418, json.dumps(answer).encode())
    assert (failure.status, failure.message, failure.code) == (418, message, code)
    assert not failure.refused


def test_an_answer_that_is_no_json() -> None:
    """A body that isn't JSON says nothing to the client."""
    failure = errors.of_litellm(500, b"Internal Server Error\nTraceback ...")
    assert failure.message == "the provider answered 500 without a message"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 1), ("words", 2), ("a gate in the hills", 5), ("関所", 2), ("関所 gate", 4)],
)
def test_about_how_many_tokens(text: str, tokens: int) -> None:
    """Four characters of ASCII are a token, and each character of Japanese is one."""
    assert estimate.tokens_of(text) == tokens


def _cut_off(operation: str, asked: dict[str, Any], *events: dict[str, Any]) -> Exchange:
    """An exchange whose stream ended after these events."""
    route = next(r for r in surface.ROUTES if r.operation == operation)
    exchange = Exchange(route, route.paths[0], {}, None, asked=asked)
    exchange.reader = reader_for(route, asked)
    for event in events:
        piece = f"data: {json.dumps(event)}\n\n".encode()
        exchange.pieces.append(piece)
        exchange.reader.feed(piece)
    return exchange


ASKED = {"model": "demo", "messages": [{"role": "user", "content": "12345678"}]}


@pytest.mark.parametrize(
    ("operation", "events", "output"),
    [
        ("chat", [{"choices": [{"delta": {"role": "assistant", "content": "12345678"}}]}], 2),
        ("chat", [{"choices": [{"delta": {"reasoning_content": "1234"}}]}], 1),
        ("chat", [{"choices": []}], 0),
        ("responses", [{"type": "response.output_text.delta", "delta": "12345678"}], 2),
        (
            "messages",
            [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "12345"}}],
            2,
        ),
    ],
)
def test_an_answer_that_was_cut_off(
    operation: str, events: list[dict[str, Any]], output: int
) -> None:
    """Its tokens are counted from the question and from what has been said."""
    found = estimate.usage_of(_cut_off(operation, ASKED, *events))
    assert found == Usage(input_tokens=2, output_tokens=output)


def test_the_providers_own_count_is_kept() -> None:
    """A message stream begins with the prompt's tokens: only the rest is estimated."""
    usage = {"input_tokens": 700, "output_tokens": 1, "cache_read_input_tokens": 300}
    start = {"type": "message_start", "message": {"id": "msg_1", "usage": usage}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "12345678"}}
    exchange = _cut_off("messages", ASKED, start, delta)
    assert exchange.reader is not None
    told = Usage(input_tokens=1000, output_tokens=1, cache_read_input_tokens=300)
    assert exchange.reader.reading.usage == told
    assert estimate.usage_of(exchange) == replace(told, output_tokens=2)


def test_every_route_has_a_reader() -> None:
    """No operation of the table is without a reader, and health has none."""
    for route in surface.INFERENCE:
        assert reader_for(route, {}).reading.ended is False
    with pytest.raises(ValueError, match="no reader for the operation 'health'"):
        reader_for(surface.LIVE, {})
