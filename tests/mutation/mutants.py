"""Small changes to a source file, each of which a test should notice.

What is changed:

    comparisons     a step to the side (``<`` to ``<=``), and the other way round
    conditions      negated; ``and`` for ``or``; each part of ``and``, ``or`` and ``|`` left out
    arithmetic      another operator; no sign
    constants       another number, text, flag, bound in a pattern; 0 for None; slices without
                    their bounds
    statements      calls, ``raise`` and ``del`` left out; None returned, yielded or assigned;
                    ``break`` for ``continue``; loops over nothing; no lock and no timeout
    exceptions      each one that is caught or suppressed is not
    await           left out
    calls           ``min`` for ``max``, ``startswith`` for ``endswith`` and such

What is not: docstrings, annotations, type aliases and the types in ``cast``, which do nothing at
run time; ``__all__``; ``raise AssertionError``, which cannot be reached; and wording, which tests
do not pin: texts of more than one word, and all texts in ``raise``, in an exception's arguments,
in logging calls, in ``__repr__`` and in ``__str__``.

No library does that: mutmut 3 changes neither what stands outside of functions, such as a model's
defaults, nor what has a decorator, but all wording; cosmic-ray makes dozens of changes at once
that cannot run at all, starts an interpreter for each, and has none for ``return``, ``await``,
texts and statements.
"""

from __future__ import annotations

import ast
import itertools
import re
from typing import Any, Final

import attrs

from .changes import changes_to, is_none, is_prose, name_of

_LOGGING: Final = re.compile(r"_?(log|debug|info|warning|error|exception|warn)")
_SHOWN: Final = 90


@attrs.frozen
class Mutant:
    """One change to one file."""

    path: str
    """The file, from the root of the project on, with slashes."""

    line: int

    start: int
    """The first byte of the file that is replaced."""

    end: int
    """The first one that is not, after it."""

    before: str
    after: str

    def apply(self, source: bytes) -> bytes:
        """Return the file with the change in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {_short(self.before)}  ->  {_short(self.after)}"


def find_mutants(path: str, source: bytes) -> list[Mutant]:
    """Return the changes to a file, in the order of its lines."""
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    finder = _Finder()
    finder.visit(ast.parse(source))
    found: set[Mutant] = set()
    for old, new in finder.changes:
        start = starts[old.lineno - 1] + old.col_offset
        end = starts[old.end_lineno - 1] + old.end_col_offset
        before = source[start:end].decode()
        found.add(Mutant(path, old.lineno, start, end, before, _write(new)))
    return sorted(found, key=lambda each: (each.start, each.end, each.after))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}..."


def _write(new: ast.AST) -> str:
    text = ast.unparse(new)
    plain = isinstance(new, (ast.stmt, ast.Slice, ast.Constant, ast.Name, ast.Attribute))
    return text if plain else f"({text})"


class _Finder(ast.NodeVisitor):
    """Collects changes: nodes, each with another for its place."""

    def __init__(self) -> None:
        self.changes: list[tuple[Any, ast.AST]] = []
        self._text: ast.JoinedStr | None = None
        self._is_wording = False
        self._in_function = False

    def visit(self, node: ast.AST) -> None:
        """Collect the changes to a node, and to what is in it."""
        if _does_nothing(node) or (self._is_wording and _is_text(node)):
            return
        for old, new in changes_to(node):
            self._change(old, new)
        super().visit(node)

    def _change(self, old: Any, new: ast.AST) -> None:
        # Python 3.11 does not know where in an f-string its parts are.
        if self._text is not None:
            old, new = self._text, _replaced(self._text, old, new)
        self.changes.append((old, new))

    def _visit_all(self, *nodes: Any) -> None:
        for node in nodes:
            if isinstance(node, list):
                self._visit_all(*node)
            elif node is not None:
                self.visit(node)

    def _visit_as_wording(self, *nodes: Any) -> None:
        outer, self._is_wording = self._is_wording, True
        self._visit_all(*nodes)
        self._is_wording = outer

    def visit_arguments(self, node: ast.arguments) -> None:
        self._visit_all(node.defaults, node.kw_defaults)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list, node.args)
        outer, self._in_function = self._in_function, True
        shows = node.name in {"__repr__", "__str__"}
        (self._visit_as_wording if shows else self._visit_all)(node.body)
        self._in_function = outer

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - as `ast` names it

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assign_none(node.targets[0], node.value)
        self._visit_all(node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assign_none(node.target, node.value)
        self._visit_all(node.target, node.value)

    def _assign_none(self, target: ast.expr, value: ast.expr | None) -> None:
        if not self._in_function or value is None or isinstance(target, ast.Tuple):
            return
        if not isinstance(value, ast.Constant):
            self._change(value, ast.Constant(None))

    def visit_If(self, node: ast.If) -> None:
        if name_of(node.test) == "TYPE_CHECKING":
            self._visit_all(node.orelse)
        else:
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._visit_as_wording(node.exc)

    def visit_Call(self, node: ast.Call) -> None:
        name = name_of(node.func)
        wording = name.endswith("Error") or _LOGGING.fullmatch(name) is not None
        visit = self._visit_as_wording if wording else self._visit_all
        self._visit_all(node.func)
        visit(node.args[1:] if name == "cast" else node.args, node.keywords)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        outer = self._text
        self._text = outer or node
        texts = [part for part in node.values if isinstance(part, ast.Constant)]
        if not is_prose("".join(str(text.value) for text in texts)):
            self._visit_all(texts)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)
        self._text = outer

    def visit_Compare(self, node: ast.Compare) -> None:
        self._visit_all([part for part in (node.left, *node.comparators) if not is_none(part)])

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._visit_all([part for part in (node.left, node.right) if not is_none(part)])


def _does_nothing(node: ast.AST) -> bool:
    """Tell whether a statement has nothing in it that a test could notice."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.AnnAssign(annotation=annotation):
            return name_of(annotation) == "TypeAlias"
        case ast.Assign(targets=[target, *_], value=value):
            return name_of(target) == "__all__" or name_of(value) in {"TypeVar", "ParamSpec"}
        case ast.Raise(exc=error):
            return name_of(error) == "AssertionError"
    return False


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _replaced(root: Any, old: Any, new: ast.AST) -> Any:
    """Return a copy of a tree with another node in the place of one."""
    if root is old:
        return new
    if isinstance(root, list):
        return [_replaced(item, old, new) for item in root]
    if isinstance(root, ast.AST):
        return type(root)(**{name: _replaced(at, old, new) for name, at in ast.iter_fields(root)})
    return root
