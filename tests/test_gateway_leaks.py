"""What leaves the gate: a fixed set of headers, and nothing of LiteLLM or the deployments."""

import json
from typing import Any

import httpx
import pytest

from .gateway import Gateway
from .simulators import Simulator

ALWAYS = {"date", "content-type", "x-sekisho-request-id"}
LENGTH = {"content-length"}
PIECES = {"transfer-encoding"}
STREAMED = {"cache-control"}
OPENAI, ANTHROPIC = {"x-request-id"}, {"request-id"}

SAY = [{"role": "user", "content": "hello"}]
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
MODELS = (
    "gpt-4.1",
    "nova-lite",
    "claude-sonnet-4-6-bedrock",
    "claude-sonnet-4-6-vertex",
    "gemini-3.5-flash",
)


def body(path: str, model: str, text: str, stream: bool = False) -> dict[str, Any]:
    """A request in the shape of each API."""
    if path == RESPONSES:
        return {"model": model, "input": text, "stream": stream}
    turn = [{"role": "user", "content": text}]
    return {"model": model, "messages": turn, "max_tokens": 50, "stream": stream}


def clean_of_internals(text: str, clouds: Simulator) -> None:
    """Assert that an answer's text tells nothing of what is behind the gate."""
    place = clouds.url.removeprefix("http://")
    for secret in ("litellm", "Traceback", "site-packages", ".py", "x-amz", place, "/model/"):
        assert secret.lower() not in text.lower(), text
    for cloud in ("@bedrock", "@azure", "@vertex", "simulated-project", "api_base"):
        assert cloud not in text, text


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("model", MODELS)
def test_headers_of_answers(client: httpx.Client, path: str, model: str) -> None:
    """Plain and streamed answers have these headers and no others."""
    ids = ANTHROPIC if path == MESSAGES else OPENAI
    plain = client.post(path, json=body(path, model, "hello"))
    assert plain.status_code == 200, plain.text
    assert set(plain.headers) == ALWAYS | ids | LENGTH
    assert plain.headers["x-sekisho-request-id"] == plain.headers[min(ids)]
    streamed = client.post(path, json=body(path, model, "hello", stream=True))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert set(streamed.headers) - STREAMED == ALWAYS | ids | PIECES


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v1/embeddings", {"model": "text-embedding-3-large", "input": "a"}),
        ("/v1/rerank", {"model": "cohere-rerank-3.5", "query": "a", "documents": ["b"]}),
        ("/v1/images/generations", {"model": "gpt-image-2", "prompt": "a gate"}),
        ("/v1/messages/count_tokens", {"model": "claude-sonnet-4-6-vertex", "messages": SAY}),
        (CHAT, {"model": "demo", "messages": SAY}),
    ],
)
def test_headers_of_other_answers(
    client: httpx.Client, clouds: Simulator, path: str, sent: dict[str, Any]
) -> None:
    """So have the others, and their bodies tell nothing either."""
    answer = client.post(path, json=sent)
    assert answer.status_code == 200, answer.text
    ids = ANTHROPIC if "messages" in path else OPENAI
    more = {"x-sekisho-token-count"} if path.endswith("count_tokens") else set[str]()
    assert set(answer.headers) == ALWAYS | ids | LENGTH | more
    clean_of_internals(answer.text, clouds)


def test_headers_of_sound(client: httpx.Client) -> None:
    """Sound comes with its type and nothing else."""
    sent = {"model": "tts-1", "voice": "alloy", "input": "Good day"}
    answer = client.post("/v1/audio/speech", json=sent)
    assert set(answer.headers) - LENGTH - PIECES == ALWAYS | OPENAI
    assert answer.headers["content-type"].startswith("audio/")


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("model", MODELS)
def test_a_providers_error(client: httpx.Client, clouds: Simulator, path: str, model: str) -> None:
    """The provider's own words and status, in the caller's dialect, and nothing around them."""
    answer = client.post(path, json=body(path, model, '[[sim:status 400 message="no way"]]'))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["message"]) == ("invalid_request_error", "no way")
    assert ("request_id" in answer.json()) == (path == MESSAGES)
    assert set(answer.headers) == ALWAYS | LENGTH | (ANTHROPIC if path == MESSAGES else OPENAI)
    clean_of_internals(answer.text, clouds)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("model", MODELS)
