"""Where LiteLLM lets us repair a call: a deployment is chosen, nothing is translated yet."""

import logging
from collections.abc import Iterable
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from ...log_lines import kind_and_place
from .. import attempts
from . import registry
from .call import APIS, Call

log = logging.getLogger("sekisho.repairs")


class RepairLogger(CustomLogger):
    """Makes the repairs for each call of a deployment. All are on until `leave_out` says else."""

    def __init__(self) -> None:
        super().__init__()
        self._repairs = registry.REPAIRS

    def leave_out(self, names: Iterable[str]) -> None:
        """Switch repairs off, by their names."""
        self._repairs = registry.without(names)

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: Any
    ) -> dict[str, Any] | None:
        """Repair what goes to the provider; None when nothing can be."""
        api = APIS.get(getattr(call_type, "value", ""))
        if api is None:
            return None
        noted = attempts.current.get()
        call = Call.of(api, dict(kwargs), noted.names if noted is not None else None)
        try:
            registry.mend(call, self._repairs)
        except Exception as error:  # noqa: BLE001 - what is malformed is the provider's to refuse
            log.warning("a repair failed: %s", kind_and_place(error))
            return None
        return call.kwargs


logger = RepairLogger()
