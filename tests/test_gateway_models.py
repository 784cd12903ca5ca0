"""Every alias answers through its simulator and costs what its price list says, to 1e-9 USD.

`costs_by_hand.csv` has the figures: what is asked of which alias, which cloud answers, and the
cost in USD, worked out by hand from the provider's price list, with the working beside it.
"""

import asyncio
import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sekisho import config
from sekisho.lake.record import Record
from sekisho.providers.deployment import Deployment

from .gateway import Gateway, cloud_variables, until
from .simulators import Simulator
from .simulators.media import PNG, wav

Json = dict[str, Any]
Units = Mapping[str, str]

TABLE = Path(__file__).with_name("costs_by_hand.csv")
PRECISION = Decimal("1e-9")  # USD
CONCURRENT = 12

# What the simulated providers count, as they are told in the prompt. `untold_reasoning` are
# thoughts in the output that nobody counts apart: Converse doesn't, and LiteLLM's translation to
# Messages leaves their number out.
_COUNTED = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write_5m": "cache_write_5m",
    "cache_write_1h": "cache_write_1h",
    "reasoning": "reasoning",
    "untold_reasoning": "reasoning",
    "audio_input": "audio_input",
    "audio_output": "audio_output",
    "image_input": "image_input",
    "image_output": "image_output",
}
# What else a line of the table can ask for. `served` is the tier that the provider says it served,
# whatever was asked for.
_ASKED = {"tier", "served", "texts", "documents", "n", "size", "quality", "seconds", "characters"}
_PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
    "images": "/v1/images/generations",
    "edits": "/v1/images/edits",
    "transcriptions": "/v1/audio/transcriptions",
    "speech": "/v1/audio/speech",
}


@dataclass(frozen=True)
class Request:
    """One request of the table; `units` as written there (`input=1000 output=70`)."""

    alias: str
    api: str
    how: str
    units: str

    def __str__(self) -> str:
        """The request in a failure message."""
        return f"{self.alias} {self.api} {self.how} [{self.units}]"

    @property
    def counts(self) -> Units:
        """The units by name."""
        return dict(pair.split("=") for pair in self.units.split())


Costs = dict[Request, dict[str, Decimal]]


@pytest.fixture(scope="module")
def table() -> Costs:
    """USD by request and by the cloud that answers: an alias on two clouds has a line for each."""
    costs: Costs = defaultdict(dict)
    for line in all_lines():
        request = Request(line["alias"], line["api"], line["how"], line["units"])
        assert line["cloud"] not in costs[request], f"{TABLE.name} has {request} twice"
        assert request.counts.keys() <= _COUNTED.keys() | _ASKED, f"{TABLE.name}: {request}"
        costs[request][line["cloud"]] = Decimal(line["usd"])
    return dict(costs)


@pytest.fixture(scope="module")
def deployments(clouds: Simulator) -> dict[str, Deployment]:
    """All deployments of the configuration that the gateway under test has, by id."""
    loaded = config.load(environ=cloud_variables(clouds))
    assert not loaded.skipped
    return {deployment.id: deployment for deployment in loaded.deployments}


def all_lines() -> Iterator[dict[str, str]]:
    """The table as it is written."""
    with TABLE.open(newline="") as file:
        yield from csv.DictReader(file)


def test_every_alias_is_in_the_table(table: Costs, deployments: dict[str, Deployment]) -> None:
    """Each deployment has a hand-computed cost: chat models plain, streamed and by each API."""
    priced = {
        (request.alias, cloud, request.api, request.how)
        for request, clouds in table.items()
        for cloud in clouds
    }
    several = Counter(deployment.alias for deployment in deployments.values())
    missing = [
        f"{deployment.alias},{api},{how},{deployment.cloud}"
        for deployment in deployments.values()
        for api, how in _least(deployment, pinned=several[deployment.alias] == 1)
        if (deployment.alias, deployment.cloud, api, how) not in priced
    ]
    begin = "\n".join(sorted(missing))
    assert not missing, (
        f"{TABLE.name} lacks the lines that begin with the following; add each with its units, "
        f"the cost in USD computed by hand from the price list, and the working:\n{begin}"
    )


