"""End users of a chat with plain headers, and the limits of each end user of a frontend."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from .end_users import (
    HIDDEN,
    IN_CHAT,
    PLAIN,
    REQUESTS,
    SAID,
    TANAKA,
    TANAKA_EMAIL,
    TANAKA_NAME,
    ask,
    token,
)
from .gateway import Gateway
from .simulators import Simulator

JWT = "x-openwebui-user-jwt"


@dataclass(frozen=True)
class Plain:
    """A gateway without a secret, with limits for each end user; Open WebUI's key, a person's."""

    gateway: Gateway
    frontend: httpx.Client
    person: httpx.Client


@pytest.fixture(scope="module")
def plain(limited: Gateway) -> Iterator[Plain]:
    """It believes Open WebUI's plain headers."""
    key = limited.issue("open-webui", kind="frontend", rpm="100")
    own = limited.issue("nagisa", owner="nagisa@example.com")
    with limited.client(key) as client, limited.client(own) as person:
        yield Plain(limited, client, person)


def user(id_: str, **more: Any) -> dict[str, Any]:
    """Plain headers of another user."""
    return {"x-openwebui-user-id": id_, **more}


def test_plain_headers_are_believed_without_a_secret(plain: Plain, clouds: Simulator) -> None:
    """Id, e-mail and name arrive intact; the provider gets none of them."""
    clouds.clear()
    row = plain.gateway.row(ask(plain.frontend, "chat", {**PLAIN, **IN_CHAT}, **SAID))
    assert (row.end_user_id, row.end_user_email, row.end_user_name, row.end_user_source) == (
        TANAKA, TANAKA_EMAIL, TANAKA_NAME, "header"
    )  # fmt: skip
    assert (row.chat_id, row.message_id, row.task) == ("chat-1", "message-1", "title_generation")
    told = json.dumps(clouds.journal(), ensure_ascii=False)
    assert not [secret for secret in HIDDEN if secret in told]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-openwebui-user-id", "u-1"), ("X-OpenWebUI-User-Id", "u-2")],
        [("x-openwebui-user-id", "u-1"), ("x-openwebui-user-id", "u-1")],
        [("x-openwebui-user-id", "")],
        [("x-openwebui-user-id", "u-1,u-2")],
        [("x-openwebui-user-email", "victim@example.com")],
        [(JWT, token(secret="a secret of nobody, long enough to be one"))],
        [("x-litellm-end-user-id", "victim@example.com")],
    ],
)
def test_headers_that_name_nobody(plain: Plain, headers: list[tuple[str, str]]) -> None:
    """Without exactly one id the request is served, and its row has no end user."""
    answer = ask(plain.frontend, "chat", headers)
    row = plain.gateway.row(answer)
    assert (row.end_user_id, row.end_user_email, row.end_user_name, row.end_user_source) == (
        None, None, None, "none"
    )  # fmt: skip


def test_a_persons_key_is_its_owner_without_a_secret_too(plain: Plain) -> None:
    """Open WebUI's headers with a person's key are a claim."""
    row = plain.gateway.row(ask(plain.person, "chat", PLAIN))
    assert (row.end_user_id, row.end_user_source) == ("nagisa@example.com", "key")
    assert (row.claimed_user, row.chat_id) == (TANAKA_EMAIL, None)


def test_a_rate_of_each_end_user(plain: Plain) -> None:
    """A user who is too fast is refused without being named; another one with the same key isn't,
    and neither is a request of nobody.
    """
    quick = user("quick-user", **{"x-openwebui-user-email": "quick@example.com"})
    for _ in range(3):
        ask(plain.frontend, "chat", quick)
    path, fields, _ = REQUESTS["chat"]
    refused = plain.frontend.post(path, json=fields, headers=quick)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert refused.json()["error"]["message"].startswith("This user ")
    assert "quick" not in refused.text
    row = plain.gateway.row(refused)
    assert (row.status, row.end_user_id) == ("refused", "quick-user")
    ask(plain.frontend, "chat", user("slow-user"))
    ask(plain.frontend, "chat", {})
