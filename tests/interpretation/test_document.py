"""The document of an analysis: complete, anonymous, the same after a trip through JSON."""

from __future__ import annotations

import json

import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation.document import Document, decode, encode
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.person import Person
from cardioserver.signal.fiducials import NAMES
from tests.interpretation.signals import RATE, made


@pytest.fixture(scope="module")
def document() -> Document:
    return interpret(made(TWELVE_LEADS), Person(Sex.FEMALE, 61.5, 170.0))


def test_a_document_survives_json(document: Document) -> None:
    assert decode(encode(document)) == document


def test_fields_that_programs_read(document: Document) -> None:
    fields = json.loads(encode(document))
    assert (fields["format"], fields["version"]) == ("cardioserver-analysis", 1)
    assert fields["person"] == {"sex": "female", "age": 61.5, "height_cm": 170.0, "weight_kg": None}
    assert fields["signal"] == {
        "rate": RATE,
        "sample_count": 5000,
        "leads": [lead.label for lead in TWELVE_LEADS],
    }
    assert [beat["class"] for beat in fields["beats"]] == ["normal"] * 12
    assert len(fields["fiducials"]) == 12
    assert set(fields["fiducials"][3]) == set(NAMES)
    beat = fields["fiducials"][3]
    assert [beat[name] for name in NAMES] == sorted(beat[name] for name in NAMES)
    assert fields["measurements"]["rate"] == pytest.approx(75, abs=0.5)
    assert [lead["lead"] for lead in fields["leads"]] == [lead.label for lead in TWELVE_LEADS]
    rate = next(one for one in fields["statements"] if one["code"] == "RATE_NORMAL")
    assert rate["ru"] == "Нормосистолия, ритм ригидный, ЧСС = 75 уд/мин"
    assert rate["why"][0]["name"] == "rate"
    assert rate["en"] in fields["text"]["en"]


@pytest.mark.parametrize("data", [b"{}", b'{"format": "another"}', b"not json"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="validation error"):
        decode(data)


@pytest.mark.parametrize(("rr", "code"), [(0.5, "RATE_FAST"), (0.8, "RATE_NORMAL"), (1.3, "RATE_SLOW")])
def test_the_rate_is_stated(rr: float, code: str) -> None:
    codes = {statement.code for statement in interpret(made((Lead.II,), rr)).statements}
    assert {one for one in codes if one.startswith("RATE_")} == {code}
