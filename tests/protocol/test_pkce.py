"""The pair of RFC 7636."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.pkce import pkce_from, s256


def test_the_example_of_the_standard():
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert s256(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@given(st.binary(min_size=32, max_size=32))
def test_a_verifier_is_43_unreserved_characters_and_never_printed(entropy):
    pair = pkce_from(entropy)
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43}", pair.verifier)
    assert pair.challenge == s256(pair.verifier)
    assert pair.method == "S256"
    assert pair.verifier not in repr(pair)


@given(st.text())
def test_any_verifier_has_a_challenge(verifier):
    assert len(s256(verifier)) == 43
