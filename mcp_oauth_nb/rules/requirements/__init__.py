"""The requirements of MCP authorization and of the RFCs under it: a contract that holds both ways.

Each requirement names the rules that decide it, and says where an ordinary flow is not enough for them and only a probe
decides it; or it names the reason why captured HTTP cannot decide it. Each rule is named by a requirement, or stands in
`BEYOND` with the reason why it exists all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.rules.requirements import (
    access_tokens,
    authorization,
    authorization_response,
    challenge,
    client_documents,
    extensions,
    general,
    refresh,
    registration,
    requests,
    resource_metadata,
    revocation,
    server_metadata,
    step_up,
    tokens,
)
from mcp_oauth_nb.rules.requirements.row import Requirement

REQUIREMENTS: Mapping[str, Requirement] = {
    row.id: row
    for area in (
        general,
        challenge,
        resource_metadata,
        server_metadata,
        registration,
        client_documents,
        authorization,
        authorization_response,
        tokens,
        refresh,
        access_tokens,
        requests,
        step_up,
        revocation,
        extensions,
    )
    for row in area.ROWS
}
"""Every requirement by its id, in the order of the flow."""

BEYOND: Mapping[str, str] = {
    "unreachable": "no answer at all is below every requirement, and the most frequent cause",
    "challenge-not-exposed": "browsers ask for it, and no other client",
    "authorization-server-unlisted": "the choice is the client's, and who chose one that is not there asks about it",
    "authorization-page": "a page is no breach by itself: it is where a wrong request, a person or a gateway shows",
    "authorization-error": "an error is how a server rightly refuses: what it refuses is the question",
    "redirect-not-received": "nobody has to come back, and yet it is what most people ask about",
    "refresh-client-differs": "only RFC 6749 binds a refresh token to its client, and a mix-up ends in invalid_grant",
    "dead-token-reused": "no requirement says when to stop, and clients go on with dead tokens for ever",
    "token-rejected": "refusing is a server's right: why it refuses a fresh token is what most people ask",
    "url-elicitation-required": "to want something of the user is no breach, and it stops the flow all the same",
    "input-required": "to want something of the user is no breach, and it stops the flow all the same",
    "id-token-malformed": "MCP asks for no ID token, and OpenID Connect says how one must look that comes all the same",
    "id-token-issuer": "of OpenID Connect alone, and a token of a mixed-up server gives itself away by it",
    "id-token-audience": "of OpenID Connect alone, and a token of a mixed-up client gives itself away by it",
    "id-token-expired": "of OpenID Connect alone, and a clock that is wrong gives itself away by it",
    "id-token-nonce": "of OpenID Connect alone, and a token of another login gives itself away by it",
    "userinfo-refused": "of OpenID Connect alone, and asked only to learn whether the token is good",
    "userinfo-subject": "of OpenID Connect alone, and asked only to learn whom the token stands for",
    "unexpected-answer": "the last resort, for what no other rule knows",
    "scheme-case": "HTTP itself wants schemes compared without case, and clients write them both ways",
    "query-token-accepted": "the duty is the client's; a server that takes such tokens invites them",
    "slash-redirect-leaves": "no specification speaks of the slash, and clients lose their token over it",
    "accept-falls-over": "an incomplete header is the client's mistake, a crash over it the server's",
    "metadata-unsteady": "two machines behind one URL explain what no single answer can",
    "keys-unreadable": "whoever is handed a token cannot check it without the keys",
    "implicit-grant-used": "MCP knows no implicit grant, and APIs without MCP still have it",
    "implicit-answer-incomplete": "MCP knows no implicit grant, and APIs without MCP still have it",
    "implicit-answer-in-query": "MCP knows no implicit grant, and APIs without MCP still have it",
    "implicit-refresh-token": "MCP knows no implicit grant, and APIs without MCP still have it",
    "password-grant-used": "MCP knows no password grant, and APIs without MCP still have it",
    "device-refused": "MCP knows no device grant; RFC 8628 says how it is refused",
    "device-answer-incomplete": "MCP knows no device grant; RFC 8628 says what the answer holds",
    "device-uri-unusable": "MCP knows no device grant; a person is sent to that address all the same",
    "device-pending-status": "MCP knows no device grant; RFC 8628 says how to be told to wait",
    "device-code-expired": "MCP knows no device grant; whom everything waits for is the person",
    "device-asked-too-often": "MCP knows no device grant; RFC 8628 says how long to wait",
    "request-not-https": "without MCP the endpoints are typed, and no document is there to be judged",
    "auto-refresh-unavailable": "a setting that cannot have its way is no breach, and nobody likes to find out late",
    "api-refused": "an API without MCP is no MCP server: why it refuses a token is what most people ask",
    "api-challenge-missing": "an API without MCP is no MCP server; RFC 6750 binds it all the same",
    "api-scheme-unusual": "some APIs want another prefix, and clients trip over it",
    "id-token-shown-to-api": "some APIs take ID tokens, and it is a mistake with all others",
    "keys-private": "no clause on metadata foresees it, and nothing is worse",
}
"""Rules that decide no requirement, with the reason why they are there."""


def decided_by(rule: str) -> tuple[Requirement, ...]:
    """The requirements that a rule decides."""
    return tuple(row for row in REQUIREMENTS.values() if rule in row.rules)
