"""Our price list: complete for every model that we offer, with sources and dates."""

from datetime import date
from decimal import Decimal
from itertools import product
from urllib.parse import urlsplit

import pytest
from sekisho.pricing import catalog, table, verify
from sekisho.pricing.overrides import price_of
from sekisho.pricing.price import Price
from sekisho.providers.deployment import Deployment
from sekisho.providers.loader import from_model_list, load

CATALOG = catalog.load()
CLOUDS = {
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "VERTEXAI_PROJECT": "p",
    "GOOGLE_APPLICATION_CREDENTIALS": "{}",
    "AZURE_API_BASE": "https://x.services.ai.azure.com",
    "AZURE_API_KEY": "k",
}
REGIONS = (
    "us-east-1",
    "eu-north-1",
    "ap-northeast-1",
    "ap-southeast-2",
    "ap-south-1",
    "ca-central-1",
    "sa-east-1",
    "us-gov-west-1",
)


@pytest.mark.parametrize(("region", "profile"), [*product(REGIONS, ["global", "geo"])])
def test_everything_offered_is_priced(region: str, profile: str) -> None:
    """Wherever the gateway runs, each model that is not left out is priced for all it bills."""
    places = {"AWS_REGION": region, "SEKISHO_BEDROCK_PROFILE": profile}
    loaded = load({**CLOUDS, **places, "VERTEXAI_LOCATION": "global"})
    assert len(loaded.deployments) > 100
    assert verify.check(loaded.deployments) == []


@pytest.mark.parametrize(
    ("location", "zone"), [("us-central1", "us"), ("europe-west4", "eu"), ("eu", "apac")]
)
def test_regional_endpoints_and_data_zones_are_priced(location: str, zone: str) -> None:
    """Outside the global endpoints of Google and Microsoft everything is priced as well."""
    places = {"AWS_REGION": "us-east-1", "VERTEXAI_LOCATION": location, "SEKISHO_AZURE_ZONE": zone}
    assert verify.check(load({**CLOUDS, **places}).deployments) == []


@pytest.mark.parametrize("price", list(CATALOG.prices.values()), ids=lambda price: price.id)
def test_every_price_has_source_and_date(price: Price) -> None:
    """A price says where it was read (a vendor's page, or LiteLLM's map) and when."""
    first = price.source.split()[0]
    assert first == "litellm" or urlsplit(first).scheme == "https"
    assert date(2026, 11, 1) <= price.date <= date(2026, 12, 31)
    assert price.currency == "USD"


def test_no_free_model() -> None:
    """No figure in our price list is 0."""
    for price in CATALOG.prices.values():
        assert all(figure > 0 for figure in price.standard.figures.values()), price.id


@pytest.mark.parametrize(
    ("price_id", "factors"),
    [
        (f"bedrock/global.anthropic.{name}", factors)
        for name, factors in {
            # Multiples of the input price: read, written for 5 minutes, written for an hour.
            "claude-fable-5-1": ("0.025", "1.25", "2"),
            "claude-opus-5-5": ("0.05", "1.25", "2"),
            "claude-opus-5": ("0.1", "1.25", "2"),
            "claude-opus-4-8": ("0.1", "1.25", "2"),
            "claude-sonnet-5-5": ("0.05", "1.25", "2"),
            "claude-sonnet-5": ("0.1", "1.25", "2"),
            "claude-sonnet-4-6": ("0.1", "1.25", "2"),
            "claude-sonnet-4-5-20250929-v1:0": ("0.1", "1.25", "2"),
            "claude-haiku-5-5": ("0.1", "1.25", "2"),
            "claude-haiku-4-5-20251001-v1:0": ("0.1", "1.25", "2"),
        }.items()
    ],
)
def test_claude_cache_prices_follow_anthropics_rule(
    price_id: str, factors: tuple[str, str, str]
) -> None:
    """Anthropic prices caching as multiples of input; ours agree in every band and geography."""
    bare = price_id.removeprefix("bedrock/global.")
    for price in CATALOG.prices.values():
        if price.id.endswith(f".{bare}") or price.id == f"bedrock/{bare}":
            for figures in (price.standard.at(0), price.standard.at(10**9)):
                wanted = [figures["input"] * Decimal(factor) for factor in factors]
                names = ("cache_read", "cache_write_5m", "cache_write_1h")
                assert [figures[name] for name in names] == wanted, price.id


