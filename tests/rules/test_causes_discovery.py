"""Each suspect of discovery: a trace that it fits, and one of the same rule that it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import (
    HTML,
    ISSUER,
    JSON,
    PAGE,
    PRM_ROOT_URL,
    PRM_URL,
    URL,
    Body,
    Piece,
    asm,
    failed,
    prm,
    resource_document,
    rpc,
    rpc_error,
    server_document,
    texchange,
    tflow,
    ttrace,
    unauthenticated,
)

from mcp_oauth_nb.records import Exchange, Failure, Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.cause import SUSPECTS
from mcp_oauth_nb.rules.causes import addresses, challenge, failing, resource_metadata
from mcp_oauth_nb.rules.hosts import is_inside
from mcp_oauth_nb.rules.suspect import Suspect
from rules.discovery_specimens import BARE

EDGE: Headers = (*HTML, ("Server", "cloudflare"), ("CF-RAY", "1"))
INNER_URL = "http://localhost:8000/.well-known/oauth-protected-resource/mcp"
MISBUILT = f"{URL}/.well-known/oauth-protected-resource"


def plain(status: int, headers: Headers = JSON, body: Body = b"{}", sent: Headers = ()) -> Trace:
    """A request without a token, and its answer."""
    asked = texchange(
        "challenge", URL, status, body, method="POST", sent=rpc("initialize"), headers=headers, sent_headers=sent
    )
    return tflow(failed("challenge", asked), upto="challenge")


def naming(url: str, *tried: Exchange) -> Trace:
    """A challenge that names a metadata URL, and what was asked for then."""
    challenged = unauthenticated(401, f'Bearer resource_metadata="{url}", scope="a"')
    return tflow(challenged, failed("resource_metadata", *tried), upto="resource_metadata")


def tried(*exchanges: Exchange, named: str | None = None) -> Trace:
    """Metadata that was looked for in vain."""
    challenged = unauthenticated(401, f'Bearer resource_metadata="{named}", scope="a"' if named else BARE)
    return tflow(challenged, failed("resource_metadata", *exchanges), upto="resource_metadata")


def published(resource: str) -> Trace:
    """Metadata for this resource."""
    return tflow(failed("resource_metadata", resource_document(prm(resource=resource))), upto="resource_metadata")


def silent(kind: str, message: str, url: str = URL, step: str = "challenge") -> Trace:
    """A request that got no answer."""
    one = replace(texchange(step, url, failure=kind), failure=Failure(kind, message))
    return ttrace(failed(step, one), url=url)


def looked_up(trace: Trace, status: int) -> Trace:
    """The trace with the well-known URLs asked behind it."""
    body: Body = prm() if status == 200 else b""
    found = [texchange("well_known", url, status, body) for url in (PRM_URL, PRM_ROOT_URL)]
    pieces = [Piece(run.step, trace.of(run), run.achieved, run.stopped) for run in trace.runs]
    return ttrace(*pieces, Piece("well_known", tuple(found)))


def asked_server(issuer: str, failure: str | None = None, status: int = 404) -> Trace:
    """Authorization server metadata that was looked for in vain."""
    url = f"{issuer}/.well-known/oauth-authorization-server"
    document = Piece("resource_metadata", (resource_document(prm(authorization_servers=[issuer])),))
    asked = texchange("server_metadata", url, None if failure else status, failure=failure)
    return tflow(document, failed("server_metadata", asked), upto="server_metadata")


def tls_after_an_answer() -> Trace:
    """Discovery that fails at a certificate of the host that just answered."""
    asked = replace(texchange("resource_metadata", PRM_URL, failure="tls"), failure=Failure("tls", "self-signed"))
    return tflow(failed("resource_metadata", asked), upto="resource_metadata")


def endpoint_at(url: str) -> Trace:
    """A token endpoint that the metadata names, and that gives no answer."""
    document = Piece("server_metadata", (server_document(asm(token_endpoint=url)),))
    asked = texchange("token", url, method="POST", failure="connect")
    return tflow(document, failed("token", asked), upto="token")


def answered_in_browser(status: int) -> Trace:
    """An authorization request that was answered with an error page."""
    page = texchange("callback", f"{ISSUER}/authorize", status, PAGE, headers=HTML)
    return tflow(failed("callback", page), upto="callback")


OPENED = unauthenticated(200, None, b'{"jsonrpc":"2.0","id":1,"result":{}}')
NOT_FOUND = (resource_document(b"", PRM_URL, 404), resource_document(b"", PRM_ROOT_URL, 404))
REFUSED = resource_document(PAGE, status=403, headers=EDGE)

FITS: dict[str, tuple[Trace, Trace]] = {
    "redirected-to-itself": (
        plain(307, (("Location", f"{URL}/"),)),
        plain(302, (("Location", "https://mcp.example.com/login"),)),
    ),
    "web-app-answers": (plain(302, (("Location", "/login?next=/mcp"),)), plain(307, (("Location", "/mcp/"),))),
    "wrong-url": (plain(404), looked_up(plain(404), 200)),
    "endpoint-not-routed": (looked_up(plain(404), 200), plain(404)),
    "edge-refuses": (plain(403, EDGE, PAGE), plain(403)),
    "host-or-origin-refused": (plain(403, body=b"Invalid Host header"), plain(403)),
    "forbidden-to-anybody": (plain(403), plain(403, EDGE, PAGE)),
    "refusal-as-success": (plain(200, body=rpc_error(-32001, "Unauthorized")), plain(200, HTML, PAGE)),
    "challenge-removed-on-the-way": (plain(401, EDGE, PAGE), plain(401)),
    "another-scheme-wanted": (plain(401, (("WWW-Authenticate", 'Basic realm="x"'),)), plain(401)),
    "no-oauth-here": (plain(401), tflow(unauthenticated(401, None), upto="resource_metadata")),
    "protected-in-part": (
        tflow(OPENED, upto="resource_metadata"),
        tflow(OPENED, failed("resource_metadata", *NOT_FOUND)),
    ),
    "public-url-unknown": (naming(INNER_URL), naming("https://docs.example/metadata")),
    "inner-metadata-url": (
        naming(INNER_URL, texchange("resource_metadata", INNER_URL, failure="connect")),
        silent("connect", "no connection"),
    ),
    "dead-authorization-server": (asked_server("https://old.example", "dns"), silent("dns", "does not resolve")),
    "proxy-in-the-way": (
        silent("connect", "the proxy gave no connection to x (through the proxy y)"),
        silent("connect", "no connection"),
    ),
    "tls-at-a-plain-port": (silent("tls", "TLS with x failed: WRONG_VERSION_NUMBER"), silent("tls", "handshake broke")),
    "certificate-expired": (silent("tls", "not trusted here: certificate has expired"), silent("tls", "self-signed")),
    "certificate-of-another-host": (silent("tls", "Hostname mismatch, not valid for"), silent("tls", "self-signed")),
    "certificate-trusted-in-part": (tls_after_an_answer(), silent("tls", "self-signed")),
    "private-authority": (silent("tls", "unable to get local issuer certificate"), silent("tls", "has expired")),
    "nobody-listens": (silent("connect", "refused", "http://localhost:1/mcp"), silent("connect", "refused")),
    "packets-dropped": (
        silent("timeout", "x let nobody connect within 30 s"),
        silent("timeout", "x did not answer completely within 30 s"),
    ),
    "inner-host-name": (silent("dns", "no such name", "https://mcp.internal/mcp"), silent("dns", "no such name")),
    "metadata-url-wrong": (tried(resource_document(b"", MISBUILT, 404), named=MISBUILT), tried(*NOT_FOUND)),
    "metadata-not-published": (tried(*NOT_FOUND), tried(NOT_FOUND[0], REFUSED)),
    "metadata-behind-login": (tried(resource_document(b"", status=401)), tried(*NOT_FOUND)),
    "edge-refuses-discovery": (tried(REFUSED), tried(*NOT_FOUND)),
    "page-in-place-of-metadata": (tried(resource_document(PAGE, headers=HTML)), tried(*NOT_FOUND)),
    "compressed-without-saying": (tried(resource_document(b"\x1f\x8b\x08rest")), tried(resource_document(b"{"))),
    "resource-spelled-differently": (published(f"{URL}/"), published("https://mcp.example.com")),
    "resource-is-parent": (published("https://mcp.example.com"), published(f"{URL}/")),
    "resource-of-inner-address": (published("http://10.0.0.5:8000/mcp"), published("https://other.example/mcp")),
    "issuer-is-the-resource": (asked_server(URL), asked_server("https://auth.example.com")),
    "endpoint-out-of-reach": (endpoint_at("http://10.0.0.5:8080/token"), endpoint_at(f"{ISSUER}/token")),
    "mcp-server-crashes": (plain(500), plain(502)),
    "gateway-without-mcp-server": (plain(502), plain(500)),
    "authorization-endpoint-crashes": (answered_in_browser(500), answered_in_browser(502)),
    "gateway-without-authorization-endpoint": (answered_in_browser(502), answered_in_browser(500)),
}
"""By suspect: a trace that it fits, and one in which its rule is broken without it."""


def suspects(trace: Trace) -> dict[str, Suspect]:
    return {one.cause: one for finding in diagnose(trace).findings for one in finding.suspects}


def test_every_suspect_of_discovery_has_its_traces() -> None:
    areas = {module.__name__ for module in (addresses, challenge, failing, resource_metadata)}
    assert {one.id for one in SUSPECTS.values() if one.weigh.__module__ in areas} == set(FITS)


@pytest.mark.parametrize("name", FITS)
def test_a_suspect_is_found_where_it_fits_and_only_there(name: str) -> None:
    fitting, other = FITS[name]
    found = suspects(fitting)[name]
    assert found.lines
    assert all(0 < one.exchange <= len(fitting.exchanges) and one.quote for one in found.lines)
    assert name not in suspects(other)
    assert set(SUSPECTS[name].of) & {finding.rule for finding in diagnose(other).findings}


def test_metadata_that_is_elsewhere_makes_the_named_url_the_certain_cause() -> None:
    trace = looked_up(tried(resource_document(b"", MISBUILT, 404), named=MISBUILT), 200)
    lead = diagnose(trace).cause
    assert lead is not None
    assert (lead.cause, lead.caused_in, lead.suspects[0].confidence) == ("metadata-url-wrong", "challenge", "certain")


def test_nothing_anywhere_acquits_the_named_url() -> None:
    trace = looked_up(tried(NOT_FOUND[0], named=PRM_URL), 404)
    lead = diagnose(trace).cause
    assert lead is not None
    assert lead.cause == "metadata-not-published"
    assert [one.confidence for one in lead.suspects] == ["likely"]


def test_silence_is_caused_in_the_step_in_which_it_shows() -> None:
    (lead,) = diagnose(silent("tls", "certificate has expired", f"{ISSUER}/token", "token")).findings
    assert (lead.cause, lead.caused_in) == ("certificate-expired", "token")


@pytest.mark.parametrize(
    ("url", "inner"),
    [
        ("http://10.1.2.3:80/x", True),
        ("https://mcp/x", True),
        ("https://idp.cluster.local/", True),
        ("http://[::1]:80/", True),
        ("https://mcp.example.com/mcp", False),
        ("https://110.1.2.3/x", False),
        ("no url", False),
    ],
)
def test_an_inner_address(url: str, inner: bool) -> None:
    assert is_inside(url) == inner


def test_a_healthy_document_of_an_own_authorization_server_is_nobodys_fault() -> None:
    url = "https://mcp.example.com"
    document = server_document(asm(issuer=url), f"{url}/.well-known/oauth-authorization-server")
    own = Piece("resource_metadata", (resource_document(prm(authorization_servers=[url])),))
    assert suspects(tflow(own, Piece("server_metadata", (document,)), upto="server_metadata")) == {}
