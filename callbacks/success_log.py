"""LiteLLM's own log and cost of an answered request, left out when nobody reads them
(`config.needs_litellm_log` decides that).

Sekisho's rows come from the gate, and their cost from our own prices. LiteLLM builds a log entry
and a cost for each answer all the same, which is a fifth of its CPU for a plain request
(docs/performance.md). What its router needs of it, the count of successes by which it judges a
deployment's failure rate, is kept.
"""

from typing import Any

from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.proxy import proxy_server
from litellm.router_utils.router_callbacks.track_deployment_metrics import (
    increment_deployment_successes_for_current_minute,
)

from ..untyped import mapping


def leave_out() -> None:
    """Replace LiteLLM's success log by the count that its router needs."""
    setattr(Logging, "async_success_handler", _count_success)  # noqa: B010 - it is typed as a method
    setattr(Logging, "response_cost_calculator", lambda *_, **__: None)  # noqa: B010


async def _count_success(self: Any, *_: Any, **__: Any) -> None:
    info = mapping(mapping(self.model_call_details.get("litellm_params")).get("model_info"))
    router = proxy_server.llm_router
    if router is not None and isinstance(info.get("id"), str):
        increment_deployment_successes_for_current_minute(router, info["id"])
