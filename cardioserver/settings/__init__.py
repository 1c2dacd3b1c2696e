"""Configuration files as typed values.

The names below are loaded when they are first used: the configuration's types take a third of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardioserver.settings.config import Config, ExporterSettings
    from cardioserver.settings.errors import ConfigError, Problem
    from cardioserver.settings.loading import load

__all__ = [
    "Config",
    "ConfigError",
    "ExporterSettings",
    "Problem",
    "load",
]

_MODULES = {
    "Config": "config",
    "ConfigError": "errors",
    "ExporterSettings": "config",
    "Problem": "errors",
    "load": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
