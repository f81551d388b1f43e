"""Faults of the answer without a token."""

from dataclasses import replace

from ..answers import Answer, Asked
from ..fault import answers, behaves, instead
from ..grants import Behaviour
from ..oauth import MCP, RESOURCE_METADATA

PAGE = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
FROM_A_PAGE = {"challenge": {"headers": {"Origin": "http://localhost"}}}


def anonymous(asked: Asked) -> bool:
    """Whether a request to the MCP endpoint brings no token."""
    return asked.method == "POST" and asked.bearer is None


def at_the_edge(status: int, title: str) -> Answer:
    """A page that a content network answers by itself."""
    return Answer.of_html(status, PAGE.format(title)).with_header("server", "cloudflare").with_header("cf-ray", "demo")


@answers(
    "no-challenge",
    MCP,
    phase="challenge",
    summary="The 401 comes without a WWW-Authenticate header, so it does not say where the metadata is.",
    trips="challenge-missing",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("www-authenticate") if answer.status == 401 else answer


@instead(
    "challenge-removed-by-gateway",
    MCP,
    phase="challenge",
    summary="A gateway replaces the server's 401 by a page of its own, and the challenge is lost.",
    trips="challenge-missing",
    cause="challenge-removed-on-the-way",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return at_the_edge(401, "401 Authorization Required") if anonymous(asked) else None


@instead(
    "password-in-front",
    MCP,
    phase="challenge",
    summary="A password protection in front of the MCP server asks for Basic authentication.",
    trips="challenge-missing",
    cause="another-scheme-wanted",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer(401, (("www-authenticate", 'Basic realm="staging"'),)) if anonymous(asked) else None


@instead(
    "forbidden-without-token",
    MCP,
    phase="challenge",
    summary="A request without a token is answered 403 without a challenge.",
    trips="unauthenticated-status",
    cause="forbidden-to-anybody",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(403, {"message": "Forbidden"}) if anonymous(asked) else None


@instead(
    "firewall-refuses",
    MCP,
    phase="challenge",
    summary="A firewall in front of the MCP server refuses the request with a page of its own.",
    trips="unauthenticated-status",
    cause="edge-refuses",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return at_the_edge(403, "Attention Required!") if anonymous(asked) else None


@instead(
    "host-not-allowed",
    MCP,
    phase="challenge",
    summary="The MCP server does not know the host name that it is asked under.",
    trips="unauthenticated-status",
    cause="host-or-origin-refused",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    return Answer(421, (("content-type", "text/plain"),), b"Invalid Host header") if anonymous(asked) else None


@instead(
    "login-page-at-endpoint",
    MCP,
    phase="challenge",
    summary="The MCP path is routed to the web front end, which redirects to its login page.",
    trips="unauthenticated-status",
    cause="web-app-answers",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer(302, (("location", "/login?next=/mcp"),)) if anonymous(asked) else None


@instead(
    "web-page-at-endpoint",
    MCP,
    phase="challenge",
    summary="The MCP path is routed to the web front end, which answers with its start page.",
    trips="unauthenticated-status",
    cause="web-app-answers",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(200, PAGE.format("Welcome")) if anonymous(asked) else None


@instead(
    "moved-by-a-slash",
    MCP,
    phase="challenge",
    summary="The MCP endpoint is at the URL with a slash behind it, and the one without redirects there.",
    trips="unauthenticated-status",
    cause="redirected-to-itself",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return Answer(307, (("location", "/mcp/"),)) if anonymous(asked) else None


@instead(
    "wrong-path",
    MCP,
    f"{RESOURCE_METADATA}*",
    phase="challenge",
    summary="There is nothing at the path: the URL of the MCP server is not right.",
    trips="unauthenticated-status",
    cause="wrong-url",
    who="user",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(404, PAGE.format("Not Found"))


@instead(
    "backend-down",
    MCP,
    phase="challenge",
    summary="A gateway answers 502, because the MCP server behind it is not running.",
    trips="unauthenticated-status",
    cause="gateway-without-mcp-server",
    who="gateway",
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_html(502, PAGE.format("502 Bad Gateway"))


@instead(
    "refusal-as-success",
    MCP,
    phase="challenge",
    summary="A missing token is told in a JSON-RPC error with status 200.",
    trips="unauthenticated-status",
    cause="refusal-as-success",
    who="MCP server",
)
def _(asked: Asked) -> Answer | None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "Unauthorized: no access token"}}
    return Answer.of_json(200, error) if anonymous(asked) else None


@behaves(
    "only-tools-protected",
    phase="challenge",
    summary="Anybody may begin and list the tools; only calling one asks for a token.",
    trips="not-protected",
    cause="protected-in-part",
    who="MCP server",
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, lets_anybody_begin=True)


@answers(
    "challenge-not-exposed",
    MCP,
    phase="challenge",
    summary="The 401 does not let pages in a browser read its challenge.",
    trips="challenge-not-exposed",
    who="MCP server",
    edits=FROM_A_PAGE,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("access-control-expose-headers")


@answers(
    "challenge-without-cors",
    MCP,
    phase="challenge",
    summary="The layer that answers for browsers stands behind the token check, so that the 401 is not shared at all.",
    trips="challenge-not-exposed",
    who="MCP server",
    edits=FROM_A_PAGE,
)
def _(asked: Asked, answer: Answer) -> Answer:
    return answer.without_header("access-control-allow-origin")


@answers(
    "challenge-with-error",
    MCP,
    phase="challenge",
    summary="The challenge says invalid_token although no token was sent.",
    trips="challenge-error-without-token",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    if answer.status != 401 or not anonymous(asked):
        return answer
    return answer.with_header("www-authenticate", f'{answer.header("www-authenticate")}, error="invalid_token"')


@answers(
    "challenge-scope-twice",
    MCP,
    phase="challenge",
    summary="The challenge gives its scope twice.",
    trips="challenge-parameter-repeated",
    who="MCP server",
)
def _(asked: Asked, answer: Answer) -> Answer:
    if answer.status != 401:
        return answer
    return answer.with_header("www-authenticate", f'{answer.header("www-authenticate")}, scope="mcp:tools"')


@answers(
    "challenge-offline-access",
    MCP,
    phase="challenge",
    summary="The challenge asks for offline_access beside the scope that the tools need.",
    trips="challenge-offline-access",
    who="MCP server",
    how={"protocol": "2026-07-28", "scope": "mcp:tools"},
    also=("scope-selection",),
)
def _(asked: Asked, answer: Answer) -> Answer:
    named = answer.header("www-authenticate").replace('"mcp:tools"', '"mcp:tools offline_access"')
    return answer.with_header("www-authenticate", named) if answer.status == 401 else answer
