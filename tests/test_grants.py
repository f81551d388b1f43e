"""Grants, keys and DPoP as a cell uses them: settings, routes, evidence, and nothing secret in any of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest
from factories import jwt
from joserfc import jwk
from keys import JWK, claims_of, header_of
from leaks import assert_no_leak, shown

from mcp_oauth_nb import BadSetting, Client, Debugger, Enterprise, FlowRunner, diagnose
from mcp_oauth_nb.demo import DemoServer
from mcp_oauth_nb.evidence.restore import settings_of
from mcp_oauth_nb.protocol.grants import ID_JAG, TOKEN_EXCHANGE
from mcp_oauth_nb.records import Request, Response
from mcp_oauth_nb.wire.http import Sent

URL, ISSUER, IDP = "https://mcp.example.com/mcp", "https://as.example.com", "https://idp.example.com/token"
PEM = jwk.import_key(JWK).as_pem(private=True).decode()
CONFIDENTIAL = Client("the-client", "s3cret-Zk81-value-Qp")
BY_KEY = Client("the-client", private_key=PEM)
ID_TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWlk"
JAG = jwt(
    {"alg": "ES256", "typ": "oauth-id-jag+jwt"},
    iss="https://idp.example.com",
    sub="alice",
    aud=ISSUER,
    resource=URL,
    client_id="the-client",
    jti="jag",
    exp=4102444800,
    iat=1767225600,
)
ENTERPRISE = Enterprise(IDP, "idp-client", ID_TOKEN, idp_client_secret="idp-s3cret-Wq19-value")
FOREIGN = "dpop-algorithms-foreign"
ACCESS = "at-Jw81kd93Kfl20dkWPq"


class Servers:
    """Stands in for the wire: an MCP server, its authorization server and an identity provider."""

    def __init__(
        self,
        *,
        token_type: str = "Bearer",
        nonce: str = "",
        algorithms: str = "",
        published: list[str] | None = None,
        refuses_proofs: bool = False,
        **metadata: Any,
    ) -> None:
        self.token_type, self.nonce, self.metadata = token_type, nonce, metadata
        self.algorithms, self.published, self.refuses_proofs = algorithms, published, refuses_proofs
        self.requests: list[Request] = []

    def send(self, request: Request, *, answer_id: object = None, opening: bool = False) -> Sent:
        self.requests.append(request)
        status, headers, body = self._answer(request)
        if body is not None:
            headers = (*headers, ("Content-Type", "application/json"), ("Cache-Control", "no-store"))
        raw = b"" if body is None else json.dumps(body).encode()
        return Sent(request, Response(status, "", headers, raw), None, datetime.now(UTC), 1.0)

    def _answer(self, request: Request) -> tuple[int, tuple[tuple[str, str], ...], Any]:
        if "oauth-protected-resource" in request.url:
            taken = {} if self.published is None else {"dpop_signing_alg_values_supported": self.published}
            return 200, (), {"resource": URL, "authorization_servers": [ISSUER], "scopes_supported": ["a"], **taken}
        if "oauth-authorization-server" in request.url:
            published = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token", "response_types_supported": []}
            return 200, (), published | self.metadata
        if request.url in (IDP, f"{ISSUER}/token"):
            return self._token(request)
        return self._mcp(request)

    def _token(self, request: Request) -> tuple[int, tuple[tuple[str, str], ...], Any]:
        if form_of(request)["grant_type"] == TOKEN_EXCHANGE:
            return 200, (), {"access_token": JAG, "issued_token_type": ID_JAG, "token_type": "N_A"}
        if self.refuses_proofs:
            return 400, (), {"error": "invalid_dpop_proof"}
        if self._lacks_nonce(request):
            return 400, (("DPoP-Nonce", self.nonce),), {"error": "use_dpop_nonce"}
        return 200, (), {"access_token": ACCESS, "token_type": self.token_type, "expires_in": 60}

    def _mcp(self, request: Request) -> tuple[int, tuple[tuple[str, str], ...], Any]:
        scheme = request.header("authorization") or ""
        if not scheme:
            where = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
            dpop = f', DPoP algs="{self.algorithms}"' if self.algorithms else ""
            return 401, (("WWW-Authenticate", f'Bearer resource_metadata="{where}", scope="a"{dpop}'),), {}
        if self._lacks_nonce(request):
            challenge = ("WWW-Authenticate", 'DPoP error="use_dpop_nonce"')
            return 401, (challenge, ("DPoP-Nonce", self.nonce)), {}
        message = json.loads(request.body)
        if "id" not in message:
            return 202, (), None
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
        answers = {"initialize": result, "tools/list": {"tools": []}}
        return 200, (), {"jsonrpc": "2.0", "id": message["id"], "result": answers[message["method"]]}

    def _lacks_nonce(self, request: Request) -> bool:
        sent = request.header("dpop")
        return bool(self.nonce and sent and claims_of(sent).get("nonce") != self.nonce)


def form_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def debugger(servers: Servers, **settings: Any) -> Debugger:
    dbg = Debugger(URL, protocol="2025-11-25", **settings)
    dbg._driver.wire.send = servers.send
    return dbg


CASES: dict[str, tuple[Servers, dict[str, Any]]] = {
    "secret": (Servers(), {"grant": "client_credentials", "client": CONFIDENTIAL}),
    "key": (Servers(), {"grant": "client_credentials", "client": BY_KEY}),
    "workload": (Servers(), {"grant": "jwt_bearer", "client": Client("c"), "assertion": ID_TOKEN}),
    "enterprise": (Servers(), {"grant": "enterprise", "client": CONFIDENTIAL, "enterprise": ENTERPRISE}),
    "dpop": (
        Servers(token_type="DPoP", nonce="nonce-Kq82jd01"),
        {"grant": "client_credentials", "client": BY_KEY, "dpop": True},
    ),
}


@pytest.fixture(params=CASES)
def case(request) -> Debugger:
    servers, settings = CASES[request.param]
    servers.requests.clear()
    dbg = debugger(servers, **settings)
    dbg.servers = servers
    return dbg


class TestFlows:
    def test_passes_without_a_finding(self, case: Debugger) -> None:
        report = case.run()
        assert report.status == "passed", [run.stopped for run in case.trace.runs]
        assert [run.step for run in case.trace.runs] == [
            "challenge",
            "resource_metadata",
            "server_metadata",
            "register",
            "token",
            "mcp",
        ]
        assert report.findings == ()
        assert diagnose(case.trace).status == "passed"
        assert case.again().grant == case.grant

    def test_nothing_secret_is_shown(self, case: Debugger) -> None:
        case.run()
        signed = [
            value
            for request in case.servers.requests
            for value in (request.header("dpop"), form_of(request).get("client_assertion"))
            if value
        ]
        lines = PEM.splitlines()[1:-1]
        secrets = [*lines, JWK["d"], ID_TOKEN, JAG, ACCESS, CONFIDENTIAL.secret, ENTERPRISE.idp_client_secret, *signed]
        texts = list(shown(case))
        assert_no_leak(texts, secrets)
        assert_no_leak([repr(BY_KEY), repr(ENTERPRISE), str(BY_KEY.shown())], secrets)

    def test_a_key_that_is_echoed_is_hidden(self) -> None:
        dbg = debugger(Servers(), grant="client_credentials", client=BY_KEY)
        for line in PEM.splitlines()[1:-1]:
            assert line not in dbg._vault.mask(f"the server says {line}.")
        by_jwk = debugger(Servers(), grant="client_credentials", client=Client("c", private_key=json.dumps(JWK)))
        assert JWK["d"] not in by_jwk._vault.mask(f"d={JWK['d']}")

    def test_every_proof_is_fresh(self) -> None:
        servers, settings = CASES["dpop"]
        servers.requests.clear()
        debugger(servers, **settings).run()
        proofs = [claims_of(one.header("dpop")) for one in servers.requests if one.header("dpop")]
        assert len({one["jti"] for one in proofs}) == len(proofs) >= 6
        assert sum(one.get("nonce") is None for one in proofs) == 2, "one try without nonce at each server"
        assert {one["htu"] for one in proofs} == {URL, f"{ISSUER}/token"}

    def test_a_bearer_answer_to_a_proof(self) -> None:
        servers = Servers()
        dbg = debugger(servers, grant="client_credentials", client=CONFIDENTIAL, dpop=True)
        report = dbg.run()
        assert [finding.rule for finding in report.findings] == ["token-not-bound"]
        assert servers.requests[-1].header("authorization") == f"Bearer {ACCESS}"

    def test_dpop_that_was_not_asked_for_is_a_finding(self) -> None:
        dbg = debugger(Servers(token_type="DPoP"), grant="client_credentials", client=CONFIDENTIAL)
        assert "token-answer-invalid" in [finding.rule for finding in dbg.run().findings]

    def test_a_refusal_by_the_identity_provider_is_told_as_such(self) -> None:
        servers, settings = CASES["enterprise"]
        dbg = debugger(servers, **settings)
        refused = Servers()
        refused._token = lambda _: (400, (), {"error": "invalid_grant"})
        dbg._driver.wire.send = refused.send
        report = dbg.run()
        assert report.failing_step == "token"
        assert "identity provider refused the grant with error=" in report.cause.summary

    def test_a_nonce_that_is_never_accepted(self) -> None:
        servers = Servers(token_type="DPoP", nonce="n-1")
        servers._lacks_nonce = lambda _: True
        report = debugger(servers, grant="client_credentials", client=CONFIDENTIAL, dpop=True).run()
        assert [finding.rule for finding in report.findings] == ["token-refused"]
        assert len(servers.requests) == 5, "two tries at the token endpoint, no more"

    def test_what_was_shown_for_long_is_signed_anew(self, monkeypatch) -> None:
        servers, settings = CASES["key"]
        dbg = debugger(servers, **settings)
        for name in ("challenge", "resource_metadata", "server_metadata", "register"):
            getattr(dbg, name)()
        shown_first = form_of(dbg.begin("token").preview)["client_assertion"]
        soon, late = dbg.begin("token"), dbg.begin("token")
        previews = [form_of(one.preview)["client_assertion"] for one in (soon, late)]
        assert shown_first not in previews
        dbg.finish(soon)
        assert form_of(servers.requests[-1])["client_assertion"] == previews[0]
        monkeypatch.setattr("mcp_oauth_nb.wire.driver.STALE_S", -1.0)
        dbg.finish(late)
        assert form_of(servers.requests[-1])["client_assertion"] not in previews

    def test_the_settings_say_it(self) -> None:
        servers, settings = CASES["dpop"]
        told = debugger(servers, **settings).trace.settings
        assert (told["grant"], told["dpop"]) == ("client_credentials", "key made for this run, ES256")
        assert {"grant", "dpop"}.isdisjoint(Debugger(URL).trace.settings)


def proofs(servers: Servers) -> list[str]:
    """The algorithms of all proofs that were sent, all of them with one key."""
    sent = [header_of(value) for one in servers.requests if (value := one.header("dpop"))]
    assert len({json.dumps(one["jwk"], sort_keys=True) for one in sent}) <= 1
    return [one["alg"] for one in sent]


class TestAlgorithmOfProofs:
    """What the servers list decides, unless the user does."""

    USUAL: ClassVar[dict[str, Any]] = {"grant": "client_credentials", "client": CONFIDENTIAL}

    @pytest.mark.parametrize(
        ("listed", "algorithm"),
        [
            (["ES256", "RS256"], "ES256"),
            (["RS256", "PS256"], "PS256"),
            (["RS256"], "RS256"),
            (["EdDSA"], "EdDSA"),
            (["Ed25519", "ES256K"], "Ed25519"),
            (["ES512", "HS256"], "ES512"),
            ([], "ES256"),
            ("PS256", "ES256"),
        ],
    )
    def test_is_one_that_the_authorization_server_lists(self, listed: Any, algorithm: str) -> None:
        servers = Servers(token_type="DPoP", dpop_signing_alg_values_supported=listed)
        dbg = debugger(servers, dpop=True, **self.USUAL)
        dbg.run()
        assert all(run.achieved for run in dbg.trace.runs)
        assert set(proofs(servers)) == {algorithm}
        assert dbg.trace.settings["dpop"] == f"key made for this run, {algorithm}"
        assert settings_of(dbg.trace).settings["dpop"] is True

    @pytest.mark.parametrize(("challenged", "published"), [("PS256 RS256", None), ("", ["RS256", "ES384"])])
    def test_is_one_that_the_mcp_server_takes_too(self, challenged: str, published: list[str] | None) -> None:
        servers = Servers(
            token_type="DPoP",
            algorithms=challenged,
            published=published,
            dpop_signing_alg_values_supported=["ES256", "RS256"],
        )
        assert debugger(servers, dpop=True, **self.USUAL).run().status == "passed"
        assert set(proofs(servers)) == {"RS256"}

    @pytest.mark.parametrize(("listed", "who"), [(["ES256K"], "client"), (["HS256", "none"], "authorization server")])
    def test_none_in_common_is_the_end_before_anybody_signs_in(self, listed: list[str], who: str) -> None:
        servers = Servers(dpop_signing_alg_values_supported=listed)
        report = debugger(servers, dpop=True, **self.USUAL).run()
        assert (report.failing_step, report.cause.rule, report.cause.who) == ("server_metadata", FOREIGN, who)
        assert not proofs(servers)
        debugger(servers, dpop=True, on_violation="continue", **self.USUAL).run()
        assert set(proofs(servers)) == {"ES256"}

    def test_two_servers_that_agree_on_none(self) -> None:
        servers = Servers(algorithms="ES384", dpop_signing_alg_values_supported=["ES256"])
        cause = debugger(servers, dpop=True, **self.USUAL).run().cause
        assert (cause.rule, cause.expected, cause.observed) == (FOREIGN, "one of ES256", '["ES384"]')

    @pytest.mark.parametrize("listed", [["ES256"], ["ES256K"], None])
    def test_is_the_one_that_the_user_names(self, listed: list[str] | None) -> None:
        servers = Servers(token_type="DPoP", dpop_signing_alg_values_supported=listed)
        dbg = debugger(servers, dpop="PS256", **self.USUAL)
        dbg.run()
        assert all(run.achieved for run in dbg.trace.runs)
        assert set(proofs(servers)) == {"PS256"}
        assert settings_of(dbg.trace).settings["dpop"] == "PS256"

    @pytest.mark.parametrize("listed", [["ES256"], ["PS256", "ES256"]])
    def test_a_refused_one_that_is_not_listed_is_a_finding(self, listed: list[str]) -> None:
        servers = Servers(refuses_proofs=True, dpop_signing_alg_values_supported=listed)
        cause = debugger(servers, dpop="PS256", **self.USUAL).run().cause
        unlisted = "PS256" not in listed
        assert (cause.rule == "dpop-algorithm-unlisted", cause.who == "user") == (unlisted, unlisted)


class TestScripts:
    def test_are_bash(self, case: Debugger) -> None:
        case.run()
        bash = shutil.which("bash")
        assert bash, "needs bash"
        assert subprocess.run([bash, "-n"], input=str(case.curl()), text=True, check=False).returncode == 0

    def test_say_what_they_cannot_sign(self) -> None:
        servers, settings = CASES["dpop"]
        dbg = debugger(servers, **settings)
        dbg.run()
        script = str(dbg.curl())
        assert "# DPoP was signed for this request alone" in script
        assert "# client_assertion was signed for this request alone" in script
        assert "set SECRET_CLIENT_ASSERTION in the environment" in script
        assert "cannot run unattended" in script
        assert "Authorization: DPoP ${ACCESS_TOKEN}" in script.replace('"', "").replace("'", "")

    def test_pass_the_grant_of_the_identity_provider_on(self) -> None:
        servers, settings = CASES["enterprise"]
        dbg = debugger(servers, **settings)
        dbg.run()
        script = str(dbg.curl())
        needed = [line for line in script.splitlines() if "in the environment" in line]
        assert 'ID_JAG="$(member access_token)"' in script
        assert not any("ID_JAG" in line or "ACCESS_TOKEN" in line for line in needed)
        assert {name for name in ("IDP_CLIENT_SECRET", "CLIENT_SECRET", "SUBJECT_TOKEN") if name in str(needed)} == {
            "IDP_CLIENT_SECRET",
            "CLIENT_SECRET",
            "SUBJECT_TOKEN",
        }


class TestDemo:
    def test_client_credentials(self) -> None:
        with DemoServer() as server:
            known = server.confidential_client
            client = Client(known.client_id, known.client_secret)
            dbg = Debugger(server.url, grant="client_credentials", client=client)
            report = dbg.run(afterwards=True)
            assert report.status == "passed", [run.stopped for run in dbg.trace.runs]
            assert [run.step for run in dbg.trace.runs][-2:] == ["revoke", "revoked"]
            assert report.findings == ()
            assert_no_leak(shown(dbg), server.secrets_issued())

    def test_the_runner_takes_the_same_route(self) -> None:
        runner = FlowRunner(URL, grant="client_credentials", client=CONFIDENTIAL)
        assert runner.route[-2:] == ("token", "mcp")
        assert "pkce" not in runner.route


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "named"),
        [
            ({"grant": "password"}, "grant"),
            ({"grant": None}, "grant"),
            ({"grant": "client_credentials"}, "client"),
            ({"grant": "client_credentials", "client": Client("c")}, "client"),
            ({"grant": "client_credentials", "client": CONFIDENTIAL, "registration": "dcr"}, "client"),
            ({"grant": "jwt_bearer", "client": CONFIDENTIAL}, "assertion"),
            ({"grant": "jwt_bearer", "client": CONFIDENTIAL, "assertion": b"x"}, "assertion"),
            ({"assertion": ID_TOKEN}, "assertion"),
            ({"grant": "enterprise", "client": CONFIDENTIAL}, "enterprise"),
            ({"grant": "enterprise", "client": CONFIDENTIAL, "enterprise": {"a": 1}}, "enterprise"),
            ({"enterprise": ENTERPRISE}, "enterprise"),
            ({"dpop": "yes"}, "dpop"),
            ({"dpop": "HS256"}, "dpop"),
            ({"dpop": ["ES256"]}, "dpop"),
            ({"dpop": "PS256", "access_token": ACCESS}, "dpop"),
            ({"dpop": True, "access_token": ACCESS}, "dpop"),
            ({"client": Client("c", private_key="no-key-at-all")}, "private_key"),
            ({"client": Client("c", private_key=PEM, algorithm="ES384")}, "private_key"),
        ],
    )
    def test_what_cannot_work(self, settings: dict[str, Any], named: str) -> None:
        with pytest.raises(BadSetting, match=named) as refused:
            Debugger(URL, **settings)
        for secret in (ID_TOKEN, "no-key-at-all", ACCESS):
            assert secret not in str(refused.value)

    @pytest.mark.parametrize(
        "settings",
        [
            {"private_key": PEM, "secret": "s"},
            {"private_key": PEM, "auth_method": "client_secret_basic"},
            {"private_key": PEM, "algorithm": "HS256"},
            {"private_key": PEM, "algorithm": None},
            {"private_key": " "},
            {"private_key": PEM.encode()},
            {"auth_method": "private_key_jwt"},
        ],
    )
    def test_clients_that_cannot_work(self, settings: dict[str, Any]) -> None:
        with pytest.raises(BadSetting) as refused:
            Client("c", **settings)
        assert PEM[40:60] not in str(refused.value)

    def test_a_client_with_a_key_is_confidential(self) -> None:
        assert not BY_KEY.is_public
        assert repr(BY_KEY) == "<Client confidential, pre-registered>"

    @pytest.mark.parametrize(
        "given",
        [
            ("no url", "c", "t"),
            (5, "c", "t"),
            (IDP, "", "t"),
            (IDP, "c", ""),
            (IDP, "c", b"t"),
        ],
    )
    def test_enterprise_settings_that_cannot_work(self, given: tuple[Any, ...]) -> None:
        with pytest.raises(BadSetting, match="Enterprise"):
            Enterprise(*given)
