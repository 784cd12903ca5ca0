"""How a request ended, decided in one place: its status, its error, and what it used."""

from dataclasses import dataclass

from ..lake.record import Status
from ..pricing.usage import Usage
from . import estimate
from .exchange import Exchange
from .readers import chat
from .readers.base import Reading


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a request.

    `usage` is None when a provider was not asked, has not answered, or has answered without
    telling; `answered` tells the last case from the others.
    """

    status: Status
    usage: Usage | None
    estimated: bool = False
    answered: bool = False
    error_type: str | None = None
    error_message: str | None = None


def outcome(exchange: Exchange) -> Outcome:
    """How an exchange ended, as things stand."""
    status = _status(exchange)
    reading = exchange.reader.reading if exchange.reader else None
    kind, message = _error(exchange, reading)
    usage, estimated = _usage(exchange, status, reading)
    return Outcome(
        status=status,
        usage=usage,
        estimated=estimated,
        answered=status not in ("refused", "failure") and _worked(exchange),
        error_type=kind,
        error_message=message,
    )


def _status(exchange: Exchange) -> Status:
    failure = exchange.failure
    reading = exchange.reader.reading if exchange.reader else None
    if failure is not None and failure.refused:
        return "refused"
    if exchange.client_gone:
        return "cancelled"
    if failure is not None:
        return "truncated" if exchange.passed else "failure"
    if exchange.complete and reading is not None and not reading.failed:
        return "success"
    # Nothing was answered and nobody is to blame: the gateway was stopped before it could.
    return "interrupted" if exchange.status is None else "truncated"


def _error(exchange: Exchange, reading: Reading | None) -> tuple[str | None, str | None]:
    failure = exchange.failure
    if failure is not None:
        return failure.code or failure.openai_type or str(failure.status), failure.message
    if reading is not None and reading.failed:
        return reading.error_type, reading.error_message
    return None, None


def _usage(
    exchange: Exchange, status: Status, reading: Reading | None
) -> tuple[Usage | None, bool]:
    """The usage, and whether it is our own estimate."""
    if reading is None or not _worked(exchange) or status in ("refused", "failure"):
        return None, False
    if exchange.mcp is not None:  # nobody counts what a tool reads and says
        return None, False
    if reading.usage is None and status == "success":
        return None, False  # the provider has answered in full and told nothing
    if reading.usage is None or not reading.ended:
        return estimate.usage_of(exchange), True
    return _with_tokens_of_speech(exchange, reading.usage), reading.measured_here


def _worked(exchange: Exchange) -> bool:
    """Whether a provider may have worked for a request: one that only refused has not."""
    tried = exchange.attempts.tried
    if exchange.client_gone and tried and tried[-1].ended and (tried[-1].status or 0) >= 400:
        return False
    return exchange.was_asked


def _with_tokens_of_speech(exchange: Exchange, usage: Usage) -> Usage:
    """Speech is sound alone: its tokens, where a model bills those, only LiteLLM has seen."""
    told = exchange.attempts.usage
    if exchange.route.operation != "speech" or told is None:
        return usage
    return (chat.usage_of(told.model_dump(), {}) or Usage()) + usage
