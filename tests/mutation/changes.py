"""What is changed in a piece of code, by its kind: pairs of a node and another for its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

Change: TypeAlias = tuple[Any, ast.AST]

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_PAIRS: Final = [
    ("min", "max"),
    ("any", "all"),
    ("lower", "upper"),
    ("startswith", "endswith"),
    ("lstrip", "rstrip"),
    ("partition", "rpartition"),
    ("split", "rsplit"),
    ("removeprefix", "removesuffix"),
    ("find", "rfind"),
]
_TWINS: Final = dict([*_PAIRS, *((other, one) for one, other in _PAIRS)])
_PROSE: Final = re.compile(r"[^\W\d_]{2,}\W*\s\W*[^\W\d_]")
_BOUND: Final = re.compile(r"(?<=[{,])[0-9]+(?=[,}])")
_NOTHING: Final = ast.Tuple([], ast.Load())
_NO_CONTEXT: Final = ast.parse('__import__("contextlib").nullcontext()', mode="eval").body


def changes_to(node: ast.AST) -> Iterator[Change]:
    """Return the changes to a node that do not depend on where it stands."""
    yield from _CHANGES.get(type(node), _none)(node)


def is_prose(text: str) -> bool:
    """Tell whether a text has more than one word."""
    return _PROSE.search(text) is not None


def is_none(node: ast.AST | None) -> bool:
    """Tell whether a node is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def name_of(node: ast.AST | None) -> str:
    """Return the last name of what is named, called or subscribed."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return name_of(inner)
    return ""


def _none(_node: Any) -> Iterable[Change]:
    return ()


def _compare(node: ast.Compare) -> Iterator[Change]:
    for place, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield node, ast.Compare(node.left, ops, node.comparators)


def _bool_op(node: ast.BoolOp) -> Iterator[Change]:
    yield node, ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for place in range(len(node.values)):
        rest = _without(node.values, place)
        yield node, ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]


def _unary_op(node: ast.UnaryOp) -> Iterator[Change]:
    yield node, node.operand


def _bin_op(node: ast.BinOp) -> Iterator[Change]:
    if isinstance(node.op, ast.BitOr):
        for part in (node.left, node.right):
            if not is_none(part):
                yield node, part
    else:
        yield node, ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)


def _aug_assign(node: ast.AugAssign) -> Iterator[Change]:
    yield node, ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    yield from _negated(node.test)


def _conditions(node: ast.comprehension) -> Iterator[Change]:
    for test in node.ifs:
        yield from _negated(test)


def _negated(test: ast.expr) -> Iterator[Change]:
    # The others change in ways of their own.
    changes = isinstance(test, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant))
    if not changes and name_of(test) != "TYPE_CHECKING":
        yield test, ast.UnaryOp(ast.Not(), test)


def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    other: Any = None
    if isinstance(value, bool):
        other = not value
    elif isinstance(value, int):
        other = value + 1
    elif isinstance(value, float):
        other = value * 2 or 1.0
    elif isinstance(value, (str, bytes)):
        other = _other_text(value)
    elif value is None:
        other = 0
    if other is not None:
        yield node, ast.Constant(other)


def _other_text(value: str | bytes) -> str | bytes | None:
    if isinstance(value, bytes):
        return None if is_prose(value.decode("latin-1")) else b"XX" + value + b"XX"
    return None if is_prose(value) else f"XX{value}XX"


def _slice(node: ast.Slice) -> Iterator[Change]:
    if node.lower is not None:
        yield node, ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield node, ast.Slice(node.lower, None, node.step)


def _call(node: ast.Call) -> Iterator[Change]:
    twin = _TWINS.get(name_of(node.func))
    match node.func:
        case ast.Name() if twin is not None:
            yield node.func, ast.Name(twin, ast.Load())
        case ast.Attribute(value=owner) if twin is not None:
            yield node.func, ast.Attribute(owner, twin, ast.Load())
        case ast.Attribute(attr="suppress"):
            for place in range(len(node.args)):
                yield node, ast.Call(node.func, _without(node.args, place), [])
        case ast.Attribute(value=ast.Name("re"), attr="compile"):
            yield from _pattern(node.args[0])


def _pattern(node: ast.expr) -> Iterator[Change]:
    value = node.value if isinstance(node, ast.Constant) else None
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    for bound in _BOUND.finditer(text):
        other = f"{text[: bound.start()]}{int(bound[0]) + 1}{text[bound.end() :]}"
        yield node, ast.Constant(other.encode("latin-1") if isinstance(value, bytes) else other)


def _return(node: ast.Return) -> Iterator[Change]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield node.value, ast.Constant(None)


def _yield(node: ast.Yield) -> Iterator[Change]:
    if node.value is not None:
        yield node, ast.Yield(None)


def _await(node: ast.Await) -> Iterator[Change]:
    yield node, node.value


def _lambda(node: ast.Lambda) -> Iterator[Change]:
    yield node.body, ast.Constant(None)


def _left_out(node: ast.stmt) -> Iterator[Change]:
    yield node, ast.Pass()


def _expression(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, (ast.Call, ast.Await)):
        yield node, ast.Pass()


def _break(node: ast.Break) -> Iterator[Change]:
    yield node, ast.Continue()


def _continue(node: ast.Continue) -> Iterator[Change]:
    yield node, ast.Break()


def _for(node: ast.For) -> Iterator[Change]:
    yield node.iter, _NOTHING


def _with(node: ast.With | ast.AsyncWith) -> Iterator[Change]:
    for item in node.items:
        if item.optional_vars is None and name_of(item.context_expr) != "suppress":
            yield item.context_expr, _NO_CONTEXT


def _handler(node: ast.ExceptHandler) -> Iterator[Change]:
    if isinstance(node.type, ast.Tuple):
        for place in range(len(node.type.elts)):
            yield node.type, ast.Tuple(_without(node.type.elts, place), ast.Load())
    elif node.type is not None:
        yield node.type, _NOTHING


def _without(items: list[ast.expr], place: int) -> list[ast.expr]:
    return [*items[:place], *items[place + 1 :]]


_CHANGES: Final[dict[type[ast.AST], Callable[[Any], Iterable[Change]]]] = {
    ast.AsyncWith: _with,
    ast.AugAssign: _aug_assign,
    ast.Await: _await,
    ast.BinOp: _bin_op,
    ast.BoolOp: _bool_op,
    ast.Break: _break,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Continue: _continue,
    ast.Delete: _left_out,
    ast.ExceptHandler: _handler,
    ast.Expr: _expression,
    ast.For: _for,
    ast.If: _condition,
    ast.IfExp: _condition,
    ast.Lambda: _lambda,
    ast.Raise: _left_out,
    ast.Return: _return,
    ast.Slice: _slice,
    ast.UnaryOp: _unary_op,
    ast.While: _condition,
    ast.With: _with,
    ast.Yield: _yield,
    ast.comprehension: _conditions,
}
