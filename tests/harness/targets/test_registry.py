"""Names of targets: what is found, and what is said about a name that is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PileupError, UsageError
from harness.targets import registry
from harness.targets.protocol import Capability
from harness.targets.variant import variant_names

ADAPTER = '''
"""An adapter."""
class Mine:
    name, version, argv, capabilities, patience, needs_tls = "mine", "1", ("x",), frozenset(), 1.0, False
    prepare = command = read = None
instance = Mine()
half = object()
def broken():
    raise RuntimeError("boom")
def leaves():
    raise SystemExit("no program here")
def wants(more):
    return more
class Raising(Mine):
    @property
    def name(self):
        raise RuntimeError("boom")
class Numbered(Mine):
    version = 1
class Worded(Mine):
    capabilities = frozenset({"ADD_AGENTS"})
class Unlisted(Mine):
    capabilities = None
'''


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    path = tmp_path / "my adapter.py"
    path.write_text(ADAPTER)
    return path


@pytest.mark.parametrize("attribute", ["Mine", "instance"])
def test_an_adapter_of_ones_own(adapter: Path, attribute: str) -> None:
    assert registry.find(f"{adapter}:{attribute}").name == "mine"


def test_an_adapter_below_a_folder_with_a_colon(adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a.py:b"
    folder.mkdir()
    assert registry.find(f"{adapter.rename(folder / 'c.py')}:Mine").name == "mine"


def test_what_is_shipped_here() -> None:
    assert registry.find("reference").capabilities == frozenset(Capability)
    for name in variant_names():
        target = registry.find(f"variant:{name}")
        assert (target.name, target.argv[-1]) == (f"variant:{name}", name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "there is no target ''"),
        ("Reference", "there is no target 'Reference'"),
        ("reference ", "there is no target"),
        ("variant:", "there is no variant ''"),
        ("variant:nobody", "there is no variant 'nobody'"),
        ("variant:config_unlocked", "there is no variant"),
        ("nobody@1", "there is no adapter for 'nobody'"),
        ("@", "there is no adapter for ''"),
        ("nowhere.py:x", "there is no file nowhere.py"),
        (f"{'a' * 5000}.py:x", "there is no file a"),
        ("mine.py", "--target mine.py: it does not say which adapter"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        registry.find(name)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Reference", "did you mean reference? `pileup targets` lists them"),
        ("variant:config_unlocked", "did you mean variant:config-unlocked?"),
        ("openclav@2026.3.8", "did you mean openclaw?"),
        ("codex", "did you mean codex@0.169.0?"),
        ("mine.py", "add its name: mine.py:attribute"),
        ("zzz", "`pileup targets` lists them; your own is file.py:attribute"),
    ],
)
def test_what_could_have_been_meant(name: str, hint: str) -> None:
    """In a line: there are more targets than anybody reads."""
    with pytest.raises(UsageError) as raised:
        registry.find(name)
    assert raised.value.hint
    assert raised.value.hint.startswith(hint)
    assert len(raised.value.hint) < 120


def test_an_adapter_of_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beside it can be imported, as by a script; what is installed goes first."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "other_half.py").write_text(ADAPTER)
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "first.py").write_text("import json\nfrom other_half import Mine\n")
    assert registry.find(f"{tmp_path / 'first.py'}:Mine").name == "mine"


@pytest.mark.parametrize("version", ["", "0", "../..", "2026.3.8; rm"])
def test_a_version_that_is_not_installed(version: str) -> None:
    with pytest.raises(PileupError, match="openclaw"):
        registry.find(f"openclaw@{version}")


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("nobody", "has no 'nobody'"),
        ("half", "it lacks name"),
        ("broken", "gives no adapter: RuntimeError: boom"),
        ("leaves", "gives no adapter: SystemExit: no program here"),
        ("wants", "gives no adapter: TypeError: wants"),
        ("Raising", "gives no adapter: RuntimeError: boom"),
        ("Numbered", "its version is 1"),
        ("Worded", "its capabilities hold 'ADD_AGENTS'"),
        ("Unlisted", "its capabilities cannot be read: TypeError"),
    ],
)
def test_an_attribute_that_is_no_adapter(adapter: Path, attribute: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        registry.find(f"{adapter}:{attribute}")
    assert raised.value.hint


def test_an_attribute_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "adapter.py"
    path.write_text("from pathlib import Path\nclass Mine: pass\nmine = Mine()\n_private = Mine()\n")
    with pytest.raises(UsageError) as raised:
        registry.find(f"{path}:main")
    assert raised.value.hint == "it has: Mine, mine"


@pytest.mark.parametrize("text", ["def", "import no_such_module_here", "1/0", "x = undefined", "exit(3)"])
def test_a_file_that_cannot_be_imported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "adapter.py"
    path.write_text(text)
    with pytest.raises(UsageError, match="cannot be imported"):
        registry.find(f"{path}:Target")


def test_every_name_has_a_state() -> None:
    states = dict(registry.states())
    assert set(states) >= {"reference", *(f"variant:{name}" for name in variant_names())}
    assert [name for name, state in states.items() if not state] == []
    assert all(name in registry.known() for name in states if name.startswith(("reference", "variant:")))
