r"""How the bytes of a body become something to read: a form as pairs, JSON laid out, an event stream cut into events.

What comes in was masked already. Decoding can bring a secret back all the same, for a server may write one as
``\u0061\u0062...`` in JSON or ``%61%62...`` in a form, where no search for its value finds it. So everything that was
decoded here is masked once more before it leaves.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from mcp_oauth_nb.records import read_json
from mcp_oauth_nb.redact import is_secret_name, mask_json
from mcp_oauth_nb.vault import Vault

Pairs = tuple[tuple[str, str], ...]

_TAG = re.compile(r"‹[a-z0-9_]+#[0-9a-f]{6} \d+ chars›")
_MOST_BROKEN = 0.1
"""A body is called text while no larger part of it is unreadable."""


@dataclass(frozen=True)
class Body:
    """A body laid out for reading, as pairs or as text with lines, never both.

    Attributes:
        kind: what it is, in a word or two.
        notes: what a reader should know of it: not JSON and why, members given twice, cut off.
    """

    kind: str
    text: str = ""
    pairs: Pairs = ()
    notes: tuple[str, ...] = ()


def read_body(vault: Vault, raw: bytes, media_type: str, *, truncated: bool = False) -> Body | None:
    """Lay out a masked body; None where there is none."""
    if not raw:
        return None
    content = raw.decode("utf-8", "replace")
    cut = ("the body goes on behind what was kept",) if truncated else ()
    if _is_binary(content):
        return Body(media_type or "unnamed", content[:64], notes=("not text; only its beginning is shown", *cut))
    if "form-urlencoded" in media_type:
        return Body("form", pairs=read_pairs(vault, content), notes=cut)
    if media_type == "text/event-stream":
        return _event_stream(vault, content, cut)
    if "json" in media_type or content.lstrip()[:1] in ("{", "["):
        return _json(vault, content, media_type, cut)
    return Body(media_type or "no Content-Type", content, notes=cut)


def read_pairs(vault: Vault, encoded: str) -> Pairs:
    """The decoded pairs of a masked form or query, in order, repeats kept."""
    decoded = parse_qsl(encoded, keep_blank_values=True, encoding="utf-8", errors="replace")
    return tuple((vault.mask(name), mask_again(vault, value, name)) for name, value in decoded)


def mask_again(vault: Vault, value: Any, name: str = "") -> Any:
    """Mask what decoding may have uncovered. A value that carries a tag is not tagged anew."""
    if isinstance(value, dict):
        return {vault.mask(str(key)): mask_again(vault, member, str(key)) for key, member in value.items()}
    if isinstance(value, list):
        return [mask_again(vault, member, name) for member in value]
    if isinstance(value, str) and _TAG.search(value):
        return vault.mask(value)
    return mask_json(vault, value, name)


def mask_pair(vault: Vault, name: str, value: str) -> str:
    """Mask the value of a pair of ours: by its name, unless it is a remark such as ``(none)``, and by value."""
    if value and is_secret_name(name.replace(" ", "_")) and not value.startswith("(") and not _TAG.search(value):
        return vault.tag(value, name.replace(" ", "_"))
    return str(mask_again(vault, value))


def _is_binary(content: str) -> bool:
    broken = content.count("\ufffd") + content.count("\x00")
    return broken > len(content) * _MOST_BROKEN


def _json(vault: Vault, content: str, media_type: str, cut: tuple[str, ...]) -> Body:
    laid_out, notes = _laid_out(vault, content)
    if laid_out is None:
        return Body(media_type or "no Content-Type", content, notes=(*notes, *cut))
    sent_as = () if "json" in media_type else (f"sent as {media_type or 'no media type'}",)
    return Body("JSON", laid_out, notes=(*sent_as, *notes, *cut))


def _laid_out(vault: Vault, content: str) -> tuple[str | None, tuple[str, ...]]:
    """JSON with an indent of two, or None; and what is to be said of it."""
    parsed = read_json(content)
    if parsed.problem:
        return None, (parsed.problem,)
    try:
        laid_out = json.dumps(mask_again(vault, parsed.value), indent=2, ensure_ascii=False)
    except RecursionError:
        return None, ("the JSON is nested too deeply to be laid out",)
    repeated = ", ".join(map(vault.mask, parsed.repeated))
    return laid_out, (f"given more than once, the last one counts: {repeated}",) if repeated else ()


def _event_stream(vault: Vault, content: str, cut: tuple[str, ...]) -> Body:
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    events = [event for event in re.split(r"\n{2,}", lines.strip("\n")) if event]
    counted = f"{len(events)} event" + ("" if len(events) == 1 else "s")
    return Body("event stream", "\n\n".join(_event(vault, event) for event in events), notes=(counted, *cut))


def _event(vault: Vault, event: str) -> str:
    """One event: its fields as they stand, its data joined and laid out where it is JSON."""
    data = [line.partition(":")[2].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
    others = [vault.mask(line) for line in event.split("\n") if not line.startswith("data:")]
    joined = "\n".join(data)
    laid_out = _laid_out(vault, joined)[0] if joined.lstrip()[:1] in ("{", "[") else None
    return "\n".join([*others, f"data: {laid_out or vault.mask(joined)}"] if data else others)
