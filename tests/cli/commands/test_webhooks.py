"""What ``cloudflow webhooks`` takes."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.cli import main
from cloudflow_async.cli.webhooks import (
    listen as listening,
)
from cloudflow_async.cli.webhooks import (
    register as registering,
)
from cloudflow_async.cli.webhooks import (
    sign as signing,
)
from cloudflow_async.cli.webhooks.listen import Listening
from cloudflow_async.cli.webhooks.register import NewWebhook
from cloudflow_async.cli.webhooks.secrets import SecretPlace


class Calls:
    """Takes the place of a command's work, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any, **options: Any) -> int:
        """Remember, and succeed."""
        self.made.append((*arguments, options))
        return 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what was asked."""
    calls = Calls()
    monkeypatch.setattr(registering, "register", calls)
    monkeypatch.setattr(listening, "listen", calls)
    monkeypatch.setattr(signing, "sign", calls)
    monkeypatch.setattr(signing, "verify", calls)
    return calls


VERIFY: dict[str, Any] = {
    "headers": (),
    "headers_from": None,
    "now": None,
    "tolerance": 300.0,
    "as_json": False,
}
SIGN: dict[str, Any] = {"message_id": None, "timestamp": None, "url": None}
UTF8 = SecretPlace(env="HOOK", file="hook", encoding="utf8")
PLACE = ("--secret-env", "HOOK", "--secret-file", "hook", "--secret-encoding", "utf8")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (
            ["create", "--url", "https://a", "--event", "workflow.failed"],
            (NewWebhook(url="https://a", events=["workflow.failed"]), SecretPlace(), None, {}),
        ),
        (
            [
                *("create", "--url", "https://a", "--event", "one", "--event", "two", *PLACE),
                *("--new-secret-file", "new", "--profile", "work", "--base-url", "https://b/v2"),
            ],
            (
                NewWebhook(
                    url="https://a",
                    events=["one", "two"],
                    profile="work",
                    base_url="https://b/v2",
                ),
                UTF8,
                "new",
                {},
            ),
        ),
        (["listen"], (Listening(port=8400, place=SecretPlace()), {})),
        (
            [
                *("listen", "--port", "0", *PLACE, "--event", "workflow.*", "--json"),
                *("--forward", "http://a", "--allow-remote", "--emulator"),
            ],
            (
                Listening(
                    port=0,
                    place=UTF8,
                    forward="http://a",
                    allow_remote=True,
                    patterns=["workflow.*"],
                    as_json=True,
                    emulator=True,
                ),
                {},
            ),
        ),
        (["sign", "-"], ("-", SecretPlace(), SIGN)),
        (
            ["sign", "body", *PLACE, "--id", "msg_1", "--timestamp", "5", "--curl", "http://a"],
            ("body", UTF8, {"message_id": "msg_1", "timestamp": 5.0, "url": "http://a"}),
        ),
        (["verify", "body"], ("body", SecretPlace(), VERIFY)),
        (
            [
                *("verify", "-", *PLACE, "--header", "a: b", "--header", "c: d", "--headers-from"),
                *("headers", "--now", "5", "--tolerance", "60", "--json"),
            ],
            (
                "-",
                UTF8,
                {
                    "headers": ["a: b", "c: d"],
                    "headers_from": "headers",
                    "now": 5.0,
                    "tolerance": 60.0,
                    "as_json": True,
                },
            ),
        ),
    ],
)
def test_options(arguments: list[str], asked: tuple[Any, ...], calls: Calls) -> None:
    """Each has a default."""
    assert 0 == main(["webhooks", *arguments])
    assert [asked] == calls.made


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are named, each with a sentence."""
    assert 0 == main(["webhooks"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())

    assert "create Register an address to which events are delivered." in said
    assert "sign Print the headers with which a body would be delivered." in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["crate"], 'Unknown command "crate". Did you mean "create"?'),
        (["create", "--event", "a"], 'Command "webhooks create" parameter --url requires an arg'),
        (["create", "--url", "a"], 'Command "webhooks create" parameter --event requires an arg'),
        (["listen", "--port", "99999"], 'Invalid value "99999" for --port.'),
        (["listen", "--allow-remote"], "--allow-remote belongs to --forward."),
        (["listen", "--secret", "canary"], "Unknown option: --secret. Did you mean --secret-env? "),
        (["sign"], 'Command "webhooks sign" parameter FILE requires an argument.'),
        (["sign", "body", "canary"], "there is an argument too many; --help tells what this"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 2, and nothing is begun."""
    assert 2 == main(["webhooks", *arguments])
    out, err = capsys.readouterr()

    assert ("", 1, []) == (out, err.count("\n"), calls.made)
    assert err.startswith(f"error: {told}")
    assert "canary" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["sign", "body", "--secret", "canary"],
        ["sign", "--secret", "canary"],
        ["sign", "--secret", "canary", "body"],
        ["sign", "--secret=canary", "body"],
        ["verify", "body", "--webhook-secret=canary"],
        ["create", "--url", "a", "--event", "b", "--secret", "canary"],
    ],
)
def test_a_secret_is_no_argument(
    arguments: list[str], calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it stands, it is refused with the reason, and not shown."""
    assert 2 == main(["webhooks", *arguments])
    err = capsys.readouterr().err

    assert err.endswith(" Secrets are never arguments, which all programs can see: see --help.\n")
    assert ("canary" in err, []) == (False, calls.made)
