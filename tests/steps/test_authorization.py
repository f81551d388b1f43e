"""What happens in the browser."""

from __future__ import annotations

import pytest
from playbook import play

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged
from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.step import BARE_CODE
from mcp_oauth_nb.steps.authorization import authorize, callback, pkce

from .flows import FACTS, ISSUER, REDIRECT, STATE, URL, document, known, resource_document, server_document

ENDPOINT = f"{ISSUER}/authorize"


class TestPkce:
    def test_needs_a_client(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.register\(\)"):
            play(pkce, known("server_metadata"))

    def test_a_pair_from_32_random_bytes(self) -> None:
        sizes = []

        def entropy(size: int) -> bytes:
            sizes.append(size)
            return bytes(size)

        flow = play(pkce, known("client", entropy=entropy)).learns(pkce={"method": "S256"})
        assert sizes == [32]
        assert len(flow.pkce.verifier) == 43
        assert flow.pkce.challenge == s256(flow.pkce.verifier)


class TestAuthorize:
    @pytest.mark.parametrize(
        ("upto", "call"),
        [("resource_metadata", "server_metadata"), ("server_metadata", "pkce"), ("client", "pkce")],
    )
    def test_needs(self, upto: str, call: str) -> None:
        with pytest.raises(NotYet, match=rf"dbg\.{call}\(\)"):
            play(authorize, known(upto))

    def test_the_request_and_what_is_recorded_of_it(self) -> None:
        params = {
            "response_type": "code",
            "client_id": "the-client",
            "redirect_uri": REDIRECT,
            "code_challenge": FACTS["pkce"].challenge,
            "code_challenge_method": "S256",
            "state": "AAECAwQFBgcICQoLDA0ODw",
            "scope": "mcp:tools mcp:read",
            "resource": URL,
        }
        play(authorize, known("pkce")).opens(ENDPOINT, params).opened().learns(
            authorization={
                "state": params["state"],
                "redirect_uri": REDIRECT,
                "token_endpoint": f"{ISSUER}/token",
                "issuer": ISSUER,
                "resource": URL,
                "scope": "mcp:tools mcp:read",
                "exchange": 1,
            }
        )

    @pytest.mark.parametrize(
        ("challenged", "setting", "listed", "wanted"),
        [
            ("", None, ["a", "b"], "a b"),
            (', scope="c d"', None, ["a"], "c d"),
            (', scope=""', None, ["a"], "a"),
            (', scope="c"', "mine", ["a"], "mine"),
            (', scope="c"', "", ["a"], None),
            ("", None, None, None),
            ("", None, "x", None),
            ("", None, [1, None, {"a": 1}], None),
        ],
    )
    def test_which_scope(self, challenged: str, setting, listed, wanted) -> None:
        facts = {
            "challenge": Challenged(401, parse_challenges([f'Bearer realm="x"{challenged}']), 1),
            "resource_metadata": document(resource_document(scopes_supported=listed)),
        }
        play(authorize, known("pkce", facts=facts, scope=setting)).opens(ENDPOINT, {"scope": wanted})

    def test_every_set_of_scopes_is_shown_with_the_reason_for_the_choice(self) -> None:
        facts = {"challenge": Challenged(401, parse_challenges(['Bearer scope="mcp:tools"']), 1)}
        flow = known("pkce", facts=facts)
        rows = dict(play(authorize, flow).opened().learns().news(flow))
        assert rows["scope in the challenge"] == rows["scope requested"] == "mcp:tools"
        assert rows["scopes of the resource metadata"] == "mcp:tools mcp:read"
        assert rows["scope chosen because"] == "the challenge asks for it"

    @pytest.mark.parametrize(
        ("setting", "published", "wanted"),
        [
            (None, f"{URL}/", f"{URL}/"),
            (None, None, URL),
            (None, 5, URL),
            ("https://x.example", URL, "https://x.example"),
            ("", URL, None),
        ],
    )
    def test_which_resource(self, setting, published, wanted) -> None:
        facts = {"resource_metadata": document(resource_document(resource=published))}
        play(authorize, known("pkce", facts=facts, resource=setting)).opens(ENDPOINT, {"resource": wanted})

    def test_the_endpoints_own_query_stays(self) -> None:
        facts = {"server_metadata": document(server_document(authorization_endpoint=f"{ENDPOINT}?tenant=1"))}
        play(authorize, known("pkce", facts=facts)).opens(ENDPOINT, {"tenant": "1", "client_id": "the-client"})

    @pytest.mark.parametrize("endpoint", [None, 5, ["x"], {"a": 1}])
    def test_no_endpoint(self, endpoint) -> None:
        facts = {"server_metadata": document(server_document(authorization_endpoint=endpoint))}
        play(authorize, known("pkce", facts=facts)).stops("names no authorization_endpoint")

    def test_one_that_no_browser_may_open(self) -> None:
        play(authorize, known("pkce")).opened(failure="url").stops("a url failure")

    @pytest.mark.parametrize("endpoint", [None, ["x"], {"a": 1}, 5])
    def test_a_missing_token_endpoint_is_the_token_steps_concern(self, endpoint) -> None:
        facts = {"server_metadata": document(server_document(token_endpoint=endpoint))}
        play(authorize, known("pkce", facts=facts)).opened().learns(authorization={"token_endpoint": ""})


class TestCallback:
    def flow(self, **metadata):
        return known("authorization", facts={"server_metadata": document(server_document(**metadata))})

    def test_needs_a_request(self) -> None:
        with pytest.raises(NotYet, match=r"dbg\.authorize\(\)"):
            play(callback, known("pkce"))

    def test_the_code(self) -> None:
        begun = play(callback, self.flow()).awaits(REDIRECT).arrives(f"{REDIRECT}?code=c%2F1&state={STATE}")
        begun.learns(code={"code": "c/1", "exchange": 1})

    @pytest.mark.parametrize("state", ["", "&state=", "&state=other", f"&state={STATE}x", "&state=%00%FF"])
    def test_another_state(self, state: str) -> None:
        play(callback, self.flow()).arrives(f"{REDIRECT}?code=c{state}").stops("`state` is not the one")

    @pytest.mark.parametrize("repeated", ["state=x", f"state={STATE}", "code=c", "iss=x", "error=x"])
    def test_a_parameter_that_comes_twice_stops_it(self, repeated: str) -> None:
        own = f"iss={ISSUER}&error=y&code=c&state={STATE}"
        for query in (f"{repeated}&{own}", f"{own}&{repeated}"):
            play(callback, self.flow()).arrives(f"{REDIRECT}?{query}").stops("comes more than once")

    def test_the_state_is_looked_at_before_the_error(self) -> None:
        play(callback, self.flow()).arrives(f"{REDIRECT}?error=access_denied").stops("`state`")

    @pytest.mark.parametrize(
        ("iss", "promised", "ends"),
        [
            (f"&iss={ISSUER}", None, True),
            ("", None, True),
            ("", False, True),
            ("", "true", True),
            ("", True, False),
            (f"&iss={ISSUER}/", None, False),
            ("&iss=", None, False),
        ],
    )
    def test_the_issuer(self, iss: str, promised, ends: bool) -> None:
        flow = self.flow(authorization_response_iss_parameter_supported=promised)
        begun = play(callback, flow).arrives(f"{REDIRECT}?code=c&state={STATE}{iss}")
        if ends:
            begun.learns(code={"code": "c"})
        else:
            begun.stops("`iss` is not the issuer", code=None)

    @pytest.mark.parametrize("version", PROFILES)
    @pytest.mark.parametrize("promised", [True, False, None])
    @pytest.mark.parametrize("iss", [ISSUER, "https://evil.example", None])
    def test_the_issuer_check_is_made_and_shown_in_every_version(self, iss, promised, version: str) -> None:
        metadata = document(server_document(authorization_response_iss_parameter_supported=promised))
        flow = known("authorization", facts={"server_metadata": metadata}, profile=PROFILES[version])
        told = f"&iss={iss}" if iss else ""
        begun = play(callback, flow).arrives(f"{REDIRECT}?code=c&state={STATE}{told}")
        if iss == ISSUER or (iss is None and not promised):
            learned = begun.learns(code={"code": "c"})
        else:
            learned = begun.stops("`iss` is not the issuer", code=None)
        ((name, row), *_) = learned.news(flow)
        level = "MUST" if version in ("2026-07-28", "draft") else "SHOULD"
        assert name == "issuer check"
        assert row.startswith(f"advertised {'yes' if promised else 'no'}, present {'yes' if iss else 'no'}")
        assert row.endswith(f"({level} in MCP {version})")
        assert "evil" not in row

    def test_a_bare_code_leaves_the_issuer_unchecked(self) -> None:
        learned = play(callback, self.flow()).arrives(f"{REDIRECT}?code=c", note=[BARE_CODE]).learns()
        assert learned.issuer_check is None

    def test_an_error(self) -> None:
        begun = play(callback, self.flow()).arrives(f"{REDIRECT}?error=access_denied&state={STATE}&code=c")
        begun.stops("answered error=access_denied", code=None)

    def test_a_long_error_is_cut(self) -> None:
        begun = play(callback, self.flow()).arrives(f"{REDIRECT}?error={'x%0A' * 500}&state={STATE}")
        begun.stops("error=x x x", code=None)

    @pytest.mark.parametrize("query", ["", "&code=", "&Code=c"])
    def test_neither_code_nor_error(self, query: str) -> None:
        play(callback, self.flow()).arrives(f"{REDIRECT}?state={STATE}{query}").stops(
            "neither code nor error", code=None
        )

    def test_a_bare_code_cannot_be_checked(self) -> None:
        begun = play(callback, self.flow()).arrives(f"{REDIRECT}?code=c", note=[BARE_CODE])
        begun.learns(code={"code": "c"})

    def test_lenient_takes_what_comes(self) -> None:
        flow = known("authorization", on_violation="continue")
        play(callback, flow).arrives(f"{REDIRECT}?code=c&state=x&iss=y").learns(code={"code": "c"})

    def test_a_page_in_place_of_the_redirect(self) -> None:
        play(callback, self.flow()).gets(200, b"<html>").stops("expected a redirect to the redirect URI, got 200")

    def test_no_answer(self) -> None:
        play(callback, self.flow()).fails("timeout").stops("a timeout failure")
