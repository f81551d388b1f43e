"""What holds everywhere: transport, hosts, origin."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "GEN-01",
        "MCP server",
        "Y Y Y Y",
        "A server may do without authorization; one that serves everybody is not broken.",
        rules=("not-protected",),
    ),
    Requirement(
        "GEN-02",
        "authorization server",
        "M M M M",
        "Every endpoint of the authorization server is served over https.",
        rules=("endpoint-not-https", "authorization-servers-malformed"),
    ),
    Requirement(
        "GEN-03",
        "client",
        "M M M M",
        "A redirect URI is on the client's own machine or https.",
        rules=("redirect-uri-insecure",),
    ),
    Requirement(
        "GEN-04",
        "MCP server",
        "m m m m",
        "The MCP endpoint and its metadata are served over https, but on the local machine.",
        rules=("resource-not-https", "challenge-metadata-url"),
    ),
    Requirement(
        "GEN-05",
        "both",
        "SN SN SN SN",
        "A server that speaks over stdio takes credentials from its environment and not from this flow.",
        unobservable="a server that speaks over stdio sends no HTTP",
    ),
    Requirement(
        "GEN-06",
        "MCP server",
        "M M M M",
        "The MCP endpoint checks the Origin header, and answers 403 to a foreign one.",
        rules=("origin-unchecked",),
        probe_only=True,
    ),
    Requirement(
        "GEN-07",
        "authorization server",
        "M M M M",
        "The authorization server implements OAuth 2.1 with its measures for public and confidential clients.",
        unobservable="it is the sum of the other duties, each of which is decided by itself",
    ),
    Requirement(
        "GEN-08",
        "MCP server",
        "M - - -",
        "A server that has another authorization server behind it binds its own tokens to that one's session.",
        unobservable="the session with the other server is not part of what a client sees",
    ),
)
