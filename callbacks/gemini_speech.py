"""Repair: Gemini's text to speech on Vertex AI is asked once, not twice.

LiteLLM 1.106.2 runs the blocking `speech` in a thread, and when that has returned an answer
instead of a coroutine it runs it again (`litellm/main.py`, `aspeech`): the provider is called, and
bills, twice. Handing back a coroutine, as other providers do, ends that; the journal of the
simulators shows one call (tests/test_gateway_sdks.py).
"""

from typing import Any

from litellm.endpoints.speech.speech_to_completion_bridge import handler as bridge


class OneCall(bridge.SpeechToCompletionBridgeHandler):
    """LiteLLM's bridge from speech to chat completions, without blocking."""

    def speech(self, **arguments: Any) -> Any:  # type: ignore[override] # called by keyword
        """A coroutine that answers; `aspeech` awaits it."""
        request = self.transformation_handler.transform_request(**_request(arguments))
        return self._answer(request, arguments["optional_params"].get("response_format"))

    async def _answer(self, request: dict[str, Any], wanted: object) -> Any:
        from litellm import acompletion

        answer: Any = await acompletion(**request)
        sound_format = wanted if isinstance(wanted, str) else None
        return self.transformation_handler.transform_response(
            model_response=answer, response_format=sound_format
        )


def _request(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: value for name, value in arguments.items() if name != "logging_obj"},
        "litellm_logging_obj": arguments["logging_obj"],
    }


def install() -> None:
    """Put the repaired handler where `litellm.speech` looks for it at each call."""
    bridge.speech_to_completion_bridge_handler = OneCall()  # type: ignore[no-untyped-call]