def _least(deployment: Deployment, pinned: bool) -> list[tuple[str, str]]:
    """The requests that the table must have for a deployment; `pinned`: it has its own alias."""
    if deployment.mode not in ("chat", "responses"):
        apis = {"embedding": "embeddings", "image": "images", "transcription": "transcriptions"}
        return [(apis.get(deployment.mode, deployment.mode), "plain")]
    apart = [("messages", "streamed"), ("responses", "streamed")] if pinned else []
    return [("chat", "plain"), ("chat", "streamed"), *apart]


def test_the_table_names_real_aliases(table: Costs, deployments: dict[str, Deployment]) -> None:
    """A line that no request could be answered by is a slip in the table."""
    real = {(deployment.alias, deployment.cloud) for deployment in deployments.values()}
    written = {(request.alias, cloud) for request, clouds in table.items() for cloud in clouds}
    assert written - real == set()


def test_the_working_gives_the_figure() -> None:
    """Count times price, added up (`/M`: a price for a million), is the figure in the table."""
    for line in all_lines():
        worked = sum(_term(term) for term in line["working"].split(" + "))
        assert worked == Decimal(line["usd"]), line


def _term(term: str) -> Decimal:
    count, price = term.split(" x ")
    return Decimal(count) * Decimal(price.removesuffix("/M")) / (10**6 if "/M" in price else 1)


def test_costs(
    gateway: Gateway, key: str, table: Costs, deployments: dict[str, Deployment]
) -> None:
    """Every request is answered, and its row has the units, the deployment and the cost."""
    answers = asyncio.run(send_all(gateway, key, list(table)))
    ids = {answer for answer in answers.values() if answer.startswith("req_")}
    rows = until("a row for each answer", lambda: rows_of(gateway, ids))
    problems = {
        request: _problem(request, rows[answer], table[request], deployments)
        if answer in ids
        else answer
        for request, answer in answers.items()
    }
    wrong = [f"{request}: {problem}" for request, problem in problems.items() if problem]
    assert not wrong, f"{len(wrong)} of {len(table)} requests are wrong:\n" + "\n".join(wrong)


def rows_of(gateway: Gateway, ids: set[str]) -> dict[str, Record]:
    """The rows of these requests by id, once they are all there, else nothing."""
    rows = [row for row in gateway.rows() if row.request_id in ids]
    assert len(rows) <= len(ids), "a request has two rows"
    return {row.request_id: row for row in rows} if len(rows) == len(ids) else {}


def _problem(
    request: Request,
    row: Record,
    costs: Mapping[str, Decimal],
    deployments: Mapping[str, Deployment],
) -> str:
    """What is wrong with a row, in a few words; empty when nothing is."""
    deployment = deployments.get(row.deployment_id or "")
    if row.status != "success" or deployment is None or deployment.alias != request.alias:
        return f"{row.status} from {row.deployment_id}, {row.error_type}: {row.error_message}"
    if row.billed_cost is None or not row.is_priced or row.usage_is_estimated:
        return "no price for its units" if not row.is_priced else "its usage is an estimate"
    problems = [
        f"{name} expected {expected} got {got}"
        for name, expected, got in _units(request, row)
        if got != expected
    ]
    expected = costs.get(deployment.cloud)
    if expected is None or abs(row.billed_cost - expected) > PRECISION:
        problems.insert(0, f"{deployment.cloud} expected {expected} USD got {row.billed_cost}")
    return ", ".join(problems)


def _units(request: Request, row: Record) -> Iterator[tuple[str, int, int | None]]:
    """Name, expected and recorded number of each kind of token, where tokens are asked for."""
    asked = {name: int(n) for name, n in request.counts.items() if name in _COUNTED}
    if not asked or request.api == "embeddings":
        asked = {name: n for name, n in asked.items() if name == "input"}
    wanted = {
        "input": row.gen_ai_usage_input_tokens,
        "output": row.gen_ai_usage_output_tokens,
        "cache_read": row.gen_ai_usage_cache_read_input_tokens,
        "reasoning": row.gen_ai_usage_reasoning_output_tokens,
    }
    yield from ((name, asked[name], got) for name, got in wanted.items() if name in asked)
    written = asked.get("cache_write_5m", 0) + asked.get("cache_write_1h", 0)
    if written:
        yield "cache_write", written, row.gen_ai_usage_cache_creation_input_tokens
    for name in ("cache_write_1h", "audio_input", "audio_output", "image_input", "image_output"):
        if name in asked:
            unit = f"{name}_tokens".replace("1h_input", "1h")
            yield name, asked[name], int(row.other_units.get(unit, 0))


