"""Runs the suite's client scenarios for authorization: one leg is one scenario at one protocol version."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.node import Missing, bounded, node, packages

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
ENTRY = Path("@modelcontextprotocol", "conformance", "dist", "index.js")
CLIENT_S = 30
"""What the suite gives one client, in seconds."""
SPARE_S = 15
"""What it gets itself on top: it kills only the shell it started, and then waits for that shell's children."""
EXTENSION_VERSIONS = ("2025-11-25", "2026-07-28")
"""Extensions belong to no protocol version; they are run at these two."""


@dataclass(frozen=True)
class Leg:
    """One scenario at one protocol version; `forced` where the suite does not count it to that version."""

    scenario: str
    version: str
    forced: bool = False

    def __str__(self) -> str:
        return f"{self.scenario.removeprefix('auth/')}@{self.version}"


@dataclass(frozen=True)
class Outcome:
    """What came of a leg.

    Attributes:
        passed: no check failed or warned, and the client ended as the scenario wants it.
        checks: how many checks there were.
        breaches: the checks that failed or warned, in the suite's words.
        status: what the client ended with.
        said: the client's stderr.
    """

    passed: bool
    checks: int
    breaches: tuple[str, ...]
    status: int
    said: str

    def __str__(self) -> str:
        lines = [f"{'passed' if self.passed else 'failed'}, {self.checks} checks, client ended with {self.status}"]
        return "\n  ".join([*lines, *self.breaches, *self.said.splitlines()])


class Suite:
    """The installed suite.

    Raises:
        Missing: there is no npm, or it could not install.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self._command = [node(), str(packages(HERE / "suite") / ENTRY)]

    def legs(self) -> Iterator[Leg]:
        """What the suite itself lists."""
        said = bounded([*self._command, "list"], 60, cwd=self.results).output
        for scenario, tags in re.findall(r"^\s+- (auth/\S+) \[([^\]]*)\]", said, re.M):
            extension = tags.strip() == "extension"
            for version in EXTENSION_VERSIONS if extension else tags.split(","):
                yield Leg(scenario, version.strip(), extension)

    def run(self, leg: Leg) -> Outcome:
        """Run one leg; any number may be run at the same time."""
        folder = self.results / str(leg)
        folder.mkdir(parents=True, exist_ok=True)
        client = shlex.join([sys.executable, str(HERE / "adapter.py")])
        command = [*self._command, "client", "--command", client, "--scenario", leg.scenario]
        command += ["--timeout", str(CLIENT_S * 1000), "-o", str(folder), "--spec-version", leg.version]
        ended = bounded(command + ["--force"] * leg.forced, CLIENT_S + SPARE_S, cwd=folder, env=_environment())
        (folder / "suite.log").write_text(ended.output)
        return _outcome(folder, ended.status, ended.output)


def _outcome(folder: Path, status: int | None, output: str) -> Outcome:
    found = sorted(folder.rglob("checks.json"))
    if not found:
        raise Missing(f"the suite wrote no checks (status {status}):\n{output[-2000:]}")
    checks = [check for check in json.loads(found[-1].read_text()) if check["status"] != "INFO"]
    breaches = tuple(_told(check) for check in checks if check["status"] in ("FAILURE", "WARNING"))
    exited = re.search(r"Client exited with code (-?\d+)", output)
    errors = found[-1].with_name("stderr.txt")
    return Outcome(
        passed=status == 0,
        checks=len(checks),
        breaches=breaches,
        status=int(exited[1]) if exited else 0,
        said=errors.read_text(errors="replace").strip() if errors.exists() else "",
    )


def _told(check: dict[str, str]) -> str:
    why = check.get("errorMessage") or check.get("description") or ""
    return f"{check['status']} {check['id']}: {' '.join(why.split())}"


def _environment() -> dict[str, str]:
    """No proxy for loopback, and this tree's package."""
    ours = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "NO_PROXY")}
    paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    return ours | {"no_proxy": "localhost,127.0.0.1,::1", "PYTHONPATH": paths}
