"""Records keep what came, read JSON without raising, and print nothing that could be a secret."""

import copy
import dataclasses
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.records import (
    DEEPEST,
    Exchange,
    Failure,
    Parsed,
    Request,
    Response,
    Run,
    Trace,
    current_exchanges,
    origin_of,
    read_json,
)
from mcp_oauth_nb.vault import Vault

SECRET = "s3cr3t-Xq81-Zp47"
HEADERS = (("Authorization", f"Bearer {SECRET}"), ("X", SECRET))
URL = f"https://u:{SECRET}@host.example:8443/{SECRET}?a={SECRET}#{SECRET}"


def exchange(**changes):
    request = Request("POST", URL, HEADERS, SECRET.encode())
    response = Response(200, SECRET, HEADERS, json.dumps({SECRET: SECRET, "a": 1}).encode())
    made = Exchange(1, "token", request, response, edited=(SECRET,), why=SECRET)
    return dataclasses.replace(made, **changes)


def secret_records():
    """Every record of this module with secrets in every field that may hold one."""
    answered = exchange()
    read_all = (answered.response.parsed, answered.document)
    assert read_all[1]
    run = Run("token", (1,), False, SECRET, ((SECRET, SECRET),))
    repeated = read_json(f'{{"{SECRET}": 1, "{SECRET}": "{SECRET}"}}')
    return [
        answered,
        answered.request,
        answered.response,
        repeated,
        Failure("dns", SECRET),
        exchange(response=None, failure=Failure("dns", SECRET)),
        exchange(response=None, direction="in"),
        run,
        Trace((answered,), (run,), {"url": URL}),
    ]


@pytest.mark.parametrize("record", secret_records(), ids=lambda record: type(record).__name__)
def test_no_way_of_printing_shows_a_secret(record):
    try:
        raise RuntimeError(record)
    except RuntimeError:
        said = traceback.format_exc()
    texts = [repr(record), str(record), f"{record}", f"{record!r:>5}", repr([record]), said]
    assert not [text for text in texts if SECRET in text]
    assert all(len(text) < 300 for text in texts[:3])


def test_a_repr_says_step_method_host_and_outcome():
    assert repr(exchange()) == "<Exchange 1 token POST https://host.example:8443 200>"
    assert (
        repr(exchange(response=None, failure=Failure("tls", "")))
        == "<Exchange 1 token POST https://host.example:8443 tls>"
    )
    assert repr(exchange(response=None, direction="in")).endswith(" in>")
    assert repr(exchange().request) == "<Request POST https://host.example:8443>"
    assert repr(Trace()) == "<Trace of 0 exchanges, 0 steps>"


def test_an_exchange_masks_its_own_repr():
    vault = Vault()
    vault.learn("leaky-host-name-1", "token")
    made = Exchange(1, "s", Request("GET", "https://leaky-host-name-1.example/"), vault=vault)
    assert "leaky-host-name-1" not in repr(made)


def test_what_carries_a_vault_is_neither_pickled_nor_deeply_copied():
    for record in (exchange(), Trace((exchange(),))):
        for carry in (pickle.dumps, copy.deepcopy, dataclasses.asdict):
            with pytest.raises(TypeError, match="holds secrets"):
                carry(record)


def test_headers_keep_order_case_and_repeats():
    response = Response(
        200, headers=(("Set-Cookie", "a=1"), ("X-A", "1"), ("set-cookie", "b=2"), ("Content-Type", "Text/HTML; x=y"))
    )
    assert response.header("SET-COOKIE") == "a=1, b=2"
    assert response.header_lines("set-cookie") == ("a=1", "b=2")
    assert response.header("absent") is None
    assert response.media_type == "text/html"
    assert Response(200).media_type == ""


def test_a_document_is_a_json_object_and_nothing_else():
    assert exchange().document == {SECRET: SECRET, "a": 1}
    for body in (b"[1]", b'"text"', b"", b"<html>", b"null"):
        assert exchange(response=Response(200, body=body)).document is None
    assert exchange(response=None).document is None
    assert exchange(response=None).status is None


def test_a_trace_finds_runs_and_their_exchanges():
    exchanges = tuple(dataclasses.replace(exchange(), id=n) for n in (1, 2, 3))
    runs = (Run("token", (3,)), Run("challenge", (1,)))
    trace = Trace(exchanges, runs)
    assert [one.id for one in current_exchanges(trace)] == [3, 1]
    assert trace.run("challenge") is runs[1]
    assert trace.run("mcp") is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        ("\ufeff[1]", [1]),
        (b" \r\n[1]\n", [1]),
        (b"[-0.0, 1e999]", [-0.0, float("inf")]),
        (b'"\\ud800"', "\ud800"),
        (b"9" * 6000, "9" * 6000),
        (b"-" + b"9" * 6000, "-" + "9" * 6000),
        (b"18446744073709551617", 18446744073709551617),
    ],
)
def test_odd_json_is_read(body, value):
    assert read_json(body) == Parsed(value)


def test_nan_is_read_as_what_it_is():
    assert read_json(b"[NaN]").value[0] != read_json(b"[NaN]").value[0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff\xfe{\0}\0", "not UTF-8 (byte 0)"),
        (b'{"a": "\x80"}', "not UTF-8 (byte 7)"),
        (b"{'a': 1}", "not JSON (Expecting property name enclosed in double quotes at line 1 column 2)"),
        (b'{"a": 1}{', "not JSON (Extra data"),
        (b"<html>", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_has_a_problem_and_no_value(body, problem):
    parsed = read_json(body)
    assert parsed.value is None
    assert problem in parsed.problem


@pytest.mark.parametrize(("depth", "readable"), [(DEEPEST - 1, True), (DEEPEST + 1, False)])
def test_the_depth_is_limited_by_us_and_not_by_the_python_in_use(depth, readable):
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        assert (read_json(opening * depth + b"1" + closing * depth).problem == "") is readable


def test_names_given_twice_are_reported_and_the_last_counts():
    parsed = read_json(b'{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}')
    assert parsed.value == {"a": 3, "b": {"c": 2}}
    assert parsed.repeated == ("c", "a")


@pytest.mark.timeout(20)
def test_a_hundred_thousand_names_with_one_twice_are_read():
    body = "{" + ",".join(f'"n{n}":1' for n in range(100_000)) + ',"n1":2}'
    assert read_json(body).repeated == ("n1",)


@given(st.binary() | st.text())
def test_reading_never_raises(body):
    parsed = read_json(body)
    assert parsed.problem == "" or parsed.value is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_valid_json_is_read_as_it_was_written(value):
    assert read_json(json.dumps(value).encode()) == Parsed(value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Host.example:443/p?q#f", "https://Host.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[::1/", "http://[::1"),
        ("https://user:pw@host.example?x", "https://host.example"),
        ("https://user:p@w@host.example#x", "https://host.example"),
        ("https://‹userinfo#12ab34 5 chars›@host.example/", "https://host.example"),
        ("", "(not a URL)"),
        ("code=abc", "(not a URL)"),
        ("https://", "(not a URL)"),
        ("a b://c", "(not a URL)"),
        ("https://line\nbreak/", "(not a URL)"),
        ("https://" + "x" * 300, "(not a URL)"),
    ],
)
def test_origin_of(url, origin):
    assert origin_of(url) == origin


@given(st.text())
def test_origin_of_never_raises_and_stays_on_one_line(text):
    for url in (text, f"https://{text}"):
        assert len(origin_of(url).splitlines()) == 1
