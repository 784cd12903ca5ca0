"""The loggers that are compared, behind one interface: what each does with a finished request."""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import orjson
from sekisho.lake.record import Attempt, Record
from sekisho.lake.spool.beginning import Beginning

from .requests import Made

IDLE, SEKISHO = "idle", "sekisho"
S3_V2, S3_V2_FILES = "s3_v2", "s3_v2 batch-file"
LITELLM = (S3_V2, S3_V2_FILES)


@dataclass(frozen=True, slots=True)
class Place:
    """Where logs go: a folder on this machine's disk, and a prefix of a bucket."""

    folder: str
    url: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: str
    region: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A request that has ended, with all that a gateway knows of it then, made by it anyway."""

    made: Made
    start: datetime
    asked: Any
    beginning: Beginning
    row: Record
    payload: Mapping[str, Any]


class Logger(Protocol):
    """What the request process does for each request, and at its end."""

    async def log(self, ended: Ended) -> None:
        """Log a request; when it returns, the client may have its last byte."""
        ...

    async def end(self) -> None:
        """Bring everything to where it survives the process."""
        ...


def logger(kind: str, place: Place) -> Logger:
    """A logger of a kind, in a running event loop."""
    if kind in LITELLM:
        return _S3V2(place, files=kind == S3_V2_FILES)
    return _Sekisho(place) if kind == SEKISHO else _Idle()


def ended(made: Made, days_ago: int) -> Ended:
    """A request that ends now, or some days ago.

    Whatever the logger is, all of this is made, so that none of it counts for one of them.
    """
    start = datetime.now(UTC) - timedelta(days=days_ago)
    asked, answered = orjson.loads(made.asked), orjson.loads(made.answered)
    request_id = f"req_{secrets.token_hex(16)}"
    known = _known(made)
    ends: dict[str, Any] = {"request_id": request_id, "start_time": start, **_end(made, start)}
    return Ended(
        made,
        start,
        asked,
        Beginning(request_id, start, known),
        Record(status="success", **known, **ends),
        standard_payload(made, asked, answered, start),
    )


class _Idle:
    """Nothing at all: what the loop, the pace and the making cost."""

    async def log(self, ended: Ended) -> None:  # noqa: ARG002 - the protocol's
        return

    async def end(self) -> None:
        return


class _Sekisho:
    """The log as the gate uses it: a beginning, then what was said and the row."""

    def __init__(self, place: Place) -> None:
        from sekisho.lake.bodies import body as bodies
        from sekisho.lake.spool import log

        self._log = log.Log(
            Path(place.folder), socket.gethostname(), bodies="full", most_bytes=2 << 30
        )
        self._body = bodies.Body
        self._care = asyncio.create_task(self._caring())

    async def log(self, ended: Ended) -> None:
        begun = self._log.begin(ended.beginning)
        body = self._body(
            request_id=ended.row.request_id,
            start_time=ended.start,
            operation="chat",
            route="/v1/chat/completions",
            asked=ended.made.asked,  # as the gate has it: the bytes that came
            answer=ended.made.answered,
        )
        self._log.end(ended.row, body, begun)

    async def end(self) -> None:
        self._care.cancel()
        await asyncio.to_thread(self._log.close)

    async def _caring(self) -> None:
        while True:
            await asyncio.sleep(5.0)  # as in the gateway
            await asyncio.to_thread(self._log.care)


class _S3V2:
    """LiteLLM's `s3_v2` with its defaults, or with `s3_batch_file_upload`.

    It is given the payload that LiteLLM makes for every logger.
    """

    def __init__(self, place: Place, files: bool) -> None:
        from litellm.integrations.s3_v2 import S3Logger

        self._logger: Any = S3Logger(
            s3_bucket_name=place.bucket,
            s3_path=place.prefix,
            s3_region_name=place.region,
            s3_endpoint_url=place.url,
            s3_aws_access_key_id=place.access_key,
            s3_aws_secret_access_key=place.secret_key,
            s3_batch_file_upload=files,
        )

    async def log(self, ended: Ended) -> None:
        told = {"standard_logging_object": ended.payload}
        end = ended.start + timedelta(seconds=2)
        await self._logger.async_log_success_event(told, None, ended.start, end)

    async def end(self) -> None:
        await self._logger.flush_queue()


def _known(made: Made) -> dict[str, Any]:
    """What is known of a request when it begins, as full as the gate makes it."""
    return {
        "trace_id": secrets.token_hex(16),
        "route": "/v1/chat/completions",
        "gen_ai_operation_name": "chat",
        "gen_ai_request_model": made.model,
        "gen_ai_request_stream": True,
        "api_key_id": f"key_{made.user[5:8]}",
        "api_key_alias": made.user[:8],
        "api_key_kind": "person",
        "owner": made.user,
        "team": made.team,
        "end_user_id": made.user,
        "end_user_email": made.user,
        "end_user_source": "key",
        "app": "open-webui",
        "client_address": "10.20.30.40",
        "user_agent": "openai-python/2.54.0",
        "gateway_instance": "gateway-1-4711",
    }


def _end(made: Made, start: datetime) -> dict[str, Any]:
    cost = {
        "input_tokens": made.input_tokens * Decimal("0.000002"),
        "output_tokens": made.output_tokens * Decimal("0.000008"),
    }
    wait = 1900.0 + made.number % 97
    attempt = Attempt(
        deployment_id=f"{made.provider}-{made.model}",
        provider=made.provider,
        model=made.response_model,
        http_response_status_code=200,
        duration_ms=wait,
    )
    return {
        "end_time": start + timedelta(milliseconds=wait + 8),
        "duration_ms": wait + 8,
        "time_to_first_token_ms": wait / 4,
        "gateway_overhead_ms": 4.125,
        "gen_ai_provider_name": made.provider,
        "gen_ai_response_model": made.response_model,
        "deployment_id": f"{made.provider}-{made.model}",
        "attempts": (attempt,),
        "gen_ai_usage_input_tokens": made.input_tokens,
        "gen_ai_usage_output_tokens": made.output_tokens,
        "gen_ai_usage_cache_read_input_tokens": 0,
        "gen_ai_usage_cache_creation_input_tokens": 0,
        "gen_ai_usage_reasoning_output_tokens": 0,
        "billed_cost": cost["input_tokens"] + cost["output_tokens"],
        "is_priced": True,
        "cost_breakdown": cost,
        "price_version": "0123456789ab",
        "http_response_status_code": 200,
        "gen_ai_response_finish_reasons": ("stop",),
    }


def standard_payload(made: Made, asked: Any, answered: Any, start: datetime) -> dict[str, Any]:
    """LiteLLM's StandardLoggingPayload of the same request."""
    begun = start.timestamp()
    call = secrets.token_hex(16)
    usage = answered["usage"]
    cost = made.input_tokens * 2e-06 + made.output_tokens * 8e-06
    return {
        "id": answered["id"],
        "litellm_call_id": call,
        "trace_id": secrets.token_hex(16),
        "session_id": "",
        "call_type": "acompletion",
        "cache_hit": False,
        "stream": True,
        "status": "success",
        "status_fields": {"llm_api_status": "success", "guardrail_status": "not_run"},
        "custom_llm_provider": made.provider,
        "saved_cache_cost": 0.0,
        "startTime": begun,
        "endTime": begun + 2,
        "completionStartTime": begun + 0.5,
        "response_time": 2.0,
        "model": made.model,
        "metadata": _metadata(made, usage),
        "cache_key": None,
        "response_cost": cost,
        "cost_breakdown": {"input_cost": cost / 2, "output_cost": cost / 2, "total_cost": cost},
        "total_tokens": usage["total_tokens"],
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "request_tags": ["User-Agent: openai-python"],
        "end_user": made.user,
        "api_base": "https://bedrock-runtime.ap-northeast-1.amazonaws.com",
        "model_group": made.model,
        "model_id": secrets.token_hex(32),
        "requester_ip_address": "10.20.30.40",
        "user_agent": "openai-python/2.54.0",
        "messages": asked["messages"],
        "response": answered,
        "model_parameters": {"stream": True, "max_tokens": asked["max_tokens"]},
        "hidden_params": {"model_id": "0", "response_cost": cost, "litellm_overhead_time_ms": 8.1},
        "model_map_information": {"model_map_key": made.model, "model_map_value": dict(_price())},
        "error_str": None,
        "error_information": None,
        "response_cost_failure_debug_info": None,
        "guardrail_information": None,
        "standard_built_in_tools_params": None,
    }


def _metadata(made: Made, usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "user_api_key_hash": "0" * 64,
        "user_api_key_alias": made.user[:8],
        "user_api_key_spend": 1.25,
        "user_api_key_team_id": made.team,
        "user_api_key_team_alias": made.team,
        "user_api_key_user_id": made.user,
        "user_api_key_user_email": made.user,
        "user_api_key_request_route": "/v1/chat/completions",
        "requester_ip_address": "10.20.30.40",
        "user_agent": "openai-python/2.54.0",
        "requester_metadata": {"headers": {"user-agent": "openai-python/2.54.0"}},
        "applied_guardrails": [],
        "usage_object": dict(usage),
    }


@cache
def _price() -> Mapping[str, Any]:
    """LiteLLM's entry for a model, which it puts into each record; read without importing it."""
    found = find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    prices = Path(found.origin).with_name("model_prices_and_context_window_backup.json")
    entry: Mapping[str, Any] = orjson.loads(prices.read_bytes())["gpt-4.1"]
    return entry
