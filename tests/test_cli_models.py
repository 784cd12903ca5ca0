"""`sekisho models`: list, show and check, as an operator uses them."""

import json

from .gateway import Gateway, sekisho


def test_list_names_every_model(gateway: Gateway) -> None:
    """The list has each alias with its clouds, and says what was left out."""
    answer = sekisho(gateway.home, "models", "list", "--json", variables=gateway.variables)
    found = {(m["alias"], m["cloud"]) for m in json.loads(answer.out)}
    assert {("claude-sonnet-4-6", "bedrock"), ("claude-sonnet-4-6", "vertex")} <= found
    empty = sekisho(gateway.home, "models", "list")
    assert "Azure left out: set AZURE_API_BASE and AZURE_API_KEY" in empty.err


def test_show_has_no_secret(gateway: Gateway) -> None:
    """One model is shown with references to its credentials, never with their values."""
    answer = sekisho(gateway.home, "models", "show", "gpt-4.1", variables=gateway.variables)
    assert answer.code == 0
    assert "os.environ/AZURE_API_KEY" in answer.out
    assert "simulated" not in answer.out


def test_an_unknown_model(gateway: Gateway) -> None:
    """An unknown alias is one line with what to type, and exit code 1."""
    answer = sekisho(gateway.home, "models", "show", "gpt-9000")
    assert answer.code == 1
    assert answer.err == (
        "Error: there is no model gpt-9000 here; 'sekisho models list' lists them\n"
    )


def test_check_asks_each_model(gateway: Gateway, key: str) -> None:
    """One request goes to each model that is named, whatever its kind."""
    names = ("demo", "gpt-4.1", "titan-embed-text-v2", "cohere-rerank-3.5", "tts-1")
    more = ("gpt-4o-mini-transcribe", "gpt-image-2")
    answer = sekisho(
        gateway.home,
        *("models", "check", *names, *more, "--json"),
        variables={**gateway.variables, "SEKISHO_KEY": key},
    )
    assert answer.code == 0, answer.out
    assert [(r["alias"], r["ok"]) for r in json.loads(answer.out)] == [
        (name, True) for name in (*names, *more)
    ]
