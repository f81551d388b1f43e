"""The names of the probes: what an ordinary client would not send, each run by name and beside the route.

The steps stand in `steps.probes`, the rules about them beside the other rules. Both floors read the names from here, as
they read the route from `grants`.
"""

from __future__ import annotations

WELL_KNOWN = "well_known"
FRESH_GRANT = "fresh_grant"
CLIENT_DOCUMENT = "client_document_check"
PROBES = (
    WELL_KNOWN,
    CLIENT_DOCUMENT,
    "second_fetch",
    "jwks",
    "without_token",
    "garbage_token",
    "malformed_authorization",
    "wrong_scheme_case",
    "token_in_query",
    "token_elsewhere",
    "session_only",
    "origin",
    "slash",
    "accept",
    "get_stream",
    "post_get",
    "get_and_delete",
    "unknown_version",
    "unknown_method",
    "wrong_audience",
    "http_redirect_registration",
    "unknown_client",
    "unregistered_redirect",
    "without_resource",
    "wrong_verifier",
    "without_verifier",
    "basic_or_body",
    "introspect_anonymous",
    "code_replay",
    FRESH_GRANT,
)
"""Every probe off the route, in the order in which their findings are told."""
ASKED_BESIDE = ("introspect", "userinfo", "registration", WELL_KNOWN)
"""Steps that only ask. No flow needs their answer, so that a refusal, or nothing at all, is a warning at most."""
SPENDING = ("code_replay",)
"""Probes that may end a grant, which is one of their own."""
FRESH = ("wrong_audience", "without_resource", "wrong_verifier", "without_verifier", "code_replay", "token_in_query",
         "fresh_grant")  # fmt: skip
"""Probes that need an authorization of their own, so somebody who consents."""
NOT_TESTED = "not tested"
"""How the reason of a probe begins that could not ask, or whose answer leaves the question open."""
INVALID_ORIGIN = "https://attacker.invalid"
UNKNOWN_VERSION = "1900-01-01"
UNKNOWN_METHOD = "no/such-method"
UNREGISTERED_REDIRECT = "https://unregistered.invalid/callback"
PLAIN_REDIRECT = "http://client.invalid/callback"
UNKNOWN_CLIENT = "no-such-client"
DUMMY_CODE = "no-such-code"
"""What the probes send; a rule knows its evidence by them."""
