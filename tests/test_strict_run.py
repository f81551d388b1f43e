"""A strict run with the defaults sends nothing that a correct client would not: judged by what the servers received."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import pytest
from recorder import RESOURCE, Asked, Recorder
from strict_runs import (
    ASM,
    CODE,
    MACHINE,
    PKCE,
    PRM,
    REGISTRATION,
    VERSIONS,
    WAYS,
    Row,
    expected,
    headers,
    is_modern,
    sends_resource,
)
from wire.raw import response

from mcp_oauth_nb import Client, Debugger, DemoServer

ACCEPTED = "application/json, text/event-stream"
META = "io.modelcontextprotocol/"
KNOWN = {"public": "public_client", "confidential": "confidential_client", "client_credentials": "confidential_client"}


@dataclass
class Ran:
    """One whole run, and what the servers received of it."""

    version: str
    way: str
    dbg: Debugger
    recorder: Recorder

    @property
    def rows(self) -> list[tuple[Row, Asked]]:
        return list(zip(expected(self.version, self.way), self.recorder.asked, strict=True))

    @property
    def authorize(self) -> Asked | None:
        return next((one for one in self.recorder.asked if one.path == "/authorize"), None)

    @property
    def token(self) -> Asked:
        return next(one for one in self.recorder.asked if one.path == "/token")

    @property
    def mcp(self) -> list[Asked]:
        return [one for one in self.recorder.asked if one.path == "/mcp"]

    def after_the_token(self) -> list[Asked]:
        return self.recorder.asked[self.recorder.asked.index(self.token) + 1 :]


def debugger(url: str, server: DemoServer, version: str, way: str) -> Debugger:
    """All defaults, but for the version, the client, and a browser that consents without a person."""
    grant = "client_credentials" if way == "client_credentials" else "authorization_code"
    known = getattr(server, KNOWN[way]) if way in KNOWN else None
    client = Client(known.client_id, known.client_secret) if known else None
    return Debugger(url, protocol=version, client=client, grant=grant, browser="follow")


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[bool, DemoServer]]:
    """By whether they want a resource indicator."""
    with DemoServer() as wanting, DemoServer(require_resource=False) as not_wanting:
        yield {True: wanting, False: not_wanting}


@pytest.fixture(scope="module", params=list(product(VERSIONS, WAYS)), ids="-".join)
def ran(request: pytest.FixtureRequest, servers: dict[bool, DemoServer]) -> Iterator[Ran]:
    version, way = request.param
    server = servers[sends_resource(version)]
    with Recorder(server.url, apart=version != "2025-03-26") as recorder:
        dbg = debugger(recorder.url, server, version, way)
        report = dbg.run()
        assert (report.status, report.findings) == ("passed", ())
        yield Ran(version, way, dbg, recorder)


def test_the_requests_are_those_of_the_version_and_no_others(ran: Ran) -> None:
    assert ran.recorder.lines == [row.line for row in expected(ran.version, ran.way)]


def test_what_the_debugger_shows_is_what_was_received(ran: Ran) -> None:
    sent = [one for one in ran.dbg.exchanges if one.direction == "out" and one.response is not None]
    received = [(one.headers, one.body, one.status) for one in ran.recorder.asked]
    assert [(one.request.headers, one.request.body, one.status) for one in sent] == received


def test_every_header_is_one_that_the_request_needs(ran: Ran) -> None:
    token = ran.token
    for row, asked in ran.rows:
        names = [name.lower() for name, _ in asked.headers]
        has_token = asked in ran.after_the_token()
        wanted = headers(ran.version, row, ran.way, has_token=has_token)
        assert sorted(names) == sorted(wanted), f"{row.line}, {'after' if has_token else 'before'} {token.line}"


def test_media_types(ran: Ran) -> None:
    for asked in ran.recorder.asked:
        kinds = {"/mcp": ACCEPTED, "/authorize": "*/*", "/consent": "*/*"}
        assert asked.header("accept") == kinds.get(asked.path, "application/json")
        form = "application/x-www-form-urlencoded" if asked.path == "/token" else "application/json"
        assert asked.header("content-type") == (form if asked.method == "POST" else None)
        assert asked.header("user-agent") == "mcp-oauth-nb/0.1.0"


def test_the_token_goes_to_the_mcp_endpoint_alone_and_there_always(ran: Ran) -> None:
    token = ran.dbg._flow.tokens.access_token
    after = ran.after_the_token()
    assert after == [one for one in ran.mcp if one.header("authorization")]
    assert {one.header("authorization") for one in after} == {f"Bearer {token}"}
    for asked in ran.recorder.asked:
        elsewhere = [value for name, value in asked.headers if (asked not in after or name != "Authorization")]
        assert token not in asked.target + asked.body.decode() + "".join(elsewhere)


def test_nothing_secret_is_in_a_url(ran: Ran) -> None:
    flow = ran.dbg._flow
    facts = (flow.tokens.access_token, flow.tokens.refresh_token, flow.client.secret)
    spent = (flow.code.code, flow.pkce.verifier) if ran.authorize else ()
    secrets = [value for value in (*facts, *spent) if value]
    assert secrets
    assert not [one.line for one in ran.recorder.asked for secret in secrets if secret in one.target]


def test_code_verifier_and_secret_go_to_the_token_endpoint_alone(ran: Ran) -> None:
    flow = ran.dbg._flow
    secrets = [flow.client.secret, flow.code.code if flow.code else None, flow.pkce.verifier if flow.pkce else None]
    for asked in ran.recorder.asked:
        if asked is not ran.token:
            carried = asked.body.decode() + str(asked.headers) + str(asked.basic)
            assert not [secret for secret in secrets if secret and secret in carried]


def test_the_resource_is_sent_as_published_or_not_at_all(ran: Ran) -> None:
    published = ran.recorder.url if sends_resource(ran.version) else None
    sent = [dict(ran.token.form).get("resource")]
    sent += [dict(ran.authorize.query).get("resource")] if ran.authorize else []
    assert set(sent) == {published}
    others = [one for one in ran.recorder.asked if one not in (ran.token, ran.authorize)]
    assert not [one.line for one in others if "resource" in dict(one.query + one.form)]


def test_the_authorization_request(ran: Ran) -> None:
    if ran.way == "client_credentials":
        assert ran.authorize is None, "a machine has no browser"
        return
    names = [name for name, _ in ran.authorize.query]
    sent = dict(ran.authorize.query)
    assert sorted(names) == sorted(PKCE | ({"resource"} if sends_resource(ran.version) else set()))
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert sent["scope"] == "mcp:tools", "the challenged scope, else what the resource lists"
    assert len(sent["state"]) >= 22, "128 bits in base64url"
    verifier = dict(ran.token.form)["code_verifier"]
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert sent["code_challenge"] == hashed
    assert 43 <= len(verifier) <= 128


def test_the_token_request(ran: Ran) -> None:
    names = [name for name, _ in ran.token.form]
    wanted = (MACHINE if ran.way == "client_credentials" else CODE) | ({"resource"} & {*names})
    known = ran.dbg._flow.client
    if ran.way in ("dcr", "public"):
        assert ran.token.basic is None
        assert dict(ran.token.form)["client_id"] == known.client_id
        wanted |= {"client_id"}
    else:
        assert ran.token.basic == (known.client_id, known.secret), "one method of authentication, not two"
    assert sorted(names) == sorted(wanted)
    if ran.authorize:
        assert dict(ran.token.form)["redirect_uri"] == dict(ran.authorize.query)["redirect_uri"]


def test_the_registration_request(ran: Ran) -> None:
    registrations = [one for one in ran.recorder.asked if one.path == "/register"]
    assert len(registrations) == (ran.way == "dcr")
    for one in registrations:
        assert set(one.json) == REGISTRATION
        assert one.json["redirect_uris"] == [dict(ran.authorize.query)["redirect_uri"]]
        assert (one.json["token_endpoint_auth_method"], one.json["application_type"]) == ("none", "native")


def test_the_protocol_version_is_said_where_the_version_says_it(ran: Ran) -> None:
    spoken = "2026-07-28" if is_modern(ran.version) else ran.version
    for asked in ran.recorder.asked:
        said = asked.header("mcp-protocol-version")
        if is_modern(ran.version):
            assert said == (spoken if asked.path == "/mcp" else None)
        elif ran.version == "2025-03-26":
            assert said == (spoken if asked.path == ASM else None)
        else:
            assert said == (spoken if asked.kind in ("notifications/initialized", "tools/list") else None)
        if asked.kind == "initialize":
            assert asked.json["params"]["protocolVersion"] == spoken


def test_sessions_and_requests_complete_in_themselves(ran: Ran) -> None:
    if not is_modern(ran.version):
        sessions = [one.header("mcp-session-id") for one in ran.mcp]
        assert sessions[:2] == [None, None]
        assert sessions[2] and sessions[2:] == [sessions[2]] * 2
        return
    for one in ran.mcp:
        meta = one.json["params"]["_meta"]
        assert meta[f"{META}protocolVersion"] == one.header("mcp-protocol-version")
        assert set(meta) == {f"{META}protocolVersion", f"{META}clientInfo", f"{META}clientCapabilities"}
        assert one.header("mcp-method") == one.json["method"]
        assert one.header("mcp-session-id") is None


def test_two_runs_share_no_secret(servers: dict[bool, DemoServer]) -> None:
    with Recorder(servers[True].url) as recorder:
        for _ in range(2):
            assert debugger(recorder.url, servers[True], "auto", "public").run().status == "passed"
        asked = [dict(one.query) for one in recorder.asked if one.path == "/authorize"]
    assert len({one["state"] for one in asked}) == len({one["code_challenge"] for one in asked}) == 2


@pytest.mark.parametrize("published", ["HTTP://127.0.0.1:{port}/mcp", "http://127.0.0.1:{port}/mcp/"])
@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
def test_a_resource_is_never_tidied(servers: dict[bool, DemoServer], version: str, published: str) -> None:
    """One that only its writing sets apart is usable, and goes out as it was written (RFC 3986 6.2.1)."""

    def publish(asked: Asked) -> bytes | None:
        document = {"resource": named, "authorization_servers": [recorder.issuer], "scopes_supported": ["mcp:tools"]}
        return response(json.dumps(document).encode(), "Content-Type: application/json") if asked.path == PRM else None

    with Recorder(servers[True].url, instead=publish) as recorder:
        named = published.format(port=recorder.origin.rpartition(":")[2])
        debugger(recorder.url, servers[True], version, "public").run()
    authorize = next(one for one in recorder.asked if one.path == "/authorize")
    assert dict(authorize.query)["resource"] == named


def legacy(asked: Asked) -> bytes | None:
    """A server that knows the handshake only, and checks the token before anything else."""
    if asked.kind != "server/discover" or not asked.header("authorization"):
        return None
    return response(b"", status="400 Bad Request")


@pytest.mark.parametrize("way", WAYS)
def test_auto_turns_to_the_handshake_once_a_modern_request_is_refused(
    servers: dict[bool, DemoServer], way: str
) -> None:
    """A client of both sends the modern request first, and initialize after a 4xx that is no modern error."""
    with Recorder(servers[True].url, apart=True, instead=legacy) as recorder:
        assert debugger(recorder.url, servers[True], "auto", way).run().status == "passed"
    modern = [row.line for row in expected("2026-07-28", way)]
    handshake = [row.line for row in expected("2025-11-25", way)][-3:]
    assert recorder.lines == [*modern[:-1], *handshake]


def test_auto_turns_to_the_handshake_before_the_token_where_it_is_told_there(servers: dict[bool, DemoServer]) -> None:
    def first(asked: Asked) -> bytes | None:
        return response(b"", status="400 Bad Request") if asked.kind == "server/discover" else None

    with Recorder(servers[True].url, apart=True, instead=first) as recorder:
        assert debugger(recorder.url, servers[True], "auto", "dcr").run().status == "passed"
    opening = (RESOURCE, "POST", "/mcp", "server/discover")
    assert recorder.lines == [opening, *(row.line for row in expected("2025-11-25", "dcr"))]
    assert len(recorder.of("server/discover")) == 1, "what was told is remembered"


def test_no_cookie_is_kept(servers: dict[bool, DemoServer]) -> None:
    """The only one who keeps cookies is the browser: a client's own requests are no session of anybody's."""

    def baked(asked: Asked) -> bytes | None:
        if asked.path == "/mcp" and not asked.header("authorization"):
            named = f'WWW-Authenticate: Bearer resource_metadata="{recorder.origin}{PRM}"'
            return response(b"", named, "Set-Cookie: sid=secret; Path=/", status="401 Unauthorized")
        if asked.path == "/authorize":
            there = asked.target.replace("/authorize", "/authorize2")
            return response(b"", f"Location: {there}", "Set-Cookie: browser=1; Path=/", status="302 Found")
        return None

    with Recorder(servers[True].url, instead=baked) as recorder:
        debugger(recorder.url, servers[True], "2025-11-25", "public").run()
    cookies = {one.path: one.header("cookie") for one in recorder.asked if one.header("cookie")}
    assert cookies == {"/authorize2": "browser=1"}
