"""Durations and failures over time as an image."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from cloudflow_async.cli.export.display.plot import Plot
from cloudflow_async.cli.export.timeline import Timeline
from cloudflow_async.cli.shared.console import CommandError
from tests.cli.export.display.test_chart import _timeline

pytest.importorskip("matplotlib")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder: in its own, matplotlib may keep what it knows of fonts."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def _drawn(path: Path, timeline: Timeline, **options: bool) -> bytes:
    Plot(path, **{"overwrite": False, **options}).draw(timeline)
    return path.read_bytes()


def test_an_image_of_a_kind_that_its_name_tells(folder: Path) -> None:
    """It replaces another if it may, and beside it nothing is left."""
    (folder / "out.PNG").touch()
    image = _drawn(folder / "out.PNG", _timeline(), overwrite=True)

    assert image.startswith(b"\x89PNG\r\n")
    assert ["out.PNG"] == os.listdir(folder)


def test_everything_is_labelled(folder: Path) -> None:
    """With units, and failures by name; an image of lines has its texts as comments."""
    image = _drawn(folder / "out.svg", _timeline()).decode()
    texts = set(re.findall(r"<!-- (.*?) -->", image))

    assert {
        "36 executions, and how long they took",
        "executions",
        "failed (2)",
        "others (34)",
        "duration (minutes)",
        "median",
        "95 percent",
        "time of start (UTC), 3 hours a column",
    } <= texts


def test_nothing_to_plot_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No image is written."""
    Plot(folder / "out.png", overwrite=False).draw(Timeline())

    assert [] == os.listdir(folder)
    assert f"No execution to plot: {folder}/out.png is not written.\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("out.gif", "its name has to end in .png, .svg, .pdf."),
        ("no/out.png", "there is no such folder."),
        ("there.png", "exists: choose another --plot, or say --overwrite."),
    ],
)
def test_what_could_not_be_written_is_told_at_once(folder: Path, name: str, told: str) -> None:
    """Not when the export has ended."""
    (folder / "there.png").touch()

    with pytest.raises(CommandError) as caught:
        Plot(folder / name, overwrite=False)
    assert str(caught.value).endswith(told)


def test_what_cannot_be_written_after_all_is_told(folder: Path) -> None:
    """With the system's reason and exit status 1."""
    plot = Plot(folder / "out.png", overwrite=False)
    (folder / "out.png").mkdir()

    with pytest.raises(CommandError, match=r"cannot write .*out.png: Is a directory") as caught:
        plot.draw(_timeline(2))
    assert 1 == caught.value.status


def test_it_needs_an_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is told before anything is sent."""
    for name in ("matplotlib.figure", "matplotlib.dates"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(CommandError, match=r"--plot needs an extra: pip install .*\[plot\]"):
        Plot(folder / "out.png", overwrite=False)
