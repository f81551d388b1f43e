"""Reads the entries of a HAR, whoever wrote it: nothing in them is taken on trust, and nothing raises.

A recorder may leave out bodies, headers and answers. What it left out is not made up: a body that was not kept is named
in `Exchange.untold`, so that no rule judges it as empty.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import unquote, urlencode

from mcp_oauth_nb.evidence.har_gaps import with_gaps
from mcp_oauth_nb.records import (
    NEVER,
    Exchange,
    Failure,
    FailureKind,
    Headers,
    Part,
    Request,
    Response,
    Run,
)
from mcp_oauth_nb.rules.classify import OTHER
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.vault import Vault

OURS = "_mcp_oauth_nb"
"""The name of our own fields."""
PARTS: tuple[Part, ...] = get_args(Part)
LONGEST_TIME_MS = 1e9
FAILED: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (
    ("dns", ("NAME_NOT_RESOLVED", "ENOTFOUND", "EAI_AGAIN", "NAME_RESOLUTION", "UNKNOWNHOST", "UNKNOWN_HOST")),
    ("tls", ("CERT", "SSL", "TLS")),
    ("timeout", ("TIMED_OUT", "TIMEOUT", "ETIMEDOUT")),
    ("connect", ("CONNECTION", "ECONNREFUSED", "ECONNRESET", "NETWORK", "ADDRESS_UNREACHABLE", "CONNECT")),
)
"""Words by which browsers and proxies say why there is no answer."""


@dataclass(frozen=True)
class Told:
    """What a HAR that was written here says beside its entries."""

    runs: tuple[Run, ...]
    settings: Mapping[str, str]


def exchanges_in(entries: Sequence[object], vault: Vault) -> tuple[Exchange, ...]:
    """The exchanges that these entries hold, in the order of time where every entry says it, numbered from 1."""
    found = [one for entry in entries if (one := _exchange(entry, vault)) is not None]
    if any(one.step == OTHER for one in found) and all(one.started is not NEVER for one in found):
        found.sort(key=lambda one: one.started)
    return tuple(replace(one, id=number) for number, one in enumerate(found, 1))


def told_in(log: Mapping[str, Any], entries: Sequence[object], found: Sequence[Exchange]) -> Told | None:
    """The runs and settings that our own field names; None where it is not there, or not whole."""
    ours = log.get(OURS)
    if not isinstance(ours, Mapping) or len(found) != len(entries):
        return None
    if any(not _is_ours(entry) for entry in entries):
        return None
    runs = [_run(one, len(found)) for one in _list(ours.get("runs"))]
    settings = ours.get("settings")
    if None in runs or not isinstance(settings, Mapping):
        return None
    texts = {name: value for name, value in settings.items() if isinstance(name, str) and isinstance(value, str)}
    return Told(tuple(run for run in runs if run is not None), texts)


def _is_ours(entry: object) -> bool:
    told = entry.get(OURS) if isinstance(entry, Mapping) else None
    return isinstance(told, Mapping) and told.get("step") in (*STEPS, OTHER)


def _run(told: object, most: int) -> Run | None:
    if not isinstance(told, Mapping) or told.get("step") not in tuple(STEPS):
        return None
    numbers = [one for one in _list(told.get("exchanges")) if type(one) is int and 0 < one <= most]
    pairs = [one for one in _list(told.get("learned")) if isinstance(one, list) and len(one) == 2]
    learned = tuple((str(name), str(value)) for name, value in pairs)
    return Run(str(told["step"]), tuple(numbers), told.get("achieved") is True, _text(told.get("stopped")), learned)


# --- one entry --------------------------------------------------------------------------------------------------------


def _exchange(entry: object, vault: Vault) -> Exchange | None:
    """The exchange of an entry; None where it holds no request."""
    if not isinstance(entry, Mapping):
        return None
    request = _request(entry.get("request"))
    if request is None:
        return None
    ours = entry[OURS] if _is_ours(entry) else {}
    response = None if ours and not ours.get("answered") else _response(entry.get("response"))
    hop, elapsed = ours.get("hop"), entry.get("time")
    untold = _list(ours.get("untold"))
    one = Exchange(
        id=1,
        step=_text(ours.get("step")) or OTHER,
        request=request,
        response=response,
        failure=_own_failure(ours.get("failure")) if ours else None if response else _failure(entry),
        direction="in" if ours.get("direction") == "in" else "out",
        started=_time(entry.get("startedDateTime")),
        elapsed_ms=float(elapsed) if isinstance(elapsed, (int, float)) and 0 <= elapsed < LONGEST_TIME_MS else 0.0,
        hop=hop if type(hop) is int and 0 <= hop < 1000 else 0,
        edited=tuple(one for one in _list(ours.get("edited")) if isinstance(one, str)),
        why=_text(ours.get("why")),
        untold=tuple(part for part in PARTS if part in untold),
        vault=vault,
    )
    return one if ours else with_gaps(one, entry)


def _request(told: object) -> Request | None:
    if not isinstance(told, Mapping) or not _text(told.get("url")) or not _text(told.get("method")):
        return None
    headers = _headers(told.get("headers"))
    body, media_type = _posted(told.get("postData"))
    if body and media_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", media_type))
    return Request(told["method"].upper(), told["url"], headers, body)


def _posted(told: object) -> tuple[bytes, str]:
    """The body that was sent, and its media type."""
    if not isinstance(told, Mapping):
        return b"", ""
    media_type = _text(told.get("mimeType"))
    if _text(told.get("_textBase64")):
        return _decoded(told["_textBase64"]), media_type
    if _text(told.get("text")):
        body = _decoded(told["text"]) if told.get("encoding") == "base64" else _bytes(told["text"])
        return body, media_type
    pairs = [(unquote(name), unquote(value)) for name, value in _pairs(told.get("params"))]
    return urlencode(pairs, errors="replace").encode(), media_type


def _response(told: object) -> Response | None:
    """The answer; None where there was none."""
    if not isinstance(told, Mapping):
        return None
    status = told.get("status")
    if type(status) is not int or not 100 <= status <= 999:
        return None
    content = told.get("content") if isinstance(told.get("content"), Mapping) else {}
    assert isinstance(content, Mapping)
    body = _text(content.get("text"))
    headers, leads = _headers(told.get("headers")), _text(told.get("redirectURL"))
    names = {name.lower() for name, _ in headers}
    if leads and 300 <= status < 400 and "location" not in names:
        headers = (*headers, ("Location", leads))
    media_type = _text(content.get("mimeType"))
    if body and media_type not in ("", "x-unknown") and "content-type" not in names:
        headers = (*headers, ("Content-Type", media_type))
    return Response(
        status,
        _text(told.get("statusText")),
        headers,
        _decoded(body) if content.get("encoding") == "base64" else _bytes(body),
        truncated=content.get("comment") == "cut",
        http_version=_text(told.get("httpVersion")) or "HTTP/1.1",
    )


def _failure(entry: Mapping[str, Any]) -> Failure | None:
    """Why there is no answer, where the recorder says so; browsers and Playwright say it in fields of their own."""
    told = entry.get("response")
    places = (entry, told if isinstance(told, Mapping) else {})
    said = next((_text(one.get(name)) for name in ("_error", "_failureText") for one in places if one.get(name)), "")
    return failure_said(said) if said else None


def failure_said(said: str) -> Failure:
    """A failure in the words of the tool that recorded it."""
    kinds = [kind for kind, words in FAILED if any(word in said.upper() for word in words)]
    return Failure(kinds[0] if kinds else "protocol", f"the recorder noted {' '.join(said.split())[:200]}")


def _own_failure(told: object) -> Failure | None:
    if not isinstance(told, Mapping):
        return None
    kinds: tuple[FailureKind, ...] = get_args(FailureKind)
    kind = next((known for known in kinds if known == told.get("kind")), None)
    return Failure(kind, _text(told.get("message"))) if kind else None


# --- values -----------------------------------------------------------------------------------------------------------


def _headers(told: object) -> Headers:
    """Header fields as they went or came; the pseudo fields of HTTP/2 are none."""
    return tuple((name, value) for name, value in _pairs(told) if name and not name.startswith(":"))


def _pairs(told: object) -> list[tuple[str, str]]:
    return [(_text(one.get("name")), _text(one.get("value"))) for one in _list(told) if isinstance(one, Mapping)]


def _time(told: object) -> datetime:
    try:
        time = datetime.fromisoformat(told) if isinstance(told, str) else NEVER
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return NEVER


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return _bytes(encoded)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
