"""What agents as models take for granted of LiteLLM."""

import inspect
from decimal import Decimal
from types import SimpleNamespace

import pytest
from litellm.litellm_core_utils.get_llm_provider_logic import get_llm_provider
from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper
from litellm.types.router import LiteLLM_Params
from litellm.types.utils import Usage
from sekisho.callbacks.attempts import Attempts


def test_an_agents_address_is_openais_api_under_another_name() -> None:
    """`custom_openai/NAME` is asked for as NAME, at `api_base`."""
    model, provider, _, base = get_llm_provider("custom_openai/desk", api_base="http://desk/v1")
    assert (model, provider, base) == ("desk", "custom_openai", "http://desk/v1")


def test_responses_can_be_asked_for_as_chat_completions() -> None:
    """A parameter of a deployment says so."""
    assert "use_chat_completions_api" in LiteLLM_Params.model_fields


def test_each_piece_of_a_stream_comes_to_one_method() -> None:
    """`told_costs` stands before it."""
    method = CustomStreamWrapper.handle_openai_chat_completion_chunk
    assert list(inspect.signature(method).parameters)[-1] == "chunk"


@pytest.mark.parametrize(
    ("told", "usd"),
    [(0.0123, "0.0123"), (0, "0"), (1e-9, "1E-9"), (-1, None), (float("nan"), None), (None, None)],
)
def test_a_told_cost(told: float | None, usd: str | None) -> None:
    """LiteLLM's usage keeps `cost`; only what can be USD is one."""
    attempts = Attempts()
    attempts.note_cost(SimpleNamespace(usage=Usage(prompt_tokens=1, cost=told)))
    assert attempts.told_usd == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize("told", [True, "0.5", {"total": 1}])
def test_what_is_no_number_is_no_cost(told: object) -> None:
    """Nor does it take away what was told before."""
    attempts = Attempts(told_usd=Decimal(1))
    attempts.note_cost(SimpleNamespace(usage=SimpleNamespace(cost=told)))
    attempts.note_cost(SimpleNamespace(usage=None))
    assert attempts.told_usd == 1
