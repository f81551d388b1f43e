"""What the diagnosis of a fault says and quotes holds no secret, even before anything is masked."""

from __future__ import annotations

import pytest
from staging import report_on

from mcp_oauth_nb.demo import FAULTS, Fault
from mcp_oauth_nb.rules.cause import SUSPECTS

PHASES = ("callback", "token")
QUOTED = {name: fault for name, fault in FAULTS.items() if fault.cause in SUSPECTS and fault.phase in PHASES}


@pytest.mark.parametrize("fault", QUOTED.values(), ids=QUOTED)
def test_no_secret_stands_in_the_words_of_a_diagnosis(fault: Fault) -> None:
    report = report_on(fault)
    assert report.suspects
    said = [text for one in report.findings for text in (one.summary, one.fix, one.expected, one.observed)]
    said += [line.quote for one in report.findings for suspect in one.suspects for line in suspect.lines]
    assert len(report.trace.vault) > 0
    assert [text for text in said if report.trace.vault.mask(text) != text] == []
