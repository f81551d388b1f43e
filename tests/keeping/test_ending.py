"""What is said of ending a token is what the server was asked and what it answered, and no more."""

import weakref

import httpx
import pytest

from mcp_oauth_nb import family
from mcp_oauth_nb.keeping.tokens import TokenList
from tests.keeping.rotating import Rotating

PASSPHRASE = "correct horse battery"


@pytest.fixture
def rotating():
    with Rotating() as running:
        yield running


def use(rotating, auth):
    with httpx.Client(auth=auth) as client:
        return client.get(f"{rotating.url}/api").status_code


def handed(tokens, tmp_path, **how):
    tokens.share("alice", tmp_path / "alice.token", PASSPHRASE, **how)
    return TokenList().take(tmp_path / "alice.token", PASSPHRASE)


def test_an_earlier_token_that_was_shared_is_ended_too(rotating, tokens, tmp_path):
    tokens.add("alice", rotating.oauth())
    theirs = handed(tokens, tmp_path)
    tokens["alice"].refresh()
    assert use(rotating, theirs.auth) == 200
    note = tokens.unshare("alice", revoke=True)
    assert note.status == "passed"
    assert "an access token that was shared before: 200" in note.said
    assert theirs.tokens.access_token in rotating.revoked
    assert use(rotating, theirs.auth) == 401


def test_it_is_remembered_when_the_flow_is_added_again(rotating, tokens, tmp_path):
    oauth = rotating.oauth()
    tokens.add("alice", oauth)
    theirs = handed(tokens, tmp_path)
    tokens["alice"].refresh()
    tokens.add("alice", oauth)
    tokens.unshare("alice", revoke=True)
    assert use(rotating, theirs.auth) == 401


def test_what_the_server_does_not_end_is_not_ended(rotating, tokens, tmp_path):
    rotating.unsupported = True
    tokens.add("alice", rotating.oauth())
    theirs = handed(tokens, tmp_path)
    note = tokens.unshare("alice", revoke=True)
    assert note.status == "warned"
    assert "may still be used" in note.title
    assert "refresh token: 200" in note.said
    assert "access token: 400 unsupported_token_type" in note.said
    assert use(rotating, theirs.auth) == 200
    deleted = tokens.delete("alice", revoke=True)
    assert deleted.status == "warned"
    assert "400 unsupported_token_type" in deleted.said
    assert "alice" not in tokens


def test_what_the_server_agrees_to_is_asked_and_no_more(rotating, tokens):
    tokens.add("alice", rotating.oauth())
    note = tokens.unshare("alice", revoke=True)
    assert (note.status, note.title) == ("passed", "the server was asked to end alice, and agreed")
    assert "lives on until it expires" in note.said
    assert "everybody" not in note.title + note.said


def test_what_a_colleague_refreshed_is_not_known(rotating, tokens, tmp_path):
    tokens.add("alice", rotating.oauth())
    handed(tokens, tmp_path, with_refresh=True)
    assert "only the server knows" in tokens.unshare("alice", revoke=True).said


def test_the_servers_own_words_are_not_in_it(rotating, tokens):
    tokens.add("alice", rotating.oauth())
    rotating.revoke_answer = lambda _: (400, {"error": "<b>come here</b>", "error_description": "come here"})
    note = tokens.unshare("alice", revoke=True)
    assert note.status == "warned"
    assert "come here" not in note.said
    assert "refresh token: 400" in note.said


def test_what_another_session_has_refreshed_is_what_is_ended(rotating, tokens, ring, monkeypatch):
    tokens.add("alice", rotating.oauth()).keep()
    with monkeypatch.context() as patch:
        patch.setattr(family, "_LIVING", weakref.WeakSet())  # another session knows nothing of this one
        newest = TokenList().recall()["alice"]
    newest.refresh()
    tokens.delete("alice", revoke=True)
    assert rotating.revoked == [newest.tokens.refresh_token, newest.tokens.access_token]
