"""Whoever holds tokens of one grant (lists, flows, processes): no refresh token is ever shown twice."""

import subprocess
import sys
import threading
from pathlib import Path

import httpx
import keyring
import pytest

from mcp_oauth_nb import BadSetting
from mcp_oauth_nb.keeping import locking
from mcp_oauth_nb.keeping.tokens import TokenList
from tests.keeping.refreshing import InFile, digest
from tests.keeping.rotating import Rotating

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rotating():
    with Rotating() as running:
        yield running


def use(rotating, auth):
    with httpx.Client(auth=auth) as client:
        return client.get(f"{rotating.url}/api").status_code


def at_once(*calls):
    gate, failed = threading.Barrier(len(calls)), []

    def one(call):
        gate.wait(20)
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed on
            failed.append(error)

    threads = [threading.Thread(target=one, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if failed:
        raise failed[0]


def expired(flow):
    """Let a flow's clock be behind the end of the tokens that there are now."""
    end = flow.use.expiry_s
    flow.now_s = lambda: end + 1 if flow.use.expiry_s <= end else end - 300


# -- the keyring -------------------------------------------------------------------------------------------------------


def test_after_a_failed_write_there_is_no_way_back(rotating, tokens, ring):
    alice = tokens.add("alice", rotating.oauth()).keep()
    ring.broken = True
    alice.refresh()
    assert alice.problem
    ring.broken = False
    for _ in range(2):
        assert alice.refresh().status == "passed"
    assert not rotating.is_dead
    assert len(rotating.refreshes) == 3
    assert alice.problem == ""
    assert TokenList().recall()["alice"].tokens.refresh_token in rotating.live


def test_what_could_not_be_written_is_written_before_the_next_refresh(rotating, tokens, ring):
    alice = tokens.add("alice", rotating.oauth()).keep()
    ring.broken = True
    alice.refresh()
    newest, ring.broken = alice.tokens.refresh_token, False
    rotating.next_answers.append((503, {}))
    alice.refresh()
    assert newest in ring.entries["mcp-oauth-nb", "alice"]


def test_recalling_takes_no_spent_token_back(rotating, tokens, ring):
    alice = tokens.add("alice", rotating.oauth()).keep()
    ring.broken = True
    alice.refresh()
    ring.broken = False
    again = tokens.recall()["alice"]
    assert again.tokens.refresh_token in rotating.live
    assert again.refresh().status == "passed"


def test_a_recalled_token_keeps_its_generation(rotating, tokens, ring):
    tokens.add("alice", rotating.oauth()).keep().refresh()
    written = dict(ring.entries)
    tokens["alice"].refresh()
    ring.entries.update(written)  # as another process would that has not noticed
    tokens["alice"].refresh()
    assert not rotating.is_dead


def test_an_entry_that_is_gone_is_not_made_again(rotating, tokens, ring):
    alice = tokens.add("alice", rotating.oauth()).keep()
    TokenList().recall().delete("alice")
    assert alice.refresh().status == "passed"
    assert ring.entries == {}
    assert "nothing under this name" in alice.problem
    assert not alice.in_keyring


def test_an_entry_of_another_grant_is_left_alone(rotating, tokens, ring):
    mine = tokens.add("alice", rotating.oauth()).keep()
    theirs = TokenList().add("alice", rotating.oauth()).keep()
    assert mine.refresh().status == "passed"
    assert mine.tokens.refresh_token != theirs.tokens.refresh_token
    assert "another grant" in mine.problem
    assert theirs.tokens.refresh_token in ring.entries["mcp-oauth-nb", "alice"]


def test_two_lists_that_refresh_at_once(tokens, ring):
    with Rotating(crowd=True) as rotating:
        mine = tokens.add("alice", rotating.oauth()).keep()
        theirs = TokenList().recall()["alice"]
        at_once(mine.refresh, theirs.refresh)
        assert not rotating.is_dead
        assert mine.tokens.refresh_token == theirs.tokens.refresh_token
        assert mine.tokens.refresh_token in rotating.live


def test_two_processes_that_refresh_at_once(tmp_path, monkeypatch):
    """The server holds the first refresh until a second one is there: without a lock between them both are sent."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    before = keyring.get_keyring()
    keyring.set_keyring(InFile(tmp_path / "entries"))
    try:
        with Rotating(crowd=True) as rotating:
            alice = TokenList().add("alice", rotating.oauth()).keep()
            made = [sys.executable, "-m", "tests.keeping.refreshing", str(tmp_path / "entries"), "alice"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
            with subprocess.Popen(made, **pipes) as one, subprocess.Popen(made, **pipes) as other:
                try:
                    assert [each.stdout.readline() for each in (one, other)] == ["ready\n"] * 2
                    for each in (one, other):
                        each.stdin.write("go\n")
                        each.stdin.flush()
                    held = {each.communicate(timeout=60)[0].strip() for each in (one, other)}
                finally:
                    one.kill()
                    other.kill()
            assert not rotating.is_dead
            assert len(rotating.refreshes) == 1
            assert held == {digest(next(iter(rotating.live)))}
            alice.refresh()
            assert {digest(alice.tokens.refresh_token)} == held
    finally:
        keyring.set_keyring(before)


def test_the_lock_is_for_its_owner_alone_and_tells_no_name(tokens, rotating, ring, tmp_path):
    tokens.add("alice", rotating.oauth()).keep()
    folder = tmp_path / "cache" / "mcp-oauth-nb"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = list(folder.iterdir())
    assert files
    assert all(one.stat().st_mode & 0o777 == 0o600 and one.stat().st_size == 0 for one in files)
    assert not any("alice" in one.name for one in files)


def test_an_entry_that_another_one_does_not_let_go_of_is_told(tokens, rotating, ring, monkeypatch):
    alice = tokens.add("alice", rotating.oauth()).keep()
    monkeypatch.setattr(locking, "LONGEST_WAIT_S", 0.05)
    inside, done = threading.Event(), threading.Event()

    def hold():
        with locking.alone("alice"):
            inside.set()
            done.wait(20)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert inside.wait(20)
    with pytest.raises(BadSetting, match="another session"):
        alice.refresh()
    done.set()
    holder.join(20)
    assert alice.refresh().status == "passed"


def test_without_a_place_for_locks_tokens_are_kept_all_the_same(tokens, rotating, ring, tmp_path, monkeypatch):
    (tmp_path / "no folder").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no folder"))
    assert tokens.add("alice", rotating.oauth()).keep().refresh().status == "passed"


# -- the flow that the tokens came from --------------------------------------------------------------------------------


def test_a_flow_and_its_kept_token_refresh_once(rotating, tokens):
    oauth = rotating.oauth()
    alice = tokens.add("alice", oauth)
    expired(oauth)
    expired(alice.flow)
    assert [use(rotating, one) for one in (tokens.auth, oauth.auth, tokens.auth)] == [200] * 3
    assert len(rotating.refreshes) == 1
    assert oauth.tokens.access_token == alice.tokens.access_token
    assert oauth.refresh().status == "passed"
    assert alice.tokens.access_token == oauth.tokens.access_token
    assert alice.refresh().status == "passed"
    assert not rotating.is_dead


def test_a_flow_and_its_kept_token_at_once(tokens):
    with Rotating(crowd=True) as rotating:
        oauth = rotating.oauth()
        alice = tokens.add("alice", oauth)
        expired(oauth)
        expired(alice.flow)
        statuses = []
        calls = [lambda auth=auth: statuses.append(use(rotating, auth)) for auth in (oauth.auth, tokens.auth) * 10]
        at_once(*calls)
        assert statuses == [200] * 20
        assert len(rotating.refreshes) == 1
        assert not rotating.is_dead


def test_what_the_flow_refreshes_is_in_the_keyring(rotating, tokens, ring):
    oauth = rotating.oauth()
    tokens.add("alice", oauth).keep()
    oauth.refresh()
    assert oauth.tokens.refresh_token in ring.entries["mcp-oauth-nb", "alice"]


def test_a_step_that_the_flow_runs_again_uses_the_newest_token(rotating, tokens):
    oauth = rotating.oauth(api_url=f"{rotating.url}/api")
    alice = tokens.add("alice", oauth)
    alice.refresh()
    rotating.good = {alice.tokens.access_token: rotating.good[alice.tokens.access_token]}
    assert oauth.api().exchanges[-1].status == 200


def test_the_same_cell_again_is_no_step_back(rotating, tokens):
    oauth = rotating.oauth()
    tokens.add("alice", oauth).refresh()
    assert tokens.add("alice", oauth).tokens.refresh_token in rotating.live
    assert tokens["alice"].refresh().status == "passed"
    assert not rotating.is_dead


def test_a_new_grant_of_the_flow_is_another_one(rotating, tokens):
    oauth = rotating.oauth()
    old = tokens.add("old", oauth)
    oauth.run()
    oauth.authorize()
    oauth.callback()
    oauth.token()
    new = tokens.add("new", oauth)
    assert old.tokens.refresh_token != new.tokens.refresh_token
    assert old.refresh().status == new.refresh().status == "passed"
    assert oauth.tokens.refresh_token != old.tokens.refresh_token
    assert not rotating.is_dead


def test_where_no_home_is_known_it_is_one_at_a_time_in_this_process(monkeypatch):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    with locking.alone("alice"), locking.alone("alice"):
        pass
