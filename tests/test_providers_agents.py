"""`agents.yaml`: what it may say, and what each mistake in it is told."""

from decimal import Decimal
from pathlib import Path

import pytest
from sekisho import config
from sekisho.keys.limits import Limits
from sekisho.pricing import verify
from sekisho.pricing.cost import Unpriced, cost
from sekisho.pricing.usage import Usage
from sekisho.providers import agents, loader
from sekisho.providers.deployment import ConfigError, Deployment, Loaded

NOTHING = Loaded((), ())


def written(tmp_path: Path, text: str) -> Path:
    """A file of agents."""
    path = tmp_path / "agents.yaml"
    path.write_text(text)
    return path


def one(tmp_path: Path, fields: str) -> Deployment:
    """The deployment of an agent with these fields beside name and url."""
    text = f"agents:\n  - {{name: desk, url: 'http://desk:80/v1/', {fields}}}\n"
    found = agents.place(agents.read(written(tmp_path, text)), NOTHING, {"DESK_KEY": "x"})
    assert found.skipped == ()
    return found.deployments[0]


def test_an_agent_becomes_a_deployment(tmp_path: Path) -> None:
    """Address, key and name go to LiteLLM, the rest says what it costs and what is allowed."""
    found = one(
        tmp_path,
        "key: os.environ/DESK_KEY, model: desk-2, description: Books trains, timeout: 90, "
        "max_output_tokens: 500, price: {per_request: 0.05}, limits: {rpm: 60, budget_month: 5}",
    )
    assert found.as_litellm() == {
        "model_name": "desk",
        "litellm_params": {
            "model": "custom_openai/desk-2",
            "api_base": "http://desk:80/v1",
            "api_key": "os.environ/DESK_KEY",
            "num_retries": 0,
            "use_chat_completions_api": True,
            "timeout": 90,
            "stream_timeout": 90,
        },
        "model_info": {
            "id": "desk@agent",
            "mode": "chat",
            "max_output_tokens": 500,
            "description": "Books trains",
        },
    }
    assert found.limits == Limits(rpm=60, budget_month=Decimal(5))
    assert (found.id, found.cloud, found.mode) == ("desk@agent", "agent", "chat")


ANSWER = Usage(input_tokens=1_000_000, output_tokens=500_000, requests=1, told_usd=Decimal("0.3"))


@pytest.mark.parametrize(
    ("rule", "usd"),
    [
        ("free", "0"),
        ("{per_request: 0.05}", "0.05"),
        ("{per_request: 0}", "0"),
        ("passed_through", "0.3"),
        ("{passed_through_at_most: 2}", "0.3"),
        ("{input: 1, output: 4}", "3"),
    ],
)
def test_price_rules(tmp_path: Path, rule: str, usd: str) -> None:
    """Each rule prices an answer of a million tokens in, half as many out, that says 0.3 USD."""
    found = one(tmp_path, f"price: {rule}")
    assert found.price is not None
    assert cost(found.price, ANSWER).total == Decimal(usd)
    assert verify.check([found]) == []


def test_a_cost_that_nobody_told_is_not_zero(tmp_path: Path) -> None:
    """A passed-through price has nothing to say about an answer without `usage.cost`."""
    price = one(tmp_path, "price: passed_through").price
    assert price is not None
    with pytest.raises(Unpriced):
        cost(price, Usage(input_tokens=5))


NAME = "agents.yaml: desk: "


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("agents: {}", "agents.yaml: agents must be a list"),
        ("agents: []\nmodel_list: []", "agents.yaml: must hold agents: and nothing else"),
        ("agents: [a]", "agents.yaml: entry 1: must be a mapping with name, url and price"),
        ("agents: [{url: x}]", "agents.yaml: entry 1: name must be 1 to 64 letters"),
        ("agents: [{name: a b}]", "agents.yaml: entry 1: name must be 1 to 64 letters"),
        ("agents: [{name: desk, url: 'http://x'}]", NAME + "has no price"),
        ("agents: [{name: desk, price: free}]", NAME + "has no url"),
        ("agents: [{name: desk, urll: x}]", NAME + "unknown key urll: did you mean url?"),
        ("agents: [{name: desk, url: desk, price: free}]", NAME + "url must be http:// or"),
        ("agents: [{name: desk, url: 'http://x', price: 5}]", NAME + "price: must be free, pas"),
        (
            "agents: [{name: desk, url: 'http://x', price: {per_request: -1}}]",
            NAME + "price: per_request: must be USD, from 0 to below a million, not -1",
        ),
        (
            "agents: [{name: desk, url: 'http://x', price: {per_request: 1.0e40}}]",
            NAME + "price: per_request: must be USD, from 0 to below a million, not '1.0e40'",
        ),
        ("agents: [{name: desk, url: 'http://[::1', price: free}]", NAME + "url must be http://"),
        (
            "agents: [{name: desk, url: 'http://x', price: free, max_input_tokens: .nan}]",
            NAME + "max_input_tokens must be a number, more than 0",
        ),
        (
            "agents: [{name: desk, url: 'http://x', price: free, max_input_tokens: 0.5}]",
            NAME + "max_input_tokens must be a whole number",
        ),
        (
            "agents: [{name: desk, url: 'http://x', price: free, limits: {rpn: 1}}]",
            NAME + "limits: unknown key rpn: did you mean rpm?",
        ),
        (
            "agents: [{name: desk, url: 'http://x', price: free, limits: {rpm: 0}}]",
            NAME + "limits: rpm 0: must be a whole number",
        ),
        (
            "agents: [{name: desk, url: 'http://x', price: free, timeout: no}]",
            NAME + "timeout must be a number, more than 0",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake is one line that names the file, the agent and what is wrong."""
    with pytest.raises(ConfigError) as error:
        agents.read(written(tmp_path, text))
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


def test_names_are_unique(tmp_path: Path) -> None:
    """An agent can't have the name of another, nor of a model."""
    entry = "{name: desk, url: 'http://x', price: free}"
    found = agents.read(written(tmp_path, f"agents: [{entry}, {entry}]"))
    with pytest.raises(ConfigError, match="desk: a model or another agent has that name"):
        agents.place(found, NOTHING, {})
    model = Deployment("m", "desk", "custom", "chat", {}, {}, "m")
    with pytest.raises(ConfigError, match="desk: a model or another agent has that name"):
        agents.place(found[:1], Loaded((model,), ()), {})


def test_an_agent_whose_key_is_not_set_is_left_out(tmp_path: Path) -> None:
    """It is skipped with the reason, as a cloud without credentials is."""
    text = "agents: [{name: desk, url: 'http://x', key: os.environ/DESK_KEY, price: free}]"
    found = agents.place(agents.read(written(tmp_path, text)), NOTHING, {})
    assert found.deployments == ()
    assert [str(one) for one in found.skipped] == ["Agent desk left out: DESK_KEY is not set"]


def test_the_packaged_file_has_no_agents() -> None:
    """A new installation has the file, with none in it, and it is included."""
    assert agents.read(loader.FOLDER / "agents.yaml") == []
    assert "providers/agents.yaml" in config.PACKAGED.read_text()
