"""The budget's JSON Schema, made from the same tables that the reader looks keys up in.

Editors complete and check a budget with it. It is the file `convcalc.schema.json` beside this module,
and what `convcalc schema` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcalc.analysis.metrics import RATIO, SHAPE, SHARE, SIZE, layer_kinds, metric
from convcalc.checks.budget.metrics import COUNT, LOCKED, kind_of
from convcalc.checks.budget.operators import CHECK, CLAIM, EqualSides, Operator
from convcalc.core.quantity import COUNT_PATTERN, SHARE_PATTERN

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_SIZES: Schema = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 4}
_SHAPE: Schema = {"type": "string", "pattern": "^[0-9]+([xX×][0-9]+){0,3}$"}


def schema() -> Schema:
    """The schema of convcalc.toml, and of [tool.convcalc] in pyproject.toml."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "convcalc: what blocks and models may cost",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["check"]}, {"required": ["claim"]}],
        "properties": {
            "check": _entries("check", CHECK, {"spec": "a text, a catalogue entry, or package.module:attribute"}),
            "claim": _entries(
                "claim", CLAIM, {"left": "the network that the claim is about", "right": "the one beside it"}
            ),
            "lock": {"type": "string", "pattern": r"\.lock$", "description": "the baseline; default convcalc.lock"},
            "python-path": {
                "description": "folders to import models from, inside the repository",
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            },
        },
        "$defs": _definitions(),
    }


def _entries(side: str, operators: Mapping[str, Operator], networks: Mapping[str, str]) -> Schema:
    """The array of checks, or of claims."""
    metrics = _metrics(side, operators)
    return {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["name", *networks],
            "additionalProperties": False,
            "anyOf": [{"required": [metric]} for metric in metrics],
            "properties": {
                "name": {**_TEXT, "maxLength": 200, "description": "its own name: the baseline goes by it"},
                **{name: {**_TEXT, "description": summary} for name, summary in networks.items()},
                "input": {
                    "description": "channels x sizes, such as 3x224x224; a list for a model of several inputs",
                    "anyOf": [_TEXT, {"type": "array", "items": _TEXT}],
                },
                "norm": {"type": "string", "description": "a normalisation after every convolution of a text"},
                "bias": {"type": "boolean", "description": "a bias on every convolution of a text"},
                **metrics,
            },
        },
    }


def _metrics(side: str, operators: Mapping[str, Operator]) -> dict[str, Schema]:
    """Every metric as a key, with its operators."""
    limits = {name: _limits(side, name) for name in LOCKED}
    memory = {name.removeprefix("memory."): limits.pop(name) for name in LOCKED if name.startswith("memory.")}
    count: Schema = {"$ref": f"#/$defs/{side}-{COUNT}"}
    layers = {
        "description": metric("layers").meaning,
        "type": "object",
        "minProperties": 1,
        "properties": {**_operators(operators, COUNT), **dict.fromkeys(sorted(layer_kinds()), count)},
        "additionalProperties": count,  # a model's layers have kinds of their own
    }
    return {**limits, "layers": layers, "memory": _table(memory, "elements, not bytes")}


def _limits(side: str, name: str) -> Schema:
    """A metric's table of operators."""
    return {"$ref": f"#/$defs/{side}-{kind_of(metric(name))}", "description": metric(name).meaning}


def _definitions() -> Schema:
    """The tables of operators for each kind of value."""
    return {
        f"{side}-{kind}": _table(_operators(operators, kind))
        for side, operators in (("check", CHECK), ("claim", CLAIM))
        for kind in (COUNT, SHARE, RATIO, SIZE, SHAPE)
    }


def _operators(operators: Mapping[str, Operator], kind: str) -> Schema:
    return {key: _bound(operator, kind) for key, operator in operators.items() if kind in operator.kinds}


def _bound(operator: Operator, kind: str) -> Schema:
    """What may stand behind an operator."""
    described: Schema = {"description": operator.summary}
    if isinstance(operator, EqualSides):
        return {**described, "const": True}
    number = {"type": "number" if kind in (SHARE, RATIO) or not operator.wants_integers else "integer", "minimum": 0}
    may_be_share = operator.takes_percent or kind in (SHARE, RATIO)
    quantity = {"type": "string", "pattern": SHARE_PATTERN if may_be_share else COUNT_PATTERN}
    if not operator.takes_sizes or kind not in (SIZE, SHAPE):
        return {**described, "anyOf": [number, quantity]}
    return {**described, "anyOf": [_SIZES, _SHAPE] + ([number] if kind == SIZE else [])}


def _table(properties: Schema, summary: str = "") -> Schema:
    table = {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": properties}
    return {"description": summary, **table} if summary else table
