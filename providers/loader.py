"""Loads the model files for the machine at hand: which deployments can be served, and why not."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..pricing import catalog
from . import azure, bedrock, credentials, vertex
from .deployment import MODES, Cloud, Deployment, Loaded, NotHereError, Skipped
from .entries import Entry, check, read

FOLDER = Path(__file__).parent
CLOUDS: tuple[Cloud, ...] = ("bedrock", "vertex", "azure")
_PROVIDERS: Mapping[str, Cloud] = {
    "bedrock": "bedrock",
    "vertex_ai": "vertex",
    "azure": "azure",
    "azure_ai": "azure",
}
_TITLES = {"bedrock": "Bedrock", "vertex": "Vertex AI", "azure": "Azure"}

Environ = Mapping[str, str]
Outcome = Deployment | Skipped


def load(environ: Environ, folder: Path | None = None) -> Loaded:
    """The deployments of ``bedrock.yaml``, ``vertex.yaml`` and ``azure.yaml`` that work here.

    ``folder`` holds the files (default: ours; a missing file is a cloud less). Raises ConfigError
    with one line when a file is wrong.
    """
    paths = ((folder or FOLDER) / f"{cloud}.yaml" for cloud in CLOUDS)
    return place_all([entry for path in paths if path.exists() for entry in read(path)], environ)


def from_model_list(model_list: object, file: str, environ: Environ) -> Loaded:
    """The same for a ``model_list`` an operator wrote; ``file`` is named in errors."""
    return place_all(check(model_list, file), environ)


def place_all(entries: Sequence[Entry], environ: Environ) -> Loaded:
    """The deployments of entries from any number of files, in one count of aliases and ids."""
    problems = {cloud: credentials.problem(cloud, environ) for cloud in CLOUDS}
    skipped: list[Skipped] = []
    usable: list[Entry] = []
    for cloud, group in _by_cloud(entries):
        reason = problems.get(cloud)
        if reason is None:
            usable.extend(group)
        else:
            skipped.append(Skipped(_TITLES[cloud], reason, _aliases(group)))
    outcomes = [_place(entry, environ) for entry in usable]
    placed = [one for one in outcomes if isinstance(one, Deployment)]
    skipped.extend(_merged(one for one in outcomes if isinstance(one, Skipped)))
    return Loaded(_numbered([*placed, *_pinned(placed, entries)]), tuple(skipped))


def cloud_of(model: str) -> Cloud:
    """The cloud that a model string of LiteLLM belongs to."""
    return _PROVIDERS.get(model.partition("/")[0], "custom")


def _by_cloud(entries: Iterable[Entry]) -> Iterator[tuple[Cloud, list[Entry]]]:
    groups: dict[Cloud, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_needs(entry), []).append(entry)
    yield from groups.items()


def _needs(entry: Entry) -> Cloud:
    # An operator's entry that brings its own credentials needs none of the variables.
    own = any(
        isinstance(value := entry.params.get(key), str) and not value.startswith("os.environ/")
        for key in ("api_key", "aws_profile_name", "aws_role_name", "vertex_credentials")
    )
    return "custom" if own else cloud_of(entry.model)


def _place(entry: Entry, environ: Environ) -> Outcome:
    cloud = _needs(entry)
    try:
        params, price_id = _PLACERS[cloud](entry, environ, catalog.load().__contains__)
    except NotHereError as error:
        return Skipped(_TITLES[cloud], str(error), (entry.alias,))
    mode = MODES.get(entry.mode, "other")
    info = {key: value for key, value in entry.info.items() if key != "locations"}
    cloud = cloud_of(entry.model)
    return Deployment("", entry.alias, cloud, mode, _resolved(params, environ), info, price_id)


Placed = tuple[Mapping[str, Any], str]
Priced = Callable[[str], bool]


def _bedrock(entry: Entry, environ: Environ, priced: Priced) -> Placed:
    if entry.mode == "rerank" and (reason := bedrock.rerank_problem(environ)):
        raise NotHereError(reason)
    here = credentials.region(environ) or ""
    region = bedrock.place(here, entry.info.get("locations", []), environ)
    profile = environ.get("SEKISHO_BEDROCK_PROFILE") or "global"
    model = bedrock.rehome(entry.model, region, profile, priced)
    base = str(entry.info.get("base_model") or bedrock.price_id(model, region, priced))
    if region.startswith("us-gov-") and not priced(base):
        raise NotHereError(f"no known price in {region}")
    if entry.mode == "rerank":
        model = bedrock.rerank_arn(model, region)
    return bedrock.with_region({**entry.params, "model": model}, region, environ), base


def _vertex(entry: Entry, environ: Environ, priced: Priced) -> Placed:
    location = environ.get("VERTEXAI_LOCATION") or "global"
    params = vertex.place(entry.params, entry.info.get("locations", []), location)
    params = vertex.with_count(params, location)
    if entry.mode == "image_generation":
        params = vertex.image_address(params, environ)
    base = str(entry.info.get("base_model") or entry.model)
    return params, vertex.price_id(base, location, priced)


def _azure(entry: Entry, environ: Environ, priced: Priced) -> Placed:
    base = str(entry.info.get("base_model") or entry.model.replace("azure/responses/", "azure/"))
    params = dict(entry.params)
    if entry.model.startswith(azure.FOUNDRY):
        if (found := azure.foundry(params, environ)) is None:
            raise NotHereError(azure.NO_FOUNDRY)
        params = found
    return params, azure.price_id(base, environ, priced)


def _custom(entry: Entry, _environ: Environ, _priced: Priced) -> Placed:
    return entry.params, str(entry.info.get("base_model") or entry.model)


_PLACERS = {"bedrock": _bedrock, "vertex": _vertex, "azure": _azure, "custom": _custom}


def _resolved(params: Mapping[str, Any], environ: Environ) -> dict[str, Any]:
    """The parameters without references to variables that are not set (LiteLLM makes them null)."""
    return {
        key: value
        for key, value in params.items()
        if value is not None
        and (
            not (isinstance(value, str) and value.startswith("os.environ/"))
            or environ.get(value.removeprefix("os.environ/"))
        )
    }


def _pinned(placed: Sequence[Deployment], entries: Iterable[Entry]) -> Iterator[Deployment]:
    """``ALIAS-CLOUD`` for each alias that the files have on two clouds, whichever are set up."""
    clouds: dict[str, set[str]] = {}
    for entry in entries:
        clouds.setdefault(entry.alias, set()).add(cloud_of(entry.model))
    names = {entry.alias for entry in entries}
    for one in placed:
        pinned = f"{one.alias}-{one.cloud}"
        if len(clouds[one.alias]) > 1 and pinned not in names:
            yield replace(one, alias=pinned)


def _numbered(deployments: Iterable[Deployment]) -> tuple[Deployment, ...]:
    seen: Counter[str] = Counter()
    numbered: list[Deployment] = []
    for one in deployments:
        name = str(one.model_info.get("id") or f"{one.alias}@{one.cloud}")
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name}#{seen[name]}"
        numbered.append(replace(one, id=name, model_info={**one.model_info, "id": name}))
    return tuple(numbered)


def _merged(skipped: Iterable[Skipped]) -> list[Skipped]:
    """One line for each reason, naming all models it holds for."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in skipped:
        groups.setdefault((one.what, one.reason), []).extend(one.models)
    return [
        Skipped(f"{what} {_names(models)}", reason, tuple(models))
        for (what, reason), models in groups.items()
    ]


def _names(models: Sequence[str]) -> str:
    shown = ", ".join(models[:4])
    return shown if len(models) <= 4 else f"{shown} and {len(models) - 4} more models"


def _aliases(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.alias for entry in entries))


__all__ = ["CLOUDS", "FOLDER", "cloud_of", "from_model_list", "load"]
