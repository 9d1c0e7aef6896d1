"""What ``cloudflow trigger`` takes."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.cli import main
from cloudflow_async.cli.workflows import trigger as triggering


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["wf_1"], ("wf_1", None, None, None)),
        (["wf_1", "--payload", "-"], ("wf_1", "-", None, None)),
        (
            ["wf_1", "--payload", "p", "--profile", "work", "--base-url", "https://a/v2"],
            ("wf_1", "p", "work", "https://a/v2"),
        ),
    ],
)
def test_options(
    arguments: list[str], asked: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the workflow have a default."""
    made: list[tuple[Any, ...]] = []

    def record(workflow_id: str, payload: str | None, **options: str | None) -> int:
        made.append((workflow_id, payload, *options.values()))
        return 0

    monkeypatch.setattr(triggering, "trigger_workflow", record)
    assert 0 == main(["trigger", *arguments])
    assert [asked] == made


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["wf_1", "--techflow"], ("wf_1", None)),
        (["wf_1", "--techflow", "--base-url", "https://a/v2"], ("wf_1", "https://a/v2")),
    ],
)
def test_options_at_techflow(
    arguments: list[str], asked: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is only an address to be told."""
    made: list[tuple[Any, ...]] = []

    def record(workflow_id: str, *, base_url: str | None) -> int:
        made.append((workflow_id, base_url))
        return 0

    monkeypatch.setattr(triggering, "execute_workflow", record)

    assert 0 == main(["trigger", *arguments])
    assert [asked] == made


@pytest.mark.parametrize("option", ["--payload", "--profile"])
def test_options_that_techflow_does_not_have(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are refused rather than overlooked."""
    assert 2 == main(["trigger", "wf_1", "--techflow", option, "x"])
    assert "error: --payload and --profile do not belong to --techflow.\n" == (
        capsys.readouterr().err
    )


def test_without_a_workflow(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that it has to be named."""
    assert 2 == main(["trigger"])

    # Its name is written with a hyphen by some versions of cyclopts.
    said = capsys.readouterr().err.replace("WORKFLOW-ID", "WORKFLOW_ID")
    assert said.startswith('error: Command "trigger" parameter WORKFLOW_ID requires an argument.')
