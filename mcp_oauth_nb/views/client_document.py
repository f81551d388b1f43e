"""A client ID metadata document as a display: the JSON to publish, where, and what a server would say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.protocol.client_document import Problem, problems
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.html import badge, bundle, card, link, one_line, pre, strong, tag, text, words


@dataclass(frozen=True, repr=False)
class ClientDocument(Displayable):
    """A document to publish. ``str(document)`` is its JSON text.

    Attributes:
        document: the members, ready for JSON.
        url: where it must stand, which is the client id.
        vault: the secrets of the trace.
        write: called with the vault, the text and the path: writes the file.
    """

    document: Mapping[str, Any]
    url: str
    vault: Vault
    write: Callable[[Vault, str, str | Path], Path] = field(compare=False)

    def __repr__(self) -> str:
        return f"<ClientDocument with {len(self.problems)} problems>"

    def __str__(self) -> str:
        return json.dumps(dict(self.document), indent=2, ensure_ascii=False)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why an authorization server would not take it; empty where it would."""
        return tuple(problems(self.document, self.url))

    def save(self, path: str | Path) -> Path:
        """Write the JSON to a file to publish; returns the path.

        Raises:
            BadSetting: the file cannot be written.
            HoldsSecret: it holds a secret, and is to be published; nothing was written.
        """
        return self.write(self.vault, f"{self}\n", path)


@render.register
def _(shown: ClientDocument) -> Bundle:
    url, body = mask_text(shown.vault, shown.url), mask_text(shown.vault, str(shown))
    told = [(one.level, mask_text(shown.vault, f"{one.observed}, expected {one.expected}")) for one in shown.problems]
    markup = card(
        tag("div", strong("Client ID metadata document")),
        tag("div", words(text("publish as application/json at"), link(url))),
        *(tag("div", words(badge("failed" if level == "MUST" else "warned"), text(said))) for level, said in told),
        pre(body),
    )
    lines = [f"{level}: {one_line(said)}" for level, said in told]
    head = f"Client ID metadata document, to publish as application/json at {one_line(url)}"
    return bundle(markup, "\n".join([head, *lines, body]))
