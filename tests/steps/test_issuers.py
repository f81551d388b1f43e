"""Which authorization server is taken, where its metadata is looked for, and that what it gave out goes to no other."""

from __future__ import annotations

from typing import Any

import pytest
from playbook import Play, play

from mcp_oauth_nb.protocol.flow import Client, Flow, ToolCall
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.wellknown import path_scoped_candidates
from mcp_oauth_nb.steps.discovery import server_metadata
from mcp_oauth_nb.steps.mcp import mcp
from mcp_oauth_nb.steps.registration import register
from mcp_oauth_nb.steps.tokens import refresh, replay, revoke, token

from .flows import ASM, FACTS, ISSUER, OIDC, PRM, REDIRECT, URL, document, known, resource_document, server_document

OTHER = "https://other.example"
THIRD = "https://third.example"
SECRET = "k33p-me-here"
MODERN = PROFILES["2026-07-28"]


def listing(*issuers: str) -> dict[str, Any]:
    return {"resource_metadata": document(resource_document(authorization_servers=list(issuers)), f"{PRM}/mcp", URL)}


class TestSeveral:
    def test_the_first_is_taken_and_the_others_are_told(self) -> None:
        begun = play(server_metadata, known("resource_metadata", facts=listing(ISSUER, OTHER, THIRD)))
        learned = begun.sends("GET", ASM).gets(200, server_document()).learns(issuer={"taken": ISSUER})
        assert learned.issuer.shown() == (
            ("issuer taken", f"{ISSUER} (first of 3; the argument authorization_server of Debugger chooses another)"),
            ("also named", f"{OTHER} {THIRD}"),
        )

    def test_the_settings_choose(self) -> None:
        flow = known("resource_metadata", facts=listing(OTHER, ISSUER), authorization_server=ISSUER)
        learned = play(server_metadata, flow).sends("GET", ASM).gets(200, server_document()).learns()
        assert learned.issuer.shown()[0] == ("issuer taken", f"{ISSUER} (as the settings say, of 2)")

    def test_the_choice_is_told_where_it_leads_nowhere(self) -> None:
        begun = play(server_metadata, known("resource_metadata", facts=listing(OTHER, ISSUER)))
        begun.fails("dns").fails("dns").stops("a dns failure", issuer={"taken": OTHER, "others": (ISSUER,)})

    def test_one_that_is_not_named_is_not_asked(self) -> None:
        flow = known("resource_metadata", facts=listing(ISSUER), authorization_server=OTHER)
        play(server_metadata, flow).stops(f"is not among `authorization_servers`: {ISSUER}")

    @pytest.mark.parametrize("issuers", [(ISSUER,), (ISSUER, ISSUER)])
    def test_where_there_is_no_choice_none_is_told(self, issuers: tuple[str, ...]) -> None:
        begun = play(server_metadata, known("resource_metadata", facts=listing(*issuers)))
        begun.gets(200, server_document()).learns(issuer=None)


class TestPathScoped:
    def test_by_default_nothing_is_tried_under_the_path(self) -> None:
        begun = play(server_metadata, known("resource_metadata")).sends("GET", ASM).gets(404)
        begun.sends("GET", OIDC).gets(404).stops("status 404")

    @pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/mcp"])
    def test_behind_the_strict_places_when_asked_for(self, issuer: str) -> None:
        begun = play(server_metadata, known("resource_metadata", path_scoped_issuer=True))
        begun.sends("GET", ASM).gets(404).sends("GET", OIDC).gets(404).sends("GET", f"{ASM}/mcp")
        assert "path_scoped_issuer" in begun._want.call.why
        begun.gets(200, server_document(issuer=issuer)).learns(server_metadata={"kind": "path-scoped"})

    def test_another_issuer_is_still_refused(self) -> None:
        begun = play(server_metadata, known("resource_metadata", path_scoped_issuer=True)).gets(404).gets(404)
        begun.gets(200, server_document(issuer=OTHER)).sends("GET", f"{OIDC}/mcp").gets(404)
        begun.sends("GET", f"{ISSUER}/mcp/.well-known/openid-configuration").gets(404)
        begun.stops("is not the issuer", server_metadata={"kind": "path-scoped"})

    def test_a_server_of_2025_03_26(self) -> None:
        flow = known(profile=PROFILES["2025-03-26"], path_scoped_issuer=True)
        origin = URL.removesuffix("/mcp")
        begun = play(server_metadata, flow).sends("GET", f"{origin}/.well-known/oauth-authorization-server").gets(404)
        begun.sends("GET", f"{origin}/.well-known/oauth-authorization-server/mcp")
        begun.gets(200, server_document(issuer=f"{origin}/mcp")).learns(server_metadata={"kind": "path-scoped"})

    @pytest.mark.parametrize(
        ("issuer", "url"), [(f"{ISSUER}/tenant", URL), (ISSUER, "https://mcp.example.com/"), ("nothing", URL)]
    )
    def test_where_there_is_nothing_to_try(self, issuer: str, url: str) -> None:
        assert path_scoped_candidates(issuer, url) == ()


def moved(client: Client, /, **settings: Any) -> Flow:
    """A flow whose client is known at ISSUER, and whose metadata is now that of another one."""
    metadata = document(server_document(**dict.fromkeys(ENDPOINTS, f"{OTHER}/x"), issuer=OTHER), identifier=OTHER)
    return known("old_refresh_token", facts={"server_metadata": metadata, "client": client}, **settings)


