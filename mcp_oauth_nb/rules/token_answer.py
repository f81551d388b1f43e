"""Rules for what a token endpoint says: its errors, the scope it grants, and what it must not grant."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.discovery import Found
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    fits_challenge,
    form,
    is_at_idp,
    is_pending,
    jwt_claims,
    oauth_error,
    query,
    redirect,
    shows_verifier,
    text,
    texts,
    without_nonces,
)
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.token_claims import without
from mcp_oauth_nb.rules.tokens import ISSUED, issued
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, quoted, shown

_NOT_LISTED = frozenset({"offline_access", "openid"})
"""Scopes that servers grant without repeating them."""


def _refusals(case: Case) -> list[Exchange]:
    """Answers of the token endpoint that refuse; not those that say it is busy."""
    told = without_nonces(case, [one for one in case.answered("token") if not is_at_idp(one) and not is_pending(one)])
    return [one for one in told if _refuses(one) and one.status not in (429, 503)]


def _refuses(exchange: Exchange) -> bool:
    return exchange.status != 200 or (bool(oauth_error(exchange)) and "access_token" not in (exchange.document or {}))


@rule(
    "token-error-malformed",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint refuses in a form that clients cannot read as an OAuth error.",
    fix="Refuse with 400, or 401 for invalid_client, and a JSON object with error and error_description.",
    spec=Spec("RFC 6749", "5.2"),
    over=Selector(_refusals, "no token request was refused"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    """Any other status without an OAuth error is no answer of a token endpoint at all: `token-refused` says so."""
    error, status = oauth_error(exchange), exchange.status or 0
    if not error and status in (400, 401):
        yield Seen(exchange, "body:", "a JSON object with error", came(exchange))
    elif not error:
        return
    elif status not in (400, 401, 403):
        summary = f"The token endpoint refuses with the status {status}, which clients do not take for a refusal."
        yield Seen(exchange, "status", "400 or 401", str(status), summary)
    elif status == 401 and error == "invalid_client" and _lacks_challenge(exchange):
        summary = "The client authenticated with Basic and was refused with 401, but without a challenge."
        yield Seen(exchange, "header:WWW-Authenticate", "WWW-Authenticate: Basic", "no such header", summary)


def _lacks_challenge(exchange: Exchange) -> bool:
    used = (exchange.request.header("authorization") or "").lower().startswith("basic ")
    return used and exchange.response is not None and exchange.response.header("www-authenticate") is None


@rule(
    "scope-narrowed",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The token was granted less scope than was asked for.",
    fix="Allow this client and user the missing scope, or have the MCP server ask for less.",
    spec=Spec("RFC 6749", "3.3"),
    over=Selector(
        lambda case: [
            found for found in issued(case, "token") if _asked(case, found[0]) and _granted(found) is not None
        ],
        "no token was issued whose scope is told",
    ),
    explains=("insufficient-scope",),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    granted = _granted(found) or frozenset()
    missing = without(_asked(case, found[0]) - _NOT_LISTED, granted)
    if missing and not without(missing, {part for one in granted for part in one.split(",")}):
        summary = "The scopes of the answer are separated by commas, so that clients read them as one scope."
        fix = "Separate scopes by spaces."
        yield Seen(
            found[0], "body:/scope", "scopes separated by spaces", quoted(" ".join(sorted(granted))), summary, fix
        )
    elif missing:
        part = "body:/scope" if "scope" in found[1] else "body:/access_token"
        wanted = quoted(" ".join(sorted(missing)))
        yield Seen(found[0], part, wanted, quoted(" ".join(sorted(granted))) if granted else "no scope")


def _asked(case: Case, exchange: Exchange) -> frozenset[str]:
    asked = authorization_request(case)
    return frozenset((form(exchange).get("scope") or (query(asked).get("scope", "") if asked else "")).split())


def _granted(found: Found) -> frozenset[str] | None:
    """The scopes of a token: as the answer says, else as the claims of a JWT say; None where neither does."""
    told = text(found[1].get("scope"))
    if told is not None:
        return frozenset(told.split())
    claims = jwt_claims(found[1]["access_token"])
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, list):
        return frozenset(texts(value))
    return frozenset(value.split()) if isinstance(value, str) else None


@rule(
    "token-scope-malformed",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The answer tells the granted scope in another form than as one string.",
    fix="Send scope as one JSON string, with a space between two scopes.",
    spec=Spec("RFC 6749", "3.3"),
    over=ISSUED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    """Clients that expect a string give up on the whole answer; others take it for an answer without scope."""
    exchange, document = found
    scope = document.get("scope")
    if scope is not None and text(scope) is None:
        yield Seen(exchange, "body:/scope", "a string", shown(scope))


@rule(
    "token-and-error",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint answers with an access token and an error at once.",
    fix="Send either the token, or 400 with the error: some clients look for one first, and some for the other.",
    spec=Spec("RFC 6749", "5.1"),
    over=ISSUED,
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    exchange, document = found
    if document.get("error"):
        yield Seen(exchange, "body:/error", "an access token alone", f"error={shown(document['error'])} beside it")


@rule(
    "token-not-bound",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="A proof of possession was sent, but the token is not bound to the key.",
    fix="Answer a token request with a DPoP proof with token_type DPoP, or do not announce DPoP.",
    spec=Spec("RFC 9449", "5"),
    over=Selector(
        lambda case: [one for one in issued(case, "token") if one[0].request.header("dpop")],
        "no token was issued for a request with a DPoP proof",
    ),
)
def _(case: Case, found: Found) -> Iterator[Seen]:
    if (text(found[1].get("token_type")) or "").lower() == "bearer":
        yield Seen(found[0], "body:/token_type", "DPoP", "Bearer")


CODE_LIFETIME_S = 600
"""How long a code may live at most (RFC 6749 4.1.2)."""


def _aged(case: Case) -> list[tuple[Exchange, float]]:
    """Redeemed codes that worked, each with the seconds since it came back: it is at least as old as that."""
    ages = ((one, _age_s(case, one)) for one, _ in issued(case, "token"))
    return [(one, age) for one, age in ages if age is not None]


def _age_s(case: Case, redeeming: Exchange) -> float | None:
    back, code = redirect(case), form(redeeming).get("code")
    if back is None or not code or query(back).get("code") != code or back.id > redeeming.id:
        return None
    if (back.started.tzinfo is None) != (redeeming.started.tzinfo is None):
        return None
    return (redeeming.started - back.started).total_seconds() - back.elapsed_ms / 1000


@rule(
    "code-lives-long",
    step="token",
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="A code was still good more than ten minutes after it was issued.",
    fix="Let codes run out after a minute or so, and after ten minutes at most: whoever finds an old one can use it.",
    spec=Spec("RFC 6749", "4.1.2"),
    over=Selector(_aged, "no code was redeemed of which it is known when it came"),
)
def _(case: Case, found: tuple[Exchange, float]) -> Iterator[Seen]:
    exchange, age_s = found
    if age_s > CODE_LIFETIME_S:
        seen = f"200 after {age_s / 60:.0f} minutes"
        yield Seen(exchange, "status", "400 with error=invalid_grant after ten minutes", seen)


def _unfitting(case: Case) -> list[Exchange]:
    """Answered token requests whose verifier is not the one of the authorization request."""
    asked = authorization_request(case)
    challenge = query(asked).get("code_challenge") if asked else None
    sent = [one for one in case.answered("token") if challenge and form(one).get("code") and shows_verifier(one)]
    return [one for one in sent if not fits_challenge(form(one).get("code_verifier", ""), asked)]


@rule(
    "verifier-not-checked",
    step="token",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The authorization server redeems a code although the code verifier is wrong or missing.",
    fix="Compare the S256 hash of code_verifier with the code_challenge of the code, and refuse with invalid_grant.",
    spec=Spec("RFC 7636", "4.6"),
    over=Selector(_unfitting, "no code was redeemed with a wrong code verifier or none"),
    explains=("pkce-mismatch",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 200 and text((exchange.document or {}).get("access_token")):
        yield Seen(exchange, "status", "400 with error=invalid_grant", "an access token", step=exchange.step)
