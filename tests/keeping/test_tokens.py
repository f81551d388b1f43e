"""The list of kept tokens: each one works without the flow it came from, and none of it shows a token."""

import json
import logging
import stat
import traceback

import httpx
import pytest

from mcp_oauth_nb import BadSetting, Client, Debugger, NotOurs, NotYet, OAuth2, PlainServer
from mcp_oauth_nb.keeping.kept import Kept, from_text
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.sealed import seal

BODY = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
HEADERS = {"Accept": "application/json, text/event-stream"}
PASSPHRASE = "correct horse battery"


def secrets_of(one):
    return [value for value in (one.tokens.access_token, one.tokens.refresh_token) if value]


def shown(one):
    made = one._repr_mimebundle_()
    return made["text/plain"] + made["text/html"] + repr(one)


def ask(url, auth):
    """400 is a request without a session, 401 one without a good token."""
    with httpx.Client(auth=auth) as client:
        return client.post(url, json=BODY, headers=HEADERS).status_code


def test_a_kept_token_works_and_is_refreshed_without_its_flow(server, dbg, tokens):
    alice = tokens.add("alice", dbg)
    first = alice.tokens.access_token
    assert first == dbg.tokens.access_token
    assert ask(server.url, tokens.auth) == 400
    assert alice.refresh().status == "passed"
    assert alice.tokens.access_token != first
    assert ask(server.url, tokens.auth) == 400
    assert 0 < alice.expires_in_s <= 900


def test_of_a_confidential_client(server, tokens):
    known = server.confidential_client
    dbg = Debugger(server.url, browser="follow", client=Client(known.client_id, secret=known.client_secret))
    dbg.run()
    assert tokens.add("alice", dbg).refresh().status == "passed"


def test_the_selected_one_goes_out(server, dbg, tokens):
    tokens.add("alice", dbg)
    tokens.add("wrong", "not-a-token-of-this-server")
    assert tokens.selected.name == "alice"
    auth = tokens.auth
    assert ask(server.url, auth) == 400
    tokens.select("wrong")
    assert ask(server.url, auth) == 401


def test_nothing_selected_nothing_sent(server, tokens):
    with pytest.raises(NotYet, match="selected token"):
        ask(server.url, tokens.auth)


def test_what_is_shown(dbg, tokens):
    tokens.add("alice", dbg)
    tokens.add("pasted", "a-token-of-somebody-else-4711", header_prefix="Token", token_in="header")
    text = tokens._repr_mimebundle_()["text/plain"]
    assert "alice (selected)" in text
    assert "expires: in 9" in text or "expires: in 8" in text
    assert "auto-refresh: on" in text
    assert "auto-refresh: not available: no refresh token" in text
    assert "behind 'Token'" in text
    assert list(tokens.frame["name"]) == ["alice (selected)", "pasted"]
    everything = shown(tokens) + tokens.frame.to_string() + "".join(shown(one) for one in tokens)
    everything += shown(tokens["alice"].details) + repr(tokens["alice"].kept) + repr(tokens.auth)
    for secret in (*secrets_of(tokens["alice"]), "a-token-of-somebody-else-4711"):
        assert secret not in everything


def test_an_expired_one_says_so(dbg, tokens):
    alice = tokens.add("alice", dbg)
    over = alice.expires_at_s + 60
    alice.flow.now_s = lambda: over
    assert "expired 60 s ago" in shown(alice)
    assert alice.expires_in_s == -60


def test_without_a_refresh_token_there_is_no_refresh(tokens):
    pasted = tokens.add("pasted", "a-token-of-somebody-else-4711")
    assert pasted.auto_refresh is False
    with pytest.raises(BadSetting, match="without a refresh token"):
        pasted.auto_refresh = True
    with pytest.raises(BadSetting, match="without a refresh token"):
        pasted.refresh()


def test_auto_refresh_can_be_turned_off_and_on(server, dbg, tokens):
    alice = tokens.add("alice", dbg)
    alice.auto_refresh = False
    first, over = alice.tokens.access_token, alice.expires_at_s + 1
    alice.flow.now_s = lambda: over
    ask(server.url, alice.auth)
    assert alice.tokens.access_token == first
    alice.auto_refresh = True
    ask(server.url, alice.auth)
    assert alice.tokens.access_token != first


