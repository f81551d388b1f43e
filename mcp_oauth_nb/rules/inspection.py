"""Rules for questions about a token: introspection (RFC 7662) and userinfo (OpenID Connect Core 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import answered, documents, form, oauth_error, server_document, text, texts
from mcp_oauth_nb.rules.id_token import id_tokens
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.tokens import issued
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, quoted, shown, who_answered, with_error

INTROSPECTION = Spec("RFC 7662", "2.2")
INTROSPECTION_JWT = "application/token-introspection+jwt"
ENDPOINTS = {"introspect": "introspection_endpoint", "userinfo": "userinfo_endpoint"}
ENDING = ("replay", "revoke", "unregister")
"""Steps behind which a token need not work any more."""


def _is_jwt(exchange: Exchange) -> bool:
    """An answer that is signed as a whole (RFC 9701 5, OpenID Connect Core 5.3.2)."""
    return exchange.response is not None and exchange.response.media_type in (INTROSPECTION_JWT, "application/jwt")


def _unasked(case: Case) -> list[Run]:
    return [case.runs[step] for step in ENDPOINTS if step in case.runs and server_document(case)]


@rule(
    "inspection-not-offered",
    step="introspect",
    level=MUST,
    who="user",
    summary="The authorization server offers no such endpoint.",
    fix="A server need not offer it, so there is nothing to ask here: read dbg.details, or the server's own console.",
    spec=Spec("RFC 8414", "2"),
    over=Selector(_unasked, "neither introspection nor userinfo was asked for yet"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    found, name = server_document(case), ENDPOINTS[run.step]
    if run.achieved or case.exchanges(run.step) or found is None or isinstance(found[1].get(name), str):
        return
    seen = shown(found[1][name]) if name in found[1] else f"no {name}"
    what = name.replace("_", " ")
    summary = f"The authorization server offers no {what}."
    yield Seen(found[0], f"body:/{name}", f"the URL of the {what}", seen, summary, step=run.step)


@rule(
    "introspection-refused",
    step="introspect",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The introspection endpoint refused to answer.",
    fix="Let this client ask about its own tokens, or ask as a client that may.",
    spec=Spec("RFC 7662", "2.3"),
    over=answered("introspect", missing="no introspection request was answered yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 200:
        return
    error = oauth_error(exchange)
    who, fix = _why_refused(exchange)
    summary = f"The introspection was answered {exchange.status}{with_error(error)}."
    yield Seen(exchange, "body:/error" if error else "status", "200", came(exchange), summary, fix, who)


def _why_refused(exchange: Exchange) -> tuple[Who, str]:
    public = exchange.request.header("authorization") is None and not (
        {"client_secret", "client_assertion"} & form(exchange).keys()
    )
    if oauth_error(exchange) == "unsupported_token_type":
        return "user", "The server answers no questions about tokens of this kind. Where it is a JWT, read dbg.details."
    if public and (exchange.status in (401, 403) or oauth_error(exchange) in ("invalid_client", "unauthorized_client")):
        return "user", (
            "Only those who authenticate may ask (RFC 7662 2.1), and this client is public: give one that has a secret "
            "or a key, Debugger(url, client=Client(...))."
        )
    if exchange.status == 401:
        return "client", "Check client id, secret and the way they are sent to the introspection endpoint."
    if exchange.status == 403:
        return AUTHORIZATION_SERVER, "Allow this client to introspect, or ask as the MCP server's own client."
    return who_answered(exchange), fix_for(exchange, "the introspection answer")


def _not_signed(case: Case) -> list[Exchange]:
    return [one for one in case.answered("introspect") if one.status == 200 and not _is_jwt(one)]


@rule(
    "introspection-answer-invalid",
    step="introspect",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The introspection answer does not say whether the token is active.",
    fix="Answer with a JSON object in which active is true or false.",
    spec=INTROSPECTION,
    over=Selector(_not_signed, "no introspection was answered 200 in JSON yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    document = exchange.document
    if document is None:
        fix = fix_for(exchange, "the introspection answer")
        yield Seen(exchange, "body:", "a JSON object with active", came(exchange), fix=fix)
    elif not isinstance(document.get("active"), bool):
        seen = shown(document["active"]) if "active" in document else "no active"
        yield Seen(exchange, "body:/active", "true or false", seen)


def _of_fresh_tokens(case: Case) -> list[Found]:
    """Answers about a token of the last token answer before, asked for while it had to work.

    Whatever may have ended the grant counts, also in runs that were run again since: a code or refresh token that is
    presented twice is refused, and takes the tokens with it.
    """
    ended = [one.id for one in case.trace.exchanges if one.step in ENDING or _is_refused_grant(one)]
    fresh = []
    for exchange, document in case.documents("introspect"):
        before = [found for found in issued(case, "token", "refresh") if found[0].id < exchange.id]
        has_ended = any(number < exchange.id for number in ended)
        if before and not has_ended and _is_fresh(exchange, before[-1]):
            fresh.append((exchange, document))
    return fresh


def _is_refused_grant(exchange: Exchange) -> bool:
    return exchange.step in ("token", "refresh") and oauth_error(exchange) == "invalid_grant"


def _is_fresh(exchange: Exchange, source: Found) -> bool:
    """Whether the token asked about was issued by that answer and had not run out."""
    token, document = form(exchange).get("token"), source[1]
    if not token or token not in (document.get("access_token"), document.get("refresh_token")):
        return False
    if token == document.get("refresh_token"):
        return True
    lifetime, since = document.get("expires_in"), (exchange.started, source[0].started)
    if not isinstance(lifetime, (int, float)) or not 0 <= lifetime < 1e9:
        return False
    if (since[0].tzinfo is None) != (since[1].tzinfo is None):
        return False
    return since[0] - since[1] < timedelta(seconds=lifetime)


@rule(
    "introspection-inactive",
    step="introspect",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server calls a token inactive that it has just issued.",
    fix="Find out why: a server also says so to a client that may not ask about this token, and of JWTs that it does "
    "not keep. An MCP server that asks for itself refuses such tokens.",
    spec=INTROSPECTION,
    over=Selector(_of_fresh_tokens, "no introspection of a token that must work was answered yet"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    if found[1].get("active") is False:
        yield Seen(found[0], "body:/active", "true", "false")


def _of_access_tokens(case: Case) -> list[tuple[Exchange, object, str]]:
    """The audience that an introspection tells, beside the resource that the token was asked for."""
    wanted = {
        text(document.get("access_token")): form(source).get("resource") or case.url
        for source, document in issued(case, "token", "refresh")
    }
    return [
        (exchange, document["aud"], wanted[token])
        for exchange, document in case.documents("introspect")
        if document.get("active") is True and document.get("aud")
        if (token := form(exchange).get("token")) in wanted
    ]


@rule(
    "introspection-audience",
    step="introspect",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="By the introspection the access token is made out to another audience than the MCP server.",
    fix="Bind the token to the requested resource, and name it in aud.",
    spec=Spec("RFC 8707", "2.2"),
    over=Selector(_of_access_tokens, "no introspection told the audience of an access token"),
)
def _(case: Case, found: tuple[Exchange, object, str]) -> Iterator[Seen]:
    exchange, audience, wanted = found
    named = (audience,) if isinstance(audience, str) else texts(audience)
    if all(resource_match(one, wanted, wanted) == "other" for one in named):
        yield Seen(exchange, "body:/aud", quoted(wanted), shown(audience))


@rule(
    "userinfo-refused",
    step="userinfo",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The userinfo endpoint gave no claims.",
    fix="Read the answer, and the log of the server.",
    spec=Spec("OIDC Core", "5.3.3"),
    over=answered("userinfo", missing="no userinfo request was answered yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 200 and (exchange.document is not None or _is_jwt(exchange)):
        return
    who, fix = who_answered(exchange), fix_for(exchange, "the claims about the user")
    if exchange.status in (401, 403):
        who, fix = (
            "client",
            (
                "Ask with a token that has the scope openid. A token for one resource may be refused here by design: "
                "then nothing is wrong with it."
            ),
        )
    yield Seen(exchange, "status", "200 with a JSON object", came(exchange), fix=fix, who=who)


@rule(
    "userinfo-subject",
    step="userinfo",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The userinfo answer names another subject than the ID token, or none.",
    fix="Send sub in every userinfo answer, the same as in the ID token.",
    spec=Spec("OIDC Core", "5.3.2"),
    over=documents("userinfo", missing="no userinfo request was answered with a JSON object yet"),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    subject = document.get("sub")
    told = id_tokens(case, "token", "refresh")[-1:]
    if not isinstance(subject, str) or not subject:
        seen = "sub that is no text" if "sub" in document else "no sub"
        yield Seen(exchange, "body:/sub", "sub, a string that is not empty", seen)
    elif told and told[0].claims.get("sub") != subject:
        yield Seen(exchange, "body:/sub", "the sub of the ID token", "another sub (ID token read, not verified)")
