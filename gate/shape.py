"""Whether a request can be meant for its route: mistakes that LiteLLM answers with 500 or riddles.

What the fields mean is the provider's business; this looks at their outermost shape only.
"""

from collections.abc import Mapping
from typing import Any

from ..providers.deployment import Deployment, Mode
from ..untyped import sequence
from .errors import Failure
from .surface import Route

_TALKS = frozenset[Mode]({"chat", "responses", "image", "other"})
_MODES: Mapping[str, frozenset[Mode]] = {
    "chat": _TALKS,
    "messages": _TALKS,
    "responses": _TALKS,
    "count_tokens": _TALKS,
    "generate_content": _TALKS,
    "embeddings": frozenset({"embedding", "other"}),
    "rerank": frozenset({"rerank", "other"}),
    "image_generation": frozenset({"image", "other"}),
    "image_edit": frozenset({"image", "other"}),
    "transcription": frozenset({"transcription", "other"}),
    "speech": frozenset({"speech", "other"}),
}
_PLACES: Mapping[Mode, str] = {
    "chat": "/v1/chat/completions, /v1/messages or /v1/responses",
    "responses": "/v1/responses, /v1/chat/completions or /v1/messages",
    "embedding": "/v1/embeddings",
    "rerank": "/v1/rerank",
    "image": "/v1/images/generations",
    "transcription": "/v1/audio/transcriptions",
    "speech": "/v1/audio/speech",
}

_BACKGROUND = "Background responses can't be fetched from this gateway: leave out 'background'."


def wrong_place(route: Route, deployment: Deployment) -> Failure | None:
    """A 400 when the model does something else than the route; an operator's own may do all."""
    allowed = _MODES[route.operation]
    if deployment.cloud == "custom" or deployment.mode in allowed:
        return None
    place = _PLACES.get(deployment.mode, "another route")
    message = f"{deployment.alias} is a model of the kind '{deployment.mode}': ask it at {place}."
    return Failure(400, message, "wrong_kind_of_model")


def malformed(route: Route, asked: Mapping[str, Any]) -> Failure | None:
    """A 400 when the conversation is not a list of messages, or is meant to be fetched later."""
    if route.operation == "responses" and asked.get("background") not in (None, False):
        return Failure(400, _BACKGROUND, "background_not_served")
    if route.operation == "responses":
        field, items = "input", asked.get("input")
        if isinstance(items, str):
            return None
    elif route.operation in ("chat", "messages", "count_tokens"):
        field, items = "messages", asked.get("messages")
    else:
        return None
    if items is None:
        return None  # LiteLLM names the missing field itself
    if isinstance(items, list) and all(isinstance(item, dict) for item in sequence(items)):
        return None
    return Failure(400, f"'{field}' must be a list of objects.", "invalid_messages")
