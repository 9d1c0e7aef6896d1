"""``cloudflow webhooks create`` at an emulator."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cloudflow_async.cli import main
from cloudflow_async.emulator import Emulator, Fault
from tests.deliveries import SECRET
from tests.raw_server import answer, answering, in_thread

CREATE = ("webhooks", "create", "--url", "http://127.0.0.1:1/hook", "--event", "workflow.failed")


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


def test_with_a_secret_of_ones_own(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """The id is told, and the secret is not."""
    assert 0 == main([*CREATE, "--event", "workflow.completed", "--secret-env", "HOOK"])
    out, err = capsys.readouterr()
    (webhook,) = emulator._state.webhooks.values()

    assert "" == err
    assert (
        f"  webhook     {webhook.id}\n"
        "  url         http://127.0.0.1:1/hook\n"
        "  events      workflow.failed, workflow.completed\n"
    ) == out
    assert SECRET == webhook.secret


def test_with_a_new_secret(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is written where nobody else can read it, registered, and not shown."""
    assert 0 == main([*CREATE, "--new-secret-file", "hook"])
    out, err = capsys.readouterr()
    text = (tmp_path / "hook").read_text()
    (webhook,) = emulator._state.webhooks.values()

    assert f"{webhook.secret}\n" == text
    assert 0o600 == stat.S_IMODE((tmp_path / "hook").stat().st_mode)
    assert "The new secret is in 'hook'.\n" == err
    assert text.strip() not in out


def test_a_refusal_leaves_no_file(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command can be given again as it was."""
    assert 0 == main([*CREATE, "--secret-env", "HOOK"])
    assert 1 == main([*CREATE, "--new-secret-file", "hook"])

    assert "already exists" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_no_credential_leaves_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was sent."""
    assert 2 == main([*CREATE, "--new-secret-file", "hook"])

    assert capsys.readouterr().err.startswith("error: no credential: set CLOUDFLOW_API_KEY")
    assert [] == list(tmp_path.iterdir())


def test_a_fate_that_is_unknown_keeps_the_file(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There may be a webhook now that signs with it."""
    emulator.inject(Fault(route="/webhooks", status=500))
    assert 1 == main([*CREATE, "--new-secret-file", "hook"])
    kept, why = capsys.readouterr().err.splitlines()

    assert "The new secret is in 'hook'." == kept
    assert why.startswith("error: ")
    assert (tmp_path / "hook").read_text().startswith("whsec_")


def test_an_answer_that_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document shows none; then it is as it was asked for."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_1")
    with in_thread(answering(answer(b"{}", status=201))) as server:
        assert 0 == main([*CREATE, "--secret-env", "HOOK", "--base-url", f"{server.url}/v2"])
        (sent,) = server.requests

    assert (
        "  webhook     not named\n"
        "  url         http://127.0.0.1:1/hook\n"
        "  events      workflow.failed\n"
    ) == capsys.readouterr().out
    assert SECRET == json.loads(sent.body)["secret"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "say where the secret lies, by --secret-env or --secret-file. Secrets are never arg"),
        (
            ("--new-secret-file", "hook", "--secret-env", "HOOK"),
            "--new-secret-file excludes --secret-env and --secret-file.",
        ),
    ],
)
def test_where_the_secret_lies_has_to_be_said(
    emulator: Emulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    told: str,
) -> None:
    """A webhook without one could not be trusted; nothing is sent or written."""
    assert 2 == main([*CREATE, *options])

    assert capsys.readouterr().err.startswith(f"error: {told}")
    assert ([], []) == (emulator.requests, list(tmp_path.iterdir()))
