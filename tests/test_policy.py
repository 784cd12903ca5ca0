"""Whose limits hold: the `sekisho:` section read and applied, and the settings around it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sekisho import config, settings
from sekisho.keys import policy
from sekisho.keys.identity import Identity
from sekisho.keys.limits import NO_LIMITS, Limits
from sekisho.keys.policy import Policy, Scope
from sekisho.keys.rates.meter import Meter

from .gateway import sekisho

FULL: dict[str, Any] = {
    "gateway": {"parallel": 200, "budget_month": 20000},
    "each_end_user": {"rpm": 60, "budget_day": 10},
    "each_team": {"budget_month": 1000},
    "teams": {
        "research": {"budget_month": 5000, "each_key": {"rpm": 30}},
        "sales": None,
    },
    "keys": {
        "person": {"rpm": 60, "budget_day": 0.1},
        "service": {"rpm": 600, "tpm": 100_000},
    },
}


def test_a_full_section() -> None:
    """The section of docs/keys.md is read as it is meant; USD are exact."""
    assert policy.read(FULL) == Policy(
        gateway=Limits(parallel=200, budget_month=Decimal(20000)),
        each_end_user=Limits(rpm=60, budget_day=Decimal(10)),
        each_team=Limits(budget_month=Decimal(1000)),
        teams={"research": Limits(budget_month=Decimal(5000)), "sales": NO_LIMITS},
        keys={
            "person": Limits(rpm=60, budget_day=Decimal("0.1")),
            "service": Limits(rpm=600, tpm=100_000),
        },
        team_keys={"research": Limits(rpm=30)},
    )


@pytest.mark.parametrize("section", [None, {}, {"teams": None}, {"keys": {}, "gateway": None}])
def test_nothing_limits_nobody(section: object) -> None:
    """Without the section, or with empty parts, there are no limits."""
    assert policy.read(section) == Policy()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"gatway": {}}, "limits: unknown key gatway: did you mean gateway?"),
        ({"each_user": {}}, "limits: unknown key each_user: did you mean each_end_user?"),
        (
            {"xyz": {}},
            "limits: unknown key xyz: known keys: gateway, each_end_user, each_team, teams, keys",
        ),
        ({"team_keys": {}}, "limits: unknown key team_keys: did you mean teams?"),
        ({"gateway": {"rmp": 1}}, "limits: gateway: unknown key rmp: did you mean rpm?"),
        (
            {"gateway": {"budget_mont": 1}},
            "limits: gateway: unknown key budget_mont: did you mean budget_month?",
        ),
        (
            {"teams": {"a": {"each_keys": {}}}},
            "limits: teams: a: unknown key each_keys: did you mean each_key?",
        ),
        (
            {"teams": {"a": {"each_key": {"tmp": 5}}}},
            "limits: teams: a: each_key: unknown key tmp: did you mean tpm?",
        ),
        ({"keys": {"persons": {}}}, "limits: keys: unknown key persons: did you mean person?"),
        (
            {"keys": {"person": {"paralel": 5}}},
            "limits: keys: person: unknown key paralel: did you mean parallel?",
        ),
        ("none", "limits: must be a mapping, not 'none'"),
        ({"teams": ["a"]}, "limits: teams: must be a mapping, not ['a']"),
        ({"gateway": 5}, "limits: gateway: must be a mapping, not 5"),
        (
            {"each_team": {"rpm": 0}},
            "limits: each_team: rpm 0: must be a whole number from 1 to 2147483647",
        ),
        (
            {"each_team": {"tpm": "200k"}},
            "limits: each_team: tpm 200k: must be a whole number from 1 to 2147483647",
        ),
        (
            {"keys": {"service": {"parallel": True}}},
            "limits: keys: service: parallel True: must be a whole number from 1 to 2147483647",
        ),
        (
            {"teams": {"a": {"budget_day": -1}}},
            "limits: teams: a: budget_day -1: must be USD, more than 0 and at most 1,000,000, "
            "as 50 or 0.25",
        ),
        (
            {"gateway": {"budget_total": float("nan")}},
            "limits: gateway: budget_total nan: must be USD, more than 0 and at most 1,000,000, "
            "as 50 or 0.25",
        ),
    ],
)
def test_a_mistake_is_named(section: object, says: str) -> None:
    """The line says where, what, and the nearest known name."""
    with pytest.raises(ValueError) as told:
        policy.read(section)
    assert str(told.value) == says


def _holder(**fields: Any) -> Identity:
    made: dict[str, Any] = {"key_id": "key_1", "alias": "a", "kind": "service", **fields}
    return Identity(**made)


def test_the_scopes_of_a_person() -> None:
    """A person's key counts for itself, its owner, its team and the gateway, in this order."""
    holder = _holder(kind="person", owner="aoi@example.com", team="research")
    assert policy.read(FULL).scopes(holder) == (
        Scope("key", "key_1", "This key", Limits(rpm=30, budget_day=Decimal("0.1"))),
        Scope(
            "end_user",
            "aoi@example.com",
            "This user",
            Limits(rpm=60, budget_day=Decimal(10)),
        ),
        Scope("team", "research", "The team research", Limits(budget_month=Decimal(5000))),
        Scope("gateway", "", "This gateway", Limits(parallel=200, budget_month=Decimal(20000))),
    )


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("frontend", ["u-1"]),
        ("person", ["aoi@example.com"]),
        ("service", []),
    ],
)
def test_the_end_user_of_a_request(kind: str, found: list[str]) -> None:
    """A frontend's proven end user has limits by id; other keys aren't asked for one."""
    holder = _holder(kind=kind, owner="aoi@example.com")
    users = [s for s in policy.read(FULL).scopes(holder, "u-1") if s.kind == "end_user"]
    assert [scope.name for scope in users] == found
    limits = Limits(rpm=60, budget_day=Decimal(10))
    assert all((s.label, s.limits) == ("This user", limits) for s in users)


