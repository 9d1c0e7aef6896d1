"""Tests tried on a copy of the project, one change at a time, each time in a process of its own.

A process is forked off one that has loaded the libraries, but nothing of the project: pytest and
its plugins take longer to load than most of the tests take to run.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import py_compile
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs
import hypothesis
import pytest

from .mutants import Mutant

End: TypeAlias = Literal["passed", "failed", "late"]

_LIBRARIES: Final = (
    "aiohttp.web", "aiolimiter", "aioresponses", "blockbuster", "cattrs", "cryptography.x509",
    "jwt", "keyring", "orjson", "platformdirs", "pytest_asyncio.plugin", "pytest_timeout",
    "xdist.plugin", "asyncio", "http.server", "logging.config", "unittest.mock", "tomllib",
)  # fmt: skip
_OURS: Final = frozenset({"tests", "cloudflow_async"})
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "*.log")
_MOST_MEMORY: Final = 4 * 2**30
_POLL: Final = 0.01
_OPTIONS: Final = ("-x", "-q", "--assert=plain", "--hypothesis-seed=0", "-p", "no:cacheprovider")


@attrs.define
class Trial:
    """A copy of the project in which files are changed and tests are run.

    Fails with RuntimeError where tests do not pass before anything was changed.
    """

    root: Path

    _limits: dict[tuple[str, ...], float] = attrs.field(factory=dict)
    """Seconds after which tests are late: several times what they take unchanged."""

    def prove(self, tests: tuple[str, ...]) -> None:
        """Run tests on unchanged code, once: to know that they pass, and how long they take."""
        if tests in self._limits:
            return
        began_at = time.monotonic()
        end = self._run(tests, limit=600.0, keep_bytecode=True)
        if end != "passed":
            text = (self.root / "trial.log").read_text(errors="replace")
            raise RuntimeError(f"{' '.join(tests)}: {end} without any change\n{text[-4000:]}")
        self._limits[tests] = 10.0 + 4.0 * (time.monotonic() - began_at)

    def run(self, tests: tuple[str, ...]) -> End:
        """Run tests that were proved before."""
        return self._run(tests, limit=self._limits[tests], keep_bytecode=False)

    @contextlib.contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """Have one change in the copy for a while."""
        path = self.root / mutant.path
        source = path.read_bytes()
        path.write_bytes(mutant.apply(source))
        # It would pass for that of a file of the same size that was written in the same second.
        compiled = Path(importlib.util.cache_from_source(str(path)))
        compiled.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.write_bytes(source)
            py_compile.compile(str(path), doraise=True)

    def _run(self, tests: tuple[str, ...], *, limit: float, keep_bytecode: bool) -> End:
        child = os.fork()
        if child == 0:
            _be_pytest(self.root, tests, keep_bytecode=keep_bytecode)
        status = _wait(child, limit)
        # Tests may have started processes, which belong to the group of the child.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if status is None:
            os.waitpid(child, 0)
            return "late"
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise RuntimeError(f"{' '.join(tests)}: no tests")
        return "failed" if status else "passed"


@contextlib.contextmanager
def begin(project: Path) -> Iterator[Trial]:
    """Copy a project into a temporary folder, and remove the copy at the end."""
    for name in _LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    # What is found at once need not be made smaller.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutation", phases=phases, database=None, deadline=None)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        root = Path(folder, "project").resolve()
        shutil.copytree(project, root, ignore=_LEFT_OUT)
        yield Trial(root)


def _wait(child: int, limit: float) -> int | None:
    """Return the exit status of a process; None when it is late."""
    ends_at = time.monotonic() + limit
    while time.monotonic() < ends_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_POLL)
    return None


def _be_pytest(root: Path, tests: tuple[str, ...], *, keep_bytecode: bool) -> None:
    """Run tests, and never return."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
        os.chdir(root)
        log = os.open("trial.log", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _forget_the_project(root)
        sys.argv = ["pytest"]
        sys.dont_write_bytecode = not keep_bytecode
        hypothesis.settings.load_profile("mutation")
        code = int(pytest.main([*_OPTIONS, *tests]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forget_the_project(root: Path) -> None:
    """Let its packages be imported from the copy, here and in processes that tests start."""
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    sys.path.insert(0, str(root))
    os.environ["PYTHONPATH"] = str(root)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
