"""Warnings that point at the line of the program that uses this package."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from cloudflow_async._core.auth.api_key.api_key import ApiKeyAuth
from cloudflow_async._core.auth.warn import warn_caller
from cloudflow_async._core.errors import CredentialWarning, InsecureKeyFileWarning
from cloudflow_async._core.messages import Request

REQUEST = Request(method="GET", path="/workflows", target="/workflows")


def _line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_it_points_at_its_caller() -> None:
    """The nearest line outside of the package may be the very one that calls."""
    with pytest.warns(CredentialWarning, match="rotate") as caught:
        warn_caller("rotate", CredentialWarning)

    assert [(__file__, _line() - 2)] == [(it.filename, it.lineno) for it in caught]


def test_it_looks_past_all_frames_of_the_package() -> None:
    """Between the program's line and the warning lie a constructor and two functions."""
    with pytest.warns(CredentialWarning, match="days old") as caught:
        ApiKeyAuth("cf_live_x", created_at=0.0)

    assert [(__file__, _line() - 2)] == [(it.filename, it.lineno) for it in caught]


async def test_it_looks_past_coroutines_of_the_package(tmp_path: Path) -> None:
    """What awaits lies on the stack as what calls does."""
    path = tmp_path / "key"
    path.write_text("cf_live_x")
    path.chmod(0o644)
    auth = ApiKeyAuth.from_file(path)

    with pytest.warns(InsecureKeyFileWarning) as caught:
        await auth.sign(REQUEST)

    assert [(__file__, _line() - 2)] == [(it.filename, it.lineno) for it in caught]
