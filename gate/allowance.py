"""What a request takes from its limits and budgets before it is sent, and gives back at its end."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..keys.budgets.ledger import Ledger, Reservation
from ..keys.budgets.windows import usd
from ..keys.identity import Refusal
from ..keys.policy import Policy
from ..keys.rates.meter import Meter
from ..lake.record import Record
from . import errors
from .admitted import Admitted
from .exchange import Exchange
from .fleet import Fleet
from .worst_case.cost import most, prompt_tokens
from .worst_case.talk import limited


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits of a request's key, user, team and gateway, and the counters that they are about.

    Decides nothing: `policy` says whose limits hold, `meter` and `ledger` whether there is room.
    `max_tokens` is how long an answer may be that counts against a budget and has no limit of its
    own; 0 leaves it to the model.
    """

    policy: Policy
    meter: Meter
    ledger: Ledger
    fleet: Fleet
    max_tokens: int
    _ending: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    async def take(self, exchange: Exchange, admitted: Admitted) -> None:
        """Count the request, and hold what it can cost at most. Raises Failure."""
        assert exchange.identity is not None
        whose = self.policy.scopes(exchange.identity, exchange.end_user.id)
        # A tool's name may be like an agent's.
        agents = self.fleet.scopes(exchange.alias) if exchange.mcp is None else ()
        scopes = (*whose, *agents)
        free = exchange.route.free
        by_tokens = not free and any(scope.limits.tpm for scope in scopes)
        tokens = prompt_tokens(exchange.asked, admitted.upload) if by_tokens else 0
        now = exchange.started_at
        refusal = await self.meter.enter(exchange.request_id, scopes, tokens, now)
        if refusal is not None:
            raise errors.of_refusal(refusal)
        exchange.scopes, exchange.counted_tokens = scopes, tokens
        if free:
            return
        worst = Decimal(0)
        if any(scope.limits.budgets for scope in scopes):
            worst = self._worst(exchange, admitted)
        held = await self.ledger.reserve(exchange.request_id, scopes, worst, now)
        if isinstance(held, Refusal):
            raise errors.of_refusal(held)
        exchange.reservation = held

    def _worst(self, exchange: Exchange, admitted: Admitted) -> Decimal:
        """What the request can cost at most, in USD; what has no price can't be held."""
        assert exchange.alias is not None
        choices = self.fleet.choices(exchange.alias)
        asked: Mapping[str, Any] = exchange.asked
        limit = self._limit(exchange)
        if limit and admitted.fields is not None:
            admitted.fields.update(limit)
            asked = {**asked, **limit}
        operation, upload = exchange.route.operation, admitted.upload
        return most(operation, asked, upload, choices, pictures=admitted.pictures) or Decimal(0)

    def _limit(self, exchange: Exchange) -> dict[str, Any]:
        """The limit that an answer without one gets: else it would hold what the largest costs."""
        if not self.max_tokens:
            return {}
        assert exchange.alias is not None
        choices = self.fleet.choices(exchange.alias)
        known = [one.model_info.get("max_output_tokens") for one, _ in choices]
        largest = [int(tokens) for tokens in known if tokens]
        if not largest:
            return {}
        tokens = min(self.max_tokens, *largest)
        return limited(exchange.route.operation, exchange.asked, tokens)

    async def settle(self, exchange: Exchange, record: Record) -> None:
        """Put the true cost in the place of what was held: before the row, so that no row's cost
        is missing from a budget.
        """
        if exchange.reservation is not None:
            await self.ledger.settle(exchange.reservation, _cost(exchange.reservation, record))

    async def leave(self, exchange: Exchange, record: Record) -> None:
        """Make room for the next request."""
        scopes, exchange.scopes = exchange.scopes, ()
        if scopes:
            used = record.gen_ai_usage_input_tokens or 0, record.gen_ai_usage_output_tokens or 0
            more = max(sum(used) - exchange.counted_tokens, 0)
            await self.meter.leave(exchange.request_id, scopes, more)

    def abandon(self, exchange: Exchange, record: Record) -> None:
        """Settle and leave for a request whose task is being cancelled: nothing can be awaited."""
        if exchange.reservation is not None:
            self.ledger.defer(exchange.reservation, _cost(exchange.reservation, record))
        self._begin(self.leave(exchange, record))

    async def finish(self, end: Coroutine[None, None, None]) -> None:
        """Await the end of a request, which goes on if the one who waits for it is cancelled."""
        await asyncio.shield(self._begin(end))

    async def close(self) -> None:
        """Wait until every request that has ended has left."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _begin(self, end: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(end)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task


def _cost(held: Reservation, record: Record) -> Decimal:
    """What counts, in USD. An answer whose cost nobody knows counts as what was held for it: else
    it would be free without end.
    """
    return usd(held.amount) if record.billed_cost is None else record.billed_cost
