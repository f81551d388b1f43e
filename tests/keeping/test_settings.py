"""What a kept token has of its flow: every setting that a refresh needs, and no private key where it is written."""

import json
import weakref

import httpx
import pytest

from mcp_oauth_nb import BadSetting, Client, NotOurs, Parameter, family
from mcp_oauth_nb.keeping.kept import Kept, from_text
from mcp_oauth_nb.keeping.tokens import TokenList
from tests.keeping.rotating import Rotating
from tests.keys import JWK

PASSPHRASE = "correct horse battery"


@pytest.fixture
def rotating():
    with Rotating() as running:
        yield running


def shown(one):
    made = one._repr_mimebundle_()
    return made["text/plain"] + made["text/html"] + repr(one)


def bare(form):
    return {name: value for name, value in form.items() if name != "refresh_token"}


@pytest.mark.parametrize(
    "settings",
    [
        {"audience": ["one", "two"], "resource": ["https://a.example", "https://b.example"]},
        {"authorization_params": {"resource": "https://c.example"}},
        {"token_params": {"tenant": ["one", "two"]}, "refresh_params": [Parameter("X-Tenant", "one", "header")]},
        {"client_secret": "a-secret-of-the-client", "client_auth": "body"},
    ],
)
def test_it_refreshes_as_its_flow_does(rotating, tokens, ring, settings):
    oauth = rotating.oauth(**settings)
    oauth.refresh()
    alice = tokens.add("alice", oauth).keep()
    alice.refresh()
    TokenList().recall()["alice"].refresh()
    mine, kept, recalled = map(bare, rotating.refreshes)
    assert mine == kept == recalled


def test_resources_of_one_authorization_request_hold_for_the_refresh(rotating, tokens):
    oauth = rotating.oauth()
    oauth.authorize(params={"resource": "https://d.example"})
    oauth.callback()
    oauth.token()
    tokens.add("alice", oauth).refresh()
    assert rotating.refreshes[-1]["resource"] == ["https://d.example"]


def test_how_the_server_is_reached_is_remembered_in_memory_alone(rotating, tokens, ring, monkeypatch):
    oauth = rotating.oauth(verify=False, allow_hosts=("idp.internal",), step_timeout_s=7)
    alice = tokens.add("alice", oauth).keep()
    reaching = alice.flow.reaching
    assert (reaching["verify"], reaching["step_timeout_s"]) == (False, 7)
    assert "idp.internal" in reaching["allow_hosts"]
    assert tokens.recall()["alice"].flow.reaching == reaching
    assert "idp.internal" not in str(ring.entries)
    monkeypatch.setattr(family, "_LIVING", weakref.WeakSet())  # another session knows nothing of this one
    assert TokenList().recall()["alice"].flow.reaching["verify"] is True


def with_a_key(rotating):
    return rotating.oauth(client_id=None, client=Client("id", private_key=json.dumps(JWK)))


def test_a_private_key_signs_and_is_written_nowhere(rotating, tokens, ring):
    alice = tokens.add("alice", with_a_key(rotating)).keep()
    assert alice.auto_refresh
    assert alice.refresh().exchanges
    assert "client_assertion" in rotating.refreshes[-1]
    assert tokens.recall()["alice"].auto_refresh
    everything = str(ring.entries) + alice.kept.to_text() + alice.kept.without_refresh.to_text()
    assert JWK["d"] not in everything + shown(alice) + repr(alice.means) + str(alice.flow.trace.settings)


def test_without_its_private_key_there_is_no_refresh_and_that_is_shown(rotating, tokens, ring, monkeypatch):
    oauth = with_a_key(rotating)
    tokens.add("alice", oauth).keep()
    monkeypatch.setattr(family, "_LIVING", weakref.WeakSet())  # another session knows nothing of this one
    alice = TokenList().recall()["alice"]
    before = len(rotating.forms)
    assert not alice.auto_refresh
    made = alice._repr_mimebundle_()["text/plain"]
    assert "auto-refresh: not available: its private key is not kept; tokens.add('alice', flow)" in made
    for call in (alice.refresh, lambda: alice.change(auto_refresh=True)):
        with pytest.raises(BadSetting, match="private key is not kept"):
            call()
    alice.flow.now_s = lambda: alice.expires_at_s + 1
    with httpx.Client(auth=alice.auth) as client:
        client.get(f"{rotating.url}/api")
    assert len(rotating.forms) == before


def test_custom_parameters_are_not_shared_without_the_refresh(rotating, tokens, tmp_path):
    key = "a-key-of-my-own-4711"
    tokens.add("alice", rotating.oauth(token_params=[Parameter("X-Api-Key", key, "header")]))
    for with_refresh in (False, True):
        tokens.share("alice", tmp_path / "alice.token", PASSPHRASE, with_refresh=with_refresh)
        taken = TokenList().take(tmp_path / "alice.token", PASSPHRASE, name="hers")
        assert (key in str(taken.kept.parameters)) is with_refresh


def test_an_id_token_is_refreshed_by_its_own_end():
    with Rotating(id_life_s=600) as rotating:
        oauth = rotating.oauth(scope="openid", use="id_token")
        alice = TokenList().add("alice", oauth)
        end = alice.expires_at_s
        assert 500 < alice.expires_in_s <= 600
        assert "expires: in 5" in shown(alice) or "expires: in 600" in shown(alice)
        assert alice.kept.expires_at_s - end > 2900, "what is kept is the end of the access token"
        for flow in (oauth, alice.flow):
            flow.now_s = lambda: end + 1
        with httpx.Client(auth=oauth.auth) as client:
            client.get(f"{rotating.url}/api")
        assert len(rotating.refreshes) == 1
        alice.change(use="access_token")
        assert alice.expires_in_s > 2900


@pytest.mark.parametrize(
    "change",
    [
        {"use": "bogus"},
        {"token_in": "body"},
        {"header_prefix": "two words"},
        {"client_auth": "bogus"},
        {"auto_refresh": "no"},
        {"generation": -1},
        {"generation": True},
        {"audiences": "text"},
        {"access_token": "SECRET-Zk3vQx9hw8\nX-Evil: 1"},
        {"access_token": ""},
        {"id_token": "SECRET-Zk3vQx9hw8\x00"},
    ],
)
def test_what_nobody_wrote_is_not_taken(change):
    told = {**json.loads(Kept("alice", "an-access-token").to_text()), **change}
    with pytest.raises(NotOurs) as caught:
        from_text(json.dumps(told), "it")
    assert "SECRET" not in str(caught.value)
