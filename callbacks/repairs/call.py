"""One call of a deployment, as LiteLLM is about to make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ...untyped import mapping, text

Api = Literal["chat", "messages", "responses", "generate"]
Json = dict[str, Any]

# LiteLLM's names of its functions, and whose requests they take.
APIS: Mapping[str, Api] = {
    "acompletion": "chat",
    "anthropic_messages": "messages",
    "aresponses": "responses",
    "agenerate_content": "generate",
    "agenerate_content_stream": "generate",
}


@dataclass(slots=True)
class Call:
    """What a repair sees, and may change.

    A request that LiteLLM translates is seen once in each API on its way (Messages, then Chat).
    `kwargs` is this call's own dictionary: its values may be replaced, but not changed within, as
    a second attempt begins with them again. `names` takes the tool names that a repair has
    changed, short to original; whoever made the call maps them back in the answer. None: nobody
    would.
    """

    api: Api
    provider: str
    model: str
    info: Mapping[str, Any]
    kwargs: Json
    names: dict[str, str] | None = None

    @classmethod
    def of(cls, api: Api, kwargs: Json, names: dict[str, str] | None = None) -> "Call":
        """The call that LiteLLM's arguments describe."""
        model = text(kwargs.get("model")) or ""
        provider = text(kwargs.get("custom_llm_provider")) or model.partition("/")[0]
        return cls(api, provider, model, _info(kwargs), kwargs, names)

    @property
    def is_claude(self) -> bool:
        """Whether Anthropic's rules hold."""
        return "claude" in self.model

    def list(self, name: str) -> list[Any]:
        """A list among the arguments, itself and not a copy; empty when there is none."""
        found = self.kwargs.get(name)
        return found if isinstance(found, list) else []  # pyright: ignore[reportUnknownVariableType]


class Repair(Protocol):
    """A module of this package: its docstring says which client and provider it is for."""

    NAME: str

    def apply(self, call: Call) -> None:
        """Change the call if it needs this repair."""


def _info(kwargs: Json) -> Mapping[str, Any]:
    """The deployment's `model_info`, from wherever this kind of call has it."""
    for holder in (kwargs, kwargs.get("metadata"), kwargs.get("litellm_metadata")):
        if isinstance(holder, dict) and isinstance(holder.get("model_info"), dict):  # pyright: ignore[reportUnknownMemberType]
            return mapping(holder["model_info"])  # pyright: ignore[reportUnknownMemberType]
    return {}
