"""What headers repeat of a request."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.shared.inbound import mcp_param_headers, validate_mcp_param_headers, x_mcp_header_map

from mcp_oauth_nb.protocol.mirroring import argument_headers, argument_text, mirrored_arguments, plain_text


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def marked(mark: object = "Region", kind: object = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": mark}


def test_marked_arguments_at_any_depth() -> None:
    found = mirrored_arguments(
        schema(region=marked(), q={"type": "integer"}, at=schema(zone=marked("Zone", "integer")))
    )
    assert found == {("region",): "Mcp-Param-Region", ("at", "zone"): "Mcp-Param-Zone"}


@pytest.mark.parametrize(
    "bad",
    [
        schema(a=marked(""), b=marked()),
        schema(a=marked("two words"), b=marked()),
        schema(a=marked("X\r\nEvil: 1"), b=marked()),
        schema(a=marked(5), b=marked()),
        schema(a=marked("Other", "number"), b=marked()),
        schema(a=marked("Other", ["string"]), b=marked()),
        schema(a=marked("region"), b=marked("Region")),
        {"properties": "x"},
        {"properties": {"a": 5}},
        "text",
        None,
    ],
)
def test_a_schema_with_a_mark_that_is_not_allowed_declares_nothing(bad: object) -> None:
    assert mirrored_arguments(bad) == {}


def test_a_schema_without_end_is_read_to_some_depth() -> None:
    deep: dict[str, Any] = {"x-mcp-header": "Deep", "type": "string"}
    for _ in range(2000):
        deep = schema(a=deep)
    assert mirrored_arguments(deep) == {}


@pytest.mark.parametrize(
    ("value", "said"),
    [("eu", "eu"), (True, "true"), (False, "false"), (7, "7"), (None, None), ([1], None), ({"a": 1}, None)],
)
def test_what_a_header_says_of_an_argument(value: object, said: str | None) -> None:
    assert argument_text({"at": {"zone": value}}, ("at", "zone")) == said
    assert argument_text({"at": value}, ("at", "zone", "x")) is None
    assert argument_text(None, ("at",)) is None


def test_headers_of_a_call() -> None:
    mirrored = {("a",): "Mcp-Param-A", ("b",): "Mcp-Param-B", ("c",): "Mcp-Param-C"}
    told = argument_headers(mirrored, {"a": "x", "b": "ä"})
    assert told == (("Mcp-Param-A", "x"), ("Mcp-Param-B", "=?base64?w6Q=?="))


@pytest.mark.parametrize("value", ["eu", "grüße", " padded ", "", "=?base64?", True, False, 7, -1, 10**30, 2.5, None])
def test_headers_say_what_those_of_the_official_client_say_and_its_server_takes_them(value: object) -> None:
    declared = schema(region=marked(), at=schema(zone=marked("Zone", "integer")))
    arguments = {"region": value, "at": {"zone": 3}}
    told = dict(argument_headers(mirrored_arguments(declared), arguments))
    theirs = mcp_param_headers(x_mcp_header_map(declared), arguments)
    assert {name: plain_text(one) for name, one in told.items()} == {n: plain_text(one) for n, one in theirs.items()}
    assert validate_mcp_param_headers(declared, arguments, told) is None
