"""HAR 1.2 both ways: what was recorded here for other tools, and what other tools recorded for our rules.

What goes out is masked first, so that a HAR may be handed on. HAR knows no steps, no failures and no redirect that
comes in; these stand in fields of our own, which begin with an underscore as the format wants it, and other readers
skip them. What comes in is learned into the vault of its trace before anybody sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from mcp_oauth_nb.errors import NotOurs
from mcp_oauth_nb.evidence.document import run_told, settings_told, settled
from mcp_oauth_nb.evidence.files import named, not_read, written
from mcp_oauth_nb.evidence.gate import let_out
from mcp_oauth_nb.evidence.har_entries import OURS, exchanges_in, told_in
from mcp_oauth_nb.evidence.har_recall import behind_the_mask, plain_tags, recall_in, recalled, recalled_told
from mcp_oauth_nb.evidence.secrets import facts_of_secrets
from mcp_oauth_nb.records import NEVER, Exchange, Headers, Request, Response, Trace, read_json
from mcp_oauth_nb.redact import Shown, learn, learn_settings, redact
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.vault import TAG, Vault

VERSION = 1
"""Of our own fields."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPECTED = "a HAR file: JSON with log.entries, as browsers, Playwright, Charles and proxies write it"
EXAMPLE = "load_har('incident.har')"
MOST_BYTES = 512 * 1024 * 1024


class Har(dict[str, Any]):
    """An HTTP archive (HAR 1.2) as JSON holds it: one member, ``log``. Its repr is one line."""

    def __repr__(self) -> str:
        return f"<Har of {len(self['log']['entries'])} exchanges>"

    @property
    def text(self) -> str:
        """The text of a HAR file."""
        return json.dumps(self, indent=1, ensure_ascii=False)


def har_of(trace: Trace, path: str | Path | None = None, *, scrub: bool = False) -> Har:
    """All exchanges of a trace as HAR 1.2, secrets masked; with a path it is also written there, whole or not at all.

    Our own fields, ``_mcp_oauth_nb``: in an entry ``step``, ``run`` (whether the step's current run made it), ``why``,
    ``direction``, ``hop``, ``edited``, ``untold``, ``started``, ``answered``, ``failure`` (``kind`` and ``message``)
    and, of what masking hides, ``form_encoded`` and ``begins``; in the log ``version``, ``settings``,
    ``hidden_headers``, ``runs`` with the numbers of their entries, from 1, and ``secrets``, the same facts on each that
    saved evidence has.

    Args:
        trace: what was recorded.
        path: where to.
        scrub: put tags in the places of what would be refused.

    Raises:
        BadSetting: it cannot be written there.
        HoldsSecret: `check` would find a secret in the file; nothing was written.
    """
    current = {number for run in trace.runs for number in run.exchanges}
    exchanges, vault = settled(trace), trace.vault
    ours: dict[str, Any] = {
        "version": VERSION,
        "settings": settings_told(trace),
        "hidden_headers": list(vault.hidden),
        "runs": [run_told(vault, run) for run in trace.runs],
    }
    entries = [_entry(one, redact(one), is_current=one.id in current) for one in exchanges]
    plain = json.dumps([ours, [_tags_plain(entry) for entry in entries]], ensure_ascii=False)
    ours["secrets"] = facts_of_secrets(vault, plain)
    package = trace.settings.get("package", "mcp-oauth-nb").partition(",")[0].partition(" ")
    creator = {"name": package[0], "version": package[2] or "0"}
    har = Har(log={"version": "1.2", "creator": creator, "pages": [], "entries": entries, OURS: ours})
    if path is not None:
        written(let_out(har.text, trace.vault, "dbg.har(path)", scrub=scrub), path)
    return har


