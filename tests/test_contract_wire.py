"""What callbacks/wire.py relies on inside LiteLLM's HTTP client."""

import asyncio
import inspect
from typing import Any

import httpx
import pytest

from .installed import load
from .simulators import Simulator


def test_one_transport_for_all() -> None:
    """Both of LiteLLM's ways to an asynchronous client, its own and the SDK's, use one transport.

    `callbacks/wire.py` replaces its method by name.
    """
    transport = load("litellm.llms.custom_httpx.aiohttp_transport").LiteLLMAiohttpTransport
    assert list(inspect.signature(transport.handle_async_request).parameters) == ["self", "request"]
    own = load("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    sdk = load("litellm.llms.openai.common_utils").BaseOpenAILLM

    async def found() -> list[Any]:
        client = sdk._get_async_http_client()
        return [own.create_async_transport(), client._transport]

    assert [type(one) for one in asyncio.run(found())] == [transport, transport]


def test_what_is_heard(monkeypatch: pytest.MonkeyPatch, clouds: Simulator) -> None:
    """An answer's status, Retry-After and error body are noted, and LiteLLM can still read them."""
    transport = load("litellm.llms.custom_httpx.aiohttp_transport").LiteLLMAiohttpTransport
    # Put back what `install` replaces.
    monkeypatch.setattr(transport, "handle_async_request", transport.handle_async_request)
    load("sekisho.callbacks.wire").install()
    attempts = load("sekisho.callbacks.attempts")
    make = load("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler.create_async_transport

    async def ask() -> tuple[Any, bytes]:
        noted = attempts.Attempts()
        attempts.current.set(noted)
        said = '[[sim:status 429 retry_after=3 message="slow down"]]'
        body = {"messages": [{"role": "user", "content": said}]}
        url = f"{clouds.url}/openai/deployments/gpt-4.1/chat/completions"
        async with httpx.AsyncClient(transport=make()) as client:
            answer = await client.post(url, json=body)
            return noted.heard, answer.content

    heard, content = asyncio.run(ask())
    assert (heard.status, heard.retry_after, heard.lost) == (429, "3", None)
    assert heard.body == content
    assert b"slow down" in content
