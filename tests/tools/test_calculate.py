"""The calculator: right, and neither code nor endless."""

from __future__ import annotations

import time

import pytest

from portal_desktop.errors import ToolError
from portal_desktop.tools.calculate import LONGEST_EXPRESSION, evaluate
from tests.support.pace import allowed
from tests.tools.conftest import Ask


@pytest.mark.spec("T-25")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("0.1 + 0.2", "0.3"),
        ("(17.5 * 12) / 1.19", "176.470588235294"),
        ("2 ** 10", "1024"),
        ("2^10", "1024"),
        ("-2 ** 2", "-4"),
        ("7 // 2", "3"),
        ("7 % 3", "1"),
        ("10 / 4", "2.5"),
        ("10 / 5", "2"),
        ("3 × 4 ÷ 2 − 1", "5"),
        ("sqrt(2) ** 2", "2"),
        ("round(2.567, 2)", "2.57"),
        ("round(2.5)", "2"),
        ("max(1, 2, 3) + min(4, 5)", "7"),
        ("sum(1, 2, 3)", "6"),
        ("sin(pi / 2)", "1"),
        ("2 * π", "6.28318530717959"),
        ("log(e)", "1"),
        ("abs(-5)", "5"),
        ("+5", "5"),
        ("1e3", "1000"),
        ("123456789 * 987654321", "121932631112635269"),
        ("2 ** 200", str(2**200)),
        ("gcd(12, 18)", "6"),
        ("1_000 + 1", "1001"),
        ("10 ** -2", "0.01"),
    ],
)
def test_calculate_expression_has_its_value(expression: str, expected: str) -> None:
    assert evaluate(expression) == expected


HOSTILE = [
    "9 ** 9 ** 9",
    "10 ** 100000",
    "2 ** 99999999999",
    "2 ** -99999999999",
    "(2 ** 9000) * (2 ** 9000)",
    "9.9 ** 99999",
    "exp(1000000)",
    "round(5, -99999999999)",
    "round(10 ** 300, 10 ** 9)",
    "1e308 * 10",
    "1e999",
    "1 / 0",
    "0 ** -1",
    "5 % 0",
    "sqrt(-1)",
    "(-8) ** 0.5",
    "log(0)",
    "(" * 250 + "1" + ")" * 249,
    "__import__('os').system('true')",
    "open('/etc/passwd')",
    "().__class__.__bases__",
    "[1 for _ in range(10 ** 9)]",
    "lambda: 1",
    "'a' * 10 ** 9",
    "True + 1",
    "1 if 1 else 2",
    "1 < 2",
    "x + 1",
    "a := 5",
    "f'{1}'",
    "1; 2",
    "1 +",
    "sqrt",
    "sqrt()",
    "sqrt(1, 2)",
    "sqrt(x=1)",
    "sqrt(*[1])",
    "gcd(1.5, 2)",
    "max()",
    "max(1)",
    "1 << 100000",
    "~5",
    "5 @ 5",
    "1j * 2",
    "None",
    "...",
    "",
    " ",
    "\u0000",
    "1\n2",
    "1" * LONGEST_EXPRESSION + "1",
    "max(" + "1," * 120 + "1)",
]


@pytest.mark.parametrize("expression", HOSTILE)
def test_calculate_hostile_or_senseless_expression_is_refused_fast(expression: str) -> None:
    start = time.thread_time()
    with pytest.raises(ToolError) as caught:
        evaluate(expression)
    assert caught.value.code in {"INVALID_EXPRESSION", "NO_RESULT"}
    assert time.thread_time() - start < allowed(0.05)


@pytest.mark.spec("T-25")
async def test_calculate_tool_answers_with_the_result(ask: Ask) -> None:
    _, answer = await ask("calculate", expression="6 * 7")
    assert answer == {"success": True, "expression": "6 * 7", "result": "42"}


@pytest.mark.spec("S-32", "T-25")
async def test_calculate_tool_given_malformed_arguments_calculates_nothing(ask: Ask) -> None:
    wrong: list[dict[str, object]] = [{"expression": text} for text in HOSTILE]
    wrong += [{}, {"expression": None}, {"expression": ["1"]}, {"expression": {}}, {"expression": True}]
    wrong += [{"expr": "1"}, {"expression": "1", "precision": 3}, {"expression": "1", "user_id": 1}]
    for arguments in wrong:
        result, answer = await ask("calculate", **arguments)
        assert not result.ok, arguments
        assert answer["error"] in {"VALIDATION_ERROR", "INVALID_EXPRESSION", "NO_RESULT"}
