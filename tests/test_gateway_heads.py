"""A request's head has an end, whoever sends it."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from sekisho.gate.protocol import MOST_HEAD_BYTES, MOST_HEADERS

from .gateway import Gateway


def _send(gateway: Gateway, head: bytes) -> bytes:
    """What comes back until the connection is closed."""
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as connection:
        try:
            connection.sendall(head)
            return connection.recv(1000)
        except ConnectionError:  # closed while we were still sending
            return b""


def test_an_endless_head_is_cut(gateway: Gateway) -> None:
    """A head of more than 2 MiB ends with its connection, and the gateway goes on."""
    start = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: "
    answer = _send(gateway, start + b"a" * (MOST_HEAD_BYTES + 200_000))
    assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    many = b"".join(b"x-%d: %s\r\n" % (number, b"b" * 1000) for number in range(2500))
    answer = _send(gateway, b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n" + many + b"\r\n")
    assert b" 200 " not in answer
    assert httpx.get(gateway.url + "/health/liveliness").status_code == 200


def test_a_large_body_is_no_head(gateway: Gateway, key: str) -> None:
    """A body of 5 MB passes, and so does the next request on the same connection."""
    message = {"role": "user", "content": "a" * 5_000_000}
    body = {"model": "demo", "max_tokens": 5, "messages": [message]}
    with gateway.client(key) as client:
        assert client.post("/v1/messages", json=body).status_code == 200
        assert client.get("/v1/models").status_code == 200


def test_endless_trailers_are_cut(gateway: Gateway) -> None:
    """Headers after a body end with their connection when they are more than 64 KiB, and a head of
    more than a thousand headers is refused.
    """
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as connection:
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            connection.sendall(b"a:\r\n" * 10_000_000)
    many = b"a:\r\n" * (MOST_HEADERS + 1)
    answer = _send(gateway, b"GET /health/liveliness HTTP/1.1\r\nhost: x\r\n" + many + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert httpx.get(gateway.url + "/health/liveliness").status_code == 200
