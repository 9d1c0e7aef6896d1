"""One file, or a stream, behind an output."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from cloudflow_async.cli.export.output.sinks import FileStore, open_file, open_stream
from cloudflow_async.cli.shared.console import CommandError

_ROWS = [("pipe_1", b"one\n"), ("pipe_2", b"two\n")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that is not there yet."""
    return tmp_path / "rows.csv"


def _open(path: Path, *, exclusive: bool = False, header: bytes = b"id\n") -> FileStore:
    return open_file(path, header=header, exclusive=exclusive)


def test_rows_follow_the_header(path: Path) -> None:
    """All pipelines share the file; its size is known by its name."""
    store = _open(path)
    store.prepare(["pipe_1", "pipe_2"], again=False)
    store.write(_ROWS)
    store.sync()
    store.sync()
    store.close()

    assert b"id\none\ntwo\n" == path.read_bytes()
    assert {"rows.csv": 11} == store.sizes
    assert str(path) == store.name == store.rows_are_in
    assert not store.is_folder


def test_no_rows_still_make_a_file(path: Path) -> None:
    """An export of nothing that went well has its header."""
    store = _open(path)
    assert [None] == list(store.finish(["pipe_1"]))
    store.forget()
    store.close()

    assert b"id\n" == path.read_bytes()


def test_what_has_rows_gets_no_second_header(path: Path) -> None:
    """Finishing adds nothing to them."""
    store = _open(path)
    store.write(_ROWS)
    list(store.finish([]))
    store.close()

    assert b"id\none\ntwo\n" == path.read_bytes()


def test_what_never_began_leaves_no_file(path: Path) -> None:
    """So the same command works once the mistake is mended."""
    store = _open(path, exclusive=True)
    assert path.exists()
    store.close()

    assert not path.exists()


def test_a_file_that_is_gone_by_itself_is_no_failure(path: Path) -> None:
    """Somebody else may have removed it meanwhile."""
    store = _open(path)
    path.unlink()
    store.close()

    assert not path.exists()


def test_a_file_that_was_there_is_emptied_by_the_first_write(path: Path) -> None:
    """Until then it stays as it was."""
    path.write_text("old\n")
    _open(path).close()
    assert "old\n" == path.read_text()
    store = _open(path)
    store.write(_ROWS)
    store.close()

    assert b"id\none\ntwo\n" == path.read_bytes()


def test_an_exclusive_file_must_not_be_there(path: Path) -> None:
    """Nothing is lost by mistake."""
    path.write_text("old\n")

    with pytest.raises(FileExistsError):
        _open(path, exclusive=True)


def test_it_goes_on_where_it_was(path: Path) -> None:
    """What lies beyond the size is cut off, and the header is there already."""
    path.write_bytes(b"id\none\nhalf a li")
    store = _open(path)
    store.restore({"rows.csv": 7})
    store.write([("pipe_1", b"two\n")])
    store.close()

    assert b"id\none\ntwo\n" == path.read_bytes()
    assert {"rows.csv": 11} == store.sizes


def test_it_goes_on_before_its_first_row(path: Path) -> None:
    """Then the header is still to come, and the file is not removed when nothing does."""
    path.write_bytes(b"id\nsome")
    store = _open(path)
    store.restore({})
    store.close()
    assert b"" == path.read_bytes()
    store = _open(path)
    store.restore({})
    store.write(_ROWS)
    store.close()

    assert b"id\none\ntwo\n" == path.read_bytes()


@pytest.mark.parametrize("sizes", [{"rows.csv": 8}, {"other.csv": 1}])
def test_a_file_that_was_changed_is_refused(path: Path, sizes: dict[str, int]) -> None:
    """Rows that were there are missing: going on would hide that."""
    path.write_bytes(b"id\none\n")
    store = _open(path)

    with pytest.raises(CommandError, match=r"rows.csv is not as the unfinished export left it"):
        store.restore(sizes)
    store.close()
    assert b"id\none\n" == path.read_bytes()


def test_standard_output_is_a_stream(capfd: pytest.CaptureFixture[str]) -> None:
    """It is not closed at the end."""
    store = open_stream(b"id\n")
    store.write(_ROWS)
    store.close()

    assert "standard output" == store.name
    assert {"standard output": 11} == store.sizes
    assert "id\none\ntwo\n" == capfd.readouterr().out
    os.fstat(1)


def test_a_closed_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be started without standard output."""
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(CommandError, match="cannot write to standard output: it is closed"):
        open_stream(b"")


def test_a_stream_that_cannot_be_cut_is_written_all_the_same() -> None:
    """A pipe has no earlier content."""
    reader, writer = os.pipe()
    store = FileStore(io.FileIO(writer, "w"), header=b"", name="pipe")
    store.write(_ROWS)
    store.close()
    read = os.read(reader, 100)
    os.close(reader)

    assert b"one\ntwo\n" == read