def test_geographic_claude_profiles_cost_ten_percent_more() -> None:
    """us., eu., jp., au. and apac. profiles of Claude cost 1.1 times the global ones."""
    checked = 0
    for price in CATALOG.prices.values():
        head, _, rest = price.id.removeprefix("bedrock/").partition(".anthropic.")
        if rest and head in ("us", "eu", "jp", "au", "apac", "ca"):
            world = CATALOG.prices[f"bedrock/global.anthropic.{rest}"]
            assert price.standard.figures == {
                unit: figure * Decimal("1.1") for unit, figure in world.standard.figures.items()
            }, price.id
            checked += 1
    assert checked >= 40


def custom(**info: object) -> Deployment:
    """An operator's own model with that model_info."""
    entry = {
        "model_name": "mine",
        "litellm_params": {"model": "openai/mine", "api_base": "http://127.0.0.1:1/v1"},
        "model_info": info,
    }
    (deployment,) = from_model_list([entry], "litellm_config.yaml", {}).deployments
    return deployment


def test_verify_names_what_has_no_price() -> None:
    """A model without a price, and a price without a unit, are found and named."""
    findings = verify.check(
        [custom(), custom(input_cost_per_token=1e-6), custom(base_model="azure/gpt-5.5")]
    )
    assert [str(finding) for finding in findings] == [
        "mine (mine@custom): no price for openai/mine",
        "mine (mine@custom): openai/mine has no price for output",
    ]


def test_verify_wants_cache_prices_where_caching_is_announced() -> None:
    """A model that announces prompt caching needs a price for cache reads."""
    own = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    (finding,) = verify.check([custom(**own, supports_prompt_caching=True)])
    assert finding.missing == ("cache_read",)


def test_operators_own_price_wins() -> None:
    """Cost fields next to a model are its price, in LiteLLM's units, with the file as source."""
    price = price_of(
        custom(
            base_model="azure/gpt-5.5",
            input_cost_per_token=3e-7,
            output_cost_per_token=1.2e-6,
            cache_read_input_token_cost=3e-8,
        ),
        CATALOG,
    )
    assert price is not None
    assert price.source == "litellm_config.yaml"
    assert price.standard.figures == {
        "input": Decimal("0.0000003"),
        "output": Decimal("0.0000012"),
        "cache_read": Decimal("0.00000003"),
    }


def test_an_explicit_zero_is_a_price() -> None:
    """A model declared free by its operator is priced at 0, not unpriced."""
    free = custom(input_cost_per_token=0, output_cost_per_token=0)
    assert verify.check([free]) == []
    price = price_of(free, CATALOG)
    assert price is not None
    assert price.standard.figures == {"input": Decimal(0), "output": Decimal(0)}


def test_a_cost_that_is_no_number_is_refused() -> None:
    """A cost field that is text is an error that names the alias and the field."""
    message = "^litellm_config.yaml: mine: input_cost_per_token: must be a number, not 'cheap'$"
    with pytest.raises(catalog.PriceError, match=message):
        price_of(custom(input_cost_per_token="cheap"), CATALOG)


def test_table_of_models_and_prices() -> None:
    """The table for the docs has one row for each deployment, with prices per million tokens."""
    loaded = load({**CLOUDS, "AWS_REGION": "us-east-1", "VERTEXAI_LOCATION": "global"})
    wanted = {"claude-haiku-5-5@bedrock", "cohere-rerank-3.5@bedrock", "gpt-5.5@azure"}
    rows = [(one.cloud, one) for one in loaded.deployments if one.id in wanted]
    assert table.markdown(rows).splitlines() == [
        "| Alias | Cloud | Kind | Input | Cache read | Cache write 5 min | Cache write 1 h "
        "| Output | Also |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
        "| `claude-haiku-5-5` | bedrock | chat | 0.1 | 0.01 | 0.125 | 0.2 | 0.5 "
        "| higher above 100,000 input tokens |",
        "| `cohere-rerank-3.5` | bedrock | rerank | - | - | - | - | - | query 0.002 each |",
        "| `gpt-5.5` | azure | chat | 5 | 0.5 | - | - | 30 "
        "| query 0.01 each; higher above 272,000 input tokens; priority tier; flex tier |",
    ]


def test_table_says_when_there_is_no_price() -> None:
    """A model without a price says so in the table."""
    row = table.markdown([("custom", custom())]).splitlines()[-1]
    assert row == "| `mine` | custom | chat | - | - | - | - | - | no price |"
