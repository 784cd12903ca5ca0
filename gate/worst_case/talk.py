"""The most that a conversation can use: Chat Completions, Messages and Responses."""

from collections.abc import Mapping
from typing import Any

from ...pricing.price import Price
from ...pricing.usage import Usage
from ...providers.deployment import Deployment
from ...untyped import mapping, sequence, text
from . import media
from .weight import Weight

_LIMITS = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "generate_content": ("maxOutputTokens",),
}
"""Where a client says how long an answer may be. Thinking is part of it everywhere."""
_OTHER_LIMITS = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens", "maxOutputTokens"),
    *("maxTokenCount", "max_gen_len", "max_tokens_to_sample"),
)
"""Names that LiteLLM passes on as they are: a larger figure there could win."""
_CHOICES = (
    *("n", "candidate_count", "candidateCount", "num_generations", "numberOfImages"),
    "sampleCount",
)
_MOST_CHOICES = 128  # platform.openai.com, API reference, `n`
_OUTPUT = 131_072
OUTPUT_OF_DRAWING = 32_768  # ai.google.dev, "Gemini 3 Pro Image", output token limit
_WINDOW = 1_000_000
_TOOLS = 1_000
"""Tokens that tools add unsaid: at most 804 for Claude (platform.claude.com, "Pricing"), and again
for each tool that the provider knows by its type."""
SYSTEM = 200  # what a model's own template puts in front, as gpt-oss's Harmony does

_RUN_THERE = (
    *("websearch", "webfetch", "googlesearch", "googlemaps", "enterprisewebsearch", "urlcontext"),
    *("codeexecution", "codeinterpreter", "filesearch", "mcp", "retrieval"),
)
_USES = 10
_FOUND = 10_000
_MOST_USES = 100


def whole(value: object) -> int | None:
    """A whole number from 1 on, also as a form writes it; None for everything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and value is not True and value > 0 else None


def searches(asked: Mapping[str, Any]) -> int:
    """How often tools that the provider runs can be used: `max_uses`, else 10 each."""
    uses = _USES if asked.get("web_search_options") is not None else 0
    for tool in map(mapping, sequence(asked.get("tools"))):
        names = [str(name).lower().replace("_", "") for name in (text(tool.get("type")), *tool)]
        if any(name.startswith(_RUN_THERE) for name in names):
            uses += whole(tool.get("max_uses")) or _USES
    return min(uses, whole(asked.get("max_tool_calls")) or uses, _MOST_USES)


def limited(operation: str, asked: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    """The fields that make an answer at most so long, when the client could and hasn't set one."""
    if operation == "generate_content":
        settings = mapping(asked.get("generationConfig"))
        if whole(settings.get("maxOutputTokens")):
            return {}
        return {"generationConfig": {**settings, "maxOutputTokens": tokens}}
    field = _limit_field(operation, asked)
    return {field: tokens} if field else {}


def _limit_field(operation: str, asked: Mapping[str, Any]) -> str | None:
    """The field for the length of an answer, when the client could set one and hasn't."""
    if "generationConfig" in asked or any(whole(asked.get(name)) for name in _OTHER_LIMITS):
        return None
    return {"chat": "max_completion_tokens", "responses": "max_output_tokens"}.get(operation)


def talk(
    operation: str,
    asked: Mapping[str, Any],
    weight: Weight,
    deployment: Deployment,
    price: Price,
) -> Usage:
    """The usage of a conversation; its last turn is what the body has."""
    window = _window(deployment, price)
    uses = searches(asked)
    sounds = weight.sounds // media.BYTES_OF_SOUND_SECOND * media.TOKENS_OF_SOUND_SECOND
    films = weight.films * media.TOKENS_OF_FILM_SECOND // media.BYTES_OF_FILM_SECOND
    shown = weight.pictures * media.seen(media.name(deployment)) + films
    written = weight.text + weight.files * media.TOKENS_OF_FILE_BYTE + SYSTEM + _tools(asked)
    prompt = (window or _WINDOW) if weight.unseen else written + shown + sounds
    # Each use is another turn, which reads again what was said and found before it.
    turns = [prompt + turn * _FOUND for turn in range(uses + 1)]
    total = sum(min(turn, window) if window else turn for turn in turns)
    heard = min(sounds * (uses + 1), total)
    return Usage(
        input_tokens=total,
        audio_input_tokens=heard,
        image_input_tokens=min(shown * (uses + 1), total - heard),
        output_tokens=_output(operation, asked, deployment) * choices(asked),
        images=choices(asked) if deployment.mode == "image" else 0,
        queries=uses,
    )


def _output(operation: str, asked: Mapping[str, Any], deployment: Deployment) -> int:
    default = OUTPUT_OF_DRAWING if deployment.mode == "image" else _OUTPUT
    most = whole(deployment.model_info.get("max_output_tokens")) or default
    own = any(whole(asked.get(name)) for name in _LIMITS.get(operation, ()))
    if not own or "generationConfig" in asked:
        return most
    # 16 is the least that the Responses API takes.
    return max(16, min(most, max(whole(asked.get(name)) or 0 for name in _OTHER_LIMITS)))


def _tools(asked: Mapping[str, Any]) -> int:
    tools = [mapping(tool).get("type") for tool in sequence(asked.get("tools"))]
    known = sum(kind not in (None, "function", "custom") for kind in tools)
    return _TOOLS * (known + 1) if tools else 0


def choices(asked: Mapping[str, Any]) -> int:
    """How many answers or pictures are asked for."""
    return min(max(whole(asked.get(name)) or 1 for name in _CHOICES), _MOST_CHOICES)


def _window(deployment: Deployment, price: Price) -> int | None:
    """The most input tokens; a price for more shows that the model can take more (Sonnet 4.5)."""
    window = whole(deployment.model_info.get("max_input_tokens"))
    if window and any(step.above >= window for step in price.standard.steps):
        return max(window, _WINDOW)
    return window
