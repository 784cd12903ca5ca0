"""A running Open WebUI 0.12.4: a process of its own, with a data folder and a port of its own."""

import os
import secrets
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ..gateway import free_port, until
from .chat import Person

ADMIN = "admin@example.com"
ADMIN_PASSWORD = "an-admin-of-the-tests"
# Nothing may be asked of the network, and nothing written beside the data folder.
_ALONE = {
    "OFFLINE_MODE": "true",
    "HF_HUB_OFFLINE": "1",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "SCARF_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "USER_AGENT": "tests",
    "ENABLE_OLLAMA_API": "false",
    "WEBUI_ADMIN_EMAIL": ADMIN,
    "WEBUI_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "WEBUI_ADMIN_NAME": "Admin of the tests",
}


@dataclass(slots=True)
class OpenWebUI:
    """One that is ready; `url` has no path."""

    url: str
    folder: Path
    process: "subprocess.Popen[bytes]"
    people: list[Person] = field(default_factory=list[Person])

    @classmethod
    @contextmanager
    def start(
        cls, programs: Path, folder: Path, variables: Mapping[str, str]
    ) -> Generator["OpenWebUI"]:
        """Start the one of the virtual environment `programs`, and stop it at the end."""
        port = free_port()
        path = os.pathsep.join((str(programs / "bin"), "/usr/bin", "/bin"))
        environment = {
            "PATH": path,
            "HOME": str(folder),
            "DATA_DIR": str(folder / "data"),
            "WEBUI_SECRET_KEY": secrets.token_hex(32),
            **_ALONE,
            **variables,
        }
        command = [str(programs / "bin" / "open-webui"), "serve", "--host", "127.0.0.1"]
        with (folder / "open-webui.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "--port", str(port)],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        running = cls(f"http://127.0.0.1:{port}", folder, process)
        try:
            until("Open WebUI to be ready", running._is_ready, 180)
            running.sign_in(ADMIN, ADMIN_PASSWORD)
            yield running
        finally:
            for person in running.people:
                person.http.close()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    @property
    def admin(self) -> Person:
        """The admin that was there at the start."""
        return self.people[0]

    def sign_in(self, email: str, password: str) -> Person:
        """Sign a user in, for as long as Open WebUI runs."""
        person = Person.sign_in(self.url, email, password)
        self.people.append(person)
        return person

    def add(self, name: str, email: str) -> Person:
        """A new user, signed in."""
        password = secrets.token_urlsafe(16)
        form = {"name": name, "email": email, "password": password, "role": "user"}
        self.admin.post("/api/v1/auths/add", form)
        return self.sign_in(email, password)

    def log(self) -> str:
        """All that it has printed."""
        return (self.folder / "open-webui.log").read_text(errors="replace")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"Open WebUI ended: {self.log()[-4000:]}"
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health").status_code == 200
        return False
