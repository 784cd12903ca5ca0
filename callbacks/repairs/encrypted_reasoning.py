"""Models of Azure that don't reason are asked for no reasoning.

For Codex, which always sends `reasoning` and `include: ["reasoning.encrypted_content"]`, on GPT-4.1
and other models without reasoning: Azure answers 400 "Encrypted content is not supported with this
model". Reasoning of an earlier turn, of another model, is left out too: it could not be decrypted.
"""

import re

from ...untyped import mapping, text
from .call import Call

NAME: str = "encrypted_reasoning"

_ENCRYPTED = "reasoning.encrypted_content"
_PLAIN = re.compile(r"gpt-(?:3|4|[5-9](?:\.\d)?-chat)")


def apply(call: Call) -> None:
    """Responses that go to Azure as they are."""
    if call.api != "responses" or call.provider != "azure" or _reasons(call):
        return
    given = call.kwargs
    given.pop("reasoning", None)
    include = call.list("include")
    if _ENCRYPTED in include:
        given["include"] = [one for one in include if one != _ENCRYPTED] or None
    items = call.list("input")
    if any(mapping(item).get("type") == "reasoning" for item in items):
        given["input"] = [item for item in items if mapping(item).get("type") != "reasoning"]


def _reasons(call: Call) -> bool:
    """Whether the deployment's model reasons; a model that nobody knows might."""
    if isinstance(call.info.get("supports_reasoning"), bool):
        return call.info["supports_reasoning"] is True
    return _PLAIN.search(text(call.info.get("base_model")) or call.model) is None
