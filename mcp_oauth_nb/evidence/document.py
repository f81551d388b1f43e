"""One object that holds all of a trace and none of its secrets: what is saved, and what a saved trace is read from.

Every text in it has been through `redact` or the mask of the trace. What each tag stands for is told as far as rules
need it (`secrets`). Its form is published as a JSON schema, ``evidence.schema.json`` beside this file.
"""

from __future__ import annotations

import base64
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from mcp_oauth_nb.errors import NotOurs
from mcp_oauth_nb.evidence.recall import Recall
from mcp_oauth_nb.evidence.secrets import facts_of_secrets, learn_from_places, learn_hashes
from mcp_oauth_nb.records import Exchange, Failure, Headers, Request, Response, Run, Trace, read_json
from mcp_oauth_nb.redact import Shown, learn, mask_text, redact
from mcp_oauth_nb.steps import STEPS
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.body import mask_pair

MIME = "application/vnd.mcp-oauth-nb.evidence+json"
"""The media type of the object, which is also its first member."""
SCHEMA_VERSION = 1
"""Counts up when a reader of the last version could not read the next one."""
SCHEMA = Path(__file__).with_name("evidence.schema.json")
IN_URLS = ("location", "content-location", "refresh")
BROKEN = "\ufffd"
"""What stands in a text where bytes were no UTF-8."""
UNSEEN = re.compile(rb"[^!-~]{0,4}")
"""So many bytes tell a format, such as that of gzip. None of them is visible: a secret consists of visible ones."""
_EXPECTED = "evidence as dbg.save(...) writes it"


# --- saving -----------------------------------------------------------------------------------------------------------


def document_of(trace: Trace, *, now: datetime | None = None) -> dict[str, Any]:
    """The evidence object of a trace; nothing in it is a secret.

    Args:
        trace: what was recorded.
        now: when it is written, UTC; the clock of this machine where it is not given.
    """
    vault = trace.vault
    exchanges = settled(trace)
    document: dict[str, Any] = {
        "format": MIME,
        "version": SCHEMA_VERSION,
        "written": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "software": {"mcp-oauth-nb": package_version(), "python": platform.python_version()},
        "protocol": trace.settings.get("protocol", ""),
        "settings": settings_told(trace),
        "hidden_headers": list(vault.hidden),
        "exchanges": [_exchange(one, redact(one)) for one in exchanges],
        "runs": [run_told(vault, one) for one in trace.runs],
    }
    document["secrets"] = facts_of_secrets(vault, json.dumps(document, ensure_ascii=False))
    return document


def settled(trace: Trace) -> list[Exchange]:
    """The exchanges of a trace once its vault has learned from them all that there is to learn."""
    exchanges = [replace(one, vault=trace.vault) for one in trace.exchanges]
    for one in exchanges:
        learn(one)
    while True:
        masked = json.dumps([_exchange(one, redact(one)) for one in exchanges], ensure_ascii=False)
        if not (learn_from_places(trace.vault, masked) or learn_hashes(trace.vault, masked)):
            return exchanges


def settings_told(trace: Trace) -> dict[str, str]:
    """What the user chose, masked."""
    return {mask_text(trace.vault, name): mask_text(trace.vault, value) for name, value in trace.settings.items()}


def to_json(trace: Trace, *, now: datetime | None = None) -> str:
    """The evidence object as text."""
    return json.dumps(document_of(trace, now=now), indent=1, ensure_ascii=False) + "\n"


def package_version() -> str:
    """The version of this package; ``unknown`` where it is not installed."""
    try:
        return version("mcp-oauth-nb")
    except PackageNotFoundError:
        return "unknown"


