"""A price: what one model costs, unit by unit, with the source and the date of the figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

STANDARD_TIERS = frozenset({None, "", "standard", "default", "auto", "on_demand"})
"""Names under which providers report that a request ran in their standard service tier."""

MOST_USD = 1_000_000
"""What one answer costs is less: the log's column, decimal(18,12), holds no more."""


@dataclass(frozen=True, slots=True)
class Step:
    """Figures for requests with more than ``above`` input tokens (the whole request costs them)."""

    above: int
    figures: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Rates:
    """The figures of one service tier, in USD for ONE unit, and its long-context steps, rising."""

    figures: Mapping[str, Decimal]
    steps: tuple[Step, ...] = ()

    def at(self, input_tokens: int) -> Mapping[str, Decimal]:
        """The figures that hold for a request with that many input tokens."""
        figures = self.figures
        for step in self.steps:
            if input_tokens > step.above:
                figures = {**self.figures, **step.figures}
        return figures


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs.

    ``images`` prices a picture by ``size/quality``, ``size``, ``quality`` or ``default``.
    ``estimate`` holds the vendor's own rule of thumb (USD for a second of speech, for a picture)
    for answers that do not say how many tokens they cost.
    ``source`` says where the figures were read, ``date`` when.
    """

    id: str
    standard: Rates
    source: str
    date: date
    tiers: Mapping[str, Rates] = field(default_factory=dict[str, Rates])
    images: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    estimate: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    currency: str = "USD"
    at_most: Decimal | None = None
    """USD that one request can cost at most, when only the answer tells what it has cost."""

    def rates(self, service_tier: str | None) -> Rates | None:
        """The rates of a service tier; None when this price does not have that tier."""
        if service_tier in STANDARD_TIERS:
            return self.standard
        return self.tiers.get(str(service_tier))

    def image(self, size: str | None, quality: str | None) -> Decimal | None:
        """USD for one picture of that size (``1024x1024``) and quality; None when not priced."""
        for key in (f"{size}/{quality}", size, quality, "default"):
            if key is not None and key in self.images:
                return self.images[key]
        return None

    @property
    def units(self) -> frozenset[str]:
        """Names of all units that have a figure."""
        return frozenset(self.standard.figures) | frozenset(["image"] if self.images else [])
