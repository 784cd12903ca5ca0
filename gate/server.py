"""The HTTP server: a listening socket, one or several workers on it, and an orderly end."""

import math
import signal
import socket
from typing import Any


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything slow starts. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    """The URL, without a path, under which this machine reaches a listening socket."""
    host: str
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def serve(
    listener: socket.socket,
    workers: int,
    drain_seconds: float,
    app: str = "sekisho.gate.entry:create",
) -> int:
    """Serve until SIGTERM or SIGINT, then let requests end; 0 when all was in order.

    `app` names what makes a worker's application.
    """
    import uvicorn

    from .protocol import Protocol
    from .supervisor import Supervisor

    options: dict[str, Any] = {
        "factory": True,
        "loop": "uvloop",
        "http": Protocol,
        "lifespan": "on",
        "access_log": False,  # the log is the lake
        "log_config": None,  # its lines look like ours
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": False,  # gate/address.py decides about those
        "timeout_graceful_shutdown": math.ceil(drain_seconds),
        "timeout_keep_alive": 75,  # seconds; longer than the 60 s of an AWS load balancer
        "timeout_worker_healthcheck": 60,  # importing LiteLLM takes a worker so long at most
        "workers": workers,
    }
    settings = uvicorn.Config(app, **options)
    # uvicorn sends itself the signal again after it has drained; an orderly end is not a failure.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    if workers > 1:
        supervisor = Supervisor(settings, sockets=[listener])
        supervisor.run()
        return 0 if supervisor.asked else 1
    server = uvicorn.Server(settings)
    server.run(sockets=[listener])
    return 0 if server.started else 1
