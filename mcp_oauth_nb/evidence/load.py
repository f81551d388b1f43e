"""`load`: evidence that was saved, by us or by another tool, back as a trace, wherever it is read and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp_oauth_nb.errors import BadSetting, NotOurs
from mcp_oauth_nb.evidence import curl_logs, document, mcp_remote, mcpjam
from mcp_oauth_nb.evidence.files import named, not_read
from mcp_oauth_nb.evidence.har import load_har
from mcp_oauth_nb.evidence.pages import TITLE
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.records import Run, Trace, read_json
from mcp_oauth_nb.redact import learn, learn_settings, mask_text
from mcp_oauth_nb.rules.recorded import trace_of
from mcp_oauth_nb.vault import Vault

LARGEST = 1 << 28
"""Bytes; what is larger is not read."""
EXAMPLE = "load('incident.json')"
HEAD = 2000
"""Characters in which a page says what it is."""
NO_REQUEST = "no request that could be read"


def load(path: str | Path) -> Trace:
    """The trace in a file; ``diagnose(load(path))`` gives its report, the same as live where the file holds all of it.

    The file is told by what it holds, not by its name: what ``dbg.save`` wrote (JSON or a notebook), a HAR of any tool,
    a log of ``curl -v``, ``curl --trace`` or ``curl --trace-ascii``, the debug log of mcp-remote, the debug artifact of
    MCPJam. What a file leaves out is *not tested*. Secrets that stand in it are masked in every display; evidence of
    our own holds none, and has a stand-in of the same shape for each tag.

    Args:
        path: the file. Nothing in it is run.

    Raises:
        BadSetting: the file cannot be read.
        NotOurs: it holds none of these; the message says what was seen.
    """
    file = named(path, "load(path)", EXAMPLE)
    content = _content(file)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        found = _json(content, file.name)
        if found is not None:
            return found
    return _text(content, file.name)


# --- JSON -------------------------------------------------------------------------------------------------------------


def _is_notebook(value: Mapping[str, Any]) -> bool:
    return "nbformat" in value


def _is_har(value: Mapping[str, Any]) -> bool:
    log = value.get("log")
    return isinstance(log, dict) and "entries" in log


def _of_notebook(value: Mapping[str, Any], name: str) -> Trace:
    found = list(_in_notebook(value))
    if not found:
        raise NotOurs(name, "a notebook without an output of this package's evidence", expected())
    return document.trace_of(found[-1], name)


def _of_har(value: Mapping[str, Any], name: str) -> Trace:
    try:
        return load_har(value)
    except NotOurs:
        raise NotOurs(name, "a HAR without a request", expected()) from None


def _of_mcpjam(value: Mapping[str, Any], name: str) -> Trace:
    vault = Vault()
    return _recorded(mcpjam.read_mcpjam(value, vault), vault, name)


# --- text -------------------------------------------------------------------------------------------------------------


def _of_curl(text: str, name: str) -> Trace:
    vault = Vault()
    return _recorded(mcpjam.Artifact(curl_logs.read_curl_log(text, vault), {}, came_back=False), vault, name)


def _of_mcp_remote(text: str, name: str) -> Trace:
    vault = Vault()
    return _recorded(mcp_remote.read_mcp_remote(text, vault), vault, name)


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        name: how an error calls it.
        knows: whether a file is of this kind; takes what `read` takes.
        read: the trace in the JSON object, or in the text, of a file of this name.
    """

    name: str
    knows: Callable[[Any], bool]
    read: Callable[[Any, str], Trace]


JSON: tuple[Reader, ...] = (
    Reader("a notebook that holds evidence", _is_notebook, _of_notebook),
    Reader("evidence as dbg.save('incident.json') writes it", lambda value: "format" in value, document.trace_of),
    Reader("a HAR of any tool", _is_har, _of_har),
    Reader("the debug artifact of MCPJam", mcpjam.is_mcpjam, _of_mcpjam),
)
TEXT: tuple[Reader, ...] = (
    Reader("the debug log of mcp-remote", mcp_remote.is_mcp_remote, _of_mcp_remote),
    Reader("a log of curl -v, --trace or --trace-ascii", curl_logs.is_curl_log, _of_curl),
)
"""What is read; the first that knows a file reads it."""


def expected() -> str:
    """What `load` reads, in one phrase."""
    names = [one.name for one in (*JSON, *TEXT)]
    return f"{', '.join(names[:-1])}, or {names[-1]}"


def _json(content: bytes, name: str) -> Trace | None:
    """The trace in a JSON object; None where the file is no JSON, and so may be a log."""
    read = read_json(content)
    if read.problem:
        return None
    if not isinstance(read.value, dict):
        raise NotOurs(name, f"a {type(read.value).__name__}", expected())
    for reader in JSON:
        if reader.knows(read.value):
            return reader.read(read.value, name)
    raise NotOurs(name, "a JSON object of another kind", expected())


def _text(content: bytes, name: str) -> Trace:
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")  # as PowerShell writes what it redirects
    text = content.decode("utf-16", "replace") if is_wide else content.decode("utf-8", "surrogateescape")
    for reader in TEXT:
        if reader.knows(text):
            return reader.read(text, name)
    raise NotOurs(name, _other_text(text, content), expected())


def _other_text(text: str, content: bytes) -> str:
    """What a text is that no reader knows, as an error says it."""
    head = text[:HEAD]
    if head.startswith(f"# {TITLE}") or f"<title>{TITLE}</title>" in head:
        return "a page that was saved to be read; its .json or .ipynb, or dbg.har(...), can be loaded"
    if head.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return read_json(content).problem.replace("the body", "it", 1)
    return "a text of another kind" if head.strip() else "nothing, it is empty"


def _recorded(told: mcpjam.Artifact, vault: Vault, name: str) -> Trace:
    """The trace of what another tool recorded, its secrets learned before anybody sees it."""
    if not told.exchanges:
        raise NotOurs(name, NO_REQUEST, expected())
    for one in told.exchanges:
        learn(one)
    trace = trace_of(told.exchanges, vault, told.settings)
    learn_settings(vault, {}, trace.settings.get("url", ""))
    trace = replace(trace, runs=tuple(_with_callback(trace.runs, told, vault)))
    for one in trace.exchanges:
        learn(one)
    return trace


def _with_callback(runs: tuple[Run, ...], told: mcpjam.Artifact, vault: Vault) -> Iterator[Run]:
    """The runs, with one for a redirect that came back though the file does not keep it."""
    names = [run.step for run in runs]
    wanted = "authorize" in names and "callback" not in names and (told.came_back or told.refused)
    said = f"; it says: {mask_text(vault, told.refused)}" if told.refused else ""
    made = Run("callback", (), achieved=False, stopped=f"{NOT_TESTED}: the file does not keep the redirect{said}")
    for run in runs:
        yield run
        if wanted and run.step == "authorize":
            yield made


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST:
            raise BadSetting("load(path)", "a file of hundreds of megabytes", "a smaller one")
        return file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        raise not_read("load(path)", file, error, EXAMPLE) from None


def _in_notebook(notebook: Mapping[str, Any]) -> Iterator[Any]:
    """The evidence objects in the outputs of a notebook, in order (nbformat 4)."""
    for cell in _objects(notebook.get("cells")):
        for output in _objects(cell.get("outputs")):
            data = output.get("data")
            if isinstance(data, dict) and document.MIME in data:
                yield data[document.MIME]


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())
