"""What pydantic found wrong, said in the terms of the file."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from cardioserver.language import Phrase
from cardioserver.settings.config import Config
from cardioserver.settings.errors import Problem

Json = dict[str, Any]
Place = tuple[str | int, ...]


def explain(error: ValidationError, document: Json, group: type[BaseModel] = Config) -> tuple[Problem, ...]:
    """Every error as a :class:`Problem`, in the order of the file's groups.

    Parameters
    ----------
    error
        From validating *document* as a *group*.
    document
        The file's content, for the values.
    """
    schema = group.model_json_schema()
    problems = []
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        place: Place = entry["loc"]
        if entry["type"] == "extra_forbidden":
            problems.append(Problem(json_path(place), None, _unknown_key(place, schema)))
        elif entry["type"] == "missing":
            problems.append(Problem(json_path(place), None, _missing(node_at(place, schema))))
        else:
            node = node_at(place, schema)
            value = None if node.get("secret") else _shown(place, document)
            problems.append(Problem(json_path(place), value, allowed(node)))
    return tuple(problems)


def json_path(place: Place) -> str:
    """``("exporters", 0, "type")`` as ``exporters[0].type``."""
    path = ""
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def node_at(place: Place, schema: Json) -> Json:
    """The JSON schema of one place, references and "or null" resolved."""
    node = schema
    for step in place:
        node = _resolved(node, schema)
        if isinstance(step, int):
            node = node.get("items", {})
        else:
            inside = node.get("properties", {}).get(step)
            # Below a free-form object (an exporter's options) there is no schema, only the secrecy.
            node = {"secret": node.get("secret", False)} if inside is None else inside
    return _resolved(node, schema)


def allowed(node: Json) -> Phrase:
    """What a place of this schema accepts."""
    if "enum" in node:
        values = ", ".join(json.dumps(value) for value in node["enum"])
        return Phrase(f"allowed is one of {values}", f"допустимо одно из {values}")
    kind = node.get("type")
    if kind in ("integer", "number"):
        return _number(node, whole=kind == "integer")
    if kind == "string":
        return _text(node)
    if kind == "boolean":
        return Phrase("allowed is true or false", "допустимо true или false")
    if kind == "array":
        inner = allowed(node.get("items", {}))
        return Phrase(
            f"allowed is a list; of each item {inner.en}", f"допустим список; для элемента {inner.ru}"
        )
    return Phrase("allowed is an object, {…}", "допустим объект, {…}")


def _number(node: Json, *, whole: bool) -> Phrase:
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum")
    en, ru = ("a whole number", "целое число") if whole else ("a number", "число")
    if low is not None:
        above_en, above_ru = ("above", "больше") if "exclusiveMinimum" in node else ("from", "от")
        en, ru = f"{en} {above_en} {low}", f"{ru} {above_ru} {low}"
    if high is not None:
        en, ru = f"{en} to {high}", f"{ru} до {high}"
    return Phrase(f"allowed is {en}", f"допустимо {ru}")


def _text(node: Json) -> Phrase:
    low, high = node.get("minLength", 0), node.get("maxLength")
    en, ru = ("a path", "путь") if node.get("format") == "path" else ("a text", "текст")
    if low or high:
        span = f"{low}–{high}" if high else f"{low}+"
        en, ru = f"{en} of {span} characters", f"{ru} из {span} символов"
    if "pattern" in node:
        en, ru = f"{en} matching {node['pattern']}", f"{ru} вида {node['pattern']}"
    return Phrase(f"allowed is {en}", f"допустим {ru}")


def _missing(node: Json) -> Phrase:
    what = allowed(node)
    return Phrase(f"missing; {what.en}", f"не указано; {what.ru}")


def _unknown_key(place: Place, schema: Json) -> Phrase:
    key = str(place[-1])
    known = sorted(node_at(place[:-1], schema).get("properties", {}))
    near = get_close_matches(key.lower(), known, n=1)
    if near:
        return Phrase(
            f"unknown key; did you mean `{near[0]}`?", f"неизвестный ключ; может быть, `{near[0]}`?"
        )
    names = ", ".join(known)
    return Phrase(f"unknown key; allowed are {names}", f"неизвестный ключ; допустимы {names}")


def _resolved(node: Json, schema: Json) -> Json:
    """*node* with its reference followed, keeping what stands beside it (the secrecy mark)."""
    choices = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        beside = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved(beside | choices[0], schema)
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target: Json = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return _resolved(beside | target, schema)
    return node


def _shown(place: Place, document: Json) -> str:
    """The value at *place* as JSON, shortened; containers only by their kind (they may hold secrets)."""
    value: Any = document
    for step in place:
        value = value[step]
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return "[…]"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
