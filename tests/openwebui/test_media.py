"""Pictures and sound, which Open WebUI asks the gateway for without a connection's headers."""

import base64
from decimal import Decimal

import pytest

from ..simulators.media import PNG, wav
from .stage import Stage

pytestmark = pytest.mark.openwebui


def test_image(world: Stage) -> None:
    """A picture is one row of its user, with its price."""
    for person in (world.hanako, world.taro):
        with world.ledger.expects(person, "image_generation") as rows:
            form = {"prompt": "A gate in the hills", "n": 1, "size": "1024x1024"}
            (image,) = person.post("/api/v1/images/generations", form)
        assert person.http.get(image["url"]).content == PNG
        assert rows[0].billed_cost is not None
        assert rows[0].billed_cost > Decimal(0)


def test_image_edit(world: Stage) -> None:
    """So is a changed picture."""
    picture = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    with world.ledger.expects(world.taro, "image_edit"):
        form = {"prompt": "The gate at night", "image": picture, "n": 1, "size": "1024x1024"}
        (image,) = world.taro.post("/api/v1/images/edit", form)
    assert world.taro.http.get(image["url"]).content == PNG


def test_speech_to_text(world: Stage) -> None:
    """What is spoken is one row of its speaker."""
    sound = wav(2.0)
    for person in (world.hanako, world.taro):
        with world.ledger.expects(person, "transcription"):
            answer = person.http.post(
                "/api/v1/audio/transcriptions", files={"file": ("speech.wav", sound, "audio/wav")}
            )
            assert answer.status_code == 200, answer.text
        assert answer.json()["text"] == "This is a simulated answer."


def test_text_to_speech(world: Stage) -> None:
    """What is read aloud is one row of its listener."""
    for number, person in enumerate((world.hanako, world.taro)):
        with world.ledger.expects(person, "speech"):
            # Open WebUI keeps what was read aloud, and doesn't ask again for the same words.
            words = f"関所 {number} は開いています"
            form = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": words}
            answer = person.http.post("/api/v1/audio/speech", json=form)
            assert answer.status_code == 200, answer.text
        assert len(answer.content) > 1000
