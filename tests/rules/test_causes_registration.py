"""Each suspect of server metadata and registration: a trace that it fits, and one of the same rule that it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from factories import (
    ASM_URL,
    HTML,
    ISSUER,
    JSON,
    OIDC_URL,
    PAGE,
    PRM_URL,
    REGISTRATION,
    Body,
    Piece,
    asm,
    failed,
    prm,
    registered,
    resource_document,
    server_document,
    texchange,
    tflow,
    token_request,
    ttrace,
)

from mcp_oauth_nb.records import Headers, Trace
from mcp_oauth_nb.rules import diagnose
from mcp_oauth_nb.rules.cause import SUSPECTS
from mcp_oauth_nb.rules.causes import issuers, registration, registration_values, server_metadata
from mcp_oauth_nb.rules.hosts import is_inside, is_out_of_reach
from mcp_oauth_nb.rules.suspect import Suspect

TENANT = f"{ISSUER}/tenant"
BEHIND = f"{TENANT}/.well-known/oauth-authorization-server"
INSERTED = f"{ISSUER}/.well-known/oauth-authorization-server/tenant"
EDGE: Headers = (*HTML, ("Server", "cloudflare"), ("CF-RAY", "1"))
FLAG = "client_id_metadata_document_supported"
NATIVE = {**REGISTRATION, "application_type": "native"}


def missing(status: int, body: Body = b"", headers: Headers = JSON, **settings: str) -> Trace:
    """Server metadata that was looked for in vain."""
    asked = [server_document(body, url, status, headers=headers) for url in (ASM_URL, OIDC_URL)]
    return tflow(failed("server_metadata", *asked), upto="server_metadata", **settings)


def at_path(elsewhere: str, version: str = "2025-11-25", issuer: str = TENANT) -> Trace:
    """An issuer whose metadata was looked for in vain, and stands elsewhere."""
    parts = (INSERTED,) if issuer == TENANT else (ASM_URL,)
    return ttrace(
        Piece("resource_metadata", (resource_document(prm(authorization_servers=[issuer]), PRM_URL),)),
        failed("server_metadata", *(server_document(b"", url, 404) for url in parts)),
        Piece("well_known", (texchange("well_known", elsewhere, 200, asm(issuer=issuer)),)),
        protocol=version,
    )


def named(issuer: str) -> Trace:
    """Metadata that names this issuer."""
    return tflow(failed("server_metadata", server_document(asm(issuer=issuer))), upto="server_metadata")


def incomplete(document: dict[str, Any]) -> Trace:
    return tflow(failed("server_metadata", server_document(document)), upto="server_metadata")


def refused(
    status: int,
    body: Body = b"{}",
    headers: Headers = JSON,
    sent: dict[str, Any] | None = None,
    sent_headers: Headers = JSON,
    **changes: Any,
) -> Trace:
    """A registration that was refused; `changes` are made to the metadata before it."""
    one = registered(status, body)
    asked = replace(one.request, body=json.dumps(NATIVE if sent is None else sent).encode(), headers=sent_headers)
    response = replace(one.response, headers=headers)
    metadata = Piece("server_metadata", (server_document(asm(**changes)),))
    return tflow(metadata, failed("register", replace(one, request=asked, response=response)), upto="register")


def refusal(error: str, said: str, sent: dict[str, Any] | None = None, **changes: Any) -> Trace:
    return refused(400, {"error": error, "error_description": said}, sent=sent, **changes)


def unoffered(*others: Piece, **changes: Any) -> Trace:
    """A server that names no registration endpoint."""
    metadata = Piece("server_metadata", (server_document(asm(registration_endpoint=None, **changes)),))
    return tflow(metadata, failed("register"), *others, upto="register")


def with_copy(trace: Trace, document: dict[str, Any]) -> Trace:
    """The trace, and then a look at the other copy of the metadata."""
    number = len(trace.exchanges) + 1
    more = ttrace(Piece("well_known", (texchange("well_known", OIDC_URL, 200, document),)))
    run = replace(more.runs[0], exchanges=(number,))
    return Trace((*trace.exchanges, replace(more.exchanges[0], id=number)), (*trace.runs, run), trace.settings)


REDIRECT, META = "invalid_redirect_uri", "invalid_client_metadata"
PRIVATE = {**NATIVE, "redirect_uris": ["com.example.editor://callback"]}
UNTYPED = {name: value for name, value in NATIVE.items() if name != "application_type"}
SCOPED = {**NATIVE, "scope": "https://api.example.com/all"}
STATED = {**NATIVE, "software_statement": "e30.e30.sig"}
PUBLIC_TOO = {"token_endpoint_auth_methods_supported": ["none", "client_secret_post"]}
SECRET_ONLY = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
TOKEN: Headers = (*JSON, ("Authorization", "Bearer initial-1"))
SOME = refusal(META, "client_name is too long")
GUESSED = ttrace(
    failed("server_metadata", server_document(b"", status=404)), failed("register", registered(404, b"Not Found"))
)

FITS: dict[str, tuple[Trace, Trace]] = {
    "edge-refuses-server-metadata": (missing(403, PAGE, EDGE), missing(404)),
    "server-metadata-behind-login": (missing(401, PAGE, HTML), missing(403)),
    "page-in-place-of-server-metadata": (missing(200, PAGE, HTML), missing(404)),
    "gateway-without-authorization-server": (missing(502), missing(500)),
    "server-metadata-crashes": (missing(500), missing(502)),
    "metadata-behind-path": (at_path(BEHIND), at_path(ASM_URL)),
    "metadata-at-root-only": (at_path(ASM_URL), at_path(BEHIND)),
    "only-openid-metadata": (at_path(OIDC_URL, "2025-06-18", ISSUER), missing(404)),
    "server-metadata-not-published": (missing(404), missing(500)),
    "issuer-with-slash": (named(f"{ISSUER}/"), named(f"{ISSUER}/realm")),
    "issuer-of-inner-address": (named("http://keycloak:8080"), named("https://other.example")),
    "issuer-placeholder": (named(f"{ISSUER}/{{tenantid}}/v2.0"), named(f"{ISSUER}/realm")),
    "issuer-with-other-path": (named(f"{ISSUER}/realm"), named("https://other.example/realm")),
    "listed-issuer-outdated": (named("https://other.example"), named(f"{ISSUER}/")),
    "metadata-placeholder": (incomplete({}), incomplete(asm(token_endpoint=None))),
    "registration-rate-limited": (refused(429), refused(403)),
    "edge-refuses-registration": (refused(403, PAGE, EDGE), refused(403)),
    "gateway-without-registration": (refused(503), refused(500)),
    "registration-crashes": (refused(500), refused(503)),
    "initial-token-refused": (refused(401, sent_headers=TOKEN), refused(401)),
    "registration-closed": (refused(403), refused(403, PAGE, EDGE)),
    "default-endpoint-missing": (GUESSED, refused(404)),
    "registration-endpoint-dead": (refused(404), GUESSED),
    "document-flag-in-other-copy": (with_copy(unoffered(), asm(**{FLAG: True})), unoffered()),
    "client-document-not-given": (unoffered(**{FLAG: True}), unoffered()),
    "registered-by-hand-only": (unoffered(), unoffered(**{FLAG: True})),
    "redirect-on-plain-http": (
        refusal(REDIRECT, "insecure", {**NATIVE, "redirect_uris": ["http://host.example/cb"]}),
        refusal(REDIRECT, "insecure"),
    ),
    "application-type-unsaid": (refusal(REDIRECT, "web clients need https", UNTYPED), refusal(REDIRECT, "web")),
    "private-scheme-refused": (refusal(REDIRECT, "no", PRIVATE), refusal(REDIRECT, "no")),
    "loopback-refused": (refusal(REDIRECT, "no"), refusal(REDIRECT, "no", PRIVATE)),
    "method-listed-but-refused": (
        refusal(META, "token_endpoint_auth_method none is not supported", **PUBLIC_TOO),
        refusal(META, "token_endpoint_auth_method none is not supported", **SECRET_ONLY),
    ),
    "method-not-listed": (
        refusal(META, "token_endpoint_auth_method none is not supported", **SECRET_ONLY),
        refusal(META, "token_endpoint_auth_method none is not supported", **PUBLIC_TOO),
    ),
    "scope-refused-at-registration": (refusal(META, "unknown scope", SCOPED), refusal(META, "unknown scope")),
    "scope-wanted-at-registration": (refusal(META, "scope is required"), refusal(META, "unknown scope", SCOPED)),
    "grant-refused-at-registration": (refusal(META, "grant_types not allowed"), SOME),
    "software-statement-wanted": (refusal(META, "software_statement is missing"), SOME),
    "software-statement-refused": (refusal("invalid_software_statement", "no", STATED), SOME),
}
"""By suspect: a trace that it fits best, and one of the same rule that it does not fit."""
MODULES = {module.__name__ for module in (server_metadata, issuers, registration, registration_values)}


def suspects(cause: str, trace: Trace) -> tuple[Suspect, ...]:
    """The suspects of the finding that this one could stand behind."""
    found = [one for one in diagnose(trace).findings if one.rule in SUSPECTS[cause].of]
    assert found
    return found[0].suspects


def test_every_suspect_is_held() -> None:
    assert set(FITS) == {name for name, one in SUSPECTS.items() if one.weigh.__module__ in MODULES}


@pytest.mark.parametrize("cause", FITS)
def test_it_leads_where_it_fits_and_quotes_what_speaks_for_it(cause: str) -> None:
    trace = FITS[cause][0]
    best = suspects(cause, trace)[0]
    assert best.cause == cause
    assert best.lines
    assert all(one.quote and 0 < one.exchange <= len(trace.exchanges) for one in best.lines)
    assert best.apart.endswith(".")


@pytest.mark.parametrize("cause", FITS)
def test_it_is_silent_where_it_does_not_fit(cause: str) -> None:
    assert cause not in {one.cause for one in suspects(cause, FITS[cause][1])}


def test_an_unknown_refusal_accuses_nobody() -> None:
    (finding,) = diagnose(SOME).findings
    assert (finding.rule, finding.cause, finding.suspects) == ("registration-refused", "registration-refused", ())


def test_the_initial_access_token_is_quoted_nowhere() -> None:
    finding = diagnose(refused(401, {"error": "invalid_token"}, sent_headers=TOKEN)).cause
    assert finding is not None
    assert "initial-1" not in repr([(one.quote for one in suspect.lines) for suspect in finding.suspects])
    assert not any("initial-1" in one.quote for suspect in finding.suspects for one in suspect.lines)


def test_a_grant_that_is_not_offered_explains_the_refusal_of_the_token() -> None:
    refusal = token_request(400, {"error": "unauthorized_client"}, grant_type="client_credentials")
    report = diagnose(tflow(failed("token", refusal), upto="token", grant="client_credentials"))
    assert report.cause is not None
    assert (report.cause.rule, report.failing_step, report.cause.caused_in) == (
        "grant-not-offered",
        "token",
        "server_metadata",
    )


def test_an_answer_that_repeats_nothing_is_one_finding() -> None:
    findings = diagnose(tflow(Piece("register", (registered(201, {"client_id": "c"}),)), upto="register")).findings
    assert [one.rule for one in findings] == ["registration-changed"]


@pytest.mark.parametrize(
    ("url", "seen_from", "hidden"),
    [
        ("https://0.0.0.0:3000/x", "https://auth.example.com", True),
        ("http://localhost:3000/x", "https://auth.example.com", True),
        ("http://keycloak:8080/x", "http://localhost:8080", True),
        ("https://10.1.2.3/x", "https://auth.example.com", True),
        ("https://10.1.2.3/x", "https://auth.internal", False),
        ("https://login.example.com/x", "http://localhost:8080", False),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:2", False),
        ("http://127.0.0.1:1/x", "http://localhost:2", False),
        ("https://login.example.com/x", "https://auth.example.com", False),
    ],
)
def test_what_lies_out_of_reach(url: str, seen_from: str, hidden: bool) -> None:
    assert is_out_of_reach(url, seen_from) is hidden


@pytest.mark.parametrize("url", ["http://[::1]/", "https://172.16.0.1", "https://a.svc", "http://db:1/"])
def test_inner_hosts(url: str) -> None:
    assert is_inside(url)


@pytest.mark.parametrize("url", ["https://172.32.0.1", "https://example.com", "https://[2001:db8::1]/", "urn:x"])
def test_public_hosts(url: str) -> None:
    assert not is_inside(url)
