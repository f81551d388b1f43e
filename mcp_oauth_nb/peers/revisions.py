"""What each protocol revision asks of a client, as rows like those of the clients.

The revisions leave open what is not written here as one of several ways; where they do, it is the way of this package's
own steps, which the tests hold these rows to.
"""

from __future__ import annotations

from mcp_oauth_nb.peers.rows import Peer, Row, changed, rows_of

READ = "2026-11-21"
PAGE = "specification/{}/basic/authorization"
HOME = "github.com/modelcontextprotocol/modelcontextprotocol"

_FIRST = rows_of(
    """
    challenge: ignored | Authorization Flow
    redirects: none | not said
    no answer: next | not said
    resource metadata at: none | Server Metadata Discovery
    path of the location: RFC 9728 | there is none
    resource metadata, next: anything | there is none
    no resource metadata: origin | Authorization Base URL
    resource: none | there is none
    resource, when: at once | there is none
    server metadata at: RFC 8414 | Server Metadata Discovery
    server metadata of the origin at: RFC 8414 | Server Metadata Discovery
    server metadata, next: anything | Server Metadata Discovery
    OpenID document: like any | not said
    no server metadata: paths after 404 | Fallbacks for Servers without Metadata Discovery
    issuer: not checked | not said
    documents: objects | not said
    S256: not checked | Authorization Flow asks for PKCE, not for a look at the metadata
    S256, when: at once | not said
    response types: not checked | not said
    registration: dynamic | Dynamic Client Registration
    no registration_endpoint: stops | Dynamic Client Registration
    scope: challenge, resource | not said; the order of later revisions is taken
    offline_access: not added | not said
    resource parameter: none | not said
    iss: not checked | not said
    token endpoint: any | not said
    token type: bearer | OAuth 2.1 5.2.1
    authentication: as the metadata lists | RFC 8414 2
    403 insufficient_scope: not described | Error Handling names the status alone
    refresh: optional | Token Handling
    """,
    "",
)

_SECOND = changed(
    _FIRST,
    *rows_of(
        """
        challenge: grammar | Authorization Server Location; RFC 9728 5.1, RFC 9110 11.6.1
        resource metadata at: challenge or well-known | Authorization Server Location; without the parameter RFC 9728 3
        path of the location: RFC 9728 | RFC 9728 3.1
        no resource metadata: stops | Authorization Server Location
        resource: same or parent | RFC 9728 3.3; another spelling is let pass with a warning
        resource, when: at once | RFC 9728 3.3
        server metadata of the origin at: not asked | Authorization Server Location
        no server metadata: stops | Server Metadata Discovery
        issuer: equal, else next | RFC 8414 3.3
        resource parameter: always | Resource Parameter Implementation
        refresh: described | Token Theft
        """,
        "",
    ),
)

_THIRD = changed(
    _SECOND,
    *rows_of(
        """
        resource metadata at: challenge or well-known | Protected Resource Metadata Discovery Requirements
        server metadata at: RFC 8414 and OIDC | Authorization Server Metadata Discovery
        S256: must be listed | Authorization Code Protection
        registration: document or dynamic | Client Registration Approaches
        scope: challenge, resource | Scope Selection Strategy
        403 insufficient_scope: challenged scopes | Step-Up Authorization Flow
        """,
        "",
    ),
)

_FOURTH = changed(
    _THIRD,
    *rows_of(
        """
        offline_access: may be added | Refresh Tokens
        iss: checked | Authorization Response Validation; RFC 9207 2.4
        403 insufficient_scope: union | Step-Up Authorization Flow
        refresh: described | Refresh Tokens
        """,
        "",
    ),
)


def _revision(version: str, rows: tuple[Row, ...]) -> Peer:
    placed = tuple(Row(row.behaviour, row.value, f"{PAGE.format(version)}: {row.source}") for row in rows)
    return Peer("MCP", version, f"{HOME}; {PAGE.format(version)}", READ, placed)


REVISIONS = (
    _revision("2025-03-26", _FIRST),
    _revision("2025-06-18", _SECOND),
    _revision("2025-11-25", _THIRD),
    _revision("2026-07-28", _FOURTH),
)
"""The protocol revisions, in the order shown."""
