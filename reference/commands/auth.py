"""`auth import` and `auth status`: the command line of `reference.auth`."""

from __future__ import annotations

from reference import auth, durable, jsonfile
from reference.deadline import Deadline
from reference.errors import Usage, from_oserror
from reference.result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reference.home import Home
    from reference.parts import Parts


def import_profile(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Store the tokens in a file as a profile. Raises Usage(`bad-credential`), Busy, Local."""
    entry = _read(values["file"])
    home.make()
    about = auth.import_profile(home, values["profile"], entry, Deadline.after(None))
    return Result({"ok": True, "profile": about}, f"stored {values['profile']}; the file itself was not changed")


def status(parts: Parts, home: Home, values: dict[str, Any]) -> Result:
    """Every profile, without its tokens. Raises Local."""
    found = auth.status(home)
    lines = ["  ".join(f"{key}={value}" for key, value in profile.items()) for profile in found]
    return Result({"ok": True, "profiles": found}, "\n".join(lines) or "no profiles")


def _read(path: str) -> dict[str, Any]:
    """The object in the file. Nothing of its content gets into an error."""
    try:
        return jsonfile.parse_object(durable.read(path))
    except jsonfile.Damaged as error:
        place = f"line {error.line} column {error.column}"
        raise Usage(
            "bad-credential", f"{path} is not a JSON object ({place})", hint="see `reference auth import --help`"
        ) from None
    except OSError as error:
        problem = from_oserror(error, ascii(path)[1:-1])
        raise Usage("bad-credential", problem.message, hint=problem.hint, detail=problem.detail) from None
