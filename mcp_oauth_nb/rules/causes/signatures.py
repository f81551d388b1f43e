"""What may stand behind a refused token whose signature is wrong, unknown, or checked with other keys."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.jwt import Jwt
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.presented import Presented, presented, quoting, refusal
from mcp_oauth_nb.rules.evidence import server_document, text
from mcp_oauth_nb.rules.named_checks import CHECKS, names_only
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.signatures import key_sets, signature_of
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.token_claims import audiences, resources
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, shown

REJECTED = "token-rejected"
KEYS = "dbg.probe('jwks')"
SIGNATURE = Spec("RFC 9068", "4")


def _algorithm(jwt: Jwt) -> str:
    return text(jwt.header.get("alg")) or ""


def _kid(token: Presented) -> Line:
    header = token.jwt.header if token.jwt else {}
    return token.told(f"alg={shown(header.get('alg'))}, kid={shown(header.get('kid'))}")


def _checked(case: Case, token: Presented, outcome: str) -> tuple[Line, ...]:
    """The line that says what the last key set made of the signature."""
    return tuple(line(one, "body:/keys", outcome) for one in key_sets(case)[-1:])


@suspect(
    "symmetric-signature",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is signed with a shared secret, which the published keys cannot check.",
    fix="Configure an asymmetric signing key at the authorization server, such as RS256 or ES256; or have the MCP "
    "server expect this algorithm.",
    spec=Spec("RFC 8725", "3.1"),
    apart="The alg of the token's header beside the algorithms of the published keys.",
    call=KEYS,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is not None and token.jwt is not None and _algorithm(token.jwt).upper().startswith("HS"):
        found = server_document(case)
        keys = found is not None and text(found[1].get("jwks_uri"))
        yield Fit("likely" if keys else "possible", (token.told(f"alg={shown(_algorithm(token.jwt))}"),))


@suspect(
    "signing-key-unknown",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The access token is signed with a key that the authorization server does not publish.",
    fix="Publish every key that still signs at jwks_uri, and leave old ones there until their tokens have run out.",
    spec=Spec("RFC 7517", "4.5"),
    apart="The kid of the token's header among those of the published keys.",
    call=KEYS,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    named = text(token.jwt.header.get("kid")) if token and token.jwt else None
    for exchange, document in case.documents("jwks"):
        keys = document.get("keys")
        known = [one.get("kid") for one in keys if isinstance(one, dict)] if isinstance(keys, list) else []
        if token is not None and named and known and named not in known:
            listed = ", ".join(shown(one) for one in known[:5])
            lines = (token.told(f"kid={shown(named)}"), line(exchange, "body:/keys", f"kid: {listed}"))
            yield Fit("likely", lines)
            return


@suspect(
    "signature-wrong",
    of=REJECTED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The signature of the access token is wrong: it was not made with the published key, or the token was "
    "changed after it was signed.",
    fix="Sign with the key that is published, and give each new key a kid of its own; where the token passes a "
    "gateway on its way, have it passed on unchanged.",
    spec=SIGNATURE,
    apart="Whether the published key verifies the signature.",
    call=KEYS,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is None or token.jwt is None or signature_of(case, token.token, token.jwt) != "wrong signature":
        return
    is_sure = token.source is not None and "kid" in token.jwt.header  # without it, a key set of another day was tried
    lines = (_kid(token), *_checked(case, token, "the published key does not verify the signature"))
    yield Fit("certain" if is_sure else "likely", lines)


@suspect(
    "published-keys-not-held",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="The MCP server does not have the published keys to check the signature with: it holds old ones or those "
    "of another issuer, or could not fetch any.",
    fix="Have the MCP server read the keys at jwks_uri of the issuer that its own metadata names, and fetch them anew "
    "for a kid that it does not know.",
    spec=SIGNATURE,
    apart="Whether a published key verifies the signature: if so, the MCP server holds other ones.",
    call=KEYS,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    refused = refusal(case, token.token) if token else None
    if token is None or token.jwt is None or refused is None or not names_only(refused, "signature"):
        return
    if _algorithm(token.jwt) not in ("", "none") and not _algorithm(token.jwt).upper().startswith("HS"):
        outcome = signature_of(case, token.token, token.jwt)
        if outcome in (None, "not verified", "verified"):
            good = _checked(case, token, "verified with a published key") if outcome == "verified" else ()
            yield Fit("likely", (*quoting(refused, CHECKS["signature"]), _kid(token), *good))


def _says_what_fits(case: Case, token: Presented | None) -> bool:
    """Whether a token names the published issuer, and the MCP server as its audience."""
    found = server_document(case)
    if token is None or token.jwt is None or found is None:
        return False
    claims = token.jwt.claims
    ours = set(audiences(claims)) & set(resources(case, token.source))
    return claims.get("iss") == found[1].get("issuer") and bool(ours)


@suspect(
    "signature-or-policy",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="All that the access token says of itself fits: what is left are the key for its signature and the MCP "
    "server's own policy.",
    fix="See in the log of the MCP server which check failed; have it fetch the published keys anew.",
    spec=SIGNATURE,
    apart="Whether the key that signed the token is among the published ones.",
    call=KEYS,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is None or token.jwt is None or not _says_what_fits(case, token):
        return
    if signature_of(case, token.token, token.jwt) in (None, "not verified"):
        yield Fit("possible", (token.claim("iss"), token.claim("aud"), _kid(token)))


@suspect(
    "good-token-refused",
    of=REJECTED,
    step="",
    who=MCP_SERVER,
    summary="All that can be checked of the access token is right, its signature too: what is left is what the MCP "
    "server itself expects.",
    fix="See in the log of the MCP server which check failed, and what it was set up to expect: audience, issuer, "
    "keys, or a policy of its own.",
    spec=SIGNATURE,
    apart="The log of the MCP server names the check.",
    call="dbg.introspect()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    token = presented(case, finding)
    if token is None or token.jwt is None or not _says_what_fits(case, token):
        return
    if signature_of(case, token.token, token.jwt) == "verified":
        lines = (token.claim("iss"), token.claim("aud"), *_checked(case, token, "verified with a published key"))
        yield Fit("possible", lines)
