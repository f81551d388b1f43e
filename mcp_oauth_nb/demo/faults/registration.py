"""Faults of registration: who may register, how often, and where."""

from ..answers import Answer, Asked
from ..fault import answers, instead
from ..oauth import REGISTER, SERVER_METADATA, oauth_error
from .challenge import PAGE, at_the_edge
from .server_metadata import EVERY_SERVER_METADATA, OPENID, described, here


@answers(
    "registration-not-offered",
    SERVER_METADATA,
    phase="register",
    summary="The authorization server offers no way to register, and the client was given no id.",
    trips="registration-endpoint-missing",
    cause="registered-by-hand-only",
    who="user",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(registration_endpoint=None, client_id_metadata_document_supported=None)


@answers(
    "client-document-wanted",
    SERVER_METADATA,
    phase="register",
    summary="The authorization server reads client ID metadata documents only, and the client has none.",
    trips="registration-endpoint-missing",
    cause="client-document-not-given",
    who="user",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(registration_endpoint=None)


@answers(
    "document-flag-in-other-copy",
    SERVER_METADATA,
    OPENID,
    phase="register",
    summary="Only the OpenID Connect copy of the metadata says how clients can register.",
    trips="registration-endpoint-missing",
    cause="document-flag-in-other-copy",
    caused_in="server_metadata",
    who="authorization server",
    then=("well_known",),
    also=("metadata-copies-differ",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    if asked.path == OPENID:
        return Answer.of_json(200, described(asked, here(asked)))
    return answer.patched(registration_endpoint=None, client_id_metadata_document_supported=None)


@instead(
    "registration-refused",
    REGISTER,
    phase="register",
    summary="Dynamic registration is advertised, but every registration is refused with 403.",
    trips="registration-refused",
    cause="registration-closed",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    document = {"error": "access_denied", "error_description": "Registration is limited to approved clients"}
    return Answer.of_json(403, document, cache_control="no-store") if asked.method == "POST" else None


@instead(
    "initial-token-refused",
    REGISTER,
    phase="register",
    summary="Registration wants an initial access token, and the one that is sent is not accepted.",
    trips="registration-refused",
    cause="initial-token-refused",
    who="user",
    how={"initial_access_token": "demo-initial-token"},
)
def _(asked: Asked) -> Answer | None:
    return oauth_error(401, "invalid_token", "The initial access token is not known")


@instead(
    "registration-rate-limited",
    REGISTER,
    phase="register",
    summary="The authorization server takes no more registrations from this address for now.",
    trips="registration-refused",
    cause="registration-rate-limited",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(429, (("content-type", "text/plain"), ("retry-after", "3600")), b"Too many requests")


@instead(
    "firewall-refuses-registration",
    REGISTER,
    phase="register",
    summary="A firewall in front of the authorization server refuses the registration.",
    trips="registration-refused",
    cause="edge-refuses-registration",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return at_the_edge(403, "Attention required")


@instead(
    "registration-behind-dead-gateway",
    REGISTER,
    phase="register",
    summary="The gateway has lost what serves registrations behind it.",
    trips="registration-refused",
    cause="gateway-without-registration",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(503, PAGE.format("Service unavailable"))


@instead(
    "registration-crashes",
    REGISTER,
    phase="register",
    summary="The authorization server fails while it registers the client.",
    trips="registration-refused",
    cause="registration-crashes",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"message": "unexpected value"})


@instead(
    "registration-endpoint-dead",
    REGISTER,
    phase="register",
    summary="The metadata names a registration endpoint at which there is none.",
    trips="registration-refused",
    cause="registration-endpoint-dead",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(404, {"message": "not found"})


@instead(
    "default-endpoint-missing",
    *EVERY_SERVER_METADATA,
    REGISTER,
    phase="register",
    summary="There is no metadata, and no registration endpoint at the place that clients then assume.",
    trips="registration-refused",
    cause="default-endpoint-missing",
    caused_in="server_metadata",
    who="authorization server",
    how={"protocol": "2025-03-26"},
    also=("server-metadata-missing",),
)
def _(asked: Asked) -> Answer | None:
    return Answer(404, (("content-type", "text/plain"),), b"Not Found")


@answers(
    "registration-without-id",
    REGISTER,
    phase="register",
    summary="The registration succeeds, but the answer holds no client id.",
    trips="registration-answer-invalid",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(client_id=None)


@answers(
    "registration-repeats-nothing",
    REGISTER,
    phase="register",
    summary="The answer to the registration holds the client id and nothing of what was registered.",
    trips="registration-changed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return Answer.of_json(201, {"client_id": (answer.json or {}).get("client_id")}, cache_control="no-store")


@answers(
    "registration-other-redirect",
    REGISTER,
    phase="register",
    summary="The answer to the registration names another redirect URI than the one that was sent.",
    trips="registration-changed",
    who="authorization server",
    also=("redirect-uri-unregistered",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(redirect_uris=["http://127.0.0.1/other"])


@answers(
    "registration-as-200",
    REGISTER,
    phase="register",
    summary="A successful registration is answered 200 in place of 201.",
    trips="registration-status",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return Answer(200, answer.headers, answer.body)


@answers(
    "registration-half-managed",
    REGISTER,
    phase="register",
    summary="The registration comes with a token to manage it, but not with the URL.",
    trips="registration-management-halved",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(registration_client_uri=None)


@answers(
    "registration-cacheable",
    REGISTER,
    phase="register",
    summary="The answer to the registration holds a token and may be stored on the way.",
    trips="registration-cacheable",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("cache-control")
