"""Real servers for tests: PostgreSQL and Redis from the system's packages, each for one session."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis as Client
from redis.exceptions import RedisError

from .gateway import free_port, until


def _program(name: str, *folders: str) -> str:
    """Where a server's program is. CI must have it; elsewhere the test is skipped without it."""
    places = [str(p) for f in folders for p in sorted(Path("/").glob(f), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join((*places, os.environ["PATH"], "/usr/sbin")))
    if found is not None:
        return found
    words = f"{name} is not installed; Debian has it in postgresql or redis-server"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


def _servant() -> str | None:
    """The user for servers that refuse to run as root; None when we aren't root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(slots=True)
class Postgres:
    """A database cluster of our own, on loopback only; each test may have its own database."""

    port: int
    folder: Path
    program: str
    process: "subprocess.Popen[bytes]"
    made: int = 0

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Postgres"]:
        """Make a cluster, start it, and stop and delete it at the end."""
        binaries = "usr/lib/postgresql/*/bin"
        initdb, program = _program("initdb", binaries), _program("postgres", binaries)
        folder = Path(tempfile.mkdtemp(prefix="sekisho-postgres-"))
        user = _servant()
        if user is not None:
            shutil.chown(folder, user)
        subprocess.run(
            [initdb, "-D", str(folder / "data"), "-U", "sekisho", "-A", "trust", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        port = free_port()
        server = cls(port, folder, program, cls._begin(program, folder, port))
        try:
            until("PostgreSQL", server.answers)
            yield server
        finally:
            server.resume()
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _begin(program: str, folder: Path, port: int) -> "subprocess.Popen[bytes]":
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(folder)]
        return subprocess.Popen(
            [program, "-D", str(folder / "data"), "-p", str(port), *options],
            user=_servant(),
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )

    def answers(self) -> bool:
        """Whether a connection can be made."""
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def database(self) -> str:
        """A new, empty database; its URL as `SEKISHO_DATABASE_URL` takes it."""
        self.made += 1
        name = f"sekisho_{self.made}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._dsn(name)

    def stop(self) -> None:
        """Stop the server as an operator in a hurry does; its data stay."""
        self.process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        self.process.wait(30)

    def start_again(self) -> None:
        """Start it again on the same port, with the same data."""
        self.process = self._begin(self.program, self.folder, self.port)
        until("PostgreSQL", self.answers)

    def pause(self) -> None:
        """Let it hang: its kernel accepts connections, but nobody answers on any of them."""
        os.kill(self.process.pid, signal.SIGSTOP)  # the first, so that it starts no more others
        self._tell_children(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        self._tell_children(signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def _tell_children(self, what: signal.Signals) -> None:
        if self.process.poll() is not None:
            return
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for child in " ".join(path.read_text() for path in tasks).split():
            with suppress(ProcessLookupError):
                os.kill(int(child), what)

    def _dsn(self, name: str) -> str:
        return f"postgresql://sekisho@127.0.0.1:{self.port}/{name}"


@dataclass(slots=True)
class Redis:
    """A Redis server of our own, on loopback only, that keeps nothing on disk."""

    port: int
    folder: Path
    program: str
    process: "subprocess.Popen[bytes]"

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Redis"]:
        """Start a server on a free port, and stop it at the end."""
        program = _program("redis-server")
        folder, port = Path(tempfile.mkdtemp(prefix="sekisho-redis-")), free_port()
        server = cls(port, folder, program, cls._begin(program, folder, port))
        try:
            until("Redis", server.answers)
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _begin(program: str, folder: Path, port: int) -> "subprocess.Popen[bytes]":
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        return subprocess.Popen([program, "--port", str(port), *options], stdout=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        """Its URL as `SEKISHO_REDIS_URL` takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def answers(self) -> bool:
        """Whether it answers a ping."""
        with Client(port=self.port, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False

    def empty(self) -> None:
        """Delete everything in it."""
        with Client(port=self.port) as client:
            client.flushall()

    def stop(self) -> None:
        """Stop the server."""
        self.process.terminate()
        self.process.wait(30)

    def start_again(self) -> None:
        """Start it again on the same port, empty."""
        self.process = self._begin(self.program, self.folder, self.port)
        until("Redis", self.answers)
