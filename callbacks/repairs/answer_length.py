"""No answer is asked for that is longer than the model's longest.

For Claude Code, which asks every model for up to 32,000 tokens, on Nova (10,000), and for clients
that don't know a model and send their own default: providers answer 400. The limit is the
deployment's `model_info: max_output_tokens`. Claude outside of Bedrock needs a limit; where a
client sends none, LiteLLM fills in another cloud's, and here it is this one's.
"""

from ...untyped import mapping
from .call import Call

NAME: str = "answer_length"

_FIELDS = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}


def apply(call: Call) -> None:
    """Every API, with a limit above the model's."""
    longest = call.info.get("max_output_tokens")
    if not isinstance(longest, int):
        return
    for name in _FIELDS.get(call.api, ()):
        given = call.kwargs.get(name)
        if isinstance(given, int) and given > longest:
            call.kwargs[name] = longest
    if call.api == "generate":
        _generate(call, longest)
    elif call.api == "chat" and call.is_claude and call.provider != "bedrock" and _is_open(call):
        call.kwargs["max_tokens"] = longest


def _is_open(call: Call) -> bool:
    return not any(call.kwargs.get(name) for name in _FIELDS["chat"])


def _generate(call: Call, longest: int) -> None:
    for name in ("config", "generationConfig"):
        config = mapping(call.kwargs.get(name))
        given = config.get("maxOutputTokens")
        if isinstance(given, int) and given > longest:
            call.kwargs[name] = {**config, "maxOutputTokens": longest}
