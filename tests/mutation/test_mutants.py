"""Changes to source files: what is changed, what is not, and that each is a program."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .modules import MODULES, own_tests
from .mutants import find_mutants

ROOT = Path(__file__).resolve().parents[2]


def changed(source: str) -> list[str]:
    """Return what becomes of a source."""
    text = source.encode()
    return [mutant.apply(text).decode() for mutant in find_mutants("it.py", text)]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("a < b", {"(a <= b)", "(a >= b)"}),
        ("a and b", {"(a or b)", "a", "b"}),
        ("isinstance(a, B | C)", {"isinstance(a, B)", "isinstance(a, C)"}),
        ("if a: b()", {"if (not a): b()", "if a: pass"}),
        ("def f(a: 'B' = 1): return a", {"def f(a: 'B' = 2): return a",
                                         "def f(a: 'B' = 1): return None"}),
        ("f'{a}.{b[:1]}'", {"(f'{a}XX.XX{b[:1]}')", "(f'{a}.{b[:]}')", "(f'{a}.{b[:2]}')"}),
        ("raise A(b[1], 'c')", {"pass", "raise A(b[2], 'c')"}),
        ("try: a()\nexcept B: raise", {"try: pass\nexcept B: raise", "try: a()\nexcept (()): raise",
                                       "try: a()\nexcept B: pass"}),
        ("with a: pass", {"with (__import__('contextlib').nullcontext()): pass"}),
        ("re.compile('a{1,9}')", {"re.compile('XXa{1,9}XX')", "re.compile('a{2,9}')",
                                  "re.compile('a{1,10}')", "pass"}),
        ("async def f(): return await a", {"async def f(): return a",
                                           "async def f(): return None"}),
        ("x = max(a, None)", {"x = min(a, None)", "x = max(a, 0)"}),
    ],
    ids=range(12),
)  # fmt: skip
def test_code_is_changed(source: str, changes: set[str]) -> None:
    """Each change is one that a test of the code should notice."""
    found = {change.replace('"', "'") for change in changed(source)} - {"pass", "raise A"}

    assert changes - {"pass"} == found


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""\nimport a',
        "A: TypeAlias = B | C",
        "T = TypeVar('T')",
        "__all__ = ['a']",
        "if TYPE_CHECKING:\n    a = 1",
        "cast('list[str]', a)",
        "def f(self) -> 'A':\n    'A docstring.'",
        "a = 'two words'",
        "a = f'expected {b}, got {c}'",
        "raise AssertionError('never')",
        "def __repr__(self): pass; f'A({self.b})'",
    ],
)
def test_what_does_nothing_is_left_alone(source: str) -> None:
    """Documentation, types and wording are no code."""
    left = [change for change in changed(source) if change.strip() != "pass"]

    assert [] == left


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_each_change_is_a_program(module: object) -> None:
    """A change that cannot be compiled would be noticed for nothing."""
    assert isinstance(module, type(MODULES[0]))

    for path in module.sources(ROOT)[::3]:
        source = (ROOT / path).read_bytes()
        for mutant in find_mutants(path, source)[::7]:
            ast.parse(mutant.apply(source))


def test_the_tests_of_a_file_are_found() -> None:
    """They stand where the file stands; a part's are those of the whole."""
    folder = "cloudflow_async/_core"

    assert "tests/core/http/test_retry.py" == own_tests(ROOT, f"{folder}/http/retry.py")
    assert "tests/core/auth/oauth2/test_loopback.py" == own_tests(
        ROOT, f"{folder}/auth/oauth2/loopback_pages.py"
    )
    assert own_tests(ROOT, f"{folder}/auth/__init__.py") is None
