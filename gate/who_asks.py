"""Which program asked and in which session: read from headers, for information only."""

import re
from collections.abc import Mapping
from typing import Any

# Beginnings of user agents, as recorded from the clients themselves (tested fact sheet on coding
# clients, section 3). Qwen Code in its Anthropic mode calls itself claude-cli.
_APPS = (
    ("claude-cli/", "claude-code"),
    ("codex", "codex"),
    ("opencode/", "opencode"),
    ("QwenCode/", "qwen-code"),
    ("GeminiCLI", "gemini-cli"),
    ("google-genai-sdk/", "google-genai-sdk"),
    ("Cline/", "cline"),
    ("RooCode/", "roo-code"),
    ("ls/JS", "continue"),
    ("ai-sdk/", "ai-sdk"),
    ("OpenAI/", "openai-sdk"),
    ("AsyncOpenAI/", "openai-sdk"),
    ("Anthropic/", "anthropic-sdk"),
    ("AsyncAnthropic/", "anthropic-sdk"),
    ("curl/", "curl"),
)

_TRACE = re.compile("[0-9a-f]{32}")
_SESSION_HEADERS = ("x-claude-code-session-id", "session-id", "x-session-id")


def app(headers: Mapping[str, str]) -> str | None:
    """The client program, or None when its user agent is not a known one."""
    if any(name.startswith("x-openwebui-") for name in headers):
        return "open-webui"
    agent = headers.get("user-agent", "")
    return next((name for start, name in _APPS if agent.startswith(start)), None)


def conversation(headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
    """The client's own id of the session that this request belongs to."""
    for name in _SESSION_HEADERS:
        if headers.get(name):
            return headers[name][:128]
    key = body.get("prompt_cache_key")
    return key[:128] if isinstance(key, str) and key else None


def trace(headers: Mapping[str, str], request_id: str) -> str:
    """The trace id (32 hexadecimal digits) of a W3C `traceparent` header, or one of our own."""
    parts = headers.get("traceparent", "").lower().split("-")
    if len(parts) >= 4 and _TRACE.fullmatch(parts[1]):
        return parts[1]
    return request_id.removeprefix("req_")
