"""Kernels to run notebooks in: a virtual environment each, with the package and one line of ipykernel.

Button callbacks run in three different ways across these lines: in the main thread once no cell runs (6), in another
thread with another event loop (7.0 to 7.3), in the main thread even while a cell awaits (from 7.4 on).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.saved import REPOSITORY

LINES = ("6.31", "7.3", "7.4")


class Kernels:
    """Makes kernels on demand and keeps them in a folder.

    Args:
        folder: where; one that is used again spares the installing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ)  # a test's own is cleaned of the proxies that pip may need

    def name(self, line: str) -> str:
        """The kernelspec's name of a line of ipykernel, whose kernel is made unless it is there."""
        made = self.folder / f"ipykernel-{line}"
        stamp, wanted = made / "stamp", _stamp(line)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(made, ignore_errors=True)
            self._make(made, line)
            stamp.write_text(wanted)
        python = str(made / "bin" / "python")
        spec = self.folder / "kernels" / made.name / "kernel.json"
        spec.parent.mkdir(parents=True, exist_ok=True)
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": made.name, "language": "python"}))
        return made.name

    def _make(self, folder: Path, line: str) -> None:
        self._call([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
        self._call([*pip, "--editable", f"{REPOSITORY}[demo]", f"ipykernel=={line}.*"])

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}"


def _stamp(line: str) -> str:
    """What an environment is made from; another one is made when it changes."""
    parts = (line, sys.version, str(REPOSITORY), (REPOSITORY / "pyproject.toml").read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
