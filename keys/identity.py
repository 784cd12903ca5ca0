"""What the gate learns about a key: an `Identity`, or a `Refusal` that speaks both dialects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

KeyKind = Literal["person", "service", "frontend"]
KINDS: tuple[KeyKind, ...] = get_args(KeyKind)

Reason = Literal[
    "missing_key",
    "malformed_key",
    "unknown_key",
    "revoked",
    "expired",
    "blocked",
    "model_not_allowed",
    "network_not_allowed",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """The proven holder of a key.

    `models` are lower-case shell patterns (`claude-*`); empty means every model.
    `expires_at` is UTC; None means never.
    """

    key_id: str
    alias: str
    kind: KeyKind
    owner: str | None = None
    team: str | None = None
    models: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not pass, in words for each dialect; `message` never contains a key.

    `status` is the HTTP status. `openai_type` and `openai_code` fill `error.type` and
    `error.code` of the OpenAI dialect, `anthropic_type` fills `error.type` of Anthropic's.
    `identity` is whose key was refused, when it is a known one: for the log alone.
    """

    reason: Reason
    status: int
    openai_type: str
    openai_code: str
    anthropic_type: str
    message: str
    identity: Identity | None = None


# OpenAI answers a bad key with 401, type invalid_request_error and code invalid_api_key, and a
# model that the key may not use with 403 and code model_not_found (platform.openai.com/docs/
# guides/error-codes). Anthropic has authentication_error (401) and permission_error (403)
# (docs.anthropic.com/en/api/errors). 401 = "come back with another key"; 403 = "this key is
# known, and may not".
_WORDS: dict[Reason, tuple[int, str, str]] = {
    "missing_key": (401, "invalid_api_key", "authentication_error"),
    "malformed_key": (401, "invalid_api_key", "authentication_error"),
    "unknown_key": (401, "invalid_api_key", "authentication_error"),
    "revoked": (401, "key_revoked", "authentication_error"),
    "expired": (401, "key_expired", "authentication_error"),
    "blocked": (403, "key_blocked", "permission_error"),
    "model_not_allowed": (403, "model_not_found", "permission_error"),
    "network_not_allowed": (403, "network_not_allowed", "permission_error"),
}


def refuse(reason: Reason, message: str, identity: Identity | None = None) -> Refusal:
    """A refusal with the status and the error types that belong to `reason`."""
    status, openai_code, anthropic_type = _WORDS[reason]
    kind = "invalid_request_error"
    return Refusal(reason, status, kind, openai_code, anthropic_type, message, identity)
