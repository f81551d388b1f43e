"""What the conformance suite starts, once per scenario: one run of the flow with the public API.

    python adapter.py http://localhost:PORT/mcp

Ends with 0 where the flow ran to its end and with 1 where it stopped; why, and what the rules found, is on stderr.
The suite judges by what its scripted servers saw. They ask nobody: the authorization URL redirects at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import httpx

from mcp_oauth_nb import Client, Debugger, Enterprise

REDIRECT_URI = "http://localhost:3000/callback"
"""Nothing listens there: the redirect is read, never followed."""
CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json"
"""The client id that the suite wants to see where clients are known by their metadata document."""


def browser(url: str) -> str:
    """Ask the authorization endpoint once and hand over where it redirects to."""
    answer = httpx.get(url, follow_redirects=False, trust_env=False, timeout=20)
    return answer.headers["location"]


def settings(scenario: str, version: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The debugger's settings for one scenario; a setting is only given where the scenario is about it."""
    given: dict[str, Any] = {
        "protocol": version,
        "browser": browser,
        "redirect_uri": REDIRECT_URI,
        "tool": "test-tool",
        "step_timeout_s": 10,
    }
    match scenario:
        case "auth/basic-cimd":
            given["client_metadata_url"] = CLIENT_METADATA_URL
        case "auth/pre-registration":
            given["client"] = Client(context["client_id"], context["client_secret"])
        case "auth/client-credentials-basic":
            given["client"] = Client(context["client_id"], context["client_secret"])
            given["grant"] = "client_credentials"
        case "auth/client-credentials-jwt":
            key, algorithm = context["private_key_pem"], context["signing_algorithm"]
            given["client"] = Client(context["client_id"], private_key=key, algorithm=algorithm)
            given["grant"] = "client_credentials"
        case "auth/enterprise-managed-authorization":
            given["client"] = Client(context["client_id"], context["client_secret"])
            given["grant"] = "enterprise"
            idp = (context[f"idp_{name}"] for name in ("token_endpoint", "client_id", "id_token"))
            given["enterprise"] = Enterprise(*idp)
        case "auth/wif-jwt-bearer":
            given["client"] = Client(context["client_id"])
            given["grant"], given["assertion"] = "jwt_bearer", context["valid_jwt"]
        case "auth/dpop" | "auth/dpop-nonce":
            given["dpop"] = True
    return given


def main() -> int:
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    version = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    try:
        dbg = Debugger(sys.argv[-1], **settings(scenario, version, context))
        report = dbg.run()
    except Exception as error:  # noqa: BLE001 - the suite wants a status, and a reader one line
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    for finding in report.findings:
        sys.stderr.write(f"finding {finding.rule} {finding.level} at {finding.step}: {finding.observed}\n")
    stopped = [f"{run.step}: {run.stopped}" for run in dbg.trace.runs if not run.achieved]
    last = dbg.trace.run("mcp")
    if stopped or last is None:
        sys.stderr.write("\n".join(stopped or ["the flow did not reach its last step"]) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