ENDPOINTS = ("token_endpoint", "revocation_endpoint", "registration_endpoint")
REGISTERED = Client("at-the-old-one", SECRET, "client_secret_post", "registered dynamically", 4, ISSUER)
DOCUMENT = "https://client.example/client.json"


class TestKeptToTheirIssuer:
    @pytest.mark.parametrize("step", [refresh, replay, revoke])
    def test_nothing_is_sent_to_the_endpoints_of_another(self, step: Any) -> None:
        play(step, moved(REGISTERED)).stops("belongs to another authorization server")

    def test_no_code_is_redeemed_at_another(self) -> None:
        authorization = FACTS["authorization"]
        flow = known("code", facts={"client": Client("x", SECRET, "client_secret_post", "x", 4, OTHER)})
        assert authorization.issuer == ISSUER
        play(token, flow).stops("belongs to another authorization server")

    def test_no_grant_without_a_browser_either(self) -> None:
        flow = moved(REGISTERED, grant="client_credentials").learn(tokens=None)
        play(token, flow).stops("belongs to another authorization server")

    def test_the_url_of_a_document_is_good_everywhere(self) -> None:
        begun = play(refresh, moved(Client(DOCUMENT, None, "none", "client ID metadata document")))
        begun.sends("POST", f"{OTHER}/x", form={"client_id": DOCUMENT, "client_secret": None})

    def test_a_given_client_says_whose_it_is(self) -> None:
        begun = play(register, known("server_metadata", client=Client("id", secret=SECRET, issuer=OTHER)))
        begun.stops("belongs to another authorization server")
        begun = play(register, known("server_metadata", client=Client("id", secret=SECRET, issuer=ISSUER)))
        begun.learns(client={"issuer": ISSUER, "auth_method": "client_secret_basic"})

    def test_one_that_does_not_say_belongs_to_the_first(self) -> None:
        client = Client("id", secret=SECRET)
        first = play(register, known("server_metadata", client=client)).learns(client={"issuer": ISSUER})
        moved_on = moved(first.client, client=client)
        play(register, moved_on).stops("belongs to another authorization server")


class TestBetweenRounds:
    """The MCP server names another authorization server in the middle of the work."""

    CHALLENGE = (("WWW-Authenticate", f'Bearer resource_metadata="{PRM}/mcp"'),)

    def refused(self, client: Client, /, **settings: Any) -> Play:
        flow = known("session", profile=MODERN, tool=ToolCall("echo"), facts={"client": client}, **settings)
        begun = play(mcp, flow.learn(session=None, rounds=1))
        begun.gets(200, {"jsonrpc": "2.0", "id": 1, "result": {}})
        begun.gets(200, {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}}).gets(401, b"", self.CHALLENGE)
        begun.gets(200, {"resource": URL, "authorization_servers": [OTHER]})
        return begun.sends("GET", f"{OTHER}/.well-known/oauth-authorization-server")

    def metadata(self, **changes: Any) -> dict[str, Any]:
        there = {f"{name}_endpoint": f"{OTHER}/{name}" for name in ("authorization", "token", "registration")}
        return server_document(issuer=OTHER, **(there | changes))

    def redeems(self, begun: Play) -> Play:
        begun.opens(f"{OTHER}/authorization")
        state = dict(begun._want.call.params)["state"]
        begun.opened().awaits(REDIRECT).arrives(f"{REDIRECT}?code=second&state={state}&iss={OTHER}")
        return begun

    def test_a_registered_client_registers_anew(self) -> None:
        begun = self.refused(REGISTERED).gets(200, self.metadata())
        begun.sends("POST", f"{OTHER}/registration").gets(201, {"client_id": "at-the-new-one"})
        begun = self.redeems(begun)
        form = {"client_id": "at-the-new-one", "client_secret": None}
        begun.sends("POST", f"{OTHER}/token", form=form, headers={"Authorization": None})

    def test_a_given_client_goes_no_further(self) -> None:
        client = Client("id", SECRET, "client_secret_post", issuer=ISSUER)
        begun = self.refused(client, client=Client("id", SECRET)).gets(200, self.metadata())
        kept = begun.stops("belongs to another authorization server", client={"issuer": ISSUER})
        assert kept.server_metadata.text("issuer") == ISSUER

    def test_a_document_needs_no_new_registration(self) -> None:
        settings = {"registration": "cimd", "client_metadata_url": DOCUMENT}
        client = Client(DOCUMENT, None, "none", "client ID metadata document")
        begun = self.redeems(self.refused(client, **settings).gets(200, self.metadata()))
        begun.sends("POST", f"{OTHER}/token", form={"client_id": DOCUMENT}, headers={"Authorization": None})

    def test_half_a_discovery_leaves_the_old_facts_together(self) -> None:
        begun = self.refused(REGISTERED).gets(200, self.metadata(code_challenge_methods_supported=None))
        kept = begun.stops("PKCE with S256 is not advertised", client={"issuer": ISSUER})
        assert kept.server_metadata.text("issuer") == ISSUER
        play(refresh, kept).sends("POST", f"{ISSUER}/token")
