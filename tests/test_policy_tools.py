"""A request with tools is never answered by a model without: such a chain is refused at start."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from sekisho import config, fallbacks
from sekisho.providers.loader import load as load_providers

from .gateway import sekisho

Json = dict[str, Any]
REMEDY = (
    "a request with tools could be answered by a model that can't call them; choose another "
    "model, or set model_info.supports_function_calling: true if it has them"
)


def model(alias: str, tools: bool | None, mode: str = "chat") -> Json:
    """An operator's own model, free of charge, that says whether it has tools, or doesn't."""
    info: Json = {"mode": mode, "input_cost_per_token": 0, "output_cost_per_token": 0}
    if tools is not None:
        info["supports_function_calling"] = tools
    params = {"model": f"openai/{alias}-{tools}", "api_key": "k"}
    return {"model_name": alias, "litellm_params": params, "model_info": info}


MODELS = [
    model("able", True),
    model("other", True),
    model("unable", False),
    model("unsaid", None),
    model("drawing", False, "image_generation"),
]


def loaded(folder: Path, router: Json, models: list[Json] | None = None) -> config.Configuration:
    """The configuration of a file with these models and this router."""
    written = {"model_list": models or MODELS, "router_settings": router}
    (folder / "x.yaml").write_text(yaml.safe_dump(written))
    return config.load({"config": str(folder / "x.yaml")}, {})


@pytest.mark.parametrize(
    ("router", "says"),
    [
        ({"fallbacks": [{"able": ["unable"]}]}, "able may fall back to unable"),
        ({"fallbacks": [{"able": ["other", "unable"]}]}, "able may fall back to unable"),
        ({"fallbacks": [{"able": ["other"]}, {"other": ["unable"]}]}, "able may fall back to"),
        ({"context_window_fallbacks": [{"able": ["unable"]}]}, "able may fall back to unable"),
        ({"content_policy_fallbacks": [{"unsaid": ["unable"]}]}, "unsaid may fall back to unable"),
        ({"default_fallbacks": ["unable"]}, "able may fall back to unable"),
        ({"fallbacks": [{"*": ["unable"]}]}, "able may fall back to unable"),
    ],
)
def test_a_chain_that_loses_tools(tmp_path: Path, router: Json, says: str) -> None:
    """However a model without tools comes to stand in for one with, it is told in one line."""
    with pytest.raises(config.ConfigurationError) as caught:
        loaded(tmp_path, router)
    assert str(caught.value).startswith(f"x.yaml: fallbacks: {says}")
    assert str(caught.value).endswith(f" has no tools: {REMEDY}")


@pytest.mark.parametrize(
    "router",
    [
        {"fallbacks": [{"able": ["other", "unsaid"]}]},
        {"fallbacks": [{"unable": ["able"]}]},
        {"fallbacks": [{"able": ["nowhere"]}]},
        {"fallbacks": [{"unable": ["drawing"]}]},
        {},
    ],
)
def test_a_chain_that_keeps_tools(tmp_path: Path, router: Json) -> None:
    """Models with tools may stand in for each other; one without may be replaced by any."""
    assert len(loaded(tmp_path, router).deployments) == 5


def test_an_alias_of_both_kinds(tmp_path: Path) -> None:
    """Deployments of one alias stand in for each other, so they must be alike."""
    with pytest.raises(config.ConfigurationError) as caught:
        loaded(tmp_path, {}, [model("mixed", True), model("mixed", False)])
    assert str(caught.value) == (
        "x.yaml: model_list: mixed: openai/mixed-False has no tools and other models of this "
        f"alias do: {REMEDY}"
    )


def test_our_own_models_are_alike() -> None:
    """No alias of our files has tools on one cloud and none on another."""
    everywhere = {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AZURE_API_BASE": "https://x.services.ai.azure.com",
        "AZURE_API_KEY": "k",
        "VERTEXAI_PROJECT": "p",
        "VERTEXAI_LOCATION": "global",
        "SEKISHO_CLOUDS": "bedrock vertex azure",
    }
    deployments = load_providers(everywhere).deployments
    assert {one.cloud for one in deployments} == {"bedrock", "vertex", "azure"}
    models = [one.as_litellm() for one in deployments]
    assert fallbacks.trouble({"model_list": models}, deployments) is None


def test_the_gateway_does_not_start(tmp_path: Path) -> None:
    """`sekisho up` says it in one line and ends, before anything is opened."""
    written = {"model_list": MODELS, "router_settings": {"fallbacks": [{"able": ["unable"]}]}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(written))
    answer = sekisho(tmp_path, "up", "--config", str(tmp_path / "x.yaml"))
    assert answer.code == 2
    assert answer.err == (
        "Error: x.yaml: fallbacks: able may fall back to unable, and unable has no tools: "
        f"{REMEDY}\n"
    )
