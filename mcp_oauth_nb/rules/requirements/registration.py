"""Getting a client id."""

from __future__ import annotations

from mcp_oauth_nb.rules.requirements.row import Requirement

ROWS = (
    Requirement(
        "REG-01",
        "both",
        "S S Y Yd",
        "Client and authorization server support dynamic registration.",
        rules=("registration-endpoint-missing",),
    ),
    Requirement(
        "REG-02",
        "both",
        "- - S S",
        "Client and authorization server support client ID metadata documents.",
        rules=("client-document-unused", "document-flag-malformed"),
    ),
    Requirement(
        "REG-03",
        "client",
        "- - S S",
        "A client takes what was registered beforehand, else a metadata document, else it registers, else it asks.",
        rules=("given-client-unused", "client-document-unused"),
    ),
    Requirement(
        "REG-04",
        "client",
        "- - S S",
        "A client lets credentials be entered that were registered by hand.",
        unobservable="what can be entered into a client does not show in what it sends",
    ),
    Requirement(
        "REG-05",
        "client",
        "m m m m",
        "A registration is a POST of a JSON object with redirect URIs.",
        rules=("registration-malformed",),
    ),
    Requirement(
        "REG-06",
        "authorization server",
        "m m m m",
        "A granted registration is answered 201 with a JSON object that has a client_id.",
        rules=("registration-answer-invalid", "registration-status", "registration-media-type"),
    ),
    Requirement(
        "REG-07",
        "authorization server",
        "m m m m",
        "A client secret comes with the time at which it expires.",
        rules=("registration-secret-expiry",),
    ),
    Requirement(
        "REG-08",
        "authorization server",
        "m m m m",
        "The answer repeats all that was registered, and what the server changed.",
        rules=("registration-changed", "registration-method-replaced"),
    ),
    Requirement(
        "REG-09",
        "both",
        "m m m m",
        "What is left out of a registration has its default: a secret in HTTP Basic, and the authorization code.",
        rules=("registration-method-contradicted", "public-client-unsaid"),
    ),
    Requirement(
        "REG-10",
        "authorization server",
        "m m m m",
        "A refused registration is answered 400 with a JSON object that names the error.",
        rules=("registration-refused", "registration-error-malformed"),
    ),
    Requirement(
        "REG-11",
        "client",
        "- - - M",
        "A registration says the application_type.",
        rules=("application-type-missing",),
    ),
    Requirement(
        "REG-12",
        "client",
        "- - - S",
        "Applications on a user's own machine are native, those in a remote browser are web.",
        rules=("application-type-unfit",),
    ),
    Requirement(
        "REG-13",
        "client",
        "- - - M",
        "A client is prepared for its redirect URIs to be refused, and tells the user.",
        unobservable="a refusal can be captured, but a client that gives up at it and one that tells the user send the "
        "same: nothing",
    ),
    Requirement(
        "REG-14",
        "client",
        "- - - S",
        "A client that wants refresh tokens registers the grant for them.",
        rules=("refresh-grant-unnamed",),
    ),
    Requirement(
        "REG-15",
        "client",
        "- - - M",
        "Client credentials go to no other authorization server than the one that issued them.",
        rules=("client-of-another-server",),
    ),
    Requirement(
        "REG-16",
        "client",
        "- M M M",
        "The redirect URI in use is registered with the authorization server.",
        rules=("redirect-uri-unregistered", "client-document-redirect"),
    ),
    Requirement(
        "REG-17",
        "authorization server",
        "m m m m",
        "An answer with credentials is not to be stored.",
        rules=("registration-cacheable",),
    ),
    Requirement(
        "REG-18",
        "authorization server",
        "s s s s",
        "A registration that can be managed comes with the URL and the token for it, and both work.",
        rules=(
            "registration-management-halved",
            "registration-unmanaged",
            "registration-read-refused",
            "registration-read-differs",
            "registration-not-removed",
        ),
    ),
)
