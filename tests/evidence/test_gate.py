"""What check would find in a file is not written: the error says kind, place and tag, and nothing of the secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from marks import Marks, marked

from mcp_oauth_nb import Debugger, HoldsSecret, check, load
from mcp_oauth_nb.commands.files import write_evidence
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.gate import let_out
from mcp_oauth_nb.vault import Vault

STRANGER = marked("a secret of another session")


@pytest.fixture(scope="module")
def dbg() -> Iterator[Debugger]:
    """A session that sends, under a name that says nothing, what another session knows as its secret."""
    with DemoServer() as server:
        made = Debugger(server.url, browser="follow")
        made.run()
        made.mcp("tools/list", {"note": STRANGER})
        assert STRANGER not in made.trace.vault.values()
        yield made


@pytest.fixture(scope="module")
def other() -> Vault:
    vault = Vault()
    vault.learn(STRANGER, "refresh_token")
    return vault


def _saved(kind: str) -> Callable[..., object]:
    return lambda dbg, path, **more: dbg.save(path.with_suffix(kind), **more)


WRITERS: dict[str, Callable[..., object]] = {
    **{kind: _saved(kind) for kind in (".json", ".ipynb", ".md", ".html")},
    ".har": lambda dbg, path, **more: dbg.har(path.with_suffix(".har"), **more),
    ".sh": lambda dbg, path, **more: dbg.curl().save(path.with_suffix(".sh"), **more),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_nothing_is_written_and_the_call_that_mends_it_is_told(
    kind: str, dbg: Debugger, other: Vault, tmp_path: Path
) -> None:
    write = WRITERS[kind]
    with pytest.raises(HoldsSecret, match="refresh_token") as caught:
        write(dbg, tmp_path / "incident")
    message = str(caught.value)
    assert "nothing was written" in message
    assert re.search(r": refresh_token, ‹refresh_token#[0-9a-f]{6} 43 chars›", message)
    assert "scrub=True" in message
    Marks({"stranger": STRANGER}).assert_none([("error", message), ("repr", repr(caught.value))])
    assert list(tmp_path.iterdir()) == []
    write(dbg, tmp_path / "incident", scrub=True)
    (file,) = tmp_path.iterdir()
    assert STRANGER not in file.read_text()
    assert check(file).clean
    if kind in (".json", ".ipynb"):
        assert len(load(file).exchanges) == len(dbg.exchanges)


def test_a_healthy_session_is_let_out_as_it_is(tmp_path: Path) -> None:
    with DemoServer() as server:
        made = Debugger(server.url, browser="follow")
        made.run(afterwards=True)
        text = made.save(tmp_path / "incident.json").read_text()
    assert let_out(text, made.trace.vault, "again") is text


def test_a_command_mends_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vault, file = Vault(), tmp_path / "debug.txt"
    vault.learn(STRANGER, "token")
    write_evidence(str(file), f"token {STRANGER}", vault)
    assert STRANGER not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert "replaced" in capsys.readouterr().err