@pytest.mark.parametrize("kind", ["service", "frontend"])
def test_who_is_no_end_user(kind: str) -> None:
    """A service and a chat that serves many are no end users, whoever owns them."""
    scopes = policy.read(FULL).scopes(_holder(kind=kind, owner="aoi@example.com"))
    assert [scope.kind for scope in scopes] == ["key", "gateway"]


@pytest.mark.parametrize(
    ("team", "limits"),
    [
        ("research", Limits(budget_month=Decimal(5000))),
        ("sales", Limits(budget_month=Decimal(1000))),
        ("night", Limits(budget_month=Decimal(1000))),
    ],
)
def test_the_limits_of_a_team(team: str, limits: Limits) -> None:
    """A team's own limits come first, then those of every team, whether it is named or not."""
    assert policy.read(FULL).scopes(_holder(team=team))[1].limits == limits


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        ({}, Limits(rpm=600, tpm=100_000)),
        ({"team": "research"}, Limits(rpm=30, tpm=100_000)),
        ({"team": "research", "limits": Limits(rpm=5)}, Limits(rpm=5, tpm=100_000)),
        (
            {"team": "research", "limits": Limits(rpm=900, tpm=1, budget_total=Decimal(3))},
            Limits(rpm=900, tpm=1, budget_total=Decimal(3)),
        ),
        ({"kind": "person", "team": "night"}, Limits(rpm=60, budget_day=Decimal("0.1"))),
        ({"kind": "frontend"}, NO_LIMITS),
    ],
)
def test_the_limits_of_a_key(fields: dict[str, Any], limits: Limits) -> None:
    """A key's own limit comes first, then its team's for each key, then its kind's."""
    assert policy.read(FULL).of_key(_holder(**fields)) == limits


def test_the_section_is_part_of_the_settings(tmp_path: Path) -> None:
    """The file's section arrives in the settings; a mistake in it names the file and the place."""
    file = tmp_path / "mine.yaml"
    file.write_text("sekisho: {time_zone: Asia/Tokyo, limits: {gateway: {rpm: 5}}}\n")
    found = config.load_settings({"config": str(file)}, {})
    assert found.policy == Policy(gateway=Limits(rpm=5))
    assert found.time_zone == ZoneInfo("Asia/Tokyo")
    file.write_text("sekisho: {limits: {gateway: {rmp: 5}}}\n")
    with pytest.raises(settings.SettingsError) as told:
        config.load_settings({"config": str(file)}, {})
    assert str(told.value) == (
        "mine.yaml: sekisho: limits: gateway: unknown key rmp: did you mean rpm?"
    )


def test_the_defaults() -> None:
    """Without settings days begin in UTC, nobody is limited, and metrics are for the machine."""
    found = settings.load(environ={})
    assert (found.time_zone, found.policy) == (ZoneInfo("UTC"), Policy())
    assert (found.redis_url, found.budget_webhook, found.budget_max_tokens) == ("", "", 32000)
    assert [str(network) for network in found.metrics_ips] == ["127.0.0.0/8", "::1/128"]
    assert found.allow_ips == ()


