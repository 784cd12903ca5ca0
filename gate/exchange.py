"""One request on its way: what each step of the line has found out about it."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..callbacks.attempts import Attempts
from ..keys.budgets.ledger import Reservation
from ..keys.identity import Identity
from ..keys.policy import Scope
from .errors import Failure
from .readers.base import Reader
from .surface import Route

# Enough of a stream to estimate all of it by, and little enough for hundreds of streams at once.
KEPT_BYTES = 262_144


@dataclass(slots=True)
class Exchange:
    """Filled in along the line and read once, by `recorder.row`.

    `started` and the other instants are `time.monotonic()` seconds. `passed` counts the bytes of a
    stream that have gone to the client; `pieces` has the first of them, at most `KEPT_BYTES`.
    `scopes` are those whose limits the request has been counted for, `counted_tokens` the tokens
    among that; `reservation` is what is held of their budgets.
    """

    route: Route
    path: str
    headers: Mapping[str, str]
    client_address: str | None
    request_id: str = field(default_factory=lambda: f"req_{secrets.token_hex(16)}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    identity: Identity | None = None
    scopes: tuple[Scope, ...] = ()
    counted_tokens: int = 0
    reservation: Reservation | None = None
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    alias: str | None = None
    claimed_user: str | None = None
    attempts: Attempts = field(default_factory=Attempts)
    reader: Reader | None = None
    status: int | None = None
    first_token: float | None = None
    failure: Failure | None = None
    client_gone: bool = False
    complete: bool = False
    passed: int = 0
    pieces: list[bytes] = field(default_factory=list[bytes])
    closed: bool = False

    @property
    def was_asked(self) -> bool:
        """Whether a provider was asked, or has answered without LiteLLM's telling us so."""
        return bool(self.attempts.tried) or self.complete

    def note_piece(self, piece: bytes) -> None:
        """A piece of a stream is about to pass."""
        if self.passed < KEPT_BYTES:
            self.pieces.append(piece)
        self.passed += len(piece)

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""
        return self.asked.get("stream") is True
