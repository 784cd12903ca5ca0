"""Reads the answer to a call of an MCP server: JSON-RPC in one piece, or as the last of its events.

Before it a stream may bring notifications (progress, logs), which pass.
"""

from typing import Any

from ...untyped import mapping
from .base import Json, Reading, SseLines, parse
from .transcript import Told

_MOST_WORDS = 500  # characters of what a tool says went wrong


class McpAnswerReader:
    """Reads what comes back for the message with this `id`."""

    def __init__(self, id: Any) -> None:  # noqa: A002 - JSON-RPC's own word
        self.reading = Reading()
        self.transcript = Told()
        self._id = id
        self._lines = SseLines()

    def whole(self, body: Json) -> None:
        """Read a complete answer."""
        if "result" in body or "error" in body:
            self._end(body)

    def feed(self, piece: bytes) -> bytes:
        """Read a piece of a stream; all of it passes."""
        shown = self._lines.whole(piece)
        for payload in self._lines.payloads(shown):
            message = mapping(parse(payload))
            if message.get("id") == self._id and ("result" in message or "error" in message):
                self._end(message)
        return shown

    def _end(self, message: Json) -> None:
        """The answer is there: a tool that says it has failed is an error for the row alone."""
        self.reading.ended = True
        error, result = mapping(message.get("error")), mapping(message.get("result"))
        if error:
            self.reading.error_type = "mcp_error"
            self.reading.error_message = _words(error.get("message"))
            self.transcript.instead = {"error": error}
            return
        self.transcript.instead = {"result": result}
        if result.get("isError") is True:
            self.reading.error_type = "mcp_tool_error"
            # Its words are part of what was said, and in the row of that.
            self.reading.error_message = "The tool says that it has failed."


def _words(message: object) -> str:
    return str(message or "The server says no more.")[:_MOST_WORDS]
