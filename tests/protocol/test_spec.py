"""Where something is written down, as words and as an address."""

import pytest

from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.rule import RULES
from mcp_oauth_nb.steps import STEPS

SITE = "https://modelcontextprotocol.io/specification"
USED = sorted({declared.spec for declared in (*RULES.values(), *STEPS.values())}, key=str)


@pytest.mark.parametrize(
    ("spec", "words", "url"),
    [
        (Spec("RFC 9728", "3.3"), "RFC 9728 §3.3", "https://www.rfc-editor.org/rfc/rfc9728#section-3.3"),
        (Spec("RFC 9110", ""), "RFC 9110", "https://www.rfc-editor.org/rfc/rfc9110"),
        (
            Spec("MCP 2025-11-25", "Error Handling"),
            "MCP 2025-11-25 Error Handling",
            f"{SITE}/2025-11-25/basic/authorization#error-handling",
        ),
        (
            Spec("MCP 2025-11-25", "Of no rule"),
            "MCP 2025-11-25 Of no rule",
            f"{SITE}/2025-11-25/basic/authorization",
        ),
    ],
)
def test_words_and_address(spec, words, url):
    assert (str(spec), spec.url) == (words, url)


@pytest.mark.parametrize("document", ["OAuth 2.1", "OpenID Connect Discovery"])
def test_every_document_has_an_address(document):
    assert Spec(document).url.startswith("https://")


@pytest.mark.parametrize(
    ("section", "version", "page"),
    [
        ("Token Theft", "2025-03-26", "basic/authorization#implementation-requirements"),
        ("Token Theft", "2025-11-25", "basic/authorization#token-theft"),
        ("Token Theft", "2026-07-28", "basic/authorization/security-considerations#token-theft"),
        (
            "Authorization Server Location",
            "draft",
            "basic/authorization/authorization-server-discovery#authorization-server-location",
        ),
        ("Client Registration Approaches", "2026-07-28", "basic/authorization/client-registration"),
        ("Protocol Version Header", "2025-06-18", "basic/transports#protocol-version-header"),
        ("Protocol Version Header", "2026-07-28", "basic/transports/streamable-http#protocol-version-header"),
        ("Version Negotiation", "2025-06-18", "basic/lifecycle#version-negotiation"),
        ("Session Management", "2025-03-26", "basic/transports#session-management"),
        ("URL Mode Elicitation", "2025-11-25", "client/elicitation#url-mode-elicitation-requests"),
    ],
)
def test_the_page_of_the_very_version(section, version, page):
    assert Spec("MCP 2025-11-25", section).at(version).url == f"{SITE}/{version}/{page}"


@pytest.mark.parametrize(
    ("section", "version"),
    [("Session Management", "2026-07-28"), ("Protocol Version Header", "2025-03-26"), ("Error Handling", "")],
)
def test_a_version_without_the_section_is_not_cited(section, version):
    spec = Spec("MCP 2025-11-25", section)
    assert spec.at(version) is spec


def test_an_rfc_is_the_same_in_every_version():
    spec = Spec("RFC 9728", "3.3")
    assert all(spec.at(version) is spec for version in PROFILES)


WHOLE_PAGES = ("Client Registration Approaches", "Streamable HTTP")


@pytest.mark.parametrize("spec", [spec for spec in USED if spec.document.startswith("MCP")], ids=str)
def test_every_section_that_is_cited_has_a_page(spec):
    own = spec.document.removeprefix("MCP ")
    assert spec.at(own) == spec
    assert "#" in spec.url or spec.section in WHOLE_PAGES
