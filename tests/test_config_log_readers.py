"""LiteLLM's own success log is left out only when nobody reads it."""

from typing import Any

import pytest
from sekisho import config

READERS: list[dict[str, Any]] = [
    {"litellm_settings": {"callbacks": ["sekisho.callbacks.attempts.logger", "langfuse"]}},
    {"litellm_settings": {"success_callback": ["s3"]}},
    {"litellm_settings": {"cache": True}},
    {"router_settings": {"routing_strategy": "usage-based-routing-v2"}},
    {"router_settings": {"optional_pre_call_checks": ["enforce_model_rate_limits"]}},
    {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", "rpm": 10}}]},
]


@pytest.mark.parametrize("litellm", READERS)
def test_readers(litellm: dict[str, Any]) -> None:
    """A callback beside ours, a cache, and limits or routing by usage read it."""
    assert config.needs_litellm_log(litellm)


def test_our_own_configuration_reads_nothing() -> None:
    """The configuration that comes with Sekisho leaves it out."""
    assert not config.needs_litellm_log(config.load(environ={}, demo=True).litellm)