@pytest.mark.parametrize("zone", ["Asia/Tokio", "JST9", "../../etc/passwd", "+09:00", "/", " "])
def test_a_time_zone_that_is_none(zone: str) -> None:
    """Only names of the IANA database are time zones."""
    with pytest.raises(settings.SettingsError) as told:
        settings.load(environ={"SEKISHO_TIME_ZONE": zone})
    assert str(told.value) == (
        f"SEKISHO_TIME_ZONE={zone} (environment): must be a name of the IANA time zone database, "
        "as Asia/Tokyo"
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SEKISHO_REDIS_URL", "http://:hunter2@cache/0", "must be a URL that begins with redis"),
        ("SEKISHO_REDIS_URL", "hunter2@cache:6379", "must be a URL that begins with redis"),
        ("SEKISHO_BUDGET_WEBHOOK", "ftp://x/hunter2", "must be a URL that begins with https"),
        ("SEKISHO_BUDGET_WEBHOOK", "hunter2", "must be a URL that begins with https"),
        ("SEKISHO_OPENWEBUI_JWT_SECRET", "hunter2", "each must have 32 bytes or more"),
    ],
)
def test_a_secret_is_not_in_an_error(name: str, value: str, says: str) -> None:
    """A URL that can't be used is named by its variable, and not shown."""
    with pytest.raises(settings.SettingsError) as told:
        settings.load(environ={name: value})
    assert str(told.value).startswith(f"{name}=... (environment): {says}")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SEKISHO_ALLOW_IPS", "10.0.0.0/33", "10.0.0.0/33"),
        ("SEKISHO_METRICS_IPS", "example.com", "example.com"),
        ("SEKISHO_BUDGET_MAX_TOKENS", "-1", "must be a whole number of tokens, or 0"),
    ],
)
def test_a_value_that_can_not_be_used(name: str, value: str, says: str) -> None:
    """What is no secret is shown with what is wrong with it."""
    with pytest.raises(settings.SettingsError) as told:
        settings.load(environ={name: value})
    assert str(told.value).startswith(f"{name}={value} (environment): ")
    assert says in str(told.value)


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n"])
def test_several_secrets_of_open_webui(between: str) -> None:
    """While a secret changes there are two, with spaces, commas or line breaks between them."""
    old, new = "o" * 32, "n" * 40
    found = settings.load(environ={"SEKISHO_OPENWEBUI_JWT_SECRET": old + between + new})
    assert found.openwebui_jwt_secret == (old, new)
    (origin,) = [one for one in found.origins if one.variable.key == "openwebui_jwt_secret"]
    assert (origin.shown, origin.source) == ("(set)", "environment")
    assert settings.load(environ={}).openwebui_jwt_secret == ()


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_an_accepted_redis_url_can_be_used(scheme: str, tmp_path: Path) -> None:
    """A scheme that the settings take is one that the gateway counts with."""
    url = f"{scheme}://cache.internal:6379/0"
    try:
        found = settings.load(environ={"SEKISHO_REDIS_URL": url})
    except settings.SettingsError:
        return
    Meter.open(tmp_path, found.redis_url, "test")


def test_doctor_shows_no_secret(home: Path) -> None:
    """`doctor` says which secrets are set and where from, and none of them, reachable or not."""
    variables = {
        "SEKISHO_DATABASE_URL": "postgresql://sekisho:hunter2@127.0.0.1:9/sekisho",
        "SEKISHO_REDIS_URL": "redis://:hunter2@127.0.0.1:9/0",
        "SEKISHO_BUDGET_WEBHOOK": "https://hooks.example.com/hunter2",
        "SEKISHO_MASTER_KEY": "sk-hunter2",
    }
    found = sekisho(home, "doctor", "--demo", "--json", variables=variables)
    assert found.code == 1
    assert "hunter2" not in found.out + found.err
    told = json.loads(found.out)
    shown = {one["name"]: (one["value"], one["source"]) for one in told["settings"]}
    for name in variables:
        assert shown[name] == ("(set)", "environment")
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert (states["keys"], states["rate limits"]) == ("fail", "fail")


def test_the_day_of_a_budget(home: Path) -> None:
    """Where a budget's day ends is told in the gateway's own zone."""
    assert sekisho(home, "keys", "issue", "--alias", "a", "--budget", "5/day").code == 0
    zone = {"SEKISHO_TIME_ZONE": "Pacific/Auckland"}
    assert "Pacific/Auckland" in sekisho(home, "keys", "show", "a", variables=zone).out
