"""Values from outside (JSON, YAML, LiteLLM's dictionaries) with the types that we expect."""

from typing import Any, cast


def mapping(value: object) -> dict[str, Any]:
    """The value when it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """The value when it is a list, else an empty one."""
    return [*value] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The value when it is a text with something in it, else None."""
    return value if isinstance(value, str) and value else None
