"""The challenge of a 401 or 403."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "CH-01",
        "MCP server",
        "M M M M",
        "A request that needs authorization and carries none is answered 401.",
        rules=("unauthenticated-status",),
    ),
    Requirement(
        "CH-02",
        "MCP server",
        "- M M* M*",
        "The 401 names the URL of the protected resource metadata in `resource_metadata`.",
        rules=("challenge-metadata-missing", "resource-metadata-missing"),
    ),
    Requirement(
        "CH-03", "MCP server", "m m m m", "A 401 carries at least one challenge.", rules=("challenge-missing",)
    ),
    Requirement(
        "CH-04",
        "MCP server",
        "m m m m",
        "The challenge has the scheme Bearer and at least one parameter.",
        rules=("challenge-missing", "challenge-malformed"),
    ),
    Requirement(
        "CH-05",
        "MCP server",
        "sn sn sn sn",
        "A challenge to a request without credentials carries no error.",
        rules=("challenge-error-without-token",),
    ),
    Requirement(
        "CH-06",
        "MCP server",
        "- - S S",
        "The challenge lists in `scope` what the resource needs.",
        rules=("challenge-scope-missing",),
    ),
    Requirement(
        "CH-07",
        "MCP server",
        "mn mn mn mn",
        "No parameter of RFC 6750 stands twice in one challenge.",
        rules=("challenge-parameter-repeated",),
    ),
    Requirement(
        "CH-08",
        "MCP server",
        "mn mn mn mn",
        "The values of `scope` and the error parameters keep to the permitted characters.",
        rules=("challenge-characters",),
    ),
    Requirement(
        "CH-09",
        "client",
        "- M M M",
        "The client parses WWW-Authenticate and reacts to a 401 of the MCP server.",
        rules=("challenge-ignored", "metadata-request-misplaced"),
    ),
    Requirement(
        "CH-10",
        "MCP server",
        "- m m m",
        "`resource_metadata` is an absolute https URL of the metadata of this very resource.",
        rules=("challenge-metadata-url", "challenge-metadata-foreign"),
    ),
    Requirement(
        "CH-11",
        "MCP server",
        "- m m m",
        "A URL as value of a parameter is a quoted string.",
        rules=("challenge-malformed",),
    ),
    Requirement(
        "CH-12",
        "MCP server",
        "- - - SN",
        "The challenged scopes do not hold `offline_access`.",
        rules=("challenge-offline-access",),
    ),
    Requirement(
        "CH-13",
        "MCP server",
        "M M M M",
        "An invalid or expired token is answered 401.",
        rules=("invalid-token-status",),
        probe_only=True,
    ),
    Requirement(
        "CH-14",
        "MCP server",
        "s s s s",
        "The 401 to a bad token says `invalid_token`.",
        rules=("invalid-token-unnamed",),
        probe_only=True,
    ),
    Requirement(
        "CH-15",
        "MCP server",
        "M M M M",
        "A malformed authorization request is answered 400.",
        rules=("malformed-authorization-status",),
        probe_only=True,
    ),
    Requirement(
        "CH-16",
        "client",
        "- - M M",
        "The client asks for the scopes of the challenge, which are authoritative for the request at hand.",
        rules=("scope-selection",),
    ),
    Requirement(
        "CH-17",
        "client",
        "- - MN MN",
        "The client assumes no relation between challenged scopes and `scopes_supported`.",
        rules=("scope-selection",),
    ),
)
