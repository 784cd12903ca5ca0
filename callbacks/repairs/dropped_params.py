"""Parameters that a model refuses, and that LiteLLM's `drop_params` lets pass, are left out.

For every client that sends one set of parameters to all models: on Claude sampling beside thinking,
thinking beside a forced tool, thinking switched off where it can't be; on Claude and Nova a
temperature above 1; efforts that a model doesn't have; on Azure an empty list of tools, settings of
tools without tools, and log probabilities of a model that reasons. Each would be the provider's
400.
"""

import re
from collections.abc import Iterable

from ...untyped import mapping, text
from .call import Call, Json
from .claude import ADAPTIVE, generation

NAME: str = "dropped_params"

_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_ALWAYS_THINKS = (5, 5)
_REASONS = re.compile(r"(?:^|/)(?:gpt-[5-9]|o[1-9])(?!.*-chat)")
_MORE_THAN_HIGH = ("xhigh", "max")


def apply(call: Call) -> None:
    """Chat and Messages, which the other APIs come by as unless the provider has them itself."""
    given = call.kwargs
    if call.api == "responses" and "top_logprobs" in given and _is_azures_thinker(call):
        del given["top_logprobs"]
    if call.api not in ("chat", "messages"):
        return
    if call.api == "chat" and not call.list("tools") and not given.get("functions"):
        _drop(given, _OF_TOOLS)
    if call.is_claude or "nova" in call.model:
        warm = given.get("temperature")
        if isinstance(warm, int | float) and warm > 1:
            given["temperature"] = 1
    if given.get("reasoning_effort") in _MORE_THAN_HIGH and _ends_at_high(call):
        given["reasoning_effort"] = "high"
    if call.is_claude:
        _claude(given, call.model)


def _is_azures_thinker(call: Call) -> bool:
    model = text(call.info.get("base_model")) or call.model
    return call.provider == "azure" and _REASONS.search(model) is not None


def _ends_at_high(call: Call) -> bool:
    if call.is_claude:
        return generation(call.model) == ADAPTIVE  # older ones get a budget, newer ones have xhigh
    return call.provider == "vertex_ai" and "gemini" in call.model


def _claude(given: Json, model: str) -> None:
    thinking = mapping(given.get("thinking")).get("type")
    if thinking == "disabled" and generation(model) >= _ALWAYS_THINKS:
        del given["thinking"]
    if not _thinks(given, thinking):
        return
    if _forces(given) and (thinking == "enabled" or generation(model) < ADAPTIVE):
        _drop(given, ("thinking", "reasoning_effort"))
        if mapping(given.get("output_config")).get("effort"):
            rest = {k: v for k, v in given["output_config"].items() if k != "effort"}
            given["output_config"] = rest or None
        return
    if given.get("temperature") != 1:
        _drop(given, ["temperature"])
    share = given.get("top_p")
    _drop(given, ["top_k", *(["top_p"] if isinstance(share, int | float) and share < 0.95 else [])])


def _thinks(given: Json, thinking: object) -> bool:
    efforts = (given.get("reasoning_effort"), mapping(given.get("output_config")).get("effort"))
    return thinking in ("enabled", "adaptive") or any(one not in (None, "none") for one in efforts)


def _forces(given: Json) -> bool:
    """Whether the model has to call a tool, in OpenAI's words or in Anthropic's."""
    choice = given.get("tool_choice")
    return choice == "required" or mapping(choice).get("type") in ("function", "any", "tool")


def _drop(given: Json, names: Iterable[str]) -> None:
    for name in names:
        given.pop(name, None)
