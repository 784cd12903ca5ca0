"""Our model files: what we offer, that it is current, and that a stock LiteLLM can read it."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from sekisho.pricing.importer import find, litellm_map
from sekisho.providers import entries, known_keys, loader
from sekisho.providers.deployment import Deployment

EVERYWHERE = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "VERTEXAI_PROJECT": "p",
    "VERTEXAI_LOCATION": "global",
    "GOOGLE_APPLICATION_CREDENTIALS": "{}",
    "AZURE_API_BASE": "https://x.services.ai.azure.com",
    "AZURE_API_KEY": "k",
}
TODAY = "2026-11-21"
LOADED = loader.load(EVERYWHERE)
# ALIAS-CLOUD repeats what ALIAS has.
PLAIN = [d for d in LOADED.deployments if not re.search("-(bedrock|vertex|azure)$", d.alias)]

VENDORS = {
    "Amazon": "amazon|nova|titan",
    "Anthropic": "claude",
    "Cohere": "cohere|command",
    "DeepSeek": "deepseek",
    "Google": "gemini|^text-(multilingual-)?embedding-00",
    "Meta": "llama",
    "Mistral": "mistral|magistral|ministral|devstral|codestral",
    "OpenAI": "gpt|^text-embedding-3|^tts",
    "Qwen": "qwen",
    "Stability AI": "^stable",
}


def offered(*modes: str) -> dict[str, int]:
    """How many distinct aliases of these modes there are, by vendor."""
    aliases = {one.alias for one in PLAIN if one.mode in modes}
    by_vendor = {v: sum(bool(re.search(p, a)) for a in aliases) for v, p in VENDORS.items()}
    assert sum(by_vendor.values()) == len(aliases), "an alias without a vendor, or with two"
    return {vendor: count for vendor, count in by_vendor.items() if count}


def test_nothing_of_ours_is_left_out_when_all_clouds_are_set_up() -> None:
    """With credentials for all three clouds, every model of the files is served."""
    assert LOADED.skipped == ()


def test_chat_models() -> None:
    """67 chat models of nine vendors over the three clouds."""
    assert offered("chat", "responses") == {
        "Amazon": 4,
        "Anthropic": 10,
        "Cohere": 1,
        "DeepSeek": 5,
        "Google": 6,
        "Meta": 3,
        "Mistral": 9,
        "OpenAI": 23,
        "Qwen": 6,
    }


def test_embeddings() -> None:
    """11 embedding models of four vendors."""
    assert offered("embedding") == {"Amazon": 2, "Cohere": 3, "Google": 4, "OpenAI": 2}


def test_rerankers() -> None:
    """4 rerankers of two vendors."""
    assert offered("rerank") == {"Amazon": 1, "Cohere": 3}


def test_image_models() -> None:
    """10 image models of three vendors (Amazon's last one ended on 2026-09-30)."""
    assert offered("image") == {"Google": 3, "OpenAI": 4, "Stability AI": 3}


def test_audio_models() -> None:
    """8 audio models of two vendors, both directions."""
    assert offered("transcription") == {"Google": 1, "OpenAI": 3}
    assert offered("speech") == {"Google": 2, "OpenAI": 2}


def test_models_on_several_clouds() -> None:
    """A model on several clouds is one alias with a deployment on each."""
    clouds: dict[str, set[str]] = {}
    for one in PLAIN:
        clouds.setdefault(one.alias, set()).add(one.cloud)
    assert clouds["claude-sonnet-4-6"] == {"bedrock", "vertex", "azure"}
    assert clouds["gpt-oss-120b"] == {"bedrock", "vertex", "azure"}
    assert clouds["gpt-6-sol"] == {"bedrock", "azure"}
    assert clouds["cohere-embed-v4"] == {"bedrock", "azure"}
    assert sum(len(found) > 1 for found in clouds.values()) == 21


def test_an_alias_for_each_cloud() -> None:
    """Each of those models also has one alias for each of its clouds, with one deployment."""
    pinned = [d for d in LOADED.deployments if d not in PLAIN]
    assert {d.alias for d in pinned if d.alias.startswith("claude-sonnet-4-6-")} == {
        "claude-sonnet-4-6-bedrock",
        "claude-sonnet-4-6-vertex",
        "claude-sonnet-4-6-azure",
    }
    assert len({d.alias for d in pinned}) == len(pinned)
    assert all(one.alias.endswith(f"-{one.cloud}") for one in pinned)


def test_names_are_plain() -> None:
    """Aliases are lower case, without a cloud's prefixes, versions or slashes."""
    for one in LOADED.deployments:
        assert re.fullmatch(r"[a-z][a-z0-9.-]+", one.alias)
        assert not re.search(r"anthropic|:0|-v1$|maas|instruct", one.alias)


def test_claude_aliases_begin_with_claude() -> None:
    """Claude Code's picker shows only names that begin with `claude`."""
    for one in LOADED.deployments:
        assert ("claude" in one.model) == one.alias.startswith("claude-")


def test_ids_are_unique_and_known_to_litellm() -> None:
    """Every deployment has its own readable id, which LiteLLM gets as well."""
    ids = [one.id for one in LOADED.deployments]
    assert len(set(ids)) == len(ids)
    assert all(one.model_info["id"] == one.id for one in LOADED.deployments)
    assert {"claude-sonnet-4-6@bedrock", "claude-sonnet-4-6-vertex@vertex"} <= set(ids)


@pytest.mark.parametrize("one", PLAIN, ids=lambda one: one.id)
def test_current_and_with_the_right_sizes(one: Deployment) -> None:
    """No model has ended, and context sizes are those of LiteLLM's map."""
    # A reranker is called by its ARN; its price id is the plain id that LiteLLM's map has.
    model = one.price_id if one.mode == "rerank" else one.model
    found = find(str(one.model_info.get("base_model") or model))
    assert found is not None, "LiteLLM does not know it"
    assert found[1].get("deprecation_date", "9") > TODAY
    if one.mode in ("chat", "responses"):
        for key in ("max_input_tokens", "max_output_tokens"):
            assert one.model_info[key] == found[1][key]


def test_amazon_has_no_current_image_model() -> None:
    """When LiteLLM's map knows one again, it belongs into bedrock.yaml."""
    current = {
        key
        for key, info in litellm_map().items()
        if info.get("mode") == "image_generation"
        and re.search(r"amazon\.(nova|titan)", key)
        and info.get("deprecation_date", "9") > TODAY
    }
    assert current == {"amazon.titan-image-generator-v1"}  # ended long ago, without a date there


def files() -> Iterable[Path]:
    """Our model files."""
    return [loader.FOLDER / f"{cloud}.yaml" for cloud in loader.CLOUDS]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_plain_litellm_files(path: Path) -> None:
    """A file holds a `model_list` and nothing else, and every address and key is a variable."""
    parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert list(parsed) == ["model_list"]
    for entry in parsed["model_list"]:
        for key, value in entry["litellm_params"].items():
            if key.endswith(("api_base", "api_key", "endpoint", "credentials", "project")):
                assert value is None or value.startswith("os.environ/")


def test_not_reasoning_azure_models_drop_what_codex_sends() -> None:
    """Codex sends `include` and `reasoning` to every model; these would refuse both."""
    dropping = {d.alias for d in PLAIN if "additional_drop_params" in d.params}
    assert dropping == {"gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini"}


def test_responses_only_models() -> None:
    """Models without chat completions go by LiteLLM's Responses route."""
    found = {d.alias: d.model for d in PLAIN if d.mode == "responses"}
    assert found == {
        "gpt-5.5-pro": "azure/responses/gpt-5.5-pro",
        "gpt-5.3-codex": "azure/responses/gpt-5.3-codex",
    }


def test_known_keys_are_those_of_the_installed_litellm() -> None:
    """After an upgrade of LiteLLM, litellm_keys.py has to be made anew."""
    fresh = known_keys.from_litellm()
    assert {part: frozenset(keys) for part, keys in fresh.items()} == known_keys.known()


def test_every_entry_is_checked() -> None:
    """All entries of our files pass the same checks as an operator's."""
    assert sum(len(entries.read(path)) for path in files()) == len(PLAIN) == 132
