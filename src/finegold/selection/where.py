"""Conditions on rows, such as `support > 1 and answer_chars < 2000 and kind != "refusal"`.

A condition is read with Python's grammar, of which a few forms are allowed; nothing is executed. Names are
columns. A value that is missing (null, NaN, a score that was skipped or failed) makes a comparison neither
true nor false, as in SQL, and a row stays only if the condition is true. `support is None` asks for missing
values. `necessity > quantile(necessity, 0.1)` leaves out the lowest tenth.
"""

import ast
import copy
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError

Value: TypeAlias = float | int | str | bool | None
"""A value of a row; None where it has none."""
Row: TypeAlias = Mapping[str, Value]
"""Values of one row by column."""

_COMPARE: dict[type[ast.cmpop], Callable[..., bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FORMS = (
    "names of columns, numbers, texts in quotes, True and False, the signs < <= > >= == != + - * /, the "
    "words and, or, not, in, is None, and quantile(column, share)"
)
_MOST_CHARACTERS = 2000
_AT_ONCE = 65_536


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
        return tuple(sorted(_names(self.tree)))

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
            if (name := _name(side)) is not None
        )

    @cached_property
    def _parts(self) -> list[ast.expr]:
        """Conditions that must all be true, in order."""
        tree = self.tree
        return tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]

    def unmet_rows(self, columns: Mapping[str, pa.Array]) -> tuple[Ints, pa.ChunkedArray]:
        """The rows that do not meet the condition, and why: see `unmet`.

        Args:
            columns: Values of the rows by name, all that `names` has, of one length.
        """
        found: list[int] = []
        reasons: list[pa.Array] = []
        for start in range(0, len(next(iter(columns.values()))), _AT_ONCE):
            values = [column.slice(start, _AT_ONCE).to_pylist() for column in columns.values()]
            unmet = [self.unmet(dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)]
            found += [start + at for at, why in enumerate(unmet) if why is not None]
            reasons.append(pa.array([why for why in unmet if why is not None], pa.string()))
        return np.array(found, np.int64), pa.chunked_array(reasons, pa.string())

    def with_quantiles(self, columns: Mapping[str, Sequence[Value] | pa.Array]) -> "Condition":
        """This condition with a number for each quantile.

        Args:
            columns: Values of the rows by name; missing ones do not count.

        Raises:
            ConfigError: If a column holds texts, or no value.
        """
        return replace(self, tree=_Quantiles(self.text, columns).visit(copy.deepcopy(self.tree)))

    def unmet(self, row: Row) -> str | None:
        """Why a row does not meet the condition, with its values; None if it meets it.

        Raises:
            ConfigError: If a text is compared with a number.
        """
        for part in self._parts:
            if _truth(part, row, self.text) is not True:
                values = ", ".join(
                    f"{name} is {_shown(row[name])}" for name in sorted(_names(part), key=_place(part))
                )
                return f"{values}, and --where asks for {ast.unparse(part)}"
        return None


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
        and (name := _name(node.args[0])) is not None
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
            type(op) in _COMPARE for op in ops
        ):
            children, truths = [left, *right], False
        case ast.Compare(
            left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.List() | ast.Tuple() as many]
        ) if truth:
            children, truths = [left, *many.elts], False
        case ast.BinOp(left=left, op=op, right=right) if not truth and type(op) in _ARITHMETIC:
            children, truths = [left, right], False
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand) if not truth:
            children, truths = [operand], False
        case ast.Constant(value=bool() | int() | float() | str()) if not truth:
            return
        case ast.Call() if not truth and _is_quantile(node):
            return
        case ast.Name() | ast.Attribute() if not truth and _name(node) is not None:
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


def _name(node: ast.expr) -> str | None:
    """A column's name: `support`, or `meta.dataset` for a field in a field; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _name(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
    return None


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Call):
        return {_quantile(node)[0]}
    if isinstance(node, ast.expr) and (name := _name(node)) is not None:
        return {name}
    return {name for child in ast.iter_child_nodes(node) for name in _names(child)}


def _place(part: ast.AST) -> Callable[[str], int]:
    """Sorts names by where they stand."""
    return ast.unparse(part).find


def _sides(node: ast.Compare) -> list[ast.expr]:
    """What a comparison compares; of a list, its items."""
    sides = [node.left, *node.comparators]
    return [
        item for side in sides for item in (side.elts if isinstance(side, ast.List | ast.Tuple) else [side])
    ]


def _compared(node: ast.AST) -> set[str]:
    """Names that a node compares with numbers, or computes with."""
    if isinstance(node, ast.Call):
        return _names(node)
    if isinstance(node, ast.BinOp | ast.UnaryOp) and not isinstance(getattr(node, "op", None), ast.Not):
        return _names(node)
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
    return {name for side in sides if (name := _name(side)) is not None}


def _truth(node: ast.expr, row: Row, text: str) -> bool | None:
    """True, False, or None where a missing value leaves it open."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            found = [_truth(value, row, text) for value in values]
            return False if False in found else None if None in found else True
        case ast.BoolOp(values=values):
            found = [_truth(value, row, text) for value in values]
            return True if True in found else None if None in found else False
        case ast.UnaryOp(operand=operand):
            inner = _truth(operand, row, text)
            return None if inner is None else not inner
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op]):
            return (_value(left, row, text) is None) == isinstance(op, ast.Is)
        case ast.Compare(
            left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.List() | ast.Tuple() as many]
        ):
            equal = [_compare(ast.Eq, left, one, row, text) for one in many.elts]
            inside = True if True in equal else None if None in equal else False
            return inside if inside is None or isinstance(op, ast.In) else not inside
        case ast.Compare(left=left, ops=ops, comparators=right):
            pairs = zip(ops, [left, *right], right, strict=False)
            found = [_compare(type(op), one, other, row, text) for op, one, other in pairs]
            return False if False in found else None if None in found else True
    raise AssertionError(ast.dump(node))


def _compare(op: type[ast.cmpop], left: ast.expr, right: ast.expr, row: Row, text: str) -> bool | None:
    one, other = _value(left, row, text), _value(right, row, text)
    if one is None or other is None:
        return None
    if isinstance(one, str) != isinstance(other, str):
        named = left if isinstance(one, str) else right
        value = one if isinstance(one, str) else other
        raise ConfigError(
            f"the condition '{text}' compares {ast.unparse(left)} with {ast.unparse(right)}, and "
            f"{ast.unparse(named)} is a text ({_shown(value)}): compare texts with texts, and numbers with "
            "numbers"
        )
    return bool(_COMPARE[op](one, other))


def _value(node: ast.expr, row: Row, text: str) -> Value:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.UnaryOp(op=op, operand=operand):
            inner = _number(operand, row, text)
            return None if inner is None else -inner if isinstance(op, ast.USub) else inner
        case ast.BinOp(left=left, op=sign, right=right):
            one, other = _number(left, row, text), _number(right, row, text)
            if one is None or other is None or (isinstance(sign, ast.Div) and other == 0):
                return None
            try:
                result = _ARITHMETIC[type(sign)](one, other)
            except OverflowError:
                return None
            return None if math.isnan(result) else result
    name = _name(node)
    assert name is not None
    found = row[name]
    return None if isinstance(found, float) and math.isnan(found) else found


def _number(node: ast.expr, row: Row, text: str) -> float | None:
    found = _value(node, row, text)
    if isinstance(found, str):
        raise ConfigError(
            f"the condition '{text}' computes with {ast.unparse(node)}, which is a text ({_shown(found)}): "
            "compute with numbers"
        )
    return found


def _shown(value: Value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
