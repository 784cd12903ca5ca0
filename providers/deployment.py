"""A deployment: one model on one cloud under one alias, ready to be handed to LiteLLM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..keys.limits import NO_LIMITS, Limits

if TYPE_CHECKING:  # commands that need no models load this file, too
    from ..pricing.price import Price

Cloud = Literal["bedrock", "vertex", "azure", "demo", "custom", "agent"]
Mode = Literal[
    "chat", "responses", "embedding", "rerank", "image", "transcription", "speech", "other"
]

MODES: Mapping[str, Mode] = {
    "chat": "chat",
    "responses": "responses",
    "embedding": "embedding",
    "rerank": "rerank",
    "image_generation": "image",
    "audio_transcription": "transcription",
    "audio_speech": "speech",
}
"""LiteLLM's names of modes (``model_info.mode``) and ours."""


class ConfigError(ValueError):
    """A model file is wrong; the message is one line: file, entry, what, and the nearest key."""


class NotHereError(Exception):
    """The model can't be used from here; the message is the reason, in one line."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model on one cloud, under one alias.

    ``params`` are LiteLLM's ``litellm_params``: credentials stay references (``os.environ/X``),
    references to variables that are not set are left out. ``model_info["id"]`` is ``id``.
    ``price`` is an agent's own, ``limits`` hold for all who use it together.
    """

    id: str
    alias: str
    cloud: Cloud
    mode: Mode
    params: Mapping[str, Any]
    model_info: Mapping[str, Any]
    price_id: str
    price: "Price | None" = None
    limits: Limits = NO_LIMITS

    @property
    def model(self) -> str:
        """The model as LiteLLM calls it, provider first (``bedrock/global.anthropic.…``)."""
        return str(self.params["model"])

    def as_litellm(self) -> dict[str, Any]:
        """This deployment as an entry of LiteLLM's ``model_list``."""
        return {
            "model_name": self.alias,
            "litellm_params": dict(self.params),
            "model_info": dict(self.model_info),
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was left out, and one line why. ``models`` are the aliases it would have given."""

    what: str
    reason: str
    models: tuple[str, ...]

    def __str__(self) -> str:
        """The one line for the terminal."""
        return f"{self.what} left out: {self.reason}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The deployments that can be served here, and what was left out."""

    deployments: tuple[Deployment, ...]
    skipped: tuple[Skipped, ...]
