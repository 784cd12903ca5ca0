"""Loading the model files for a machine: clouds left out, regions, endpoints, ids."""

from pathlib import Path

import pytest
from sekisho.providers.deployment import Deployment, Loaded
from sekisho.providers.loader import from_model_list, load

AWS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"}
GOOGLE = {
    "VERTEXAI_PROJECT": "p",
    "VERTEXAI_LOCATION": "global",
    "GOOGLE_APPLICATION_CREDENTIALS": "{}",
}
AZURE = {"AZURE_API_BASE": "https://x.services.ai.azure.com", "AZURE_API_KEY": "k"}

AWS_HINT = (
    "AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
    "or AWS_BEARER_TOKEN_BEDROCK, or SEKISHO_CLOUDS=bedrock for an instance role)"
)
GOOGLE_HINT = (
    "Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default "
    "login`, or SEKISHO_CLOUDS=vertex for the service account of the machine)"
)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home, so that no file of this machine is found."""
    return {"HOME": str(tmp_path)}


def lines(loaded: Loaded) -> list[str]:
    """What is said about the models left out."""
    return [str(one) for one in loaded.skipped]


def one(loaded: Loaded, name: str) -> Deployment:
    """The deployment with that id."""
    (found,) = (d for d in loaded.deployments if d.id == name)
    return found


def test_nothing_is_set_up(home: dict[str, str]) -> None:
    """Without any cloud, each is left out with one line that names what to set."""
    loaded = load(home)
    assert loaded.deployments == ()
    assert lines(loaded) == [
        f"Bedrock left out: set AWS_REGION and {AWS_HINT}",
        f"Vertex AI left out: set VERTEXAI_PROJECT and VERTEXAI_LOCATION and {GOOGLE_HINT}",
        "Azure left out: set AZURE_API_BASE and AZURE_API_KEY",
    ]
    assert "claude-sonnet-4-6" in loaded.skipped[0].models


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"AWS_REGION": "us-east-1"}, f"Bedrock left out: set {AWS_HINT}"),
        (
            {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "half"},
            f"Bedrock left out: set {AWS_HINT}",
        ),
        ({**AWS, "AWS_REGION": ""}, "Bedrock left out: set AWS_REGION"),
        (
            {"VERTEXAI_PROJECT": "p", "GOOGLE_APPLICATION_CREDENTIALS": "{}"},
            "Vertex AI left out: set VERTEXAI_LOCATION",
        ),
        (
            {**GOOGLE, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/sa.json"},
            "Vertex AI left out: GOOGLE_APPLICATION_CREDENTIALS: no such file: /nowhere/sa.json",
        ),
        ({"AZURE_API_BASE": "https://x"}, "Azure left out: set AZURE_API_KEY"),
    ],
)
def test_half_a_cloud(home: dict[str, str], environ: dict[str, str], line: str) -> None:
    """A cloud that lacks one thing is left out with a line that names just that."""
    assert line in lines(load({**home, **environ}))


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_REGION": "us-east-1", "AWS_BEARER_TOKEN_BEDROCK": "t"},
        {
            "AWS_REGION": "us-east-1",
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/t",
        },
        {"AWS_REGION": "us-east-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"},
        {"AWS_REGION": "us-east-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23"},
        {"AWS_REGION": "us-east-1", "SEKISHO_CLOUDS": "bedrock,vertex"},
        {"AWS_DEFAULT_REGION": "us-east-1", "SEKISHO_CLOUDS": "vertex bedrock"},
    ],
)
def test_ways_to_have_aws_credentials(home: dict[str, str], environ: dict[str, str]) -> None:
    """Bedrock is on with any credentials that need no metadata service, or when named."""
    loaded = load({**home, **environ})
    assert {d.cloud for d in loaded.deployments} == {"bedrock"}


@pytest.mark.parametrize(
    ("file", "text", "profile"),
    [
        ("credentials", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n", ""),
        ("credentials", "[work]\naws_access_key_id = a\naws_secret_access_key = b\n", "work"),
        ("config", "[profile work]\nsso_session = s\nsso_account_id = 1\n", "work"),
        ("config", "[default]\ncredential_process = /bin/true\n", ""),
    ],
)
def test_aws_profiles(home: dict[str, str], file: str, text: str, profile: str) -> None:
    """Bedrock is on when the chosen profile of the shared files has credentials."""
    folder = Path(home["HOME"]) / ".aws"
    folder.mkdir()
    (folder / file).write_text(text)
    loaded = load({**home, "AWS_REGION": "us-east-1", "AWS_PROFILE": profile})
    assert {d.cloud for d in loaded.deployments} == {"bedrock"}
    loaded = load({**home, "AWS_REGION": "us-east-1", "AWS_PROFILE": "another"})
    assert loaded.deployments == ()


def test_a_broken_aws_file_is_not_our_crash(home: dict[str, str]) -> None:
    """A credentials file that can't be parsed counts as no credentials."""
    folder = Path(home["HOME"]) / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("not an ini file")
    assert load({**home, "AWS_REGION": "us-east-1"}).deployments == ()


