"""WWW-Authenticate, read by its grammar (RFC 9110 11.2, 11.6.1) and never by regular expression per parameter.

The comma separates both challenges and parameters; a quoted value may hold anything, also text that looks like a
parameter. What is malformed is read as far as it goes and noted, because the notes are what a debugger is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[^\s,]+")


@dataclass(frozen=True, repr=False)
class Challenge:
    """One challenge: its scheme as written, token68 or parameters (names in lower case, repeats kept)."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()
    token68: str | None = None

    def __repr__(self) -> str:
        return f"<Challenge of {len(self.parameters)} parameters>"

    def get(self, name: str) -> str | None:
        """The first value of a parameter; None where it is absent. An empty value is an empty string."""
        return next((value for key, value in self.parameters if key == name), None)


@dataclass(frozen=True)
class Challenges:
    """All challenges of a response, in order, and what was malformed about them."""

    items: tuple[Challenge, ...] = ()
    notes: tuple[str, ...] = field(default=(), repr=False)

    def bearer(self) -> Challenge | None:
        """The challenge to act on; None where there is none.

        Bearer or DPoP with ``resource_metadata``, else the first Bearer, else a DPoP that says why it refuses: a server
        that takes bound tokens only has no other scheme to say it in (RFC 9449 7.1).
        """
        offered = [item for item in self.items if item.scheme.lower() in ("bearer", "dpop")]
        pointing = [item for item in offered if item.get("resource_metadata")]
        bearers = [item for item in offered if item.scheme.lower() == "bearer"]
        refusing = [item for item in offered if item.get("error") not in (None, "use_dpop_nonce")]
        return next(iter(pointing + bearers + refusing), None)


@dataclass(repr=False)
class _Reader:
    """Reads one field value from left to right."""

    text: str
    at: int = 0
    items: list[tuple[str, list[tuple[str, str]], str | None]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)

    def read(self) -> None:
        while self.at < len(self.text):
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
                continue
            if self.at < len(self.text):
                self._element()

    def _element(self) -> None:
        word = self._take(_TOKEN)
        if word is None:
            self._note("stray-text")
            if self._take(_BARE) is None:
                self.at += 1
            return
        after = self.at
        self._skip(_BLANK)
        if self.text[self.at : self.at + 1] == "=":
            self.at += 1
            self._parameter(word.lower())
            return
        self.at = after
        self._scheme(word)

    def _scheme(self, scheme: str) -> None:
        self.items.append((scheme, [], None))
        self.named = set()
        if self._skip(_BLANK) and self.at < len(self.text):
            start, token68 = self.at, self._take(_TOKEN68)
            if token68 is not None and not self._is_scheme_alone(token68):
                self.items[-1] = (scheme, [], token68)
            else:
                self.at = start

    def _is_scheme_alone(self, token68: str) -> bool:
        """``Bearer realm=`` is a parameter with an empty value rather than a token68 called ``realm=``."""
        return "=" in token68 and token68.rstrip("=") in ("realm", "scope", "error", "resource_metadata")

    def _parameter(self, name: str) -> None:
        self._skip(_BLANK)
        value = self._quoted() if self.text[self.at : self.at + 1] == '"' else self._bare()
        if not self.items:
            self._note("param-before-scheme")
            self.items.append(("", [], None))
        if name in self.named:
            self._note(f"duplicate:{name}")
        self.named.add(name)
        self.items[-1][1].append((name, value))
        before = self.at
        self._skip(_BLANK)
        if self.at < len(self.text) and self.text[self.at] != ",":
            self._note("missing-comma" if self.at > before else "stray-text")

    def _quoted(self) -> str:
        self.at += 1
        result: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return "".join(result)
            if character == "\\" and self.at < len(self.text):
                character = self.text[self.at]
                self.at += 1
            result.append(character)
        self._note("unterminated-quote")
        return "".join(result)

    def _bare(self) -> str:
        value = self._take(_BARE) or ""
        if not _TOKEN.fullmatch(value):
            self._note("unquoted-non-token")
        return value

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group(0)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        return bool(self._take(pattern))

    def _note(self, note: str) -> None:
        self.notes[note] = None


def parse_challenges(lines: Iterable[str]) -> Challenges:
    """Read the WWW-Authenticate field lines of one response. Never raises; what is malformed stands in `notes`."""
    items: list[Challenge] = []
    notes: dict[str, None] = {}
    for line in lines:
        reader = _Reader(line.strip(" \t"))
        reader.read()
        items += [Challenge(scheme, tuple(parameters), token68) for scheme, parameters, token68 in reader.items]
        notes |= reader.notes
    return Challenges(tuple(items), tuple(notes))
