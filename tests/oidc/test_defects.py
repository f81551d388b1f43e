"""The defects of `foreign_defects` in front of oidc-provider: the same evidence leads to the same diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from amendments import Change, members, nested, page, refuses, says
from foreign_defects import DEFECTS, Led, leading, met
from recorder import Recorder

from mcp_oauth_nb import Debugger
from mcp_oauth_nb.demo.answers import Answer
from tests.oidc.grants import Front
from tests.oidc.person import approves
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


@dataclass(frozen=True)
class OfGrant:
    """One thing that is wrong about a grant of plain OAuth 2.0, and what must be found.

    Attributes:
        client: who walks it, as `Oidc` names its clients.
        settings: of the `OAuth2`.
        place: whose answers are changed, as `meant` calls it.
        refresh: refresh the token behind the run.
    """

    client: str
    settings: dict[str, Any]
    place: str
    change: Change
    led: Led
    status: str = "failed"
    refresh: bool = False


AS = "authorization server"
DEVICE = {"grant": "device", "browser": approves}
SERVICE = {"grant": "client_credentials"}
CODE = {"browser": "follow"}
OF_GRANTS = {
    "device-without-a-user-code": OfGrant(
        "device", DEVICE, "device", members(user_code=None), Led("device", "device-answer-incomplete", AS)
    ),
    "device-behind-a-dead-gateway": OfGrant(
        "device", DEVICE, "device", page(502, "502 Bad Gateway"), Led("device", "device-refused", "gateway")
    ),
    "device-not-allowed": OfGrant(
        "device",
        DEVICE,
        "device",
        refuses(400, "unauthorized_client"),
        Led("device", "device-refused", AS, "device-grant-not-allowed"),
    ),
    "device-token-without-a-type": OfGrant(
        "device", DEVICE, "token", members(token_type=None), Led("token", "token-answer-invalid", AS)
    ),
    "device-token-of-no-known-grant": OfGrant(
        "device", DEVICE, "token", refuses(400, "unsupported_grant_type"), Led("token", "token-refused", AS)
    ),
    "service-unknown": OfGrant(
        "service", SERVICE, "token", refuses(401, "invalid_client"), Led("token", "token-refused", "client")
    ),
    "service-token-nested": OfGrant(
        "service", SERVICE, "token", nested, Led("token", "token-answer-invalid", AS, "token-nested")
    ),
    "service-token-cacheable": OfGrant(
        "service",
        SERVICE,
        "token",
        lambda answer: answer.with_header("cache-control", "max-age=60"),
        Led("token", "token-cacheable", AS),
        status="warned",
    ),
    "refresh-not-allowed": OfGrant(
        "confidential",
        CODE,
        "refresh",
        refuses(400, "unauthorized_client"),
        Led("refresh", "refresh-refused", AS, "refresh-grant-not-allowed"),
        refresh=True,
    ),
    "refresh-falls-over": OfGrant(
        "confidential",
        CODE,
        "refresh",
        says(500),
        Led("refresh", "refresh-refused", AS, "authorization-server-failing"),
        refresh=True,
    ),
    "refresh-too-often": OfGrant(
        "confidential",
        CODE,
        "refresh",
        says(429, retry_after="7"),
        Led("refresh", "refresh-refused", "client", "too-many-refreshes"),
        refresh=True,
    ),
}


@pytest.mark.parametrize("name", OF_GRANTS)
def test_a_defect_of_a_grant_is_diagnosed(asking: Oidc, name: str) -> None:
    defect = OF_GRANTS[name]
    with Front(asking, defect.place, defect.change) as front:
        flow = front.plain(defect.client, **defect.settings)
        report = flow.run()
        if defect.refresh:
            assert (report.status, report.findings) == ("passed", ())
            report = flow.refresh()
    found = leading(report, defect.led.rule)
    led = defect.led
    assert (found.step, found.rule, found.cause, found.who, found.caused_in) == (
        led.step,
        led.rule,
        led.cause,
        led.who,
        led.caused_in,
    )
    assert report.status == defect.status
    assert found.fix.endswith(".")


def test_a_device_that_has_to_wait_is_told_so_with_400(asking: Oidc) -> None:
    def pleasantly(answer: Answer) -> Answer:
        return replace(answer, status=200)

    with Front(asking, "token", pleasantly, late=True) as front:
        report = front.plain("device", grant="device", browser=lambda url: url).run()
    assert (report.status, [one.rule for one in report.findings]) == ("warned", ["device-pending-status"])
