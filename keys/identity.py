"""What the gate learns about a key: an `Identity`, or a `Refusal` that speaks both dialects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from .limits import NO_LIMITS, Limits
from .networks import Network

KeyKind = Literal["person", "service", "frontend"]
KINDS: tuple[KeyKind, ...] = get_args(KeyKind)

Reason = Literal[
    "missing_key",
    "malformed_key",
    "unknown_key",
    "revoked",
    "rotated",
    "expired",
    "blocked",
    "model_not_allowed",
    "mcp_server_not_allowed",
    "network_not_allowed",
    "end_user_token_invalid",
    "too_many_requests",
    "too_many_tokens",
    "too_many_at_once",
    "budget_held",
    "budget_exceeded",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """The proven holder of a key.

    `models` are lower-case shell patterns (`claude-*`); empty means every model. `expires_at` is
    UTC; None means never. `limits` are the key's own; `networks` are where it may be used from,
    empty means everywhere; `tags` go into each row of the log; `mcp` are the MCP servers it may
    use, `*` means every one and empty means none (its team may have some).
    """

    key_id: str
    alias: str
    kind: KeyKind
    owner: str | None = None
    team: str | None = None
    models: tuple[str, ...] = ()
    expires_at: datetime | None = None
    limits: Limits = NO_LIMITS
    networks: tuple[Network, ...] = ()
    tags: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """The limit that a request ran into: how much of what, and when (UTC) there is more of it.

    `limit` is a number of requests or tokens, or USD as text; `resets_at` None is never.
    """

    what: Literal["requests", "tokens", "parallel", "budget"]
    limit: str
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not pass, in words for each dialect; `message` never contains a key.

    `status` is the HTTP status. `openai_type` and `openai_code` fill `error.type` and
    `error.code` of the OpenAI dialect, `anthropic_type` fills `error.type` of Anthropic's.
    `identity` is whose key was refused, when it is a known one: for the log alone. `retry_after`
    says in how many seconds it is worth another try, None that no other try will do. `quota` is
    set when a limit was reached.
    """

    reason: Reason
    status: int
    openai_type: str
    openai_code: str
    anthropic_type: str
    message: str
    identity: Identity | None = None
    retry_after: int | None = None
    quota: Quota | None = None


# OpenAI answers a bad key with 401, type invalid_request_error and code invalid_api_key, a model
# that the key may not use with 403 and code model_not_found, too many requests or tokens with 429,
# type requests or tokens and code rate_limit_exceeded, and a spent budget with 429, type and code
# insufficient_quota (platform.openai.com/docs/guides/error-codes). Anthropic has
# authentication_error (401), permission_error (403), rate_limit_error (429) and billing_error
# (docs.anthropic.com/en/api/errors). 401 = "come back with another key"; 403 = "this key is known,
# and may not"; 429 = "not now". Codes are one for each reason: they are the row's error_type.
_BAD = "invalid_request_error"
_WORDS: dict[Reason, tuple[int, str, str, str]] = {
    "missing_key": (401, _BAD, "invalid_api_key", "authentication_error"),
    "malformed_key": (401, _BAD, "invalid_api_key", "authentication_error"),
    "unknown_key": (401, _BAD, "invalid_api_key", "authentication_error"),
    "revoked": (401, _BAD, "key_revoked", "authentication_error"),
    "rotated": (401, _BAD, "key_rotated", "authentication_error"),
    "expired": (401, _BAD, "key_expired", "authentication_error"),
    "blocked": (403, _BAD, "key_blocked", "permission_error"),
    "model_not_allowed": (403, _BAD, "model_not_found", "permission_error"),
    "mcp_server_not_allowed": (403, _BAD, "mcp_server_not_allowed", "permission_error"),
    "network_not_allowed": (403, _BAD, "network_not_allowed", "permission_error"),
    "end_user_token_invalid": (401, _BAD, "end_user_token_invalid", "authentication_error"),
    "too_many_requests": (429, "requests", "rate_limit_exceeded", "rate_limit_error"),
    "too_many_tokens": (429, "tokens", "token_rate_limit_exceeded", "rate_limit_error"),
    "too_many_at_once": (429, "requests", "parallel_limit_exceeded", "rate_limit_error"),
    # Clients give up for good on insufficient_quota; what is only held is free in a moment.
    "budget_held": (429, "requests", "budget_held", "rate_limit_error"),
    "budget_exceeded": (429, "insufficient_quota", "insufficient_quota", "billing_error"),
}


def refuse(
    reason: Reason,
    message: str,
    identity: Identity | None = None,
    *,
    retry_after: int | None = None,
    quota: Quota | None = None,
) -> Refusal:
    """A refusal with the status and the error types that belong to `reason`."""
    status, kind, openai_code, anthropic_type = _WORDS[reason]
    return Refusal(
        reason, status, kind, openai_code, anthropic_type, message, identity, retry_after, quota
    )
