"""What the log keeps of a request's content: what was asked, and what the client was told."""

from ..lake.bodies.body import Body, Upload
from .exchange import Exchange
from .surface import template


def body_of(exchange: Exchange) -> Body | None:
    """What was asked and answered, as things stand; None when no provider was to be asked.

    A request that the gate refused, and an answer that was an error, are told by their row alone.
    """
    reader = exchange.reader
    if reader is None:
        return None
    transcript = reader.transcript
    return Body(
        request_id=exchange.request_id,
        start_time=exchange.started_at,
        operation=exchange.route.operation,
        route=template(exchange.path),
        asked=exchange.content,
        answer=transcript.answer() or exchange.answer,
        uploads=tuple(
            Upload(field, name, mime_type, content)
            for field, (name, content, mime_type) in exchange.files
        ),
        cut=transcript.room.cut,
    )
