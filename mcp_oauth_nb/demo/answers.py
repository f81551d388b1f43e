"""What was asked and what is answered, as plain immutable values.

The layer around the MCP SDK works on these two records alone: a strictness rule or a fault reads an `Asked`
and returns an `Answer`, so it can be read and tested without a server. Both hold live secrets (codes, tokens),
hence the short reprs.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit, urlunsplit

Pairs = tuple[tuple[str, str], ...]
FORM = "application/x-www-form-urlencoded"


def pairs(encoded: bytes) -> Pairs:
    """The parameters of a query or a form body, in order, repeats and blank values kept."""
    try:
        return tuple(parse_qsl(encoded.decode("latin-1"), keep_blank_values=True))
    except ValueError:
        return ()


def first(items: Pairs, name: str) -> str | None:
    """The first value under this name; header names must be given in lower case."""
    return next((value for key, value in items if key == name), None)


def with_query(url: str, **params: str | None) -> str:
    """`url` with parameters added to its query; its own query stays as it was written (RFC 6749 section 3.1.2)."""
    parts = urlsplit(url)
    added = urlencode({key: value for key, value in params.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(text for text in (parts.query, added) if text)))


@dataclass(frozen=True, repr=False)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Pairs
    headers: Pairs
    """Names in lower case."""
    body: bytes = b""
    """Empty at the MCP endpoint: that body is passed on unread."""

    def __repr__(self) -> str:
        return f"<Asked {self.method} {self.path}>"

    def header(self, name: str) -> str:
        """The value of a header, or an empty string."""
        return first(self.headers, name) or ""

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case."""
        return self.header("content-type").split(";")[0].strip().lower()

    @property
    def form(self) -> Pairs:
        """Form parameters; none unless the body is declared to be a form."""
        return pairs(self.body) if self.media_type == FORM else ()

    @property
    def params(self) -> Pairs:
        """Form parameters of a POST, query parameters otherwise."""
        return self.form if self.method == "POST" else self.query

    @property
    def json(self) -> Any:
        """The body read as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def bearer(self) -> str | None:
        """The token of an Authorization: Bearer header; None when there is no such header."""
        scheme, _, token = self.header("authorization").partition(" ")
        return token if scheme.lower() == "bearer" else None

    @property
    def basic(self) -> tuple[str, str] | None:
        """Client id and secret of an Authorization: Basic header (RFC 6749 section 2.3.1); None when unreadable."""
        scheme, _, encoded = self.header("authorization").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (ValueError, binascii.Error):
            return None
        return (unquote_plus(name), unquote_plus(secret)) if colon else None

    def with_params(self, params: Iterable[tuple[str, str]]) -> "Asked":
        """The same request with other query or form parameters."""
        kept = tuple(params)
        return replace(self, body=urlencode(kept).encode()) if self.method == "POST" else replace(self, query=kept)


@dataclass(frozen=True, repr=False)
class Answer:
    """One answer, whole: status, headers, body, and how it is delivered."""

    status: int
    headers: Pairs = ()
    """Names in lower case. Content-Length is left out: it is computed when the answer is sent."""
    body: bytes = b""
    delay_s: float = 0.0
    """Seconds to wait before the first byte."""
    delivery: Literal["whole", "truncated", "dropped", "never"] = "whole"
    """truncated: half of the body, then the connection closes; dropped: the connection closes without any answer;
    never: nothing comes until the client gives up."""

    def __repr__(self) -> str:
        return f"<Answer {self.status} {len(self.body)} bytes>"

    @classmethod
    def of_json(cls, status: int, document: Any, **headers: str) -> "Answer":
        """An answer with a JSON body; `no_store="..."` style keywords become headers with dashes."""
        extra = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return cls(status, (("content-type", "application/json"), *extra), json.dumps(document).encode())

    @classmethod
    def of_html(cls, status: int, page: str) -> "Answer":
        """An answer with a web page."""
        return cls(status, (("content-type", "text/html; charset=utf-8"),), page.encode())

    @property
    def json(self) -> Any:
        """The body read as JSON; None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def header(self, name: str) -> str:
        """The value of a header, or an empty string."""
        return first(self.headers, name) or ""

    @property
    def is_redirect(self) -> bool:
        """Whether the answer sends the browser on."""
        return 300 <= self.status < 400 and bool(self.header("location"))

    def with_header(self, name: str, value: str) -> "Answer":
        """The answer with this header in place of any of the same name."""
        return replace(self, headers=(*self.without_header(name).headers, (name.lower(), value)))

    def without_header(self, name: str) -> "Answer":
        """The answer without this header."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name.lower()))

    def patched(self, **members: Any) -> "Answer":
        """The answer with members of its JSON object replaced; None removes one. Other bodies stay as they are."""
        document = self.json
        if not isinstance(document, dict):
            return self
        merged = {name: value for name, value in (document | members).items() if value is not None}
        return replace(self, body=json.dumps(merged).encode())

    def relocated(self, **params: str | None) -> "Answer":
        """The redirect with query parameters replaced; None removes one. Other answers stay as they are."""
        if not self.is_redirect:
            return self
        parts = urlsplit(self.header("location"))
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in params]
        added = [(name, value) for name, value in params.items() if value is not None]
        return self.with_header("location", urlunsplit(parts._replace(query=urlencode(kept + added))))
