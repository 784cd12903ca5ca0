"""What a provider bills for one request, as counted by the provider itself."""

from dataclasses import dataclass, fields
from decimal import Decimal

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Usage:
    """The billed quantities of one request; 0 means "none of it".

    ``input_tokens`` counts ALL prompt tokens, cache reads, cache writes, audio and image ones
    included (OpenTelemetry's ``gen_ai.usage.input_tokens``), and ``output_tokens`` ALL completion
    tokens, reasoning, audio and image ones included. The parts are disjoint: an audio token read
    from a cache is a cache read, not an audio token.

    ``images`` are generated images (or embedded ones), ``seconds`` are seconds of audio or video,
    ``queries`` are rerank queries or, for a chat model, web searches. ``requests`` is 1 where an
    agent bills each answer, ``told_usd`` what an agent says itself that its answer costs.

    Raises ValueError when a quantity is negative.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_write_5m_input_tokens: int = 0
    cache_write_1h_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    images: int = 0
    seconds: Decimal = _ZERO
    characters: int = 0
    queries: int = 0
    pages: int = 0
    requests: int = 0
    told_usd: Decimal = _ZERO
    service_tier: str | None = None
    """``priority`` or ``flex``; None, ``default``, ``auto`` and ``standard`` are the usual one."""
    image_size: str | None = None
    """``1024x1024``; some prices depend on it."""
    image_quality: str | None = None
    """``low``, ``standard``, ``hd`` …; some prices depend on it."""

    def __post_init__(self) -> None:
        """Refuse negative quantities."""
        for name in QUANTITIES:
            if getattr(self, name) < 0:
                raise ValueError(f"usage: {name} is negative: {getattr(self, name)}")

    def __add__(self, other: "Usage") -> "Usage":
        """The two usages together (the parts of one answer that arrive in several events).

        Tier, size and quality are taken from the left one, or else from the right one.
        """
        summed = {name: getattr(self, name) + getattr(other, name) for name in QUANTITIES}
        return Usage(
            **summed,
            service_tier=self.service_tier or other.service_tier,
            image_size=self.image_size or other.image_size,
            image_quality=self.image_quality or other.image_quality,
        )


_NOT_QUANTITIES = {"service_tier", "image_size", "image_quality"}
QUANTITIES = tuple(f.name for f in fields(Usage) if f.name not in _NOT_QUANTITIES)
"""Names of the fields of Usage that are counted (and so can be added up)."""
