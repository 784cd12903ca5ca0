"""One request, one row: `Record`. Its way to a line of JSON and back is `codec`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .columns import SCHEMA_VERSION

Status = Literal["success", "failure", "refused", "cancelled", "truncated", "interrupted"]
PayloadLogged = Literal["full", "hash", "none", "shed"]
EndUserSource = Literal["key", "jwt", "header", "slack", "none"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One call to a provider within a request; `duration_ms` in milliseconds."""

    deployment_id: str | None = None
    provider: str | None = None
    model: str | None = None
    http_response_status_code: int | None = None
    error_type: str | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of `llm_usage`; `columns.COLUMNS` says what each field means and in which unit.

    Times are aware UTC. None is "not known" or "does not apply", never 0. A request that cost
    nothing (refused, failed before a provider) has `billed_cost=Decimal(0), is_priced=True`; one
    that has no price has `billed_cost=None, is_priced=False`, which is also the default.
    """

    request_id: str
    trace_id: str | None = None
    gen_ai_conversation_id: str | None = None
    start_time: datetime
    end_time: datetime | None = None
    duration_ms: float | None = None
    time_to_first_token_ms: float | None = None
    gateway_overhead_ms: float | None = None
    route: str | None = None
    gen_ai_operation_name: str | None = None
    gen_ai_provider_name: str | None = None
    gen_ai_request_model: str | None = None
    gen_ai_response_model: str | None = None
    gen_ai_request_stream: bool | None = None
    deployment_id: str | None = None
    attempts: tuple[Attempt, ...] = ()
    api_key_id: str | None = None
    api_key_alias: str | None = None
    api_key_kind: str | None = None
    owner: str | None = None
    team: str | None = None
    end_user_id: str | None = None
    end_user_email: str | None = None
    end_user_name: str | None = None
    end_user_source: EndUserSource = "none"
    claimed_user: str | None = None
    app: str | None = None
    task: str | None = None
    chat_id: str | None = None
    message_id: str | None = None
    tags: tuple[str, ...] = ()
    gen_ai_usage_input_tokens: int | None = None
    gen_ai_usage_output_tokens: int | None = None
    gen_ai_usage_cache_read_input_tokens: int | None = None
    gen_ai_usage_cache_creation_input_tokens: int | None = None
    gen_ai_usage_reasoning_output_tokens: int | None = None
    other_units: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    billed_cost: Decimal | None = None
    billing_currency: str = "USD"
    is_priced: bool = False
    cost_breakdown: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    price_version: str | None = None
    status: Status
    http_response_status_code: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    gen_ai_response_finish_reasons: tuple[str, ...] = ()
    gateway_cache_hit: bool | None = None
    client_address: str | None = None
    user_agent: str | None = None
    gateway_instance: str | None = None
    schema_version: int = SCHEMA_VERSION
    usage_is_estimated: bool = False
    payload_logged: PayloadLogged | None = None
    batch_id: str | None = None
    original_billed_cost: Decimal | None = None
    restated_at: datetime | None = None
    restated_reason: str | None = None
    service_tier: str | None = None
