"""``cloudflow webhooks sign`` and ``verify``."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from cloudflow_async.cli import main
from tests.cli.conftest import Start
from tests.deliveries import SECRET, delivery
from tests.raw_server import answer, answering, in_thread

BODY = b'{"event": "workflow.failed",\r\n "data": {"workflow_id": "wf_\xc3\xbc"}}\n'


@pytest.fixture(autouse=True)
def _body_and_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "body.json").write_bytes(BODY)
    monkeypatch.setenv("HOOK", SECRET)


def sign(*options: str) -> list[str]:
    """Return the arguments of a signature."""
    return ["webhooks", "sign", "body.json", "--secret-env", "HOOK", *options]


def verify(*options: str) -> list[str]:
    """Return the arguments of a verification."""
    return ["webhooks", "verify", "body.json", "--secret-env", "HOOK", *options]


def headers_of(text: str) -> dict[str, str]:
    """Return printed headers."""
    return dict(line.split(": ") for line in text.splitlines())


def test_the_headers(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that a verifier of others accepts, for the bytes as they are."""
    assert 0 == main(sign())
    headers = headers_of(capsys.readouterr().out)
    standardwebhooks.Webhook(SECRET).verify(BODY, headers)

    assert ["webhook-id", "webhook-timestamp", "webhook-signature"] == list(headers)
    assert headers["webhook-id"].startswith("msg_")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 10


def test_what_is_signed_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers come from a file as they were printed, or as options."""
    assert 0 == main(sign("--id", "msg_7", "--timestamp", "1769251500"))
    printed = capsys.readouterr().out
    (tmp_path / "headers").write_text(f"\n{printed}\n")
    options = [part for line in printed.splitlines() for part in ("--header", line)]
    assert 0 == main(verify("--headers-from", "headers", "--now", "1769251501"))
    assert 0 == main(verify(*options, "--tolerance", "1e11"))
    out, err = capsys.readouterr()

    assert "" == err
    assert "2026-01-24T10:45:00Z  workflow.failed  wf_ü  msg_7\n" * 2 == out


def test_an_event_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with what came."""
    main(sign("--id", "msg_7"))
    (tmp_path / "headers").write_text(capsys.readouterr().out)
    assert 0 == main(verify("--headers-from", "headers", "--json"))
    out = capsys.readouterr().out

    assert 1 == out.count("\n")
    assert json.loads(BODY) == json.loads(out)["payload"]


def test_standard_input(start: Start, tmp_path: Path) -> None:
    """It can be the body of either command, and no byte of it changes."""
    signer = start("webhooks", "sign", "-", "--secret-env", "HOOK", stdin=subprocess.PIPE)
    headers, _ = signer.communicate(BODY.decode(), timeout=10)
    (tmp_path / "headers").write_text(headers)
    options = ["--secret-env", "HOOK", "--headers-from", "headers"]
    verifier = start("webhooks", "verify", "-", *options, stdin=subprocess.PIPE)
    out, err = verifier.communicate(BODY.decode(), timeout=10)

    assert (0, 0, "") == (signer.returncode, verifier.returncode, err)
    assert "workflow.failed  wf_ü" in out


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command is one of curl")
def test_a_command_that_delivers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Run as it was printed, it posts body and headers."""
    with in_thread(answering(answer(status=204))) as server:
        assert 0 == main(sign("--curl", f"{server.url}/a b"))
        command = shlex.split(capsys.readouterr().out)
        url = command[-1].replace(" ", "%20")
        subprocess.run([*command[:-1], "-s", url], cwd=tmp_path, check=True, capture_output=True)
        (sent,) = server.requests
    fields = headers_of(sent.head.decode().partition("\r\n")[2].strip())
    standardwebhooks.Webhook(SECRET).verify(sent.body, fields)

    assert ("POST", BODY) == (sent.method, sent.body)
    assert "application/json" == fields["content-type"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"webhook-id": "msg_2"}, "No signature fits."),
        ({"webhook-timestamp": "5"}, "The delivery was signed"),
        ({"webhook-signature": "v1,x"}, "The header webhook-signature is malformed, or has no"),
        ({"webhook-id": None}, "The header webhook-id is missing."),
    ],
)
def test_what_cannot_be_trusted(
    change: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason is one line on standard error, and the exit status 1."""
    sent = delivery()
    (tmp_path / "body.json").write_bytes(sent.body)
    fields = {name: value for name, value in {**sent.headers, **change}.items() if value}
    options = [part for name, value in fields.items() for part in ("--header", f"{name}: {value}")]
    assert 1 == main(verify(*options))
    out, err = capsys.readouterr()

    assert "" == out
    assert err.startswith(f"error: {told}")
    assert 1 == err.count("\n")


def test_signed_but_no_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That is told, too."""
    (tmp_path / "body.json").write_bytes(b"[]")
    main(sign())
    (tmp_path / "headers").write_text(capsys.readouterr().out)
    assert 1 == main(verify("--headers-from", "headers"))

    assert capsys.readouterr().err.startswith("error: The delivery is signed, but its body is no")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (sign("--id", "a.b"), "message_id has 1 to 256 visible ASCII characters without dot"),
        (sign("--timestamp", "1e11"), "timestamp is a Unix time in seconds, not before 1970."),
        (sign("--timestamp", "-1"), 'Invalid value "-1.0" for --timestamp. Must be >= 0.'),
        (sign("--secret-file", "x"), "say where the secret lies, by --secret-env or --secret-file"),
        (["webhooks", "sign", "nope", "--secret-env", "HOOK"], "cannot read nope: No such file or"),
        (["webhooks", "verify", "-", "--headers-from", "-"], "body and headers cannot both be on "),
        (verify("--header", "whsec_canary"), "a header is written as name: value."),
        (verify("--headers-from", "nope"), "cannot read nope: No such file or directory."),
        (verify("--tolerance", "0"), 'Invalid value "0.0" for --tolerance. Must be > 0.'),
        (verify("--now", "nan"), 'Invalid value "nan" for --now. Must be >= 0.'),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 2."""
    assert 2 == main(arguments)
    out, err = capsys.readouterr()

    assert "" == out
    assert err.startswith(f"error: {told}")
    assert 1 == err.count("\n")
    assert "canary" not in err