def test_google_default_credentials(home: dict[str, str]) -> None:
    """Vertex AI is on with application default credentials; then LiteLLM gets no file."""
    folder = Path(home["HOME"]) / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{}")
    loaded = load({**home, "VERTEXAI_PROJECT": "p", "VERTEXAI_LOCATION": "global"})
    assert {d.cloud for d in loaded.deployments} == {"vertex"}
    assert "vertex_credentials" not in one(loaded, "gemini-3.8-flash@vertex").params


def test_credentials_stay_references(home: dict[str, str]) -> None:
    """Deployments name the variables, never their values; unset ones are left out."""
    loaded = load({**home, **AZURE, **AWS})
    assert one(loaded, "gpt-5.5@azure").params == {
        "model": "azure/gpt-5.5",
        "api_base": "os.environ/AZURE_API_BASE",
        "api_key": "os.environ/AZURE_API_KEY",
    }
    assert one(loaded, "claude-sonnet-4-6@bedrock").params == {
        "model": "bedrock/global.anthropic.claude-sonnet-4-6",
        "aws_region_name": "os.environ/AWS_REGION",
    }
    assert "s" not in [value for d in loaded.deployments for value in d.params.values()]


def test_region_from_the_default_region(home: dict[str, str]) -> None:
    """Where only AWS_DEFAULT_REGION is set, deployments name that variable."""
    environ = {**AWS, "AWS_DEFAULT_REGION": "us-west-2"}
    del environ["AWS_REGION"]
    found = one(load({**home, **environ}), "claude-sonnet-4-6@bedrock")
    assert found.params["aws_region_name"] == "os.environ/AWS_DEFAULT_REGION"


def test_an_entry_for_litellm(home: dict[str, str]) -> None:
    """A deployment turns into an entry of LiteLLM's `model_list`."""
    assert one(load({**home, **AWS}), "titan-embed-text-v2@bedrock").as_litellm() == {
        "model_name": "titan-embed-text-v2",
        "litellm_params": {
            "model": "bedrock/amazon.titan-embed-text-v2:0",
            "aws_region_name": "os.environ/AWS_REGION",
        },
        "model_info": {
            "mode": "embedding",
            "max_input_tokens": 8192,
            "output_vector_size": 1024,
            "id": "titan-embed-text-v2@bedrock",
        },
    }


def test_cloud_aliases_do_not_depend_on_credentials(home: dict[str, str]) -> None:
    """ALIAS-CLOUD exists also where only that cloud is set up, so that users can rely on it."""
    loaded = load({**home, **AWS})
    assert one(loaded, "claude-sonnet-4-6-bedrock@bedrock").alias == "claude-sonnet-4-6-bedrock"
    assert not any(d.alias == "nova-pro-bedrock" for d in loaded.deployments)


