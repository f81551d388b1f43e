"""`load`: evidence that was saved, back as a trace, wherever it is read and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting, NotOurs
from mcp_oauth_nb.evidence.document import MIME, trace_of
from mcp_oauth_nb.records import Trace, read_json

EXPECTED = "evidence as dbg.save('incident.json') or dbg.save('incident.ipynb') writes it"
LARGEST = 1 << 28
"""Bytes; what is larger is not read."""


def load(path: str | Path) -> Trace:
    """The trace in a file that ``dbg.save`` wrote; ``diagnose(load(path))`` gives the report that the live run gave.

    It holds no secret: each tag has a stand-in of the same shape, which is shown as the tag again.

    Args:
        path: a ``.json`` file or a notebook. Nothing in it is run.

    Raises:
        BadSetting: the file cannot be read.
        NotOurs: it holds no evidence, or evidence of a later version; the message says what was seen.
    """
    if not isinstance(path, (str, Path)):
        raise BadSetting("load(path)", brief(path), "the path of a file", "load('incident.json')")
    file = Path(path)
    read = read_json(_content(file))
    if read.problem:
        raise NotOurs(file.name, read.problem, EXPECTED)
    if isinstance(read.value, dict) and "nbformat" in read.value:
        found = list(_in_notebook(read.value))
        if not found:
            raise NotOurs(file.name, "a notebook without an output of this package's evidence", EXPECTED)
        return trace_of(found[-1], file.name)
    return trace_of(read.value, file.name)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise BadSetting("load(path)", "a file of hundreds of megabytes", "a smaller one")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise BadSetting("load(path)", "a file that cannot be read", f"one that can ({why})") from None


def _in_notebook(notebook: Mapping[str, Any]) -> Iterator[Any]:
    """The evidence objects in the outputs of a notebook, in order (nbformat 4)."""
    for cell in _objects(notebook.get("cells")):
        for output in _objects(cell.get("outputs")):
            data = output.get("data")
            if isinstance(data, dict) and MIME in data:
                yield data[MIME]


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())
