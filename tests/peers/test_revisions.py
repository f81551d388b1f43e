"""What is predicted of each protocol revision, against this package's own steps under it."""

from __future__ import annotations

import pytest

from mcp_oauth_nb import Debugger, DemoServer
from mcp_oauth_nb.peers import REVISIONS, outlooks

from .staged import FAULTS, recorded

STEPS = ("resource_metadata", "server_metadata", "register")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_steps_send_what_was_predicted_and_stop_where_it_was_predicted(fault: str | None) -> None:
    with DemoServer(fault, require_resource=False) as server:
        found = outlooks(recorded(server.url), REVISIONS)
        assert [one.peer.version for one in found.each] == ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
        for predicted in found.each:
            own = Debugger(server.url, browser="follow", protocol=predicted.peer.version, step_timeout_s=5)
            own.run()
            sent = [f"{one.request.method} {one.request.url}" for one in own.exchanges if one.step in STEPS]
            if sent != ["GET /.well-known/oauth-protected-resource/mcp"]:  # which is no URL
                assert [f"{one.method} {one.url}" for one in predicted.asked] == sent, predicted.peer
            stopped = next((run.step for run in own.trace.runs if not run.achieved), None)
            undecided = stopped == "register" and predicted.open is not None
            assert undecided or (stopped in STEPS) == (predicted.stop is not None), predicted.peer
