"""``cloudflow trigger`` at an emulator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloudflow_async.cli import main
from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding


@pytest.fixture
def workflow_id(emulator: Emulator) -> str:
    """Return a workflow that can be triggered."""
    return emulator.add_workflow(trigger={"type": "webhook"})


def test_a_run_begins(
    emulator: Emulator, workflow_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed as one line of JSON; nothing is sent along."""
    assert 0 == main(["trigger", workflow_id])
    out, err = capsys.readouterr()
    answer = json.loads(out)
    (request,) = emulator.requests

    assert ("", 1) == (err, out.count("\n"))
    assert (workflow_id, "running") == (answer["workflow_id"], answer["status"])
    assert (f"/v2/webhooks/{workflow_id}/trigger", b"") == (request.path, request.body)


def test_a_payload(emulator: Emulator, workflow_id: str, tmp_path: Path) -> None:
    """It comes from a file, and goes along as JSON."""
    (tmp_path / "payload").write_text(' {"a": [1, "ü"]}\n')
    assert 0 == main(["trigger", workflow_id, "--payload", "payload"])

    assert {"a": [1, "ü"]} == json.loads(emulator.requests[0].body)


def test_a_workflow_that_is_not_there(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and exit status 1."""
    assert 1 == main(["trigger", "wf_gone"])
    out, err = capsys.readouterr()

    assert ("", 1) == (out, err.count("\n"))
    assert "wf_gone" in err


def test_no_json(
    emulator: Emulator, workflow_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a mistake of the caller, and nothing is sent."""
    (tmp_path / "payload").write_text("{")
    assert 2 == main(["trigger", workflow_id, "--payload", "payload"])

    assert capsys.readouterr().err.startswith("error: payload: ")
    assert [] == emulator.requests


def test_no_credential(capsys: pytest.CaptureFixture[str]) -> None:
    """The way to one is told, with exit status 2."""
    assert 2 == main(["trigger", "wf_1"])
    assert capsys.readouterr().err.startswith("error: no credential: set CLOUDFLOW_API_KEY")


@pytest.fixture
def techflow(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> TechFlowSeeding:
    """Return the TechFlow half of an emulator, to which the environment points."""
    monkeypatch.setenv("TECHFLOW_API_KEY", emulator.techflow.api_key)
    monkeypatch.setenv("TECHFLOW_BASE_URL", emulator.techflow.base_url)
    return emulator.techflow


def test_an_execution_begins_at_techflow(
    emulator: Emulator, techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed as it came; CloudFlow's key stays at home."""
    workflow_id = techflow.add_workflow()
    assert 0 == main(["trigger", "--techflow", workflow_id])
    out, err = capsys.readouterr()
    answer = json.loads(out)
    (request,) = emulator.requests

    assert ("", 1) == (err, out.count("\n"))
    assert (workflow_id, "running") == (answer["workflow_id"], answer["status"])
    assert "started_at" in answer
    assert f"/techflow/v2/workflows/{workflow_id}/execute" == request.path
    assert emulator.api_key not in str(request.headers)


def test_an_answer_that_tells_nothing(
    emulator: Emulator, techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document shows none, so there need not be one."""
    emulator.inject(Fault(status=200, body=""))
    assert 0 == main(["trigger", "--techflow", "wf_1"])

    assert "null\n" == capsys.readouterr().out


def test_a_workflow_that_techflow_does_not_have(
    techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and exit status 1."""
    assert 1 == main(["trigger", "--techflow", "wf_gone", "--base-url", techflow.base_url])
    out, err = capsys.readouterr()

    assert ("", 1) == (out, err.count("\n"))
    assert "404" in err


def test_no_credential_for_techflow(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFlow's does not stand in for it; exit status 2."""
    monkeypatch.delenv("TECHFLOW_API_KEY", raising=False)

    assert 2 == main(["trigger", "--techflow", "wf_1"])
    assert "TECHFLOW_API_KEY is not set" in capsys.readouterr().err
    assert [] == emulator.requests
