"""Code Assist beside its models: who the user is, and what gemini-cli asks about each account on its own.

:loadCodeAssist finds the user on board already, so that clients go on at once; :onboardUser answers an operation
that is done. There are no experiments, no quota and no administrator.
"""

from typing import Any

from fakes.providers.base import json_object
from fakes.providers.code_assist import PREFIX
from fakes.wire.http import HttpRequest

_PROJECT = "fakes-project"
_TIER = {"id": "free-tier", "name": "Gemini Code Assist for individuals", "description": "A tier of the fakes."}
_LOADED = {
    "currentTier": _TIER,
    "allowedTiers": [{**_TIER, "isDefault": True, "userDefinedCloudaicompanionProject": False}],
    "cloudaicompanionProject": _PROJECT,
    "gcpManaged": False,
}
_ONBOARD = {
    "name": "operations/fakes-onboard",
    "done": True,
    "response": {
        "@type": "type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse",
        "cloudaicompanionProject": {"id": _PROJECT, "name": _PROJECT, "projectNumber": "1"},
    },
}
ACCOUNT: dict[str, dict[str, Any]] = {
    PREFIX + "loadCodeAssist": _LOADED,
    PREFIX + "onboardUser": _ONBOARD,
    PREFIX + "listExperiments": {"experimentIds": [], "flags": []},
    PREFIX + "retrieveUserQuota": {"buckets": []},
    PREFIX + "fetchAdminControls": {"adminControlsApplicable": False},
    PREFIX + "recordCodeAssistMetrics": {},
}


def account(request: HttpRequest) -> dict[str, Any]:
    """The answer to a request for one of these paths.

    Raises:
        BadRequest: the body is not a JSON object.
        UnreadableBody: the body cannot be decoded.
    """
    json_object(request)
    return ACCOUNT[request.path]
