"""The verdict "every model is priced": each alias, for every unit that its mode bills."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .catalog import Catalog, load
from .overrides import Priced, price_of
from .price import Price


@dataclass(frozen=True, slots=True)
class Finding:
    """A deployment without a price, or whose price lacks units that the model bills."""

    deployment_id: str
    alias: str
    price_id: str
    missing: tuple[str, ...]

    def __str__(self) -> str:
        """One line that says what has no price."""
        if not self.missing:
            return f"{self.alias} ({self.deployment_id}): no price for {self.price_id}"
        units = ", ".join(self.missing)
        return f"{self.alias} ({self.deployment_id}): {self.price_id} has no price for {units}"


def check(deployments: Iterable[Priced], catalog: Catalog | None = None) -> list[Finding]:
    """What is not priced, in the order of the deployments; empty when everything is."""
    known = catalog or load()
    findings: list[Finding] = []
    for one in deployments:
        price = price_of(one, known)
        missing = () if price is None else tuple(_missing(one, price))
        if price is None or missing:
            findings.append(Finding(one.id, one.alias, one.price_id, missing))
    return findings


def _missing(one: Priced, price: Price) -> Iterator[str]:
    if price.units & {"request", "passed_through"}:
        return  # an agent's, which covers the answer whatever is in it
    for alternatives in _needed(one):
        if not any(set(group) <= price.units for group in alternatives):
            yield " or ".join("+".join(group) for group in alternatives)


Alternatives = tuple[tuple[str, ...], ...]

_BY_MODE: dict[str, tuple[Alternatives, ...]] = {
    "chat": ((("input",),), (("output",),)),
    "responses": ((("input",),), (("output",),)),
    "embedding": ((("input",), ("image",), ("second",)),),
    "rerank": ((("query",), ("input",)),),
    "image": ((("image",), ("input", "image_output"), ("input", "output")),),
    "transcription": ((("second",), ("audio_input", "output")),),
    "speech": ((("character",), ("input", "audio_output"), ("input", "output"), ("second",)),),
}


def _needed(one: Priced) -> Iterator[Alternatives]:
    yield from _BY_MODE.get(one.mode, ())
    if one.mode not in ("chat", "responses"):
        return
    if one.model_info.get("supports_prompt_caching"):
        yield (("cache_read",),)
        # Claude and Nova bill what they write to the cache; only Claude has an hour-long one.
        if "claude" in one.price_id:
            yield (("cache_write_5m", "cache_write_1h"),)
        elif "amazon.nova" in one.price_id:
            yield (("cache_write_5m",),)
    if one.model_info.get("supports_audio_input"):
        yield (("audio_input",),)
    if one.model_info.get("supports_web_search"):
        yield (("query",),)