async def send_all(gateway: Gateway, key: str, requests: list[Request]) -> dict[Request, str]:
    """The request id of each answer, or what went wrong."""
    waiting = iter(requests)
    answers: dict[Request, str] = {}

    async def work(client: httpx.AsyncClient) -> None:
        for request in waiting:
            answers[request] = await _send(client, request)

    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=120) as client:
        await asyncio.gather(*(work(client) for _ in range(CONCURRENT)))
    return answers


async def _send(client: httpx.AsyncClient, request: Request) -> str:
    content = _CONTENTS[request.api](request)
    try:
        async with client.stream("POST", _PATHS[request.api], **content) as answer:
            body = await answer.aread()
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}: {body[:300].decode(errors='replace')}"
    return answer.headers["x-sekisho-request-id"]


def _directive(request: Request) -> str:
    """What tells the simulator how many tokens to report, and which service tier."""
    counts = request.counts
    pairs = [f"{_COUNTED[name]}={n}" for name, n in counts.items() if name in _COUNTED]
    served = f" [[sim:tier {counts['served']}]]" if "served" in counts else ""
    return f"[[sim:usage {' '.join(pairs)}]]{served}"


def _chat(request: Request) -> Json:
    messages = [{"role": "user", "content": _directive(request)}]
    body: Json = {"model": request.alias, "messages": messages}
    if request.how == "streamed":
        body["stream"] = True
    if "tier" in request.counts:
        body["service_tier"] = request.counts["tier"]
    return {"json": body}


def _messages(request: Request) -> Json:
    return {"json": _chat(request)["json"] | {"max_tokens": 1000}}


def _responses(request: Request) -> Json:
    body = _chat(request)["json"]
    return {"json": {**body, "input": body.pop("messages")[0]["content"]}}


def _embeddings(request: Request) -> Json:
    """The simulators count a quarter of the letters, rounded up, of all texts together."""
    texts, letters = int(request.counts.get("texts", 1)), int(request.counts["input"]) * 4
    given = ["x" * (letters // texts - 1 - number) for number in range(texts)]
    return {"json": {"model": request.alias, "input": given}}


def _rerank(request: Request) -> Json:
    documents = [f"document {n}" for n in range(int(request.counts["documents"]))]
    return {"json": {"model": request.alias, "query": "a document", "documents": documents}}


def _images(request: Request) -> Json:
    counts = request.counts
    shape: Json = {name: counts[name] for name in ("size", "quality") if name in counts}
    body = {"model": request.alias, "prompt": f"a gate {_directive(request)}", **shape}
    return {"json": {**body, "n": int(counts["n"])}}


def _edits(request: Request) -> Json:
    form = {"model": request.alias, "prompt": f"at night {_directive(request)}"}
    return {"data": form, "files": {"image": ("gate.png", PNG, "image/png")}}


def _transcriptions(request: Request) -> Json:
    """The directive stands behind the sound, in the file."""
    upload = wav(int(request.counts["seconds"])) + _directive(request).encode()
    return {"data": {"model": request.alias}, "files": {"file": ("a.wav", upload, "audio/wav")}}


def _speech(request: Request) -> Json:
    letters = int(request.counts.get("characters", 0))
    text = "x" * letters if letters else _directive(request)
    return {"json": {"model": request.alias, "input": text, "voice": "alloy"}}


_CONTENTS: Mapping[str, Callable[[Request], Json]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
    "embeddings": _embeddings,
    "rerank": _rerank,
    "images": _images,
    "edits": _edits,
    "transcriptions": _transcriptions,
    "speech": _speech,
}
