"""Bedrock: which id of a model to call from a region, and where its rerankers are.

Newer models are called by an inference profile: ``global.`` answers from anywhere at the lowest
price, ``us.``, ``eu.``, ``jp.`` … keep the request in a geography. The model files name one id;
here it is moved to the geography of AWS_REGION.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .deployment import NotHereError

PREFIX = "bedrock/"
_PROFILES = ("global", "us-gov", "us", "eu", "apac", "jp", "au", "ca", "in")
# Narrowest first: what may stay in Japan does.
_GEOGRAPHIES = (
    ("us-gov-", ("us-gov",)),
    ("us-", ("us",)),
    ("eu-", ("eu",)),
    ("ca-", ("ca",)),
    ("ap-northeast-1", ("jp", "apac")),
    ("ap-northeast-3", ("jp", "apac")),
    ("ap-southeast-2", ("au", "apac")),
    ("ap-southeast-4", ("au", "apac")),
    ("ap-south-", ("in", "apac")),
    ("ap-", ("apac",)),
)


def rehome(model: str, region: str, profile: str, priced: Callable[[str], bool]) -> str:
    """The id to call from ``region`` for a model id of the files (both with ``bedrock/``).

    ``profile`` is ``global`` or ``geo`` (SEKISHO_BEDROCK_PROFILE). ``priced`` tells whether a price
    id is known: an id that is not would be a guess about AWS, and would cost nobody knows what.
    Raises NotHereError when no known id fits.
    """
    head, _, base = model.removeprefix(PREFIX).partition(".")
    if head not in _PROFILES:
        return model  # called by its plain id, in the region itself
    if head == "global" and profile == "global" and not region.startswith("us-gov-"):
        return model
    tried = [f"{PREFIX}{geography}.{base}" for geography in _geographies(region)]
    if region.startswith("us-gov-"):
        tried.append(f"{PREFIX}{base}")  # older models have no profile there
    for candidate in tried:
        if priced(price_id(candidate, region, priced)):
            return candidate
    raise NotHereError(f"no known inference profile for {region}")


def price_id(model: str, region: str, priced: Callable[[str], bool]) -> str:
    """The price id of a Bedrock model: AWS prices some models differently in some regions."""
    regional = f"{PREFIX}{region}/{model.removeprefix(PREFIX)}"
    if priced(regional):
        return regional
    if region.startswith("us-gov-") and not model.startswith(f"{PREFIX}us-gov."):
        return regional  # GovCloud costs more: never price it as another region
    return model


def place(region: str, locations: Sequence[str], environ: Mapping[str, str]) -> str:
    """The region to call, out of the ``locations`` that offer a model (none: it is everywhere).

    AWS_REGION if it is one of them; else one in its geography; else, unless
    SEKISHO_BEDROCK_PROFILE is ``geo``, the first. Raises NotHereError when that leaves none.
    """
    if not locations or region in locations:
        return region
    worldwide = environ.get("SEKISHO_BEDROCK_PROFILE") != "geo" and _area(region) != "us-gov"
    found = [one for one in locations if _area(one) == _area(region)]
    found += [one for one in locations if worldwide and _area(one) != "us-gov"]
    # A VPC endpoint serves the requests of its own region only.
    if not found or any("amazonaws.com" in environ.get(name, "") for name in _ENDPOINTS):
        raise NotHereError(f"offered in {', '.join(locations)} only, AWS_REGION is {region}")
    return found[0]


_ENDPOINTS = ("AWS_BEDROCK_RUNTIME_ENDPOINT", "AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT")


def rerank_problem(environ: Mapping[str, str]) -> str | None:
    """Why rerankers would fail, or None.

    They belong to another service, bedrock-agent-runtime. LiteLLM sends them to
    AWS_BEDROCK_RUNTIME_ENDPOINT all the same, which fails if that is AWS's bedrock-runtime.
    """
    runtime = urlsplit(environ.get("AWS_BEDROCK_RUNTIME_ENDPOINT", "")).hostname or ""
    if "bedrock-runtime" in runtime and not environ.get("AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT"):
        return (
            "AWS_BEDROCK_RUNTIME_ENDPOINT does not answer rerank requests, "
            "set AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT"
        )
    return None


def rerank_arn(model: str, region: str) -> str:
    """A reranker's id as its ARN: the API takes nothing else, and LiteLLM passes on what it gets.

    AWS API reference, BedrockRerankingModelConfiguration.modelArn; BerriAI/litellm#7056.
    """
    partition = "aws-us-gov" if region.startswith("us-gov-") else "aws"
    name = model.removeprefix(PREFIX)
    return f"{PREFIX}arn:{partition}:bedrock:{region}::foundation-model/{name}"


def with_region(
    params: Mapping[str, Any], region: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The parameters with the region to call, as a reference to a variable if one names it."""
    if params.get("aws_region_name") != "os.environ/AWS_REGION":
        return dict(params)
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    named = next((f"os.environ/{name}" for name in names if environ.get(name) == region), region)
    return {**params, "aws_region_name": named}


def _area(region: str) -> str:
    return (_geographies(region) or (region,))[-1]


def _geographies(region: str) -> tuple[str, ...]:
    return next((found for start, found in _GEOGRAPHIES if region.startswith(start)), ())
