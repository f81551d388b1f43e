"""Every location of the metadata: its URL, and who asks there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_oauth_nb.protocol.locations import Location, resource_locations, server_locations
from mcp_oauth_nb.protocol.profiles import PROFILES
from mcp_oauth_nb.protocol.wellknown import resource_metadata_candidates, server_metadata_candidates

URL = "https://mcp.example.com/mcp"
ROOT = "https://mcp.example.com/.well-known/oauth-protected-resource"
TENANT = "https://auth.example.com/tenant"
MODERN = ("2025-06-18", "2025-11-25", "2026-07-28")
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "wellknown.json").read_text(encoding="utf-8"))["prm"]
KINDS = {"path-noslash": "path without slash", "path-noquery": "path without query"}
UNORDERED = "2025-06-18"
"""Says nothing of a silent challenge: its clients ask where later ones do, and each of its vectors is a diagnosis."""


def by_url(locations: tuple[Location, ...]) -> dict[str, Location]:
    assert len({one.url for one in locations}) == len(locations), "each URL once"
    return {one.url: one for one in locations}


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("https://h.example", ["/.well-known/oauth-protected-resource"]),
        ("https://h.example/", ["/.well-known/oauth-protected-resource"]),
        (
            "https://h.example/mcp",
            [
                "/.well-known/oauth-protected-resource/mcp",
                "/.well-known/oauth-protected-resource",
                "/mcp/.well-known/oauth-protected-resource",
                "/.well-known/oauth-protected-resource/mcp/",
            ],
        ),
        (
            "https://h.example/a/mcp/?t=1",
            [
                "/.well-known/oauth-protected-resource/a/mcp/?t=1",
                "/.well-known/oauth-protected-resource/a/mcp?t=1",
                "/.well-known/oauth-protected-resource/a/mcp/",
                "/.well-known/oauth-protected-resource",
                "/a/mcp/.well-known/oauth-protected-resource",
            ],
        ),
        ("mcp.example", []),
    ],
)
def test_of_the_resource(url: str, urls: list[str]) -> None:
    assert [one.url.removeprefix("https://h.example") for one in resource_locations(url, None)] == urls


@pytest.mark.parametrize("vector", [pytest.param(one, id=f"{one['version']} {one['url']}") for one in VECTORS])
def test_every_vector_whole(vector: dict) -> None:
    """URL, construction, identifier and order; and who comes there, but for the version that has no order."""
    found = resource_locations(vector["url"], vector["challenge"])
    beyond = {"append", "path with slash"}
    rows = [one for one in found if not beyond & {*one.kinds}]
    wanted = [(url, KINDS.get(kind := row.removesuffix("+diag"), kind), of) for url, row, of in vector["candidates"]]
    assert [(one.url, *one.kinds, one.identifiers[0]) for one in rows] == wanted
    assert [*found[: len(rows)]] == rows, "what no specification leads to comes last"
    read = [vector["version"] in dict(one.readers) for one in rows]
    if vector["version"] == UNORDERED:
        assert read == [kind in ("path", "root") for _, kind, _ in wanted]
    else:
        assert read == [not row.endswith("+diag") for _, row, _ in vector["candidates"]]


def test_the_url_of_the_challenge_comes_first_and_is_the_only_one_that_is_read() -> None:
    first, *others = resource_locations(URL, "https://cdn.example/prm.json")
    assert (first.url, first.kinds, first.readers) == (
        "https://cdn.example/prm.json",
        ("challenge",),
        tuple((version, 1) for version in MODERN),
    )
    assert [one.readers for one in others] == [()] * 4
    usual = [one.kinds for one in others if one.is_usual]
    assert usual == [("path",), ("root",)], "read only where the challenge names none"


def test_a_challenge_that_names_the_usual_place_is_one_location() -> None:
    first = resource_locations(URL, f"{ROOT}/mcp")[0]
    assert (first.kinds, first.readers[0], first.remark) == (("challenge", "path"), ("2025-06-18", 1), "")


def test_of_an_issuer_with_a_path() -> None:
    found = by_url(server_locations(URL, [TENANT]))
    origin, own = "https://auth.example.com", "https://mcp.example.com"
    oauth, oidc = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
    assert list(found) == [
        f"{origin}{oauth}/tenant",
        f"{origin}{oidc}/tenant",
        f"{TENANT}{oidc}",
        f"{own}{oauth}",
        f"{own}{oidc}",
        f"{TENANT}{oauth}",
        f"{origin}{oauth}",
        f"{origin}{oauth}/tenant/",
        f"{origin}{oidc}/tenant/",
    ]
    assert found[f"{origin}{oauth}/tenant"].readers == tuple((version, 1) for version in MODERN)
    assert found[f"{TENANT}{oidc}"].readers == (("2025-11-25", 3), ("2026-07-28", 3))
    assert found[f"{own}{oauth}"].readers == (("2025-03-26", 1),)
    unread = [url for url, one in found.items() if not one.readers]
    assert unread == list(found)[4:]


def test_a_slash_at_the_end_of_an_issuer_leads_to_no_other_place() -> None:
    bare, slashed = server_locations(URL, [TENANT]), server_locations(URL, [f"{TENANT}/"])
    assert [one.url for one in bare] == [one.url for one in slashed]
    both = server_locations(URL, [TENANT, f"{TENANT}/"])
    assert len(both) == len(bare)
    assert both[0].identifiers == (TENANT, f"{TENANT}/")


def test_an_issuer_on_the_own_origin_is_read_by_all() -> None:
    found = server_locations(URL, ["https://mcp.example.com"])
    assert [one.readership for one in found] == [
        "read by clients of 2025-03-26 and later",
        "read by clients of 2025-11-25 and later",
    ]
    assert not found[0].guessed


@pytest.mark.parametrize("version", [name for name in PROFILES if name != "draft"])
def test_the_order_is_that_in_which_the_steps_ask(version: str) -> None:
    profile = PROFILES[version]
    asked = sorted(
        (place, one.url)
        for one in (*resource_locations(URL, None), *server_locations(URL, [TENANT]))
        for reader, place in one.readers
        if reader == version and one.document == "server"
    )
    issuer = TENANT if profile.has_resource_metadata else "https://mcp.example.com"
    steps = [one.url for one in server_metadata_candidates(issuer) if one.kind in profile.server_metadata_kinds]
    assert asked == list(enumerate(steps, 1))
    resource = [one.url for one in resource_locations(URL, None) if version in dict(one.readers)]
    assert resource == [one.url for one in resource_metadata_candidates(URL) if profile.has_resource_metadata]


@pytest.mark.parametrize("issuer", ["", "auth.example.com", "javascript:alert(1)", "https://"])
def test_what_is_no_issuer_has_no_location(issuer: str) -> None:
    assert server_locations(URL, [issuer]) == server_locations(URL, [])
