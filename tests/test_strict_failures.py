"""A strict run stops where its protocol version says stop, judged by what arrived; nothing is asked without end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from recorder import AUTHORIZATION, RESOURCE, Asked, Recorder
from strict_runs import ASM, PRM, VERSIONS, expected, is_modern, sends_resource
from test_strict_run import debugger
from wire.raw import response

from mcp_oauth_nb import Debugger, DemoServer
from mcp_oauth_nb.demo.faults import FAULTS
from mcp_oauth_nb.protocol.probes import PROBES

OIDC = "/.well-known/openid-configuration"
ROOT = "/.well-known/oauth-protected-resource"
LATER = VERSIONS[1:]
JSON = "Content-Type: application/json"
MOST_AUTHORIZATIONS = 3

LAST = {
    "no-challenge": "",
    "wrong-resource": PRM,
    "metadata-html": OIDC,
    "issuer-mismatch": OIDC,
    "no-s256": ASM,
    "registration-refused": "/register",
    "access-denied": "/consent",
    "wrong-state": "/consent",
    "code-expired": "/token",
    "token-endpoint-502": "/token",
    "token-rejected": "/mcp",
}
"""By fault of the demo server, the path of the last request; empty where a client goes on to the end."""

OLDER = {
    "2025-03-26": {
        "wrong-resource": ("", "there is no such document in this version"),
        "no-s256": ("", "PKCE support need not be announced in this version"),
        "issuer-mismatch": ("/consent", "the issuer was told by nobody; `iss` in the redirect is then another one"),
        "metadata-html": (ASM, "one candidate only"),
    },
    "2025-06-18": {
        "no-s256": ("", "PKCE support need not be announced in this version"),
        "issuer-mismatch": (ASM, "one candidate only"),
        "metadata-html": (ASM, "one candidate only"),
    },
}
"""Where an older version ends elsewhere, and why."""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer() as running:
        yield running


def paths(recorder: Recorder) -> list[str]:
    return [one.path for one in recorder.asked]


def run(recorder: Recorder, server: DemoServer, version: str, way: str = "dcr") -> Debugger:
    dbg = debugger(recorder.url, server, version, way)
    dbg.run()
    return dbg


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", LAST)
def test_a_fault_of_the_server_ends_the_run(version: str, fault: str) -> None:
    ordinary = [row.path for row in expected(version, "dcr")]
    last = LAST[fault]
    if fault in OLDER.get(version, {}):
        last = OLDER[version][fault][0]
    with DemoServer(fault, require_resource=sends_resource(version)) as server, Recorder(server.url) as recorder:
        run(recorder, server, version)
    if not last:
        assert paths(recorder) == ordinary
    elif last == OIDC:
        assert paths(recorder) == [*ordinary[: ordinary.index(ASM) + 1], OIDC], "the second candidate, and no third"
    elif last == "/mcp":
        assert paths(recorder) == ordinary[: ordinary.index("/token") + 2], "one request with the token, no second try"
    else:
        assert paths(recorder) == ordinary[: ordinary.index(last) + 1]


def test_every_step_before_the_refresh_is_covered() -> None:
    later = ("call", "refresh", "replay", "revoke", "revoked", *PROBES)
    early = {fault.phase for fault in FAULTS.values() if fault.phase not in later}
    of_the_asker = {"authorize"}  # a fault of what is asked, which no server has
    assert {FAULTS[name].phase for name in LAST} == early - of_the_asker


class TestNothingIsThere:
    """A bare 401, and 404 for everything else."""

    @staticmethod
    def bare(asked: Asked) -> bytes | None:
        return response(b"", status="401 Unauthorized" if asked.path == "/mcp" else "404 Not Found")

    @pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28", "draft"])
    def test_both_well_known_urls_and_no_more(self, server: DemoServer, version: str) -> None:
        with Recorder(server.url, instead=self.bare) as recorder:
            assert run(recorder, server, version).trace.runs[-1].step == "resource_metadata"
        assert paths(recorder) == ["/mcp", PRM, ROOT]

    @pytest.mark.parametrize(("version", "tried"), [("2025-03-26", []), ("auto", [PRM, ROOT])])
    def test_the_oldest_version_has_default_endpoints(self, server: DemoServer, version: str, tried: list[str]) -> None:
        """Without metadata 2025-03-26 registers at /register; `auto` takes such a server for one of that version."""
        with Recorder(server.url, instead=self.bare) as recorder:
            assert run(recorder, server, version).trace.runs[-1].step == "register"
        assert paths(recorder) == ["/mcp", *tried, ASM, "/register"]

    def test_the_default_authorization_endpoint(self, server: DemoServer) -> None:
        with Recorder(server.url, instead=self.bare) as recorder:
            assert run(recorder, server, "2025-03-26", "public").trace.runs[-1].step == "callback"
        assert paths(recorder) == ["/mcp", ASM, "/authorize"]

    @pytest.mark.parametrize("version", VERSIONS)
    def test_not_even_a_401(self, server: DemoServer, version: str) -> None:
        def nothing(asked: Asked) -> bytes:
            return response(b"", status="404 Not Found")

        with Recorder(server.url, instead=nothing) as recorder:
            assert run(recorder, server, version).diagnose().failing_step == "challenge"
        kinds = ["server/discover", "initialize"] if version == "auto" else [expected(version, "dcr")[0].kind]
        assert [one.kind for one in recorder.asked] == kinds


@pytest.mark.parametrize("version", LATER)
@pytest.mark.parametrize(
    ("tenant", "new"),
    [
        ("", [ASM, OIDC]),
        ("/a/b", [f"{ASM}/a/b", f"{OIDC}/a/b", f"/a/b{OIDC}"]),
        ("/a/", [f"{ASM}/a", f"{OIDC}/a", f"/a{OIDC}"]),
    ],
)
def test_candidates_for_an_issuer(server: DemoServer, version: str, tenant: str, new: list[str]) -> None:
    """RFC 8414 alone in 2025-06-18; an issuer with a path gets no request at the root in any version."""

    def named(asked: Asked) -> bytes | None:
        if asked.path == PRM:
            document = {"resource": recorder.url, "authorization_servers": [recorder.issuer + tenant]}
            return response(json.dumps(document).encode(), JSON)
        return response(b"", status="404 Not Found") if asked.path != "/mcp" else None

    with Recorder(server.url, apart=True, instead=named) as recorder:
        run(recorder, server, version)
    assert paths(recorder)[:2] == ["/mcp", PRM]
    assert [one.path for one in recorder.to(AUTHORIZATION)] == (new[:1] if version == "2025-06-18" else new)


@pytest.mark.parametrize("version", LATER)
@pytest.mark.parametrize("how", ["404", "other"])
def test_a_named_metadata_url_has_no_second(server: DemoServer, version: str, how: str) -> None:
    """Where the challenge names the URL, the well-known ones are not tried when it fails."""

    def named(asked: Asked) -> bytes | None:
        if asked.path == "/mcp":
            challenge = f'WWW-Authenticate: Bearer resource_metadata="{recorder.origin}/here"'
            return response(b"", challenge, status="401 Unauthorized")
        if how == "other":
            return response(json.dumps({"resource": "https://other.example/mcp"}).encode(), JSON)
        return response(b"", status="404 Not Found")

    with Recorder(server.url, instead=named) as recorder:
        run(recorder, server, version)
    assert paths(recorder) == ["/mcp", "/here"]


@pytest.mark.parametrize("version", LATER)
@pytest.mark.parametrize("back", [{"iss": "https://other.example"}, {"iss": None}, {"state": "x" * 22}, {"code": None}])
def test_a_wrong_redirect_is_never_redeemed(server: DemoServer, version: str, back: dict[str, str | None]) -> None:
    def consent(asked: Asked) -> bytes | None:
        if asked.path != "/authorize":
            return None
        sent = dict(asked.query)
        answer = {"code": "the-code", "state": sent["state"], "iss": recorder.issuer} | back
        query = urlencode({name: value for name, value in answer.items() if value is not None})
        return response(b"", f"Location: {sent['redirect_uri']}?{query}", status="302 Found")

    with Recorder(server.url, apart=True, instead=consent) as recorder:
        assert run(recorder, server, version).trace.runs[-1].step == "callback"
    assert paths(recorder)[-1] == "/authorize"


class Never:
    """An authorization server that grants everything, and an MCP server whose tools are never content."""

    def __init__(self, refuse: Callable[[int], bytes]) -> None:
        self._refuse, self.refused = refuse, 0
        self.recorder: Recorder | None = None

    def __call__(self, asked: Asked) -> bytes | None:
        sent = dict(asked.query)
        if asked.path == "/authorize":
            query = urlencode({"code": f"code-{len(paths(self.recorder))}", "state": sent["state"]})
            back = f"{query}&iss={self.recorder.issuer}"
            return response(b"", f"Location: {sent['redirect_uri']}?{back}", status="302 Found")
        if asked.path == "/token":
            token = {"access_token": f"token-{len(paths(self.recorder))}", "token_type": "Bearer", "expires_in": 60}
            return response(json.dumps(token).encode(), JSON, "Cache-Control: no-store")
        if asked.path == "/mcp" and asked.header("authorization"):
            return self._mcp(asked)
        return None

    def _mcp(self, asked: Asked) -> bytes:
        if asked.kind == "tools/list":
            self.refused += 1
            return self._refuse(self.refused)
        if asked.kind == "notifications/initialized":
            return response(b"", status="202 Accepted")
        result: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}, "supportedVersions": []}
        return response(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode(), JSON)


def refused_without_end(server: DemoServer, version: str, refuse: Callable[[int], bytes]) -> Recorder:
    never = Never(refuse)
    with Recorder(server.url, apart=version != "2025-03-26", instead=never) as recorder:
        never.recorder = recorder
        run(recorder, server, version)
    assert len([one for one in recorder.asked if one.path == "/register"]) == 1
    asked = [one for one in recorder.asked if one.path == "/authorize"]
    assert len({dict(one.query)["state"] for one in asked}) == len(asked)
    return recorder


def insufficient(scope: str) -> bytes:
    challenge = f'WWW-Authenticate: Bearer error="insufficient_scope", scope="{scope}"'
    return response(b"", challenge, status="403 Forbidden")


def scopes(recorder: Recorder) -> list[str | None]:
    return [dict(one.query).get("scope") for one in recorder.asked if one.path == "/authorize"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_step_up_is_made_once_for_one_scope(server: DemoServer, version: str) -> None:
    recorder = refused_without_end(server, version, lambda _: insufficient("mcp:write"))
    both = "mcp:tools mcp:write" if is_modern(version) else "mcp:write"
    assert scopes(recorder) == ["mcp:tools", both]
    assert len(recorder.of("tools/list")) == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_no_step_up_to_what_was_asked_for(server: DemoServer, version: str) -> None:
    """The same scope set again cannot end in anything else."""
    recorder = refused_without_end(server, version, lambda _: insufficient("mcp:tools"))
    assert scopes(recorder) == ["mcp:tools"]
    assert len(recorder.of("tools/list")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_step_ups_end_even_where_the_scope_is_another_each_time(server: DemoServer, version: str) -> None:
    recorder = refused_without_end(server, version, lambda times: insufficient(f"mcp:more-{times}"))
    assert len(scopes(recorder)) == len(recorder.of("tools/list")) == MOST_AUTHORIZATIONS
    assert len(recorder.of("authorization_code")) == MOST_AUTHORIZATIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_401_without_end_ends(server: DemoServer, version: str) -> None:
    """A token that worked and is refused is got afresh, from the metadata on; that, too, a few times only."""
    unknown = response(b"", 'WWW-Authenticate: Bearer error="invalid_token"', status="401 Unauthorized")
    recorder = refused_without_end(server, version, lambda _: unknown)
    assert len(scopes(recorder)) == len(recorder.of("tools/list")) == MOST_AUTHORIZATIONS
    assert len(recorder.asked) < 30


@pytest.mark.parametrize("version", VERSIONS)
def test_403_without_a_scope_challenge_is_the_end(server: DemoServer, version: str) -> None:
    recorder = refused_without_end(server, version, lambda _: response(b"", status="403 Forbidden"))
    assert recorder.asked[-1].line == (RESOURCE, "POST", "/mcp", "tools/list")
    assert len(scopes(recorder)) == len(recorder.of("tools/list")) == 1
