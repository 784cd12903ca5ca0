"""How the Responses API tells of a failure in a stream: an `error` event, then `response.failed`.

OpenAI's SDKs look for the first, and Codex for the second.
"""

import time

import orjson

from .errors import Failure, told
from .exchange import Exchange

_FOR_CODEX = frozenset({"context_length_exceeded", "rate_limit_exceeded"})


def events(failure: Failure, exchange: Exchange) -> bytes:
    """The end of a stream that has begun."""
    inner = told(failure, "openai", exchange.request_id)
    outer = {"code": _code(failure), "message": failure.message, "param": None}
    error = {"type": "error", "sequence_number": 0, **outer, **inner}
    return b"event: error\ndata: " + orjson.dumps(error) + b"\n\n" + _failed(failure, exchange)


def for_codex(failure: Failure, exchange: Exchange) -> bytes | None:
    """The stream that Codex gets instead of some HTTP errors; None for other clients and errors.

    To an HTTP error Codex (openai/codex, `codex-api/src/api_bridge.rs`) reacts by ending the turn:
    a 429 is "exceeded retry limit" at once, and a prompt that is too long is an invalid request,
    which it neither compacts nor trims. In a `response.failed` (`sse/responses.rs` there) it waits
    for the one, as long as "try again in 2s" says, and answers the other by compacting.
    """
    asks = exchange.route.operation == "responses" and exchange.stream
    if not asks or failure.code not in _FOR_CODEX or not _is_codex(exchange):
        return None
    return _failed(failure, exchange)


def _failed(failure: Failure, exchange: Exchange) -> bytes:
    words = failure.message
    if failure.retry_after is not None and "try again in" not in words.lower():
        words = f"{words.rstrip('.')}. Please try again in {failure.retry_after}s."
    response = {
        "id": exchange.request_id.replace("req_", "resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "failed",
        "model": exchange.alias,
        "output": [],
        "error": {"code": _code(failure), "message": words},
        "usage": None,
    }
    event = {"type": "response.failed", "sequence_number": 1, "response": response}
    return b"event: response.failed\ndata: " + orjson.dumps(event) + b"\n\n"


def _code(failure: Failure) -> str:
    """The API's codes are names; most failures of a server are just `server_error`."""
    return failure.code or ("server_error" if failure.status >= 500 else "invalid_prompt")


def _is_codex(exchange: Exchange) -> bool:
    names = (exchange.headers.get("originator", ""), exchange.headers.get("user-agent", ""))
    return any(name.lower().startswith("codex") for name in names)
