"""Grants without a browser, authentication by key, and requests that carry a DPoP proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from keys import ReadableKey, claims_of
from playbook import Play, play

from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.protocol.flow import Client, Flow, Tokens
from mcp_oauth_nb.protocol.grants import ID_JAG, ID_TOKEN, JWT_BEARER, TOKEN_EXCHANGE, Enterprise
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.proofs import ASSERTION_TYPE, token_hash
from mcp_oauth_nb.steps import route_for
from mcp_oauth_nb.steps.discovery import server_metadata
from mcp_oauth_nb.steps.mcp import mcp
from mcp_oauth_nb.steps.registration import register
from mcp_oauth_nb.steps.tokens import refresh, revoke, token

from .flows import FACTS, ISSUER, URL, document, known, server_document, settings
from .test_mcp import INITIALIZED, LISTED

ENDPOINT = f"{ISSUER}/token"
IDP = "https://idp.example.com/token"
ISSUED = {"access_token": "a-1", "token_type": "Bearer"}
BASIC = Client("c", "s", "client_secret_basic", issuer=ISSUER)
BY_KEY = Client("c", None, "private_key_jwt", issuer=ISSUER, private_key="a key")
NONCE = (("DPoP-Nonce", "n-1"), ("Content-Type", "application/json"))
WANTS_NONCE = b'{"error": "use_dpop_nonce"}'
ENTERPRISE = Enterprise(IDP, "idp-client", "the-id-token")


def registered(grant: str, client: Client = BASIC, **changes: Any) -> Flow:
    return known("client", facts={"client": client}, grant=grant, clock=lambda: 1000.0, **changes)


def sent(begun: Play) -> dict[str, str]:
    return dict(begun._want.call.form)


def proof(begun: Play) -> dict[str, Any]:
    return claims_of(dict(begun._want.call.headers)["DPoP"])


class TestRoute:
    def test_without_a_browser(self) -> None:
        for grant in ("client_credentials", "jwt_bearer", "enterprise"):
            assert route_for(grant) == (
                "challenge",
                "resource_metadata",
                "server_metadata",
                "register",
                "token",
                "mcp",
            )
            assert route_for(grant, afterwards=True)[-2:] == ("revoke", "revoked")
            assert "refresh" not in route_for(grant, afterwards=True)

    def test_with_one(self) -> None:
        assert {"pkce", "authorize", "callback"} < set(route_for("authorization_code"))
        assert route_for("authorization_code", afterwards=True)[-4:] == ("refresh", "replay", "revoke", "revoked")

    def test_s256_is_of_no_concern(self) -> None:
        bare = server_document(code_challenge_methods_supported=None)
        flow = known("resource_metadata", grant="client_credentials", client=BASIC)
        play(server_metadata, flow).gets(200, bare).learns(server_metadata={"identifier": ISSUER})

    def test_a_client_must_be_given(self) -> None:
        play(register, known("server_metadata", grant="jwt_bearer")).stops("needs a registered client")

    def test_a_key_is_a_method(self) -> None:
        flow = known("server_metadata", client=Client("c", private_key="k"), grant="client_credentials")
        play(register, flow).learns(client={"auth_method": "private_key_jwt", "issuer": ISSUER})


class TestClientCredentials:
    @pytest.mark.parametrize(
        ("grant", "declared"),
        [
            ("authorization_code", {}),
            ("jwt_bearer", {}),
            ("client_credentials", {"extensions": {"io.modelcontextprotocol/oauth-client-credentials": {}}}),
            ("enterprise", {"extensions": {"io.modelcontextprotocol/enterprise-managed-authorization": {}}}),
        ],
    )
    def test_the_extension_is_declared(self, grant: str, declared) -> None:
        begun = play(mcp, known("tokens", grant=grant, profile=PROFILES["2026-07-28"]))
        meta = begun._want.call.json["params"]["_meta"]
        assert meta["io.modelcontextprotocol/clientCapabilities"] == declared

    def test_a_step_up_asks_the_token_endpoint_alone(self) -> None:
        challenge = (("WWW-Authenticate", 'Bearer error="insufficient_scope", scope="b"'),)
        flow = registered("client_credentials").learn(tokens=Tokens("t", scope="a"))
        begun = play(mcp, flow.learn(settings=replace(flow.settings, profile=PROFILES["2026-07-28"])))
        begun.gets(200, {"jsonrpc": "2.0", "id": 1, "result": {}}).gets(403, b"", challenge)
        begun.sends("POST", ENDPOINT, form={"grant_type": "client_credentials", "scope": "a b"}).gets(200, ISSUED)
        begun.sends("POST", URL, json={"method": "tools/list"}, headers={"Authorization": "Bearer a-1"})

    def test_scope_and_resource(self) -> None:
        form = {"grant_type": "client_credentials", "scope": "mcp:tools mcp:read", "resource": URL, "client_id": None}
        begun = play(token, registered("client_credentials")).sends(
            "POST", ENDPOINT, form=form, headers={"Authorization": "Basic Yzpz", "DPoP": None}
        )
        begun.gets(200, ISSUED).learns(tokens={"access_token": "a-1", "scope": "mcp:tools mcp:read"}, rounds=1)

    def test_the_server_says_another_scope(self) -> None:
        begun = play(token, registered("client_credentials", scope="a b"))
        begun.gets(200, ISSUED | {"scope": "a"}).learns(tokens={"scope": "a"})

    def test_no_endpoint(self) -> None:
        bare = document(server_document(token_endpoint=None))
        flow = registered("client_credentials").learn(server_metadata=bare)
        play(token, flow).stops("names no token_endpoint")

    def test_refused(self) -> None:
        begun = play(token, registered("client_credentials"))
        begun.gets(400, {"error": "unauthorized_client"}).stops("got 400 (unauthorized_client)")

    def test_needs_a_client(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.register\(\)"):
            play(token, known("server_metadata", grant="client_credentials"))


class TestPrivateKey:
    def test_an_assertion_for_the_issuer(self) -> None:
        begun = play(token, registered("client_credentials", BY_KEY, client_key=ReadableKey()))
        form = {"client_assertion_type": ASSERTION_TYPE, "client_id": None, "client_secret": None}
        begun.sends("POST", ENDPOINT, form=form, headers={"Authorization": None})
        claims = claims_of(sent(begun)["client_assertion"])
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("c", "c", ISSUER)
        assert (claims["iat"], claims["exp"]) == (1000, 1300)
        assert claims["jti"]

    def test_for_the_endpoint_where_no_issuer_is_known(self) -> None:
        client = replace(BY_KEY, issuer=None)
        begun = play(token, registered("client_credentials", client, client_key=ReadableKey()))
        assert claims_of(sent(begun)["client_assertion"])["aud"] == ENDPOINT

    def test_anew_for_every_request(self) -> None:
        numbers = iter(range(9))
        flow = registered(
            "client_credentials", BY_KEY, client_key=ReadableKey(), entropy=lambda size: bytes([next(numbers)])
        )
        first = play(revoke, flow.learn(tokens=FACTS["tokens"]))
        jti = claims_of(sent(first)["client_assertion"])["jti"]
        first.gets(200)
        assert claims_of(sent(first)["client_assertion"])["jti"] != jti

    def test_without_a_key(self) -> None:
        with pytest.raises(BadSetting, match="no private key"):
            play(token, registered("client_credentials", BY_KEY))


class TestJwtBearer:
    def test_the_assertion_once(self) -> None:
        flow = registered("jwt_bearer", Client("c", None, "none"), assertion="j.w.t")
        form = {"grant_type": JWT_BEARER, "assertion": "j.w.t", "client_id": "c", "resource": URL}
        begun = play(token, flow).sends("POST", ENDPOINT, form=form)
        begun.gets(400, {"error": "invalid_grant"}).stops("got 400 (invalid_grant)")


class TestEnterprise:
    def test_both_exchanges(self) -> None:
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "requested_token_type": ID_JAG,
            "audience": ISSUER,
            "resource": URL,
            "scope": "mcp:tools mcp:read",
            "subject_token": "the-id-token",
            "subject_token_type": ID_TOKEN,
            "client_id": "idp-client",
        }
        begun = play(token, registered("enterprise", enterprise=ENTERPRISE))
        begun.sends("POST", IDP, form=form, headers={"Authorization": None})
        begun.gets(200, {"access_token": "the-jag", "issued_token_type": ID_JAG, "token_type": "N_A"})
        second = {"grant_type": JWT_BEARER, "assertion": "the-jag", "client_id": None}
        begun.sends("POST", ENDPOINT, form=second, headers={"Authorization": "Basic Yzpz"})
        begun.gets(200, ISSUED).learns(tokens={"access_token": "a-1", "exchange": 2})

    def test_a_secret_at_the_identity_provider(self) -> None:
        flow = registered("enterprise", enterprise=replace(ENTERPRISE, idp_client_secret="s"))
        play(token, flow).sends("POST", IDP, headers={"Authorization": "Basic aWRwLWNsaWVudDpz"})

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (400, {"error": "invalid_grant"}, "identity provider: expected 200, got 400 (invalid_grant)"),
            (200, {}, "identity provider: the answer holds no access_token"),
            (200, {"access_token": ["x"]}, "holds no access_token"),
            (200, {"access_token": "x", "issued_token_type": "other"}, "issued something else"),
            (200, {"access_token": "x"}, "issued something else"),
        ],
    )
    def test_the_identity_provider_refuses(self, status: int, body, said: str) -> None:
        play(token, registered("enterprise", enterprise=ENTERPRISE)).gets(status, body).stops(said)

    def test_no_answer(self) -> None:
        play(token, registered("enterprise", enterprise=ENTERPRISE)).fails("dns").stops("a dns failure")

    def test_another_kind_of_token_where_it_was_said_to_go_on(self) -> None:
        begun = play(token, registered("enterprise", enterprise=ENTERPRISE, on_violation="continue"))
        begun.gets(200, {"access_token": "x"}).sends("POST", ENDPOINT, form={"assertion": "x"})

    def test_no_proof_goes_to_the_identity_provider(self) -> None:
        begun = play(token, registered("enterprise", enterprise=ENTERPRISE, dpop_key=ReadableKey()))
        begun.sends("POST", IDP, headers={"DPoP": None})
        begun.gets(200, {"access_token": "x", "issued_token_type": ID_JAG})
        assert proof(begun)["htu"] == ENDPOINT


def bound(upto: str = "code", **facts: Any) -> Flow:
    numbers = iter(range(99))
    return Flow(
        settings(dpop_key=ReadableKey(), clock=lambda: 1000.0, entropy=lambda size: bytes([next(numbers)] * size)),
        **({name: FACTS[name] for name in list(FACTS)[: list(FACTS).index(upto) + 1]} | facts),
    )


HELD = Tokens("t-1", "r-1", "DPoP", "s")


class TestProofAtTheTokenEndpoint:
    def test_a_proof(self) -> None:
        begun = play(token, bound())
        first = proof(begun)
        assert (first["htm"], first["htu"], first["iat"]) == ("POST", ENDPOINT, 1000)
        assert not {"nonce", "ath"} & first.keys()
        begun.gets(200, ISSUED | {"token_type": "DPoP"}).learns(tokens={"token_type": "DPoP"}, nonces=())

    @pytest.mark.parametrize("status", [400, 401])
    def test_once_more_with_the_nonce(self, status: int) -> None:
        begun = play(token, bound())
        jti = proof(begun)["jti"]
        begun.gets(status, WANTS_NONCE, NONCE).sends("POST", ENDPOINT, form={"code": "the-code"})
        assert proof(begun)["nonce"] == "n-1"
        assert proof(begun)["jti"] != jti
        begun.gets(200, ISSUED).learns(nonces=((ISSUER, "n-1"),))

    def test_never_a_third_time(self) -> None:
        begun = play(token, bound()).gets(400, WANTS_NONCE, NONCE)
        begun.gets(400, WANTS_NONCE, (("DPoP-Nonce", "n-2"), NONCE[1])).stops("got 400 (use_dpop_nonce)")

    def test_not_without_a_new_nonce(self) -> None:
        play(token, bound()).gets(400, WANTS_NONCE, NONCE[1:]).stops("use_dpop_nonce")
        play(token, bound(nonces=((ISSUER, "n-1"),))).gets(400, WANTS_NONCE, NONCE).stops("use_dpop_nonce")

    def test_not_for_another_error(self) -> None:
        play(token, bound()).gets(400, b'{"error": "invalid_grant"}', NONCE).stops("invalid_grant")

    def test_the_newest_nonce_is_used_at_once(self) -> None:
        flow = play(token, bound(nonces=((ISSUER, "n-0"),))).gets(200, b'{"access_token": "a"}', NONCE).learns()
        assert flow.nonces == ((ISSUER, "n-1"),)
        held = flow.learn(tokens=HELD)
        assert proof(play(refresh, held))["nonce"] == "n-1"

    def test_a_second_try_has_a_second_assertion(self) -> None:
        flow = replace(bound(client=BY_KEY), settings=replace(bound().settings, client_key=ReadableKey()))
        begun = play(token, flow)
        first = sent(begun)["client_assertion"]
        begun.gets(400, WANTS_NONCE, NONCE)
        assert sent(begun)["client_assertion"] != first


class TestProofAtTheMcpServer:
    def test_scheme_and_hash(self) -> None:
        begun = play(mcp, bound("code", tokens=HELD)).sends("POST", URL, headers={"Authorization": "DPoP t-1"})
        assert proof(begun)["ath"] == token_hash("t-1")
        assert proof(begun)["htu"] == URL

    def test_every_request_has_its_own(self) -> None:
        begun = play(mcp, bound("code", tokens=HELD))
        numbers = [proof(begun)["jti"]]
        for status, body in ((200, INITIALIZED), (202, b"")):
            begun.gets(status, body)
            numbers.append(proof(begun)["jti"])
        begun.gets(200, LISTED).learns(session={"tools": ("echo", "add")})
        assert len(set(numbers)) == 3

    @pytest.mark.parametrize("token_type", ["Bearer", "(not said)"])
    def test_an_ordinary_token_is_sent_as_one(self, token_type: str) -> None:
        begun = play(mcp, bound("code", tokens=replace(HELD, token_type=token_type)))
        begun.sends("POST", URL, headers={"Authorization": "Bearer t-1", "DPoP": None})

    def test_a_bound_token_without_our_key(self) -> None:
        begun = play(mcp, known("code", facts={"tokens": HELD}))
        begun.sends("POST", URL, headers={"Authorization": "Bearer t-1", "DPoP": None})

    def test_once_more_with_the_nonce(self) -> None:
        challenge = ("WWW-Authenticate", 'DPoP error="use_dpop_nonce"')
        begun = play(mcp, bound("code", tokens=HELD)).gets(401, b"", (challenge, ("DPoP-Nonce", "n-9")))
        assert proof(begun)["nonce"] == "n-9"
        begun.gets(401, b"", (challenge, ("DPoP-Nonce", "n-10"))).stops("got 401")

    def test_a_401_for_another_reason(self) -> None:
        headers = (("WWW-Authenticate", 'DPoP error="invalid_token"'), ("DPoP-Nonce", "n-9"))
        play(mcp, bound("code", tokens=HELD)).gets(401, b"", headers).stops("got 401")


def test_a_grant_without_a_browser_tells_which_scopes_there_were() -> None:
    flow = registered("client_credentials")
    answer = {"access_token": "t", "token_type": "Bearer", "scope": "mcp:tools"}
    rows = dict(play(token, flow).gets(200, answer).learns(tokens={"access_token": "t"}).news(flow))
    assert rows["scopes of the resource metadata"] == rows["scope requested"] == "mcp:tools mcp:read"
    assert rows["scope granted"] == "mcp:tools (not granted: mcp:read)"
    assert rows["scope asked for and not granted"] == "mcp:read"
    assert "all that the resource metadata lists" in rows["scope chosen because"]
