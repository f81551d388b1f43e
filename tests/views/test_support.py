"""The support block: what is in it, what is cut, and that nothing comes alive where it is pasted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import (
    ASM_URL,
    ISSUER,
    PRM_URL,
    URL,
    Piece,
    asm,
    failed,
    prm,
    resource_document,
    texchange,
    tflow,
    unauthenticated,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_nb import BadSetting, Debugger, DemoServer, Trace, support
from mcp_oauth_nb.__main__ import main
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.views.markdown import code, fence, said
from mcp_oauth_nb.views.support import LIMIT
from tests.evidence.test_save import secrets_of
from tests.leaks import assert_no_leak
from tests.markup import read_markup

LIVE = (
    "@octocat please #1 GH-2 octo/repo#3 deadbeefdeadbeef",
    "![x](https://evil.example/x.png) [a](https://evil.example) https://evil.example www.evil.example",
    "<img src=https://evil.example/x.png onerror=alert(1)> <details open> <!-- <script>",
    "`@octocat` ``@octocat`` ```@octocat``` ~~~ @octocat",
    "```\n@octocat\n```\n# heading @octocat\n```json",
    "````````````````````````````````\n@octocat\n````````````````````````````````",
    "$`x`$ $$x$$ :tada: - [ ] task | a | b |\n|---|---|",
    "\u202e@octocat\u2066 \x1b[2J \ud800",
    "`" * 60_000,
    "x" * 200_000,
)

SIGNS = ("@", "octocat", "#1", "GH-2", "#3", "deadbeef", "evil.example", "<", "![", "$", ":tada:", "\x1b", "\u202e")


def outside_code(markdown: str) -> str:
    """The text of a block that a tracker renders as text: without fences and code spans (CommonMark 4.5, 6.1)."""
    kept: list[str] = []
    closing = ""
    for line in markdown.split("\n"):
        opened = re.match(r" {0,3}(`{3,})[^`]*$", line)
        if closing:
            if re.fullmatch(rf" {{0,3}}`{{{len(closing)},}} *", line):
                closing = ""
        elif opened:
            closing = opened[1]
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line))
    assert not closing, "a fence is open to the end"
    return "\n".join(kept)


def hostile(text: str) -> Trace:
    """A flow in which this text stands wherever a server may write, and which fails at the metadata."""
    plain = text.encode("utf-8", "replace").decode()
    header = plain.replace("\n", " ").replace('"', "'")[:5000]
    told = unauthenticated(challenge=f'Bearer error="invalid_token", error_description="{header}"')
    documents: dict[str, Any] = {"scopes_supported": [plain], plain[:300]: plain}
    return tflow(
        told,
        Piece("resource_metadata", (resource_document({**prm(), **documents}),)),
        failed(
            "server_metadata",
            texchange("server_metadata", ASM_URL, 200, {**asm(issuer=plain[:5000]), **documents}),
            texchange(
                "server_metadata", f"{ISSUER}/{plain[:200]}", 400, {"error": plain[:900], "error_description": plain}
            ),
            stopped=plain[:500],
        ),
    )


@pytest.mark.parametrize("text", LIVE, ids=range(len(LIVE)))
@pytest.mark.parametrize("hosts", [True, False])
def test_nothing_that_a_server_wrote_comes_alive(text: str, hosts: bool) -> None:
    made = support(hostile(text), hosts=hosts).text
    assert len(made) <= LIMIT
    left = outside_code(made)
    for sign in SIGNS:
        assert sign not in left, sign
    links = re.findall(r"https?://[^\s)]+", left)
    assert all(one.startswith(("https://www.rfc-editor.org/", "https://modelcontextprotocol.io/")) for one in links)
    made.encode()


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("`@#a \n~<$"), max_size=60))
def test_neither_a_span_nor_a_fence_can_be_closed_from_within(text: str) -> None:
    assert outside_code(f"a {code(text, 100)} b") == "a  b"
    assert "@" not in outside_code(f"a {said(text, 100)} b")
    block, lost = fence(text, "text", 100)
    assert (outside_code(f"a\n{block}\nb"), lost) == ("a\nb", 0)


def test_what_maintainers_ask_for_is_in_it() -> None:
    made = support(hostile("plain words")).text
    assert made.startswith("### MCP authorization: failed at Request authorization server metadata\n\n- **Verdict**")
    assert "\n- **Who must act**: " in made
    assert f"- MCP server: `{URL}`" in made
    assert f"#2 resource_metadata: GET {PRM_URL} -> 200 OK 12 ms\n" in made
    assert 'WWW-Authenticate: Bearer error="invalid_token"' in made
    assert '```json\n{\n "resource": "https://mcp.example.com/mcp",' in made
    assert '"error_description": "plain words"' in made
    assert "`issuer-mismatch`" in made


def test_the_documents_can_be_read_as_json() -> None:
    made = support(hostile("```\n`x` \u202e")).text
    read = [json.loads(body) for body in re.findall(r"```json\n(.*?)\n```", made, re.DOTALL)]
    assert read[1]["resource"] == URL
    assert read[1]["scopes_supported"][0].startswith("```\n`x` ")


def test_what_was_cut_is_said() -> None:
    trace = hostile("short")
    many = tuple(replace(trace.exchanges[0], id=number) for number in range(1, 2001))
    made = support(replace(trace, exchanges=(*many,), runs=())).text
    assert len(made) <= LIMIT
    assert re.search(r"\nCut: \d+ characters of the requests\.\n$", made)
    assert "Cut: " not in support(trace).text


def test_hosts_give_way_to_their_roles() -> None:
    made = support(hostile("see https://docs.example.org/x and MCP.EXAMPLE.COM"), hosts=False).text
    for host in ("mcp.example.com", "auth.example.com", "docs.example.org"):
        assert host not in made.lower()
    assert "- MCP server: `https://mcp-server/mcp`" in made
    assert "https://authorization-server/" in made
    assert "mcp.example.com" in support(hostile("x")).text


@pytest.mark.parametrize("fault", [None, "token-rejected", "client-unknown-to-tokens", "wrong-state"])
def test_no_secret_is_in_it(fault: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with DemoServer(fault) as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        made = dbg.support()
        secrets = secrets_of(server, dbg)
        saved = dbg.save(tmp_path / "incident.json")
    texts = [made.text, str(made), repr(made), *render(made).values(), dbg.support(hosts=False).text]
    assert main(["support", str(saved)]) == 0
    assert main(["clients", str(saved)]) == 0
    assert_no_leak([*texts, capsys.readouterr().out], secrets)
    assert support(saved).text == made.text
    assert "127.0.0.1" not in texts[-1]
    assert read_markup(render(made)["text/html"]).problems == []
    assert render(made)["text/plain"] == made.text


def test_the_command_leaves_hosts_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with DemoServer() as server:
        dbg = Debugger(server.url, browser="follow")
        dbg.run()
        saved = dbg.save(tmp_path / "incident.json")
    assert main(["support", "--no-hosts", str(saved)]) == 0
    assert "127.0.0.1" not in capsys.readouterr().out
    assert main(["clients", str(tmp_path / "none.json")]) == 2


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(BadSetting):
        support(Trace(), hosts="no")  # type: ignore[arg-type]
    with pytest.raises(BadSetting):
        support(3)


def test_nothing_recorded_is_said_and_no_reason_to_fail() -> None:
    assert "No request was sent." in support(Trace()).text
