"""Conditions on rows: what is let through, what is refused."""

import ast
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.errors import ConfigError
from finegold.selection.unmet import unmet_rows
from finegold.selection.where import Condition, Value

ROW: dict[str, Value] = {
    "support": 2.0,
    "kind": "vqa",
    "n": 3,
    "gone": None,
    "nan": float("nan"),
    "meta.set": "easy",
}


def why_unmet(condition: Condition, row: Mapping[str, Value]) -> str | None:
    """Why one row does not meet a condition; None if it does."""
    rows, reasons = unmet_rows(condition, {name: pa.array([row[name]]) for name in condition.names})
    assert rows.tolist() == [0] * len(reasons)
    return reasons.to_pylist()[0] if len(reasons) else None


@pytest.mark.parametrize(
    "text",
    [
        "support > 1",
        "1 < support <= 2",
        'kind == "vqa" and n >= 3',
        "kind in ('vqa', \"caption\")",
        "kind not in ['caption']",
        "not kind == 'caption'",
        "support * 2 - 1 == n",
        "meta.set == 'easy'",
        "gone is None and support is not None and nan is None",
        "gone > 1 or support > 1",
        "-support < 0",
    ],
)
def test_a_row_that_meets_the_condition_stays(text: str) -> None:
    assert why_unmet(Condition.parse(text), ROW) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("support > 3", "support is 2, and --where asks for support > 3"),
        ("n > 1 and kind != 'vqa'", "kind is 'vqa', and --where asks for kind != 'vqa'"),
        ("gone > 1", "gone is missing, and --where asks for gone > 1"),
        ("not nan > 1", "nan is missing, and --where asks for not nan > 1"),
        ("gone in (1, 2)", "gone is missing"),
        ("gone not in (1, 2)", "gone is missing"),
        ("n / gone > 1", "n is 3, gone is missing"),
        ("n / (support - 2) > 0", "n is 3, support is 2"),
    ],
)
def test_the_reason_names_the_value(text: str, reason: str) -> None:
    found = why_unmet(Condition.parse(text), ROW)
    assert found is not None
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "support.__class__()",
        "(lambda: 1)() > 0",
        "[x for x in kind] == 1",
        "kind[0] == 'v'",
        "f'{kind}' == 'vqa'",
        "support ** 99999999 > 1",
        "support if n else kind",
        "support = 1",
        "support >",
        "support",
        "'kind'",
        "1 < 2",
        "support > 1 and n",
        "n << 3 > 1",
        "(support > 1) + 1 > 1",
        "kind in 'vqa'",
        "(x := 3) > 1",
        "",
        "(" * 500,
        "n > 1 " + "and n > 1 " * 1000,
        "n > 1j",
        "kind == b'vqa'",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="condition"):
        Condition.parse(text)


@pytest.mark.parametrize("text", ["kind > 3", "support == 'two'", "kind + 1 > 2", "kind in (1, 2)"])
def test_texts_and_numbers_are_not_compared(text: str) -> None:
    with pytest.raises(ConfigError, match="is a text"):
        why_unmet(Condition.parse(text), ROW)


def test_it_names_its_columns() -> None:
    found = Condition.parse("support > 1 and (meta.set == 'x' or meta.year < 3)")
    assert found.names == ("meta.set", "meta.year", "support")
    assert found.numbers == {"support", "meta.year"}


