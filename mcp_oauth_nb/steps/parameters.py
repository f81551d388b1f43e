"""Custom parameters of a request, put where the user wants them sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mcp_oauth_nb.protocol.parameters import Parameter
from mcp_oauth_nb.protocol.step import Call, Override

_PART: Mapping[str, str] = {"body": "form", "url": "params", "header": "headers"}


def with_parameters(call: Call, parameters: Iterable[Parameter]) -> Call:
    """The call with these parameters in it.

    They are part of what the client was set up to send, so nothing is marked as edited.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    for one in parameters:
        parts.setdefault(_PART[one.send_in], {}).setdefault(one.name, []).append(one.value)
    return replace(Override(**parts).apply(call), edited=call.edited) if parts else call
