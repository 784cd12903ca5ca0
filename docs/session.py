"""`python -m docs.session` records the picture of the README: a real session with the demo model.

It starts a gateway with an empty home on port 4000, runs the commands below in one shell, and
writes what they printed to `docs/session.svg`. Nothing is edited; run it again when output changes.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("session.svg")
_URL = "http://127.0.0.1:4000"
_WIDTH = 114
_END = "\x1eend"

STEPS = (
    "KEY=$(sekisho keys issue --alias hanako-laptop --owner hanako@example.com --models 'demo*')",
    """curl -s http://127.0.0.1:4000/v1/chat/completions -H "Authorization: Bearer $KEY" \\
  -d '{"model": "demo", "messages": [{"role": "user", "content": "Good morning"}]}'""",
    """curl -s http://127.0.0.1:4000/v1/messages -H "x-api-key: $KEY" \\
  -d '{"model": "dmeo", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}'""",
    "sekisho keys revoke hanako-laptop",
    """curl -s http://127.0.0.1:4000/v1/embeddings -H "Authorization: Bearer $KEY" \\
  -d '{"model": "demo", "input": "Good morning"}'""",
    "sekisho usage --by user,model",
)

# rich's pictures load a font from elsewhere; ours load nothing and take the reader's own.
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


@contextmanager
def gateway(home: Path, environment: Mapping[str, str]) -> Generator[None]:
    """`sekisho up --demo`, ready, with its state in `home`."""
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sekisho", "up", "--demo"],
            env=dict(environment),
            stdout=log,
            stderr=log,
        )
    try:
        while not _is_ready():
            if process.poll() is not None:
                raise SystemExit((home / "up.log").read_text())
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def _is_ready() -> bool:
    try:
        return httpx.get(f"{_URL}/health/readiness", trust_env=False).is_success
    except httpx.TransportError:
        return False


def record(steps: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each command with what it printed, all run in one shell."""
    marked = "\n".join(f"{step}\nprintf '{_END}\\n'" for step in steps)
    done = subprocess.run(  # noqa: S603 - the commands above
        ["/bin/bash", "-c", f"exec 2>&1\n{marked}"],
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
    )
    outputs = done.stdout.split(f"{_END}\n")
    yield from zip(steps, outputs, strict=False)


def draw(session: Sequence[tuple[str, str]]) -> str:
    """The session as an SVG picture."""
    console = Console(record=True, file=StringIO(), width=_WIDTH, color_system="truecolor")
    for command, output in session:
        console.print(Text.assemble(("$ ", "green"), (command, "bold")), overflow="fold")
        console.print(Text(output.rstrip("\n")), overflow="fold")
        console.print()
    title = "sekisho up --demo runs in another terminal"
    return _FONTS.sub("", console.export_svg(title=title, unique_id="session"))


def main() -> None:
    """Record and draw."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
        environment = {"PATH": path, "HOME": folder, "SEKISHO_HOME": folder}
        with gateway(home, environment):
            session = list(record(STEPS, environment))
    PICTURE.write_text(draw(session))
    for command, output in session:
        sys.stdout.write(f"$ {command}\n{output}\n")


if __name__ == "__main__":
    main()
