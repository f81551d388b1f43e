"""What a server advertises, in the order in which it is asked about: endpoints, capabilities, supported values.

Every line names the document that says so. An endpoint is there or it is not; a capability that a document is silent
about is "not said", which is no promise either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mcp_oauth_nb.facts.table import said
from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.protocol.flow import Document
from mcp_oauth_nb.protocol.jwt import read_jwt
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views import frames
from mcp_oauth_nb.views.body import mask_again
from mcp_oauth_nb.views.html import (
    LONGEST_BODY,
    Html,
    bundle,
    card,
    clip,
    details,
    link,
    one_line,
    pre,
    quiet,
    strong,
    table,
    tag,
    text,
    unbroken,
    visible,
    wire,
    words,
)

RESOURCE = "protected resource metadata"
SERVER = "authorization server metadata"
SIGNED = "Signed metadata (read, not verified)"
SECTIONS = ("Endpoints", "Capabilities", "Supported values", SIGNED)

ENDPOINTS = (
    ("issuer", "issuer"),
    ("authorization endpoint", "authorization_endpoint"),
    ("token endpoint", "token_endpoint"),
    ("registration endpoint", "registration_endpoint"),
    ("revocation endpoint", "revocation_endpoint"),
    ("introspection endpoint", "introspection_endpoint"),
    ("userinfo endpoint", "userinfo_endpoint"),
    ("JWKS", "jwks_uri"),
)
"""Endpoints of the authorization server: what we call them and the member that names them."""

LISTED = (
    ("PKCE with S256", "code_challenge_methods_supported", "S256"),
    ("refresh tokens", "grant_types_supported", "refresh_token"),
)
"""Capabilities that are a value in a list."""
OFFERED = (
    ("dynamic client registration", "registration_endpoint"),
    ("token revocation", "revocation_endpoint"),
)
"""Capabilities that are an endpoint."""
FLAGS = (
    ("client ID metadata document", "client_id_metadata_document_supported"),
    ("iss in the authorization response", "authorization_response_iss_parameter_supported"),
)
"""Capabilities that are a boolean."""

VALUES = (
    ("grant types", "grant_types_supported"),
    ("response types", "response_types_supported"),
    ("response modes", "response_modes_supported"),
    ("code challenge methods", "code_challenge_methods_supported"),
    ("token endpoint authentication methods", "token_endpoint_auth_methods_supported"),
    ("scopes", "scopes_supported"),
)
RESOURCE_VALUES = (("scopes", "scopes_supported"), ("bearer methods", "bearer_methods_supported"))


class Entry(NamedTuple):
    """One line: `value` as it is said, `source` the document that says it, `member` where in it. All masked."""

    section: str
    name: str
    value: str
    source: str
    member: str


LONGEST_BRIEF = 110
"""Characters of a section's summary line."""


