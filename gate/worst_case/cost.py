"""What a request can cost at most, in USD, before it is sent: so much of a budget is reserved.

It has to be a bound that a developer can work with: never less than the true cost for ordinary
requests, and not ten times as much. The rules:

* A token of text for each byte, or half of one for letters; `weight` has the figures
  measured, and for which texts this is no bound. Never more input than the model takes
  (`max_input_tokens`): the provider refuses the rest.
* Pictures, files, sounds and films: `media`, each with its source. What the provider has
  to fetch (a PDF by address, a former response, a stored prompt) counts as the whole window.
* The answer is as long as the client allows and the model can, for each choice. Thinking is part
  of both with every vendor; where no limit is set, LiteLLM's own (budget + 4096) is below it too.
* Each token costs what the dearest of its kind costs. Input is written to a cache by Claude when
  `cache_control` is in the body (an hour's when `1h` is), and by models with only one price for
  that (GPT since 5.6, Nova) without being asked.
* The service tier that was asked for, or the standard one if that is dearer; any when unclear.
* Tools that the provider runs are used `max_uses` times, else 10 times; each use finds 10,000
  tokens (OpenAI bills 8,000 for mini models, "Pricing") and is another turn that reads everything
  again. No vendor documents a bound.
* An agent costs what its price rule says for a request; one that tells its cost itself, what the
  rule names as the most, else nothing in advance.
* Of all deployments of the alias the dearest: balancing and retries may take any.

No bound, therefore: letters at random and base64 written as text; a PDF with less than 3 KB a page;
films of less than 100 kbit/s; pictures beyond 12 megapixels for GPT-6; results of tools beyond the
above; a sound file whose header lies; retries that a provider bills although they failed. The true
cost is settled all the same: a budget can be passed once, by what the requests that run at that
moment cost more than foreseen, and the next one is refused.

Claude Code's turn of 640 KB with `max_tokens` 32000 and a cache, claude-sonnet-4-6: 1.89 USD.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...pricing.price import Price, Rates
from ...pricing.units import BY_NAME
from ...pricing.usage import Usage
from ...providers.deployment import Deployment
from .. import estimate
from . import google
from .usage import at_most
from .weight import Weight, weigh

FREE = Decimal(0)
MOST_PICTURES = 16
"""Pictures of one edit (platform.openai.com, API reference, "Create image edit")."""
_SOUND_BYTES_OF_TOKEN = 500  # 128 kbit/s and 32 tokens a second
_STANDARD = (None, "", "default", "standard", "standard_only")


def most(
    operation: str,
    asked: Mapping[str, Any],
    upload: bytes,
    choices: Sequence[tuple[Deployment, Price | None]],
    *,
    pictures: int = MOST_PICTURES,
) -> Decimal | None:
    """The most that a request can cost, in USD, on any of the deployments of its alias.

    None when one of them has no price. `upload` is a transcription's sound, `pictures` how many
    picture files the form of an edit has.
    """
    if operation == "count_tokens":
        return FREE
    if operation == "generate_content":
        asked = google.flat(asked)
    weight = Weight() if operation in ("embeddings", "rerank") else weigh(asked)
    dearest = FREE
    for deployment, price in choices:
        if price is None:
            return None
        usage = at_most(operation, asked, weight, upload, deployment, price, pictures)
        writes = _writes(weight, deployment, price)
        tiers = _tiers(asked, deployment, price)
        dearest = max(dearest, *(_usd(price, rates, usage, writes, asked) for rates in tiers))
    return dearest


def prompt_tokens(asked: Mapping[str, Any], upload: bytes) -> int:
    """About how many tokens the prompt has, for limits of tokens per minute."""
    return estimate.prompt_of(asked) + len(upload) // _SOUND_BYTES_OF_TOKEN


def _writes(weight: Weight, deployment: Deployment, price: Price) -> tuple[str, ...]:
    """The cache writes that input can be billed as."""
    if weight.caches == "1h":
        return ("cache_write_5m", "cache_write_1h")
    asked_for = weight.caches or "cache_control_injection_points" in deployment.params
    on_its_own = "cache_write_1h" not in price.standard.figures
    return ("cache_write_5m",) if asked_for or on_its_own else ()


def _tiers(asked: Mapping[str, Any], deployment: Deployment, price: Price) -> Iterator[Rates]:
    """The rates that can hold: a provider may serve the standard tier instead of another."""
    yield price.standard
    named = [asked.get("service_tier"), asked.get("serviceTier")]
    for tier in (*named, deployment.params.get("service_tier")):
        if isinstance(tier, str) and tier in price.tiers:
            yield price.tiers[tier]
        elif tier not in _STANDARD:
            yield from price.tiers.values()


def _usd(
    price: Price, rates: Rates, usage: Usage, writes: tuple[str, ...], asked: Mapping[str, Any]
) -> Decimal:
    figures = rates.at(usage.input_tokens)

    def dearest(*units: str) -> Decimal:
        return max(figures.get(unit, FREE) for unit in units)

    shown, heard = usage.image_input_tokens, usage.audio_input_tokens
    drawn = usage.image_output_tokens
    # A conversation may have pictures in its answer; elsewhere they are counted apart.
    pictured = "output" if drawn else "image_output"
    total = (usage.input_tokens - shown - heard) * dearest("input", "cache_read", *writes)
    total += shown * dearest("input", "image_input", *writes)
    total += heard * dearest("input", "audio_input", *writes)
    total += (usage.output_tokens - drawn) * dearest(
        "output", "reasoning", "audio_output", pictured
    )
    total += drawn * dearest("output", "image_output")
    total += usage.seconds * dearest("second") + usage.characters * dearest("character")
    total += usage.queries * dearest("query") + usage.images * _picture(price, asked)
    total += dearest("request") + (price.at_most or FREE)
    return max(total, _estimated(price, usage))


def _picture(price: Price, asked: Mapping[str, Any]) -> Decimal:
    named = price.images.get(f"{asked.get('size')}/{asked.get('quality')}")
    return max(price.images.values(), default=FREE) if named is None else named


def _estimated(price: Price, usage: Usage) -> Decimal:
    """What the recorder takes when an answer says nothing of tokens (`Price.estimate`)."""
    each = price.estimate.items()
    return sum((getattr(usage, BY_NAME[unit].quantity) * usd for unit, usd in each), FREE)
