"""One grading of `resource`, for the step that stops and the rule that says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.resource import resource_match

URL = "https://h.example/api/v1/mcp"


@pytest.mark.parametrize(
    ("resource", "url", "match"),
    [
        (URL, URL, "same"),
        ("https://h.example/api/v1/mcp/", URL, "spelling"),
        ("HTTPS://H.Example:443/api/v1/mcp", URL, "spelling"),
        ("https://h.example/", "https://h.example", "spelling"),
        ("https://h.example", URL, "parent"),
        ("https://h.example/", URL, "parent"),
        ("https://h.example/api/v1", URL, "parent"),
        ("https://h.example/api/v1/", URL, "parent"),
        (URL, f"{URL}?tenant=a", "parent"),
        (f"{URL}/?tenant=a", f"{URL}?tenant=a", "spelling"),
        ("https://h.example/api/v", URL, "other"),
        ("https://h.example/API/v1/mcp", URL, "other"),
        (f"{URL}/deeper", URL, "other"),
        (f"{URL}?tenant=b", f"{URL}?tenant=a", "other"),
        (f"{URL}?tenant=a", URL, "other"),
        (f"{URL}#part", URL, "other"),
        ("http://h.example/api/v1/mcp", URL, "other"),
        ("https://h.example:8443/api/v1/mcp", URL, "other"),
        ("https://h.example.evil.example/api/v1/mcp", URL, "other"),
        ("mcp", URL, "other"),
        ("", URL, "other"),
        (None, URL, "other"),
    ],
)
def test_grades(resource, url, match):
    assert resource_match(resource, url, url) == match


def test_the_identifier_that_the_document_was_asked_for_by_is_the_same():
    assert resource_match("https://h.example", "https://h.example", URL) == "same"


@given(st.none() | st.text(), st.text(), st.text())
def test_it_never_raises(resource, identifier, url):
    assert resource_match(resource, identifier, url) in ("same", "spelling", "parent", "other")
    assert resource_match(identifier, identifier, url) == "same"
