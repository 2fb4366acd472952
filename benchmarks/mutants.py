"""Small faults, one at a time: every place of a source file where one operator or value is changed.

What a test cannot be asked to notice is left alone: docstrings, type hints, decorators, imports,
assertions for the type checker, and the words of messages.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SWAPPED: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
# Calls that only speak, and arguments that only guard or describe.
SPEAKING = {"say", "summary", "InputError", "ValueError", "TypeVar"}
GUARDING = {"strict", "encoding", "newline"}
# Numbers that random draws come from. Halved, two of them draw the same.
DRAWN_FROM = {"seed", "redraw", "position", "epoch", "step"}


@dataclass(frozen=True)
class Mutant:
    """One fault: its line with `>` before the place, the change, and the whole source with it."""

    number: int
    line: str
    change: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Give every mutant of a module that still compiles, in the order of the source."""
    lines = source.splitlines(keepends=True)
    # `ast` counts columns in bytes.
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw, found = source.encode(), []
    for node, text in _faults(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = raw[start:end].decode()
        changed = (raw[:start] + text.encode() + raw[end:]).decode()
        try:
            compile(changed, "mutant", "exec")
        except SyntaxError:
            continue
        change = " ".join(f"{before} -> {text}".split())
        line = (
            raw[starts[node.lineno - 1] : start] + b">" + raw[start : starts[node.lineno]]
        ).decode()
        found.append(Mutant(node.lineno, line.strip(), change, changed))
    return sorted(found, key=lambda one: one.number)


def _faults(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[Any, str]]:
    """Give nodes with the text that replaces them."""
    if _is_silent(tree):
        return
    yield from _of_node(tree, in_function)
    if isinstance(tree, ast.JoinedStr):
        return  # the parts have no places of their own before Python 3.12
    inside = in_function or isinstance(tree, ast.FunctionDef)
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _faults(child, inside)


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return True
    if isinstance(node, ast.keyword):
        return node.arg in GUARDING
    return isinstance(node, ast.Call) and ast.unparse(node.func) in SPEAKING


def _of_node(node: ast.AST, in_function: bool) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Compare():
            for place, op in enumerate(node.ops):
                ops = [SWAPPED[type(op)]() if n == place else o for n, o in enumerate(node.ops)]
                yield node, _text(ast.Compare(node.left, ops, node.comparators))
        case ast.BinOp() if type(node.op) in SWAPPED:
            yield node, _text(ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right))
        case ast.AugAssign() if type(node.op) in SWAPPED:
            yield (
                node,
                ast.unparse(ast.AugAssign(node.target, SWAPPED[type(node.op)](), node.value)),
            )
        case ast.BoolOp():
            yield node, _text(ast.BoolOp(SWAPPED[type(node.op)](), node.values))
        case ast.UnaryOp():
            yield node, _text(node.operand)
        case ast.Constant():
            yield from ((node, text) for text in _of_constant(node.value, in_function))
        case ast.IfExp():
            yield node, _text(ast.IfExp(node.test, node.orelse, node.body))
        case ast.If() | ast.While() if isinstance(node.test, ast.Name | ast.Call | ast.Attribute):
            yield node.test, f"(not {ast.unparse(node.test)})"
        case ast.Raise() if node.exc is not None:
            yield node, "pass"
        case ast.Expr(value=ast.Call() as call) if ast.unparse(call.func) not in SPEAKING:
            yield node, "pass"
        case ast.Continue():
            yield node, "break"
        case ast.Call():
            yield from ((node, _text(changed)) for changed in _of_call(node))
            for argument in node.args:
                if _name(argument) in DRAWN_FROM:
                    yield argument, f"({ast.unparse(argument)} // 2)"
        case ast.JoinedStr():
            words = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
            if not any(" " in word for word in words):
                yield node, ast.unparse(ast.JoinedStr([ast.Constant("XX"), *node.values]))


def _of_constant(value: object, in_function: bool) -> list[str]:
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int | float):
        return [repr(value + 1)]
    if isinstance(value, str) and not (in_function and " " in value):  # a message
        return [repr(f"XX{value}")]
    return []


def _of_call(node: ast.Call) -> Iterator[ast.Call]:
    """Leave out one argument that has a name, so that its default holds; exchange `where`'s two."""
    for place, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in GUARDING:
            rest = node.keywords[:place] + node.keywords[place + 1 :]
            yield ast.Call(node.func, node.args, rest)
    if ast.unparse(node.func).endswith(".where") and len(node.args) == 3:
        test, yes, no = node.args
        yield ast.Call(node.func, [test, no, yes], node.keywords)


def _name(node: ast.AST) -> str:
    """The last word of `seed`, `config.seed` and `state["seed"]`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _text(node: ast.AST) -> str:
    return f"({ast.unparse(node)})"
