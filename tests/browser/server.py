"""A JupyterLab server of its own: free loopback port, own token, and no file of the user's read or written."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.browser.waiting import until

START_S, STOP_S = 90, 20
QUIET = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
"""Settings that keep JupyterLab from asking, from calling home, and from saving at its own time."""


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes:
        folder: what it serves.
        origin: where it serves.
        token: what it wants to see.
        log: the file its output goes to.
    """

    folder: Path
    origin: str
    token: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def address(self, path: str) -> str:
        """A notebook in a fresh workspace, so that no layout of an earlier page comes back."""
        return f"{self.origin}/lab/workspaces/{secrets.token_hex(4)}/tree/{path}?token={self.token}"

    def api(self, method: str, path: str) -> Any:
        answer = httpx.request(
            method, f"{self.origin}/api/{path}", headers={"Authorization": f"token {self.token}"}, timeout=30
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def end_kernel(self, path: str) -> None:
        """Shut down the kernel behind a notebook."""
        for session in self.api("GET", "sessions"):
            if session["path"] == path:
                self.api("DELETE", f"sessions/{session['id']}")
        until(lambda: not any(s["path"] == path for s in self.api("GET", "sessions")), "the kernel has ended")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"JupyterLab ended with status {self.process.returncode}:\n{self.tail()}")
        try:
            self.api("GET", "status")
        except httpx.HTTPError:
            return False
        return True


@contextmanager
def lab(folder: Path, kernels: Path | None = None) -> Iterator[Lab]:
    """Start a JupyterLab on `folder` and stop it with all its kernels.

    Args:
        folder: what it serves.
        kernels: a folder whose ``kernels/`` holds more kernelspecs.
    """
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as home:
        _settings(Path(home) / "settings")
        port, token, log = _free_port(), secrets.token_hex(16), Path(home) / "server.log"
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
        command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
        command += ["--LabApp.expose_app_in_browser=True"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(Path(home), kernels),
                cwd=folder,
            )
        running = Lab(folder, f"http://127.0.0.1:{port}", token, log, process)
        try:
            until(running._answers, "JupyterLab answers", START_S, more=running.tail)
            yield running
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _environment(home: Path, kernels: Path | None) -> Mapping[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    return ours | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        **({"JUPYTER_PATH": str(kernels)} if kernels else {}),
    }


def _settings(folder: Path) -> None:
    for plugin, values in QUIET.items():
        file = folder / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
