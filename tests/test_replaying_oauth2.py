"""`replay` of a plain OAuth 2.0 API: the same run again, and what no evidence holds asked for by its argument."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from leaks import assert_no_leak

from mcp_oauth_nb import BadSetting, Client, OAuth2, PlainServer, replay
from mcp_oauth_nb.errors import McpOAuthError
from mcp_oauth_nb.evidence.restore_oauth2 import oauth2_settings_of
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.views.replayed import Replayed

SECRET = "Qw82nZp0Lx71vBt5Rk3d"


@pytest.fixture(scope="module")
def server() -> Iterator[PlainServer]:
    with PlainServer() as running:
        yield running


def ran(server: PlainServer, **settings: Any) -> OAuth2:
    known: dict[str, Any] = {"client_id": server.client_id, "client_secret": server.client_secret, "browser": "follow"}
    flow = OAuth2(**server.endpoints, api_url=server.api_url, **{**known, **settings})
    flow.run()
    return flow


def sent(made: OAuth2 | Replayed, step: str) -> Exchange:
    return next(one for one in made.trace.exchanges if one.step == step)


FLOWS: dict[str, dict[str, Any]] = {
    "code with PKCE": {"scope": "read"},
    "code without PKCE": {"grant": "authorization_code", "client_auth": "body"},
    "plain challenge": {"pkce_method": "plain"},
    "client credentials": {"grant": "client_credentials", "audience": ["https://a.example", "https://b.example"]},
    "custom parameters": {
        "authorization_params": {"prompt": "consent", "login_hint": "a b&c"},
        "token_params": [Parameter("tenant", "t1"), Parameter("v", "3", "url")],
        "resource": "https://api.example/",
    },
}


@pytest.mark.parametrize("name", FLOWS)
def test_the_same_run_again(server: PlainServer, name: str, tmp_path: Path) -> None:
    flow = ran(server, **FLOWS[name])
    path = flow.save(tmp_path / "run.json")
    with pytest.raises(BadSetting, match=r"replay\(client_secret=\).*client_secret=getpass\(\)"):
        replay(path)
    for again in (replay(path, client_secret=server.client_secret), replay(flow)):
        assert isinstance(again.dbg, OAuth2)
        assert again.comparison.first is None
        assert again.notes == ()
        assert [run.step for run in again.trace.runs] == [run.step for run in flow.trace.runs]
        assert_no_leak([*render(again).values(), repr(again)], [server.client_secret])
        kept = ("grant", "pkce", "scope", "resource", "audience", "custom parameters", "client authentication")
        for setting in kept:
            assert again.trace.settings.get(setting) == flow.trace.settings.get(setting)


def test_custom_parameters_go_where_they_went(server: PlainServer, tmp_path: Path) -> None:
    path = ran(server, **FLOWS["custom parameters"]).save(tmp_path / "run.json")
    again = replay(path, client_secret=server.client_secret)
    asked, token = sent(again, "authorize"), sent(again, "token")
    assert (asked.request.query["prompt"], asked.request.query["login_hint"]) == ("consent", "a b&c")
    assert (token.request.form["tenant"], token.request.query["v"]) == ("t1", "3")


def test_a_client_in_the_place_of_its_parts(server: PlainServer, tmp_path: Path) -> None:
    path = ran(server).save(tmp_path / "run.json")
    again = replay(path, client=Client(server.client_id, secret=server.client_secret))
    assert again.comparison.first is None


def test_a_custom_parameter_with_a_secret_is_given_anew(server: PlainServer, tmp_path: Path) -> None:
    given = {"api_key": SECRET, "tenant": "t1"}
    path = ran(server, token_params=given).save(tmp_path / "run.json")
    with pytest.raises(BadSetting, match=r"replay\(token_params=\).*api_key, tenant") as caught:
        replay(path, client_secret=server.client_secret)
    assert SECRET not in str(caught.value)
    again = replay(path, client_secret=server.client_secret, token_params=given)
    assert again.comparison.first is None
    assert sent(again, "token").request.form["api_key"] == SECRET


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"grant": "password", "username": "u"}, "password"),
        ({"client authentication": "private_key_jwt"}, "client"),
        ({"grant": "implicit", "response_type": "id_token token"}, "nonce"),
        ({"token_url": "https://user:p4ssw0rd-1@a.example/t"}, "token_url"),
        ({"custom headers": "X-Api-Key"}, "headers"),
        ({"redirect_uri": "https://evil.example/cb"}, "redirect_uri"),
        ({"verify": "off"}, "verify"),
    ],
)
def test_what_no_file_decides(settings: dict[str, str], argument: str) -> None:
    restored = oauth2_settings_of(Trace(settings=settings))
    assert argument in {one.argument for one in restored.missing}
    assert "p4ssw0rd" not in str(restored.missing)


def test_an_access_token_by_hand(server: PlainServer, tmp_path: Path) -> None:
    tokens = ran(server).tokens
    assert tokens is not None
    flow = OAuth2(api_url=server.api_url, access_token=tokens.access_token)
    flow.api()
    path = flow.save(tmp_path / "run.json")
    with pytest.raises(BadSetting, match=r"replay\(access_token=\)"):
        replay(path)
    assert replay(path, access_token=tokens.access_token).comparison.first is None


def test_a_request_that_was_typed_is_not_made_again(server: PlainServer) -> None:
    flow = ran(server)
    flow.request("POST", json={"a": 1})
    again = replay(flow)
    assert [one.request.method for one in again.trace.exchanges if one.step == "api"] == []
    assert any("dbg.request(...)" in note for note in again.notes)


def test_another_server_is_not_shown_the_secrets_of_this_one(server: PlainServer) -> None:
    flow = ran(server)
    with PlainServer() as other, pytest.raises(BadSetting, match=r"replay\(client_secret=\)"):
        replay(flow, **other.endpoints)


def test_mistakes(server: PlainServer) -> None:
    flow = ran(server)
    with pytest.raises(BadSetting, match=r"replay\(url\).*token_url="):
        replay(flow, "https://a.example/mcp")
    with pytest.raises(BadSetting, match=r"got 'protocol'; expected one of .*token_url"):
        replay(flow, protocol="2025-06-18")


@pytest.mark.parametrize(
    "name", ["grant", "pkce", "client_id", "token_url", "header_prefix", "custom parameters", "use"]
)
def test_a_strangers_settings_end_in_no_traceback(server: PlainServer, tmp_path: Path, name: str) -> None:
    path = ran(server).save(tmp_path / "run.json")
    document = json.loads(path.read_text())
    for value in ("http://[::1/", "", "\ud800", "javascript:alert(1)", "state,a\nb"):
        document["settings"][name] = value
        path.write_text(json.dumps(document))
        with contextlib.suppress(McpOAuthError):  # anything else is a traceback from the depths
            assert replay(path, client_secret=server.client_secret).report.status
