"""What LiteLLM gets to read: our callbacks always, its own success log only when it has readers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sekisho import config

READERS: list[dict[str, Any]] = [
    {"litellm_settings": {"callbacks": ["sekisho.callbacks.attempts.logger", "langfuse"]}},
    {"litellm_settings": {"success_callback": ["s3"]}},
    {"litellm_settings": {"cache": True}},
    {"router_settings": {"routing_strategy": "usage-based-routing-v2"}},
    {"router_settings": {"optional_pre_call_checks": ["enforce_model_rate_limits"]}},
    {"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a", "rpm": 10}}]},
]


@pytest.mark.parametrize("litellm", READERS)
def test_readers(litellm: dict[str, Any]) -> None:
    """A callback beside ours, a cache, and limits or routing by usage read it."""
    assert config.needs_litellm_log(litellm)


def test_our_own_configuration_reads_nothing() -> None:
    """The configuration that comes with Sekisho leaves it out."""
    assert not config.needs_litellm_log(config.load(environ={}, demo=True).litellm)


OURS = "sekisho.callbacks.attempts.logger"
REPAIRS = "sekisho.callbacks.repairs.hook.logger"


@pytest.mark.parametrize(
    ("written", "callbacks"),
    [
        ("{}", [OURS, REPAIRS]),
        ("{litellm_settings: {drop_params: true}}", [OURS, REPAIRS]),
        ("{litellm_settings: {callbacks: }}", [OURS, REPAIRS]),
        ("{litellm_settings: {callbacks: []}}", [OURS, REPAIRS]),
        ("{litellm_settings: {callbacks: langfuse}}", [OURS, REPAIRS, "langfuse"]),
        (
            f"{{litellm_settings: {{callbacks: [langfuse, {OURS}, s3]}}}}",
            [OURS, REPAIRS, "langfuse", "s3"],
        ),
    ],
)
def test_our_callbacks_are_always_first(tmp_path: Path, written: str, callbacks: list[str]) -> None:
    """No file that an operator edits can switch off what the bill is made of."""
    (tmp_path / "x.yaml").write_text(written)
    loaded = config.load(environ={"SEKISHO_CONFIG": str(tmp_path / "x.yaml")}, demo=True)
    assert loaded.litellm["litellm_settings"]["callbacks"] == callbacks


def test_nobody_else_may_read_what_litellm_reads(tmp_path: Path) -> None:
    """File and folder belong to the user alone, also when they were more open before."""
    loaded = config.load(environ={"SEKISHO_HOME": str(tmp_path)}, demo=True)
    (tmp_path / "run").mkdir(mode=0o755)
    (tmp_path / "run" / "own.yaml").write_text("old")
    written = config.write_for_litellm(replace(loaded, litellm={"a": 1}), name="own.yaml")
    assert (written, written.read_text()) == (tmp_path / "run" / "own.yaml", "a: 1\n")
    assert written.stat().st_mode & 0o777 == 0o600
    assert written.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in written.parent.iterdir()] == ["own.yaml"]
