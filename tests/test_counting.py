"""Which counts of LiteLLM's are believed, and that none of its failures reaches a client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sekisho.gate import counting
from starlette.requests import Request
from starlette.responses import JSONResponse

Json = dict[str, Any]
Handler = Callable[..., Awaitable[Any]]
HELLO: Json = {"model": "a", "messages": [{"role": "user", "content": "hello"}]}
OURS = {"input_tokens": 17, "estimated": True}


def _answering(answer: Any) -> Handler:
    async def handler(request: Request) -> Any:
        return answer

    return handler


async def _failing(request: Request) -> Any:
    raise ModuleNotFoundError("No module named 'google.genai'")


async def _silent(request: Request) -> Any:
    await asyncio.Event().wait()


def _asked(handler: Handler, body: Json, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the handler answers with our estimate behind it, for a model of OpenAI's."""
    monkeypatch.setattr(counting, "models_of", lambda _: ["azure/gpt-5.5"])
    monkeypatch.setattr(counting, "PATIENCE_SECONDS", 0.05)
    request = Request({"type": "http", "parsed_body": (tuple(body), body)})
    return asyncio.run(_run(counting.or_estimated(handler), request))


async def _run(handler: Handler, request: Request) -> Any:
    return await handler(request=request)


@pytest.mark.parametrize("source", ["provider", "token_count_model"])
def test_a_provider_is_believed(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count of a provider's is passed on, without LiteLLM's words about it."""
    told = {"input_tokens": 5, "litellm_count_source": source, "litellm_count_model": "x"}
    assert _asked(_answering(told), HELLO, monkeypatch) == {"input_tokens": 5}


@pytest.mark.parametrize(
    "handler",
    [
        _answering({"input_tokens": 5, "litellm_count_source": "local_estimate"}),
        _answering({"input_tokens": 0, "litellm_count_source": "provider"}),
        _answering({"input_tokens": 5}),
        _answering(JSONResponse({"error": {"message": "no"}}, 500)),
        _answering(JSONResponse({"error": {"message": "no"}}, 403)),
        _failing,
        _silent,
    ],
    ids=["its own estimate", "nothing", "unsaid", "500", "403", "an exception", "silence"],
)
def test_nobody_else_is(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else happens, the answer is an estimate that says so."""
    assert _asked(handler, HELLO, monkeypatch) == OURS


def test_googles_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count for Google's API has Google's name."""
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    assert _asked(_failing, body, monkeypatch) == {"totalTokens": 17, "estimated": True}


def test_a_request_with_nothing_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM says itself what is missing."""
    refusal = JSONResponse({"error": {"message": "messages parameter is required"}}, 400)
    assert _asked(_answering(refusal), {"model": "a", "messages": []}, monkeypatch) is refusal
