"""What a HAR of ours keeps beside what other tools read: the facts that saved evidence has on every secret.

A HAR has tags in the places of secrets. With these facts it is loaded as saved evidence is: a stand-in of the same
shape stands in for each tag, so that every rule reads what it read live.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from mcp_oauth_nb.evidence import document
from mcp_oauth_nb.evidence.har_entries import OURS, Told
from mcp_oauth_nb.evidence.recall import Recall
from mcp_oauth_nb.records import Exchange, Headers
from mcp_oauth_nb.redact import Shown

_IN_URL = re.compile(r"%E2%80%B9[a-z0-9_]+%23[0-9a-f]{6}%20[0-9]{1,9}%20chars%E2%80%BA")
_HEX = re.compile(r"(?:[0-9a-f]{2}){0,4}")


def plain_tags(url: str) -> str:
    """A URL of an entry with its tags as they stand everywhere else."""
    return _IN_URL.sub(lambda match: unquote(match[0]), url)


def behind_the_mask(one: Exchange, shown: Shown) -> dict[str, Any]:
    """What rules read of an exchange and masking hides: how Basic credentials are encoded, how a body begins."""
    encoded = {
        name.lower(): document.is_form_encoded(raw)
        for (_, raw), (name, value) in zip(one.request.headers, shown.request.headers, strict=True)
        if value.endswith(" (base64)")
    }
    bodies = {"request": one.request.body, "response": one.response.body if one.response else b""}
    begins = {name: document.begins_of(raw) for name, raw in bodies.items() if _is_binary(raw)}
    return {name: value for name, value in (("form_encoded", encoded), ("begins", begins)) if value}


def recall_in(log: Mapping[str, Any]) -> Recall | None:
    """What restores the texts of a HAR that was written here; None for any other."""
    ours = log.get(OURS)
    secrets = document.checked_secrets(ours.get("secrets")) if isinstance(ours, Mapping) else None
    if not isinstance(ours, Mapping) or secrets is None:
        return None
    recall = Recall(secrets)
    hidden = ours.get("hidden_headers")
    for name in hidden if isinstance(hidden, list) else ():
        if isinstance(name, str):
            recall.vault.hide(name)
    return recall


def recalled(recall: Recall, one: Exchange, entry: Any) -> Exchange:
    """An exchange with stand-ins in the places of its tags. `entry` is where it stood; None where that is not known."""
    ours = entry.get(OURS, {}) if isinstance(entry, Mapping) else {}
    encoded, begins = _members(ours.get("form_encoded")), _members(ours.get("begins"))
    started = ours.get("started")
    response, failure = one.response, one.failure
    told: dict[str, Any] = {
        "id": one.id,
        "step": one.step,
        "direction": one.direction,
        "started": started if isinstance(started, str) else one.started.isoformat(),
        "elapsed_ms": one.elapsed_ms,
        "hop": one.hop,
        "edited": one.edited,
        "why": one.why,
        "untold": one.untold,
        "request": {
            "method": one.request.method,
            "url": plain_tags(one.request.url),
            "headers": list(_headers(one.request.headers, encoded)),
            **_body(one.request.body, begins.get("request")),
        },
        "response": response
        and {
            "status": response.status,
            "reason": response.reason,
            "http_version": response.http_version,
            "headers": list(_headers(response.headers, {})),
            "truncated": response.truncated,
            **_body(response.body, begins.get("response")),
        },
        "failure": failure and {"kind": failure.kind, "message": failure.message},
    }
    return document.recalled(recall, told)


def recalled_told(recall: Recall, told: Told) -> Told:
    """Runs and settings with stand-ins in the places of tags."""
    runs = [{**vars(run), "exchanges": list(run.exchanges)} for run in told.runs]
    settings = {recall.text(name): recall.encoded(value) for name, value in told.settings.items()}
    return Told(tuple(document.recalled_run(recall, run) for run in runs), settings)


def _members(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _headers(headers: Headers, encoded: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in headers:
        told: dict[str, Any] = {"name": name, "value": plain_tags(value)}
        if value.endswith(" (base64)"):
            told["form_encoded"] = encoded.get(name.lower()) is True
        yield told


def _body(raw: bytes, begins: object) -> dict[str, str]:
    told = {"body": raw.decode("utf-8", "replace")}
    return {**told, "begins": begins} if isinstance(begins, str) and _HEX.fullmatch(begins) else told


def _is_binary(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False
