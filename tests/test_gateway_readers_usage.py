"""What each API reports as usage becomes ours, figure by figure."""

from typing import Any

import pytest
from sekisho.gate.readers import chat, messages, responses
from sekisho.pricing.usage import Usage

Json = dict[str, Any]

CHAT: list[tuple[Json, Usage]] = [
    (
        {
            "prompt_tokens": 150,
            "completion_tokens": 9,
            "prompt_tokens_details": {
                "cached_tokens": 20,
                "cache_creation_tokens": 30,
                "cache_creation_token_details": {"ephemeral_1h_input_tokens": 7},
            },
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        Usage(
            input_tokens=150,
            output_tokens=9,
            cache_read_input_tokens=20,
            cache_write_5m_input_tokens=23,
            cache_write_1h_input_tokens=7,
            reasoning_output_tokens=4,
        ),
    ),
    (
        {
            "prompt_tokens": 5,
            "completion_tokens": 6,
            "server_tool_use": {"web_search_requests": 2},
        },
        Usage(input_tokens=5, output_tokens=6, queries=2),
    ),
    (
        {"prompt_tokens": 5, "prompt_tokens_details": {"web_search_requests": 1}},
        Usage(input_tokens=5, queries=1),
    ),
]


@pytest.mark.parametrize(("reported", "ours"), CHAT)
def test_chat(reported: Json, ours: Usage) -> None:
    """Chat completions: cache writes are split by their time to live, searches are counted."""
    assert chat.usage_of(reported, {}) == ours


def test_messages() -> None:
    """Messages: cached tokens are beside the input tokens there, and within them here."""
    reported = {
        "input_tokens": 100,
        "output_tokens": 9,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 23, "ephemeral_1h_input_tokens": 7},
        "server_tool_use": {"web_search_requests": 3},
    }
    assert messages.usage_of(reported) == Usage(
        input_tokens=150,
        output_tokens=9,
        cache_read_input_tokens=20,
        cache_write_5m_input_tokens=23,
        cache_write_1h_input_tokens=7,
        queries=3,
    )


def test_responses() -> None:
    """Responses: searches are counted among the output items when the usage has none."""
    reported = {"input_tokens": 10, "output_tokens": 2}
    body = {"output": [{"type": "web_search_call"}, {"type": "message"}]}
    assert responses.usage_of(reported, body) == Usage(input_tokens=10, output_tokens=2, queries=1)
