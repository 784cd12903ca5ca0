"""A person at the page, in a real browser."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .chat import BACKGROUND, Person
from .stage import MODEL, Stage

pytestmark = pytest.mark.openwebui

_SCRIPT = Path(__file__).with_name("browse.py")
_CHAT = ["chat", *(f"chat/{task}" for task in BACKGROUND)]


@pytest.mark.parametrize("who", ["hanako", "taro"])
def test_ask_in_the_page(world: Stage, programs: Path, tmp_path: Path, who: str) -> None:
    """Sign in, choose a model, ask: answer and cost are shown, and no other host is asked."""
    person = world.hanako if who == "hanako" else world.taro
    question = "Good day [[sim:usage input=2000 output=500]] [[sim:text The gate is open]]"
    with world.ledger.expects(person, *_CHAT) as rows:
        seen = _browse(world, programs, tmp_path, person, question)
    assert seen["answer"] == "The gate is open"
    # 2000 tokens at $0.10 and 500 at $0.40 a million.
    assert seen["line"] == "$0.000400 · 2,000 tokens in, 500 out"
    assert seen["outside"] == []
    assert {row.gen_ai_request_model for row in rows if row.task is None} == {MODEL}


def _browse(
    world: Stage, programs: Path, folder: Path, person: Person, question: str
) -> dict[str, Any]:
    told = {
        "url": world.chat.url,
        "chromium": shutil.which("chromium"),
        "profile": str(folder / "profile"),
        "email": person.email,
        "password": person.password,
        # Chromium's field for e-mail addresses refuses his: people like him come by OIDC.
        "token": "" if person.email.isascii() else person.token,
        "model": MODEL,
        "question": question,
        "expected": "The gate is open",
        "screenshot": str(folder / "page.png"),
    }
    done = subprocess.run(
        [str(programs / "bin" / "python"), str(_SCRIPT)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=180,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        cwd=folder,
    )
    assert done.returncode == 0, f"{done.stderr[-3000:]} (picture: {told['screenshot']})"
    found: dict[str, Any] = json.loads(done.stdout)
    return found
