"""Configuration files as typed values."""

from cardioserver.settings.config import Config, ExporterSettings
from cardioserver.settings.errors import ConfigError, Problem
from cardioserver.settings.language import Language, Phrase, system_language
from cardioserver.settings.loading import load

__all__ = [
    "Config",
    "ConfigError",
    "ExporterSettings",
    "Language",
    "Phrase",
    "Problem",
    "load",
    "system_language",
]
