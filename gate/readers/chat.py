"""Chat completions (OpenAI dialect): usage as LiteLLM writes it, with Anthropic's cache fields."""

from ...pricing.usage import Usage
from ...untyped import mapping, sequence, text
from .. import error_words
from .base import Json, Reading, SseLines, before, child, count, parse, tier_of
from .transcript_chat import ChatTranscript


class Chat:
    """Reads a chat completion.

    `wants_usage` tells whether the client itself asked for the usage chunk of a stream. The gate
    always asks for it; when the client did not, chunks without content are taken out, because
    common client code fails on a chunk without choices.
    """

    def __init__(self, wants_usage: bool = True) -> None:
        self.reading = Reading(begun=False)
        self.transcript = ChatTranscript()
        self.wants_usage = wants_usage
        self._lines = SseLines()

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        self.reading.usage = usage_of(child(body, "usage"), body)
        self.reading.finish_reasons = _finish_reasons(body)
        self.reading.ended = True

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream."""
        if self.reading.over:
            return b""
        silent = False
        piece = self._lines.whole(piece)
        for payload in self._lines.payloads(piece):
            if payload == b"[DONE]":
                self.reading.ended = True
                continue
            event = parse(payload)
            if event is None:
                continue
            if isinstance(event.get("error"), dict):
                self._error(event["error"])
                return before(piece, payload)
            silent = self._event(event)
        drop = silent and not self.wants_usage
        return b"" if drop and piece.count(b"data:") == 1 else piece

    def _event(self, event: Json) -> bool:
        """Read a chunk, and tell whether it has nothing for a client that wants no usage."""
        choices = event.get("choices")
        reasons: list[str] = []
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self.transcript.add(choice)
                    self.reading.begun = self.reading.begun or _says_something(choice)
                    if reason := text(choice.get("finish_reason")):
                        reasons.append(reason)
        if reasons:
            self.reading.finish_reasons = tuple(reasons)
            self.reading.begun = True
        usage = event.get("usage")
        if usage:
            self.reading.usage = usage_of(mapping(usage), event)
        elif choices:
            return False
        return not reasons and _says_nothing(event)

    def _error(self, error: Json) -> None:
        self.reading.error_type = str(error.get("code") or error.get("type") or "provider_error")
        self.reading.error_message = error_words.clean(str(error.get("message") or ""))


def _says_nothing(event: Json) -> bool:
    """Whether a chunk has no content: the usage, or Azure's first one with filter results."""
    choices = sequence(event.get("choices"))
    return not any(any(child(choice, "delta").values()) for choice in choices)


def _says_something(choice: Json) -> bool:
    """Whether a choice has more than the role with which streams begin."""
    delta = child(choice, "delta") or {"text": choice.get("text")}
    return any(value for name, value in delta.items() if name != "role")


def _finish_reasons(body: Json) -> tuple[str, ...]:
    reasons = (text(mapping(c).get("finish_reason")) for c in sequence(body.get("choices")))
    return tuple(reason for reason in reasons if reason)


def usage_of(usage: Json, body: Json) -> Usage | None:
    """OpenAI's usage object (chat, embeddings) as ours; None when it is empty.

    LiteLLM normalises every provider so that `prompt_tokens` includes cache reads and writes and
    `completion_tokens` includes reasoning (tested fact sheet, section 4).
    """
    if not usage:
        return None
    prompt, completion = (
        child(usage, "prompt_tokens_details"),
        child(usage, "completion_tokens_details"),
    )
    split = child(prompt, "cache_creation_token_details")
    written = count(usage, "cache_creation_input_tokens") or count(
        prompt, "cache_creation_tokens", "cache_write_tokens"
    )
    one_hour = min(count(split, "ephemeral_1h_input_tokens"), written)
    return Usage(
        input_tokens=count(usage, "prompt_tokens"),
        output_tokens=count(usage, "completion_tokens"),
        cache_read_input_tokens=count(prompt, "cached_tokens")
        or count(usage, "cache_read_input_tokens"),
        cache_write_5m_input_tokens=written - one_hour,
        cache_write_1h_input_tokens=one_hour,
        reasoning_output_tokens=count(completion, "reasoning_tokens"),
        audio_input_tokens=count(prompt, "audio_tokens"),
        audio_output_tokens=count(completion, "audio_tokens"),
        image_input_tokens=count(prompt, "image_tokens"),
        image_output_tokens=count(completion, "image_tokens"),
        queries=count(child(usage, "server_tool_use"), "web_search_requests")
        or count(prompt, "web_search_requests"),
        service_tier=tier_of(body),
    )
