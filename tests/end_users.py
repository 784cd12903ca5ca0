"""What tests of end users share: Open WebUI's tokens, good and bad, and a request of each route."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from .gateway import OPENWEBUI_SECRETS
from .simulators.media import PNG, wav

Json = dict[str, Any]

OLD_SECRET, SECRET = OPENWEBUI_SECRETS
OTHER_SECRET = "nobody's-secret-0123456789abcdefghijkl"

TANAKA = "d0b0c286-2f8e-407f-b08a-e8f200b9aec2"
TANAKA_EMAIL = "田中@例え.jp"
TANAKA_NAME = "田中　太郎 Bob"

QUOTED = "%E7%94%B0%E4%B8%AD%E3%80%80%E5%A4%AA%E9%83%8E Bob"  # as Open WebUI writes Tanaka's name
PLAIN = {
    "x-openwebui-user-id": TANAKA,
    "x-openwebui-user-email": TANAKA_EMAIL.encode(),
    "x-openwebui-user-name": QUOTED,
    "x-openwebui-user-role": "user",
}
IN_CHAT = {
    "x-openwebui-chat-id": "chat-1",
    "x-openwebui-message-id": "message-1",
    "x-openwebui-task": "title_generation",
}
SAID = {
    "user": TANAKA_EMAIL,
    "safety_identifier": TANAKA_EMAIL,
    "metadata": {"user_id": TANAKA_EMAIL, "name": TANAKA_NAME},
    "litellm_metadata": {"user": TANAKA_EMAIL, "tags": [TANAKA_NAME]},
}
# None of these may reach a provider: e-mail and name, as text, JSON and headers write them.
HIDDEN = (
    *("田中", "例え", "太郎", "Bob", "\\u7530", "%E7%94%B0", "xn--", "ç"),
    *(TANAKA, "chat-1", "message-1"),
)

TURN = [{"role": "user", "content": "[[sim:text hi]] [[sim:usage input=100 output=10]]"}]
_PARTS = [{"role": "user", "parts": [{"text": "hi"}]}]
_FORM = {"image": ("a.png", PNG, "image/png")}
_SOUND = {"file": ("a.wav", wav(), "audio/wav")}

# Path, fields and files of a request that is answered, for each inference route and cloud.
REQUESTS: dict[str, tuple[str, Json, Json | None]] = {
    "chat": ("/v1/chat/completions", {"model": "gpt-4.1", "messages": TURN}, None),
    "chat, streamed": (
        "/v1/chat/completions",
        {"model": "gpt-4.1", "messages": TURN, "stream": True},
        None,
    ),
    "chat on Bedrock": ("/v1/chat/completions", {"model": "nova-lite", "messages": TURN}, None),
    "chat on Vertex AI": (
        "/v1/chat/completions",
        {"model": "gemini-3.5-flash", "messages": TURN},
        None,
    ),
    "responses": ("/v1/responses", {"model": "gpt-4.1", "input": "hi"}, None),
    "responses, streamed": (
        "/v1/responses",
        {"model": "gpt-4.1", "input": "hi", "stream": True},
        None,
    ),
    "messages": (
        "/v1/messages",
        {"model": "claude-sonnet-4-6-vertex", "messages": TURN, "max_tokens": 50},
        None,
    ),
    "messages on Bedrock": (
        "/v1/messages",
        {"model": "claude-sonnet-4-6-bedrock", "messages": TURN, "max_tokens": 50},
        None,
    ),
    "messages on Azure, streamed": (
        "/v1/messages",
        {"model": "gpt-4.1", "messages": TURN, "max_tokens": 50, "stream": True},
        None,
    ),
    "counting": (
        "/v1/messages/count_tokens",
        {"model": "claude-sonnet-4-6-vertex", "messages": TURN},
        None,
    ),
    "embeddings": ("/v1/embeddings", {"model": "text-embedding-3-large", "input": "hi"}, None),
    "rerank": (
        "/v1/rerank",
        {"model": "cohere-rerank-3.5", "query": "a", "documents": ["b"]},
        None,
    ),
    "pictures": ("/v1/images/generations", {"model": "gpt-image-2", "prompt": "a gate"}, None),
    "changed pictures": ("/v1/images/edits", {"model": "gpt-image-2", "prompt": "at night"}, _FORM),
    "speech to text": ("/v1/audio/transcriptions", {"model": "gpt-4o-mini-transcribe"}, _SOUND),
    "text to speech": (
        "/v1/audio/speech",
        {"model": "gpt-4o-mini-tts", "input": "hi", "voice": "alloy"},
        None,
    ),
    "Google's": (
        "/v1beta/models/gemini-3.5-flash:generateContent",
        {"contents": _PARTS},
        None,
    ),
    "Google's, streamed": (
        "/v1beta/models/gemini-3.5-flash:streamGenerateContent",
        {"contents": _PARTS},
        None,
    ),
    "Google's counting": (
        "/v1beta/models/gemini-3.5-flash:countTokens",
        {"contents": _PARTS},
        None,
    ),
}


def claims(**changed: Any) -> Json:
    """What Open WebUI says of Tanaka; None takes a claim out."""
    now = int(time.time())
    said = {
        "sub": TANAKA,
        "email": TANAKA_EMAIL,
        "name": TANAKA_NAME,
        "role": "user",
        "iss": "open-webui",
        "iat": now,
        "exp": now + 3600,  # the suite may come to it late
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(said: Mapping[str, Any] | None = None, secret: str = SECRET, **header: Any) -> str:
    """A token with these claims, whatever they are, signed by the rules."""
    head = {"alg": "HS256", "typ": "JWT", **header}
    text = f"{encoded(head)}.{encoded(claims() if said is None else said)}"
    return f"{text}.{signature(text, secret)}"


def encoded(value: object) -> str:
    """JSON in base64url, as the parts of a token are."""
    return unpadded(json.dumps(value).encode())


def signature(text: str, secret: str = SECRET, how: str = "sha256") -> str:
    """The HMAC of a token's first two parts."""
    return unpadded(hmac.new(secret.encode(), text.encode(), how).digest())


def unpadded(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def ask(client: httpx.Client, name: str, headers: Any, **more: Any) -> httpx.Response:
    """A request of a route, answered."""
    path, fields, files = REQUESTS[name]
    asked = {**fields, **more}
    if files is None:
        answer = client.post(path, json=asked, headers=headers)
    else:
        form = {key: value for key, value in asked.items() if isinstance(value, str)}
        answer = client.post(path, data=form, files=files, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def raw(*pairs: tuple[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(n.lower().encode(), v if isinstance(v, bytes) else v.encode()) for n, v in pairs]
