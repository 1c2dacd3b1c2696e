"""What the machine makes of an ECG, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cardioserver.cli.output import language, say, show_fields, show_table
from cardioserver.cli.terms import GRADES, SEXES
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from cardioserver.interpretation.document import Document
    from cardioserver.signal.measurements import LeadMeasurements, Measurements


def show_text(text: Phrase, *, concluded: bool) -> None:
    """Print the text of an interpretation; unless a doctor has *concluded*, it says that none has signed."""
    from cardioserver.interpretation.narrative import UNCONFIRMED

    if concluded:
        text = Phrase(
            text.en.removesuffix(UNCONFIRMED.en).rstrip(), text.ru.removesuffix(UNCONFIRMED.ru).rstrip()
        )
    say(text)


def show_document(document: Document) -> None:
    """Print an interpretation: its text, and the measurements as tables."""
    say(document.text)
    print()
    show_fields([*_signal(document), *_intervals(document.measurements)])
    if document.leads:
        print()
        columns = [Phrase("Lead", "Отведение")]
        columns += [Phrase(f"{name}, µV", f"{name}, мкВ") for name in ("P", "Q", "R", "S", "R'", "S'")]
        columns += [Phrase(f"{name}, µV", f"{name}, мкВ") for name in ("J", "ST60", "ST80", "T")]
        show_table(columns, [_row(lead) for lead in document.leads])


def _signal(document: Document) -> Iterator[tuple[Phrase, object]]:
    signal, person = document.signal, document.person
    leads = " ".join(lead.label for lead in signal.leads)
    seconds = f"{signal.sample_count / signal.rate:g}"
    yield (
        Phrase("Signal", "Сигнал"),
        Phrase(f"{seconds} s, {signal.rate:g} Hz: {leads}", f"{seconds} с, {signal.rate:g} Гц: {leads}").say(
            language()
        ),
    )
    yield Phrase("Quality", "Качество"), GRADES[document.quality.grade.value].say(language())
    yield Phrase("Sex", "Пол"), SEXES[person.sex.name].say(language())
    yield Phrase("Age, years", "Возраст, лет"), "" if person.age is None else f"{person.age:.3g}"
    yield Phrase("Height, cm", "Рост, см"), person.height_cm
    yield Phrase("Weight, kg", "Вес, кг"), person.weight_kg
    yield Phrase("Beats", "Комплексов"), len(document.beats) or ""


def _intervals(measured: Measurements) -> Iterator[tuple[Phrase, object]]:
    yield Phrase("Rate, /min", "ЧСС, /мин"), _whole(measured.rate)
    for name, value in (
        (Phrase("RR, ms", "RR, мс"), measured.rr),
        (Phrase("P, ms", "P, мс"), measured.p),
        (Phrase("PR, ms", "PQ, мс"), measured.pr),
        (Phrase("QRS, ms", "QRS, мс"), measured.qrs),
        (Phrase("QT, ms", "QT, мс"), measured.qt),
        (Phrase("QTc Bazett, ms", "QTc по Базетту, мс"), measured.qtc_bazett),
        (Phrase("QTc Fridericia, ms", "QTc по Фридеричиа, мс"), measured.qtc_fridericia),
        (Phrase("QTc Framingham, ms", "QTc по Фремингему, мс"), measured.qtc_framingham),
        (Phrase("QTc Hodges, ms", "QTc по Ходжесу, мс"), measured.qtc_hodges),
    ):
        yield name, _whole(value)
    axes = (measured.p_axis, measured.qrs_axis, measured.t_axis)
    if any(axis is not None for axis in axes):
        shown = " / ".join(_whole(axis) or "–" for axis in axes)
        yield Phrase("Axes P / QRS / T, °", "Оси P / QRS / T, °"), shown


def _row(lead: LeadMeasurements) -> tuple[str, ...]:
    values = (
        _larger(lead.p_max, lead.p_min),
        lead.q,
        lead.r1,
        lead.s1,
        lead.r2,
        lead.s2,
        lead.j,
        lead.st60,
        lead.st80,
        _larger(lead.t_max, lead.t_min),
    )
    return lead.lead.label, *(_whole(value) for value in values)


def _larger(*peaks: float | None) -> float | None:
    """The peak that stands out most, of a wave that may have two."""
    return max((peak for peak in peaks if peak is not None), key=abs, default=None)


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
