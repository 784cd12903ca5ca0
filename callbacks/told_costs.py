"""What an agent says in a stream that its answer costs: `usage.cost`, in USD.

LiteLLM hands it on in whole answers and in streamed chat completions, and loses it where it
translates a stream into another API. tests/test_gateway_agents.py shows that each is needed.
"""

from collections.abc import Callable
from typing import Any

from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper

from .attempts import current

_READER = "handle_openai_chat_completion_chunk"


def install() -> None:
    """Look at each piece of a stream of OpenAI's shape that LiteLLM reads."""
    read: Callable[[Any, Any], Any] = getattr(CustomStreamWrapper, _READER)

    def noting(wrapper: Any, chunk: Any) -> Any:
        attempts = current.get()
        if attempts is not None:
            attempts.note_cost(chunk)
        return read(wrapper, chunk)

    setattr(CustomStreamWrapper, _READER, noting)
