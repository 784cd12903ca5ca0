"""Of `temperature` and `top_p`, Claude gets only the temperature.

For Gemini CLI and Qwen Code, which send both, on Claude 4.1 and newer: the provider answers 400
"`temperature` and `top_p` cannot both be specified". Newer ones that take neither are LiteLLM's
business (`drop_params`).
"""

from .call import Call
from .claude import generation

NAME: str = "temperature_top_p"

_TAKES_ONE = (4, 1)


def apply(call: Call) -> None:
    """Chat and Messages with both set."""
    given = call.kwargs
    if given.get("top_p") is None or given.get("temperature") is None or not call.is_claude:
        return
    if call.api in ("chat", "messages") and generation(call.model) >= _TAKES_ONE:
        del given["top_p"]
