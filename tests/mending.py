"""A call of a deployment before and after the wire repairs, for their tests."""

import json
from typing import Any

from sekisho.callbacks.repairs import registry
from sekisho.callbacks.repairs.call import Api, Call

BEDROCK = "bedrock/global.anthropic.claude-sonnet-4-6"
VERTEX = "vertex_ai/claude-sonnet-4-6"
GEMINI = "vertex_ai/gemini-3.8-flash"
NOVA = "bedrock/us.amazon.nova-pro-v1:0"
AZURE = "azure/gpt-4.1"


def mended(
    api: Api, model: str, info: dict[str, Any] | None = None, /, **kwargs: Any
) -> dict[str, Any]:
    """The arguments that go on, without the model."""
    before = {"model": model, "model_info": info or {}, **kwargs}
    kept = json.dumps(before)
    call = Call.of(api, dict(before), {})
    registry.mend(call)
    assert json.dumps(before) == kept, "what a second attempt begins with was changed"
    return {key: value for key, value in call.kwargs.items() if not key.startswith("model")}
