"""A keyring in memory, a demo server, and a list of tokens of one's own."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from mcp_oauth_nb import Debugger, DemoServer
from mcp_oauth_nb.keeping.tokens import TokenList


class InMemory(keyring.backend.KeyringBackend):
    """Keeps what it is told; `broken` makes it fail as a locked one does, quoting what it was given."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            raise keyring.errors.PasswordSetError(f"cannot write {password}")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemory]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = keyring.get_keyring()
    made = InMemory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


@pytest.fixture
def dbg(server: DemoServer) -> Debugger:
    made = Debugger(server.url, browser="follow")
    assert made.run().status == "passed"
    return made


@pytest.fixture
def tokens() -> TokenList:
    return TokenList()
