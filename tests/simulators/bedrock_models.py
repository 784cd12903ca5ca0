"""Amazon Bedrock's InvokeModel bodies other than Claude's, and the Rerank API.

Embeddings count input tokens as the sum over texts in Titan's body; the others only tell them in
the header `x-amzn-bedrock-input-token-count`. Images and rerank report no tokens at all.
"""

from collections.abc import Mapping

from . import media
from .pretend import Json, MalformedError, Prompt, Reply, Turn
from .shapes import inner, need, overlap, user_turns

# What AWS answers to a plain model id, as quoted in BerriAI/litellm#7056.
BAD_ARN = (
    "The provided model ARN for reranking is invalid. Please, use a valid model ARN. Also check the"
    " model ARN follows this format: arn:<partition>:bedrock:<region>::foundation-model/<model-id>"
)


def counts(prompt: Prompt, reply: Reply) -> Mapping[str, str]:
    """The headers with which InvokeModel tells what it bills."""
    tokens = reply.usage
    told = {"Input": tokens.uncached_input, "Output": tokens.output}
    told |= {"Cache-Read-Input": tokens.cache_read, "Cache-Write-Input": tokens.cache_write}
    return {f"X-Amzn-Bedrock-{name}-Token-Count": str(number) for name, number in told.items()}


def read_titan_embedding(model: str, body: Json) -> Prompt:
    text = need(body, "inputText", str, "Malformed input request: #: required key [inputText]")
    return Prompt(model, body, [Turn("user", text)])


def write_titan_embedding(prompt: Prompt, reply: Reply) -> Json:
    vector = media.vector(prompt.text, prompt.body.get("dimensions") or 1024)
    counted = {"inputTextTokenCount": reply.usage.input}
    return {"embedding": vector, "embeddingsByType": {"float": vector}, **counted}


def read_cohere_embedding(model: str, body: Json) -> Prompt:
    need(body, "input_type", str, "Malformed input request: #: required key [input_type]")
    texts = need(body, "texts", list, "Malformed input request: #: required key [texts]")
    return Prompt(model, body, user_turns(texts))


def write_cohere_embedding(prompt: Prompt, reply: Reply) -> Json:
    texts = [turn.text for turn in prompt.turns]
    size = prompt.body.get("output_dimension") or (1536 if "v4" in prompt.model else 1024)
    vectors = [media.vector(text, size) for text in texts]
    types = prompt.body.get("embedding_types")
    shape = "embeddings_by_type" if types else "embeddings_floats"
    answer: Json = {"id": reply.id, "response_type": shape, "texts": texts}
    return answer | {"embeddings": dict.fromkeys(types, vectors) if types else vectors}


def read_nova_embedding(model: str, body: Json) -> Prompt:
    need(body, "singleEmbeddingParams", dict, "required key [singleEmbeddingParams]")
    text = str(inner(body, "singleEmbeddingParams", "text").get("value", ""))
    return Prompt(model, body, [Turn("user", text)])


def write_nova_embedding(prompt: Prompt, reply: Reply) -> Json:
    size = prompt.body["singleEmbeddingParams"].get("embeddingDimension") or 3072
    vector = media.vector(prompt.text, size)
    return {"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]}


def read_amazon_image(model: str, body: Json) -> Prompt:
    need(body, "taskType", str, "Malformed input request: #: required key [taskType]")
    kind = next((key for key in body if key.endswith("Params")), "")
    return Prompt(model, body, [Turn("user", str(inner(body, kind).get("text", "")))])


def write_amazon_image(prompt: Prompt, reply: Reply) -> Json:
    number = int(inner(prompt.body, "imageGenerationConfig").get("numberOfImages", 1))
    return {"images": [media.PNG_BASE64] * number, "error": None}


def read_stability_image(model: str, body: Json) -> Prompt:
    text = need(body, "prompt", str, "Malformed input request: #: required key [prompt]")
    return Prompt(model, body, [Turn("user", text)])


def write_stability_image(prompt: Prompt, reply: Reply) -> Json:
    return {"seeds": [1], "finish_reasons": [None], "images": [media.PNG_BASE64]}


def read_rerank(model: str, body: Json) -> Prompt:
    queries = need(body, "queries", list, "queries: member must not be null")
    need(body, "sources", list, "sources: member must not be null")
    config = need(body, "rerankingConfiguration", dict, "rerankingConfiguration must not be null")
    arn = config["bedrockRerankingConfiguration"]["modelConfiguration"]["modelArn"]
    if not arn.startswith("arn:"):
        raise MalformedError(BAD_ARN)
    return Prompt(arn.rsplit("/", 1)[-1], body, [Turn("user", queries[0]["textQuery"]["text"])])


def write_rerank(prompt: Prompt, reply: Reply) -> Json:
    config = prompt.body["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    ranked = overlap(prompt.text, [_document(source) for source in prompt.body["sources"]])
    shown = ranked[: config.get("numberOfResults") or None]
    return {"results": [{"index": index, "relevanceScore": score} for index, score in shown]}


def _document(source: Json) -> str:
    inline = inner(source, "inlineDocumentSource")
    return str(inner(inline, "textDocument").get("text") or inline.get("jsonDocument"))
