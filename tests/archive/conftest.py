"""Fixtures of the archive's tests."""

from __future__ import annotations

import pytest

from cardioserver.archive.database import Database
from cardioserver.archive.ids import IdGenerator
from tests.archive.samples import Facility, add_facility


@pytest.fixture
def ids() -> IdGenerator:
    """Identifiers of server 1."""
    return IdGenerator(1)


@pytest.fixture
def clinic(database: Database, ids: IdGenerator) -> Facility:
    """An HCF."""
    return add_facility(database, ids, "Поликлиника № 1")


@pytest.fixture
def centre(database: Database, ids: IdGenerator) -> Facility:
    """An HCF that is asked for consultations."""
    return add_facility(database, ids, "Кардиоцентр")
