"""What only LiteLLM knows of a request: which deployments it asked, and how each attempt ended."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from ..pricing.price import MOST_USD
from ..untyped import mapping, text


@dataclass(slots=True)
class Attempt:
    """One call of a deployment; times are `time.monotonic()` seconds."""

    deployment_id: str
    started: float
    ended: float | None = None
    status: int | None = None
    error_type: str | None = None
    retry_after: str | None = None


@dataclass(slots=True)
class Heard:
    """What a provider's server has answered to one call, in HTTP's own terms (see wire.py).

    `status` is None when no answer came. `body` is that of an error. `lost` tells how an answer
    broke off or didn't come: "timeout" or "connection". `close` ends an answer that still runs.
    """

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    lost: str | None = None
    close: Callable[[], Awaitable[None]] | None = None

    @property
    def refused(self) -> bool:
        """Whether the provider has answered with an error."""
        return self.status is not None and self.status >= 400


@dataclass(slots=True)
class Attempts:
    """The attempts of one request, in order; `usage` is the last answer's own usage object.

    `tier` is the service tier that the provider says it served, or else was asked for; `counted`
    the input tokens that Bedrock counts in a header (see lost_counts); `calls` are the last
    attempt's, of which there may be several (one for each text of some embeddings), or none;
    `told_usd` is what the answer itself says that it costs (`usage.cost`), as agents do;
    `names` the tool names that went upstream for others (see repairs/long_tool_names.py).
    """

    tried: list[Attempt] = field(default_factory=list[Attempt])
    usage: Any = None
    tier: str | None = None
    counted: int | None = None
    told_usd: Decimal | None = None
    calls: list[Heard] = field(default_factory=list[Heard])
    names: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def heard(self) -> Heard | None:
        """What was heard of the last call."""
        return self.calls[-1] if self.calls else None

    @property
    def failed(self) -> Heard | None:
        """The last call of the last attempt that has failed."""
        return next((call for call in reversed(self.calls) if call.refused or call.lost), None)

    def note_cost(self, response: Any) -> None:
        """Keep what an answer, or a piece of one, says that it costs."""
        told = _told_usd(response)
        self.told_usd = self.told_usd if told is None else told

    async def hang_up(self) -> None:
        """End answers that still come in, and with them the provider's work and its bill."""
        for call in self.calls:
            if call.close is not None:
                await call.close()


current: ContextVar[Attempts | None] = ContextVar("sekisho_attempts", default=None)


class AttemptLogger(CustomLogger):
    """Notes each attempt in the `Attempts` of the request that it belongs to.

    Without a gate there is none, and the logger does nothing.
    """

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: Any
    ) -> dict[str, Any] | None:
        """A deployment has been chosen and is about to be called."""
        attempts = current.get()
        deployment_id = _deployment_id(kwargs)
        if attempts is None or deployment_id is None:
            return None
        last = attempts.tried[-1] if attempts.tried else None
        # A request that LiteLLM translates (Messages to Chat) passes here twice for one call.
        if last is None or last.deployment_id != deployment_id or last.ended is not None:
            attempts.tried.append(Attempt(deployment_id, time.monotonic()))
            attempts.counted, attempts.told_usd, attempts.calls = None, None, []
        attempts.tier = text(kwargs.get("service_tier"))
        return None

    async def async_post_call_success_deployment_hook(
        self, request_data: dict[str, Any], response: Any, call_type: Any
    ) -> None:
        """A deployment has answered in full (not called for streams)."""
        attempts = current.get()
        if attempts is None:
            return
        attempts.usage = getattr(response, "usage", None) or attempts.usage
        attempts.note_cost(response)
        attempts.tier = _served_tier(response) or attempts.tier
        if attempts.counted is not None and attempts.usage is not None:
            attempts.usage.prompt_tokens = attempts.usage.total_tokens = attempts.counted
        if attempts.tried:
            attempts.tried[-1].ended = time.monotonic()
            attempts.tried[-1].status = 200

    async def async_post_call_streaming_deployment_hook(
        self, request_data: dict[str, Any], response_chunk: Any, call_type: Any
    ) -> None:
        """A stream has come to its last piece."""
        attempts = current.get()
        if attempts is not None:
            attempts.tier = _served_tier(response_chunk) or attempts.tier

    async def async_post_call_failure_deployment_hook(
        self,
        request_data: Mapping[str, Any],
        exception: Exception,
        call_type: Any,
        fallback_depth: int | None = None,
    ) -> None:
        """A deployment has failed; LiteLLM may try it again or try another."""
        attempts = current.get()
        if attempts is None or not attempts.tried:
            return
        last = attempts.tried[-1]
        last.ended = time.monotonic()
        last.error_type = type(exception).__name__
        heard = attempts.failed
        if heard is not None and heard.refused:
            last.status, last.retry_after = heard.status, heard.retry_after
        else:
            last.status = getattr(exception, "status_code", None)
            last.retry_after = _retry_after(exception)


def _served_tier(response: Any) -> str | None:
    """The service tier that a provider says it served: Gemini in `trafficType`, others plainly."""
    tier = text(getattr(response, "service_tier", None))
    hidden = mapping(getattr(response, "_hidden_params", None))
    traffic = text(mapping(hidden.get("provider_specific_fields")).get("traffic_type"))
    if tier or not traffic:
        return tier
    return next((name for name in ("priority", "flex") if name in traffic.lower()), "default")


def _told_usd(response: Any) -> Decimal | None:
    """USD that an answer says it costs; None when it says nothing that the log has room for."""
    cost: Any = getattr(getattr(response, "usage", None), "cost", None)
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    return Decimal(str(cost)) if 0 <= cost < MOST_USD else None


def _retry_after(exception: Exception) -> str | None:
    """The provider's Retry-After header, which LiteLLM does not pass on."""
    own: Any = getattr(exception, "litellm_response_headers", None)
    response: Any = getattr(getattr(exception, "response", None), "headers", None)
    for headers in (own, response):
        # httpx's headers, or a plain dictionary: both can be asked by name.
        found = headers.get("retry-after") if hasattr(headers, "get") else None
        if found:
            return str(found)
    return None


def _deployment_id(kwargs: Mapping[str, Any]) -> str | None:
    """The chosen deployment's id, from wherever this kind of call has it."""
    holders = (kwargs, mapping(kwargs.get("metadata")), mapping(kwargs.get("litellm_metadata")))
    found = (text(mapping(holder.get("model_info")).get("id")) for holder in holders)
    return next((one for one in found if one), None)


logger = AttemptLogger()
