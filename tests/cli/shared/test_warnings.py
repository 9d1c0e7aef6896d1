"""Warnings on standard error."""

from __future__ import annotations

import logging
import warnings

import pytest

from cloudflow_async._core.errors import CredentialWarning
from cloudflow_async.cli.shared.warnings import warnings_held_back, warnings_told

LOG = logging.getLogger("cloudflow_async")


def _fail_after_a_warning() -> None:
    LOG.warning("passed over")
    raise LookupError


def test_what_the_log_warns_of_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Only warnings are told, and only while a command runs."""
    with warnings_told():
        LOG.warning("Credentials: %s", "gone")
        LOG.info("nothing")
    LOG.warning("later")

    assert ("", "warning: Credentials: gone\n") == capsys.readouterr()


def test_what_a_credential_warns_of_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the place in a program that the person did not write."""
    with warnings_told():
        warnings.warn("The key is old.", CredentialWarning, stacklevel=1)

    assert ("", "warning: The key is old.\n") == capsys.readouterr()


def test_other_warnings_are_python_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    """They go where they always go."""
    with pytest.warns(DeprecationWarning, match="old"), warnings_told():
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert ("", "") == capsys.readouterr()


def test_what_is_held_back_is_told_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Once it has succeeded."""
    with warnings_told():
        with warnings_held_back():
            LOG.warning("passed over")
            before = capsys.readouterr().err
        after = capsys.readouterr().err

    assert ("", "warning: passed over\n") == (before, after)


def test_what_failed_says_itself_what_was_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    """The same is not told twice; what comes afterwards is told at once."""
    with warnings_told():
        with pytest.raises(LookupError), warnings_held_back():
            _fail_after_a_warning()
        LOG.warning("another")

    assert "warning: another\n" == capsys.readouterr().err
