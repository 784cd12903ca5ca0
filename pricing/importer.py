"""Reads LiteLLM's own model map as entries of our price files.

A maintenance tool: ``diff.py`` compares with it, and a new model's entry can be started from it.
The reviewed truth stays in ``prices/*.yaml``. LiteLLM is not imported (that takes seconds); only
its JSON file is read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from .units import MILLION

MAP_DAY = date(2026, 11, 21)
"""When the bundled map was read; only there because every price has a date."""
MAP_FILE = "model_prices_and_context_window_backup.json"

_FIELDS = {
    "input": "input_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "audio_input": "input_cost_per_audio_token",
    "image_input": "input_cost_per_image_token",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_output": "output_cost_per_audio_token",
    "image_output": "output_cost_per_image_token",
}
_INPUTS = frozenset({"input", "audio_input", "image_input"} | {f for f in _FIELDS if "cache" in f})
_STEP = re.compile(r"_above_(\d+)k_tokens")
Entry = dict[str, Any]


@cache
def litellm_map() -> dict[str, dict[str, Any]]:
    """The model map that is bundled with the installed LiteLLM."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("litellm is not installed")
    parsed: object = json.loads((Path(spec.origin).parent / MAP_FILE).read_bytes())
    return cast("dict[str, dict[str, Any]]", parsed)


def find(price_id: str) -> tuple[str, dict[str, Any]] | None:
    """LiteLLM's entry for a price id of ours, with the key it was found under."""
    known = litellm_map()
    provider, _, model = price_id.partition("/")
    keys = (price_id, model) if provider in ("bedrock", "vertex_ai") else (price_id,)
    return next(((key, known[key]) for key in keys if key in known), None)


def entry(price_id: str) -> Entry | None:
    """LiteLLM's figures for a price id, as an entry of our files; None when it has none."""
    found = find(price_id)
    if found is None:
        return None
    key, info = found
    made = convert(info)
    if not made:
        return None
    url = _vendor_page(info.get("source"))
    read = f"litellm {version('litellm')} model map, entry {key}"
    made["source"] = f"{url} (as read in the {read})" if url else read
    return made


def convert(info: Mapping[str, Any]) -> Entry:
    """LiteLLM's cost fields (USD per one unit) as figures of our files, without source and date."""
    made: Entry = _tokens(info, "", "")
    for above in sorted(_steps(info)):
        made[f"above_{above}000"] = _complete(_tokens(info, f"_above_{above}k_tokens", ""), made)
    for tier in ("priority", "flex"):
        figures = _tokens(info, "", f"_{tier}")
        if "input" not in figures:
            continue
        figures = _complete(figures, made)
        for above in sorted(_steps(info)):
            step = _tokens(info, f"_above_{above}k_tokens", f"_{tier}")
            base = made[f"above_{above}000"]
            figures[f"above_{above}000"] = _complete(step, base, made, figures)
        made[tier] = figures
    return {**made, **_others(info)}


def _steps(info: Mapping[str, Any]) -> set[int]:
    found = (_STEP.search(key) for key in info if key.startswith("input_cost_per_token_above"))
    longest = info.get("max_input_tokens") or 10**9
    return {int(match[1]) for match in found if match and int(match[1]) * 1000 <= longest}


def _tokens(info: Mapping[str, Any], step: str, tier: str) -> Entry:
    made: Entry = {}
    for unit, name in _FIELDS.items():
        figure = info.get(f"{name}{step}{tier}")
        if isinstance(figure, int | float) and figure:
            made[unit] = text(exact(figure) * MILLION)
    if made.get("reasoning") == made.get("output"):
        made.pop("reasoning", None)
    return made


def _complete(tier: Entry, base: Entry, *ratio: Entry) -> Entry:
    """A tier's figures; those the map forgets follow the ratio of its input or output figure."""
    top, over = (ratio[1], ratio[0]) if ratio else (tier, base)
    made: Entry = {}
    for unit in (u for u in base if u in _FIELDS):
        lead = "input" if unit in _INPUTS else "output"
        if unit in tier:
            made[unit] = tier[unit]
        else:
            lead = lead if lead in top else "input"
            made[unit] = text(Decimal(base[unit]) * Decimal(top[lead]) / Decimal(over[lead]))
    return made


def _others(info: Mapping[str, Any]) -> Entry:
    return {unit: text(exact(figure)) for unit, figure in _found(info) if figure}


def _found(info: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    mode, provider = info.get("mode"), str(info.get("litellm_provider"))
    if mode == "rerank":
        yield "query", info.get("input_cost_per_query")
    elif mode in ("chat", "responses") and not provider.startswith("bedrock"):
        searches: Any = info.get("search_context_cost_per_query") or {}
        yield "query", searches.get("search_context_size_medium")
    elif mode == "audio_transcription" and "input_cost_per_audio_token" not in info:
        yield "second", info.get("input_cost_per_second")
    elif mode == "audio_speech":
        yield "character", info.get("input_cost_per_character", 0) * 1_000_000
    elif mode == "ocr":
        yield "page", info.get("ocr_cost_per_page")
    elif mode == "image_generation" and "output_cost_per_image_token" not in info:
        yield "image", info.get("output_cost_per_image")
    elif mode == "embedding" and "input_cost_per_image_token" not in info:
        yield "image", info.get("input_cost_per_image")
    yield "regional", info.get("regional_endpoint_uplift_multiplier")


def exact(figure: float | int) -> Decimal:
    """A figure of the map as the decimal it was meant to be (12 significant digits)."""
    return Decimal(f"{figure:.12g}")


def text(figure: Decimal) -> str:
    """A decimal as it stands in our files: plain digits, no needless zeros."""
    plain = f"{figure:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _vendor_page(source: object) -> str:
    url = str(source or "")
    if "management.azure.com" in url or "console.aws" in url or not url.startswith("http"):
        return ""  # somebody's own account, not a page to read
    return url.split("?", maxsplit=1)[0]
