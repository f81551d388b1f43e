"""What a proxy may do to an answer on its way back, and what each request is for whose answer it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from recorder import Asked

from mcp_oauth_nb.demo.answers import Answer

Change = Callable[[Answer], Answer]
PRM, ASM, OIDC = (
    f"/.well-known/{name}"
    for name in ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")
)
AUTHORIZATION, REGISTRATION = ("/authorize", "/auth"), ("/register", "/reg")
PAGE = "<!doctype html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def meant(asked: Asked) -> str:
    """What a request is for, by the paths of both servers."""
    path = asked.path
    if path == "/mcp":
        return "mcp" if asked.header("authorization") else "challenge"
    if path.startswith(PRM):
        return "resource_metadata"
    if path.startswith(ASM) or path.endswith(OIDC):
        return "server_metadata"
    if path in REGISTRATION:
        return "register"
    if path.startswith(AUTHORIZATION):
        return "authorize"
    if path == "/token":
        return "refresh" if asked.kind == "refresh_token" else "token"
    if path == "/device/auth":
        return "device"
    return "revoke" if "revo" in path else ""


def says(status: int, document: object | None = None, **headers: str) -> Change:
    """Answer with JSON, or with nothing."""
    made = Answer.of_json(status, document, **headers) if document is not None else Answer(status)
    for name, value in headers.items() if document is None else ():
        made = made.with_header(name.replace("_", "-"), value)
    return lambda _: made


def page(status: int, title: str, **headers: str) -> Change:
    """Answer with a page for people."""
    made = Answer.of_html(status, PAGE.format(title))
    for name, value in headers.items():
        made = made.with_header(name.replace("_", "-"), value)
    return lambda _: made


def refuses(status: int, error: str, description: str = "") -> Change:
    """Answer with an OAuth error."""
    told = {"error": error, "error_description": description}
    return says(status, {name: value for name, value in told.items() if value}, cache_control="no-store")


def challenges(status: int, challenge: str) -> Change:
    """Answer with a challenge."""
    return lambda _: Answer(status).with_header("www-authenticate", challenge)


def members(**changed: object) -> Change:
    """Change members of the document; None removes one."""
    return lambda answer: answer.patched(**changed)


def with_slash(name: str) -> Change:
    """A slash at the end of a URL, or none where there was one."""

    def change(answer: Answer) -> Answer:
        url = (answer.json or {}).get(name, "")
        return answer.patched(**{name: url[:-1] if url.endswith("/") else f"{url}/"})

    return change


def back(**changed: str | None) -> Change:
    """Change the redirect to the client; redirects to the server's own pages stay."""

    def change(answer: Answer) -> Answer:
        return answer.relocated(**changed) if urlsplit(answer.header("location")).path == "/callback" else answer

    return change


def refused_in_redirect(error: str, description: str = "") -> Change:
    """Send the browser back with an error."""
    return back(code=None, error=error, error_description=description or None)


def unquoted(answer: Answer) -> Answer:
    """Take the quotation marks out of the challenge."""
    return answer.with_header("www-authenticate", answer.header("www-authenticate").replace('"', ""))


def forbidden(answer: Answer) -> Answer:
    """403 in place of 401, all else the same."""
    return replace(answer, status=403)


def inner(name: str) -> Change:
    """An endpoint at the address that the server has behind its gateway."""
    return lambda answer: answer.patched(**{name: f"http://localhost:1{urlsplit(answer.json[name]).path}"})


def nested(answer: Answer) -> Answer:
    """The answer of the token endpoint, one level down."""
    return Answer.of_json(200, {"data": answer.json}, cache_control="no-store")


def expiry_as_text(answer: Answer) -> Answer:
    return answer.patched(expires_in=str(answer.json["expires_in"]))
