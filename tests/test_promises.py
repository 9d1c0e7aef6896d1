"""The table of promises is whole, true and up to date, and so is what security rests on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import promises
from tests.fuzz.campaigns import CAMPAIGNS
from tests.promises import DOCUMENT, Promise, document, exists, missing_tests, read_promises

_ROOT = Path(__file__).parent.parent
_GITHUB = _ROOT / ".github"
_WORKFLOWS = sorted((_GITHUB / "workflows").glob("*.yml"))

_COUNTS = {"A": 11, "B": 10, "C": 15, "D": 13, "E": 18, "F": 12, "G": 7, "H": 12, "I": 8}


def test_every_promise_is_there() -> None:
    """In its order; each has its sentence."""
    rows = read_promises()

    assert [f"{letter}{n + 1}" for letter, count in _COUNTS.items() for n in range(count)] == [
        row.id for row in rows
    ]
    assert [] == [row.id for row in rows if not row.promise.endswith(".")]


def test_every_promise_is_held_by_something() -> None:
    """By tests, or by a command that its figure names; or it says why not."""
    assert [] == [
        row.id for row in read_promises() if not (row.tests or row.left_out or "`" in row.figure)
    ]


def test_the_tests_that_are_named_exist() -> None:
    """A renamed test is a promise that nobody holds any more."""
    assert [] == missing_tests(read_promises())


def test_the_campaigns_that_are_named_exist() -> None:
    """They are the cases of one test."""
    cases = {
        case
        for row in read_promises()
        for name in row.tests.get("fuzz/test_campaigns.py", [])
        for case in re.findall(r"\[(.+)\]", name)
    }

    assert set() == cases - {campaign.name for campaign in CAMPAIGNS}


def test_the_commands_that_are_named_exist() -> None:
    """Each is a module below `tests` that can be run."""
    named = {
        name
        for row in read_promises()
        for name in re.findall(r"python -m (tests[\w.]*)", row.figure)
    }
    paths = {name: _ROOT / name.replace(".", "/") for name in named}

    assert named
    assert [] == [
        name
        for name, path in paths.items()
        if not (path.with_suffix(".py").is_file() or (path / "__main__.py").is_file())
    ]


def test_the_document_is_what_the_table_says() -> None:
    """`python -m tests.promises` writes it."""
    assert document(read_promises()) == DOCUMENT.read_text()


def test_a_missing_test_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whether its file or its name is wrong; and an outdated document is, too."""
    here = Path(__file__).name
    tests = {here: ["test_a_missing_test_is_found", "test_b"], "test_no.py": ["test_c"]}
    rows = [Promise(id="A1", promise="p", tests=tests, left_out="why")]
    monkeypatch.setattr(promises, "read_promises", lambda: rows)
    monkeypatch.setattr(promises, "DOCUMENT", tmp_path / "PROMISES.md")

    assert [f"A1: {here}::test_b", "A1: test_no.py::test_c"] == missing_tests(rows)
    assert not exists("promises.py", "main")
    assert 1 == promises.main(["--check"])
    assert "PROMISES.md is not what" in capsys.readouterr().err
    assert 1 == promises.main([])
    assert "| A1 | why |" in (tmp_path / "PROMISES.md").read_text()


def test_the_threat_model_names_tests_that_exist() -> None:
    """And rows of the table, in each of its own rows."""
    text = (_GITHUB / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    named = [re.findall(r"`([\w/]+\.py)::(\w+)`", row) for row in rows]
    ids = {row.id for row in read_promises()}
    used = {name for row in rows for name in re.findall(r"\b[A-I]\d+\b", row.split("|")[4])}

    assert [1] * len(rows) == [len(each) for each in named]
    assert [] == [test for each in named for test in each if not exists(*test)]
    assert set() == used - ids
    assert set("STRIDE") == {row[2] for row in rows}


@pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(workflow: Path) -> None:
    """To a commit, with its version beside it: a tag can be moved."""
    used = re.findall(r"uses: *(.*)", workflow.read_text())

    assert used
    assert [] == [action for action in used if not re.search(r"@[0-9a-f]{40} # v[\d.]+$", action)]


def test_only_the_publishing_job_may_ask_for_an_identity() -> None:
    """It runs nothing of ours, and no other job may write anything."""
    release = (_GITHUB / "workflows" / "release.yml").read_text()
    before, publish = release.split("\n  publish:\n")

    assert "id-token: write" in publish
    assert "run:" not in publish
    assert "write" not in before
    assert all("\npermissions:\n  contents: read\n" in path.read_text() for path in _WORKFLOWS)
