"""The defects of `foreign_defects` in front of oidc-provider: the same evidence leads to the same diagnosis."""

from __future__ import annotations

import pytest
from foreign_defects import DEFECTS, leading, met
from recorder import Recorder

from mcp_oauth_nb import Debugger
from tests.oidc.server import Oidc

pytestmark = [
    pytest.mark.oidc,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
MERELY_WARNED = ("challenge-unquoted", "token-expiry-as-text")


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_diagnosed(asking: Oidc, name: str) -> None:
    defect = DEFECTS[name]
    led = defect.elsewhere or defect.led
    with Recorder(asking.url, apart=True, issuer=asking.issuer, amend=defect.amend()) as recorder:
        report = met(Debugger(recorder.url, browser="follow", step_timeout_s=20), defect)
    found = leading(report, led.rule)
    assert (found.rule, found.cause, found.who, found.caused_in) == (led.rule, led.cause, led.who, led.caused_in)
    if name in MERELY_WARNED:
        assert (report.status, found.step) == ("warned", led.step)
    else:
        assert (report.status, report.failing_step) == ("failed", led.step)
    assert found.fix.endswith(".")


@pytest.mark.parametrize("protocol", ["auto", "2025-06-18", "2025-11-25", "2026-07-28"])
def test_untouched_nothing_is_found(asking: Oidc, protocol: str) -> None:
    with Recorder(asking.url, apart=True, issuer=asking.issuer, amend=lambda _, answer: answer) as recorder:
        dbg = Debugger(recorder.url, browser="follow", protocol=protocol, step_timeout_s=20)
        dbg.run(afterwards=True)
    assert dbg.diagnose().status == "passed"
    assert dbg.diagnose().findings == ()
