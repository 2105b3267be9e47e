"""Conditions on columns: the rows that do not meet one, and why, by Arrow, some rows at a time.

Numbers are compared as 64-bit floats. A null, as NaN, is neither true nor false, as in SQL.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Ints
from finegold.errors import ConfigError
from finegold.selection.where import Condition, column_name, names_of

Values: TypeAlias = Any
"""An Arrow array, or a scalar for all rows."""
Columns: TypeAlias = Mapping[str, Values]

_COMPARE: dict[type[ast.cmpop], Callable[[Values, Values], Values]] = {
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Values, Values], Values]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
}
_AT_ONCE = 65_536
_NEITHER = pa.scalar(None, pa.bool_())


def unmet_rows(condition: Condition, columns: Mapping[str, pa.Array]) -> tuple[Ints, pa.ChunkedArray]:
    """The rows that do not meet a condition, ascending, and why, with their values.

    Args:
        condition: The condition, with a number for each quantile.
        columns: Values of the rows by name, all that the condition names, of one length.

    Raises:
        ConfigError: If a text is compared with a number.
    """
    n = len(next(iter(columns.values())))
    rows, reasons = [np.empty(0, np.int64)], []
    for start in range(0, n, _AT_ONCE):
        found, why = _unmet(condition, {name: one.slice(start, _AT_ONCE) for name, one in columns.items()})
        rows.append(start + found)
        reasons.append(why)
    return np.concatenate(rows), pa.chunked_array(reasons, pa.string())


def _unmet(condition: Condition, columns: Mapping[str, pa.Array]) -> tuple[Ints, pa.Array]:
    left = np.arange(len(next(iter(columns.values()))))
    rows, reasons = [], []
    for part in condition.parts:  # a row that does not meet one is not asked for the next
        here = {name: column.take(pa.array(left)) for name, column in columns.items()}
        truth = _Evaluation(condition.text, here).truth(part)
        if isinstance(truth, pa.Scalar):
            truth = pa.repeat(truth, len(left))
        met = pc.fill_null(truth, False)
        out = pc.invert(met)
        rows.append(left[out.to_numpy(zero_copy_only=False)])
        reasons.append(
            _reasons(part, {name: column.filter(out) for name, column in here.items()}, len(rows[-1]))
        )
        left = left[met.to_numpy(zero_copy_only=False)]
    every = np.concatenate(rows)
    order = np.argsort(every, kind="stable")
    return every[order], pa.concat_arrays(reasons).take(pa.array(order))


def _reasons(part: ast.expr, columns: Mapping[str, pa.Array], n: int) -> pa.Array:
    text = ast.unparse(part)
    pieces: list[str | pa.Array] = []
    for name in sorted(sorted(names_of(part)), key=text.find):
        pieces += [f"{', ' if pieces else ''}{name} is ", _shown_column(columns[name])]
    if n == 0:
        return pa.array([], pa.string())
    found = pc.binary_join_element_wise(*pieces, f", and --where asks for {text}", "")
    return pa.repeat(found, n) if isinstance(found, pa.Scalar) else found.cast(pa.string())


def _shown_column(column: pa.Array) -> pa.Array:
    """The values of a column as `_shown` shows them."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = column.dictionary_encode()
    known = pa.array([_shown(one) for one in coded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(known.take(coded.indices), "missing")


def _shown(value: float | int | str | bool | None) -> str:
    """A value as a reason names it."""
    if value is None or value != value:
        return "missing"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """What expressions come to on some rows: arrays with nulls, or scalars."""

    text: str
    columns: Columns

    def truth(self, node: ast.expr) -> Values:
        """Whether a condition holds: true, false, or null where a missing value leaves it open."""
        match node:
            case ast.BoolOp(op=op, values=values):
                join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
                return reduce(join, map(self.truth, values))
            case ast.UnaryOp(operand=operand):
                return pc.invert(self.truth(operand))
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op]):
                missing = pc.is_null(self.value(left))
                return missing if isinstance(op, ast.Is) else pc.invert(missing)
            case ast.Compare(
                left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[ast.List() | ast.Tuple() as many]
            ):
                equal = [self.compare(ast.Eq, left, one) for one in many.elts]
                inside = reduce(pc.or_kleene, equal, pa.scalar(False))
                return inside if isinstance(op, ast.In) else pc.invert(inside)
            case ast.Compare(left=left, ops=ops, comparators=right):
                pairs = zip(ops, [left, *right], right, strict=False)
                return reduce(pc.and_kleene, (self.compare(type(op), one, other) for op, one, other in pairs))
        raise AssertionError(ast.dump(node))

    def compare(self, op: type[ast.cmpop], left: ast.expr, right: ast.expr) -> Values:
        one, other = self.value(left), self.value(right)
        if _is_text(one) == _is_text(other):
            return _COMPARE[op](one, other)
        both = pc.and_(pc.is_valid(one), pc.is_valid(other))
        named, values = (left, one) if _is_text(one) else (right, other)
        if (value := _first(values, both)) is not None:
            raise ConfigError(
                f"the condition '{self.text}' compares {ast.unparse(left)} with {ast.unparse(right)}, and "
                f"{ast.unparse(named)} is a text ({_shown(value)}): compare texts with texts, and numbers "
                "with numbers"
            )
        return _NEITHER

    def value(self, node: ast.expr) -> Values:
        match node:
            case ast.Constant(value=str() as text):
                return pa.scalar(text, pa.large_string())
            case ast.Constant(value=bool() | int() | float() as number):
                return pa.scalar(_float(number))
            case ast.UnaryOp(op=sign, operand=operand):
                inner = self.number(operand)
                return pc.negate(inner) if isinstance(sign, ast.USub) else inner
            case ast.BinOp(left=left, op=operation, right=right):
                one, other = self.number(left), self.number(right)
                if isinstance(operation, ast.Div):
                    other = _null_where(pc.equal(other, 0.0), other)
                result = _ARITHMETIC[type(operation)](one, other)
                return _null_where(pc.is_nan(result), result)
        name = column_name(node)
        assert name is not None
        found = self.columns[name]
        if _is_text(found):
            return found.cast(pa.large_string())
        found = found.cast(pa.float64())
        return _null_where(pc.is_nan(found), found)

    def number(self, node: ast.expr) -> Values:
        found = self.value(node)
        if not _is_text(found):
            return found
        if (value := _first(found, pc.is_valid(found))) is not None:
            raise ConfigError(
                f"the condition '{self.text}' computes with {ast.unparse(node)}, which is a text "
                f"({_shown(value)}): compute with numbers"
            )
        return pa.scalar(None, pa.float64())


def _is_text(values: Values) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _null_where(mask: Values, values: Values) -> Values:
    return pc.if_else(mask, pa.scalar(None, pa.float64()), values)


def _first(values: Values, where: Values) -> Any:
    """The first value where a mask is true; None if it nowhere is."""
    if isinstance(where, pa.Scalar):
        return values.as_py() if where.as_py() else None
    place = pc.index(where, True).as_py()
    return None if place < 0 else (values if isinstance(values, pa.Scalar) else values[place]).as_py()


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