REHOMED = [
    # region, profile, alias, id to call, price id
    ("us-east-1", "global", "claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", ""),
    ("us-east-1", "geo", "claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6", ""),
    ("eu-central-1", "global", "claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", ""),
    ("eu-central-1", "geo", "claude-sonnet-4-6", "eu.anthropic.claude-sonnet-4-6", ""),
    ("ap-northeast-1", "geo", "claude-sonnet-4-6", "jp.anthropic.claude-sonnet-4-6", ""),
    ("ap-southeast-2", "geo", "claude-opus-5-5", "au.anthropic.claude-opus-5-5", ""),
    ("ap-south-1", "geo", "claude-opus-5-5", "apac.anthropic.claude-opus-5-5", ""),
    ("sa-east-1", "global", "claude-opus-5-5", "global.anthropic.claude-opus-5-5", ""),
    ("us-gov-west-1", "global", "claude-opus-5-5", "us-gov.anthropic.claude-opus-5-5", ""),
    ("eu-west-1", "global", "nova-pro", "eu.amazon.nova-pro-v1:0", ""),
    ("ap-northeast-1", "global", "nova-pro", "apac.amazon.nova-pro-v1:0", ""),
    ("ap-northeast-1", "geo", "nova-2-lite", "jp.amazon.nova-2-lite-v1:0", ""),
    (
        "us-gov-west-1",
        "geo",
        "nova-pro",
        "amazon.nova-pro-v1:0",
        "us-gov-west-1/amazon.nova-pro-v1:0",
    ),
    (
        "us-gov-east-1",
        "global",
        "gpt-oss-20b",
        "openai.gpt-oss-20b-1:0",
        "us-gov-east-1/openai.gpt-oss-20b-1:0",
    ),
    ("eu-north-1", "global", "deepseek-v3.2", "deepseek.v3.2", "eu-north-1/deepseek.v3.2"),
    ("eu-west-3", "global", "deepseek-v3.2", "deepseek.v3.2", ""),
]


@pytest.mark.parametrize(("region", "profile", "alias", "model", "price"), REHOMED)
def test_bedrock_ids_by_region(
    home: dict[str, str], region: str, profile: str, alias: str, model: str, price: str
) -> None:
    """Each region calls its own profile of a model, and pays that one's price."""
    environ = {**home, **AWS, "AWS_REGION": region, "SEKISHO_BEDROCK_PROFILE": profile}
    found = one(load(environ), f"{alias}@bedrock")
    assert found.model == f"bedrock/{model}"
    assert found.price_id == f"bedrock/{price or model}"


@pytest.mark.parametrize(
    ("region", "profile", "alias", "line"),
    [
        (
            "eu-central-1",
            "global",
            "llama-4-maverick",
            "Bedrock llama-4-maverick, llama-4-scout, llama-3.3-70b, deepseek-r1 left out: "
            "no known inference profile for eu-central-1",
        ),
        (
            "sa-east-1",
            "geo",
            "claude-sonnet-4-6",
            "Bedrock claude-fable-5-1, claude-opus-5-5, claude-opus-5, claude-opus-4-8 "
            "and 19 more models left out: no known inference profile for sa-east-1",
        ),
    ],
)
def test_models_that_a_region_lacks(
    home: dict[str, str], region: str, profile: str, alias: str, line: str
) -> None:
    """A model without a known profile in a geography is left out, with one line for all."""
    environ = {**home, **AWS, "AWS_REGION": region, "SEKISHO_BEDROCK_PROFILE": profile}
    loaded = load(environ)
    assert line in lines(loaded)
    assert not any(d.alias == alias for d in loaded.deployments)


def test_geo_keeps_every_request_in_the_geography(home: dict[str, str]) -> None:
    """With SEKISHO_BEDROCK_PROFILE=geo no model is called through a profile of another place."""
    environ = {**home, **AWS, "AWS_REGION": "eu-west-1", "SEKISHO_BEDROCK_PROFILE": "geo"}
    heads = {d.model.split("/")[1].split(".")[0] for d in load(environ).deployments}
    assert not heads & {"global", "us", "apac", "jp", "au", "us-gov"}
    assert "eu" in heads


PLACED = [
    # region, profile, region that is called (None: left out)
    ("us-west-2", "global", "os.environ/AWS_REGION"),
    ("us-east-1", "geo", "us-west-2"),
    ("eu-west-1", "global", "us-west-2"),
    ("eu-west-1", "geo", None),
    ("us-gov-west-1", "global", None),
]


