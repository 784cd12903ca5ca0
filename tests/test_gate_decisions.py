"""The gate's small decisions: whose address, which key, which words, how many tokens."""

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from sekisho.callbacks.attempts import Attempts
from sekisho.gate import clean, credentials, error_provider, error_words, errors, estimate, surface
from sekisho.gate.address import client_address
from sekisho.gate.admitted import headers_of
from sekisho.gate.body import Form, parse_form
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
        ("10.0.0.1", "203.0.113.7,nonsense", None),
        ("10.0.0.1", "nonsense, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, ", None),
        ("10.0.0.1", "unknown", None),
        ("10.0.0.1", "203.0.113.7:443", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8:9::7]:443", "2001:db8:9::7"),
        ("10.0.0.1", "2001:db8:9::7", "2001:db8:9::7"),
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
        ({"authorization": "Bearer "}, None),
        ({"authorization": "Bearer", "x-api-key": "sk-a"}, "sk-a"),
        ({"authorization": "", "api-key": "sk-a"}, "sk-a"),
        ({"authorization": "Bearer  ", "x-api-key": " ", "api-key": "sk-a"}, "sk-a"),
        ({"x-api-key": " sk-a "}, "sk-a"),
        ({"api-key": "sk-a"}, "sk-a"),
        ({"x-api-key": "sk-a", "api-key": "sk-b"}, "sk-a"),
        ({"authorization": "Bearer sk-a", "x-api-key": "sk-b"}, "sk-a"),
        ({"x-litellm-api-key": "Bearer sk-a"}, "sk-a"),
        ({"x-goog-api-key": "sk-a"}, "sk-a"),
        ({"cookie": "token=sk-a"}, None),
    ],
)
def test_which_key(headers: dict[str, str], expected: str | None) -> None:
    """The key stands where OpenAI's, Anthropic's and Azure's clients put it, nowhere else."""
    assert credentials.bearer(headers) == expected


def test_headers_that_come_twice() -> None:
    """Each proxy may add a line to X-Forwarded-For: all count, in order. Else the last counts."""
    raw = [
        (b"x-forwarded-for", b"198.51.100.1"),
        (b"x-api-key", b"sk-a"),
        (b"x-forwarded-for", b"203.0.113.7, 10.0.0.2"),
        (b"x-api-key", b"sk-b"),
    ]
    assert headers_of(raw) == {
        "x-forwarded-for": "198.51.100.1, 203.0.113.7, 10.0.0.2",
        "x-api-key": "sk-b",
    }


def _form(fields: list[tuple[str, str]], files: list[str]) -> Form:
    return Form(fields, [(name, ("a", name.encode(), "text/plain")) for name in files])


@pytest.mark.parametrize(
    "form",
    [
        _form([("model", "a"), ("model", "a")], []),
        _form([("model[]", "a")], []),
        _form([("model", "a"), ("model[b]", "a")], []),
        _form([], ["model"]),
        _form([("model", "a")], ["model"]),
        _form([("model", "a")], ["model[]"]),
    ],
)
def test_a_form_with_two_models(form: Form) -> None:
    """The model that is allowed and priced is the only one that LiteLLM could read."""
    with pytest.raises(Failure) as caught:
        form.check_model()
    failure = caught.value
    assert (failure.status, failure.code) == (400, "invalid_form")
    assert failure.message == "The form must have exactly one text field 'model'."


def test_what_passes_of_a_form() -> None:
    """Files pass in the parts that the API has, text in all others, and users become a hash."""
    text = ("model", "language", "timestamp_granularities[]", "user", "user[a]", "api_base[a]")
    parts = ["file", "image", "image[]", "mask", "mask[]", "file[]", "prompt", "api_base"]
    form = _form([(name, "said") for name in (*text, "file", "image[]", "metadata[a]")], parts)
    form.check_model()
    keep = clean.Cleaner(["api_base"]).keeps_in_form
    content, content_type = form.encode(keep, clean.FILE_PARTS, {"user": "u-1"})
    kept = asyncio.run(parse_form(content, content_type))
    assert kept.fields == [
        ("model", "said"),
        ("language", "said"),
        ("timestamp_granularities[]", "said"),
        ("user", "u-1"),
        ("user[a]", "u-1"),
    ]
    assert [name for name, _ in kept.files] == ["file", "image", "image[]", "mask", "mask[]"]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a\\"b"',
        "multipart/form-data; boundary=\u00e9",
        "multipart/form-data; boundary=" + "a" * 201,
        "multipart/form-database; boundary=a",
        "application/json; boundary=a",
    ],
)
def test_a_form_without_a_boundary(content_type: str) -> None:
    """What doesn't say how its parts are separated is no form."""
    with pytest.raises(Failure) as caught:
        asyncio.run(parse_form(b"--a--\r\n", content_type))
    assert (caught.value.status, caught.value.code) == (400, "invalid_form")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=a",
        'Multipart/Form-Data ;charset=unicode_escape; boundary="a"',
        'multipart/form-data; boundary=a; charset="utf\0 8"',
    ],
)
def test_a_form_in_any_charset(content_type: str) -> None:
    """Only the boundary of the content type is believed: text is UTF-8."""
    content = '--a\r\ncontent-disposition: form-data; name="b"\r\n\r\n関\\N\r\n--a--\r\n'
    form = asyncio.run(parse_form(content.encode(), content_type))
    assert (form.fields, form.files) == ([("b", "関\\N")], [])


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
    assert error_words.clean(raw) == words


def test_cleaning_twice_changes_nothing() -> None:
    """A cleaned message stays as it is when it passes another step."""
    once = error_words.clean("litellm.RateLimitError: RateLimitError: AzureException - slow down")
    assert error_words.clean(once) == once


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
        ([1], "The provider answered 418 without a message.", None),
    ],
)
def test_what_litellm_answered(answer: Any, message: str, code: str | None) -> None:
    """Every shape of LiteLLM's error bodies gives its message and its code."""
    failure = error_provider.of_answer(Attempts(), 418, json.dumps(answer).encode(), "openai")
    assert (failure.status, failure.message, failure.code) == (418, message, code)
    assert not failure.refused


def test_an_answer_that_is_no_json() -> None:
    """A body that isn't JSON says nothing to the client."""
    page = b"Internal Server Error\nTraceback ..."
    failure = error_provider.of_answer(Attempts(), 500, page, "openai")
    assert failure.message == "The provider answered 500 without a message."


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
        exchange.reader.feed(f"data: {json.dumps(event)}\n\n".encode())
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
