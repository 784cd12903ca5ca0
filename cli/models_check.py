"""`sekisho models check`: one real, small request to each model through the running gateway."""

import io
import sys
import wave
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import httpx

from ..gate import running
from ..providers.deployment import Deployment
from ..untyped import mapping
from . import output
from .models_of import configuration

_HELLO = "Say hello in one word."


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one request; `detail` is the error or nothing."""

    alias: str
    mode: str
    ok: bool
    seconds: float
    request_id: str
    detail: str


@click.command("check")
@click.argument("aliases", nargs=-1)
@click.option("--key", envvar="SEKISHO_KEY", help="A key of this gateway; or set SEKISHO_KEY.")
@click.option("--images", is_flag=True, help="Ask image models too: a picture costs cents.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def check(
    ctx: click.Context, aliases: tuple[str, ...], key: str | None, images: bool, as_json: bool
) -> None:
    """Ask each model (or ALIASES) one small question; exit code 1 when one doesn't answer."""
    here = running.find(ctx.obj.home)
    if here is None:
        raise output.Problem("no gateway runs with this home; start it: sekisho up")
    if not key:
        raise output.Misuse("--key is missing; issue one: sekisho keys issue --alias NAME")
    wanted = _wanted(configuration(ctx).deployments, aliases, images)
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=here.url, headers=headers, timeout=120) as client:
        hidden = as_json or not sys.stderr.isatty()
        with click.progressbar(wanted, hidden=hidden, file=sys.stderr) as models:
            results = [_ask(client, one) for one in models]
    if as_json:
        output.print_json([asdict(result) for result in results])
    else:
        rows = [
            (r.alias, r.mode, "ok" if r.ok else "FAILED", f"{r.seconds:.2f}", r.detail)
            for r in results
        ]
        output.print_table(("model", "mode", "answer", "s", "what went wrong"), rows)
    sys.exit(0 if all(result.ok for result in results) else 1)


def _wanted(
    deployments: Sequence[Deployment], aliases: Sequence[str], images: bool
) -> list[Deployment]:
    known = {deployment.alias: deployment for deployment in deployments}
    for alias in aliases:
        if alias not in known:
            raise output.Misuse(f"there is no model {alias}; 'sekisho models list' lists them")
    chosen = [known[alias] for alias in aliases or known]
    return [one for one in chosen if aliases or images or one.mode != "image"]


def _ask(client: httpx.Client, one: Deployment) -> Checked:
    try:
        answer = _QUESTIONS.get(one.mode, _chat)(client, one.alias)
    except httpx.HTTPError as error:
        return Checked(one.alias, one.mode, False, 0.0, "", type(error).__name__)
    return Checked(
        one.alias,
        one.mode,
        answer.is_success,
        round(answer.elapsed.total_seconds(), 3),
        answer.headers.get("x-sekisho-request-id", ""),
        "" if answer.is_success else _message(answer),
    )


def _message(answer: httpx.Response) -> str:
    try:
        error = mapping(mapping(answer.json()).get("error"))
    except ValueError:
        return f"HTTP {answer.status_code}"
    return f"HTTP {answer.status_code}: {error.get('message', '')}"


Question = Callable[[httpx.Client, str], httpx.Response]


def _json(path: str, **fields: Any) -> Question:
    def ask(client: httpx.Client, alias: str) -> httpx.Response:
        return client.post(path, json={"model": alias, **fields})

    return ask


def _transcription(client: httpx.Client, alias: str) -> httpx.Response:
    return client.post(
        "/v1/audio/transcriptions",
        data={"model": alias},
        files={"file": ("silence.wav", _silence(), "audio/wav")},
    )


def _silence() -> bytes:
    """A second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(b"\0\0" * 16_000)
    return file.getvalue()


_chat = _json("/v1/chat/completions", messages=[{"role": "user", "content": _HELLO}], max_tokens=64)
_QUESTIONS: dict[str, Question] = {
    "embedding": _json("/v1/embeddings", input="hello"),
    "rerank": _json("/v1/rerank", query="hello", documents=["hello", "goodbye"]),
    "image": _json("/v1/images/generations", prompt="a plain grey square", n=1),
    "speech": _json("/v1/audio/speech", input="Hello.", voice="alloy", response_format="wav"),
    "transcription": _transcription,
}
