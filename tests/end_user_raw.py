"""Requests that no HTTP library sends, by which somebody might smuggle in another end user."""

from .end_user_spoofs import JWT, NOBODY, PROVEN, VICTIMS

# Bytes with {key} and {good} (a token) to be filled in, and whom the rows of it name; no rows where
# the server refuses what isn't HTTP.
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {key}\r\n"
    b"Content-Type: application/json\r\n"
)
BODY = b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
VICTIM_LINE = f"{JWT}: {VICTIMS}\r\n".encode()
RAW: dict[str, tuple[bytes, set[tuple[str | None, ...]]]] = {
    "a duplicate in another case": (
        HEAD + LENGTH + b"X-OPENWEBUI-USER-JWT: {good}\r\n" + VICTIM_LINE + b"\r\n" + BODY,
        {NOBODY},
    ),
    "a space before the colon": (
        HEAD + LENGTH + b"X-OpenWebUI-User-Jwt: {good}\r\nX-OpenWebUI-User-Id : v\r\n\r\n" + BODY,
        set(),
    ),
    "a folded line": (
        HEAD + LENGTH + b"X-OpenWebUI-User-Jwt: {good}\r\n " + VICTIM_LINE + b"\r\n" + BODY,
        set(),
    ),
    "a bare line feed": (
        HEAD + LENGTH + b"X-A: b\n" + VICTIM_LINE + b"X-OpenWebUI-User-Jwt: {good}\r\n\r\n" + BODY,
        set(),
    ),
    "a bare carriage return": (
        HEAD + LENGTH + b"X-A: b\r" + VICTIM_LINE + b"X-OpenWebUI-User-Jwt: {good}\r\n\r\n" + BODY,
        set(),
    ),
    "a zero byte": (
        HEAD + LENGTH + b"X-OpenWebUI-User-Jwt: {good}\x00\r\n\r\n" + BODY,
        set(),
    ),
    "both lengths": (
        HEAD + LENGTH + CHUNKED + b"X-OpenWebUI-User-Jwt: {good}\r\n\r\n0\r\n\r\n" + BODY,
        set(),
    ),
    "a trailer": (
        HEAD
        + CHUNKED
        + b"X-OpenWebUI-User-Jwt: {good}\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
        + VICTIM_LINE.replace(b"Jwt", b"Id")
        + VICTIM_LINE
        + b"\r\n",
        {PROVEN},
    ),
    "a trailer in place of a header": (
        HEAD + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n" % (len(BODY), BODY) + VICTIM_LINE + b"\r\n",
        {NOBODY},
    ),
}
