"""Repair: a streamed response of Gemini that can't begin is tried again, as all others are.

LiteLLM 1.106.2 hands back a stream of Gemini before it has called the provider, and calls when the
first piece is read (`VertexLLM.async_streaming`, `make_call`). For Chat Completions its router
opens the stream at once; for the Responses API it doesn't, and when the first piece is read it has
done its work: a 429 is neither tried again nor sent to another deployment. Codex streams from that
API, and gives up at the first 429 that reaches it (docs/clients.md). Opening each stream at once
makes the failure the attempt's own.

tests/test_contract_models.py shows that it is needed, tests/test_policy_retries.py that it works.
"""

from typing import Any

from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexLLM


def install() -> None:
    """Put it around the method that LiteLLM calls for each stream."""
    begin: Any = VertexLLM.async_streaming

    async def opened(self: Any, *where: Any, **arguments: Any) -> Any:
        stream = await begin(self, *where, **arguments)
        await stream.fetch_stream()
        return stream

    setattr(VertexLLM, "async_streaming", opened)  # noqa: B010
