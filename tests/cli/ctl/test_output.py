"""What is printed."""

import json

import pytest

from chargewright.cli.ctl.output import print_done, print_item, print_line, print_page

PAGE = {"items": [{"name": "a\x1b[31mb", "at": None, "is": True, "more": {"x": 1}}], "next": None}


def test_what_a_station_sent_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_page(PAGE, {"name": "name", "twice": lambda item: item["name"] * 2}, as_json=False)
    print_item(PAGE["items"][0], as_json=False)
    print_line("a\x1b]0;title\x07b")
    print_done("\x1b[2J", as_json=False)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert "a\ufffd[31mb" in printed


def test_cells_are_words_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_page(PAGE, {"at": "at", "is": "is", "more": "more", "absent": "absent"}, as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == ["-", "yes", "x", "1", "-"]

    nested = {"outcome": "refused", "details": {}, "seconds": 1.5, "stops": [{"id": "3", "reason": None}, {"id": "4"}]}
    print_item({"it": nested, "nothing": [], "groups": ["a", "b"]}, as_json=False)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "it       outcome refused, seconds 1.5, stops (id 3); (id 4)",
        "nothing  -",
        "groups   a; b",
    ]


def test_several_objects_get_a_line_each_and_nothing_is_padded(capsys: pytest.CaptureFixture[str]) -> None:
    history = [{"state": "ordered", "at": "1"}, {"state": "done", "at": None}]
    print_item({"note": "two\nlines", "history": history, "last": True}, as_json=False)
    assert capsys.readouterr().out == (
        "note     two\n         lines\nhistory  state ordered, at 1\n         state done\nlast     yes\n"
    )


def test_an_empty_list_is_said_to_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_page({"items": [], "next": None}, {"at": "at"}, as_json=False)
    assert capsys.readouterr().out == "None.\n"


def test_json_is_what_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    print_page(PAGE, {"name": "name"}, as_json=True)
    assert json.loads(capsys.readouterr().out) == PAGE
    print_done("nothing", as_json=True)
    assert capsys.readouterr().out == ""
