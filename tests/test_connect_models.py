"""Which models a client is offered, with which sizes, and which it starts with."""

from typing import Any

import pytest
from sekisho.connect import models
from sekisho.connect.clients import CLIENTS
from sekisho.connect.models import Model, NoModel
from sekisho.providers import loader
from sekisho.providers.credentials import EVERY_CLOUD

OURS = models.from_deployments(loader.load(EVERY_CLOUD).deployments)


def entry(name: str, **info: Any) -> dict[str, Any]:
    """A deployment in a gateway's answer."""
    return {"model_name": name, "litellm_params": {"model": name}, "model_info": info}


def test_the_least_of_all_clouds_counts() -> None:
    """An alias of several deployments has the sizes and abilities that each of them has."""
    both = {"mode": "chat", "supports_function_calling": True}
    answer = {
        "data": [
            entry("a", **both, supports_vision=True, max_input_tokens=9, max_output_tokens=5),
            entry("a", **both, max_input_tokens=8, max_output_tokens=6),
            entry("b"),
        ]
    }
    assert models.from_answer(answer) == [
        Model("a", 8, 5, tools=True, images=False, reasoning=False),
        Model("b", None, None, tools=False, images=False, reasoning=False),
    ]


@pytest.mark.parametrize("answer", [None, [], {"data": None}, {"data": [1, {"model_name": 3}]}])
def test_an_answer_that_is_none(answer: Any) -> None:
    """A gateway that answers something else has no models."""
    assert models.from_answer(answer) == []


def test_only_models_that_talk_are_listed() -> None:
    """Models for embeddings, pictures or speech, and twins that pin a cloud, are not offered."""
    found = {one.alias: one for one in models.usable(OURS, tools=True)}
    assert {"claude-sonnet-4-6", "gpt-4.1", "gpt-5.3-codex"} <= found.keys()
    assert not {"titan-embed-text-v2", "cohere-rerank-3.5", "tts-1", "gpt-image-2"} & found.keys()
    assert not {"claude-sonnet-4-6-bedrock", "claude-sonnet-4-6-vertex"} & found.keys()
    assert all(one.tools for one in found.values())
    assert all(one.context and one.output for one in found.values())


def test_a_gateway_without_tools_lists_what_it_has() -> None:
    """Where no model takes tools, the others are offered after all."""
    demo = Model("demo", 100_000, 10_000, tools=False, images=False, reasoning=False)
    assert models.usable([demo], tools=True) == [demo]


FIRST = {
    "claude-code": ("claude-sonnet-5-5", "claude-haiku-5-5"),
    "codex": ("gpt-6.1-sol", "gpt-6-luna"),
    "gemini-cli": ("gemini-3.1-pro", "gemini-3.8-flash"),
    "aider": ("claude-sonnet-5-5", "claude-haiku-5-5"),
    "openai-python": ("gpt-6.1-sol", "gpt-6-luna"),
    "google-genai": ("gemini-3.1-pro", "gemini-3.8-flash"),
}


@pytest.mark.parametrize("client", FIRST)
def test_what_a_client_starts_with(client: str) -> None:
    """The newest of the family that suits the client, and the newest small one of the maker."""
    found = CLIENTS[client]
    usable = models.usable(OURS, found.tools)
    main = models.first(usable, found.families)
    assert main is not None
    assert (main.alias, models.small_beside(usable, main).alias) == FIRST[client]


def test_a_pinned_model_can_be_asked_for() -> None:
    """Whoever names a twin gets it."""
    assert models.named(OURS, "claude-sonnet-4-6-vertex").alias == "claude-sonnet-4-6-vertex"


@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("claude-sonet-4-6", "there is no model claude-sonet-4-6: did you mean claude-sonnet-4-6"),
        ("zzz", "there is no model zzz: 'sekisho models list' lists them"),
        ("tts-1", "tts-1 is a model for speech, not for conversations"),
    ],
)
def test_a_model_that_cannot_be_used(alias: str, message: str) -> None:
    """The error names the nearest aliases, or what the model is for."""
    with pytest.raises(NoModel) as error:
        models.named(OURS, alias)
    assert str(error.value).startswith(message)