@dataclass(repr=False)
class Config(Displayable):
    """The discovered configuration of an MCP server and its authorization server.

    Attributes:
        resource_metadata: the protected resource metadata; None before it was fetched.
        server_metadata: the authorization server metadata; None before it was fetched.
        vault: the secrets of the trace.
        has_resource: there is an MCP server, whose metadata belongs to the whole.
    """

    resource_metadata: Document | None = None
    server_metadata: Document | None = None
    vault: Vault = field(default_factory=Vault)
    has_resource: bool = True

    def __repr__(self) -> str:
        return f"<Config of {len(self.documents)} documents>"

    @property
    def documents(self) -> tuple[tuple[str, Document], ...]:
        """The documents there are, with their names."""
        both = ((RESOURCE, self.resource_metadata), (SERVER, self.server_metadata))
        return tuple((name, document) for name, document in both if document is not None)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every line of the configuration."""
        masked = (
            entry._replace(name=mask_text(self.vault, entry.name), value=mask_text(self.vault, entry.value))
            for entry in self._read()
        )
        return tuple(sorted(masked, key=lambda entry: SECTIONS.index(entry.section)))

    @property
    def frame(self) -> Any:
        """The configuration as a pandas DataFrame: section, name, value, source."""
        rows = [entry._asdict() for entry in self.entries]
        return frames.frame(rows, ("section", "name", "value", "source"))

    @property
    def to_do(self) -> str:
        """Which call discovers what is missing; empty when nothing is."""
        calls = (("dbg.resource_metadata()", self.resource_metadata), ("dbg.server_metadata()", self.server_metadata))
        wanted = calls if self.has_resource else calls[1:]
        missing = [call for call, document in wanted if document is None]
        what = "Nothing is discovered yet" if len(missing) == len(wanted) else "Half of it is not discovered yet"
        return f"{what}: run {', then '.join(missing)}." if missing else ""

    def _read(self) -> Iterator[Entry]:
        if self.resource_metadata is not None:
            yield from _resource_entries(self.resource_metadata)
        if self.server_metadata is not None:
            yield from _server_entries(self.server_metadata.value)
        for name, document in self.documents:
            yield from _signed_entries(self.vault, name, document.value)


@render.register
def _(config: Config) -> Bundle:
    return bundle(_html(config), "\n".join(_lines(config)))


def _resource_entries(document: Document) -> Iterator[Entry]:
    value = document.value
    yield Entry("Endpoints", "protected resource metadata", document.url, RESOURCE, "")
    for name, member in (("resource", "resource"), ("authorization servers", "authorization_servers")):
        if member in value:
            yield Entry("Endpoints", name, _said(value[member]), RESOURCE, member)
    for name, member in RESOURCE_VALUES:
        yield Entry("Supported values", name, _said_of(value, member), RESOURCE, member)


def _server_entries(value: Mapping[str, Any]) -> Iterator[Entry]:
    for name, member in ENDPOINTS:
        if member in value:
            yield Entry("Endpoints", name, _said(value[member]), SERVER, member)
    for name, member, wanted in LISTED:
        yield Entry("Capabilities", name, _is_listed(value, member, wanted), SERVER, member)
    for name, member in OFFERED:
        yield Entry("Capabilities", name, "yes" if value.get(member) else "no", SERVER, member)
    for name, member in FLAGS:
        yield Entry("Capabilities", name, _is_set(value, member), SERVER, member)
    for name, member in VALUES:
        yield Entry("Supported values", name, _said_of(value, member), SERVER, member)


def _signed_entries(vault: Vault, source: str, value: Mapping[str, Any]) -> Iterator[Entry]:
    """The claims of ``signed_metadata``, a JWT whose values go before those beside it (RFC 9728 3.2, RFC 8414 2.1)."""
    member = "signed_metadata"
    if member not in value:
        return
    jwt = read_jwt(value[member]) if isinstance(value[member], str) else None
    if jwt is None:
        yield Entry(SIGNED, member, "no JWT that can be read", source, member)
    for name, claim in (jwt.claims if jwt else {}).items():
        differs = name in value and value[name] != claim
        beside = f"; the document beside it says {said(vault, name, value[name])}" if differs else ""
        yield Entry(SIGNED, name, f"{said(vault, name, claim)}{beside}", source, member)


def _is_listed(value: Mapping[str, Any], member: str, wanted: str) -> str:
    if member not in value:
        return "not said"
    listed = value[member]
    if not isinstance(listed, list):
        return f"not said: {member} is no array but {_said(listed)}"
    return "yes" if wanted in listed else "no"


def _is_set(value: Mapping[str, Any], member: str) -> str:
    flag = value.get(member)
    if isinstance(flag, bool):
        return "yes" if flag else "no"
    return f"not said: {member} is no boolean but {json.dumps(flag)}" if member in value else "not said"


def _said_of(value: Mapping[str, Any], member: str) -> str:
    return _said(value[member]) if member in value else "not said"


def _said(value: Any) -> str:
    """A member as text: a string as it is, an array of strings listed, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _html(config: Config) -> Html:
    to_do = [tag("div", text(config.to_do))] if config.to_do else []
    sections = [piece for name in SECTIONS for piece in _section_html(config, name)]
    return card(tag("div", strong("OAuth configuration")), *to_do, *sections, *_sources_html(config))


def _section_html(config: Config, section: str) -> list[Html]:
    entries = [entry for entry in config.entries if entry.section == section]
    if not entries:
        return []
    written = wire if section in ("Endpoints", SIGNED) else _word if section == "Capabilities" else text
    rows = [(text(entry.name), written(entry.value), _source_html(entry)) for entry in entries]
    return [details(words(strong(section), quiet(_brief(entries))), table(rows))]


def _brief(entries: Iterable[Entry]) -> str:
    """A section on one line, for a reader who does not unfold it."""
    told = "; ".join(f"{entry.name}: {entry.value}" for entry in entries if entry.value != "not said")
    return told if len(told) <= LONGEST_BRIEF else told[: LONGEST_BRIEF - 1] + "…"


def _word(value: str) -> Html:
    answer, colon, rest = value.partition(":")
    return words(strong(answer + colon), text(rest.strip()))


def _source(entry: Entry) -> str:
    """The document, and for a capability the member that decides it."""
    if not entry.member:
        return "where it was found"
    return f"{entry.member} in the {entry.source}" if entry.section == "Capabilities" else entry.source


def _source_html(entry: Entry) -> Html:
    told = quiet(_source(entry))
    return told if entry.section == "Capabilities" or not entry.member else unbroken(told)


def _sources_html(config: Config) -> list[Html]:
    return [details(strong("Documents"), *_documents_html(config))] if config.documents else []


def _documents_html(config: Config) -> list[Html]:
    return [
        details(
            strong(name),
            tag("div", words(link(mask_text(config.vault, document.url)), quiet(f"exchange #{document.exchange}"))),
            pre(_document(config, document)),
        )
        for name, document in config.documents
    ]


def _document(config: Config, document: Document) -> str:
    try:
        return json.dumps(mask_again(config.vault, dict(document.value)), indent=2, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be laid out; the exchange has it)"


def _lines(config: Config) -> Iterator[str]:
    yield "OAuth configuration"
    if config.to_do:
        yield f"  {config.to_do}"
    for section in SECTIONS:
        entries = [entry for entry in config.entries if entry.section == section]
        if entries:
            yield section
        for entry in entries:
            yield f"  {one_line(entry.name)}: {one_line(entry.value)}  ({_source(entry)})"
    for name, document in config.documents:
        yield f"{name}: {one_line(mask_text(config.vault, document.url))} (exchange #{document.exchange})"
        shown, rest = clip(_document(config, document), LONGEST_BODY)
        yield from (f"  {line}" for line in visible(shown, lines=True).split("\n"))
        yield from (f"  {rest}",) if rest else ()
