"""Whether a cloud can be used here, judged by variables and files alone: no network call.

Machines whose credentials come from a metadata service (an EC2 instance role, a Google service
account of the VM) name their clouds in SEKISHO_CLOUDS instead, because asking that service takes
seconds where there is none.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path

Environ = Mapping[str, str]

# All clouds on, without an account: for prices and documents, never to call anything.
EVERY_CLOUD = {
    "SEKISHO_CLOUDS": "bedrock vertex azure",
    "AWS_REGION": "us-east-1",
    "VERTEXAI_PROJECT": "example-project",
    "VERTEXAI_LOCATION": "global",
    "AZURE_API_BASE": "https://example.services.ai.azure.com",
}

_AWS_SOURCES = (
    ("AWS_BEARER_TOKEN_BEDROCK",),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
# What in a profile makes botocore's credential chain find something there.
_AWS_PROFILE_KEYS = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "source_profile",
    "sso_account_id",
    "sso_session",
    "web_identity_token_file",
)


def problem(cloud: str, environ: Environ) -> str | None:
    """One line that names what is missing to use ``cloud``; None when nothing is."""
    forced = cloud in environ.get("SEKISHO_CLOUDS", "").replace(",", " ").split()
    return _PROBLEMS[cloud](environ, forced)


def region(environ: Environ) -> str | None:
    """The AWS region that requests go to."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def _missing(environ: Environ, *names: str) -> list[str]:
    return [name for name in names if not environ.get(name)]


def _set(names: list[str], more: str = "") -> str | None:
    parts = [*names, *([more] if more else [])]
    return f"set {' and '.join(parts)}" if parts else None


def _bedrock(environ: Environ, forced: bool) -> str | None:
    region_missing = [] if region(environ) else ["AWS_REGION"]
    credentials = "" if forced or _aws_credentials(environ) else _AWS_HINT
    return _set(region_missing, credentials)


_AWS_HINT = (
    "AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
    "or AWS_BEARER_TOKEN_BEDROCK, or SEKISHO_CLOUDS=bedrock for an instance role)"
)
_GOOGLE_HINT = (
    "Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default "
    "login`, or SEKISHO_CLOUDS=vertex for the service account of the machine)"
)


def _aws_credentials(environ: Environ) -> bool:
    if any(all(environ.get(name) for name in names) for names in _AWS_SOURCES):
        return True
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    home = _home(environ)
    shared = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    config = Path(environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config")
    return _has_profile(shared, profile) or _has_profile(config, f"profile {profile}", profile)


def _has_profile(path: Path, *sections: str) -> bool:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return False  # botocore will say what is wrong with the file, in its own words
    return any(parser.has_option(section, key) for section in sections for key in _AWS_PROFILE_KEYS)


def _vertex(environ: Environ, forced: bool) -> str | None:
    names = _missing(environ, "VERTEXAI_PROJECT", "VERTEXAI_LOCATION")
    path = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if path and not path.lstrip().startswith("{") and not Path(path).expanduser().is_file():
        return f"GOOGLE_APPLICATION_CREDENTIALS: no such file: {path}"
    found = bool(path) or _google_default(environ).is_file()
    return _set(names, "" if forced or found else _GOOGLE_HINT)


def _google_default(environ: Environ) -> Path:
    folder = environ.get("CLOUDSDK_CONFIG")
    base = Path(folder) if folder else _home(environ) / ".config" / "gcloud"
    return base / "application_default_credentials.json"


def _azure(environ: Environ, forced: bool) -> str | None:
    names = _missing(environ, "AZURE_API_BASE", "AZURE_API_KEY")
    # SEKISHO_CLOUDS=azure is for a token in AZURE_AD_TOKEN: an address is needed, a key is not.
    return _set([name for name in names if not (forced and name == "AZURE_API_KEY")])


def _home(environ: Environ) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) if home else Path.home()


_PROBLEMS = {"bedrock": _bedrock, "vertex": _vertex, "azure": _azure}
