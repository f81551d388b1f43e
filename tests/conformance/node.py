"""Node.js and npm packages for tests: pinned, and installed once into a folder outside the tree.

The folder is the environment variable MCP_OAUTH_NB_NODE, or one in the user's cache. What is missing is an error and
never a skipped test.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OLDEST = 22
"""Both packages need what node has from this version on."""
NODE = {"private": True, "dependencies": {"node": "22.23.3"}, "allowScripts": {"node": True}}
"""Where the machine's node is older, this one is installed beside the packages; a script of its own fetches it."""
INSTALL_S = 300


class Missing(Exception):
    """Something that the tests need is not there and cannot be installed."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. `status` is None where it had to be killed."""

    status: int | None
    output: str


def bounded(command: list[str], timeout_s: float, *, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command in a process group of its own, and leave nothing of that group behind."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=dict(os.environ if env is None else env),
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        end_group(process)
        output, _ = process.communicate()
        return Ended(None, output)
    finally:
        end_group(process)
    return Ended(process.returncode, output)


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill whatever is left of a process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def node() -> str:
    """A node that is new enough: the machine's, or one that npm installs."""
    own = shutil.which("node")
    if own and _major(own) >= OLDEST:
        return own
    installed = _installed("node", json.dumps(NODE, indent=1), None) / "node" / "bin" / "node"
    if not installed.exists() or _major(str(installed)) < OLDEST:
        raise Missing(f"node >= {OLDEST}: npm did not install one; put one on PATH")
    return str(installed)


def packages(project: Path) -> Path:
    """The ``node_modules`` of a folder that holds package.json and package-lock.json."""
    return _installed(project.name, *((project / name).read_text() for name in ("package.json", "package-lock.json")))


def _installed(name: str, manifest: str, lock: str | None) -> Path:
    digest = hashlib.sha256((manifest + (lock or "")).encode()).hexdigest()[:12]
    with _cache() as cache:
        place = cache / f"{name}-{digest}"
        if not place.exists():
            with tempfile.TemporaryDirectory(prefix="installing-", dir=cache) as made:
                _install(Path(made), manifest, lock)
                Path(made).rename(place)
                Path(made).mkdir()  # for the one who wants to remove it
        return place / "node_modules"


def _install(place: Path, manifest: str, lock: str | None) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not on PATH; install Node.js with npm")
    (place / "package.json").write_text(manifest)
    if lock is not None:
        (place / "package-lock.json").write_text(lock)
    how = ["install"] if lock is None else ["ci", "--ignore-scripts"]
    ended = bounded([npm, *how, "--no-audit", "--no-fund"], INSTALL_S, cwd=place)
    if ended.status != 0:
        raise Missing(f"npm {how[0]} ended with status {ended.status}:\n{ended.output[-2000:]}")


@contextmanager
def _cache() -> Iterator[Path]:
    """The folder, held by one process at a time."""
    given = os.environ.get("MCP_OAUTH_NB_NODE")
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given).resolve() if given else users / "mcp-oauth-nb" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder


def _major(command: str) -> int:
    said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0
