"""Cohere's own rerank API, as Azure Foundry serves it. One search unit per 100 documents."""

from .pretend import Json, Prompt, Reply, Turn
from .shapes import content, need, overlap


def read_rerank(model: str, body: Json) -> Prompt:
    need(body, "documents", list, "invalid request: list of documents must not be empty")
    query = need(body, "query", str, "invalid request: query must not be empty")
    return Prompt(body.get("model") or model, body, [Turn("user", query)])


def write_rerank(prompt: Prompt, reply: Reply) -> Json:
    documents = [content(d if isinstance(d, str) else [d]) for d in prompt.body["documents"]]
    shown = overlap(prompt.text, documents)[: prompt.body.get("top_n") or None]
    units = -(-len(documents) // 100)
    return {
        "id": reply.id,
        "results": [{"index": index, "relevance_score": score} for index, score in shown],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": units}},
    }