def test_a_quantile_is_a_number_of_the_column() -> None:
    found = Condition.parse("support > quantile(support, 0.25) and meta.set == 'x'")
    assert found.names == ("meta.set", "support")
    assert found.numbers == {"support"}
    columns: dict[str, list[Value]] = {"support": [3.0, None, 1, float("nan"), 2.0, 4.0, 0], "meta.set": []}
    cut = found.with_quantiles(columns)
    assert why_unmet(cut, {"support": 2.0, "meta.set": "x"}) is None
    assert (
        why_unmet(cut, {"support": 1.0, "meta.set": "x"})
        == "support is 1, and --where asks for support > 1.0"
    )
    assert found.text == cut.text
    both = Condition.parse("quantile(a.b, 0) + 1 < a.b <= quantile(a.b, 1)").with_quantiles(
        {"a.b": [0, 1, 2]}
    )
    assert [why_unmet(both, {"a.b": value}) is None for value in (0, 1, 2)] == [False, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "support > quantile(support)",
        "support > quantile(support, 1.1)",
        "support > quantile(support, True)",
        "support > quantile(support, q=0.1)",
        "support > quantile(support + 1, 0.1)",
        "support > quantile('support', 0.1)",
        "support > median(support)",
        "quantile(support, 0.1)",
    ],
)
def test_what_is_no_quantile_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"a share from 0 to 1, as in quantile|is no comparison"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("values", "why"), [(["a", "b"], "which holds texts"), ([None, float("nan")], "has no value in any row")]
)
def test_a_quantile_of_no_numbers_is_told(values: list[Value], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Condition.parse("support > quantile(support, 0.5)").with_quantiles({"support": values})


@given(st.text(alphabet="ab<>=!()'\"0123 .+-*/andorti,[]", max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        why_unmet(Condition.parse(text), dict.fromkeys(Condition.parse(text).names, 1.0))
    except ConfigError:
        return


COLUMNS: dict[str, list[Value]] = {
    "n": [0, 1, 2, -3, None, 7, 2, 0],
    "x": [0.5, float("nan"), None, 1e308, -0.0, 2.0, float("inf"), 1234567.5],
    "t": ["a", "b", None, "ä", "it's", "a" * 70, "", "b"],
    "u": ["b", "b", "a", None, "it's", "z", "", "b"],
    "b": [True, False, None, True, False, True, True, False],
}


def expressions() -> st.SearchStrategy[str]:
    numbers = st.recursive(
        st.sampled_from(["n", "x", "b", "0", "2", "0.5", "-1e308", "True"]),
        lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        max_leaves=3,
    )
    texts = st.sampled_from(["t", "u", "'a'", "'b'", "''"])
    sign = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    compared = st.one_of(
        st.builds("{} {} {}".format, numbers, sign, numbers),
        st.builds("{} {} {} {} {}".format, numbers, sign, numbers, sign, numbers),
        st.builds("{} {} {}".format, texts, sign, texts),
        st.builds(
            "{} {} {}".format, st.sampled_from("nxtub"), st.sampled_from(["is", "is not"]), st.just("None")
        ),
        st.builds("{} {} [{}, {}]".format, numbers, st.sampled_from(["in", "not in"]), numbers, numbers),
        st.builds("{} {} ({}, 'a')".format, texts, st.sampled_from(["in", "not in"]), texts),
        st.builds("{} in []".format, texts),
    )
    return st.recursive(
        compared,
        lambda inner: st.one_of(
            st.builds("({} and {})".format, inner, inner),
            st.builds("({} or {} or {})".format, inner, inner, inner),
            st.builds("(not {})".format, inner),
        ),
        max_leaves=5,
    )


def by_python(text: str, row: Mapping[str, Value]) -> bool | None:
    """What Python makes of a condition, with SQL's rule for missing values."""

    class Logic(ast.NodeTransformer):
        """Python's own operators would take None for false."""

        def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
            name = "every" if isinstance(node.op, ast.And) else "some"
            return ast.Call(ast.Name(name, ast.Load()), [self.visit(one) for one in node.values], [])

        def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
            if not isinstance(node.op, ast.Not):
                return ast.Call(ast.Name("minus", ast.Load()), [self.visit(node.operand)], [])
            return ast.Call(ast.Name("negated", ast.Load()), [self.visit(node.operand)], [])

        def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
            sign = ast.Constant(type(node.op).__name__)
            return ast.Call(
                ast.Name("computed", ast.Load()), [sign, *map(self.visit, (node.left, node.right))], []
            )

        def visit_Compare(self, node: ast.Compare) -> ast.expr:
            sides = [self.visit(one) for one in (node.left, *node.comparators)]
            calls: list[ast.expr] = [
                ast.Call(ast.Name("compared", ast.Load()), [ast.Constant(type(op).__name__), *pair], [])
                for op, *pair in zip(node.ops, sides, sides[1:], strict=False)
            ]
            return ast.Call(ast.Name("every", ast.Load()), calls, [])

    def every(*found: bool | None) -> bool | None:
        return False if False in found else None if None in found else True

    def some(*found: bool | None) -> bool | None:
        return True if True in found else None if None in found else False

    def negated(found: bool | None) -> bool | None:
        return None if found is None else not found

    def computed(name: str, one: float | None, other: float | None) -> float | None:
        if one is None or other is None or (name == "Div" and other == 0):
            return None
        signs = {"Add": operator.add, "Sub": operator.sub, "Mult": operator.mul, "Div": operator.truediv}
        result = signs[name](one, other)
        return None if result != result else float(result)

    def compared(name: str, one: Any, other: Any) -> bool | None:
        if name in ("Is", "IsNot"):
            return (one is None) == (name == "Is")
        if name in ("In", "NotIn"):
            inside = some(*(compared("Eq", one, each) for each in other))
            return inside if name == "In" else negated(inside)
        if one is None or other is None:
            return None
        signs = {"Lt": "lt", "LtE": "le", "Gt": "gt", "GtE": "ge", "Eq": "eq", "NotEq": "ne"}
        return bool(getattr(operator, signs[name])(one, other))

    tree = ast.fix_missing_locations(Logic().visit(ast.parse(text, mode="eval")))
    known: dict[str, Any] = {name: None if value != value else value for name, value in row.items()}
    known |= {"every": every, "some": some, "negated": negated, "computed": computed, "compared": compared}
    known["minus"] = lambda value: None if value is None else -value
    found: bool | None = eval(compile(tree, "condition", "eval"), {"__builtins__": {}}, known)
    return found


@given(expressions())
def test_columns_give_what_python_gives_row_by_row(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ConfigError:  # it names no column
        return
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*COLUMNS.values(), strict=True)]

    found, reasons = unmet_rows(condition, {name: pa.array(COLUMNS[name]) for name in condition.names})

    assert found.tolist() == [at for at, row in enumerate(rows) if by_python(text, row) is not True]
    for at, reason in zip(found, reasons.to_pylist(), strict=True):
        part = next(one for one in condition.parts if by_python(ast.unparse(one), rows[at]) is not True)
        assert reason.endswith(f", and --where asks for {ast.unparse(part)}")
        assert reason == why_unmet(condition, rows[at])


def test_rows_are_found_beyond_those_that_are_looked_at_at_once() -> None:
    values = np.arange(150_000)
    found, reasons = unmet_rows(Condition.parse("n < 140000 and n != 7"), {"n": pa.array(values)})
    assert found.tolist() == [7, *range(140_000, 150_000)]
    assert reasons[-1].as_py() == "n is 149999, and --where asks for n < 140000"
    assert reasons[0].as_py() == "n is 7, and --where asks for n != 7"
