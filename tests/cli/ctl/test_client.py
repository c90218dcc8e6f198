"""The API as the command line sees it: what goes wrong, pages, and the key."""

import asyncio

import httpx
import pytest
from tests.cli.ctl.conftest import Ctl, json_of

from chargewright.cli.ctl.client import Api, CtlError, ExitCode, path, tell
from chargewright.csms.app import Csms


async def test_a_wrong_or_missing_key_is_told(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARGEWRIGHT_TOKEN", "wrong")
    refused = await ctl("id-tags", "list")
    assert refused.exit_code == 3
    assert "CHARGEWRIGHT_TOKEN" in refused.stderr
    assert "not the right one" in refused.stderr
    assert "Bearer" not in refused.output
    monkeypatch.setenv("CHARGEWRIGHT_TOKEN", "wröng")
    assert (await ctl("id-tags", "list")).exit_code == 2
    monkeypatch.delenv("CHARGEWRIGHT_TOKEN")
    assert (await ctl("id-tags", "list")).exit_code == 3


async def test_the_bootstrap_key_is_the_second_choice(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARGEWRIGHT_TOKEN")
    monkeypatch.setenv("CHARGEWRIGHT_BOOTSTRAP_TOKEN", "a-bearer-key")
    assert (await ctl("id-tags", "list")).exit_code == 0


async def test_a_server_that_is_not_there_is_told(ctl: Ctl, server: Csms) -> None:
    await server.stop()
    gone = await ctl("id-tags", "list")
    assert gone.exit_code == 3
    assert "Cannot reach" in gone.stderr


@pytest.mark.parametrize("url", ["nonsense", "http://[::1", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
async def test_what_is_no_url_is_told(url: str, ctl: Ctl) -> None:
    told = await ctl("--url", url, "id-tags", "list")
    assert told.exit_code in {2, 3}
    assert told.stdout == ""
    assert "--url" in told.stderr or "URL" in told.stderr


async def test_another_server_is_noticed(ctl: Ctl) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        told = await ctl("--url", f"http://127.0.0.1:{port}", "id-tags", "list")
    assert told.exit_code == 3
    assert "no answer of Chargewright" in told.stderr


async def test_lists_are_put_together_from_pages(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(11):
        json_of(await ctl("id-tags", "add", f"T{number}", "--json"))
    monkeypatch.setattr("chargewright.cli.ctl.client.PAGE", 5)
    everything = json_of(await ctl("id-tags", "list", "--all", "--json"))
    assert (len(everything["items"]), everything["next"]) == (12, None)
    some = json_of(await ctl("id-tags", "list", "--limit", "7", "--json"))
    assert some["items"] == everything["items"][:7]
    assert some["next"]
    told = await ctl("id-tags", "list", "--limit", "7")
    assert "--all" in told.stdout


def answering(status: int, **problem: object) -> Api:
    body = {"status": status, **problem}
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    return Api(httpx.Client(transport=transport, base_url="http://csms"))


@pytest.mark.parametrize(
    ("status", "problem", "code"),
    [
        (400, {}, ExitCode.USAGE),
        (401, {}, ExitCode.UNREACHABLE),
        (404, {}, ExitCode.NOT_FOUND),
        (409, {}, ExitCode.FAILED),
        (409, {"outcome": "not-sent"}, ExitCode.NO_ANSWER),
        (422, {}, ExitCode.USAGE),
        (429, {"outcome": "queue-full"}, ExitCode.FAILED),
        (500, {}, ExitCode.FAILED),
        (502, {"outcome": "refused"}, ExitCode.FAILED),
        (502, {"outcome": "malformed"}, ExitCode.FAILED),
        (503, {}, ExitCode.UNREACHABLE),
        (504, {"outcome": "unanswered"}, ExitCode.NO_ANSWER),
    ],
)
def test_each_problem_has_its_exit_code(status: int, problem: dict[str, object], code: ExitCode) -> None:
    with pytest.raises(CtlError) as caught:
        answering(status, detail="It is so.", **problem).get("/x")
    assert caught.value.code is code
    assert "It is so." in str(caught.value)


def told(status: int, capsys: pytest.CaptureFixture[str], **problem: object) -> list[str]:
    with pytest.raises(CtlError) as caught:
        answering(status, **problem).get("/x")
    tell(caught.value)
    return capsys.readouterr().err.splitlines()


def test_what_the_sentence_says_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"field": name, "value": None, "expected": "a value"} for name in ("a", "b")]
    lines = told(422, capsys, detail="a: expected a value (and 1 more)", errors=errors)
    assert lines[0].endswith("a: expected a value (and 1 more) (422)")
    assert lines[1] == "  b: null; expected a value"
    assert lines[2].startswith("See --help")
    assert len(lines) == 3


def test_remedies_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    detail = "It is odd: no connector 9. Send it with force=true if it is meant so."
    (line,) = told(422, capsys, detail=detail, warnings=["no connector 9"])
    assert "--force" in line
    assert "=true" not in line
    assert "--keep-until: " in told(422, capsys, detail="keep_until: it is over", errors=[{}])[0]


@pytest.mark.parametrize(("status", "lines"), [(404, 1), (409, 1), (500, 2)])
def test_no_advice_is_better_than_a_wrong_one(status: int, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(told(status, capsys, detail="It is so.")) == lines


def test_details_of_a_callerror_are_shown_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    refused = {"outcome": "refused", "code": "GenericError", "detail": "CALLERROR GenericError: too hot"}
    assert len(told(502, capsys, **refused, details={})) == 1
    assert told(502, capsys, **refused, details={"celsius": 90})[1] == '  details: {"celsius": 90}'


def test_paths_are_quoted() -> None:
    assert path("stations", "A B:1", "x/y") == "/stations/A%20B%3A1/x%2Fy"
