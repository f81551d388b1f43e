"""Requests before they are bytes, and the one place where a user's changes are merged into them."""

import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Override, Step, Stopped, step

URL = "https://h.example/p"
CALL = Call("POST", URL, (("Accept", "a"), ("X-A", "1")), params=(("p", "1"),), form=(("a", "1"), ("b", "2")))
texts = st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text()))


def test_a_form_is_encoded_and_none_is_left_out():
    sent = Call.post_form(URL, (("a", "x y&é"), ("b", None)), why="because", headers=(("X", "1"),)).request()
    assert sent.body == b"a=x+y%26%C3%A9"
    assert sent.header("content-type") == "application/x-www-form-urlencoded"
    assert sent.header("x") == "1"


def test_json_is_encoded():
    sent = Call("POST", URL, json={"a": "é", "b": [1]}).request()
    assert json.loads(sent.body) == {"a": "é", "b": [1]}
    assert sent.header("Content-Type") == "application/json"


def test_a_get_has_no_body():
    sent = Call.get(URL, why="x").request()
    assert (sent.method, sent.url, sent.body, sent.header("accept")) == ("GET", URL, b"", "application/json")


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("https://h/p", "https://h/p?a=1%202"),
        ("https://h/p?", "https://h/p?a=1%202"),
        ("https://h/p?x=1", "https://h/p?x=1&a=1%202"),
        ("https://h/p?x=1&", "https://h/p?x=1&a=1%202"),
        ("https://h/p?x#f?", "https://h/p?x&a=1%202#f?"),
    ],
)
def test_parameters_are_put_behind_the_query_that_is_there(url, full):
    assert Call("GET", url, params=(("a", "1 2"),)).full_url() == full
    assert Call("GET", url).full_url() == url


# --- overrides -------------------------------------------------------------------------------------------------------


def applied(call=CALL, **edits):
    return Override(**edits).apply(call)


def test_no_override_changes_nothing():
    assert not Override()
    assert Override().apply(CALL) == CALL
    assert Override(form={"a": None})


def test_none_removes_a_value_replaces_in_place_and_a_new_name_is_appended():
    assert applied(form={"a": None}).form == (("b", "2"),)
    assert applied(form={"a": "9"}).form == (("a", "9"), ("b", "2"))
    assert applied(form={"c": 3}).form == (("a", "1"), ("b", "2"), ("c", "3"))
    assert applied(params={"p": None}).params == ()


def test_a_list_repeats_the_name():
    assert applied(form={"a": ["x", "y"]}).form == (("a", "x"), ("a", "y"), ("b", "2"))
    assert applied(form={"a": []}).form == (("b", "2"),)
    repeated = Call("POST", URL, form=(("a", "1"), ("b", "2"), ("a", "3")))
    assert applied(repeated, form={"a": "9"}).form == (("a", "9"), ("b", "2"))


def test_names_of_headers_are_compared_without_case_and_others_with():
    assert applied(headers={"ACCEPT": "b"}).headers == (("ACCEPT", "b"), ("X-A", "1"))
    assert applied(headers={"accept": None}).headers == (("X-A", "1"),)
    assert applied(form={"A": "9"}).form == (("a", "1"), ("b", "2"), ("A", "9"))


def test_what_was_edited_is_named():
    call = applied(params={"p": 1}, headers={"X-A": None}, form={"a": None})
    assert call.edited == ("params.p", "headers.X-A", "form.a")
    assert applied(call, form={"b": "x"}).edited == (*call.edited, "form.b")


def test_json_members_are_replaced_and_removed():
    call = Call("POST", URL, json={"a": 1, "b": {"c": 2}, "kept": None})
    edited = applied(call, json={"a": None, "b": [3]})
    assert edited.json == {"b": [3], "kept": None}
    assert edited.edited == ("json.a", "json.b")


