"""Reports and exchanges as plain values for JSON, every secret in them a tag."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mcp_oauth_nb.redact import mask_text, redact

BODY_IN_JSON = 262_144
"""Bytes of each body that a file of exchanges holds."""


def report_json(report: Any) -> dict[str, Any]:
    """Status, cause, findings and steps of a report."""

    def told(finding: Any) -> dict[str, str]:
        texts = {name: mask_text(report.trace.vault, getattr(finding, name)) for name in ("summary", "fix", "observed")}
        return {"rule": finding.rule, "step": finding.step, "level": finding.level, "who": finding.who, **texts}

    return {
        "status": report.status,
        "failing_step": report.failing_step,
        "cause": told(report.cause) if report.cause else None,
        "findings": [told(finding) for finding in report.findings],
        "steps": {run.step: report.status_of(run.step) for run in report.trace.runs},
    }


def exchanges_json(exchanges: Iterable[Any]) -> str:
    """Exchanges as a text in JSON."""
    return json.dumps(masked(exchanges), indent=2)


def masked(exchanges: Iterable[Any]) -> list[dict[str, Any]]:
    """Exchanges as plain values, every secret in them a tag."""
    shown = (redact(exchange, body_bytes=BODY_IN_JSON) for exchange in exchanges)
    return [_exchange_json(one) for one in shown]


def _exchange_json(one: Any) -> dict[str, Any]:
    request, response, failure = one.request, one.response, one.failure
    return {
        "id": one.id,
        "step": one.step,
        "direction": one.direction,
        "why": one.why,
        "started": one.started.isoformat(),
        "elapsed_ms": round(one.elapsed_ms, 1),
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
        },
        "response": response
        and {
            "status": response.status,
            "reason": response.reason,
            "headers": response.headers,
            "body": response.body.decode("utf-8", "replace"),
            "truncated": response.truncated,
        },
        "failure": failure and {"kind": failure.kind, "message": failure.message},
    }
