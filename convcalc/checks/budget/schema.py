"""The budget's JSON Schema, made from the same tables that the reader looks keys up in.

Editors complete and check a budget with it. `convcalc schema` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from convcalc.analysis.metrics import METRICS, RATIO, SHAPE, SHARE, SIZE, layer_kinds
from convcalc.checks.claims.claims import VERDICTS
from convcalc.checks.limits import CHECK, CLAIM, COUNT, READING, SIZES, EqualSides, Operator, kind_of
from convcalc.core.quantity import COUNT_PATTERN, SHARE_PATTERN

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {**_TEXT, "maxLength": 200, "description": "its own name: the baseline goes by it"}
_SIZES: Schema = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 4}
_SHAPE: Schema = {"type": "string", "pattern": "^[0-9]+([xX×][0-9]+){0,3}$"}


def _texts(summary: str) -> Schema:
    return {"description": summary, "anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


_READING: Schema = {
    "input": _texts("channels x sizes, such as 3x224x224; a list for a model of several inputs"),
    "norm": {"type": "string", "description": "a normalisation after every convolution of a text; a table limits it"},
    "bias": {"type": "boolean", "description": "a bias on every convolution of a text"},
    "any-input": {"type": "boolean", "description": "allows an input that makes another network of an entry"},
}
"""How a network's text is read."""

_SPEC: Schema = {
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "required": ["spec"],
            "additionalProperties": False,
            "properties": {"spec": _TEXT, **_READING},
        },
    ]
}
_HOLDS = _texts("what is true: one statement or a list of them")


def _any(values: Schema, summary: str) -> Schema:
    return {"type": "object", "description": summary, "additionalProperties": values}


def _general(summary: str) -> Schema:
    cases = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
    return {
        "type": "object",
        "description": summary,
        "required": ["holds"],
        "additionalProperties": False,
        "properties": {"for": cases, "holds": _HOLDS, "says": {"type": "string"}},
    }


def _array(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": item}


def schema() -> Schema:
    """The schema of convcalc.toml, and of [tool.convcalc] in pyproject.toml."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "convcalc: what blocks and models may cost",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["check"]}, {"required": ["claim"]}],
        "properties": {
            "check": _array(_check()),
            "claim": _array(_claim()),
            "article": _table({key: {"type": "string"} for key in ("name", "title", "source")}),
            "lock": {"type": "string", "pattern": r"\.lock$", "description": "the baseline; default convcalc.lock"},
            "python-path": _texts("folders to import models from, inside the repository"),
            "plugins": _texts("modules that add metrics; imported only with --allow-import"),
        },
        "$defs": _definitions(),
    }


def _check() -> Schema:
    metrics = _metrics("check", CHECK)
    spec = {**_TEXT, "description": "a text, a catalogue entry, or package.module:attribute"}
    return {
        "type": "object",
        "required": ["name", "spec"],
        "additionalProperties": False,
        "anyOf": _limited(metrics),
        "properties": {"name": _NAME, "spec": spec, **_READING, **metrics},
    }


def _claim() -> Schema:
    """Two sides with limits between them, or statements in the language of claims, or both."""
    metrics = _metrics("claim", CLAIM)
    statements = ("specs", "figures", "holds", "generally", "outside")
    between = {"required": ["left", "right"], "anyOf": _limited(metrics)}
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "anyOf": [between, *({"required": ["says", key]} for key in statements)],
        "dependentRequired": {"left": ["right"], "right": ["left"]},
        "properties": {
            "name": _NAME,
            "says": {**_TEXT, "description": "the claim in words"},
            "article": {"type": "string", "description": "where it comes from"},
            "expected": {"enum": list(VERDICTS), "description": "the verdict that is expected"},
            "why": {"type": "string", "description": "an explanation; {figure} is filled in"},
            "outside": {"type": "string", "description": "why nothing of it can be computed"},
            "left": {**_TEXT, "description": "the network that the claim is about"},
            "right": {**_TEXT, "description": "the one beside it"},
            "specs": _any(_SPEC, "networks by name; {n} in a text is filled from where and for"),
            "where": _any({"type": ["string", "number", "boolean"]}, "values of the set-up that it is stated for"),
            "figures": _any(_TEXT, "what is computed: expressions over specs, values and other figures"),
            "stated": _any({"type": ["string", "number", "boolean", "array"]}, "what is stated of figures"),
            "holds": _HOLDS,
            "generally": _general("what is said of all these cases"),
            "only": _general("a condition under which it is true after all"),
            **_READING,
            **metrics,
        },
    }


def _limited(metrics: Iterable[str]) -> list[Schema]:
    """That at least one metric is limited: a table, where the same key may also say how a text is read."""
    return [{"required": [key], "properties": {key: {"type": "object"}}} for key in metrics]


def _metrics(side: str, operators: Mapping[str, Operator]) -> dict[str, Schema]:
    """Every metric as a key: a table of operators, in one table for each part of its name."""
    tree: dict[str, Schema] = {}
    for metric in METRICS.values():
        reference: Schema = {"$ref": f"#/$defs/{side}-{kind_of(metric)}", "description": metric.meaning}
        for name in filter(None, (metric.name, metric.short)):
            *outer, last = name.split(".")
            properties = tree
            for part in outer:
                properties = properties.setdefault(part, _table({}))["properties"]
            properties[last] = reference
    count: Schema = {"$ref": f"#/$defs/{side}-{COUNT}"}
    for name in READING:
        if name in tree:
            tree[name] = {**_READING[name], "anyOf": [{"type": _READING[name]["type"]}, tree[name]]}
            del tree[name]["type"]
    return {
        **tree,
        "layers": {
            "description": METRICS["layers"].meaning,
            "type": "object",
            "minProperties": 1,
            "properties": {**_operators(operators, COUNT), **dict.fromkeys(sorted(layer_kinds()), count)},
            "additionalProperties": count,  # a model's layers have kinds of their own
        },
    }


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
    """What may stand after an operator."""
    described: Schema = {"description": operator.summary}
    if isinstance(operator, EqualSides):
        return {**described, "const": True}
    least = "exclusiveMinimum" if operator.never_fails(0, kind) else "minimum"
    number = {"type": "number" if kind in (SHARE, RATIO) or not operator.wants_integers else "integer", least: 0}
    may_be_share = operator.takes_percent or kind in (SHARE, RATIO)
    quantity = {"type": "string", "pattern": SHARE_PATTERN if may_be_share else COUNT_PATTERN}
    if not operator.takes_sizes or kind not in SIZES:
        return {**described, "anyOf": [number, quantity]}
    return {**described, "anyOf": [_SIZES, _SHAPE] + ([number] if kind == SIZE else [])}


def _table(properties: Schema, summary: str = "") -> Schema:
    table = {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": properties}
    return {"description": summary, **table} if summary else table
