"""Anthropic's server tools (`web_search…`) are left out where the cloud has none.

For Cline's Anthropic provider, which offers `web_search_20250305` with every request, and for
Claude Code's WebSearch, on Claude on Bedrock: LiteLLM answers 400 before it has asked. Vertex AI
has the search, but neither fetching nor code execution. When nothing else was offered the model is
told, so that it doesn't make up results.
"""

from typing import Any

from ...untyped import mapping, sequence, text
from .call import Call, Json

NAME: str = "server_tools"

_SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_")
_MISSING = {"bedrock": _SERVER_TOOLS, "vertex_ai": _SERVER_TOOLS[1:]}
_NOTE = (
    "The tool {} is not available here. Do not make up its results: say that it isn't available."
)


def apply(call: Call) -> None:
    """Messages to Claude with a tool that the provider would have to run."""
    if call.api != "messages" or not call.is_claude:
        return
    missing = _MISSING.get(call.provider)
    tools = call.list("tools")
    if not missing or not any(_is_one(tool, missing) for tool in tools):
        return
    kept = [tool for tool in tools if not _is_one(tool, missing)]
    gone = [str(tool.get("name")) for tool in tools if _is_one(tool, missing)]
    if not kept:
        del call.kwargs["tools"]
        call.kwargs.pop("tool_choice", None)
        call.kwargs["system"] = _told(call.kwargs.get("system"), ", ".join(gone))
        return
    call.kwargs["tools"] = kept
    if mapping(call.kwargs.get("tool_choice")).get("name") in gone:
        del call.kwargs["tool_choice"]


def _is_one(tool: object, missing: tuple[str, ...]) -> bool:
    return (text(mapping(tool).get("type")) or "").startswith(missing)


def _told(system: object, names: str) -> list[Any]:
    """The system prompt with a note about tools that are gone."""
    blocks: list[Json] = sequence(system)
    if isinstance(system, str) and system:
        blocks = [{"type": "text", "text": system}]
    return [*blocks, {"type": "text", "text": _NOTE.format(names)}]
