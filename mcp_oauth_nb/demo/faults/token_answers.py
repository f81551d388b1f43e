"""Faults of the token endpoint's answers: those of somebody else, and tokens in another form."""

from dataclasses import replace
from urllib.parse import urlencode

from ..answers import Answer, Asked
from ..fault import answers, instead
from ..oauth import TOKEN

OWN_TYPE = {"token_type": "bot"}

# --- answers of somebody else -----------------------------------------------------------------------------------------


@instead(
    "token-endpoint-502",
    TOKEN,
    phase="token",
    summary="A proxy in front of the token endpoint answers 502 with an HTML page.",
    trips="token-refused",
    cause="gateway-without-server",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = (
        "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
    )
    return Answer.of_html(502, page) if asked.method == "POST" else None


@instead(
    "token-endpoint-blocked",
    TOKEN,
    phase="token",
    summary="A firewall in front of the token endpoint takes the client for a bot.",
    trips="token-refused",
    cause="edge-blocks",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    page = Answer.of_html(403, "<!doctype html><title>Attention Required!</title><h1>You have been blocked</h1>")
    return page.with_header("server", "cloudflare").with_header("cf-ray", "8f0c0ffee0000000-FRA")


@instead(
    "token-endpoint-404",
    TOKEN,
    phase="token",
    summary="There is no token endpoint where the metadata says it is.",
    trips="token-refused",
    cause="token-endpoint-elsewhere",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(404, "<!doctype html><title>Not Found</title><h1>Not Found</h1>")


@instead(
    "token-endpoint-500",
    TOKEN,
    phase="token",
    summary="The token endpoint fails whatever it is asked.",
    trips="token-refused",
    cause="server-crashes",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(500, (("content-type", "text/plain"),), b"Internal Server Error")


@instead(
    "token-error-in-own-form",
    TOKEN,
    phase="token",
    summary="The token endpoint writes its errors in a form of its own.",
    trips="token-refused",
    cause="error-of-another-form",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(401, [{"errorCode": "E0000004", "errorSummary": "Bad credentials"}])


@instead(
    "token-error-with-200",
    TOKEN,
    phase="token",
    summary="The token endpoint delivers its errors with the status 200.",
    trips="token-refused",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    document = {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
    return Answer.of_json(200, document, cache_control="no-store")


# --- tokens in another form -------------------------------------------------------------------------------------------


@answers(
    "token-nested",
    TOKEN,
    phase="token",
    summary="The token stands inside another object of the answer.",
    trips="token-answer-invalid",
    cause="token-nested",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    token = (answer.json or {}).get("access_token")
    return answer.patched(ok=True, authed_user={"access_token": token}, access_token=None, refresh_token=None)


@answers(
    "token-type-own",
    TOKEN,
    phase="token",
    summary="The answer calls the token by a type of its own.",
    trips="token-answer-invalid",
    cause="token-type-own",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(**OWN_TYPE)


@answers(
    "token-as-form",
    TOKEN,
    phase="token",
    summary="The token comes as a form in place of JSON.",
    trips="token-answer-invalid",
    cause="token-as-form",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    body = urlencode(answer.json or {}).encode()
    return replace(answer, body=body).with_header("content-type", "application/x-www-form-urlencoded")


@instead(
    "token-page",
    TOKEN,
    phase="token",
    summary="A page for people answers in place of the token endpoint.",
    trips="token-answer-invalid",
    cause="token-route-shows-page",
    caused_in="server_metadata",
    who="authorization server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(200, "<!doctype html><title>Welcome</title><div id=root></div>")


@answers(
    "expiry-as-text",
    TOKEN,
    phase="token",
    summary="The lifetime of the token is given as text.",
    trips="token-expiry-missing",
    cause="expiry-as-text",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(expires_in="900")


@answers(
    "no-expiry",
    TOKEN,
    phase="token",
    summary="The lifetime of the token is not told.",
    trips="token-expiry-missing",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(expires_in=None)


@answers(
    "token-cacheable",
    TOKEN,
    phase="token",
    summary="The answer with the token may be cached.",
    trips="token-cacheable",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("cache-control").without_header("pragma")


@answers(
    "scope-narrowed",
    TOKEN,
    phase="token",
    summary="The token is granted less scope than was asked for.",
    trips="scope-narrowed",
    who="authorization server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.patched(scope="mcp:read")