@pytest.mark.parametrize(("region", "profile", "called"), PLACED)
def test_models_of_one_region(
    home: dict[str, str], region: str, profile: str, called: str | None
) -> None:
    """A model that one region offers is called there, unless requests have to stay elsewhere."""
    environ = {**home, **AWS, "AWS_REGION": region, "SEKISHO_BEDROCK_PROFILE": profile}
    loaded = load(environ)
    found = [d.params["aws_region_name"] for d in loaded.deployments if "core" in d.alias]
    assert found == ([called] if called else [])
    line = f"offered in us-west-2 only, AWS_REGION is {region}"
    assert any(line in said for said in lines(loaded)) == (called is None)


def test_a_vpc_endpoint_has_one_region(home: dict[str, str]) -> None:
    """Behind AWS's endpoint of one region, models of other regions are left out."""
    vpc = {"AWS_BEDROCK_RUNTIME_ENDPOINT": "https://vpce-1.bedrock-runtime.x.vpce.amazonaws.com"}
    assert not [d for d in load({**home, **AWS, **vpc}).deployments if d.mode == "image"]
    proxy = {"AWS_BEDROCK_RUNTIME_ENDPOINT": "http://127.0.0.1:9"}
    assert [d for d in load({**home, **AWS, **proxy}).deployments if d.mode == "image"]


def test_rerankers_behind_a_vpc_endpoint(home: dict[str, str]) -> None:
    """AWS's runtime endpoint can't rerank: without the other endpoint rerankers are left out."""
    vpc = {
        "AWS_BEDROCK_RUNTIME_ENDPOINT": "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"
    }
    loaded = load({**home, **AWS, **vpc})
    assert (
        "Bedrock amazon-rerank-1, cohere-rerank-3.5 left out: AWS_BEDROCK_RUNTIME_ENDPOINT does "
        "not answer rerank requests, set AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT"
    ) in lines(loaded)
    agent = {"AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT": "https://agent"}
    found = one(load({**home, **AWS, **vpc, **agent}), "cohere-rerank-3.5@bedrock")
    assert found.params["api_base"] == "os.environ/AWS_BEDROCK_AGENT_RUNTIME_ENDPOINT"


def test_vertex_locations(home: dict[str, str]) -> None:
    """A model offered in few regions is called in one of the same geography, else left out."""
    asked = {"global": "us-central1", "us-central1": "us-central1", "europe-west9": "europe-west4"}
    for location, called in asked.items():
        loaded = load({**home, **GOOGLE, "VERTEXAI_LOCATION": location})
        found = one(loaded, "mistral-medium-3@vertex").params["vertex_location"]
        assert found in (called, "os.environ/VERTEXAI_LOCATION")
        assert "locations" not in one(loaded, "mistral-medium-3@vertex").model_info
    loaded = load({**home, **GOOGLE, "VERTEXAI_LOCATION": "europe-west9"})
    assert (
        "Vertex AI llama-4-maverick, llama-4-scout left out: offered in us-east5 only, "
        "VERTEXAI_LOCATION is europe-west9"
    ) in lines(loaded)


def test_vertex_regional_prices(home: dict[str, str]) -> None:
    """Outside the global endpoint newer models have their regional price."""
    loaded = load({**home, **GOOGLE, "VERTEXAI_LOCATION": "europe-west1"})
    prices = {d.alias: d.price_id for d in loaded.deployments}
    assert prices["claude-sonnet-4-6"] == "vertex_ai/claude-sonnet-4-6#regional"
    assert prices["gemini-3.1-pro"] == "vertex_ai/gemini-3.1-pro-preview"


def test_vertex_images_behind_another_address(home: dict[str, str]) -> None:
    """For images LiteLLM needs the whole address, so VERTEX_API_BASE is completed."""
    loaded = load({**home, **GOOGLE, "VERTEX_API_BASE": "http://127.0.0.1:9/"})
    assert one(loaded, "gemini-3-pro-image@vertex").params["api_base"] == (
        "http://127.0.0.1:9/v1/projects/p/locations/global/publishers/google/models/"
        "gemini-3-pro-image:generateContent"
    )
    assert one(loaded, "gemini-3.8-flash@vertex").params["api_base"] == (
        "os.environ/VERTEX_API_BASE"
    )
    loaded = load({**home, **GOOGLE})
    assert "api_base" not in one(loaded, "gemini-3-pro-image@vertex").params