def test_deleting_is_not_revoking(server, dbg, tokens):
    auth = tokens.add("alice", dbg).auth
    note = tokens.delete("alice")
    assert note.status == "warned"
    assert "Deleting is not revoking" in shown(note)
    assert len(tokens) == 0
    assert ask(server.url, auth) == 400


def test_deleting_and_revoking(server, dbg, tokens):
    alice = tokens.add("alice", dbg)
    stale = httpx.Headers({"Authorization": f"Bearer {alice.tokens.access_token}", **HEADERS})
    note = tokens.delete("alice", revoke=True)
    assert note.status == "passed"
    assert "alice" not in tokens
    assert httpx.post(server.url, json=BODY, headers=stale).status_code == 401


def test_what_cannot_be_revoked_stays_on_the_list(tokens):
    tokens.add("pasted", "a-token-of-somebody-else-4711")
    note = tokens.delete("pasted", revoke=True)
    assert note.status == "warned"
    assert "pasted" in tokens
    assert "a-token-of-somebody-else" not in shown(note)


def test_the_keyring_keeps_it_for_the_next_session(server, dbg, tokens, ring):
    tokens.add("alice", dbg)
    assert ring.entries == {}, "kept in memory unless asked otherwise"
    tokens.keep("alice")
    tokens["alice"].refresh()
    later = type(tokens)().recall()
    assert [one.name for one in later] == ["alice"]
    assert later["alice"].tokens.access_token == tokens["alice"].tokens.access_token
    assert later["alice"].tokens.refresh_token == tokens["alice"].tokens.refresh_token
    assert ask(server.url, later.auth) == 400
    assert later["alice"].expires_at_s == pytest.approx(tokens["alice"].expires_at_s)
    for secret in secrets_of(later["alice"]):
        assert not any(secret in part for entry in ring.entries for part in entry)
    later.delete("alice")
    assert ring.entries == {}


def test_what_another_process_refreshed_is_taken_and_its_old_token_not_shown_again(server, dbg, tokens, ring):
    mine = tokens.add("alice", dbg).keep()
    theirs = type(tokens)().recall("alice")["alice"]
    assert theirs.refresh().status == "passed"
    mine.refresh()
    assert mine.tokens.refresh_token == theirs.tokens.refresh_token
    assert mine.refresh().status == "passed"
    assert [one.step for one in mine.flow.exchanges] == ["refresh"]


def test_a_keyring_that_fails_takes_no_token_away(server, dbg, tokens, ring):
    alice = tokens.add("alice", dbg).keep()
    ring.broken = True
    first = alice.tokens.access_token
    assert alice.refresh().status == "passed"
    assert alice.tokens.access_token != first
    assert "keyring" in alice.problem
    assert alice.problem in shown(alice)
    for secret in secrets_of(alice):
        assert secret not in shown(alice)
    with pytest.raises(BadSetting) as caught:
        alice.keep()
    said = "".join(traceback.format_exception(caught.value))
    assert not any(secret in said for secret in secrets_of(alice))


def test_no_keyring_at_all(dbg, tokens, monkeypatch):
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        tokens.add("alice", dbg)
        with pytest.raises(BadSetting, match="keyring that does not work"):
            tokens.keep("alice")
        assert tokens["alice"].in_keyring is False
    finally:
        keyring.set_keyring(before)


def test_nothing_kept_under_that_name(tokens, ring):
    with pytest.raises(BadSetting, match="one of none"):
        tokens.recall("alice")
    ring.set_password("mcp-oauth-nb", "alice", '{"password": "of somebody else"}')
    with pytest.raises(NotOurs) as caught:
        tokens.recall("alice")
    assert "somebody" not in str(caught.value)


def test_shared_with_a_colleague(server, dbg, tokens, tmp_path):
    tokens.add("alice", dbg)
    note = tokens.share("alice", tmp_path / "alice.token", PASSPHRASE)
    raw = (tmp_path / "alice.token").read_text()
    assert not any(secret in raw for secret in secrets_of(tokens["alice"]))
    assert stat.S_IMODE((tmp_path / "alice.token").stat().st_mode) == 0o600
    assert "cannot be called back" in shown(note)
    colleague = type(tokens)()
    taken = colleague.take(tmp_path / "alice.token", PASSPHRASE, name="from alice")
    assert ask(server.url, colleague.auth) == 400
    assert taken.tokens.refresh_token is None
    assert taken.auto_refresh is False


