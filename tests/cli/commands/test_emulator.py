"""What ``cloudflow emulator`` takes."""

from __future__ import annotations

import pytest

from cloudflow_async.cli import main
from cloudflow_async.cli.emulator import serve as serving
from cloudflow_async.cli.emulator.serve import Served


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], Served(port=8787)),
        (
            ["--port", "0", "--limits-mode", "windows", "--seed", "9", "--techflow"],
            Served(port=0, limits_mode="windows", seed=9, techflow=True),
        ),
        (
            [
                *("--rate-limit", "1000/60", "--api-key", "my-key", "--client-id", "my-app"),
                *("--client-secret-env", "SECRET", "--redirect-uri", "http://127.0.0.1/a"),
                "--no-pkce",
            ],
            Served(
                port=8787,
                rate_limit="1000/60",
                api_key="my-key",
                client_id="my-app",
                client_secret_env="SECRET",
                redirect_uri="http://127.0.0.1/a",
                require_pkce=False,
            ),
        ),
    ],
)
def test_options(arguments: list[str], asked: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a default."""
    served: list[Served] = []

    def serve(options: Served) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr(serving, "serve", serve)

    assert 0 == main(["emulator", *arguments])
    assert [asked] == served
