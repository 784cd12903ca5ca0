"""What differs between generations of Claude: sampling, thinking, length of answers.

Sources: Anthropic's migration guides for Opus 4.7 and 5.5 and Sonnet 5.5, and its page
"Troubleshooting thinking".
"""

import re
from dataclasses import dataclass
from typing import Any

from ..pretend import Json
from .schemas import check

Generation = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request sets, whatever its dialect; None is not set."""

    model: str
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    thinking: Json
    forced: bool  # a tool must be called
    betas: tuple[str, ...] = ()


def generation(model: str) -> Generation:
    """(5, 5) of claude-opus-5-5, (4, 0) of claude-sonnet-4-2025…, (3, 7) of claude-3-7-sonnet."""
    found = re.search(r"claude-(?:[a-z]+-)?(\d)(?:-(\d)(?!\d))?", model)
    return (int(found[1]), int(found[2] or 0)) if found else (9, 9)


def longest(model: str) -> int:
    """Tokens that an answer can have at most."""
    age = generation(model)
    if age >= (4, 6):
        return 128_000
    return 32_000 if "opus" in model and age in ((4, 0), (4, 1)) else 64_000


def parameters(asked: Asked) -> None:
    """Refuse what this generation does not take."""
    most = longest(asked.model)
    given = asked.max_tokens or 0
    words = "which is the maximum allowed number of output tokens for"
    check(given <= most, f"max_tokens: {given} > {most}, {words} {asked.model}")
    _sampling(asked)
    if asked.thinking:
        _thinking(asked, str(asked.thinking.get("type")))


def _sampling(asked: Asked) -> None:
    age = generation(asked.model)
    in_range = asked.temperature is None or 0 <= asked.temperature <= 1
    check(in_range, "temperature: range: 0..1")
    named: dict[str, Any] = {
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        "top_k": asked.top_k,
    }
    if age >= (4, 7):
        for name, value in named.items():
            check(value in (None, 1), f"`{name}` is deprecated for this model.")
    both = asked.temperature is not None and asked.top_p is not None
    words = "`temperature` and `top_p` cannot both be specified for this model."
    check(age < (4, 1) or not both, f"{words} Please use only one.")


def _thinking(asked: Asked, kind: str) -> None:
    age = generation(asked.model)
    off = (kind == "enabled" and age >= (4, 7)) or (kind == "disabled" and age >= (5, 5))
    instead = (
        'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    )
    check(not off, f'"thinking.type.{kind}" is not supported for this model. {instead}')
    late = kind == "adaptive" and age < (4, 6)
    check(not late, "adaptive thinking is not supported on this model")
    if kind == "enabled":
        _budget(asked)
    if kind in ("enabled", "adaptive"):
        _sampling_of_thoughts(asked, kind)


def _budget(asked: Asked) -> None:
    budget: int = asked.thinking.get("budget_tokens") or 0
    check(budget, "thinking.enabled.budget_tokens: Field required")
    least = "Input should be greater than or equal to 1024"
    check(budget >= 1024, f"thinking.enabled.budget_tokens: {least}")
    free = any(beta.startswith("interleaved-thinking") for beta in asked.betas)
    within = free or asked.max_tokens is None or budget < asked.max_tokens
    check(within, "`max_tokens` must be greater than `thinking.budget_tokens`.")


def _sampling_of_thoughts(asked: Asked, kind: str) -> None:
    words = "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
    check(asked.temperature in (None, 1), words)
    words = "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
    check(asked.top_p is None or asked.top_p >= 0.95, words)
    check(asked.top_k is None, "`top_k` must be unset when thinking is enabled.")
    forced = kind == "enabled" and asked.forced
    check(not forced, "Thinking may not be enabled when tool_choice forces tool use.")
