"""A client that goes away: its request is given up, and with it the provider's work and bill."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from starlette.types import Receive

from .exchange import Exchange

# What LiteLLM gets to put things in order before the provider's answer is closed under its hands.
_GRACE_SECONDS = 0.5


async def while_there(work: Awaitable[None], receive: Receive, exchange: Exchange) -> None:
    """Run LiteLLM's handler to its end, or until the client goes away.

    LiteLLM watches for that, too, on some routes and in some phases of a request. Here it is one
    way for all: the task that works for the client is cancelled, and an answer that still comes in
    is closed. One that is complete, and only has to be written down, is left to its end.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_departure(receive, exchange))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if exchange.closed:
            await asyncio.wait((working,))
    finally:
        leaving.cancel()
        given_up = not working.done()
        if given_up:
            await _give_up(working, exchange)
    if not given_up:
        await working  # raises what it has raised


async def _give_up(working: "asyncio.Future[None]", exchange: Exchange) -> None:
    working.cancel()
    await asyncio.wait((working,), timeout=_GRACE_SECONDS)
    await exchange.attempts.hang_up()
    with suppress(asyncio.CancelledError, Exception):
        await working


async def _departure(receive: Receive, exchange: Exchange) -> None:
    """Wait until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    if not exchange.complete:
        exchange.client_gone = True
