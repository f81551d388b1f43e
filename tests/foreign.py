"""HAR files as other tools write them: no field of ours, secrets in the open, the link as the browser followed it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from mcp_oauth_nb.records import Exchange, Headers, Trace


def foreign_har(trace: Trace) -> dict[str, Any]:
    """What a proxy between client and servers would have recorded of this trace."""
    followed = {one.request.url for one in trace.exchanges if one.step == "callback" and one.direction == "out"}
    links = {one.id for one in trace.exchanges if one.step == "authorize" and one.request.url in followed}
    return archive(entry(one) for one in trace.exchanges if one.id not in links)


def archive(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": "proxy", "version": "1"}, "entries": list(entries)}}


def entry(one: Exchange) -> dict[str, Any]:
    """One entry; without an answer the status is 0."""
    body, sent = one.response.body if one.response else b"", one.request
    told: dict[str, Any] = {
        "startedDateTime": one.started.isoformat().replace("+00:00", "Z"),
        "time": one.elapsed_ms,
        "request": {"method": sent.method, "url": sent.url, "httpVersion": "HTTP/1.1", "headers": pairs(sent.headers)},
        "response": {
            "status": one.status or 0,
            "statusText": one.response.reason if one.response else "",
            "httpVersion": "HTTP/1.1",
            "headers": pairs(one.response.headers if one.response else ()),
            "content": {"size": len(body), "encoding": "base64", "text": base64.b64encode(body).decode()},
            "redirectURL": "",
        },
    }
    if sent.body:
        told["request"]["postData"] = {"mimeType": sent.header("content-type"), "text": sent.body.decode()}
    if one.failure:
        told["_error"] = {"dns": "net::ERR_NAME_NOT_RESOLVED", "connect": "net::ERR_CONNECTION_REFUSED"}.get(
            one.failure.kind, "net::ERR_FAILED"
        )
    return told


def pairs(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]
