"""Which models LiteLLM may ask instead of another, and that a budget is ready for the dearest."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sekisho import config
from sekisho import fallbacks as chains
from sekisho.gate.fleet import Fleet
from sekisho.gate.worst_case.cost import most
from sekisho.pricing import catalog

Json = dict[str, Any]


def _litellm(router: Json, settings: Json | None = None, aliases: str = "a b c d") -> Json:
    """A file for LiteLLM with these models and settings."""
    models = [{"model_name": name} for name in aliases.split()]
    return {"model_list": models, "router_settings": router, "litellm_settings": settings or {}}


@pytest.mark.parametrize(
    ("litellm", "found"),
    [
        (_litellm({}), {}),
        ({"model_list": []}, {}),
        (_litellm({"fallbacks": [{"a": ["b"]}]}), {"a": ("b",)}),
        (_litellm({}, {"fallbacks": [{"a": ["b", "c"]}]}), {"a": ("b", "c")}),
        (_litellm({"context_window_fallbacks": [{"a": ["b"]}]}), {"a": ("b",)}),
        (_litellm({"content_policy_fallbacks": [{"a": ["b"]}]}), {"a": ("b",)}),
        (
            _litellm({"fallbacks": [{"a": ["b"]}, {"c": ["d"]}]}, {"fallbacks": [{"a": ["d"]}]}),
            {"a": ("d", "b"), "c": ("d",)},
        ),
        (
            _litellm({"default_fallbacks": ["d"]}),
            {"a": ("d",), "b": ("d",), "c": ("d",), "d": ()},
        ),
        (
            _litellm({"fallbacks": [{"*": ["d"]}, {"a": ["b"]}]}),
            {"a": ("b", "d"), "b": ("d",), "c": ("d",), "d": ()},
        ),
        (_litellm({"fallbacks": None, "default_fallbacks": []}), {}),
    ],
    ids=[
        "none",
        "no models",
        "one",
        "litellm_settings",
        "context window",
        "content policy",
        "both sections",
        "default",
        "star",
        "empty",
    ],
)
def test_fallbacks(litellm: Json, found: dict[str, tuple[str, ...]]) -> None:
    """Every way to name fallbacks is read, from both sections of the file."""
    assert chains.of(litellm) == found


@pytest.mark.parametrize(
    ("chain", "reached"),
    [
        ([{"a": ["b"]}, {"b": ["c"]}, {"c": ["d"]}], {"b", "c", "d"}),
        ([{"a": ["b"]}, {"b": ["a"]}], {"b"}),
        ([{"a": ["a", "b"]}], {"b"}),
        ([{"a": ["b", "c"]}, {"b": ["d"]}, {"c": ["d"]}], {"b", "c", "d"}),
    ],
    ids=["chain", "circle", "itself", "diamond"],
)
def test_fallbacks_of_fallbacks(chain: list[Json], reached: set[str]) -> None:
    """What can be reached by several steps is found, once, and circles end."""
    found = chains.of(_litellm({"fallbacks": chain}))["a"]
    assert (set(found), len(found)) == (reached, len(reached))


def _model(alias: str, usd: float) -> Json:
    """A model of an operator's own: USD for each token of an answer; prompts are free."""
    info = {"mode": "chat", "max_output_tokens": 9000, "max_input_tokens": 9000}
    prices = {"input_cost_per_token": 0, "output_cost_per_token": usd}
    params = {"model": f"openai/{alias}", "api_key": "k"}
    return {"model_name": alias, "litellm_params": params, "model_info": {**info, **prices}}


@pytest.mark.parametrize(
    ("alias", "fallbacks", "usd"),
    [
        ("cheap", [], "0.0001"),
        ("cheap", [{"cheap": ["middle"]}], "0.001"),
        ("cheap", [{"cheap": ["middle"]}, {"middle": ["dear"]}], "0.1"),
        ("cheap", [{"*": ["dear"]}], "0.1"),
        ("middle", [{"cheap": ["dear"]}], "0.001"),
        ("dear", [{"dear": ["cheap"]}], "0.1"),
    ],
)
def test_the_dearest_is_held(tmp_path: Path, alias: str, fallbacks: list[Json], usd: str) -> None:
    """An answer of 100 tokens may cost what the dearest model that can be reached takes for it."""
    written = {
        "model_list": [_model("cheap", 1e-6), _model("middle", 1e-5), _model("dear", 1e-3)],
        "router_settings": {"fallbacks": fallbacks},
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(written))
    loaded = config.load({"config": str(tmp_path / "x.yaml")}, {})
    fleet = Fleet(loaded.deployments, catalog.load(), chains.of(loaded.litellm))
    asked = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}
    assert most("chat", asked, b"", fleet.choices(alias)) == Decimal(usd)


def test_a_fallback_that_is_not_there(tmp_path: Path) -> None:
    """A fallback to a model that the file doesn't have can't answer, and costs nothing."""
    fleet = Fleet((), catalog.load(), {"a": ("b",)})
    assert fleet.choices("a") == []
