"""Conditions on rows, such as `support > 1 and answer_chars < 2000 and kind != "refusal"`.

A condition is read with Python's grammar, of which a few forms are allowed; nothing is executed. Names are
columns. A value that is missing (null, NaN, a score that was skipped or failed) makes a comparison neither
true nor false, as in SQL, and a row stays only if the condition is true. `support is None` asks for missing
values. `necessity > quantile(necessity, 0.1)` leaves out the lowest tenth.
"""

import ast
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from finegold.arrays import Floats
from finegold.errors import ConfigError

Value: TypeAlias = float | int | str | bool | None
"""A value of a row; None where it has none."""

_COMPARE = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_FORMS = (
    "names of columns, numbers, texts in quotes, True and False, the signs < <= > >= == != + - * /, the "
    "words and, or, not, in, is None, and quantile(column, share)"
)
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Condition:
    """A condition on rows, read and checked.

    Attributes:
        text: As it was written.
        tree: Its expression.
    """

    text: str
    tree: ast.expr

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition.

        Raises:
            ConfigError: If it cannot be read, or has a form that is not allowed.
        """
        if len(text) > _MOST_CHARACTERS:
            raise ConfigError(
                f"the condition of --where has {len(text):,} characters, expected at most "
                f"{_MOST_CHARACTERS:,}: name ids with --exclude instead"
            )
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            sign = ": write == to compare" if "=" in text and "==" not in text else ""
            raise _unreadable(text, f"{why}{sign}") from None
        _check(tree, text)
        found = cls(text.strip(), tree)
        if not isinstance(tree, ast.BoolOp | ast.Compare) and not _is_not(tree):
            raise _unreadable(text, "it compares nothing")
        if not found.names:
            raise _unreadable(text, "it names no column")
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that it reads, sorted."""
        return tuple(sorted(names_of(self.tree)))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Names of the columns that it compares with numbers, or computes with."""
        return frozenset(name for node in ast.walk(self.tree) for name in _compared(node))

    @cached_property
    def flags(self) -> frozenset[str]:
        """Names of the columns that it compares with True or False."""
        return frozenset(
            name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Compare)
            and any(isinstance(one, ast.Constant) and isinstance(one.value, bool) for one in _sides(node))
            for side in _sides(node)
            if (name := column_name(side)) is not None
        )

    @cached_property
    def parts(self) -> list[ast.expr]:
        """Conditions that must all be true, in order."""
        tree = self.tree
        return tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]

    def with_quantiles(self, columns: Mapping[str, Sequence[Value] | pa.Array]) -> "Condition":
        """This condition with a number for each quantile.

        Args:
            columns: Values of the rows by name; missing ones do not count.

        Raises:
            ConfigError: If a column holds texts, or no value.
        """
        return replace(self, tree=_Quantiles(self.text, columns).visit(copy.deepcopy(self.tree)))


class _Quantiles(ast.NodeTransformer):
    """Puts a number for each `quantile(column, share)`: NumPy's, linear between two values."""

    def __init__(self, text: str, columns: Mapping[str, Sequence[Value] | pa.Array]) -> None:
        self._text, self._columns = text, columns

    def visit_Call(self, node: ast.Call) -> ast.Constant:
        """The number of a quantile."""
        name, share = _quantile(node)
        values = _known_numbers(self._columns[name])
        if values is None or not len(values):
            has = "holds texts" if values is None else "has no value in any row"
            raise ConfigError(
                f"the condition '{self._text}' asks for a quantile of '{name}', which {has}: name a column "
                "of numbers"
            )
        return ast.Constant(float(np.quantile(values, share)))


def _known_numbers(column: Sequence[Value] | pa.Array) -> Floats | None:
    """The numbers of a column that are not missing; None if it holds texts."""
    if not isinstance(column, pa.Array | pa.ChunkedArray):
        known = [one for one in column if one is not None]
        if not all(isinstance(one, int | float) for one in known):
            return None
        column = pa.array(known, pa.float64())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return None if len(column) > column.null_count else np.empty(0)
    values: Floats = column.drop_null().cast(pa.float64()).to_numpy()
    return values[~np.isnan(values)]


