"""Client ID metadata documents."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "CIMD-01",
        "client",
        "- - M M",
        "A client id that names a document is an https URL with a path.",
        rules=("client-document-url",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-02",
        "client",
        "- - m m",
        "That URL has no fragment, user name or dot segment, and better no query.",
        rules=("client-document-url",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-03",
        "client",
        "- - M M",
        "The document holds client_id, client_name and redirect_uris.",
        rules=("client-document-incomplete",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-04",
        "client",
        "- - M M",
        "The client_id in the document is its URL, letter by letter.",
        rules=("client-document-id",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-05",
        "client",
        "- - mn mn",
        "The document holds no secret, and no way to authenticate that needs a shared one.",
        rules=("client-document-secret",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-06",
        "client",
        "- - D D",
        "The document is answered 200 as JSON, without a redirect.",
        rules=("client-document-missing", "client-document-media-type"),
        probe_only=True,
    ),
    Requirement(
        "CIMD-07",
        "client",
        "- - S S",
        "The client sends a URL as its id only where the metadata announces that such documents are read.",
        rules=("client-document-unannounced",),
    ),
    Requirement(
        "CIMD-08",
        "authorization server",
        "- - S S",
        "The authorization server reads the document of a client id that is a URL.",
        unobservable="only the host of the document sees who reads it",
    ),
    Requirement(
        "CIMD-09",
        "authorization server",
        "- - M M",
        "The authorization server checks the document: its client_id, its members, and the redirect URI in use.",
        rules=("client-document-unchecked",),
        probe_only=True,
    ),
    Requirement(
        "CIMD-10",
        "authorization server",
        "- - S S",
        "The authorization server caches the document as its headers say, and never an error.",
        unobservable="only the host of the document sees how often it is read",
    ),
    Requirement(
        "CIMD-11",
        "authorization server",
        "- - M M",
        "The consent page shows the host that the browser is sent back to.",
        unobservable="a consent page shows to a person in a browser only",
    ),
    Requirement(
        "CIMD-12",
        "client",
        "- - s s",
        "The document stays under 5 kB.",
        rules=("client-document-size",),
        probe_only=True,
    ),
)
