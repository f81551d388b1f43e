"""The probe of every well-known location: exactly these requests, whatever is answered."""

from __future__ import annotations

import pytest
from playbook import Play, play

from mcp_oauth_nb.protocol.challenge import parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged
from mcp_oauth_nb.protocol.locations import MOST
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.step import Send
from mcp_oauth_nb.records import Exchange, Response
from mcp_oauth_nb.steps.probes import PROBES
from steps.flows import ASM, ISSUER, OIDC, PRM, URL, document, known, resource_document, server_document

OWN = "https://mcp.example.com/.well-known"
WELL_KNOWN = PROBES["well_known"]


def rest_missing(conversation: Play, *urls: str) -> Play:
    for url in urls:
        conversation = conversation.sends("GET", url, headers={"Authorization": None}).gets(404)
    return conversation


def test_from_the_typed_url_alone_and_on_to_the_issuers_that_it_finds() -> None:
    flow = known()
    begun = play(WELL_KNOWN, flow).sends("GET", f"{PRM}/mcp").gets(200, resource_document())
    asked = rest_missing(begun, PRM, f"{URL}/.well-known/oauth-protected-resource", f"{PRM}/mcp/")
    asked = asked.sends("GET", ASM).gets(200, server_document()).sends("GET", OIDC).gets(200, server_document())
    asked = rest_missing(asked, f"{OWN}/oauth-authorization-server", f"{OWN}/openid-configuration")
    assert asked.learns() is flow, "it changes nothing"


def test_earlier_success_ends_nothing_and_what_is_known_is_used() -> None:
    named = "https://cdn.example/prm"
    challenged = Challenged(401, parse_challenges([f'Bearer resource_metadata="{named}"']), 1)
    published = document(resource_document(authorization_servers=[f"{ISSUER}/a"]), named, URL)
    flow = known("resource_metadata", facts={"challenge": challenged, "resource_metadata": published})
    asked = play(WELL_KNOWN, flow).sends("GET", named).gets(200, resource_document(authorization_servers=[ISSUER]))
    asked = asked.sends("GET", f"{PRM}/mcp").gets(500).sends("GET", PRM).fails("timeout")
    asked = rest_missing(asked, f"{URL}/.well-known/oauth-protected-resource", f"{PRM}/mcp/")
    rest_missing(
        asked,
        f"{ASM}/a",
        f"{OIDC}/a",
        f"{ISSUER}/a/.well-known/openid-configuration",
        ASM,
        OIDC,
        f"{OWN}/oauth-authorization-server",
        f"{OWN}/openid-configuration",
        f"{ISSUER}/a/.well-known/oauth-authorization-server",
        f"{ASM}/a/",
        f"{OIDC}/a/",
    ).learns()


def answered(flow: object, body: bytes) -> list[Send]:
    """All that it sends, where every location gives this."""
    steps, sent = WELL_KNOWN.run(flow), []
    want = next(steps)
    while True:
        sent.append(want)
        try:
            want = steps.send(Exchange(len(sent), "well_known", want.call.request(), Response(200, "", (), body)))
        except StopIteration:
            return sent


@pytest.mark.parametrize(
    "body", [b"[" * 5000, b'{"authorization_servers": {"a": 1}}', b'{"authorization_servers":[1]}']
)
def test_what_names_no_issuer_leads_nowhere(body: bytes) -> None:
    assert len(answered(known(), body)) == 6


def test_a_long_list_of_issuers_is_not_followed_to_its_end() -> None:
    issuers = ",".join(f'"https://as{number}.example/tenant"' for number in range(500))
    sent = answered(known(), f'{{"authorization_servers": [{issuers}]}}'.encode())
    assert len(sent) == len({want.call.url for want in sent}) == MOST


def test_each_request_says_what_is_asked_and_who_reads_it() -> None:
    whys = [want.call.why for want in answered(known(), b"")]
    assert whys[0] == (
        "every location is asked (path): protected resource metadata, read by clients of 2025-06-18 and later"
    )
    assert whys[2].endswith("(append): protected resource metadata, no protocol version asks here")
    assert whys[4].endswith("(rfc8414 of the own origin): authorization server metadata, read by clients of 2025-03-26")


def test_nothing_anywhere_stops_it_but_not_where_defaults_hold() -> None:
    urls = (f"{PRM}/mcp", PRM, f"{URL}/.well-known/oauth-protected-resource", f"{PRM}/mcp/")
    urls += (f"{OWN}/oauth-authorization-server", f"{OWN}/openid-configuration")
    rest_missing(play(WELL_KNOWN, known()), *urls).stops("none of 6 locations")
    rest_missing(play(WELL_KNOWN, known(profile=PROFILES["2025-03-26"])), *urls).learns()


def test_probes_are_named_once() -> None:
    assert all(name == step.name and step.probe for name, step in PROBES.items())
