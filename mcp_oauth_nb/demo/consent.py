"""The consent page: what a person sees between the authorization request and the redirect.

A client without a browser (its Accept header does not name text/html) is not asked: consent is given at once, so that
tests and notebooks can run through. Everything that a client chose (its name above all) is escaped.
"""

import re
from html import escape
from string import Template
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .answers import pairs
from .client_documents import is_document_url
from .grants import ConsentRequest
from .provider import Provider

USER = "demo-user"
USER_LENGTH = 64
PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
"""Host and port that can stand in a Content-Security-Policy."""

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>$title</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #eef1f6; color: #1d2433;
  font: 16px/1.5 system-ui, sans-serif }
main { width: min(26rem, 90vw); margin: 1rem; padding: 2rem; background: #fff; border-radius: 14px;
  box-shadow: 0 10px 40px #1d243322 }
h1 { margin: 0 0 1rem; font-size: 1.25rem; overflow-wrap: anywhere }
dt { color: #5a6478; font-size: .85rem } dd { margin: 0 0 .7rem; overflow-wrap: anywhere; font-family: monospace }
label { color: #5a6478; font-size: .85rem }
input { box-sizing: border-box; width: 100%; padding: .5rem; border: 1px solid #c3cad8; border-radius: 8px;
  font: inherit }
button { padding: .6rem 1.3rem; margin: 1.2rem .5rem 0 0; border: 1px solid #2456c8; border-radius: 8px; font: inherit;
  background: #2456c8; color: #fff; cursor: pointer }
button[value=deny] { background: #fff; color: #2456c8 }
</style></head><body><main>$content</main></body></html>
""")

QUESTION = Template("""<h1>$client asks for access</h1>
<dl>$described<dt>Scope</dt><dd>$scope</dd>
<dt>MCP server</dt><dd>$resource</dd><dt>You return to</dt><dd>$redirect</dd></dl>
<form method="post" action="/consent"><input type="hidden" name="request" value="$ticket">
<label for="user">Sign in as</label><input id="user" name="user" value="$user" maxlength="$length" autocomplete="off">
<button name="decision" value="authorize">Authorize</button><button name="decision" value="deny">Deny</button>
</form>""")


def consent_routes(provider: Provider) -> list[Route]:
    """GET shows the page (or consents by itself), POST takes the user's decision."""

    async def ask(request: Request) -> Response:
        browser = "text/html" in request.headers.get("accept", "").lower()
        ticket = request.query_params.get("request", "")
        if browser:
            waiting = provider.waiting(ticket)
            return question(waiting, ticket) if waiting else gone(browser)
        taken = provider.take(ticket)
        return redirect(provider.consented(taken, USER), 302) if taken else gone(browser)

    async def decide(request: Request) -> Response:
        form = dict(pairs(await request.body()))
        decision = form.get("decision")
        if decision not in ("authorize", "deny"):
            return gone("text/html" in request.headers.get("accept", "").lower(), "There is no such decision.")
        taken = provider.take(form.get("request", ""))
        if taken is None:
            return gone("text/html" in request.headers.get("accept", "").lower())
        if decision == "deny":
            return redirect(provider.denied(taken), 303)
        return redirect(provider.consented(taken, form.get("user", "")[:USER_LENGTH] or USER), 303)

    return [Route("/consent", ask, methods=["GET"]), Route("/consent", decide, methods=["POST"])]


def question(waiting: ConsentRequest, ticket: str) -> Response:
    """The page with the two buttons."""
    content = QUESTION.substitute(
        client=escape(waiting.client_name),
        described=described(waiting.client_id),
        scope=escape(" ".join(waiting.scopes)),
        resource=escape(waiting.resource),
        redirect=escape(waiting.redirect_uri),
        ticket=escape(ticket),
        user=escape(USER),
        length=USER_LENGTH,
    )
    return page("Authorize", content, 200, form_target(waiting.redirect_uri))


def described(client_id: str) -> str:
    """Where a client describes itself: the name is only what it says there (CIMD-00 section 6.4)."""
    if not is_document_url(client_id):
        return ""
    return f"<dt>Described at</dt><dd>{escape(client_id)}</dd>"


def gone(browser: bool, reason: str = "This consent request is unknown, used or too old. Start again.") -> Response:
    """The answer to a ticket that cannot be used."""
    if browser:
        return page("Cannot continue", f"<h1>Cannot continue</h1><p>{escape(reason)}</p>", 400, "'none'")
    body = {"error": "invalid_request", "error_description": reason}
    return JSONResponse(body, 400, {"cache-control": "no-store"})


def redirect(url: str, status: int) -> Response:
    """Back to the client; 303 after a POST so that the form is never sent on (RFC 9700 section 4.12)."""
    return RedirectResponse(url, status, {"cache-control": "no-store", "referrer-policy": "no-referrer"})


def form_target(redirect_uri: str) -> str:
    """Where the form may lead: browsers apply form-action to the redirect that follows the POST as well."""
    parts = urlsplit(redirect_uri)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not PLAIN_HOST.fullmatch(host):
        return f"'self' {parts.scheme}:"
    return f"'self' {parts.scheme}://{host}"


def page(title: str, content: str, status: int, target: str) -> Response:
    """A page that can run nothing, load nothing and be framed by nobody."""
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action {target}"
    )
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(PAGE.substitute(title=escape(title), content=content), status, headers)
