"""The keys that LiteLLM knows in its sections of the configuration file.

LiteLLM ignores a misspelt key in silence. `known_sections.yaml` lists the real ones; a test
compares it with the installed LiteLLM, and `python -m sekisho.known_sections` prints it anew.
"""

import importlib.metadata
import inspect
import re
import sys
from pathlib import Path
from typing import cast

import yaml

_FILE = Path(__file__).with_name("known_sections.yaml")

KNOWN = cast("dict[str, list[str]]", yaml.safe_load(_FILE.read_text())) if _FILE.exists() else {}


def of_installed_litellm() -> dict[str, list[str]]:
    """The keys as the installed LiteLLM has them; imports LiteLLM.

    `general_settings` has no complete declaration: its keys are the fields of
    `ConfigGeneralSettings` and every `general_settings.get("...")` in the proxy's source.
    """
    import litellm
    from litellm.proxy._types import ConfigGeneralSettings
    from litellm.router import Router

    source = Path(litellm.__file__).parent
    used = re.compile(r'general_settings(?:\.get\(|\[)\s*"([a-z_0-9]+)"')
    general = set(ConfigGeneralSettings.model_fields)
    for path in (source / "proxy").rglob("*.py"):
        general.update(used.findall(path.read_text()))
    switches = {
        name
        for name, value in vars(litellm).items()
        if name.islower()
        and not name.startswith("_")
        and (value is None or isinstance(value, (bool, int, float, str, list, dict)))
    }
    read = re.compile(r'key == "([a-z_0-9]+)"')
    switches.update(read.findall((source / "proxy" / "proxy_server.py").read_text()))
    parameters = set(inspect.signature(Router.__init__).parameters) - {"self", "model_list"}
    return {
        "general_settings": sorted(general),
        "litellm_settings": sorted(switches),
        "router_settings": sorted(parameters),
    }


if __name__ == "__main__":
    installed = importlib.metadata.version("litellm")
    head = f"# litellm {installed}; made by `python -m sekisho.known_sections`\n"
    sys.stdout.write(head + yaml.safe_dump(of_installed_litellm()))
