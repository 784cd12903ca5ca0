"""How a request ended: every way, with its status, its usage and what it is billed."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sekisho.callbacks.attempts import Attempt
from sekisho.gate import estimate, surface
from sekisho.gate.error_words import clean
from sekisho.gate.errors import Failure
from sekisho.gate.exchange import Exchange
from sekisho.gate.outcome import outcome
from sekisho.gate.readers.chat import Chat
from sekisho.gate.recorder import Recorder
from sekisho.lake import codec
from sekisho.lake.spool import segments
from sekisho.lake.spool.log import Log
from sekisho.pricing.usage import Usage

REFUSED = Failure(400, "no", "invalid_json")
FAILED = Failure(500, "broken", refused=False)
HELLO = [{"role": "user", "content": "four"}]


def exchange(asked: bool = True, **fields: Any) -> Exchange:
    """A streamed chat as it stands after some of its way."""
    route = surface.find("POST", "/v1/chat/completions")
    assert route is not None
    one = Exchange(route, "/v1/chat/completions", {}, None)
    one.asked = {"model": "m", "stream": True, "messages": HELLO}
    one.reader = Chat()
    if asked:
        one.attempts.tried.append(Attempt("m@custom", one.started))
    for name, value in fields.items():
        setattr(one, name, value)
    return one


def ended(one: Exchange, usage: Usage | None) -> Exchange:
    """The same exchange, answered to its end."""
    assert one.reader is not None
    one.reader.reading.usage, one.reader.reading.ended = usage, True
    one.complete, one.status = True, 200
    return one


PIECE = b'data: {"choices":[{"delta":{"content":"12345678"}}]}\n\n'


def begun(one: Exchange, piece: bytes = PIECE) -> Exchange:
    """The same exchange, after the first piece of its answer."""
    one.status = 200
    assert one.reader is not None
    one.passed += len(one.reader.feed(piece))
    return one


PARTIAL = Usage(input_tokens=1, output_tokens=2)
WHOLE = Usage(input_tokens=9, output_tokens=3)


@pytest.mark.parametrize(
    ("one", "status", "usage", "estimated"),
    [
        (ended(exchange(), WHOLE), "success", WHOLE, False),
        (ended(exchange(), None), "success", None, False),
        (exchange(asked=False, failure=REFUSED, reader=None), "refused", None, False),
        (exchange(failure=FAILED, status=500), "failure", None, False),
        (begun(exchange(failure=FAILED)), "truncated", PARTIAL, True),
        (begun(exchange()), "truncated", PARTIAL, True),
        (begun(exchange(client_gone=True)), "cancelled", PARTIAL, True),
        (exchange(client_gone=True, failure=FAILED), "cancelled", Usage(input_tokens=1), True),
        (exchange(asked=False, client_gone=True, reader=None), "cancelled", None, False),
        (exchange(asked=False, reader=None), "interrupted", None, False),
        (exchange(), "interrupted", Usage(input_tokens=1), True),
    ],
)
def test_endings(one: Exchange, status: str, usage: Usage | None, estimated: bool) -> None:
    """Success needs a whole answer; what has begun is estimated; what failed at once is free."""
    end = outcome(one)
    assert (end.status, end.usage, end.estimated) == (status, usage, estimated)


def test_leaving_between_two_tries_is_free(tmp_path: Path) -> None:
    """Whoever leaves while the provider has refused every try so far pays nothing."""
    one = exchange(client_gone=True)
    (attempt,) = one.attempts.tried
    attempt.ended, attempt.status = attempt.started + 1, 429
    row = recorder(tmp_path).row(one)
    assert (row.status, row.billed_cost, row.is_priced) == ("cancelled", Decimal(0), True)


class _NoFleet:
    price_version = "none"

    def deployment(self, _: str) -> None:
        """Nothing is known."""

    def price(self, _: str) -> None:
        """Nothing is priced."""


def recorder(folder: Path) -> Recorder:
    """A recorder that knows no deployment and no price."""
    log = Log(folder, "test", bodies="none", most_bytes=1 << 30)
    return Recorder(_NoFleet(), log, "test")  # type: ignore[arg-type]


def test_an_answer_is_never_free_by_accident(tmp_path: Path) -> None:
    """An answer that no attempt was noted for, or without usage, is unpriced and not 0 USD."""
    for one in (ended(exchange(asked=False), WHOLE), ended(exchange(), None)):
        row = recorder(tmp_path).row(one)
        assert (row.status, row.billed_cost, row.is_priced) == ("success", None, False)


def test_what_nobody_answered_is_free(tmp_path: Path) -> None:
    """A refused request, and one that failed before any answer, cost 0 USD."""
    for one in (exchange(asked=False, failure=REFUSED), exchange(failure=FAILED, status=500)):
        row = recorder(tmp_path).row(one)
        assert (row.billed_cost, row.is_priced) == (Decimal(0), True)


def test_a_row_is_written_even_when_it_cannot_be_made(tmp_path: Path) -> None:
    """A mistake of ours while a row is made costs its details, never the row."""
    broken = exchange(headers=None)
    writer = recorder(tmp_path)
    row = writer.row(broken)
    writer.write(broken, row)
    (line,) = segments.snapshot(tmp_path)
    assert codec.decode(line).request_id == broken.request_id
    assert (row.request_id, row.error_type) == (broken.request_id, "row_incomplete")


def test_a_deep_body_is_estimated() -> None:
    """A body as deep as a parser lets through neither fails nor counts what is no text."""
    deep: Any = "four"
    for _ in range(900):
        deep = [deep]
    one = begun(exchange(client_gone=True))
    one.asked = {"messages": deep, "_x": "not text for the model"}
    assert estimate.usage_of(one) == PARTIAL


def test_pictures_are_not_words() -> None:
    """A picture in a prompt, as a string or in an object, counts no tokens by its letters."""
    url = "data:image/png;base64," + "A" * 1_000_000
    parts = [{"type": "input_image", "image_url": url}, {"type": "file", "file_data": "A" * 9999}]
    one = begun(exchange(client_gone=True))
    one.asked = {"input": [{"role": "user", "content": [*parts, {"text": "four"}]}]}
    assert estimate.usage_of(one) == PARTIAL


def test_a_very_long_stream_is_estimated_by_its_beginning() -> None:
    """Only the first 4 million characters are kept; all that has passed counts."""
    piece = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"word" * 100_000)
    one = exchange(client_gone=True)
    for _ in range(20):
        begun(one, piece)
    assert one.reader is not None
    assert 3_000_000 < sum(map(len, one.reader.transcript.texts())) <= 4_000_000
    assert one.reader.transcript.room.cut
    assert estimate.usage_of(one).output_tokens == pytest.approx(2_000_000, rel=0.01)


def test_cleaning_is_linear() -> None:
    """An error that quotes a huge request is cut, and not searched for ever."""
    started = datetime.now(UTC)
    assert len(clean("a" + " " * 1_000_000 + "b")) <= 4000
    assert (datetime.now(UTC) - started).total_seconds() < 1
