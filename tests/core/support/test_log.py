"""The log: a handler that raises changes no outcome, and is reported."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from cloudflow_async._core.support.log import Log, log_of


class Broken(logging.Handler):
    """A handler with a mistake."""

    def emit(self, record: logging.LogRecord) -> None:
        """Fail."""
        message = "this handler is broken"
        raise RuntimeError(message)


@pytest.fixture
def log() -> Iterator[Log]:
    """Return a log with a broken handler."""
    log, handler = log_of("cloudflow_async.test_log"), Broken()
    log.logger.addHandler(handler)
    yield log
    log.logger.removeHandler(handler)


def test_a_broken_handler_is_reported(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """As `logging` reports those that catch their own mistakes."""
    log.warning("a message")

    assert "RuntimeError: this handler is broken" in capsys.readouterr().err


def test_or_not(
    log: Log, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `logging` is told to be silent about handlers, so is this."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.warning("a message")

    assert "" == capsys.readouterr().err


def test_records_name_who_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The place in a record is the caller's, not that of the guard."""
    log_of("cloudflow_async.test_log").warning("%s message", "a")

    assert [("test_log.py", "a message")] == [
        (record.filename, record.getMessage()) for record in caplog.records
    ]
