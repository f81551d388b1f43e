"""What may stand behind a redirect that answers something else, names another issuer, or hides its code."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.authorization_request import opened
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.evidence import query, server_document, text
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER

AGAIN = "dbg.authorize()"


@suspect(
    "older-link-finished",
    of="state-mismatch",
    step="callback",
    who="user",
    summary="The browser came back from an older authorization link than the one that is waited for.",
    fix="Close the older tabs and finish in the one with the newest link.",
    spec=Spec("RFC 6749", "10.12"),
    apart="The state that came back is that of an earlier authorization request of this session.",
    call=AGAIN,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back = shown_in(case, finding)
    state = query(back).get("state") if back else None
    if back is None or not state:
        return
    for one in opened(case)[:-1]:
        if query(one).get("state") == state:
            yield Fit("certain", (line(back, "url", f"the state of the request in exchange {one.id}"),))
            return
    if not _followed_here(case):
        yield Fit("possible", (line(back, "url", "a state that no request of this session carried"),))


@suspect(
    "state-changed",
    of="state-mismatch",
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server does not return state as it was sent.",
    fix="Return state in the redirect exactly as it came, in successes and errors alike.",
    spec=Spec("RFC 6749", "4.1.2"),
    apart="A new request whose redirect is followed at once comes back with another state again.",
    call="Debugger(url, browser='follow').run()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back = shown_in(case, finding)
    if back is None or (query(back).get("state") and any(
        query(one).get("state") == query(back)["state"] for one in opened(case)[:-1])):  # fmt: skip
        return
    sure = _followed_here(case)
    quote = "the redirect was followed here, from the newest link" if sure else "the state is not the one that was sent"
    yield Fit("likely" if sure or "state" not in query(back) else "possible", (line(back, "url", quote),))


def _followed_here(case: Case) -> bool:
    """Whether no browser was in between: then no older tab can have come back."""
    return any(one.direction == "out" for one in case.exchanges("callback"))


@suspect(
    "issuer-respelled",
    of="iss-mismatch",
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The redirect spells the issuer otherwise than the metadata, by a slash or the case of letters.",
    fix="Send iss letter by letter as issuer stands in the metadata: clients compare them as text.",
    spec=Spec("RFC 9207", "2.4"),
    apart="The two texts differ in spelling only.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back, wanted = _issuers(case, finding)
    iss = query(back).get("iss") if back else None
    if back is not None and iss and wanted and iss.rstrip("/").lower() == wanted.rstrip("/").lower():
        yield Fit("certain", (line(back, "url", f"iss={iss}; issuer={wanted}"),))


@suspect(
    "issuer-not-sent",
    of="iss-mismatch",
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The metadata promises iss in every redirect, and this one has none.",
    fix="Send iss with every authorization response, or do not announce it in the metadata.",
    spec=Spec("RFC 9207", "2"),
    apart="The address in the browser has no iss; if it has one, whatever handed it over dropped it.",
    call="dbg.callback(paste=True)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back, _ = _issuers(case, finding)
    if back is not None and "iss" not in query(back):
        yield Fit("likely", (line(back, "url", "no iss in the redirect"),))


@suspect(
    "issuer-of-upstream",
    of="iss-mismatch",
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The redirect names another issuer: a server behind this one, or somebody who mixes up responses.",
    fix="Answer with the own issuer in iss, also where an identity provider behind does the login. The code must "
    "not be redeemed.",
    spec=Spec("RFC 9207", "2.4"),
    apart="Whether the operator of the authorization server knows the other issuer.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back, wanted = _issuers(case, finding)
    iss = query(back).get("iss") if back else None
    if back is not None and iss and wanted and iss.rstrip("/").lower() != wanted.rstrip("/").lower():
        yield Fit("likely", (line(back, "url", f"iss={iss}; issuer={wanted}"),))


def _issuers(case: Case, finding: Finding) -> tuple[Exchange | None, str]:
    found = server_document(case)
    return shown_in(case, finding), (text(found[1].get("issuer")) if found else None) or ""


@suspect(
    "code-in-fragment",
    of="code-missing",
    step="callback",
    who=AUTHORIZATION_SERVER,
    summary="The code stands in the fragment of the redirect, which no server ever sees.",
    fix="Send code in the query of the redirect URI: response_mode query is the default for response_type=code.",
    spec=Spec("RFC 6749", "4.1.2"),
    apart="The address in the browser has code= behind a number sign.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    back = shown_in(case, finding)
    fragment = back.request.url.partition("#")[2] if back else ""
    if back is not None and "code=" in fragment:
        yield Fit("certain", (line(back, "url", "code= behind # in the address"),))
