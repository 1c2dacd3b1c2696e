"""Exporters found by the configuration's types, and what people are told if they cannot be."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cardioserver.integration import registry
from cardioserver.integration.exporter import DeliveryOptions, Permanent, Retryable, read_options
from cardioserver.integration.folder import FolderExporter
from cardioserver.integration.registry import GROUP, load_exporters
from cardioserver.settings import ConfigError, ExporterSettings
from tests.integration.exporters import Recording

made: list[Recording] = []


def make(name: str, options: dict[str, Any]) -> Recording:
    read_options(DeliveryOptions, options)
    made.append(Recording(name, options))
    return made[-1]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed packages offer: folder, recording, and one that cannot be imported."""
    module = ModuleType("exporter_for_tests")
    module.make = make  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "exporter_for_tests", module)
    points = [
        EntryPoint("folder", "cardioserver.integration.folder:FolderExporter", GROUP),
        EntryPoint("recording", "exporter_for_tests:make", GROUP),
        EntryPoint("broken", "no_such_module_at_all:Exporter", GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(points).select(group=group))
    made.clear()


def settings(called: str, kind: str, **options: Any) -> ExporterSettings:
    return ExporterSettings(name=called, type=kind, options=options)


def refused(*wanted: ExporterSettings) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_exporters(wanted)
    return caught.value


def test_the_folder_exporter_is_installed(tmp_path: Path) -> None:
    (exporter,) = load_exporters([settings("hospital", "folder", folder=str(tmp_path))])
    assert isinstance(exporter, FolderExporter)
    assert exporter.terms.name == "hospital"


@pytest.mark.usefixtures("offered")
def test_exporters_come_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    exporters = load_exporters(
        [
            settings("b", "recording"),
            settings("f", "folder", folder=str(tmp_path)),
            settings("a", "recording"),
        ]
    )
    assert [exporter.terms.name for exporter in exporters] == ["b", "f", "a"]
    assert load_exporters([]) == ()


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize(
    ("kind", "english", "russian"),
    [
        (
            "foldr",
            'exporters[0].type = "foldr": no such exporter; did you mean `folder`?',
            "может быть, `folder`?",
        ),
        (
            "zzz",
            'exporters[0].type = "zzz": no such exporter; installed are `broken`, `folder`, `recording`',
            "установлены `broken`, `folder`, `recording`",
        ),
        ("broken", "cannot be loaded: ModuleNotFoundError: No module named", "не загружается"),
    ],
)
def test_an_unusable_type_is_explained(kind: str, english: str, russian: str) -> None:
    error = refused(settings("x", kind))
    assert english in error.say("en")
    assert russian in error.say("ru")


@pytest.mark.usefixtures("offered")
def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    error = refused(
        settings("good", "recording"),
        settings("a", "folder", folder="relative/path"),
        settings("b", "folder", folder=str(tmp_path), when="sometimes", mode="640", attemps=3),
        settings("c", "folder"),
        settings("d", "unknown-kind-of-thing"),
        settings("e", "folder", folder=str(tmp_path), name="{patient.number}"),
    )
    assert [problem.path for problem in error.problems] == [
        "exporters[1].options.folder",
        "exporters[2].options.when",
        "exporters[2].options.mode",
        "exporters[2].options.attemps",
        "exporters[3].options.folder",
        "exporters[4].type",
        "exporters[5].options.name",
    ]
    said = error.say("en")
    assert (
        'exporters[2].options.when = "sometimes": allowed is one of "stored", "report", "conclusion", "both"'
        in said
    )
    assert "did you mean `attempts`?" in said
    assert made[0].closed  # nothing is left half open


def test_a_value_of_an_option_is_never_taken_for_another_type(tmp_path: Path) -> None:
    for options in (
        {"threads": "2"},
        {"threads": 0},
        {"hcf_ids": ["1"]},
        {"documents": []},
        {"documents": ["fax"]},
    ):
        with pytest.raises(ConfigError):
            FolderExporter("x", {"folder": str(tmp_path)} | options)


def test_the_example_of_the_documentation_works() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "integration.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    sent: list[tuple[str, str, str]] = []

    class LineBusy(Exception):
        pass

    class NoSuchNumber(Exception):
        pass

    def send_fax(number: str, text: str, reference: str) -> None:
        if number == "busy":
            raise LineBusy
        if number == "none":
            raise NoSuchNumber
        sent.append((number, text, reference))

    names: dict[str, Any] = {"send_fax": send_fax, "LineBusy": LineBusy, "NoSuchNumber": NoSuchNumber}
    exec(example, names)
    source: Any = SimpleNamespace(exam=lambda _: None, conclusions=lambda _: (SimpleNamespace(text="Норма"),))
    delivery: Any = SimpleNamespace(exam_id=1, delivery_id=5)

    def fax(number: str) -> None:
        exporter = names["FaxExporter"]("fax", {"number": number, "threads": 2})
        assert (exporter.terms.name, exporter.terms.threads) == ("fax", 2)
        exporter.deliver(delivery, source)
        exporter.close()

    fax("123")
    assert sent == [("123", "Норма", "5")]
    for number, error in (("busy", Retryable), ("none", Permanent)):
        with pytest.raises(error):
            fax(number)
