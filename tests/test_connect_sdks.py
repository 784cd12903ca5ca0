"""The programs that `sekisho connect` prints for SDKs run as they stand."""

import os
from pathlib import Path
from typing import Any

import pytest
from sekisho.connect.clients import CLIENTS
from sekisho.connect.models import Model
from sekisho.connect.target import Place, Target

from .gateway import Gateway

MODELS = {
    "openai-python": "gpt-4.1",
    "anthropic-python": "claude-sonnet-4-6",
    "google-genai": "gemini-3.8-flash",
    "litellm": "nova-pro",
}


# LiteLLM's library makes Pydantic warn of a type of its own.
@pytest.mark.filterwarnings("ignore:.*ReadOnly.*qualifier:UserWarning")
@pytest.mark.parametrize("client", MODELS)
def test_the_program_runs(
    client: str,
    gateway: Gateway,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the variables that are printed, the program that is printed prints an answer."""
    model = Model(MODELS[client], None, None, tools=True, images=False, reasoning=False)
    place = Place(Path("/nowhere"), {})
    plan = CLIENTS[client].plan(Target(gateway.url, key, (), model, model, place))
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "ANTHROPIC_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    for name, value in plan.variables.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    exec(compile(plan.example, client, "exec"), names)
    close = getattr(names.get("client"), "close", None)
    if close is not None:
        close()
    assert capsys.readouterr().out == "This is a simulated answer.\n"
