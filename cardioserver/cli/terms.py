"""Values of ECGs as people read them."""

from __future__ import annotations

from cardioserver.language import Phrase

SEXES = {
    "MALE": Phrase("male", "мужской"),
    "FEMALE": Phrase("female", "женский"),
    "OTHER": Phrase("other", "другой"),
    "UNKNOWN": Phrase("", ""),
}
"""By the name of :class:`~cardioserver.ecg.patient.Sex`."""

GRADES = {
    "good": Phrase("good", "хорошее"),
    "fair": Phrase("fair", "удовлетворительное"),
    "poor": Phrase("poor", "плохое"),
}
"""By the value of :class:`~cardioserver.signal.quality.Grade`."""

EXAM_TYPES = {
    "STANDARD": Phrase("standard", "стандартный"),
    "LIMB": Phrase("limb leads", "с конечностей"),
    "NEHB": Phrase("Nehb", "по Небу"),
    "CABRERA": Phrase("Cabrera", "по Кабрера"),
}
"""By the name of :class:`~cardioserver.ecg.exam.ExamType`."""
