"""Reads the logs of curl: ``-v``, ``--trace`` and ``--trace-ascii``, any number of transfers, with prompts or without.

``-v`` shows every header line, marked ``>`` or ``<``, and no body that was sent; a body that came stands between, in
front of or behind its lines. With ``--trace-time`` each line begins with the time, which is left out here. A trace
shows every byte, in hexadecimal or as text with a point for what is no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.evidence.curl_commands import LONGEST, PROMPT, is_open, read_command
from mcp_oauth_nb.evidence.transfers import Event, Kind, exchanges_of
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.vault import Vault

_STAMP = r"(?:\d\d:\d\d:\d\d\.\d{1,6} )?(?:\[[\dx-]{1,20}\] )?"
"""What ``--trace-time`` and ``--trace-ids`` put before a line."""
_VERBOSE = re.compile(
    rf"^(?:{_STAMP}(?:> [A-Za-z-]{{1,31}} \S+ HTTP/[\d.]+|< HTTP/[\d.]+ \d{{3}})|curl: \(\d{{1,3}}\) )", re.MULTILINE
)
_STAMPED = re.compile(
    r"(?:\d\d:\d\d:\d\d\.\d{1,6} (?:\[[\dx-]{1,20}\] )?|^\[[\dx-]{1,20}\] )(?=[*<>{}](?:[ \r\n]|$))", re.MULTILINE
)
"""A stamp before a line of ``-v``, also right behind the progress meter or a body, which do not end in a line break."""
_SECTION = re.compile(_STAMP + r"(?:== Info: ?(?P<info>.*)|(?P<way>=>|<=) (?:Send|Recv) (?P<part>header|data|SSL data)"
                      r", (?P<size>\d{1,9}) bytes \(0x[0-9a-f]+\))")  # fmt: skip
_TRACE = re.compile(rf"^{_STAMP}(?:== Info:|=> Send header, \d+ bytes)", re.MULTILINE)
_ROW = re.compile(r"([0-9a-f]{4,8}): (.*)", re.DOTALL)
_HEX = re.compile(r"((?:[0-9a-f]{2} ){1,16}) *+")
_METER = re.compile(
    r"\s*\d{1,3}\s+[\d.]+[kMGTP]?(?:\s+[\d.]+[kMGTP]?){6}(?:\s+(?:--:--:--|\d+:\d\d:\d\d)){3}\s+[\d.]+[kMGTP]?"
)
_METER_HEAD = re.compile(r"\s*(?:% Total +% Received|Dload +Upload)")
_WITHHELD = re.compile(r"[{}] \[(?:\d+ bytes data|data not shown)\]")
_PROMPT_BEHIND = re.compile(
    r"(?<=[}\])>\"\w.])(?:(?<![\w.-])[\w.-]{1,40}@[\w.-]{1,60}:[^\s$#%]{0,80})?[$%#\u276f] curl "
)
"""A prompt right behind a body that does not end in a line break."""
_CLOSED = re.compile(
    r"\* (?:Connection #\d+ to host|Closing connection|Found bundle for host|Re-using existing|   ?Trying )"
)
"""What curl writes right behind a body that does not end in a line break."""


def is_curl_log(text: str) -> bool:
    """Whether it looks like a log of curl."""
    return bool(_VERBOSE.search(text) or _TRACE.search(text))


def read_curl_log(text: str, vault: Vault) -> tuple[Exchange, ...]:
    """The exchanges in a log of curl.

    Args:
        text: the log, bytes that are no UTF-8 as surrogates.
        vault: the secrets of the trace that these exchanges are for.
    """
    return exchanges_of(_traced(text) if _TRACE.search(text) else _shown(text), vault)


# --- curl -v ----------------------------------------------------------------------------------------------------------


def _shown(text: str) -> Iterator[Event]:
    waiting = ""
    text = _STAMPED.sub("", text)
    for line in _PROMPT_BEHIND.sub("\n$ curl ", text).split("\n"):
        if waiting:
            waiting = f"{waiting}\n{line}"
            if not is_open(waiting) or len(waiting) > LONGEST:
                yield Event("command", command=read_command(waiting))
                waiting = ""
        elif prompted := PROMPT.fullmatch(line.rstrip("\r")):
            if is_open(prompted["command"]):
                waiting = prompted["command"]
            elif (command := read_command(line.rstrip("\r"))) is not None:
                yield Event("command", command=command)
        else:
            yield from _line(line)


def _line(line: str) -> Iterator[Event]:
    if _METER.search(line):
        line = _METER.sub("", line).strip("\r")
        if not line:
            return
    bare = line.strip("\r")
    if bare[:2] in ("> ", "< ") or bare in (">", "<"):
        kind: Kind = "sent header" if bare[0] == ">" else "came header"
        yield Event(kind, _bytes(bare[2:].rstrip("\r ")))
    elif bare.startswith("* "):
        yield Event("info", _bytes(bare[2:]))
    elif bare.startswith("curl: ("):
        yield Event("error", _bytes(bare))
    elif _WITHHELD.fullmatch(bare):
        yield Event("withheld")
    elif not _METER_HEAD.match(bare) and not (bare != line and not bare):
        closed = _CLOSED.search(line)
        yield Event("came data", _bytes(line[: closed.start()] if closed else line + "\n"))
        if closed:
            yield Event("info", _bytes(line[closed.start() + 2 :]))


# --- curl --trace, --trace-ascii --------------------------------------------------------------------------------------


def _traced(text: str) -> Iterator[Event]:
    part, size = "", 0
    rows: list[tuple[int, str]] = []
    for line in text.split("\n"):
        section = _SECTION.fullmatch(line.rstrip("\r"))
        row = None if section else _ROW.fullmatch(line.rstrip("\r"))
        if row and part:
            rows.append((int(row[1], 16), row[2]))
            continue
        if section or not row:
            yield from _piece(part, _content(rows, size))
            part, rows = "", []
        if section and section["info"] is not None:
            yield Event("info", _bytes(section["info"]))
        elif section:
            part, size = f"{section['way']} {section['part']}", int(section["size"])
        elif line.startswith("curl: ("):
            yield Event("error", _bytes(line.rstrip("\r")))
        elif (command := read_command(line.rstrip("\r"))) is not None:
            yield Event("command", command=command)
    yield from _piece(part, _content(rows, size))


def _piece(part: str, content: bytes) -> Iterator[Event]:
    way, _, what = part.partition(" ")
    if what == "header":
        for line in content.replace(b"\r\n", b"\n").split(b"\n"):
            if line:
                yield Event("sent header" if way == "=>" else "came header", line)
    elif what == "data" and content:
        yield Event("sent data" if way == "=>" else "came data", content)


def _content(rows: list[tuple[int, str]], size: int) -> bytes:
    """The bytes of a section. As text, what the offsets skip are line breaks (CRLF)."""
    found, is_hex = bytearray(), bool(rows) and _in_hex(rows[0][1], min(16, size))
    for offset, shown in rows:
        if offset > size:
            break
        if offset > len(found):
            found += b"\r\n" * ((offset - len(found)) // 2)
        pairs = _HEX.match(shown) if is_hex else None
        found += bytes.fromhex(pairs[1][: 3 * (size - offset)]) if pairs else _bytes(shown)
    if 0 < size - len(found) <= 4 and (size - len(found)) % 2 == 0:
        found += b"\r\n" * ((size - len(found)) // 2)
    return bytes(found[:size])


def _in_hex(row: str, count: int) -> bool:
    """Whether a row shows so many bytes in hexadecimal, padded to sixteen, and behind them as text."""
    return bool(re.fullmatch(rf"(?:[0-9a-f]{{2}} ){{{count}}} {{{3 * (16 - count)}}}.{{{count}}}", row))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
