"""A folder with a file for each pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudflow_async.cli.export.output.folder import FolderStore, open_folder
from cloudflow_async.cli.shared.console import CommandError

_IDS = ["pipe_1", "pipe_2", "a/b"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a folder that is not there yet."""
    return tmp_path / "out"


def _open(path: Path, *, overwrite: bool = False, again: bool = False) -> FolderStore:
    store = open_folder(path, suffix=".csv", header=b"id\n", overwrite=overwrite)
    store.prepare(_IDS, again=again)
    return store


def _files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir()}


def test_each_pipeline_has_a_file(path: Path) -> None:
    """With a header of its own, and its rows in their order."""
    store = _open(path)
    store.write([("pipe_1", b"one\n"), ("a/b", b"two\n"), ("pipe_1", b"three\n")])
    store.write([("pipe_1", b"four\n")])
    store.sync()
    store.sync()
    store.forget()
    store.close()

    assert {"pipe_1.csv": b"id\none\nthree\nfour\n", "a%2Fb.csv": b"id\ntwo\n"} == _files(path)
    assert {"pipe_1.csv": 18, "a%2Fb.csv": 7} == store.sizes
    assert store.is_folder
    assert f"{path}/" == store.name
    assert f"{path}/*.csv" == store.rows_are_in


def test_a_pipeline_without_rows_has_its_header(path: Path) -> None:
    """If it was read to its end; nothing tells of one that failed."""
    store = _open(path)
    store.write([("pipe_1", b"one\n")])
    assert [None] == list(store.finish(["pipe_1", "pipe_2"]))

    assert {"pipe_1.csv": b"id\none\n", "pipe_2.csv": b"id\n"} == _files(path)


def test_a_folder_that_was_made_for_nothing_is_removed(path: Path) -> None:
    """One that was there is kept, and so is one in which somebody else put something."""
    _open(path).close()
    assert not path.exists()
    store = _open(path)
    (path / "notes").touch()
    store.close()
    assert path.exists()
    _open(path).close()

    assert {"notes": b""} == _files(path)


def test_a_file_that_exists_is_kept(path: Path) -> None:
    """It is refused by its name; files of other pipelines are nobody's business."""
    path.mkdir()
    (path / "pipe_9.csv").touch()
    _open(path)
    (path / "pipe_2.csv").write_text("old\n")

    with pytest.raises(CommandError, match=r"out/pipe_2.csv exists: choose another --out, or say"):
        _open(path)


def test_overwriting_begins_with_the_first_row(path: Path) -> None:
    """Of each pipeline; without one, the old file stays until the pipeline is read."""
    path.mkdir()
    for name in ("pipe_1.csv", "pipe_2.csv"):
        (path / name).write_text("old\n")
    store = _open(path, overwrite=True)
    store.write([("pipe_1", b"one\n")])

    assert {"pipe_1.csv": b"id\none\n", "pipe_2.csv": b"old\n"} == _files(path)
    list(store.finish(["pipe_2"]))
    assert b"id\n" == (path / "pipe_2.csv").read_bytes()


def test_it_goes_on_where_it_was(path: Path) -> None:
    """Files are cut to their sizes, and what came into being later is removed."""
    path.mkdir()
    (path / "pipe_1.csv").write_bytes(b"id\none\nhalf")
    (path / "pipe_2.csv").write_bytes(b"id\nlater\n")
    (path / "notes").touch()
    store = _open(path, again=True)
    store.restore({"pipe_1.csv": 7})
    assert {"pipe_1.csv": b"id\none\n", "notes": b""} == _files(path)
    store.write([("pipe_1", b"two\n"), ("pipe_2", b"three\n")])

    assert b"id\none\ntwo\n" == (path / "pipe_1.csv").read_bytes()
    assert b"id\nthree\n" == (path / "pipe_2.csv").read_bytes()
    assert {"pipe_1.csv": 11, "pipe_2.csv": 9} == store.sizes


@pytest.mark.parametrize("content", [None, b"id\n"])
def test_a_file_that_was_changed_is_refused(path: Path, content: bytes | None) -> None:
    """Rows that were there are missing: going on would hide that."""
    path.mkdir()
    if content is not None:
        (path / "pipe_1.csv").write_bytes(content)

    with pytest.raises(CommandError, match=r"pipe_1.csv is not as the unfinished export left it"):
        _open(path, again=True).restore({"pipe_1.csv": 7})


def test_a_pipeline_that_the_server_calls_otherwise_has_a_file_too(path: Path) -> None:
    """But not one that was there, unless that may be replaced."""
    path.mkdir()
    (path / "alias.csv").write_text("old\n")
    with pytest.raises(CommandError, match=r"cannot write .*alias.csv: File exists"):
        _open(path).write([("alias", b"one\n")])
    store = _open(path, overwrite=True)
    store.write([("alias", b"one\n")])
    store.write([("alias", b"two\n")])

    assert b"id\none\ntwo\n" == (path / "alias.csv").read_bytes()


def test_a_folder_needs_a_parent(tmp_path: Path) -> None:
    """A path that was mistyped makes no chain of folders."""
    with pytest.raises(FileNotFoundError):
        _open(tmp_path / "no" / "where")
