"""Requests and tokens per minute and requests at once: the `Meter` that each request passes."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute

from ..identity import Refusal
from ..policy import Scope
from . import refusals as rate_refusals
from .places import TROUBLE, FilePlace, Place, RedisPlace
from .sliding import Windows, wait
from .slots import Slot

log = logging.getLogger("sekisho.limits")

_ANY = 2**53  # as a limit, none; Redis counts in doubles
_PATIENCE = 1.0  # seconds that a request waits for a place before it goes to the next one
_MEND_SECONDS = 2.0  # between two tries of a place that was out of order

_T = TypeVar("_T")


class Meter:
    """Counts requests against the limits of their scopes, together with all other processes.

    It counts at the first of its places that works: Redis when there is one, this machine's file,
    and this process's memory, which never fails. A place that has failed is tried again every two
    seconds, by a task of its own, so that no request waits for it.
    """

    def __init__(
        self,
        places: Sequence[Place],
        process: str,
        item: Callable[[int], RateLimitItem] = RateLimitItemPerMinute,
    ) -> None:
        """`process` is this one's name, unlike any other's; `item` makes a limit of a number."""
        self._places = places
        self._process = process
        self._item = item
        self._level = 0
        self._held: dict[str, Sequence[Slot]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._mending: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, home: Path, redis_url: str, process: str) -> "Meter":
        """The gateway's meter; touches no disk and no network yet. `redis_url` may be empty.

        Raises KeysError.
        """
        places: list[Place] = [FilePlace(home / "limits.db"), FilePlace(None)]
        if redis_url:
            places.insert(0, RedisPlace(redis_url))
        return cls(places, process)

    @property
    def degraded(self) -> bool:
        """Whether fewer processes count together than should."""
        return self._level > 0

    async def enter(
        self, request_id: str, scopes: Sequence[Scope], tokens: int, now: datetime
    ) -> Refusal | None:
        """Let a request with a prompt of about `tokens` pass, or not; `now` is aware UTC.

        `request_id` is unique and made by the gateway. Who may pass must `leave`; who is refused
        or cancelled in here must not. A refused request holds no slots and has used no tokens,
        but it counts as a request wherever there was room for it.
        """
        limited = [s for s in scopes if s.limits.rpm or s.limits.tpm or s.limits.parallel]
        for scope in limited:
            if scope.limits.tpm is not None and tokens > scope.limits.tpm:
                return rate_refusals.prompt_too_large(scope, scope.limits.tpm, tokens)
        if not limited:
            return None
        try:
            return await self._somewhere(
                lambda place: self._enter(place, request_id, limited, tokens, now)
            )
        except BaseException:  # cancelled: Redis may or may not have given the slots
            self._begin(self.leave(request_id, (), 0))
            raise

    async def leave(self, request_id: str, scopes: Sequence[Scope], tokens: int) -> None:
        """End a request: free its slots, and count `tokens` that `enter` didn't. Never raises."""
        held = self._held.pop(request_id, ())
        counted = [s for s in scopes if s.limits.tpm is not None] if tokens > 0 else []
        if held or counted:
            await self._somewhere(
                lambda place: self._leave(place, request_id, held, counted, tokens)
            )

    async def beat(self) -> None:
        """Renew the slots of all requests that run here, every few seconds. Never raises."""
        await self._somewhere(self._renew)

    async def close(self) -> None:
        """Free what is still held, and close files and connections."""
        if self._mending is not None:
            self._mending.cancel()
        for request_id in list(self._held):
            self._begin(self.leave(request_id, (), 0))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for place in self._places:
            await place.close()

    async def _enter(
        self, place: Place, request_id: str, scopes: Sequence[Scope], tokens: int, now: datetime
    ) -> Refusal | None:
        full = await self._take_slots(place, request_id, scopes)
        if full is not None:
            return rate_refusals.too_many_at_once(full, full.limits.parallel or 0, now)
        refusal = await self._count(place, scopes, tokens, now)
        held = self._held.get(request_id)
        if refusal is not None and held:
            await place.slots.free(self._member(request_id), held)
            del self._held[request_id]
        return refusal

    async def _take_slots(
        self, place: Place, request_id: str, scopes: Sequence[Scope]
    ) -> Scope | None:
        """The scope that has no slot free, None when all are taken now."""
        limits = [(s, s.limits.parallel) for s in scopes if s.limits.parallel is not None]
        slots = [Slot(_counter(scope), limit) for scope, limit in limits]
        if not slots:
            return None
        self._held[request_id] = slots  # before: a cancelled request must find them
        full = await place.slots.take(self._member(request_id), slots)
        if full is None:
            return None
        del self._held[request_id]
        return limits[slots.index(full)][0]

    async def _count(
        self, place: Place, scopes: Sequence[Scope], tokens: int, now: datetime
    ) -> Refusal | None:
        """Count the request and its tokens, scope by scope, until one has no room."""
        counted: list[Scope] = []
        for scope in scopes:
            for rate in self._rates(scope, tokens):
                if not await place.limiter.hit(rate.item, *rate.names, cost=rate.cost):
                    await self._add_tokens(place, counted, -tokens)
                    return rate.refusal(await self._wait(place, rate), now)
            counted.append(scope)
        return None

    def _rates(self, scope: Scope, tokens: int) -> list["_Rate"]:
        rpm, tpm = scope.limits.rpm, scope.limits.tpm
        requests = [] if rpm is None else [_Rate("requests", scope, self._item(rpm), 1)]
        return requests if tpm is None else [*requests, self._by_tokens(scope, tpm, tokens)]

    def _by_tokens(self, scope: Scope, tpm: int, tokens: int) -> "_Rate":
        return _Rate("tokens", scope, self._item(tpm), tokens)

    async def _wait(self, place: Place, rate: "_Rate") -> float:
        seconds = rate.item.get_expiry()
        windows = Windows(*await place.windows.get_sliding_window(rate.key, seconds))
        return wait(windows, rate.item.amount, seconds, rate.cost)

    async def _add_tokens(self, place: Place, scopes: Sequence[Scope], tokens: int) -> None:
        """Count tokens where there is a limit for them, whether there is room or not."""
        for scope in scopes:
            if scope.limits.tpm is not None:
                rate = self._by_tokens(scope, scope.limits.tpm, tokens)
                await place.windows.acquire_sliding_window_entry(
                    rate.key, _ANY, rate.item.get_expiry(), tokens
                )

    async def _leave(
        self, place: Place, request_id: str, held: Sequence[Slot], scopes: Sequence[Scope], n: int
    ) -> None:
        if held:
            await place.slots.free(self._member(request_id), held)
        await self._add_tokens(place, scopes, n)

    async def _renew(self, place: Place) -> None:
        await place.tend()
        held = {self._member(request_id): slots for request_id, slots in self._held.items()}
        await place.slots.hold(held)
        # Who left meanwhile may have been put back.
        still = {self._member(request_id) for request_id in self._held}
        for member in held.keys() - still:
            await place.slots.free(member, held[member])

    async def _somewhere(self, ask: Callable[[Place], Awaitable[_T]]) -> _T:
        """Ask the first place that works."""
        while True:
            place = self._places[self._level]
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await ask(place)
            except TROUBLE as error:
                if place is self._places[-1]:
                    raise
                self._give_up(place, error)

    def _give_up(self, place: Place, error: Exception) -> None:
        if place is not self._places[self._level]:
            return  # another request was faster
        self._level += 1
        reason = str(error).partition("\n")[0] or type(error).__name__
        instead = self._places[self._level].name
        log.critical(
            "limits can't be counted in %s (%s); they are in %s, by %s",
            place.name,
            reason,
            instead,
            "each worker for itself" if instead == "memory" else "each machine for itself",
        )
        if self._mending is None or self._mending.done():
            self._mending = asyncio.get_running_loop().create_task(self._mend())

    async def _mend(self) -> None:
        """Bring the slots of running requests along, and go back as soon as a place works."""
        await self.beat()
        while self._level > 0:
            await asyncio.sleep(_MEND_SECONDS)
            for level in range(self._level):
                if await self._works(self._places[level]):
                    self._level = level
                    log.warning("limits are counted in %s again", self._places[level].name)
                    break

    async def _works(self, place: Place) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._renew(place)
        except TROUBLE:
            return False
        return True

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _member(self, request_id: str) -> str:
        return f"{self._process}/{request_id}"


class _Rate(NamedTuple):
    """What a request takes of one limit."""

    what: Literal["requests", "tokens"]
    scope: Scope
    item: RateLimitItem
    cost: int

    @property
    def names(self) -> tuple[str, str]:
        return self.what, _counter(self.scope)

    @property
    def key(self) -> str:
        return self.item.key_for(*self.names)

    def refusal(self, wait_seconds: float, now: datetime) -> Refusal:
        limit = self.item.amount
        if self.what == "requests":
            return rate_refusals.too_many_requests(self.scope, limit, wait_seconds, now)
        return rate_refusals.too_many_tokens(self.scope, limit, self.cost, wait_seconds, now)


def _counter(scope: Scope) -> str:
    """The name of a scope's counters; it tells nobody's address to who looks into Redis."""
    return hashlib.sha256(f"{scope.kind}:{scope.name}".encode()).hexdigest()[:32]
