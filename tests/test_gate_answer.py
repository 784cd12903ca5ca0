"""The way back: what is held, what is let go, and how a stream ends that fails."""

import asyncio
import json
from typing import Any

import pytest
from sekisho.callbacks.attempts import Attempt, Heard
from sekisho.gate import answer as way_back
from sekisho.gate import surface
from sekisho.gate.answer import Answer
from sekisho.gate.errors import Failure
from sekisho.gate.exchange import Exchange
from sekisho.gate.readers.select import reader_for

Json = dict[str, Any]

ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
WORD = b'data: {"choices":[{"delta":{"content":"four"}}]}\n\n'
ERROR = b'data: {"error":{"message":"it broke","type":"None","code":"424"}}\n\n'
DONE = b"data: [DONE]\n\n"


class House:
    """One answer on its way, and what has left of it."""

    def __init__(self, path: str = "/v1/chat/completions", **headers: str) -> None:
        route = surface.find("POST", path)
        assert route is not None
        self.exchange = Exchange(route, path, headers, None, request_id="req_1")
        self.exchange.asked = {"model": "m", "stream": True}
        self.exchange.alias = "m"
        self.exchange.attempts.tried.append(Attempt("m@custom", 0.0))
        self.exchange.attempts.calls.append(Heard(200))
        self.exchange.reader = reader_for(route, self.exchange.asked)
        self.sent: list[Any] = []
        self.answer = Answer(self.exchange, self._send, self._close)

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    async def _close(self, exchange: Exchange) -> None:
        exchange.closed = True

    def stream(self, *pieces: bytes) -> "House":
        """The same, after LiteLLM has sent these pieces of a stream; an empty one is its end."""

        async def send() -> None:
            kind = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await self.answer.send({"type": "http.response.start", "status": 200, "headers": kind})
            for piece in pieces:
                message = {"body": piece, "more_body": bool(piece)}
                await self.answer.send({"type": "http.response.body", **message})

        asyncio.run(send())
        return self

    @property
    def status(self) -> int | None:
        """The HTTP status that has left, if one has."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        """All bytes that have left."""
        return b"".join(message.get("body", b"") for message in self.sent)


def test_a_stream_waits_for_its_content() -> None:
    """Nothing leaves before the first piece of content; then all of it does."""
    house = House().stream(ROLE)
    assert house.sent == []
    house = House().stream(ROLE, WORD)
    assert (house.status, house.body) == (200, ROLE + WORD)


def test_an_error_before_the_content() -> None:
    """A stream that fails before its content is an HTTP error with the true status."""
    house = House().stream(ROLE, ERROR, DONE, b"")
    assert house.status == 500
    error = {"message": "it broke", "type": "server_error", "param": None, "code": None}
    assert json.loads(house.body) == {"error": error}
    assert house.exchange.closed


def test_an_error_after_the_content() -> None:
    """It is the stream's last event, with what came before it, whatever LiteLLM sends behind it."""
    house = House().stream(ROLE, WORD + ERROR + WORD, DONE, b"")
    last = b'data: {"error":{"message":"it broke","type":"server_error","param":null,"code":null}}'
    assert (house.status, house.body) == (200, ROLE + WORD + last + b"\n\n")
    assert house.sent[-1].get("more_body", False) is False


def test_an_error_of_the_responses_api() -> None:
    """It is told twice, in OpenAI's form: SDKs look for `error`, Codex for `response.failed`."""
    item = b'data: {"type":"response.output_text.delta","delta":"four"}\n\n'
    broke = {"code": "invalid_request_error", "message": "it broke"}
    failed = {"type": "response.failed", "response": {"status": "failed", "error": broke}}
    house = House("/v1/responses").stream(item, b"data: " + json.dumps(failed).encode() + b"\n\n")
    _, error, last, _ = house.body.split(b"\n\n")
    assert error.startswith(b'event: error\ndata: {"type":"error","sequence_number":0,')
    told = json.loads(error.partition(b"data: ")[2])
    assert (told["code"], told["message"]) == ("server_error", "it broke")
    assert told["error"]["type"] == "server_error"
    assert last.startswith(b'event: response.failed\ndata: {"type":"response.failed",')
    response = json.loads(last.partition(b"data: ")[2])["response"]
    assert response["error"] == {"code": "server_error", "message": "it broke"}


def test_a_stream_that_just_stops() -> None:
    """A stream that ends without its last event ends with an error."""
    house = House().stream(WORD, b"")
    assert house.body.startswith(WORD)
    error = json.loads(house.body.removeprefix(WORD).removeprefix(b"data: "))["error"]
    assert (error["message"], error["code"]) == ("The provider's answer was cut off.", "cut_off")


def test_a_whole_stream() -> None:
    """A stream that comes to its end is passed on unchanged, and its row is closed."""
    house = House().stream(ROLE, WORD, DONE, b"")
    assert (house.status, house.body) == (200, ROLE + WORD + DONE)
    assert (house.exchange.closed, house.exchange.complete) == (True, True)
    assert house.exchange.failure is None


def test_a_stream_without_content() -> None:
    """An answer that says nothing is passed on, too."""
    house = House().stream(ROLE, DONE, b"")
    assert (house.status, house.body) == (200, ROLE + DONE)


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has waited for too long, or is too much, is let go."""
    monkeypatch.setattr(way_back, "_HOLD_SECONDS", 0.0)
    assert House().stream(ROLE).body == ROLE
    monkeypatch.undo()
    assert len(House().stream(*[ROLE] * 2000).body) == len(ROLE) * 2000


TOO_LONG = Failure(400, "prompt is too long", "context_length_exceeded", refused=False)
SLOW_DOWN = Failure(429, "Slow down.", "rate_limit_exceeded", retry_after="7", refused=False)
CODEX = {"user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}


@pytest.mark.parametrize(
    ("failure", "words"),
    [(TOO_LONG, "prompt is too long"), (SLOW_DOWN, "Slow down. Please try again in 7s.")],
)
def test_what_codex_understands(failure: Failure, words: str) -> None:
    """Codex gets these inside a stream, and everybody else as an HTTP error."""
    house = House("/v1/responses", **CODEX)
    asyncio.run(house.answer.fail(failure))
    assert house.status == 200
    name, _, data = house.body.partition(b"\ndata: ")
    assert name == b"event: response.failed"
    event = json.loads(data)
    assert (event["type"], event["response"]["status"]) == ("response.failed", "failed")
    assert event["response"]["error"] == {"code": failure.code, "message": words}
    other = House("/v1/responses")
    asyncio.run(other.answer.fail(failure))
    assert other.status == failure.status


def test_what_codex_takes_as_an_error() -> None:
    """Other failures are HTTP errors for Codex as well."""
    house = House("/v1/responses", **CODEX)
    asyncio.run(house.answer.fail(Failure(500, "boom", refused=False)))
    assert house.status == 500
