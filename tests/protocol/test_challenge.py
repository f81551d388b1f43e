"""WWW-Authenticate is read by its grammar; what is malformed is read as far as it goes, and noted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.challenge import Challenge, parse_challenges

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "challenges.json").read_text(encoding="utf-8"))
hostile = st.text(alphabet=st.sampled_from('Bearer DPoP basic=", \\\t\x1b\u2028é:/?;abc0'), max_size=80) | st.text()


def test_there_are_all_vectors():
    assert len(VECTORS) == 28


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS])
def test_vector(vector):
    read = parse_challenges(vector["lines"])
    expected = tuple(
        Challenge(one["scheme"], tuple((name, value) for name, value in one["params"]), one["token68"])
        for one in vector["challenges"]
    )
    assert read.items == expected
    assert list(read.notes) == vector["notes"]


@given(st.lists(hostile, max_size=3))
def test_it_never_raises(lines):
    read = parse_challenges(lines)
    read.bearer()
    for item in read.items:
        assert all(name == name.lower() for name, _ in item.parameters)


@given(st.text(alphabet=st.characters(min_codepoint=32, exclude_characters="\x7f")))
def test_any_quoted_value_comes_back(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    read = parse_challenges([f'Bearer realm="{quoted}", scope="a"'])
    assert read.items == (Challenge("Bearer", (("realm", value), ("scope", "a"))),)
    assert read.notes == ()


@pytest.mark.parametrize(
    ("lines", "scheme", "pointer"),
    [
        (['Bearer scope="a"', 'Bearer resource_metadata="u"'], "Bearer", "u"),
        (['DPoP resource_metadata="d"', 'Bearer scope="a"'], "DPoP", "d"),
        (["DPoP algs=ES256", 'bearer scope="a"'], "bearer", None),
        (["Bearer", 'Bearer resource_metadata=""'], "Bearer", None),
        (["DPoP algs=ES256", 'dpop error="insufficient_scope", scope="a"'], "dpop", None),
    ],
)
def test_the_challenge_to_act_on(lines, scheme, pointer):
    chosen = parse_challenges(lines).bearer()
    assert chosen is not None
    assert (chosen.scheme, chosen.get("resource_metadata") or None) == (scheme, pointer)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["Basic realm=x"],
        ["DPoP algs=ES256"],
        ['DPoP error="use_dpop_nonce"'],
        ['resource_metadata="u"'],
        ['Basic error="insufficient_scope", scope="a"'],
    ],
)
def test_there_may_be_none(lines):
    assert parse_challenges(lines).bearer() is None


def test_the_first_of_duplicates_counts_and_an_empty_value_is_a_value():
    challenge = parse_challenges(['Bearer scope="", scope="b"']).items[0]
    assert challenge.get("scope") == ""
    assert challenge.get("absent") is None


def test_an_empty_parameter_is_no_token68():
    assert parse_challenges(["Bearer realm="]).items == (Challenge("Bearer", (("realm", ""),)),)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a=b,", "a{}=b,", "Bearer ", ",", "a ", '"', "\\", "=", "a=,a="])
def test_a_long_header_is_read(piece):
    parse_challenges(["Bearer " + "".join(piece.format(n) for n in range(30_000))])


def test_a_repr_shows_no_text_of_the_server():
    assert "s3cr3t" not in repr(parse_challenges(['s3cr3t s3cr3t="s3cr3t", s3cr3t="s3cr3t" s3cr3t="x"']))
