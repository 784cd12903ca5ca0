"""Which program asked and in which session: read from headers, for information only."""

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


def trace(headers: Mapping[str, str]) -> str | None:
    """The trace id of a W3C `traceparent` header (32 hexadecimal digits)."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
