"""Makes a server's workers hostile if this folder is on its PYTHONPATH: Python imports this by itself."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

HOSTILE = {
    "cardioserver.interpretation.worker": "hostile",
    "cardioserver.integration.pageworker": "hostilepages",
}


class Harm(importlib.abc.MetaPathFinder):
    """Has a module of the tests change a worker's module as soon as that is there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in HOSTILE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        honest = spec.loader.exec_module

        def execute(module: ModuleType) -> None:
            honest(module)
            sys.modules[name] = module
            importlib.import_module(HOSTILE[name])

        spec.loader.exec_module = execute  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Harm())
