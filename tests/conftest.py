"""A clean environment around every test: no proxy, no netrc, no credentials of whoever runs the tests."""

import pytest

import mcp_oauth_nb.facts.declared
import mcp_oauth_nb.rules.judging  # noqa: F401 - declares every rule, for tests that look at all of them
from tests.executing import Executed

LEAKING = (
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")),
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO")),
    *("NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "BROWSER"),
    *("ACCESS_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "BINDER_SERVICE_HOST", "JUPYTERHUB_USER"),
)
"""Environment variables that would change what a test sends or shows."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every such variable out for the length of one test."""
    for name in LEAKING:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Executes a notebook of the repository, once for all tests."""
    return Executed(tmp_path_factory.mktemp("executed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many faults of the demo were diagnosed, step by step."""
    count: dict[str, list[int]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, step in getattr(report, "user_properties", ()):
                if name == "fault of step":
                    count.setdefault(step, [0, 0])[outcome == "failed"] += 1
    if count:
        told = (f"{step} {right}/{right + wrong}" for step, (right, wrong) in count.items())
        total = sum(right for right, _ in count.values())
        terminalreporter.write_line(f"faults diagnosed: {', '.join(told)}; {total} in all")
