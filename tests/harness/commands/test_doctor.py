"""The doctor: every finding comes from trying, and a machine that lacks something is told so without a traceback."""

from __future__ import annotations

import errno
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.commands import doctor
from harness.conductor import kernel, ports, sockets
from harness.errors import LabError


def finding(name: str) -> doctor.Check:
    [check] = [check for check in doctor.examine() if check.name == name]
    return check


def test_everything_is_tried_here() -> None:
    checks = {check.name: check for check in doctor.examine()}
    ours = ["python", "proc", "conductor", "schedules", "names", "temporary folder", "loopback"]
    assert list(checks) == [*ours, "git", "npm", "make", "cc"]
    assert [check for check in checks.values() if check.state == "bad"] == []
    assert [check for check in checks.values() if check.state == "limited" and not check.advice] == []


def test_another_system_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "supported", lambda: False)
    check = finding("conductor")
    assert check.state == "limited"
    assert "start barrier and repetition" in check.advice


@pytest.mark.parametrize("refusal", ["", "operation not permitted"])
def test_a_refused_listener_falls_back(monkeypatch: pytest.MonkeyPatch, refusal: str) -> None:
    async def listen() -> str:
        return refusal

    monkeypatch.setattr(kernel, "supported", lambda: True)
    monkeypatch.setattr(doctor, "_try_listener", listen)
    check = finding("conductor")
    assert check.state == ("limited" if refusal else "good")
    assert refusal in check.finding


@pytest.mark.parametrize(
    ("ways", "said"), [([], "and by /etc/hosts"), ([False], "by name server"), ([True], "/etc/hosts")]
)
def test_names_are_tried_both_ways(monkeypatch: pytest.MonkeyPatch, ways: list[bool], said: str) -> None:
    async def listen() -> str:
        return ""

    async def lead(*, in_files: bool) -> bool:
        return in_files not in ways

    monkeypatch.setattr(kernel, "supported", lambda: True)
    monkeypatch.setattr(doctor, "_try_listener", listen)
    monkeypatch.setattr(doctor, "leads_to_fakes", lead)
    check = finding("names")
    assert check.state == ("limited" if ways else "good")
    assert said in check.finding


def test_a_launcher_that_does_not_start_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> str:
        raise LabError("no launcher")

    monkeypatch.setattr(kernel, "supported", lambda: True)
    monkeypatch.setattr(doctor, "_try_listener", fail)
    assert (finding("conductor").state, finding("conductor").finding) == ("bad", "no launcher")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Tests start no launcher, but for those that say so."""
    if request.node.name != "test_everything_is_tried_here":
        monkeypatch.setattr(kernel, "supported", lambda: False)


FORBIDDEN = """
import struct, sys
from harness.commands import doctor
from harness.conductor import kernel, ports, sockets
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)]
kernel.install_filter(b"".join(struct.pack("=HBBI", *step) for step in steps))  # this call fails with EPERM
for check in doctor.examine():
    print(f"{check.name} {check.state}: {check.finding}")
"""


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (438, ["conductor limited: pidfd_getfd: Operation not permitted", "loopback good"]),  # as in plain Docker
        (
            41,
            ["loopback bad: 127.0.0.1 cannot be listened on: Operation not permitted"],
        ),  # socket, as in Codex's sandbox
        (53, ["conductor bad: [Errno 1] Operation not permitted"]),  # socketpair: no event loop can be had
    ],
)
def test_what_a_sandbox_forbids_is_found(number: int, found: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", FORBIDDEN, str(number)], check=True, capture_output=True, text=True)
    assert len(ran.stdout.splitlines()) == 11
    for line in found:
        assert f"\n{line}" in ran.stdout


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    check = finding("temporary folder")
    assert (check.state, check.advice) == ("bad", "set TMPDIR")
    assert "No usable temporary directory" in check.finding


def test_a_full_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ENOUGH_BYTES", 1 << 62)
    check = finding("temporary folder")
    assert check.state == "limited"
    assert "MiB left" in check.finding


@pytest.mark.parametrize("runs", ["/dev/shm", tempfile.gettempdir()])
def test_where_runs_have_their_folders(monkeypatch: pytest.MonkeyPatch, runs: str) -> None:
    monkeypatch.setattr(doctor, "for_runs", lambda target: Path(runs))
    check = finding("temporary folder")
    assert check.state == "good"
    assert (f"the reference's runs have theirs in {runs}" in check.finding) is (runs == "/dev/shm")


def program(folder: Path, text: str) -> None:
    path = folder / "git"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        (None, "limited", "not installed"),
        ("#!/bin/sh\necho git version 9\n", "good", "git version 9"),
        ("#!/bin/sh\necho broken >&2; exit 3\n", "limited", "broken"),
        ("#!/bin/sh\n", "good", "no version"),
        ("#!/no/such/interpreter\n", "limited", "does not run"),
    ],
)
def test_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: Any, state: str, said: str) -> None:
    if text is not None:
        program(tmp_path, text)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = finding("git")
    assert check.state == state
    assert said in check.finding
    assert bool(check.advice) == (state != "good")


@pytest.mark.parametrize(
    ("where", "name", "said"),
    [
        (sockets, "answering", "who answers at a Unix socket's name (CONFIG_UNIX_DIAG)"),
        (ports, "listeners", "who listens at a port (CONFIG_INET_DIAG)"),
    ],
)
def test_a_kernel_that_does_not_tell_of_sockets_is_named(
    monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, said: str
) -> None:
    def unknown() -> frozenset[int]:
        raise OSError(errno.ENOENT, "sock_diag")

    monkeypatch.setattr(kernel, "supported", lambda: True)
    monkeypatch.setattr(where, name, unknown)
    check = doctor._schedules()
    assert (check.state, check.finding) == ("limited", f"cannot be read: {said}")
