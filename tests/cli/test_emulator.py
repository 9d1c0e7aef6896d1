"""What ``cloudflow emulator`` takes."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.cli import main, serving


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {"port": 8787, "limits_mode": "bucket", "seed": 0, "techflow": False}),
        (
            ["--port", "0", "--limits-mode", "windows", "--seed", "9", "--techflow"],
            {"port": 0, "limits_mode": "windows", "seed": 9, "techflow": True},
        ),
    ],
)
def test_options(
    arguments: list[str], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a default."""
    served: list[dict[str, Any]] = []

    def serve(**options: Any) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr(serving, "serve", serve)

    assert 0 == main(["emulator", *arguments])
    assert [asked] == served
