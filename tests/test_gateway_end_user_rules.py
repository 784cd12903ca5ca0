"""The rule by which the gate decides who the end user is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.gate import end_user
from sekisho.gate.end_user import NOBODY, EndUser
from sekisho.keys.identity import Identity, Refusal

from .end_users import OLD_SECRET, OTHER_SECRET, SECRET, encoded, raw, signature, token

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = 1_795_262_400  # the same, in seconds
CHAT = Identity("key_1", "chat", "frontend", owner="operator@example.com")
GOOD = {"sub": "u-1", "iss": "open-webui", "iat": AT, "exp": AT + 300}
HEADER = "X-OpenWebUI-User-Jwt"


def decide(
    *pairs: tuple[str, str | bytes], secrets: tuple[str, ...] = (SECRET,), holder: Identity = CHAT
) -> EndUser | Refusal:
    """The decision about a request with these headers."""
    return end_user.decide(holder, raw(*pairs), secrets, NOW)


def by_token(said: dict[str, Any], *secrets: str) -> EndUser | Refusal:
    """The decision about a token with these claims."""
    return decide((HEADER, token(said)), secrets=secrets or (SECRET,))


def words(decision: EndUser | Refusal) -> str:
    """What a refused request is told."""
    assert isinstance(decision, Refusal)
    told = decision.status, decision.openai_code, decision.anthropic_type
    assert told == (401, "end_user_token_invalid", "authentication_error")
    assert "\n" not in decision.message
    return decision.message


@pytest.mark.parametrize(
    ("kind", "owner", "found"),
    [
        ("person", "aoi@example.com", EndUser("key", "aoi@example.com", "aoi@example.com")),
        ("service", "aoi@example.com", EndUser("key", "aoi@example.com", "aoi@example.com")),
        ("service", None, EndUser("key", "bot", None)),
    ],
)
def test_other_keys_are_their_owners(kind: Any, owner: str | None, found: EndUser) -> None:
    """Headers and tokens, good ones too, change nothing about a person's or a service's key."""
    holder = Identity("key_2", "bot", kind, owner=owner)
    sent: list[tuple[str, str | bytes]] = [
        ("X-OpenWebUI-User-Id", "u-2"),
        (HEADER, token(GOOD)),
        (HEADER, "nonsense"),
    ]
    assert decide(*sent, holder=holder) == found
    assert decide(*sent, holder=holder, secrets=()) == found


def test_a_token_names_the_end_user() -> None:
    """Id, e-mail and name arrive as Open WebUI has them, in any alphabet."""
    said = {**GOOD, "email": "山田@例え.jp", "name": "山田　花子"}
    assert by_token(said) == EndUser("jwt", "u-1", "山田@例え.jp", "山田　花子")


def test_no_token_is_nobody() -> None:
    """With a secret set, plain headers name nobody, and a request without a token is served."""
    assert decide(("X-OpenWebUI-User-Id", "u-2"), ("X-OpenWebUI-User-Email", "a@b.c")) == NOBODY


def test_several_secrets() -> None:
    """While a secret is changed, tokens signed with either one are good."""
    assert by_token(GOOD, OLD_SECRET, SECRET) == EndUser("jwt", "u-1")
    assert "another secret" in words(by_token(GOOD, OLD_SECRET, OTHER_SECRET))


@pytest.mark.parametrize(
    ("exp", "iat", "why"),
    [
        (AT + 300, AT, None),
        (AT - 29, AT - 329, None),
        (AT - 30, AT - 330, "has expired"),
        (AT + 330, AT + 30, None),
        (AT + 331, AT + 31, "is from the future"),
        (AT + 0.5, AT - 0.5, None),
        (float("nan"), AT, "has expired"),
        (AT + 300, float("nan"), "is from the future"),
        (AT + 300, float("inf"), "is from the future"),
        (10**400, AT, None),
        (AT + 300, 10**400, "is from the future"),
        (str(AT + 300), AT, "times that are no numbers"),
        (AT + 300, True, "times that are no numbers"),
        (AT + 300, [AT], "times that are no numbers"),
    ],
)
def test_times(exp: object, iat: object, why: str | None) -> None:
    """A token holds from `iat` to `exp`, with 30 seconds of leeway on either side."""
    found = by_token({**GOOD, "exp": exp, "iat": iat})
    if why is None:
        assert found == EndUser("jwt", "u-1")
    else:
        assert why in words(found)
        assert ("clocks" in words(found)) is ("numbers" not in why)


def test_not_before() -> None:
    """A token that is to hold later only doesn't hold yet."""
    assert by_token({**GOOD, "nbf": AT + 30}) == EndUser("jwt", "u-1")
    assert "is from the future" in words(by_token({**GOOD, "nbf": AT + 31}))


@pytest.mark.parametrize(
    "sub", [None, "", 5, ["u-1"], "a b", "a,b", "a\nb", "a\x00b", "a\u202eb", "\ud800", "a" * 321]
)
def test_a_token_for_no_user(sub: object) -> None:
    """A good token without an id that can be one is refused: nobody else may get its cost."""
    said = {**GOOD, "sub": sub}
    assert words(by_token({name: v for name, v in said.items() if v is not None}))


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "sub"])
def test_a_claim_that_is_missing(claim: str) -> None:
    """Each of the four claims must be there."""
    said = {name: value for name, value in GOOD.items() if name != claim}
    assert f'missing the "{claim}" claim' in words(by_token(said))


@pytest.mark.parametrize("issuer", ["open-webui ", "Open-WebUI", "", "https://evil.example", 5])
def test_another_issuer(issuer: object) -> None:
    """The issuer is Open WebUI's, letter by letter."""
    assert "none of Open WebUI's" in words(by_token({**GOOD, "iss": issuer}))


