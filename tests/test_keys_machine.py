"""Random lives of keys against a model in plain Python: who gets in, and who doesn't."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sekisho.keys.check import Keyring, may_use
from sekisho.keys.identity import Identity
from sekisho.keys.row import KeyRefusedError, KeysUnavailable
from sekisho.keys.secret import public_part
from sekisho.keys.store import Store

from .keyrings import NOW, Clock, Shaky, poll

MODELS = ("claude-sonnet", "gpt-5")
PATTERNS = st.sampled_from([(), ("claude-*",), ("gpt-5",)])
MARKS = st.sampled_from(["block", "unblock", "block", "unblock", "revoke"])
HOURS = st.integers(1, 5)


@dataclass(frozen=True)
class Known:
    """What the model knows of one key: `secrets` by the key itself, with their ends."""

    models: tuple[str, ...] = ()
    expires_at: datetime | None = None
    blocked: bool = False
    revoked: bool = False
    secrets: dict[str, datetime | None] = field(default_factory=dict[str, datetime | None])

    def lets_in(self, key: str, model: str, now: datetime) -> bool:
        """Whether a request passes, by the rules as people would say them."""
        if self.blocked or self.revoked:
            return False
        if self.expires_at is not None and self.expires_at <= now:
            return False
        end = self.secrets[key]
        if end is not None and end <= now:
            return False
        return not self.models or any(model.startswith(p.rstrip("*")) for p in self.models)


class Lives(RuleBasedStateMachine):
    """Keys are changed by the store; one keyring has just polled, another one polls rarely.

    The late one may still go by any state since its last poll, and by no other.
    """

    url = ""
    names = Bundle("names")

    @initialize()
    def begin(self) -> None:
        """An empty store, or one with the keys of earlier runs, which don't matter."""
        self.store, self.clock, self.now = Shaky(self.url), Clock(), NOW
        self.early, self.late = Keyring(self.store, self.clock), Keyring(self.store, self.clock)
        self.keys: dict[str, Known] = {}
        self.since_poll: dict[str, list[Known]] = {}  # by each key's first secret
        self.loops = asyncio.Runner()

    def teardown(self) -> None:
        """Close what was opened."""
        if hasattr(self, "store"):
            self.store.close()
            self.loops.close()

    def known(self, name: str, state: Known) -> None:
        """The model's state of a key, now."""
        self.keys[name] = state
        self.since_poll.setdefault(next(iter(state.secrets)), []).append(state)

    @precondition(lambda self: len(self.keys) < 3)
    @rule(target=names, models=PATTERNS, hours=st.none() | HOURS)
    def issue(self, models: tuple[str, ...], hours: int | None) -> str:
        """A new key."""
        name = f"key-{next(ALIASES)}"
        end = None if hours is None else self.now + timedelta(hours=hours)
        issued = self.store.issue(
            alias=name, kind="service", by="t", now=self.now, models=models, expires_at=end
        )
        self.known(name, Known(models, end, secrets={issued.key: None}))
        return name

    @rule(name=names, action=MARKS)
    def mark(self, name: str, action: str) -> None:
        """Block, unblock, or revoke; a revoked key is refused the first two."""
        state = self.keys[name]
        key_id = self.id_of(name)
        try:
            getattr(self.store, action)(key_id, by="t", now=self.now)
        except KeyRefusedError:
            assert state.revoked
            return
        if action == "revoke":
            self.known(name, replace(state, revoked=True))
        else:
            assert not state.revoked
            self.known(name, replace(state, blocked=action == "block"))

    @rule(name=names, hours=st.integers(0, 3))
    def rotate(self, name: str, hours: int) -> None:
        """A new secret; the older ones end, those that end sooner anyway do so."""
        state, end = self.keys[name], self.now + timedelta(hours=hours)
        try:
            issued = self.store.rotate(
                self.id_of(name), grace=timedelta(hours=hours), by="t", now=self.now
            )
        except KeyRefusedError:
            assert state.revoked
            return
        ended = {key: min(end, old or end) for key, old in state.secrets.items()}
        self.known(name, replace(state, secrets={**ended, issued.key: None}))

    @rule(name=names, models=PATTERNS)
    def update(self, name: str, models: tuple[str, ...]) -> None:
        """Other models."""
        state = self.keys[name]
        try:
            self.store.update(self.id_of(name), {"models": models}, by="t", now=self.now)
        except KeyRefusedError:
            assert state.revoked
            return
        self.known(name, replace(state, models=models))

    @rule(hours=HOURS)
    def time_passes(self, hours: int) -> None:
        """The clock that keys expire by."""
        self.now += timedelta(hours=hours)

    @rule(away=st.sampled_from([False, False, True]))
    def database(self, away: bool) -> None:
        """The database goes away, or comes back."""
        self.store.away = away

    @rule()
    def late_polls(self) -> None:
        """The late keyring learns of every change, when it can."""
        poll(self.late)
        if not self.store.away:
            self.since_poll = {next(iter(s.secrets)): [s] for s in self.keys.values()}

    @invariant()
    def exactly_the_right_ones_pass(self) -> None:
        """Every secret that a key ever had, with every model, at the keyring that has polled."""
        if not hasattr(self, "store") or self.store.away:
            return
        poll(self.early)
        for state, key, model in self.requests():
            assert self.passes(self.early, key, model) == state.lets_in(key, model, self.now)

    @rule()
    def all_use_the_late_one(self) -> None:
        """The keyring that hasn't polled lets in what was right since then, or can't say."""
        for state, key, model in self.requests():
            passed = self.passes(self.late, key, model)
            states = [s for s in self.since_poll[next(iter(state.secrets))] if key in s.secrets]
            assert passed in {None, *(s.lets_in(key, model, self.now) for s in states)}

    def requests(self) -> list[tuple[Known, str, str]]:
        """All that can be asked: the key's state, one of its secrets, a model."""
        return [(s, key, m) for s in self.keys.values() for key in s.secrets for m in MODELS]

    @rule(name=names)
    def use_a_wrong_one(self, name: str) -> None:
        """A key that differs in its last character gets in nowhere."""
        for key in self.keys[name].secrets:
            wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
            for ring in (self.early, self.late):
                assert not self.passes(ring, wrong, MODELS[0])

    def passes(self, ring: Keyring, key: str, model: str) -> bool | None:
        """Whether a request with this key is let in; None when nobody can say."""
        try:
            decision = self.loops.run(ring.check(key, self.now))
        except KeysUnavailable:
            assert self.store.away or not ring.available
            return None
        return isinstance(decision, Identity) and may_use(decision, model) is None

    def id_of(self, name: str) -> str:
        """A name that a revoked key has, too."""
        return public_part(next(iter(self.keys[name].secrets)))


ALIASES = itertools.count()


def run(url: str, examples: int) -> None:
    """Many random lives in one store."""
    Store(url).close()

    class Here(Lives):
        pass

    Here.url = url
    Here.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    Here.TestCase("runTest").debug()


def test_no_life_of_keys_lets_a_wrong_one_in(database_url: str) -> None:
    """In every sequence of changes, polls and outages exactly the right requests pass."""
    run(database_url, 40 if database_url.startswith("sqlite") else 20)