def test_shared_with_its_refresh_token(server, dbg, tokens, tmp_path):
    tokens.add("alice", dbg)
    tokens.share("alice", tmp_path / "alice.token", PASSPHRASE, with_refresh=True)
    taken = type(tokens)().take(tmp_path / "alice.token", PASSPHRASE)
    assert taken.name == "alice"
    assert taken.refresh().status == "passed"


def test_unsharing_is_explained_and_done_by_the_server_alone(server, dbg, tokens, tmp_path):
    tokens.add("alice", dbg)
    tokens.share("alice", tmp_path / "alice.token", PASSPHRASE)
    taken = type(tokens)().take(tmp_path / "alice.token", PASSPHRASE)
    assert tokens.unshare("alice").status == "warned"
    assert ask(server.url, taken.auth) == 400
    assert tokens.unshare("alice", revoke=True).status == "passed"
    assert ask(server.url, taken.auth) == 401


@pytest.mark.parametrize("content", [b"", b"x.y.z", b"\xff\xfe", b"{}"])
def test_a_file_that_is_no_shared_token(tokens, tmp_path, content):
    (tmp_path / "it").write_bytes(content)
    with pytest.raises(BadSetting):
        tokens.take(tmp_path / "it", PASSPHRASE)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1]",
        '{"format": "mcp-oauth-nb token", "version": 2}',
        '{"format": "mcp-oauth-nb token", "version": 1}',
        '{"format": "mcp-oauth-nb token", "version": 1, "name": "a", "access_token": 5}',
        '{"format": "mcp-oauth-nb token", "version": 1, "name": "a", "access_token": "b", "endpoints": {"x": "y"}}',
        '{"format": "mcp-oauth-nb token", "version": 1, "name": "a", "access_token": "b", "parameters": [["x"]]}',
        "[" * 40_000,
    ],
)
def test_a_shared_file_with_something_else_in_it(tokens, tmp_path, text):
    (tmp_path / "it").write_text(seal(text, PASSPHRASE))
    with pytest.raises(NotOurs):
        tokens.take(tmp_path / "it", PASSPHRASE)


def test_kept_as_text_and_back():
    kept = Kept("a", "b", refresh_token="c", resources=("https://x.example",), parameters=(("n", "v", "body"),))
    assert from_text(kept.to_text(), "it") == kept
    assert json.loads(kept.without_refresh.to_text())["refresh_token"] is None


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 65, "a\nb", None, "eyJhbGciOiJub25lIn0.e30.x9Qw7Lm2Kp4Rt8", "Zk3vQx9hw8rT7mN2pL5s"]
)
def test_a_name_that_is_none_or_looks_like_a_secret(dbg, tokens, name):
    with pytest.raises(BadSetting) as caught:
        tokens.add(name, dbg)
    assert not name or len(name) < 5 or name not in str(caught.value)


@pytest.mark.parametrize("flow", ["", "a\nb", None, 5])
def test_what_holds_no_token_cannot_be_added(tokens, flow):
    with pytest.raises(BadSetting):
        tokens.add("alice", flow)


def test_a_flow_before_its_token(server, tokens):
    with pytest.raises(NotYet, match="access token"):
        tokens.add("alice", Debugger(server.url))


def test_a_token_bound_to_a_key_is_of_no_use_alone(dbg, tokens):
    dbg.hold(Tokens("a-token-that-is-bound", token_type="DPoP"))
    for call in (lambda: tokens.add("alice", dbg), dbg.use.bearing):
        with pytest.raises(BadSetting, match="DPoP"):
            call()


def test_nothing_is_logged(server, dbg, tokens, caplog):
    alice = tokens.add("alice", dbg, token_in="url")
    with caplog.at_level(logging.DEBUG):
        ask(server.url, alice.auth)
        alice.refresh()
    assert not any(secret in caplog.text for secret in secrets_of(alice))


def test_a_pasted_token_with_a_client_is_kept_apart_from_it(tokens):
    assert Client("id").client_id
    assert tokens.add("pasted", " a-token-with-blanks-around ").tokens.access_token == "a-token-with-blanks-around"


def test_of_a_server_with_a_device_endpoint(tokens):
    """`OAuth2` takes that endpoint with its own grant alone, which a kept token no longer needs."""
    with PlainServer() as server:
        oauth = OAuth2(issuer=server.issuer, client_id=server.client_id, browser="follow")
        oauth.run()
        assert tokens.add("alice", oauth).refresh().status == "passed"
