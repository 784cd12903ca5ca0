"""The reader of a request's answer."""

from collections.abc import Callable, Mapping
from typing import Any

from ...untyped import mapping, sequence
from ..surface import Route
from . import media
from .base import Reader
from .chat import Chat
from .generate import Generate
from .generate import TokenCount as GoogleTokenCount
from .messages import Messages, TokenCount
from .responses import Responses

_TOKEN_COUNTS = {"anthropic": TokenCount, "google": GoogleTokenCount}
_BY_ALIAS: Mapping[str, Callable[[str], Reader]] = {
    "responses": Responses,
    "generate_content": Generate,
}


def reader_for(route: Route, asked: Mapping[str, Any], upload: bytes = b"") -> Reader:
    """The reader for a route; `asked` is the request's body, `upload` its sound file."""
    if route.operation == "count_tokens":
        return _TOKEN_COUNTS[route.dialect]()
    match route.operation:
        case "chat":
            options = mapping(asked.get("stream_options"))
            return Chat(wants_usage=options.get("include_usage") is True)
        case "responses" | "generate_content":
            return _BY_ALIAS[route.operation](str(asked.get("model", "")))
        case "messages":
            return Messages()
        case "embeddings":
            return media.Embeddings()
        case "rerank":
            return media.Rerank(len(sequence(asked.get("documents"))))
        case "image_generation" | "image_edit":
            return media.Images(asked)
        case "transcription":
            plain = asked.get("response_format") in ("text", "srt", "vtt")
            return media.Transcription(upload, plain)
        case "speech":
            return media.Speech(str(asked.get("input", "")))
        case other:
            raise ValueError(f"gate/readers/select.py has no reader for the operation {other!r}")
