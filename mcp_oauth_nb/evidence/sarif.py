"""An audit as SARIF 2.1.0 (OASIS), as code scanning reads it: one rule and one result for every check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mcp_oauth_nb.audit import Audit, Check
from mcp_oauth_nb.evidence.files import written
from mcp_oauth_nb.evidence.gate import let_out
from mcp_oauth_nb.redact import mask_text, redact
from mcp_oauth_nb.vault import TAG
from mcp_oauth_nb.views.audit import check_value
from mcp_oauth_nb.views.html import visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
KINDS = {"failed": "fail", "warned": "fail", "passed": "pass", "not tested": "open"}
"""``open``: looked at, with too little to decide (SARIF 3.27.9)."""
LEVELS = {"failed": "error", "warned": "warning"}
NOWHERE = "nothing-sent"


def sarif(audit: Audit, path: str | Path | None = None, *, scrub: bool = False) -> str:
    """The log as text; nothing in it is a secret."""
    checks = audit.checks
    driver = {
        "name": "mcp-oauth-nb",
        "informationUri": "https://modelcontextprotocol.io/specification/",
        "rules": [_rule(one) for one in checks],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(audit, at, one) for at, one in enumerate(checks)],
        "properties": {"score": audit.score, "status": audit.status},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    text = json.dumps(log, indent=2) + "\n"
    if path is not None:
        text = let_out(text, audit.trace.vault, "audit.sarif(path)", scrub=scrub)
        written(text, path)
    return text


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.rule,
        "shortDescription": {"text": check.says},
        "helpUri": check.spec.url,
        "defaultConfiguration": {"level": "error" if check.level == "MUST" else "warning"},
        "properties": {"tags": [check.step, check.level, *check.requirements], "spec": str(check.spec)},
    }


def _result(audit: Audit, at: int, check: Check) -> dict[str, Any]:
    value = {name: visible(str(one)) for name, one in check_value(audit, check).items()}
    message = f"{check.tried}: it holds."
    if check.outcome == "not tested":
        message = f"{check.tried}: not tested, {value['reason']}."
    elif check.found:
        told = f"Expected {value['expected']}; observed {value['observed']}."
        message = f"{value['summary']} {told} {value['who']}: {value['fix']}"
    return {
        "ruleId": check.rule,
        "ruleIndex": at,
        "kind": KINDS[check.outcome],
        "level": LEVELS.get(check.outcome, "none"),
        "message": {"text": message},
        "locations": [_location(audit, check)],
        "partialFingerprints": {"mcpOauthNbCheck/v1": f"{check.step}/{check.rule}"},
        "properties": {"exchange": check.exchange, "who": check.who},
    }


def _location(audit: Audit, check: Check) -> dict[str, Any]:
    exchange = audit.exchange(check)
    typed = mask_text(audit.trace.vault, audit.trace.settings.get("url", ""))
    url = redact(exchange).request.url if exchange else typed
    shown = TAG.sub("masked", visible(url.partition("?")[0].partition("#")[0]))
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(shown, safe=":/%[]@!$&'()*+,;=~-._") or NOWHERE}},
        "logicalLocations": [{"name": check.step, "kind": "step"}],
    }
