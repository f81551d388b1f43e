"""JSON-RPC messages, as JSON and as an event stream read by the HTML standard's rules."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_nb.protocol.jsonrpc import Event, answer, events, holds_answer, messages, request, where_to_resume
from mcp_oauth_nb.records import Response

ANSWER = {"jsonrpc": "2.0", "id": 1, "result": {"ok": True}}
NOTE = {"jsonrpc": "2.0", "method": "notifications/progress"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage"}


def data(*bodies):
    return [event.data for body in bodies for event in events(body)]


def stream(*values, end="\n"):
    return "".join(f"event: message{end}data: {json.dumps(value)}{end}{end}" for value in values).encode()


def response(body, media_type="application/json"):
    return Response(200, headers=(("Content-Type", media_type),), body=body)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_in_three_ways(end):
    body = f": hello{end}event: a{end}id: 7{end}data: x{end}data: y{end}{end}".encode()
    assert list(events(body)) == [Event("x\ny", "a", "7")]


def test_ends_of_lines_may_be_mixed():
    assert data(b"data: a\r\ndata: b\rdata: c\n\r\n") == ["a\nb\nc"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"data\n\n", [""]),
        (b"data:\ndata:\n\n", ["\n"]),
        (b"event: x\nid: 1\n\n", []),
        (b"data: a\n\ndata: unfinished\n", ["a"]),
        (b"data: unfinished", []),
        (b": data: a\n\n", []),
        (b"DATA: a\n\n", []),
        (b" data: a\n\n", []),
        (b"data: a: b\n\n", ["a: b"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        ("data: a\u2028b\x0b\x85\n\n".encode(), ["a\u2028b\x0b\x85"]),
    ],
)
def test_data(body, expected):
    assert data(body) == expected


def test_a_priming_event_is_empty_and_its_id_and_waiting_time_are_remembered():
    body = b"id: ev-1\nretry: 1500\ndata:\n\nevent: message\ndata: {}\n\n"
    assert list(events(body)) == [Event("", "message", "ev-1", 1500), Event("{}", "message", "ev-1", 1500)]


@pytest.mark.parametrize("line", ["id: a\0b", "retry: soon", "retry: -1", "retry:", "retry: ١", "retry: 1" + "0" * 20])
def test_what_must_be_ignored_is(line):
    assert list(events(f"{line}\ndata: x\n\n".encode())) == [Event("x")]


def test_messages_in_json():
    assert messages(response(json.dumps(ANSWER).encode())) == (ANSWER,)
    assert messages(response(json.dumps([NOTE, 1, None, ANSWER]).encode())) == (NOTE, ANSWER)
    for body in (b"", b"1", b"null", b"<html>"):
        assert messages(response(body)) == ()


@pytest.mark.parametrize("media_type", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
def test_messages_in_a_stream(media_type):
    body = b"id: 1\ndata:\n\n" + stream(NOTE, [CALL], ANSWER) + b"data: no json\n\n"
    assert messages(response(body, media_type)) == (NOTE, CALL, ANSWER)


def test_the_answer_is_told_from_a_request_with_the_same_id():
    assert answer(response(stream(CALL, NOTE, ANSWER), "text/event-stream"), 1) == ANSWER
    assert answer(response(stream(CALL), "text/event-stream"), 1) is None
    assert answer(response(b'{"id": 1, "error": {}}'), 1) == {"id": 1, "error": {}}


@pytest.mark.parametrize("other", ["1", True, None, 2, [1]])
def test_ids_are_compared_as_json(other):
    assert answer(response(json.dumps({"id": other, "result": {}}).encode()), 1) is None


def test_a_stream_is_read_until_it_holds_the_answer():
    whole = stream(NOTE, ANSWER)
    held = [holds_answer(whole[:end], 1) for end in range(len(whole) + 1)]
    assert held == [False] * len(whole) + [True]


def test_requests_and_notifications():
    assert request("ping", None, 5) == {"jsonrpc": "2.0", "id": 5, "method": "ping"}
    assert request("a", {"b": 1}, None) == {"jsonrpc": "2.0", "method": "a", "params": {"b": 1}}


@given(st.binary(), st.integers() | st.text())
def test_no_bytes_make_it_raise(body, request_id):
    for media_type in ("application/json", "text/event-stream", ""):
        messages(response(body, media_type))
        answer(response(body, media_type), request_id)


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"))),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_any_lines_of_data_come_back(lines, end):
    body = "".join(f"data: {line}{end}" for line in lines) + end
    assert data(body.encode()) == (["\n".join(lines)] if lines else [])


def test_a_repr_shows_no_data():
    assert "s3cr3t" not in repr(Event("s3cr3t", "s3cr3t", "s3cr3t"))


@pytest.mark.parametrize(
    ("body", "id_", "retry_ms"),
    [
        (b"id: e1\nretry: 10\ndata:\n\n", "e1", 10),
        (b"id: e1\n\n", "e1", None),
        (b"id: e1\ndata: {}\n\ndata: {}\n\n", "e1", None),
        (b"id: e1\ndata: {}\n\nid: unfinished\ndata: {}\n", "e1", None),
    ],
)
def test_where_a_stream_is_resumed(body, id_, retry_ms):
    last = where_to_resume(response(body, "text/event-stream"))
    assert (last.id, last.retry_ms) == (id_, retry_ms)


@pytest.mark.parametrize("body", [b"", b"data: {}\n\n", b"id: e1\n", b"id: e1\n\nid:\n\n", b"id: a\x1bb\n\n"])
def test_where_it_cannot_be_resumed(body):
    assert where_to_resume(response(body, "text/event-stream")) is None
    assert where_to_resume(response(b"id: e1\n\n")) is None
