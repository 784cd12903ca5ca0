"""One request on its way: what each step of the line has found out about it."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..callbacks.attempts import Attempts
from ..keys.budgets.ledger import Reservation
from ..keys.identity import Identity
from ..keys.policy import Scope
from ..lake.spool.lines import Begun
from .end_user import NOBODY, EndUser, Headers
from .errors import Failure
from .mcp_call import Call
from .readers.base import Reader
from .surface import Route

# A file of a form: its field, and its name, content and type.
File = tuple[str, tuple[str, bytes, str]]


@dataclass(slots=True)
class Exchange:
    """Filled in along the line and read once, by `recorder.row`.

    `query` is the query string where a key may stand in it, and is for nothing else.
    `raw_headers` are all of them as they came: in `headers` the last one of a name counts.
    `mcp` is what of an MCP server is called. `end_user` is who was proven to ask, `claimed_user`
    who the request says it is.
    `started` and the other instants are `time.monotonic()` seconds. `passed` counts the bytes of a
    stream that have gone to the client. `content` is the request as it came, less what no log
    may have; `files` are a form's, as (field, (name, content, type)). `answer` has the bytes
    of an answer that came whole; what a stream has said is in `reader.transcript`.
    `scopes` are those whose limits the request has been counted for, `counted_tokens` the tokens
    among that; `reservation` is what is held of their budgets. `begun` is where the log has the
    beginning of its row, `who` the part of both that tells who asked.
    """

    route: Route
    path: str
    headers: Mapping[str, str]
    client_address: str | None
    query: bytes = b""
    raw_headers: Headers = ()
    request_id: str = field(default_factory=lambda: f"req_{secrets.token_hex(16)}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.monotonic)
    identity: Identity | None = None
    end_user: EndUser = NOBODY
    scopes: tuple[Scope, ...] = ()
    counted_tokens: int = 0
    reservation: Reservation | None = None
    begun: Begun | None = None
    who: Mapping[str, Any] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])
    content: bytes | Mapping[str, Any] | None = None
    files: Sequence[File] = ()
    alias: str | None = None
    claimed_user: str | None = None
    mcp: Call | None = None
    attempts: Attempts = field(default_factory=Attempts)
    reader: Reader | None = None
    status: int | None = None
    first_token: float | None = None
    failure: Failure | None = None
    client_gone: bool = False
    complete: bool = False
    passed: int = 0
    answer: bytes | None = None
    closed: bool = False

    @property
    def was_asked(self) -> bool:
        """Whether a provider was asked, or has answered without LiteLLM's telling us so."""
        return bool(self.attempts.tried) or self.complete

    @property
    def stream(self) -> bool:
        """Whether the client asked for a stream."""
        return self.asked.get("stream") is True
