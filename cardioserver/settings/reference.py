"""The tables of ``docs/configuration.md``, made from the models so that they cannot differ.

``python -m cardioserver.settings.reference`` prints them.
"""

from __future__ import annotations

import json
from typing import Any

from cardioserver.settings.config import Config, ExporterSettings
from cardioserver.settings.explain import allowed, node_at

Json = dict[str, Any]


def tables() -> str:
    """All groups as Markdown."""
    schema = Config.model_json_schema()
    groups = [name for name in schema["properties"] if name not in ("data", "exporters")]
    parts = ["## The file\n\n" + _table(schema, (), ["data"])]
    parts += [_group(schema, name) for name in groups]
    parts.append(_exporters(schema))
    return "\n\n".join(parts) + "\n"


def _group(schema: Json, name: str) -> str:
    about = node_at((name,), schema)
    return f"## `{name}`\n\n{about['description']}\n\n" + _table(schema, (name,), list(about["properties"]))


def _exporters(schema: Json) -> str:
    place = ("exporters", 0)
    return "## `exporters`\n\nA list; each item is one system that receives documents.\n\n" + _table(
        schema, place, list(ExporterSettings.model_fields)
    )


def _table(schema: Json, place: tuple[str | int, ...], keys: list[str]) -> str:
    rows = [_row(key, node_at((*place, key), schema)) for key in keys]
    return "\n".join(["| key | default | allowed | |", "|---|---|---|---|", *rows])


def _row(key: str, node: Json) -> str:
    given = node.get("default")
    default = "–" if given is None or given == [] else f"`{json.dumps(given)}`"
    return f"| `{key}` | {default} | {_allowed(node)} | {node.get('description', '')} |"


def _allowed(node: Json) -> str:
    return allowed(node).en.removeprefix("allowed is ").replace("|", "\\|")


if __name__ == "__main__":
    print(tables(), end="")
