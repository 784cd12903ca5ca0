"""`python -m tests.simulators --port 4310`: the simulators for people and for `Simulator`."""

import argparse
import asyncio
import os
import socket
import sys
import threading

import uvicorn

from .server import App


def _die_with_parent() -> None:
    """Exit when standard input closes: a killed test run leaves no server behind."""
    sys.stdin.read()
    os._exit(0)


async def _serve(listener: socket.socket) -> None:
    config = uvicorn.Config(
        App(),
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=120,  # no connection of a gateway ends while it waits to try again
        server_header=False,
    )
    await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=4310, help="0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input closes")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", options.port), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    if options.until_eof:
        threading.Thread(target=_die_with_parent, daemon=True).start()
    asyncio.run(_serve(listener))


if __name__ == "__main__":
    main()
