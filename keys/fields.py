"""What may be said about a key: each field checked and brought into its one spelling."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .identity import KINDS, KeyKind
from .row import KeyRefusedError

_MODEL_PATTERN = re.compile(r"[a-z0-9._:/@+*?\[\]!-]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")  # the shape only: whether it exists, mail alone can tell


def checked(
    alias: str,
    kind: KeyKind,
    owner: str | None,
    team: str | None,
    models: Sequence[str],
    expires_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """The columns of a new key. Raises KeyRefusedError naming the field that is wrong."""
    if kind not in KINDS:
        raise KeyRefusedError(f"kind {kind}: must be one of {', '.join(KINDS)}")
    if kind == "person" and not owner:
        raise KeyRefusedError("a person's key needs its owner: add --owner EMAIL")
    if expires_at is not None and expires_at <= now:
        raise KeyRefusedError(f"expiry {expires_at.isoformat()} has passed; name a later time")
    return {
        "alias": _alias(alias),
        "kind": kind,
        "owner": _owner(owner) if owner else None,
        "team": _words("team", team) if team else None,
        "models": [_model(pattern) for pattern in models],
        "expires_at": expires_at,
    }


def _words(field: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > 128 or not text.isprintable():
        raise KeyRefusedError(f"{field} must be 1 to 128 printable characters")
    return text


def _alias(text: str) -> str:
    alias = _words("alias", text)
    if alias.startswith(("key_", "sk-")):
        raise KeyRefusedError(f"alias {alias[:12]}...: key_ and sk- begin ids and keys")
    return alias


def _owner(text: str) -> str:
    owner = _words("owner", text).lower()  # so that one person is one line in every report
    if not _EMAIL.fullmatch(owner):
        raise KeyRefusedError(f"owner {owner}: must be an e-mail address")
    return owner


def _model(text: str) -> str:
    pattern = text.strip().lower()
    if not _MODEL_PATTERN.fullmatch(pattern):
        raise KeyRefusedError(f"model pattern {text!r}: write them like claude-*,gpt-5")
    return pattern
