"""The table of RFC 9207 2.4, every row of it."""

from __future__ import annotations

import pytest

from mcp_oauth_nb.protocol.issuer import ADVERTISED, issuer_check

ISSUER = "https://auth.example.com"
TABLE = [
    (True, ISSUER, True, "advertised yes, present yes, equal yes: accepted"),
    (True, "https://evil.example", False, "advertised yes, present yes, equal no: rejected"),
    (True, None, False, "advertised yes, present no: rejected"),
    (False, ISSUER, True, "advertised no, present yes, equal yes: accepted"),
    (False, "https://evil.example", False, "advertised no, present yes, equal no: rejected"),
    (False, None, True, "advertised no, present no: accepted"),
    (None, None, True, "advertised no, present no: accepted"),
    ("true", None, True, "advertised no, present no: accepted"),
]


@pytest.mark.parametrize(("advertised", "received", "accepted", "told"), TABLE)
def test_every_row(advertised, received, accepted, told) -> None:
    metadata = {} if advertised is None else {ADVERTISED: advertised}
    check = issuer_check(metadata, ISSUER, received)
    assert (check.accepted, check.told) == (accepted, told)


@pytest.mark.parametrize("received", [f"{ISSUER}/", "HTTPS://auth.example.com", f"{ISSUER}:443", "", f"{ISSUER}%2F"])
def test_nothing_is_normalised(received) -> None:
    assert not issuer_check({}, ISSUER, received).accepted


def test_an_issuer_that_the_metadata_does_not_name_fits_nothing() -> None:
    assert not issuer_check({}, None, ISSUER).accepted
    assert issuer_check({}, None, None).accepted


def test_what_a_reader_sees() -> None:
    check = issuer_check({ADVERTISED: True}, ISSUER, "https://evil.example/<b>", level="MUST", version="draft")
    assert check.shown() == (("issuer check", "advertised yes, present yes, equal no: rejected (MUST in MCP draft)"),)