def test_a_providers_error_instead_of_a_stream(
    client: httpx.Client, clouds: Simulator, path: str, model: str
) -> None:
    """Whether the stream has begun or not, the words are the provider's own."""
    sent = body(path, model, '[[sim:status 400 message="no way"]]', stream=True)
    answer = client.post(path, json=sent)
    assert '"message":"no way"' in answer.text.replace('": "', '":"')
    clean_of_internals(answer.text, clouds)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
@pytest.mark.parametrize("model", MODELS)
def test_an_error_in_mid_stream(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, path: str, model: str
) -> None:
    """An error event carries the provider's words; so does the row."""
    text = "[[sim:midstream 3]] [[sim:chunks 8]]"
    answer = client.post(path, json=body(path, model, text, stream=True))
    assert answer.status_code == 200
    assert "Simulated failure in mid-stream." in answer.text
    clean_of_internals(answer.text, clouds)
    row = gateway.row(answer)
    assert (row.status, row.error_message) == ("truncated", "Simulated failure in mid-stream.")


@pytest.mark.parametrize("path", [CHAT, MESSAGES, RESPONSES])
def test_a_whole_stream(client: httpx.Client, clouds: Simulator, path: str) -> None:
    """A good stream tells nothing of what is behind the gate."""
    answer = client.post(path, json=body(path, "claude-sonnet-4-6-bedrock", "hello", stream=True))
    clean_of_internals(answer.text, clouds)


def test_too_many_requests(client: httpx.Client) -> None:
    """A 429 carries the provider's Retry-After, in seconds."""
    text = '[[sim:status 429 retry_after=1 message="slow down"]]'
    answer = client.post(MESSAGES, json=body(MESSAGES, "claude-sonnet-4-6-vertex", text))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert set(answer.headers) == ALWAYS | ANTHROPIC | LENGTH | {"retry-after"}
    assert answer.json()["error"] == {"type": "rate_limit_error", "message": "slow down"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"", "invalid_json"),
        (b"{}", "no_model"),
        (b'{"model": 5}', "no_model"),
        (b'{"model": ""}', "no_model"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_what_is_no_request(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, path: str, sent: bytes, code: str
) -> None:
    """A body that says nothing is 400 in the caller's dialect, with a row."""
    answer = client.post(path, content=sent)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    clean_of_internals(answer.text, clouds)
    row = gateway.row(answer)
    assert (row.status, row.error_type, row.http_response_status_code) == ("refused", code, 400)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (CHAT, {"model": "gpt-4.1"}),
        (CHAT, {"model": "gpt-4.1", "messages": "hello"}),
        (CHAT, {"model": "nova-lite", "messages": [{"role": "user", "content": {"a": 1}}]}),
        (CHAT, {"model": "gpt-4.1", "messages": []}),
        (MESSAGES, {"model": "claude-sonnet-4-6-vertex", "max_tokens": 5}),
        (MESSAGES, {"model": "claude-sonnet-4-6-bedrock", "messages": 5, "max_tokens": "x"}),
        (RESPONSES, {"model": "gpt-4.1"}),
        ("/v1/embeddings", {"model": "text-embedding-3-large"}),
        ("/v1/rerank", {"model": "cohere-rerank-3.5"}),
        ("/v1/audio/speech", {"model": "tts-1"}),
        ("/v1/images/generations", {"model": "gpt-image-2"}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_what_litellm_or_the_provider_refuses(
    client: httpx.Client, gateway: Gateway, clouds: Simulator, path: str, sent: dict[str, Any]
) -> None:
    """Whoever finds the fault, the answer is an error without internals, and there is a row."""
    answer = client.post(path, json=sent)
    assert answer.status_code >= 400, answer.text
    assert isinstance(answer.json()["error"]["message"], str)
    clean_of_internals(answer.text, clouds)
    assert gateway.row(answer).http_response_status_code == answer.status_code
