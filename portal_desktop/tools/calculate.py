"""Arithmetic for a model: an expression is parsed and walked, never run as code, and cannot take long or grow huge."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from portal_desktop.errors import ToolError
from portal_desktop.messages import JsonObject
from portal_desktop.tools.base import Power, Tool, ToolContext
from portal_desktop.tools.results import object_schema

LONGEST_EXPRESSION = 500
MOST_BITS = 10_000
MOST_ARGUMENTS = 100
_MOST_PLACES = 300

Number: TypeAlias = int | float

_SPELLINGS = str.maketrans({"×": "*", "÷": "/", "−": "-", "·": "*", "π": "pi"})
_CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e, "tau": math.tau})
_OPERATORS: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
    }
)
_FUNCTIONS: Mapping[str, Callable[..., Number]] = MappingProxyType(
    {
        "abs": abs,
        "ceil": math.ceil,
        "cos": math.cos,
        "degrees": math.degrees,
        "exp": math.exp,
        "floor": math.floor,
        "gcd": math.gcd,
        "hypot": math.hypot,
        "log": math.log,
        "log10": math.log10,
        "log2": math.log2,
        "max": max,
        "min": min,
        "radians": math.radians,
        "round": lambda value, places=0: _rounded(value, places),
        "sin": math.sin,
        "sqrt": math.sqrt,
        "sum": lambda *values: sum(values),
        "tan": math.tan,
    }
)


def calculate_tools() -> tuple[Tool, ...]:
    """Return the calculator."""

    async def calculate(arguments: JsonObject, _context: ToolContext) -> object:
        expression = arguments["expression"]
        return {"success": True, "expression": expression, "result": evaluate(expression)}

    return (
        Tool(
            name="calculate",
            description=(
                "Work out an arithmetic expression exactly. Operators + - * / // % ** (also ^) and brackets;"
                f" functions {', '.join(_FUNCTIONS)}; constants pi, e, tau. Angles are in radians."
            ),
            parameters=object_schema(
                {
                    "expression": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": LONGEST_EXPRESSION,
                        "description": "For example (17.5 * 12) / 1.19",
                    }
                },
                required=("expression",),
            ),
            run=calculate,
            title="Calculate",
            done="Calculated",
            powers=frozenset({Power.LOOK}),
            seconds=5.0,
        ),
    )


def evaluate(expression: str) -> str:
    """Return the value of an expression as text.

    Raises:
        ToolError: INVALID_EXPRESSION, or NO_RESULT when it has no real value or one too large.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise _invalid(f"it is longer than {LONGEST_EXPRESSION} characters")
    try:
        tree = ast.parse(expression.translate(_SPELLINGS).replace("^", "**").strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _invalid("it is not arithmetic") from error
    try:
        return _text(_value(tree.body))
    except ZeroDivisionError as error:
        raise ToolError("There is no result: division by zero.", code="NO_RESULT") from error
    except (OverflowError, ValueError) as error:
        raise ToolError("There is no result: no real number, or one too large.", code="NO_RESULT") from error
    except TypeError as error:
        raise _invalid("a function is given the wrong number or kind of arguments") from error
    except RecursionError as error:
        raise _invalid("it is nested too deep") from error


def _invalid(why: str) -> ToolError:
    return ToolError(f"This cannot be calculated: {why}.", code="INVALID_EXPRESSION")


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _checked(number)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _combined(type(sign), _value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            return _called(name, given)
    raise _invalid("only numbers, operators and the named functions are understood")


def _combined(sign: type[ast.operator], left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * abs(right) if sign is ast.Pow else left.bit_length() + right.bit_length()
        if sign in {ast.Pow, ast.Mult} and bits > MOST_BITS:
            raise OverflowError("too large")
    return _checked(_OPERATORS[sign](left, right))


def _called(name: str, given: Sequence[ast.expr]) -> Number:
    if len(given) > MOST_ARGUMENTS:
        raise TypeError("too many arguments")
    return _checked(_FUNCTIONS[name](*(_value(each) for each in given)))


def _rounded(value: Number, places: Number) -> Number:
    if not isinstance(places, int) or abs(places) > _MOST_PLACES:
        raise TypeError("places of a rounding")
    return round(value, places) if places else round(value)


def _checked(value: object) -> Number:
    """Return a real number of reasonable size; a root of a negative number is none."""
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise OverflowError("too large")
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError("no real number")


def _text(value: Number) -> str:
    """Return a number without the noise of binary fractions: 0.1 + 0.2 is 0.3."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return format(value, ".15g")
