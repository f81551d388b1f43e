"""Tables for pandas: one row per exchange, finding or configuration value, every string masked.

pandas is imported where it is needed: it takes longer to import than the whole flow takes to run. A string that a
spreadsheet would take for a formula gets an apostrophe in front, since such a table is exported soon enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any

from mcp_oauth_nb.mime import frame_of
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.exchange import shown_of
from mcp_oauth_nb.views.html import visible

EXCHANGE_COLUMNS = "id step direction method url status failure elapsed_ms started edited".split()
FINDING_COLUMNS = "rule cause step caused_in status level who summary expected observed exchange part fix spec".split()

_PLAIN = ("rule", "cause", "step", "caused_in", "status", "level", "who", "exchange", "part")

# Spreadsheets read the wide forms as well.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@frame_of.register(Trace)
def exchanges_frame(source: Trace | Iterable[Exchange]) -> Any:
    """A DataFrame with one row per exchange. `status` is empty where no answer came, `started` is in UTC."""
    exchanges = source.exchanges if isinstance(source, Trace) else source
    return frame([_exchange_row(exchange) for exchange in exchanges], EXCHANGE_COLUMNS, {"status": "Int64"})


@frame_of.register(Report)
def findings_frame(report: Report) -> Any:
    """A DataFrame with one row per finding, causes first."""
    vault = report.trace.vault
    rows = [
        {
            **{name: getattr(finding, name) for name in _PLAIN},
            **{name: mask_text(vault, getattr(finding, name)) for name in ("summary", "expected", "observed", "fix")},
            "spec": str(finding.spec),
        }
        for finding in report.findings
    ]
    return frame(rows, FINDING_COLUMNS)


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], types: Mapping[str, str] | None = None) -> Any:
    """A DataFrame of masked rows, its strings made harmless to terminals and spreadsheets."""
    import pandas  # noqa: PLC0415 - takes longer than a whole flow

    safe = [{name: cell(value) for name, value in row.items()} for row in rows]
    return pandas.DataFrame(safe, columns=list(columns)).astype(dict(types or {}))


def cell(value: Any) -> Any:
    """A value for a cell: strings with everything unseen written out, and never a formula."""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _exchange_row(exchange: Exchange) -> dict[str, Any]:
    shown = shown_of(exchange)
    began = shown.started if shown.started.year > 1 else None
    return {
        "id": shown.id,
        "step": shown.step,
        "direction": shown.direction,
        "method": shown.request.method,
        "url": shown.request.url,
        "status": shown.status,
        "failure": f"{shown.failure.kind}: {shown.failure.message}" if shown.failure else "",
        "elapsed_ms": shown.elapsed_ms,
        "started": began if began is None or began.tzinfo else began.replace(tzinfo=UTC),
        "edited": ", ".join(shown.edited),
    }