def _exchange(one: Exchange, shown: Shown) -> dict[str, Any]:
    request, response, failure = shown.request, shown.response, shown.failure
    told: dict[str, Any] = {
        "id": shown.id,
        "step": shown.step,
        "direction": shown.direction,
        "started": shown.started.isoformat(),
        "elapsed_ms": shown.elapsed_ms,
        "hop": shown.hop,
        "edited": list(shown.edited),
        "why": shown.why,
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": _headers(one.request.headers, request.headers),
            **_body(one.request.body, request.body),
        },
    }
    if one.untold:
        told["untold"] = list(one.untold)
    if response is not None and one.response is not None:
        told["response"] = {
            "status": response.status,
            "reason": response.reason,
            "http_version": response.http_version,
            "headers": _headers(one.response.headers, response.headers),
            "truncated": response.truncated,
            **_body(one.response.body, response.body),
        }
    if failure is not None:
        told["failure"] = {"kind": failure.kind, "message": failure.message}
    return told


def _headers(sent: Headers, shown: Headers) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for (_, raw), (name, value) in zip(sent, shown, strict=True):
        told.append({"name": name, "value": value})
        if value.endswith(" (base64)"):
            told[-1]["form_encoded"] = is_form_encoded(raw)
    return told


def is_form_encoded(basic: str) -> bool:
    """Whether the secret in Basic credentials is form-encoded, as it should be (RFC 6749 2.3.1)."""
    secret = base64.b64decode(basic.partition(" ")[2] + "==").decode("utf-8", "replace").partition(":")[2]
    return quote_plus(unquote_plus(secret)) == secret or unquote_plus(secret) != secret


def begins_of(raw: bytes) -> str:
    """The first bytes of a body, as hexadecimal digits, as far as none of them is a character."""
    unseen = UNSEEN.match(raw)
    return unseen[0].hex() if unseen else ""


def _body(raw: bytes, shown: bytes) -> dict[str, Any]:
    """A body as text. Of one that is no UTF-8 all through, the first bytes are kept, by which formats are told."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return {"body": shown.decode(), "begins": begins_of(raw)}
    return {"body": shown.decode()}


def run_told(vault: Vault, run: Run) -> dict[str, Any]:
    """A run, masked."""
    return {
        "step": run.step,
        "exchanges": list(run.exchanges),
        "achieved": run.achieved,
        "stopped": mask_text(vault, run.stopped),
        "learned": [[mask_text(vault, name), mask_pair(vault, name, value)] for name, value in run.learned],
    }


# --- loading ----------------------------------------------------------------------------------------------------------


def from_json(text: str | bytes, name: str = "the text") -> Trace:
    """The trace that an evidence object was made of, with stand-ins for its secrets.

    Args:
        text: what `to_json` wrote.
        name: how an error calls it, such as the name of the file.

    Raises:
        NotOurs: it is no evidence of this package, or of a version that is not known here.
    """
    read = read_json(text)
    if read.problem:
        raise NotOurs(name, read.problem, _EXPECTED)
    return trace_of(read.value, name)


def trace_of(document: Any, name: str = "the document") -> Trace:
    """The trace that an evidence object was made of; see `from_json`.

    Raises:
        NotOurs: it is no evidence of this package, or of a version that is not known here.
    """
    _check(document, name)
    recall = Recall(document["secrets"], name)
    vault = recall.vault
    for header in document["hidden_headers"]:
        vault.hide(header)
    return Trace(
        tuple(recalled(recall, one) for one in document["exchanges"]),
        tuple(recalled_run(recall, one) for one in document["runs"]),
        {recall.text(key): recall.encoded(value) for key, value in document["settings"].items()},
        vault,
    )


@cache
def schema() -> Mapping[str, Any]:
    """The published schema of the evidence object."""
    found: Mapping[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def _check(document: Any, name: str) -> None:
    """Held against the schema. What is told of a mismatch is its place, because what stands there is not ours."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - costly, and only reading a file needs it

    if not isinstance(document, dict) or document.get("format") != MIME:
        seen = "a JSON object of another kind" if isinstance(document, dict) else f"a {type(document).__name__}"
        raise NotOurs(name, seen, _EXPECTED)
    if document.get("version") != SCHEMA_VERSION:
        raise _of_another_version(name, document.get("version"))
    problem = next(Draft202012Validator(schema()).iter_errors(document), None)
    if problem is not None:
        place = "/".join(str(one) if isinstance(one, int) else one for one in problem.schema_path)
        raise NotOurs(name, "evidence that breaks its schema", f"what {SCHEMA.name} says at {place}")
    if not {one["step"] for one in document["runs"]} <= STEPS.keys():
        raise NotOurs(name, "a step that is not known here", "the steps of this version of mcp-oauth-nb")
    ids = [one["id"] for one in document["exchanges"]]
    if ids != list(range(1, len(ids) + 1)) or any(
        not 1 <= one <= len(ids) for run in document["runs"] for one in run["exchanges"]
    ):
        raise NotOurs(name, "exchanges that are missing or out of order", "exchanges numbered from 1")


