"""What the gate keeps of what a request merely says: its user, chat, message and task."""

import pytest
from sekisho.gate import claims, who_asks
from sekisho.gate.end_user import NOBODY, EndUser

from .end_users import OTHER_SECRET, raw, token

HEADER = "X-OpenWebUI-User-Jwt"
GOOD = {"sub": "u-1", "iss": "open-webui", "iat": 0, "exp": 300}


MAYBE = token({**GOOD, "email": "jwt@x.org"}, OTHER_SECRET)


@pytest.mark.parametrize(
    ("proven", "sent", "claim"),
    [
        (NOBODY, [("X-LiteLLM-End-User-Id", "a"), ("X-OpenWebUI-User-Id", "b")], "a"),
        (NOBODY, [("X-LiteLLM-Customer-Id", "a")], "a"),
        (NOBODY, [("X-OpenWebUI-User-Id", "b"), ("X-OpenWebUI-User-Email", "山@x.jp")], "山@x.jp"),
        (NOBODY, [("X-OpenWebUI-User-Name", b"\xff")], "\ufffd"),
        (EndUser("header", "b"), [("X-OpenWebUI-User-Id", "b")], None),
        (
            EndUser("header", "b"),
            [("X-OpenWebUI-User-Id", "b"), (HEADER, MAYBE)],
            "jwt@x.org",
        ),
        (EndUser("jwt", "b"), [("X-OpenWebUI-User-Id", "c"), (HEADER, MAYBE)], "c"),
        (EndUser("jwt", "b"), [(HEADER, MAYBE)], None),
        (EndUser("key", "b"), [(HEADER, MAYBE)], "jwt@x.org"),
        (EndUser("key", "b"), [(HEADER, token({"sub": "u-9"}))], "u-9"),
        (NOBODY, [(HEADER, "a.b.c")], None),
        (NOBODY, [(HEADER, b"\xff")], None),
        (NOBODY, [(HEADER, "a." + "e" * 9000)], None),
        (NOBODY, [("X-LiteLLM-End-User-Id", "a" * 300)], "a" * 256),
        (NOBODY, [], None),
    ],
)
def test_claims_of_headers(
    proven: EndUser, sent: list[tuple[str, str | bytes]], claim: str | None
) -> None:
    """What headers say and have not proven is a claim, one of them, for information."""
    assert claims.in_headers(raw(*sent), proven) == claim


def test_chat_message_and_task() -> None:
    """They are recorded as Open WebUI has them; empty, doubled or odd ones are not."""
    sent = raw(
        ("X-OpenWebUI-Chat-Id", "c-1"),
        ("X-OpenWebUI-Message-Id", ""),
        ("X-OpenWebUI-Task", "title%5Fgeneration"),
    )
    told = {"chat_id": "c-1", "message_id": None, "task": "title_generation"}
    assert who_asks.chat(sent) == told
    odd = raw(
        ("X-OpenWebUI-Chat-Id", "c-1"),
        ("X-OpenWebUI-Chat-Id", "c-2"),
        ("X-OpenWebUI-Message-Id", "a%0Ab"),
        ("X-OpenWebUI-Task", "t" * 129),
    )
    assert who_asks.chat(odd) == {"chat_id": None, "message_id": None, "task": None}
