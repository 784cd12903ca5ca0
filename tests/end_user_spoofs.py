"""Attempts to be somebody else: a table of requests, each with whom the row must name after it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .end_users import (
    OTHER_SECRET,
    REQUESTS,
    SECRET,
    TANAKA,
    TANAKA_EMAIL,
    TANAKA_NAME,
    claims,
    encoded,
    signature,
    token,
    unpadded,
)

Json = dict[str, Any]
Sent = list[tuple[str, str | bytes]]

VICTIM, VICTIM_ID = "victim@example.com", "victim-0000"
JWT = "X-OpenWebUI-User-Jwt"
NOW = int(time.time())

# Whom the row must name: id, e-mail, name, and what proved it.
HANAKO = ("hanako@example.com", "hanako@example.com", None, "key")
BOT = ("bot@example.com", "bot@example.com", None, "key")
PROVEN = (TANAKA, TANAKA_EMAIL, TANAKA_NAME, "jwt")
NOBODY = (None, None, None, "none")


@dataclass(frozen=True)
class Attempt:
    """A request by a holder of a key, and what must become of it."""

    key: str
    headers: Sent
    named: tuple[str | None, ...]
    status: int = 200
    route: str = "chat"
    fields: Json = field(default_factory=dict[str, Any])


def victims(**changed: Any) -> Json:
    """What Open WebUI would say of the victim."""
    return claims(**{"sub": VICTIM_ID, "email": VICTIM, "name": "Victim", **changed})


def cut(text: str, part: int, by: int) -> str:
    """A token that lacks the end of one of its parts."""
    parts = text.split(".")
    parts[part] = parts[part][:-by]
    return ".".join(parts)


def mixed() -> str:
    """The victim's claims under the signature of Tanaka's."""
    head, _, signed = token().split(".")
    return f"{head}.{encoded(victims())}.{signed}"


def by_hash(algorithm: str, how: str) -> str:
    """A token that is signed with our secret, by another algorithm."""
    text = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(victims())}"
    return f"{text}.{signature(text, how=how)}"


def unsigned(algorithm: str, end: str = "") -> str:
    """A token without a signature, or with another one in its place."""
    return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(victims())}.{end}"


def detached() -> str:
    """A token whose claims stand elsewhere (RFC 7797)."""
    head = encoded({"alg": "HS256", "b64": False, "crit": ["b64"]})
    return f"{head}..{signature(head + '.' + encoded(victims()))}"


VICTIMS = token(victims())
FORGED = token(victims(), OTHER_SECRET)

# Tokens with a frontend's key: each of these requests is refused.
BAD_TOKENS: dict[str, list[str | bytes]] = {
    "signed with another secret": [FORGED],
    "signed with an empty secret": [token(victims(), "")],
    "signed with the name of the secret": [token(victims(), "SEKISHO_OPENWEBUI_JWT_SECRET")],
    "signed with a part of the secret": [token(victims(), SECRET[:-1])],
    "expired": [token(victims(iat=NOW - 600, exp=NOW - 300))],
    "expired for ever": [token(victims(exp=0))],
    "from the future": [token(victims(iat=NOW + 7200, exp=NOW + 7500))],
    "not to hold yet": [token(victims(nbf=NOW + 7200))],
    "no end": [token(victims(exp=None))],
    "no beginning": [token(victims(iat=None))],
    "an end in words": [token(victims(exp="never"))],
    "an end that is no number": [token(victims(exp=float("nan")))],
    "no issuer": [token(victims(iss=None))],
    "another issuer": [token(victims(iss="https://evil.example"))],
    "for another audience": [token(victims(aud="somebody"))],
    "no user": [token(claims(sub=None, email=VICTIM))],
    "an empty user": [token(claims(sub="", email=VICTIM))],
    "a user that is no text": [token(claims(sub=[VICTIM_ID]))],
    "a user with a line break": [token(claims(sub=f"{VICTIM_ID}\nx"))],
    "alg none": [unsigned("none")],
    "alg none without the last dot": [unsigned("none")[:-1]],
    "alg None": [unsigned("None")],
    "alg none with a signature": [unsigned("none", token().split(".")[2])],
    "alg empty": [unsigned("")],
    "no alg": [f"{encoded({'typ': 'JWT'})}.{encoded(victims())}.{token().split('.')[2]}"],
    "alg HS384": [by_hash("HS384", "sha384")],
    "alg HS512": [by_hash("HS512", "sha512")],
    "alg RS256 with an HMAC": [by_hash("RS256", "sha256")],
    "alg in lower case": [by_hash("hs256", "sha256")],
    "a list of algs": [token(victims(), alg=["HS256", "none"])],
    "claims under another's signature": [mixed()],
    "a key of its own": [token(victims(), OTHER_SECRET, jwk={"kty": "oct", "k": "AAAA"})],
    "the address of a key": [token(victims(), OTHER_SECRET, jku="http://127.0.0.1:9/keys")],
    "a file as the key": [token(victims(), "", kid="../../../dev/null")],
    "an extension that nobody knows": [token(victims(), crit=["exp"])],
    "claims elsewhere": [detached()],
    "truncated by a letter": [cut(VICTIMS, 2, 1)],
    "truncated claims": [cut(VICTIMS, 1, 4)],
    "no signature": [VICTIMS.rpartition(".")[0] + "."],
    "no dots": [VICTIMS.replace(".", "")],
    "another part": [VICTIMS + ".e30"],
    "in lower case": [VICTIMS.lower()],
    "in upper case": [VICTIMS.upper()],
    "empty": [""],
    "in quotes": [f'"{VICTIMS}"'],
    "as a bearer": [f"Bearer {VICTIMS}"],
    "plain JSON": [f'{{"sub": "{VICTIM_ID}"}}'],
    "claims in base64 alone": [encoded(victims())],
    "an absurd length": [token(victims(name="x" * 9000))],
    "bytes that are no letters": [b"\xff" + FORGED.encode()],
    "a null": [f"{'.'.join([unpadded(b'null')] * 2)}.x"],
    "the same twice": [VICTIMS, VICTIMS],
    "a good one and a forged one": [token(), FORGED],
    "a forged one and a good one": [FORGED, token()],
    "two users": [token(), VICTIMS],
    "two users, joined by a proxy": [f"{token()}, {VICTIMS}"],
    "a good one and an empty one": [token(), ""],
}

# What anybody may write into headers, and what other gateways believe.
HEADERS: dict[str, Sent] = {
    "LiteLLM's end user": [("X-LiteLLM-End-User-Id", VICTIM)],
    "LiteLLM's customer": [("X-LiteLLM-Customer-Id", VICTIM)],
    "LiteLLM's tags": [("X-LiteLLM-Tags", f"user:{VICTIM}")],
    "LiteLLM's logs": [("X-LiteLLM-Spend-Logs-Metadata", f'{{"user": "{VICTIM}"}}')],
    "Open WebUI's id": [("X-OpenWebUI-User-Id", VICTIM_ID)],
    "Open WebUI's e-mail": [("X-OpenWebUI-User-Email", VICTIM)],
    "Open WebUI's plain headers": [
        ("X-OpenWebUI-User-Id", VICTIM_ID),
        ("X-OpenWebUI-User-Email", VICTIM),
        ("X-OpenWebUI-User-Name", "Victim"),
        ("X-OpenWebUI-User-Role", "admin"),
    ],
    "plain headers in lower case": [("x-openwebui-user-id", VICTIM_ID)],
    "plain headers with underscores": [("X_OpenWebUI_User_Id", VICTIM_ID)],
    "a token under another name": [("X_OpenWebUI_User_Jwt", VICTIMS), ("X-User-Jwt", VICTIMS)],
    "a token as a cookie": [("Cookie", f"token={VICTIMS}; {JWT}={VICTIMS}")],
    "a proxy's user": [
        ("X-Forwarded-User", VICTIM),
        ("X-Forwarded-Email", VICTIM),
        ("X-Auth-Request-Email", VICTIM),
        ("Remote-User", VICTIM),
        ("From", VICTIM),
    ],
    "a line break in percents": [
        ("X-OpenWebUI-User-Name", f"a%0D%0AX-OpenWebUI-User-Id: {VICTIM_ID}")
    ],
    "another key": [("X-Api-Key", VICTIM), ("X-LiteLLM-Api-Key", VICTIM)],
}

# What a body may say of its user, in the words of some API or of LiteLLM.
FIELDS: dict[str, Json] = {
    "user": {"user": VICTIM},
    "safety_identifier": {"safety_identifier": VICTIM},
    "metadata": {"metadata": {"user_id": VICTIM, "user_api_key_end_user_id": VICTIM}},
    "LiteLLM's metadata": {"litellm_metadata": {"user": VICTIM, "user_id": VICTIM}},
    "LiteLLM's own fields": {
        "user_api_key_end_user_id": VICTIM,
        "user_api_key_user_id": VICTIM,
        "user_api_key_user_email": VICTIM,
        "end_user": VICTIM,
        "end_user_id": VICTIM,
        "customer_id": VICTIM,
    },
    "an Open WebUI user": {
        "user_id": VICTIM_ID,
        "__user__": {"id": VICTIM_ID, "email": VICTIM},
        "chat_id": VICTIM,
        "headers": {"X-OpenWebUI-User-Id": VICTIM_ID, JWT: VICTIMS},
        "extra_headers": {JWT: VICTIMS},
        "extra_body": {"user": VICTIM},
    },
}
EVERY_FIELD = {name: value for fields in FIELDS.values() for name, value in fields.items()}
HOLDERS: dict[str, tuple[Sent, tuple[str | None, ...]]] = {
    "person": ([], HANAKO),
    "service": ([], BOT),
    "frontend": ([(JWT, token())], PROVEN),
}


def attempts() -> Iterator[tuple[str, Attempt]]:
    """The table: its name says who tries what."""
    for name, tokens in BAD_TOKENS.items():
        bad: Sent = [(JWT, one) for one in tokens]
        yield f"frontend: token {name}", Attempt("frontend", bad, NOBODY, 401)
        if name in ("signed with another secret", "expired", "alg none", "empty"):
            yield f"person: token {name}", Attempt("person", bad, HANAKO)
    for key, (proof, named) in HOLDERS.items():
        for name, headers in HEADERS.items():
            yield f"{key}: {name}", Attempt(key, [*proof, *headers], named)
        for route in REQUESTS:
            fields = EVERY_FIELD if "Google" not in route else {**EVERY_FIELD, "labels": {}}
            sent = [*proof, *HEADERS["Open WebUI's plain headers"]]
            name = f"{key}: {route} with every field"
            yield name, Attempt(key, sent, named, route=route, fields=fields)
        for name, fields in FIELDS.items():
            yield f"{key}: the field {name}", Attempt(key, proof, named, fields=fields)
    for key in ("person", "service"):
        yield f"{key}: a good token", Attempt(key, [(JWT, VICTIMS)], HOLDERS[key][1])
    for name, headers in HEADERS.items():
        yield f"frontend without a token: {name}", Attempt("frontend", headers, NOBODY)
    for route in REQUESTS:
        forged: Sent = [(JWT, FORGED)]
        name = f"frontend: {route} with a forged token"
        yield name, Attempt("frontend", forged, NOBODY, 401, route)
    good: Sent = [(JWT.lower(), token())]
    yield "frontend: a good token's name in lower case", Attempt("frontend", good, PROVEN)


TABLE = dict(attempts())
