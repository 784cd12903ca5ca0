"""The columns that tell who asked: the proven identity and end user, and, for information only,
program, session and chat, as the headers have them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..untyped import mapping
from .end_user import Headers, one
from .exchange import Exchange

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

# Open WebUI sends the first by itself, the others when the connection's headers say so
# ({{MESSAGE_ID}}, {{TASK}}); what has no value there is sent empty.
_CHAT_HEADERS = {
    "chat_id": b"x-openwebui-chat-id",
    "message_id": b"x-openwebui-message-id",
    "task": b"x-openwebui-task",
}


def columns(exchange: Exchange) -> dict[str, Any]:
    """Fields of a `Record` by name."""
    headers, identity, user = exchange.headers, exchange.identity, exchange.end_user
    found: dict[str, Any] = {
        "claimed_user": exchange.claimed_user,
        "trace_id": trace(headers, exchange.request_id),
        "gen_ai_conversation_id": conversation(headers, exchange.asked),
        "app": app(headers),
        "client_address": exchange.client_address,
        "user_agent": headers.get("user-agent", "")[:512] or None,
    }
    if identity is None:
        return found
    found |= {
        "api_key_id": identity.key_id,
        "api_key_alias": identity.alias,
        "api_key_kind": identity.kind,
        "owner": identity.owner,
        "team": identity.team,
        "tags": identity.tags,
        "end_user_id": user.id,
        "end_user_email": user.email,
        "end_user_name": user.name,
        "end_user_source": user.source,
    }
    if identity.kind == "frontend":
        found |= chat(exchange.raw_headers)
        found["gen_ai_conversation_id"] = found["gen_ai_conversation_id"] or found["chat_id"]
    return found


def chat(headers: Headers) -> dict[str, str | None]:
    """A frontend's ids of chat and message, and its task; None for what isn't told just once."""
    return {name: _plain(one(headers, header)) for name, header in _CHAT_HEADERS.items()}


def _plain(value: str | None) -> str | None:
    """A value as it was before Open WebUI percent-encoded it."""
    plain = unquote(value or "")
    return plain if plain.isprintable() and 0 < len(plain) <= 128 else None


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
    # The second is what our Function for an Open WebUI without headers writes.
    key = body.get("prompt_cache_key") or mapping(body.get("litellm_metadata")).get("chat_id")
    return key[:128] if isinstance(key, str) and key else None


def trace(headers: Mapping[str, str], request_id: str) -> str:
    """The trace id (32 hexadecimal digits) of a W3C `traceparent` header, or one of our own."""
    parts = headers.get("traceparent", "").lower().split("-")
    if len(parts) >= 4 and _TRACE.fullmatch(parts[1]):
        return parts[1]
    return request_id.removeprefix("req_")
