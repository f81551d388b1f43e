"""Protected resource metadata."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "PRM-01",
        "MCP server",
        "- M M M",
        "The MCP server publishes protected resource metadata.",
        rules=("resource-metadata-missing", "metadata-nowhere"),
    ),
    Requirement(
        "PRM-02",
        "MCP server",
        "- m M* M*",
        "The document is at the well-known URL with the endpoint's path, or at the root one.",
        rules=("resource-metadata-missing", "resource-metadata-unread", "resource-metadata-not-well-known"),
    ),
    Requirement(
        "PRM-03",
        "client",
        "- M M M",
        "The client asks at the URL of the challenge, else at the well-known URLs in their order.",
        rules=("metadata-request-misplaced",),
    ),
    Requirement(
        "PRM-04",
        "MCP server",
        "- m m m",
        "The metadata is answered 200 with a JSON object as application/json.",
        rules=(
            "resource-metadata-missing",
            "well-known-page",
            "resource-metadata-media-type",
            "metadata-byte-order-mark",
        ),
    ),
    Requirement("PRM-05", "MCP server", "- m m m", "The member `resource` is present.", rules=("resource-mismatch",)),
    Requirement(
        "PRM-06",
        "client",
        "- m m m",
        "The client uses a document only where `resource` is the identifier it was looked up for.",
        rules=("resource-mismatch", "metadata-copy-misnamed"),
    ),
    Requirement(
        "PRM-07",
        "MCP server",
        "- M M M",
        "`authorization_servers` has at least one entry.",
        rules=("authorization-servers-missing",),
    ),
    Requirement(
        "PRM-08",
        "MCP server",
        "- m m m",
        "Each entry is an issuer identifier: an https URL without query and fragment.",
        rules=("authorization-servers-malformed",),
    ),
    Requirement(
        "PRM-09", "MCP server", "- s s s", "`scopes_supported` is published.", rules=("challenge-scope-missing",)
    ),
    Requirement(
        "PRM-10",
        "MCP server",
        "- - - SN",
        "`scopes_supported` does not hold `offline_access`.",
        rules=("metadata-offline-access",),
    ),
    Requirement(
        "PRM-11",
        "MCP server",
        "- D D D",
        "`bearer_methods_supported`, where it is given, holds `header`.",
        rules=("header-tokens-unsupported",),
    ),
    Requirement(
        "PRM-12",
        "MCP server",
        "- D D D",
        "The document can be read without credentials.",
        rules=("resource-metadata-missing", "well-known-blocked"),
    ),
    Requirement(
        "PRM-13", "MCP server", "- m m m", "Members without a value are left out.", rules=("metadata-empty-members",)
    ),
    Requirement(
        "PRM-14",
        "MCP server",
        "- m m m",
        "`resource` is an https URL without fragment, and better without query.",
        rules=("resource-malformed",),
    ),
    Requirement(
        "PRM-15",
        "client",
        "- D D D",
        "The client chooses among the authorization servers that the document names.",
        rules=("published-issuer-ignored",),
    ),
    Requirement(
        "PRM-16",
        "client",
        "- s s s",
        "A fresh challenge that names metadata makes the client read it again.",
        rules=("challenge-not-followed-up",),
    ),
    Requirement(
        "PRM-17",
        "client",
        "- m m m",
        "The client ignores unknown members, and prefers signed ones where it supports them.",
        unobservable="what a client makes of a member leaves no trace on the wire; dbg.config shows the signed "
        "ones, read and not verified",
    ),
    Requirement(
        "PRM-18",
        "both",
        "- s s s",
        "Where both sides list each other, `protected_resources` and `authorization_servers` agree.",
        rules=("resource-not-listed",),
    ),
)
