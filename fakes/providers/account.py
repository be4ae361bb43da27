"""Code Assist's sign-in: which tier a user has, and the project that requests are made for.

:loadCodeAssist finds the user on board already, so that clients go on at once; :onboardUser answers an operation
that is done.
"""

from typing import Any

from fakes.providers.base import json_object
from fakes.providers.code_assist import PREFIX
from fakes.wire.http import HttpRequest

LOAD, ONBOARD = PREFIX + "loadCodeAssist", PREFIX + "onboardUser"
_PROJECT = "fakes-project"
_TIER = {"id": "free-tier", "name": "Gemini Code Assist for individuals", "description": "A tier of the fakes."}


def account(request: HttpRequest) -> dict[str, Any]:
    """The answer of :loadCodeAssist or :onboardUser.

    Raises:
        BadRequest: the body is not a JSON object.
        UnreadableBody: the body cannot be decoded.
    """
    json_object(request)
    if request.path == LOAD:
        tier = {**_TIER, "isDefault": True, "userDefinedCloudaicompanionProject": False}
        shared = {"cloudaicompanionProject": _PROJECT, "gcpManaged": False}
        return {"currentTier": _TIER, "allowedTiers": [tier], **shared}
    kind = "type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse"
    project = {"id": _PROJECT, "name": _PROJECT, "projectNumber": "1"}
    response = {"@type": kind, "cloudaicompanionProject": project}
    return {"name": "operations/fakes-onboard", "done": True, "response": response}
