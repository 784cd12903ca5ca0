"""Mistakes in model files: one line each, with the file, the entry and the nearest known key."""

from pathlib import Path

import pytest
from sekisho.providers.deployment import ConfigError
from sekisho.providers.entries import read
from sekisho.providers.loader import from_model_list, load

WRONG = [
    ("[]", "azure.yaml: must hold model_list: and nothing else"),
    ("model_list: []\ngeneral_settings: {}", "azure.yaml: must hold model_list: and nothing else"),
    ("model_list: {}", "azure.yaml: model_list must be a list"),
    ("model_list: [a]", "azure.yaml: entry 1: must be a mapping"),
    (
        "model_list:\n- litellm_params: {model: azure/x}",
        "azure.yaml: entry 1: has no model_name",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_parms: {model: azure/x}",
        "azure.yaml: a: unknown key litellm_parms, did you mean litellm_params?",
    ),
    ("model_list:\n- model_name: a", "azure.yaml: a: litellm_params: must be a mapping"),
    (
        "model_list:\n- model_name: a\n  litellm_params: {api_key: k}",
        "azure.yaml: a: litellm_params has no model",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/x, rpmm: 3}",
        "azure.yaml: a: litellm_params: unknown key rpmm, did you mean rpm?",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/x, api_vesion: 3}",
        "azure.yaml: a: litellm_params: unknown key api_vesion, did you mean api_version?",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/x, zzzz: 3}",
        "azure.yaml: a: litellm_params: unknown key zzzz",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/x}\n"
        "  model_info: {base_modle: azure/gpt-5.5}",
        "azure.yaml: a: model_info: unknown key base_modle, did you mean base_model?",
    ),
    (
        "model_list:\n- model_name: a\n  litellm_params: {model: azure/x}\n"
        "  model_info: {mode: embeding}",
        "azure.yaml: a: unknown mode embeding, did you mean embedding?",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake is one line; loading stops there instead of serving something else."""
    (tmp_path / "azure.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, tmp_path)
    assert str(caught.value) == message


def test_broken_yaml_is_one_line(tmp_path: Path) -> None:
    """A file that is not YAML is named in one line."""
    (tmp_path / "azure.yaml").write_text("model_list: [")
    with pytest.raises(ConfigError, match=r"^azure\.yaml: not YAML: .+$") as caught:
        read(tmp_path / "azure.yaml")
    assert "\n" not in str(caught.value)


def test_an_operators_list_is_checked_too() -> None:
    """The same checks hold for the model list of the main configuration file."""
    entry = {"model_name": "a", "litellm_params": {"model": "openai/x", "tempratur": 1}}
    message = (
        "^litellm_config.yaml: a: litellm_params: unknown key tempratur, "
        "did you mean temperature\\?$"
    )
    with pytest.raises(ConfigError, match=message):
        from_model_list([entry], "litellm_config.yaml", {})
