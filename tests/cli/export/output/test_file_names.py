"""The file of each pipeline in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async.cli.export.output.file_names import file_names


def _name(pipeline_id: str) -> str:
    return file_names([pipeline_id])[pipeline_id]


@pytest.mark.parametrize("pipeline_id", ["pipe_4x9k2m", "Pipe-7", "a.b"])
def test_a_usual_id_is_its_own_name(pipeline_id: str) -> None:
    """Letters, digits, underscores, hyphens and points are safe everywhere."""
    assert pipeline_id == _name(pipeline_id)


@pytest.mark.parametrize(
    ("pipeline_id", "name"),
    [
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a b\n", "a%20b%0A"),
        ("a\\b:c*", "a%5Cb%3Ac%2A"),
        (".hidden", "%2Ehidden"),
        ("~", "%7E"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_other_characters_are_written_as_in_a_url(pipeline_id: str, name: str) -> None:
    """No id leads out of the folder, or hides a file."""
    assert name == _name(pipeline_id)


@pytest.mark.parametrize("pipeline_id", ["", "x" * 300, "NUL", "com1", "con.txt"])
def test_what_no_file_may_be_called_is_marked(pipeline_id: str) -> None:
    """Empty, too long, or a device of Windows: a part of a hash makes it usable."""
    name = _name(pipeline_id)

    assert name.startswith(f"{pipeline_id[:150]}~")
    assert len(name) <= 170


def test_names_that_differ_in_case_alone_are_marked() -> None:
    """On many file systems they would be one file; each keeps its name from run to run."""
    names = file_names(["pipe_a", "PIPE_A", "pipe_b"])

    assert "pipe_b" == names["pipe_b"]
    assert 3 == len({name.casefold() for name in names.values()})
    assert names == file_names(["pipe_b", "PIPE_A", "pipe_a"])


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_no_two_names_are_the_same(ids: list[str]) -> None:
    """Whatever the ids are, and also where case does not count."""
    names = file_names(ids)

    assert len(ids) == len({name.casefold() for name in names.values()})
    assert all(name and name == Path(name).name for name in names.values())
