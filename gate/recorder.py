"""What is recorded: an exchange becomes one row, priced, on disk before its last byte leaves.

Before LiteLLM is asked the beginning of the row is on disk, for a gateway that dies meanwhile.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..callbacks import attempts as hooks
from ..lake.bodies.body import Body
from ..lake.record import Attempt, Record
from ..lake.spool.beginning import Beginning
from ..lake.spool.log import Log
from ..pricing.cost import Cost, Unpriced, cost
from ..pricing.price import STANDARD_TIERS, Price
from ..pricing.usage import QUANTITIES, Usage
from . import who_asks
from .exchange import Exchange
from .fleet import Fleet
from .outcome import Outcome, outcome
from .payload import body_of
from .readers.messages import TokenCount
from .surface import template

log = logging.getLogger("sekisho.record")

# OpenTelemetry GenAI semantic conventions, `gen_ai.provider.name` (read 2026-11-21).
_PROVIDERS = {"bedrock": "aws.bedrock", "vertex": "gcp.vertex_ai", "azure": "azure.ai.openai"}
_FREE = Cost(Decimal(0), {})


class Recorder:
    """Makes the row of each exchange, and writes it."""

    def __init__(self, fleet: Fleet, to: Log, instance: str) -> None:
        """`instance` names this process in the rows."""
        self._fleet = fleet
        self._log = to
        self._instance = instance

    def begin(self, exchange: Exchange) -> None:
        """Write down that a request is about to be sent: its row, should the gateway die now."""
        try:
            exchange.begun = self._log.begin(self._beginning(exchange))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the request
            log.critical(
                "request %s: its beginning is not written: %s",
                exchange.request_id,
                type(error).__name__,
            )

    def row(self, exchange: Exchange) -> Record:
        """The row of an exchange, as things stand: there is always one."""
        try:
            return self._row(exchange)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the row
            log.critical(
                "request %s: its row is incomplete: %s", exchange.request_id, type(error).__name__
            )
            return self._bare(exchange)

    def cost(self, exchange: Exchange) -> Decimal | None:
        """What an answer costs, in USD, by the usage that it has told so far; None: not known."""
        told = exchange.reader.reading.usage if exchange.reader else None
        try:
            usage = self._as_billed(exchange, self._with_tier(exchange, told))
            bill = self._priced(exchange, usage)
        except Unpriced:
            return None
        return bill.total if bill else None

    def write(self, exchange: Exchange, record: Record) -> None:
        """Bring to disk what was said and then the row. A disk that can't be written is loud, but
        never costs the request.
        """
        self._log.end(record, self._body(exchange), exchange.begun)

    def _body(self, exchange: Exchange) -> Body | None:
        try:
            return body_of(exchange)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the row
            log.critical(
                "request %s: what was said is not logged: %s",
                exchange.request_id,
                type(error).__name__,
            )
            return None

    def _beginning(self, exchange: Exchange) -> Beginning:
        exchange.who = who_asks.columns(exchange)
        known = {
            "route": template(exchange.path),
            "gen_ai_operation_name": exchange.route.operation,
            "gen_ai_request_model": exchange.alias,
            "gen_ai_request_stream": exchange.stream,
            "gateway_instance": self._instance,
            **exchange.who,
        }
        return Beginning(exchange.request_id, exchange.started_at, known)

    def _row(self, exchange: Exchange) -> Record:
        end = outcome(exchange)
        return Record(
            request_id=exchange.request_id,
            start_time=exchange.started_at,
            status=end.status,
            error_type=end.error_type,
            error_message=end.error_message,
            http_response_status_code=exchange.status,
            gateway_instance=self._instance,
            **_times(exchange),
            **(exchange.who or who_asks.columns(exchange)),
            **self._what(exchange),
            **self._usage(exchange, end),
        )

    def _bare(self, exchange: Exchange) -> Record:
        """The least that can be said of a request: who, what, when; its cost is unknown."""
        identity = exchange.identity
        return Record(
            request_id=exchange.request_id,
            start_time=exchange.started_at,
            end_time=datetime.now(UTC),
            status="truncated" if exchange.passed else "failure",
            error_type="row_incomplete",
            http_response_status_code=exchange.status,
            route=template(exchange.path),
            gen_ai_operation_name=exchange.route.operation,
            gen_ai_request_model=exchange.alias,
            api_key_id=identity.key_id if identity else None,
            api_key_alias=identity.alias if identity else None,
            owner=identity.owner if identity else None,
            team=identity.team if identity else None,
            end_user_id=exchange.end_user.id,
            end_user_email=exchange.end_user.email,
            end_user_name=exchange.end_user.name,
            end_user_source=exchange.end_user.source,
            gateway_instance=self._instance,
        )

    def _what(self, exchange: Exchange) -> dict[str, Any]:
        tried = exchange.attempts.tried
        deployment = self._fleet.deployment(tried[-1].deployment_id) if tried else None
        answered: dict[str, Any] = {}
        if deployment is not None:
            answered = {
                "gen_ai_provider_name": _PROVIDERS.get(deployment.cloud, deployment.cloud),
                "gen_ai_response_model": deployment.model,
                "deployment_id": deployment.id,
            }
        if exchange.mcp is not None and tried:
            answered = {
                "gen_ai_provider_name": "mcp",
                "gen_ai_response_model": exchange.mcp.name,
                "deployment_id": exchange.mcp.server,
            }
        now = time.monotonic()
        return answered | {
            "route": template(exchange.path),
            "gen_ai_operation_name": exchange.route.operation,
            "gen_ai_request_model": exchange.alias,
            "gen_ai_request_stream": exchange.stream,
            "attempts": tuple(self._attempt(attempt, now) for attempt in tried),
        }

    def _attempt(self, attempt: hooks.Attempt, now: float) -> Attempt:
        deployment = self._fleet.deployment(attempt.deployment_id)
        return Attempt(
            deployment_id=attempt.deployment_id,
            provider=deployment.cloud if deployment else None,
            model=deployment.model if deployment else None,
            http_response_status_code=attempt.status,
            error_type=attempt.error_type,
            duration_ms=_ms((attempt.ended or now) - attempt.started),
        )

    def _usage(self, exchange: Exchange, end: Outcome) -> dict[str, Any]:
        usage = self._with_tier(exchange, end.usage)
        usage = self._as_billed(exchange, usage) if end.answered else usage
        bill = self._bill(exchange, end, usage)
        reading = exchange.reader.reading if exchange.reader else None
        fields: dict[str, Any] = {
            "billed_cost": bill.total if bill else None,
            "cost_breakdown": bill.breakdown if bill else {},
            "is_priced": bill is not None,
            "price_version": self._fleet.price_version,
            "usage_is_estimated": end.estimated,
            "gen_ai_response_finish_reasons": reading.finish_reasons if reading else (),
        }
        if usage is not None:
            written = usage.cache_write_5m_input_tokens + usage.cache_write_1h_input_tokens
            fields |= {
                "gen_ai_usage_input_tokens": usage.input_tokens,
                "gen_ai_usage_output_tokens": usage.output_tokens,
                "gen_ai_usage_cache_read_input_tokens": usage.cache_read_input_tokens,
                "gen_ai_usage_cache_creation_input_tokens": written,
                "gen_ai_usage_reasoning_output_tokens": usage.reasoning_output_tokens,
                "other_units": _other_units(exchange, usage),
            }
            if bill is not None and bill is not _FREE:
                tier = usage.service_tier
                fields["service_tier"] = "standard" if tier in STANDARD_TIERS else tier
        return fields

    def _with_tier(self, exchange: Exchange, usage: Usage | None) -> Usage | None:
        """The usage with the service tier that has a price of its own, if the answer tells none."""
        price = self._price(exchange)
        tier = exchange.attempts.tier
        if usage is None or price is None or usage.service_tier or tier not in price.tiers:
            return usage
        return replace(usage, service_tier=tier)

    def _as_billed(self, exchange: Exchange, usage: Usage | None) -> Usage | None:
        """The usage of an answer with what only an agent's price is about: the answer as such, or
        its cost as the agent tells it.
        """
        price = self._price(exchange)
        units = price.units if price is not None else ()
        if "request" in units:
            return replace(usage or Usage(), requests=1)
        told = exchange.attempts.told_usd
        if "passed_through" in units and told is not None:
            return replace(usage or Usage(), told_usd=told)
        return usage

    def _price(self, exchange: Exchange) -> Price | None:
        tried = exchange.attempts.tried
        return self._fleet.price(tried[-1].deployment_id) if tried else None

    def _bill(self, exchange: Exchange, end: Outcome, usage: Usage | None) -> Cost | None:
        """The cost in USD; None, never 0, when something was used that can't be priced."""
        if exchange.route.free or not end.answered:
            return _FREE
        try:
            bill = self._priced(exchange, usage)
        except Unpriced as error:
            log.error("request %s is recorded without a cost: %s", exchange.request_id, error)
            return None
        if bill is None:
            log.error("request %s is recorded without a cost", exchange.request_id)
        return bill

    def _priced(self, exchange: Exchange, usage: Usage | None) -> Cost | None:
        """The cost in USD; None when nothing was told, or has no price. Raises Unpriced."""
        price = self._price(exchange)
        if usage is None or price is None or not any(getattr(usage, n) for n in QUANTITIES):
            return None
        if "passed_through" in price.units and exchange.attempts.told_usd == 0:
            return _FREE  # said so, which isn't the same as saying nothing
        return cost(price, usage)