def test_foundry_models_need_a_foundry_address(home: dict[str, str]) -> None:
    """On an address with OpenAI's models only, the others are left out, with the remedy."""
    loaded = load({**home, **AZURE, "AZURE_API_BASE": "https://x.openai.azure.com/"})
    assert lines(loaded)[-1] == (
        "Azure claude-fable-5-1, claude-opus-5-5, claude-opus-5, claude-opus-4-8 and 19 more "
        "models left out: set AZURE_AI_API_BASE to the resource's "
        "https://NAME.services.ai.azure.com (and AZURE_AI_API_KEY if its key is another one)"
    )
    assert {d.model.split("/")[0] for d in loaded.deployments} == {"azure"}


@pytest.mark.parametrize(
    ("more", "base", "key"),
    [
        ({}, "AZURE_API_BASE", "AZURE_API_KEY"),
        ({"AZURE_AI_API_BASE": "https://y"}, "AZURE_AI_API_BASE", "AZURE_API_KEY"),
        (
            {"AZURE_AI_API_BASE": "https://y", "AZURE_AI_API_KEY": "q"},
            "AZURE_AI_API_BASE",
            "AZURE_AI_API_KEY",
        ),
    ],
)
def test_foundry_address_and_key(
    home: dict[str, str], more: dict[str, str], base: str, key: str
) -> None:
    """Foundry's own variables come first, Azure OpenAI's serve where they can."""
    params = one(load({**home, **AZURE, **more}), "command-a@azure").params
    assert (params["api_base"], params["api_key"]) == (f"os.environ/{base}", f"os.environ/{key}")


def test_azure_data_zone(home: dict[str, str]) -> None:
    """SEKISHO_AZURE_ZONE selects the data zone's price where there is one."""
    loaded = load({**home, **AZURE, "SEKISHO_AZURE_ZONE": "eu"})
    prices = {d.alias: d.price_id for d in loaded.deployments}
    assert prices["gpt-5.5"] == "azure/eu/gpt-5.5"
    assert prices["gpt-image-2"] == "azure/gpt-image-2"
    assert prices["gpt-5.3-codex"] == "azure/eu/gpt-5.3-codex"


def test_azure_with_a_managed_identity(home: dict[str, str]) -> None:
    """Named in SEKISHO_CLOUDS, Azure needs an address but no key."""
    environ = {**home, "AZURE_API_BASE": AZURE["AZURE_API_BASE"], "SEKISHO_CLOUDS": "azure"}
    assert "api_key" not in one(load(environ), "gpt-5.5@azure").params


def test_an_operators_own_list(home: dict[str, str]) -> None:
    """Own entries keep their name, bring own credentials, and are numbered when repeated."""
    own = [
        {"model_name": "mine", "litellm_params": {"model": "openai/m", "api_base": "http://h/v1"}},
        {"model_name": "mine", "litellm_params": {"model": "openai/m", "api_base": "http://i/v1"}},
        {
            "model_name": "work-claude",
            "litellm_params": {
                "model": "bedrock/arn:aws:bedrock:us-east-1:1:application-inference-profile/a",
                "aws_profile_name": "work",
            },
            "model_info": {"base_model": "bedrock/us.anthropic.claude-sonnet-4-6"},
        },
        {"model_name": "g", "litellm_params": {"model": "vertex_ai/gemini-3.8-flash"}},
    ]
    loaded = from_model_list(own, "litellm_config.yaml", home)
    assert [(d.id, d.cloud, d.price_id) for d in loaded.deployments] == [
        ("mine@custom", "custom", "openai/m"),
        ("mine@custom#2", "custom", "openai/m"),
        ("work-claude@bedrock", "bedrock", "bedrock/us.anthropic.claude-sonnet-4-6"),
    ]
    assert [one.what for one in loaded.skipped] == ["Vertex AI"]


def test_a_folder_of_ones_own(home: dict[str, str], tmp_path: Path) -> None:
    """An edited copy of the files is read from its folder; a missing file is a cloud less."""
    text = "model_list:\n- model_name: a\n  litellm_params: {model: azure/b}\n"
    (tmp_path / "azure.yaml").write_text(text)
    loaded = load({**home, **AZURE}, tmp_path)
    assert [(d.id, d.model) for d in loaded.deployments] == [("a@azure", "azure/b")]
    assert loaded.skipped == ()
