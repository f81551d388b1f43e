"""One request at a time: any request, or one metadata document with the rules that hold for it.

Both send through the same wire as a flow does, and what they return is masked like everything else. The URL is the
user's own, so any address is asked; redirects are shown, not followed.
"""

from __future__ import annotations

import json as _json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.flow import Document
from mcp_oauth_nb.protocol.step import Override
from mcp_oauth_nb.protocol.wellknown import (
    PROTECTED_RESOURCE,
    split,
)
from mcp_oauth_nb.records import Exchange, Request, Run, Trace
from mcp_oauth_nb.redact import learn_settings
from mcp_oauth_nb.rules import ROUTE, judge
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps.words import answered, unanswered
from mcp_oauth_nb.wire.http import Wire, seconds
from mcp_oauth_nb.wire.learning import LearningVault

__all__ = ["metadata", "request"]

_METHOD = re.compile(r"[A-Za-z][A-Za-z-]{0,19}")
RESOURCE, SERVER = "resource_metadata", "server_metadata"
_KINDS = (
    (RESOURCE, "protected resource metadata (RFC 9728)", ("resource", "authorization_servers")),
    (SERVER, "authorization server metadata (RFC 8414, OpenID Connect Discovery)", ("issuer", "token_endpoint")),
    ("", "client ID metadata document", ("client_id", "redirect_uris")),
)
"""Kinds of documents: the step whose rules hold for it, its name, and the members that tell it."""


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, Any] | None = None,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
    body: str | bytes | None = None,
    verify: bool | str | Path = True,
    timeout_s: float = 30,
) -> Exchange:
    """Send one request and return the exchange. Redirects are not followed.

    Args:
        method: the HTTP method.
        url: an http(s) URL, sent as written.
        headers: header fields; those that are not plainly public are masked. A list repeats the name.
        json: a value to send as JSON.
        form: members to send as a form.
        body: text or bytes to send as they are. At most one of `json`, `form` and `body`.
        verify: True, the path of a CA bundle in PEM, or False.
        timeout_s: the deadline, in seconds.

    Raises:
        BadSetting: an argument cannot work. What the server does wrong is in the exchange instead.
    """
    built = _built(method, url, headers, json=json, form=form, body=body)
    return _sent("request", built, headers, verify, timeout_s, why="the URL you typed")


def metadata(
    url: str,
    *,
    headers: Mapping[str, Any] | None = None,
    verify: bool | str | Path = True,
    timeout_s: float = 30,
) -> Report:
    """Fetch one metadata document, tell its kind by its members, and hold the rules for that kind against it.

    What can only be told within a flow is not tested, such as whether this is the issuer that a resource names. Where
    the URL is a well-known one, the resource that it was built from must be the one that the document names.

    Args:
        url: where the document is.
        headers: header fields to send with the request.
        verify: True, the path of a CA bundle in PEM, or False.
        timeout_s: the deadline, in seconds.

    Raises:
        BadSetting: an argument cannot work.
    """
    given = {"Accept": "application/json", **(headers or {})}
    exchange = _sent("", _built("GET", url, given), headers, verify, timeout_s, why="the URL you typed")
    step, kind = _kind(exchange)
    exchange = replace(exchange, step=step)
    stopped = ""
    learned: tuple[tuple[str, str], ...] = (("document", kind),) if kind else ()
    if exchange.failure is not None or exchange.response is None:
        stopped = unanswered(exchange)
    elif exchange.status != 200 or exchange.document is None:
        why = exchange.response.parsed.problem if exchange.status == 200 else answered(exchange)
        stopped = f"expected 200 with a JSON object, got {why or 'JSON that is no object'}"
    elif kind not in (name for step_, name, _ in _KINDS if step_):
        stopped = f"the document is {'a ' + kind if kind else 'no metadata of a resource or authorization server'}"
    else:
        learned += Document(exchange.document, url, "typed", "", exchange.id).shown()
    run = Run(step, (exchange.id,), not stopped, stopped, learned)
    settings = {"url": _resource_of(exchange)} if step == RESOURCE else {}
    return Report(Trace((exchange,), (run,), settings, exchange.vault), step, ROUTE, judge)


def _built(
    method: object,
    url: object,
    headers: Mapping[str, Any] | None,
    *,
    json: Any = None,
    form: Mapping[str, Any] | None = None,
    body: str | bytes | None = None,
) -> Request:
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise BadSetting("method", f"a {type(method).__name__} that is none", "an HTTP method such as 'GET'")
    if not isinstance(url, str) or split(url) is None or any(ord(c) < 33 for c in url):
        seen = repr(url.partition("?")[0][:80]) if isinstance(url, str) else f"a {type(url).__name__}"
        raise BadSetting("url", seen, "an http(s) URL")
    if sum(one is not None for one in (json, form, body)) > 1:
        raise BadSetting("body", "more than one of json=, form= and body=", "at most one of them")
    Override(form={} if form is None else form, headers={} if headers is None else headers, json={"json": json})
    fields = [
        (str(name), str(one))
        for name, value in (headers or {}).items()
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if one is not None
    ]
    media_type, raw = _body(json, form, body)
    if media_type and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("Content-Type", media_type))
    return Request(method.upper(), url, tuple(fields), raw)


def _body(json: Any, form: Mapping[str, Any] | None, body: object) -> tuple[str, bytes]:
    if form is not None:
        members = {name: value for name, value in form.items() if value is not None}
        return "application/x-www-form-urlencoded", urlencode(members, doseq=True, errors="replace").encode()
    if json is not None:
        return "application/json", _json.dumps(json, separators=(",", ":")).encode()
    if body is None or isinstance(body, bytes):
        return "", body or b""
    if not isinstance(body, str):
        raise BadSetting("body", f"a {type(body).__name__}", "text or bytes")
    return "", body.encode("utf-8", "replace")


def _sent(
    step: str,
    built: Request,
    headers: Mapping[str, Any] | None,
    verify: bool | str | Path,
    timeout_s: float,
    why: str = "",
) -> Exchange:
    vault = LearningVault()
    learn_settings(vault, headers or {}, built.url)
    wire = Wire(verify=verify, timeout_s=seconds("timeout_s", timeout_s))
    begun = datetime.now(UTC)
    try:
        sent = wire.send(built)
    finally:
        wire.close()
    exchange = Exchange(
        1, step, sent.request, sent.response, sent.failure, "out", begun, sent.elapsed_ms, why=why, vault=vault
    )
    vault.note(exchange)
    return exchange


def _kind(exchange: Exchange) -> tuple[str, str]:
    """The step whose rules hold for the document, and what it is; told by the URL where the document does not tell."""
    document = exchange.document or {}
    by_url = RESOURCE if PROTECTED_RESOURCE in exchange.request.url else SERVER
    if exchange.status != 200 or not document:
        return by_url, ""
    counted = [(sum(name in document for name in members), step, kind) for step, kind, members in _KINDS]
    most = max(count for count, _, _ in counted)
    best = [(step, kind) for count, step, kind in counted if count == most and most]
    step, kind = next((one for one in best if one[0] == by_url), best[0] if best else (by_url, ""))
    return step or by_url, kind


def _resource_of(exchange: Exchange) -> str:
    """What a well-known URL was built from; for any other URL what the document says it is about."""
    parts = split(exchange.request.url)
    if parts is not None and parts.path.startswith(PROTECTED_RESOURCE):
        return parts.origin + parts.path.removeprefix(PROTECTED_RESOURCE) + parts.query
    named = (exchange.document or {}).get("resource")
    return named if isinstance(named, str) else exchange.request.url
