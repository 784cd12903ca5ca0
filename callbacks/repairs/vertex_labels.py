"""Labels of Gemini requests on Vertex AI keep Google's rules.

For Claude Code and opencode, whose ids of users and sessions LiteLLM makes into labels of the
request, and for clients that set labels themselves: a label has up to 63 lower-case letters,
digits, `_` and `-`, and its key begins with a letter. Anything else is made to fit.
"""

import re
from collections.abc import Mapping
from typing import Any

from ...untyped import mapping
from .call import Call

NAME: str = "vertex_labels"

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_REFUSED = re.compile(r"[^a-z0-9_-]")
_MOST = 64  # labels of one request


def apply(call: Call) -> None:
    """Chat and Google's own API, to a model of Google's."""
    if call.provider != "vertex_ai" or call.is_claude or call.api not in ("chat", "generate"):
        return
    labels = mapping(call.kwargs.get("labels")) or _from_metadata(call)
    if labels and not _keeps_rules(labels):
        call.kwargs["labels"] = fitting(labels)


def fitting(labels: Mapping[str, Any]) -> dict[str, str]:
    """Labels that Google takes; of two that become the same key, the later one."""
    fitted: dict[str, str] = {}
    for key, value in labels.items():
        name = _REFUSED.sub("_", str(key).lower()).lstrip("0123456789_-")[:63]
        if name and isinstance(value, str) and len(fitted) < _MOST:
            fitted[name] = _REFUSED.sub("_", value.lower())[:63]
    return fitted


def _from_metadata(call: Call) -> dict[str, Any]:
    """What LiteLLM would make labels of: the texts of the first one that has any."""
    if call.api != "chat":
        return {}
    for name in ("metadata", "litellm_metadata"):
        told = mapping(mapping(call.kwargs.get(name)).get("requester_metadata"))
        texts = {key: value for key, value in told.items() if isinstance(value, str)}
        if texts:
            return texts
    return {}


def _keeps_rules(labels: Mapping[str, Any]) -> bool:
    return len(labels) <= _MOST and all(
        _KEY.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value)
        for key, value in labels.items()
    )