def test_a_part_that_the_request_does_not_have_is_not_invented():
    assert applied(Call.get(URL), form={"a": "1"}, json={"a": "1"}) == Call.get(URL)
    handshake = Call("POST", URL, json={"a": 1}, handshake=True)
    assert applied(handshake, json={"a": 2}) == handshake


@pytest.mark.parametrize(
    ("url", "edit", "full"),
    [
        ("https://h/p?tenant=a&x=%41", {"tenant": None}, "https://h/p?x=%41"),
        ("https://h/p?tenant=a", {"tenant": None}, "https://h/p"),
        ("https://h/p?tenant=a#f", {"tenant": "b"}, "https://h/p?tenant=b#f"),
        ("https://h/p?a%5B%5D=1&&b", {"a[]": None}, "https://h/p?&b"),
        ("https://h/p?tenant=a", {"other": None}, "https://h/p?tenant=a"),
    ],
)
def test_parameters_of_the_url_itself_can_be_edited(url, edit, full):
    assert applied(Call("GET", url), params=edit).full_url() == full


@pytest.mark.parametrize("part", ["params", "form", "headers", "json"])
@pytest.mark.parametrize("value", [None, "a=b", [("a", "b")]])
def test_edits_must_be_a_mapping(part, value):
    with pytest.raises(BadSetting, match=f"^{part}=: got a"):
        Override(**{part: value})


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X": ["ok", "a\nb"]}, {"X": "\x7f"}, {"X": "\0"}, {"X": "a\nb "}]
)
def test_a_header_cannot_break_out_of_its_line(headers):
    with pytest.raises(BadSetting, match="line break or control character"):
        Override(headers=headers)


@pytest.mark.parametrize("name", ["X\n", "", "a b", "X:", "X ", "(x)", "X-\u00e9", "X\tY", 5, None, ("X",), b"X"])
def test_a_name_that_no_header_can_have(name):
    with pytest.raises(BadSetting, match=r"headers=: got an? .*name"):
        Override(headers={name: "a"})
    with pytest.raises(BadSetting, match=r"headers=: got an? .*name"):
        Override(headers={name: None})


def test_a_secret_in_the_place_of_a_name_is_not_repeated():
    with pytest.raises(BadSetting) as refused:
        Override(headers={"Authorization: Bearer s3cr3t": ""})
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("value", [" a", "a ", "\ta", ["ok", "a\t"], " "])
def test_white_space_around_a_value_would_be_lost(value):
    with pytest.raises(BadSetting, match=r"headers\['X'\]: got white space at its beginning or end"):
        Override(headers={"X": value})


@pytest.mark.parametrize("value", ["", "a b\tc", "\u00e9", "\u65e5", 5, None, [], ["a", "b c"], "\x80", "\ud800"])
def test_what_a_header_can_hold_is_taken(value):
    assert Override(headers={"X-A.b_c!": value})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x"])
def test_what_json_cannot_hold_is_refused_at_once(value):
    with pytest.raises(BadSetting, match="JSON cannot hold"):
        Override(json={"a": value})


@given(texts, texts, st.dictionaries(st.text(), st.text()))
def test_any_text_can_be_sent(params, form, members):
    call = Override(params=params, form=form, json=members).apply(CALL)
    sent = call.request()
    sent.url.encode("ascii")
    assert len(parse_qsl(sent.body.decode("ascii"), keep_blank_values=True)) == len(call.form or ())
    json.dumps(Override(json=members).apply(Call("POST", URL, json={})).request().body.decode("ascii"))


def test_lone_surrogates_are_replaced_and_not_raised():
    assert Call("POST", URL, params=(("a", "\ud800"),), form=(("b", "\udfff"),)).request().body == b"b=%3F"


def test_a_step_is_named_after_its_function():
    @step(title="A step", spec=Spec("RFC 6749", "4"), probe=True)
    def ask(flow):
        yield from ()
        return Stopped("no reason")

    assert isinstance(ask, Step)
    assert (ask.name, ask.title, ask.probe) == ("ask", "A step", True)