def load_har(source: str | Path | Mapping[str, Any]) -> Trace:
    """The trace that a HAR amounts to: its secrets masked in every display, its steps told by what each exchange is.

    Args:
        source: a HAR file, or what it holds, of any tool. One that was written here keeps its steps.

    Raises:
        NotOurs: it is no HAR, or there is no request in it.
        BadSetting: the file cannot be read.
    """
    name, value = _read(source)
    log = value.get("log") if isinstance(value, Mapping) else None
    entries = log.get("entries") if isinstance(log, Mapping) else None
    if not isinstance(log, Mapping) or not isinstance(entries, list):
        raise NotOurs(name, _kind(value), EXPECTED)
    recall = recall_in(log)
    vault = recall.vault if recall else Vault()
    found = exchanges_in(entries, vault)
    if not found:
        raise NotOurs(name, f"none of its {len(entries)} entries holds a request", EXPECTED)
    ours = told_in(log, entries, found)
    if recall:
        found = tuple(recalled(recall, one, entries[one.id - 1] if ours else None) for one in found)
        ours = recalled_told(recall, ours) if ours else None
    trace = Trace(found, ours.runs, ours.settings, vault) if ours else trace_of(found, vault)
    learn_settings(vault, {}, trace.settings.get("url", ""))
    for one in trace.exchanges:
        learn(one)
    return trace


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, Any]:
    """What the source is called, and what it holds."""
    if isinstance(source, Mapping):
        return "this mapping", source
    path = named(source, "load_har(source)", EXAMPLE)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NotOurs(path.name, f"it has more than {MOST_BYTES >> 20} MiB", EXPECTED)
        parsed = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        if isinstance(error, NotOurs):
            raise
        raise not_read("load_har(source)", path, error, EXAMPLE) from None
    if parsed.problem:
        raise NotOurs(path.name, parsed.problem.replace("the body", "it"), EXPECTED)
    return path.name, parsed.value


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return "a JSON object without log.entries"
    return f"JSON, but {'a list' if isinstance(value, list) else 'no object'}"


# --- out --------------------------------------------------------------------------------------------------------------


def _entry(one: Exchange, shown: Shown, *, is_current: bool) -> dict[str, Any]:
    started = EPOCH if shown.started == NEVER else shown.started
    elapsed = max(shown.elapsed_ms, 0)
    entry = {
        "startedDateTime": started.isoformat(timespec="milliseconds"),
        "time": elapsed,
        "request": _request(shown.request),
        "response": _response(shown.response),
        "cache": {},
        "timings": {"send": 0, "wait": elapsed, "receive": 0},
        OURS: {
            "step": shown.step,
            "run": is_current,
            "why": shown.why,
            "direction": shown.direction,
            "hop": shown.hop,
            "edited": list(shown.edited),
            **({"untold": list(shown.untold)} if shown.untold else {}),
            **behind_the_mask(one, shown),
            "started": shown.started.isoformat(),
            "answered": shown.response is not None,
            "failure": _failure(shown),
        },
    }
    return {**entry, "_error": shown.failure.message} if shown.failure else entry


def _failure(shown: Shown) -> dict[str, str] | None:
    return {"kind": shown.failure.kind, "message": shown.failure.message} if shown.failure else None


def _request(request: Request) -> dict[str, Any]:
    url = _encoded(request.url)
    query = url.partition("#")[0].partition("?")[2]
    told: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(request.headers),
        "queryString": _pairs(parse_qsl(query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        told["postData"] = {
            "mimeType": request.header("content-type") or "",
            "text": request.body.decode("utf-8", "replace"),
        }
    return told


def _response(response: Response | None) -> dict[str, Any]:
    """Without an answer the status is 0, as browsers have it."""
    known = response or Response(0, http_version="")
    content: dict[str, Any] = {
        "size": len(known.body),
        "mimeType": known.header("content-type") or "x-unknown",
        "text": known.body.decode("utf-8", "replace"),
    }
    if known.truncated:
        content["comment"] = "cut"
    return {
        "status": known.status,
        "statusText": known.reason,
        "httpVersion": known.http_version,
        "cookies": [],
        "headers": _headers(known.headers),
        "content": content,
        "redirectURL": _encoded(known.header("location") or ""),
        "headersSize": -1,
        "bodySize": len(known.body) if response else -1,
    }


def _headers(headers: Headers) -> list[dict[str, str]]:
    return _pairs([(name, _encoded(value) if name.lower() == "location" else value) for name, value in headers])


def _pairs(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _encoded(url: str) -> str:
    """A masked URL that is still one: a tag holds a number sign and blanks."""
    return TAG.sub(lambda match: quote(match[0], safe=""), url)


def _tags_plain(value: Any) -> Any:
    """An entry with the tags in its URLs as they are elsewhere."""
    if isinstance(value, Mapping):
        return {name: _tags_plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_tags_plain(member) for member in value]
    return plain_tags(value) if isinstance(value, str) else value
