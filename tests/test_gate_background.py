"""Work in the gateway that fails and that nobody waits for."""

import asyncio
import gc
import logging

import pytest
from sekisho.gate import background


async def _leave(error: BaseException) -> None:
    """Let a future fail that nobody looks at."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(background.tell)
    future = loop.create_future()
    future.set_exception(error)
    del future
    gc.collect()


def test_a_failure_is_one_line_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """The line has the kind of the error, never its words, which may quote a prompt."""
    asyncio.run(_leave(ValueError("my secret prompt")))
    (line,) = caplog.record_tuples
    assert line == (
        "sekisho.gate",
        logging.ERROR,
        "Future exception was never retrieved: ValueError at no place",
    )


def test_where_it_failed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An error that was raised somewhere names file and line."""
    try:
        raise KeyError("my secret prompt")
    except KeyError as raised:
        error = raised
    asyncio.run(_leave(error))
    assert "KeyError at test_gate_background.py:" in caplog.text
    assert "secret" not in caplog.text


def test_what_was_cancelled_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Work that ended because its client has left is not in the log."""
    asyncio.run(_leave(asyncio.CancelledError()))
    assert caplog.record_tuples == []


def test_arguments_of_a_callback_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """An event loop that shows a callback with its arguments tells that it was one, no more."""
    message = "Exception in callback functools.partial(<function f>, 'my secret prompt')"
    with asyncio.Runner() as runner:
        background.tell(runner.get_loop(), {"message": message, "exception": ValueError("x")})
    assert caplog.messages == ["Exception in callback functools.partial: ValueError at no place"]
