"""Repair: what a provider's server answered, noted where LiteLLM's HTTP client reads it.

LiteLLM 1.106.2 tells the gate of a failure in words and in a status of its own, made from the words
of the exception (any text with "403" in it becomes 403, Bedrock's 500 becomes 503, its 429 becomes
500 on the Gemini API), and drops Retry-After. So the status, the Retry-After and the error body of
each answer are noted here, before LiteLLM has read them, in the `Attempts` of the request that
they belong to; gate/error_provider.py tells the caller what they say.

It also keeps hold of the answer, so that the gate can end it when the client has gone.

tests/test_gateway_error_map.py shows that it is needed and works, tests/test_contract_wire.py what
it takes for granted.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import httpx
from litellm.llms.custom_httpx.aiohttp_transport import LiteLLMAiohttpTransport

from .attempts import Heard, current

_Handle = Callable[[Any, httpx.Request], Awaitable[httpx.Response]]


def install() -> None:
    """Put it around the transport that all of LiteLLM's asynchronous clients use."""
    handle: Any = LiteLLMAiohttpTransport.handle_async_request
    setattr(LiteLLMAiohttpTransport, "handle_async_request", _noted(handle))  # noqa: B010


def _noted(handle: _Handle) -> _Handle:
    async def handle_async_request(self: Any, request: httpx.Request) -> httpx.Response:
        attempts = current.get()
        # Models are asked with POST; a GET fetches a picture that the request names.
        if attempts is None or request.method != "POST":
            return await handle(self, request)
        heard = Heard()
        attempts.calls.append(heard)
        try:
            response = await handle(self, request)
        except httpx.TransportError as error:
            heard.lost = _how(error)
            raise
        heard.status = response.status_code
        heard.retry_after = response.headers.get("retry-after")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Heard(response.stream, heard)
        if response.status_code >= 400:
            heard.body = await response.aread()  # LiteLLM reads it again, from memory
        else:
            heard.close = response.stream.aclose
        return response

    return handle_async_request


class _Heard(httpx.AsyncByteStream):
    """The bytes of an answer, with a note when they break off."""

    def __init__(self, stream: httpx.AsyncByteStream, heard: Heard) -> None:
        self._stream = stream
        self._heard = heard

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        try:
            async for piece in self._stream:
                yield piece
        except httpx.TransportError as error:
            self._heard.lost = _how(error)
            raise

    async def aclose(self) -> None:
        """End the answer: its connection is closed unless it has come to its end."""
        self._heard.close = None
        await self._stream.aclose()


def _how(error: httpx.TransportError) -> str:
    """How an answer was lost: the provider was silent for too long, or the connection broke."""
    return "timeout" if isinstance(error, httpx.TimeoutException) else "connection"
