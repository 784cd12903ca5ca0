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
    (
        "/v1/responses",
        {"model": "gpt-4.1", "input": "hello", "background": True},
        400,
        "Background responses can't be fetched from this gateway: leave out 'background'.",
    ),
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


def test_an_answer_in_the_foreground(client: httpx.Client) -> None:
    """`background: false` is what the gateway does anyway."""
    body = {"model": "gpt-4.1", "input": "hello", "background": False}
    answer = client.post("/v1/responses", json=body)
    assert answer.status_code == 200, answer.text


_PART = b'--x\r\ncontent-disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    ("content_type", "parts", "words"),
    [
        ("multipart/form-data", [], "The form's content type has no valid boundary."),
        ("text/plain; boundary=x", [], "The body must be multipart/form-data."),
        ("multipart/form-data; boundary=x; charset=unicode_escape", [], "names no model"),
        ('multipart/form-data; boundary=x; charset="utf\t8"', [], "names no model"),
        (
            "multipart/form-data; boundary=x",
            [(b"model", b"", b"whisper-1"), (b"model", b"", b"gpt-4o-transcribe")],
            "The form must have exactly one text field 'model'.",
        ),
        (
            "multipart/form-data; boundary=x",
            [(b"model", b'; filename="m"', b"whisper-1")],
            "The form must have exactly one text field 'model'.",
        ),
    ],
)
def test_a_mistake_in_a_form(
    client: httpx.Client, content_type: str, parts: list[tuple[bytes, ...]], words: str
) -> None:
    """A form that can't be read in one way only is refused, whatever its content type says."""
    content = b"".join(_PART % part for part in [*parts, (b"a", b"", b"b")]) + b"--x--\r\n"
    headers = {"content-type": content_type}
    answer = client.post("/v1/audio/transcriptions", content=content, headers=headers)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text


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