def _quantile(node: ast.expr) -> tuple[str, float]:
    """Column and share of a call of `quantile`; raises ValueError for anything else."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "quantile"
        and len(node.args) == 2
        and not node.keywords
        and (name := column_name(node.args[0])) is not None
        and isinstance(node.args[1], ast.Constant)
        and type(share := node.args[1].value) in (int, float)
        and isinstance(share, int | float)
        and 0 <= share <= 1
    ):
        return name, float(share)
    raise ValueError(ast.unparse(node))


def _is_quantile(node: ast.expr) -> bool:
    try:
        _quantile(node)
    except ValueError:
        return False
    return True


def _unreadable(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"the condition '{text}' cannot be read ({why}): write it as support > 1 and kind != \"refusal\""
    )


def _is_not(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _check(node: ast.expr, text: str, *, truth: bool = True) -> None:
    """Refuse every form that is not allowed; `truth` where a condition stands rather than a value."""
    match node:
        case ast.BoolOp(values=values) if truth:
            children, truths = values, True
        case ast.UnaryOp(op=ast.Not(), operand=operand) if truth:
            children, truths = [operand], True
        case ast.Compare(left=left, comparators=[ast.Constant(value=None)], ops=[ast.Is() | ast.IsNot()]) if (
            truth
        ):
            children, truths = [left], False
        case ast.Compare(left=left, ops=ops, comparators=right) if truth and all(
            isinstance(op, _COMPARE) for op in ops
        ):
            children, truths = [left, *right], False
        case ast.Compare(
            left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.List() | ast.Tuple() as many]
        ) if truth:
            children, truths = [left, *many.elts], False
        case ast.BinOp(left=left, op=op, right=right) if not truth and isinstance(op, _ARITHMETIC):
            children, truths = [left, right], False
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand) if not truth:
            children, truths = [operand], False
        case ast.Constant(value=bool() | int() | float() | str()) if not truth:
            return
        case ast.Call() if not truth and _is_quantile(node):
            return
        case ast.Name() | ast.Attribute() if not truth and column_name(node) is not None:
            return
        case ast.Call() if not truth:
            raise ConfigError(
                f"the condition '{text}' holds `{ast.unparse(node)}`, and the only function of --where is "
                "quantile: write a column and a share from 0 to 1, as in quantile(necessity, 0.1)"
            )
        case _:
            raise ConfigError(
                f"the condition '{text}' holds `{ast.unparse(node)}`, which is no "
                f"{'comparison' if truth else 'value'} that --where knows: it takes {_FORMS}"
            )
    for child in children:
        _check(child, text, truth=truths)


def column_name(node: ast.expr) -> str | None:
    """A column's name: `support`, or `meta.dataset` for a field in a field; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = column_name(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def names_of(node: ast.AST) -> set[str]:
    """Names of the columns in an expression."""
    if isinstance(node, ast.Call):
        return {_quantile(node)[0]}
    if isinstance(node, ast.expr) and (name := column_name(node)) is not None:
        return {name}
    return {name for child in ast.iter_child_nodes(node) for name in names_of(child)}


def _sides(node: ast.Compare) -> list[ast.expr]:
    """What a comparison compares; of a list, its items."""
    sides = [node.left, *node.comparators]
    return [
        item for side in sides for item in (side.elts if isinstance(side, ast.List | ast.Tuple) else [side])
    ]


def _compared(node: ast.AST) -> set[str]:
    """Names that a node compares with numbers, or computes with."""
    if isinstance(node, ast.Call):
        return names_of(node)
    if isinstance(node, ast.BinOp | ast.UnaryOp) and not isinstance(getattr(node, "op", None), ast.Not):
        return names_of(node)
    if not isinstance(node, ast.Compare):
        return set()
    sides = [node.left, *node.comparators]
    constants = [
        one.value
        for side in sides
        for one in ast.walk(side)
        if isinstance(one, ast.Constant) and one.value is not None and not isinstance(one.value, bool)
    ]
    if not constants or not all(isinstance(one, int | float) for one in constants):
        return set()
    return {name for side in sides if (name := column_name(side)) is not None}
