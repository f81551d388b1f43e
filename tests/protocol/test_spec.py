"""Where something is written down, as words and as an address."""

import pytest

from mcp_oauth_nb.protocol.spec import Spec


@pytest.mark.parametrize(
    ("spec", "words", "url"),
    [
        (Spec("RFC 9728", "3.3"), "RFC 9728 §3.3", "https://www.rfc-editor.org/rfc/rfc9728#section-3.3"),
        (Spec("RFC 9110", ""), "RFC 9110", "https://www.rfc-editor.org/rfc/rfc9110"),
        (
            Spec("MCP 2025-11-25", "Error Handling"),
            "MCP 2025-11-25 Error Handling",
            "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization",
        ),
    ],
)
def test_words_and_address(spec, words, url):
    assert (str(spec), spec.url) == (words, url)


@pytest.mark.parametrize("document", ["OAuth 2.1", "OpenID Connect Discovery"])
def test_every_document_has_an_address(document):
    assert Spec(document).url.startswith("https://")
