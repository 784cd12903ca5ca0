"""Claude by Anthropic's Messages API: on Bedrock InvokeModel, Vertex rawPredict, Azure Foundry."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

from ..pretend import Json, signed
from ..shapes import blocks, inner, items
from . import betas, claude_models
from .betas import Cloud
from .schemas import NAME, check, claude, names, unique

FIELDS = names(
    "anthropic_version anthropic_beta max_tokens messages system temperature top_p top_k tools"
    " tool_choice stop_sequences thinking metadata output_config service_tier"
)
MORE_FIELDS: dict[Cloud, frozenset[str]] = {
    "bedrock": frozenset(),
    "converse": frozenset(),
    "vertex": frozenset({"stream", "model"}),
    "azure": frozenset({"stream", "model", "cache_control", "container", "mcp_servers"}),
}
BY_BETA = {
    "context_management": ("context-management", "compact"),
    "safeguards": ("dangerous-tool-use",),
}
SERVER_TOOLS: dict[Cloud, str] = {
    "bedrock": r"(bash|computer|text_editor|memory|tool_search_tool_\w+)_\d+",
    "converse": r"(bash|computer|text_editor|memory|tool_search_tool_\w+)_\d+",
    "vertex": r"(bash|computer|text_editor|memory|tool_search_tool_\w+|web_search)_\d+",
    "azure": r"\w+_\d+",
}
MARKERS = 4


def obey(cloud: Cloud, model: str, body: Json, flags: tuple[str, ...]) -> None:
    """Refuse what this cloud's Claude refuses; `flags` are the request's betas."""
    betas.accept(cloud, flags)
    _fields(cloud, body, flags)
    choice = inner(body, "tool_choice").get("type")
    asked = claude_models.Asked(
        model=model,
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        thinking=inner(body, "thinking"),
        forced=choice in ("any", "tool"),
        betas=flags,
    )
    claude_models.parameters(asked)
    _tools(cloud, items(body, "tools"))
    _markers(body)
    messages: list[Json] = body["messages"]
    _turns(messages, bool(body.get("tools")))
    _thoughts(messages, asked.thinking.get("type") == "enabled")
    prefilled = messages[-1].get("role") == "assistant"
    words = "This model does not support assistant message prefill."
    old = claude_models.generation(model) < (4, 6)
    check(old or not prefilled, f"{words} The conversation must end with a user message.")


def _fields(cloud: Cloud, body: Json, flags: tuple[str, ...]) -> None:
    known = FIELDS | MORE_FIELDS[cloud]
    for name, starts in BY_BETA.items():
        known |= {name} if any(flag.startswith(starts) for flag in flags) else set()
    for name in body:
        check(name in known, f"{name}: Extra inputs are not permitted")


def _tools(cloud: Cloud, tools: list[Json]) -> None:
    for number, tool in enumerate(tools):
        kind = tool.get("type") or "custom"
        words = f"tools.{number}: Input tag '{kind}' found using 'type' does not match any of the"
        known = kind == "custom" or re.fullmatch(SERVER_TOOLS[cloud], kind)
        check(known, f"{words} expected tags")
        if kind == "custom":
            pattern = "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
            check(NAME.fullmatch(tool["name"]), f"tools.{number}.custom.name: {pattern}")
            claude(tool.get("input_schema"), f"tools.{number}.custom.input_schema")
    unique((tool["name"] for tool in tools), "tools: Tool names must be unique.")


def _markers(body: Json) -> None:
    found = [block["cache_control"] for block in _all_blocks(body) if block.get("cache_control")]
    words = f"A maximum of {MARKERS} blocks with cache_control may be provided. Found {len(found)}."
    check(len(found) <= MARKERS, words)
    for marker in found:
        extra = sorted(set(marker) - {"type", "ttl"})
        check(not extra, f"cache_control.ephemeral.{extra}: Extra inputs are not permitted")
    spans = [marker.get("ttl", "5m") for marker in found]
    words = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
    check(spans == sorted(spans), words)  # "1h" before "5m"
    for block in _all_blocks(body):
        empty = block.get("type") == "text" and not block.get("text")
        marked = empty and block.get("cache_control")
        check(not marked, "cache_control cannot be set for empty text blocks")


def _all_blocks(body: Json) -> Iterator[Json]:
    """In the order in which a prefix is made of them."""
    yield from items(body, "tools")
    yield from blocks(body.get("system") or [])
    for message in items(body, "messages"):
        yield from blocks(message.get("content"))


def _turns(messages: list[Json], with_tools: bool) -> None:
    asked: list[str] = []
    for number, (role, parts) in enumerate(_joined(messages)):
        _texts(number, parts)
        used = [part["id"] for part in parts if part.get("type") == "tool_use"]
        done = [part["tool_use_id"] for part in parts if part.get("type") == "tool_result"]
        check(with_tools or not (used or done), "tools: Field required with tool_use blocks")
        _answered(number, asked, parts, done)
        check(role == "assistant" or not used, f"messages.{number}: `tool_use` in a user message")
        unique(used, f"messages.{number}: `tool_use` ids must be unique")
        for name in used:
            fits = re.fullmatch(r"[a-zA-Z0-9_-]+", name)
            words = "String should match pattern '^[a-zA-Z0-9_-]+$'"
            check(fits, f"messages.{number}.content.tool_use.id: {words}")
        asked = used
    words = "`tool_use` ids were found without `tool_result` blocks immediately after"
    check(not asked, f"messages: {words}: {', '.join(asked)}. {_EACH_USE}")


def _joined(messages: list[Json]) -> list[tuple[str, list[Json]]]:
    """Turns of user and assistant; the API makes one turn of neighbours with the same role."""
    spoken = [message for message in messages if message["role"] != "system"]
    groups = itertools.groupby(spoken, key=lambda message: str(message["role"]))
    return [(role, [b for m in group for b in blocks(m["content"])]) for role, group in groups]


def _texts(number: int, parts: list[Json]) -> None:
    for part in parts:
        text = part.get("text", "")
        blank = part.get("type") == "text" and not str(text).strip()
        check(not blank, f"messages.{number}: text content blocks must be non-empty")


def _answered(number: int, asked: list[str], parts: list[Json], done: list[str]) -> None:
    first = itertools.takewhile(lambda part: part.get("type") == "tool_result", parts)
    in_place = {part["tool_use_id"] for part in first}
    missing = [name for name in asked if name not in in_place]
    words = "`tool_use` ids were found without `tool_result` blocks immediately after"
    check(not missing, f"messages.{number - 1}: {words}: {', '.join(missing)}. {_EACH_USE}")
    for name in done:
        words = f"unexpected `tool_use_id` found in `tool_result` blocks: {name}. {_EACH_RESULT}"
        check(name in asked, f"messages.{number}.content.0: {words}")
    unique(done, f"messages.{number}: each tool_use must have a single result. Found multiple.")


_EACH_USE = (
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
_EACH_RESULT = (
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)


def _thoughts(messages: list[Json], manual: bool) -> None:
    """Thinking comes back as it was made; with manual thinking, tool loops need it."""
    for number, message in enumerate(messages):
        for place, part in enumerate(blocks(message.get("content"))):
            if part.get("type") == "thinking":
                at = f"messages.{number}.content.{place}"
                genuine = is_genuine(part.get("thinking"), part.get("signature"))
                check(genuine, f"{at}: Invalid `signature` in `thinking` block")
    if manual:
        _kept(messages)


def _kept(messages: list[Json]) -> None:
    last = [(n, m) for n, m in enumerate(messages) if m.get("role") == "assistant"][-1:]
    for number, message in last:
        kinds = [part.get("type") for part in blocks(message.get("content"))]
        broken = "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")
        words = f"Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`."
        check(not broken, f"messages.{number}.content.0.type: {words}")


def is_genuine(text: Any, signature: Any) -> bool:
    """Whether a thinking block is one that the simulator has made (its text may be left out)."""
    return isinstance(signature, str) and signed(str(text or ""), signature)
