"""Starts the Django server and tells what it holds."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any

import httpx

from tests.saved import REPOSITORY

START_S, STOP_S = 60.0, 10.0


@dataclass(frozen=True, repr=False)
class Django:
    """A running authorization server with an API.

    Attributes:
        origin: where it listens.
        clients: by the name of what they are for: their `client_id`, and `client_secret` where they have one.
        user: who is logged in, and their password.
    """

    origin: str
    clients: dict[str, dict[str, str]] = field(repr=False)
    user: str
    password: str = field(repr=False)

    @property
    def endpoints(self) -> dict[str, str]:
        """Every endpoint, as `OAuth2` takes them."""
        return {
            "authorization_url": f"{self.origin}/o/authorize/",
            "token_url": f"{self.origin}/o/token/",
            "revocation_url": f"{self.origin}/o/revoke_token/",
            "introspection_url": f"{self.origin}/o/introspect/",
            "userinfo_url": f"{self.origin}/o/userinfo/",
        }

    @property
    def api(self) -> str:
        """An API that wants a token with the scope ``read``."""
        return f"{self.origin}/api/"

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The requests that reached a path so far, in order."""
        return [one for one in httpx.get(f"{self.origin}/asked/").json() if one["path"] == path]


@contextmanager
def django_server(folder: Path) -> Iterator[Django]:
    """Start it, with its database in this folder; it ends with the context."""
    command = [sys.executable, "-m", "tests.grants.django_server", str(folder)]
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, stderr=log) as process,
    ):
        assert process.stdin is not None
        try:
            line = _first_line(process)
            assert line, (folder / "server.log").read_text()
            yield Django(**json.loads(line))
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    lines: queue.Queue[bytes] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    return lines.get(timeout=START_S)
