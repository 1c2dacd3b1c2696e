"""The exporters of a configuration, found by their entry points."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from cardioserver.integration.exporter import Exporter
from cardioserver.language import Phrase
from cardioserver.settings import ConfigError, ExporterSettings, Problem

GROUP = "cardioserver.exporters"
"""Entry-point group in which packages offer exporters."""

Factory = Callable[[str, Mapping[str, Any]], Exporter]


def load_exporters(settings: Iterable[ExporterSettings]) -> tuple[Exporter, ...]:
    """Make the exporters of a configuration, in its order.

    Raises
    ------
    ConfigError
        Types that no installed package offers or that cannot be loaded, and options that exporters cannot
        work with: all of them, not only the first.
    """
    exporters: list[Exporter] = []
    problems: list[Problem] = []
    for number, one in enumerate(settings):
        place = f"exporters[{number}]"
        try:
            factory = _load(one.type, f"{place}.type")
        except ConfigError as error:
            problems += error.problems
            continue
        try:
            exporters.append(factory(one.name, one.options))
        except ConfigError as error:
            problems += (_below(f"{place}.options", problem) for problem in error.problems)
    if problems:
        for exporter in exporters:
            exporter.close()
        raise ConfigError(None, tuple(problems))
    return tuple(exporters)


def _load(kind: str, place: str) -> Factory:
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in offered:
        raise ConfigError(None, (Problem(place, json.dumps(kind), _unknown(kind, sorted(offered))),))
    try:
        return cast(Factory, offered[kind].load())
    except Exception as error:  # whatever the package's modules do when they are imported
        raise ConfigError(None, (Problem(place, json.dumps(kind), _broken(offered[kind], error)),)) from error


def _unknown(kind: str, offered: list[str]) -> Phrase:
    near = get_close_matches(kind.lower(), offered, n=1)
    names = ", ".join(f"`{name}`" for name in near or offered)
    if near:
        return Phrase(
            f"no such exporter; did you mean {names}?", f"нет такого экспортёра; может быть, {names}?"
        )
    return Phrase(
        f"no such exporter; installed are {names or 'none'}",
        f"нет такого экспортёра; установлены {names or 'никакие'}",
    )


def _broken(point: EntryPoint, error: Exception) -> Phrase:
    package = point.dist.name if point.dist else point.module
    reason = f"{type(error).__name__}: {error}"
    return Phrase(
        f"this exporter, of package {package}, cannot be loaded: {reason}",
        f"этот экспортёр из пакета {package} не загружается: {reason}",
    )


def _below(place: str, problem: Problem) -> Problem:
    return Problem(f"{place}.{problem.path}" if problem.path else place, problem.value, problem.allowed)