def test_an_audience() -> None:
    """A token that is meant for somebody else is not ours to take."""
    assert "none of Open WebUI's" in words(by_token({**GOOD, "aud": "another-gateway"}))


@pytest.mark.parametrize(
    "email", ["", 5, "a b@example.com", "a@x.org,b@x.org", "a\r\nb", "a" * 321]
)
def test_an_address_that_is_none(email: object) -> None:
    """What can't be an address is left out; the id still counts."""
    assert by_token({**GOOD, "email": email}) == EndUser("jwt", "u-1")


@pytest.mark.parametrize("name", ["", "  ", 5, "a\nb", "a\u2028b", "a\x7f", "\ud83d", "a" * 321])
def test_a_name_that_is_none(name: object) -> None:
    """So is what can't be a name."""
    assert by_token({**GOOD, "name": name}) == EndUser("jwt", "u-1")


def test_the_words_say_what_to_do() -> None:
    """Each refusal says what is wrong and where to set it right, in one line."""
    good = token(GOOD)
    assert words(decide((HEADER, good), (HEADER, good))) == (
        "The request has 2 headers X-OpenWebUI-User-Jwt; send exactly one. A proxy between Open "
        "WebUI and the gateway may add another."
    )
    assert words(decide((HEADER, token(GOOD, OTHER_SECRET)))) == (
        "The token in X-OpenWebUI-User-Jwt is signed with another secret: Open WebUI's "
        "FORWARD_USER_INFO_HEADER_JWT_SECRET must be one of the gateway's "
        "SEKISHO_OPENWEBUI_JWT_SECRET."
    )
    assert words(by_token({**GOOD, "exp": AT - 31})) == (
        "The token in X-OpenWebUI-User-Jwt has expired: set the clocks of Open WebUI and of the "
        "gateway right (30 s of difference are allowed), and try again."
    )
    assert words(decide((HEADER, ""))) == (
        "The token in X-OpenWebUI-User-Jwt is none of Open WebUI's (Not enough segments): it must "
        "come as Open WebUI sends it, unchanged and signed with HS256."
    )


# Anything at all as the parts of a token, and as claims that are signed.
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_CLAIMS = st.fixed_dictionaries(
    {"iss": st.just("open-webui") | _JSON, "exp": _JSON, "iat": _JSON, "sub": _JSON},
    optional={"nbf": _JSON, "email": _JSON, "name": _JSON, "aud": _JSON},
)
_HEADS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), _JSON)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet=".eyJ=_-a", max_size=40).map(str.encode))
def test_no_token_fails_the_gate(value: bytes) -> None:
    """Whatever stands in the header, without the secret it is refused in words."""
    assert words(decide((HEADER, value)))


@settings(deadline=None)
@given(_HEADS, _CLAIMS)
def test_no_signed_token_fails_the_gate(head: dict[str, Any], said: dict[str, Any]) -> None:
    """Whatever is signed, either the claims name a user or the token is refused in words."""
    text = f"{encoded({'alg': 'HS256', **head})}.{encoded(said)}"
    found = decide((HEADER, f"{text}.{signature(text)}"))
    if isinstance(found, Refusal):
        assert words(found)
    else:
        assert (found.source, found.id, head.get("alg", "HS256")) == ("jwt", said["sub"], "HS256")


def test_plain_headers() -> None:
    """Without a secret the plain headers count: the name percent-encoded, the e-mail as it is."""
    found = decide(
        ("X-OpenWebUI-User-Id", "u-1"),
        ("X-OpenWebUI-User-Email", "山田%40@例え.jp"),
        ("X-OpenWebUI-User-Name", "%E7%94%B0%E4%B8%AD %E5%A4%AA%E9%83%8E Bob"),
        secrets=(),
    )
    assert found == EndUser("header", "u-1", "山田%40@例え.jp", "田中 太郎 Bob")


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [("X-OpenWebUI-User-Id", "")],
        [("X-OpenWebUI-User-Id", "u-1"), ("x-openwebui-user-id", "u-1")],
        [("X-OpenWebUI-User-Id", "u-1"), ("X-OpenWebUI-User-Id", "u-2")],
        [("X-OpenWebUI-User-Id", "u-1, u-2")],
        [("X-OpenWebUI-User-Id", "u-1\x00")],
        [("X-OpenWebUI-User-Id", b"\xff\xfe")],
        [("X-OpenWebUI-User-Id", "u" * 321)],
        [("X_OpenWebUI_User_Id", "u-1")],
        [("X-OpenWebUI-User-Email", "aoi@example.com"), ("X-OpenWebUI-User-Name", "Aoi")],
        [(HEADER, token(GOOD))],
    ],
)
def test_plain_headers_that_name_nobody(sent: list[tuple[str, str | bytes]]) -> None:
    """Without exactly one id that can be one, nobody is named, by e-mail or token either."""
    assert decide(*sent, secrets=()) == NOBODY


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ([b"a@x.org", b"b@x.org"], [b"A", b"B"]),
        ([b""], [b""]),
        ([b"\xe9@x.org"], [b"%FF%FE"]),
        ([b"a@x.org\x85"], [b"a%0D%0AX-OpenWebUI-User-Id: u-2"]),
        ([b"a" * 321], [b"%E7%94%B0" * 321]),
    ],
)
def test_plain_headers_that_are_left_out(email: list[bytes], name: list[bytes]) -> None:
    """An e-mail or a name that can't be one, or comes twice, is left out."""
    sent: list[tuple[str, str | bytes]] = [("X-OpenWebUI-User-Id", "u-1")]
    sent += [("X-OpenWebUI-User-Email", value) for value in email]
    sent += [("X-OpenWebUI-User-Name", value) for value in name]
    assert decide(*sent, secrets=()) == EndUser("header", "u-1")