def _of_another_version(name: str, version: object) -> NotOurs:
    is_newer = type(version) is int and SCHEMA_VERSION < version < 1000
    seen = f"evidence of another version{f' ({version})' if is_newer else ''}"
    mend = ": a newer mcp-oauth-nb wrote it, upgrade this one with pip install -U mcp-oauth-nb" if is_newer else ""
    return NotOurs(name, seen, f"version {SCHEMA_VERSION} of its schema{mend}")


def checked_secrets(value: object) -> Mapping[str, Mapping[str, Any]] | None:
    """What is told of the value behind each tag, where it has the form that the schema asks for; else None."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - costly, and only reading a file needs it

    whole = schema()
    wanted = {"$schema": whole["$schema"], "$defs": whole["$defs"], **whole["properties"]["secrets"]}
    return value if isinstance(value, dict) and Draft202012Validator(wanted).is_valid(value) else None


def recalled(recall: Recall, told: Mapping[str, Any]) -> Exchange:
    """An exchange as the evidence object tells it, with stand-ins in the places of tags."""
    request, response, failure = told["request"], told.get("response"), told.get("failure")
    return Exchange(
        int(told["id"]),
        told["step"],
        Request(
            recall.text(request["method"]),
            recall.encoded(request["url"]),
            _recalled_headers(recall, request["headers"]),
            _recalled_body(recall, request),
        ),
        response
        and Response(
            int(response["status"]),
            recall.text(response["reason"]),
            _recalled_headers(recall, response["headers"]),
            _recalled_body(recall, response),
            response["truncated"],
            response["http_version"],
        ),
        failure and Failure(failure["kind"], recall.text(failure["message"])),
        told["direction"],
        _time(told["started"]),
        told["elapsed_ms"],
        int(told["hop"]),
        tuple(map(recall.text, told["edited"])),
        recall.text(told["why"]),
        tuple(told.get("untold", ())),
        recall.vault,
    )


def _recalled_headers(recall: Recall, told: list[Mapping[str, Any]]) -> Headers:
    return tuple((recall.text(one["name"]), _recalled_header(recall, one)) for one in told)


def _recalled_header(recall: Recall, told: Mapping[str, Any]) -> str:
    value = told["value"]
    if told["name"].lower() in IN_URLS:
        return recall.encoded(value)
    basic = recall.basic(value, as_is=not told["form_encoded"]) if "form_encoded" in told else None
    return recall.text(value) if basic is None else basic


def _recalled_body(recall: Recall, told: Mapping[str, Any]) -> bytes:
    media_type = next((one["value"] for one in told["headers"] if one["name"].lower() == "content-type"), "")
    restore = recall.encoded if "form-urlencoded" in media_type.lower() else recall.text
    body = restore(told["body"])
    if "begins" not in told:
        return body.encode("utf-8", "replace")
    broken = b"\xff".join(part.encode("utf-8", "replace") for part in body.split(BROKEN))
    begins = bytes.fromhex(told["begins"])
    return begins + broken[len(begins) :]


def recalled_run(recall: Recall, told: Mapping[str, Any]) -> Run:
    """A run as it was, with stand-ins in the places of tags."""
    return Run(
        told["step"],
        tuple(map(int, told["exchanges"])),
        told["achieved"],
        recall.text(told["stopped"]),
        tuple((recall.text(name), recall.text(value)) for name, value in told["learned"]),
    )


def _time(told: str) -> datetime:
    try:
        read = datetime.fromisoformat(told)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
