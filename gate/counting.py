"""Counting tokens: the provider's own count where it has one, else an estimate that says so.

LiteLLM asks Bedrock (CountTokens), Vertex AI (count-tokens for Claude, countTokens for Gemini) and
Azure Foundry (Claude). Where there is no such API, or it refuses, is slow or down, LiteLLM counts
with another model's tokenizer, or fails. Here that becomes an estimate that is rather too high than
too low (`counting_estimate`), and never an error: clients ask before they send, often.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

import orjson
from starlette.responses import Response

from ..untyped import mapping, sequence, text
from . import counting_estimate

log = logging.getLogger("sekisho.gate")

Handler = Callable[..., Awaitable[Any]]

PATIENCE_SECONDS = 10.0
"""So long a provider may take; some of LiteLLM's counters would wait for 30 seconds."""
ESTIMATED = "estimated"
"""The field by which the reader of the answer knows an estimate."""
_PROVIDERS_OWN = ("provider", "token_count_model")
_COUNTS = ("input_tokens", "totalTokens")


def or_estimated(handler: Handler) -> Handler:
    """LiteLLM's handler of a route that counts, with our estimate where it has no true count."""

    @wraps(handler)
    async def counted(**arguments: Any) -> Any:
        asked = mapping(arguments["request"].scope["parsed_body"][1])
        if not (asked.get("messages") or asked.get("contents")):
            return await handler(**arguments)  # which says what is missing
        answer = await _asked(handler, arguments)
        if answer.get("litellm_count_source") in _PROVIDERS_OWN and _number(answer):
            return {name: answer[name] for name in answer if not name.startswith("litellm_")}
        alias = str(arguments.get("model_name") or asked.get("model"))
        estimate = await asyncio.to_thread(counting_estimate.tokens, asked, models_of(alias))
        field = "totalTokens" if "contents" in asked else "input_tokens"
        return {field: estimate, ESTIMATED: True}

    return counted


def models_of(alias: str) -> list[str]:
    """The names of an alias's models, as LiteLLM's router has them."""
    from litellm.proxy import proxy_server

    router: Any = proxy_server.llm_router
    found = sequence(router.get_model_list(model_name=alias)) if router is not None else []
    names: list[str] = []
    for deployment in map(mapping, found):
        params, info = mapping(deployment["litellm_params"]), mapping(deployment.get("model_info"))
        names.append(f"{params.get('model')} {text(info.get('base_model')) or ''}")
    return names


async def _asked(handler: Handler, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What LiteLLM answers, or nothing when it fails, whatever the reason."""
    try:
        answer = await asyncio.wait_for(handler(**arguments), PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001 - LiteLLM's counters raise anything; we have another way
        log.warning("tokens are estimated: counting failed with %s", type(error).__name__)
        return {}
    if not isinstance(answer, Response):
        return mapping(answer)
    return mapping(orjson.loads(bytes(answer.body))) if answer.status_code == 200 else {}


def _number(answer: Mapping[str, Any]) -> bool:
    return any(isinstance(answer.get(name), int) and answer[name] > 0 for name in _COUNTS)