def _times(exchange: Exchange) -> dict[str, Any]:
    now = time.monotonic()
    tried = exchange.attempts.tried
    called = tried[0].started if tried else now
    first = exchange.first_token
    return {
        "end_time": datetime.now(UTC),
        "duration_ms": _ms(now - exchange.started),
        "time_to_first_token_ms": _ms(first - exchange.started) if first else None,
        "gateway_overhead_ms": _ms(called - exchange.started),
    }


def _other_units(exchange: Exchange, usage: Usage) -> Mapping[str, Decimal]:
    units = {
        "images": Decimal(usage.images),
        "seconds": usage.seconds,
        "characters": Decimal(usage.characters),
        "queries": Decimal(usage.queries),
        "pages": Decimal(usage.pages),
        "requests": Decimal(usage.requests),
        "audio_input_tokens": Decimal(usage.audio_input_tokens),
        "audio_output_tokens": Decimal(usage.audio_output_tokens),
        "image_input_tokens": Decimal(usage.image_input_tokens),
        "image_output_tokens": Decimal(usage.image_output_tokens),
        "cache_write_1h_tokens": Decimal(usage.cache_write_1h_input_tokens),
    }
    if isinstance(exchange.reader, TokenCount):
        units["counted_tokens"] = Decimal(exchange.reader.counted)
    return {name: value for name, value in units.items() if value}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
