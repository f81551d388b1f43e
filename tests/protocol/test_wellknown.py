"""Candidate URLs are built from strings exactly as they came."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.wellknown import (
    is_loopback,
    resource_metadata_candidates,
    same_origin,
    server_metadata_candidates,
    split,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "wellknown.json").read_text(encoding="utf-8"))


def supported(name):
    """The vectors of the protocol versions that can be asked for."""
    return [
        pytest.param(one, id=f"{one['version']} {one.get('url') or one['issuer']}")
        for one in VECTORS[name]
        if one["version"] in PROFILES
    ]


@pytest.mark.parametrize("vector", [one for one in supported("prm") if one.values[0]["challenge"] is None])
def test_protected_resource_metadata(vector):
    """A version that has no order of its own for a silent challenge gets the same candidates, as a diagnosis."""
    known = [(url, kind.removesuffix("+diag"), named) for url, kind, named in vector["candidates"]]
    of_the_standard = [one for one in known if one[1] in ("path", "root")]
    assert [tuple(one) for one in resource_metadata_candidates(vector["url"])] == of_the_standard


@pytest.mark.parametrize("vector", supported("asm"))
def test_authorization_server_metadata(vector):
    profile = PROFILES[vector["version"]]
    issuer = vector["issuer"] if profile.has_resource_metadata else split(vector["issuer"]).origin
    built = [one for one in server_metadata_candidates(issuer) if one.kind in profile.server_metadata_kinds]
    assert [one.url for one in built] == [url for url, _ in vector["candidates"]]
    assert [one.kind.partition("-")[0] for one in built] == [kind.partition("-")[0] for _, kind in vector["candidates"]]
    assert {one.identifier for one in built} == {issuer}, "the document must name the issuer as it was given"


NO_URLS = ["", "mcp", "ftp://h/x", "https://", "https:///x", "//h/x", "http\u017f://h/x", "https://h\\@evil/x", "\x00"]


@pytest.mark.parametrize("text", NO_URLS)
def test_what_is_no_url_has_no_candidates(text):
    assert split(text) is None
    assert resource_metadata_candidates(text) == server_metadata_candidates(text) == ()
    assert not is_loopback(text)
    assert not same_origin(text, text)


def test_nothing_is_normalised():
    odd = "HTTPS://Example.COM:443/a/../B%2f?x=%41"
    assert split(odd) == ("HTTPS://Example.COM:443", "/a/../B%2f", "?x=%41")
    inserted = resource_metadata_candidates(odd)[0]
    assert inserted.url == "HTTPS://Example.COM:443/.well-known/oauth-protected-resource/a/../B%2f?x=%41"
    assert inserted.identifier == odd


def test_a_broken_bracket_is_kept_as_it_is():
    assert resource_metadata_candidates("http://[::1/")[0].url == "http://[::1/.well-known/oauth-protected-resource"
    assert not is_loopback("http://[::1/")


@given(st.text() | st.text().map("https://{}".format) | st.sampled_from(NO_URLS), st.text())
def test_no_text_makes_it_raise(one, other):
    for url in (one, f"http://{other}"):
        for candidate in (*resource_metadata_candidates(url), *server_metadata_candidates(url)):
            assert "/.well-known/" in candidate.url
        is_loopback(url)
        assert same_origin(url, other) == same_origin(other, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://LOCALHOST:80/x",
        "https://127.0.0.1:1/",
        "http://127.9.9.9",
        "http://[::1]:5/x",
        "http://u:p@localhost/",
    ],
)
def test_this_machine(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example",
        "http://127.0.0.1.example",
        "http://localhost@evil.example/",
        "http://[::2]/",
        "http://128.0.0.1",
        "http://١٢٧.0.0.1",
    ],
)
def test_another_machine(url):
    assert not is_loopback(url)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h", "HTTPS://H:443/x?y", True),
        ("http://h:80/", "http://h", True),
        ("https://u:p@h/", "https://h/", True),
        ("https://h", "http://h", False),
        ("https://h:8443", "https://h", False),
        ("https://h", "https://h.example", False),
        ("http://h:443", "http://h", False),
    ],
)
def test_same_origin(one, other, same):
    assert same_origin(one, other) is same_origin(other, one) is same


def test_a_repr_shows_no_url():
    url = "https://u:s3cr3t@h/s3cr3t?s3cr3t"
    assert "s3cr3t" not in repr((resource_metadata_candidates(url), server_metadata_candidates(url), split(url)))
