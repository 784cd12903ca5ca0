"""What is recorded: an exchange becomes one row, priced, on disk before its last byte leaves."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..callbacks import attempts as hooks
from ..lake.record import Attempt, Record, Status
from ..lake.spool import Spool, SpoolError
from ..pricing.cost import Cost, Unpriced, cost
from ..pricing.usage import Usage
from . import estimate, who_asks
from .exchange import Exchange
from .fleet import Fleet
from .readers import chat
from .readers.messages import TokenCount

log = logging.getLogger("sekisho.record")

# OpenTelemetry GenAI semantic conventions, `gen_ai.provider.name` (read 2026-11-21).
_PROVIDERS = {"bedrock": "aws.bedrock", "vertex": "gcp.vertex_ai", "azure": "azure.ai.openai"}
_FREE = Cost(Decimal(0), {})


class Recorder:
    """Writes the row of each exchange, exactly once."""

    def __init__(self, fleet: Fleet, spool: Spool, instance: str) -> None:
        """`instance` names this process in the rows."""
        self._fleet = fleet
        self._spool = spool
        self._instance = instance

    def write(self, exchange: Exchange) -> None:
        """Write the row. A full disk costs the row, with a loud line, never the request."""
        if exchange.recorded:
            return
        exchange.recorded = True
        try:
            self._spool.append(self.record_of(exchange))
        except SpoolError as error:
            log.critical("%s", error)

    def record_of(self, exchange: Exchange) -> Record:
        """The row of an exchange, as things stand."""
        return Record(
            request_id=exchange.request_id,
            start_time=exchange.started_at,
            status=status_of(exchange),
            gateway_instance=self._instance,
            **_times(exchange),
            **_who(exchange),
            **self._what(exchange),
            **self._usage(exchange),
            **_ending(exchange),
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
        now = time.monotonic()
        return answered | {
            "route": exchange.path,
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

    def _usage(self, exchange: Exchange) -> dict[str, Any]:
        usage, estimated = _usage_of(exchange)
        bill = self._bill(exchange, usage)
        priced = bill is not None
        fields: dict[str, Any] = {
            "billed_cost": bill.total if bill else None,
            "cost_breakdown": bill.breakdown if bill else {},
            "is_priced": priced,
            "price_version": self._fleet.price_version,
            "usage_is_estimated": estimated,
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
        return fields

    def _bill(self, exchange: Exchange, usage: Usage | None) -> Cost | None:
        """The cost in USD; None when there is no price for what was used."""
        if usage is None or not exchange.attempts.tried:
            return _FREE
        if isinstance(exchange.reader, TokenCount):
            return _FREE
        price = self._fleet.price(exchange.attempts.tried[-1].deployment_id)
        if price is None:
            return None
        tier = exchange.attempts.tier
        if usage.service_tier is None and tier in price.tiers:
            usage = replace(usage, service_tier=tier)  # the answer doesn't tell, see attempts
        try:
            return cost(price, usage)
        except Unpriced as error:
            log.error("request %s is recorded without a cost: %s", exchange.request_id, error)
            return None


def status_of(exchange: Exchange) -> Status:
    """How a request ended, in the lake's words."""
    failure = exchange.failure
    if failure is not None and failure.refused:
        return "refused"
    if exchange.client_gone:
        return "cancelled"
    if failure is not None:
        return "failure"
    reading = exchange.reader.reading if exchange.reader else None
    if reading is not None and (reading.failed or not exchange.complete):
        return "truncated"
    return "success"


def _usage_of(exchange: Exchange) -> tuple[Usage | None, bool]:
    """The usage to record, and whether it is our estimate; None when nothing was answered."""
    failed = exchange.failure is not None and not exchange.client_gone
    if exchange.reader is None or failed or not exchange.attempts.tried:
        return None, False
    reading = exchange.reader.reading
    if reading.ended and reading.usage is not None:
        return _with_tokens_of_speech(exchange, reading.usage), False
    return estimate.usage_of(exchange), True


def _with_tokens_of_speech(exchange: Exchange, usage: Usage) -> Usage:
    """Speech is sound alone: its tokens, where a model bills those, only LiteLLM has seen."""
    told = exchange.attempts.usage
    if exchange.route.operation != "speech" or told is None:
        return usage
    return (chat.usage_of(told.model_dump(), {}) or Usage()) + usage


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


def _who(exchange: Exchange) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "claimed_user": exchange.claimed_user,
        "trace_id": who_asks.trace(exchange.headers, exchange.request_id),
        "gen_ai_conversation_id": who_asks.conversation(exchange.headers, exchange.asked),
        "app": who_asks.app(exchange.headers),
        "client_address": exchange.client_address,
        "user_agent": exchange.headers.get("user-agent"),
    }
    identity = exchange.identity
    if identity is None:
        return fields
    fields |= {
        "api_key_id": identity.key_id,
        "api_key_alias": identity.alias,
        "api_key_kind": identity.kind,
        "owner": identity.owner,
        "team": identity.team,
    }
    if identity.kind == "frontend":
        return fields
    return fields | {
        "end_user_id": identity.owner or identity.alias,
        "end_user_email": identity.owner,
        "end_user_source": "key",
    }


def _ending(exchange: Exchange) -> dict[str, Any]:
    failure = exchange.failure
    reading = exchange.reader.reading if exchange.reader else None
    error: tuple[str | None, str | None] = (None, None)
    if failure is not None:
        error = (failure.code or failure.openai_type or str(failure.status), failure.message)
    elif reading is not None and reading.failed:
        error = (reading.error_type, reading.error_message)
    return {
        "http_response_status_code": exchange.status,
        "error_type": error[0],
        "error_message": error[1],
        "gen_ai_response_finish_reasons": reading.finish_reasons if reading else (),
    }


def _other_units(exchange: Exchange, usage: Usage) -> Mapping[str, Decimal]:
    units = {
        "images": Decimal(usage.images),
        "seconds": usage.seconds,
        "characters": Decimal(usage.characters),
        "queries": Decimal(usage.queries),
        "pages": Decimal(usage.pages),
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
