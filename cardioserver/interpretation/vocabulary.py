"""Every statement there is, as the tables of ``docs/statements.md``.

``python -m cardioserver.interpretation.vocabulary`` prints them.
"""

from __future__ import annotations

import re
from itertools import groupby

from cardioserver.interpretation.comparison import TERMS as COMPARISON
from cardioserver.interpretation.reading import MODULES
from cardioserver.interpretation.statement import Section, Term

VOCABULARY: dict[str, Term] = {
    term.code: term for terms in (*(module.TERMS for module in MODULES), COMPARISON) for term in terms
}
"""By code."""

STANDARD = frozenset((
    "1AVB", "2AVB", "3AVB", "ABQRS", "AFIB", "AFLT", "ALMI", "AMI", "ANEUR", "ASMI", "BIGU",
    "CLBBB", "CRBBB", "DIG", "EL", "HVOLT", "ILBBB", "ILMI", "IMI", "INJAL", "INJAS", "INJIL",
    "INJIN", "INJLA", "INVT", "IPLMI", "IPMI", "IRBBB", "ISCAL", "ISCAN", "ISCAS", "ISCIL", "ISCIN",
    "ISCLA", "ISC_", "IVCD", "LAFB", "LAO/LAE", "LMI", "LNGQT", "LOWT", "LPFB", "LPR", "LVH",
    "LVOLT", "NDT", "NORM", "NST_", "NT_", "PAC", "PACE", "PMI", "PRC(S)", "PSVT", "PVC", "QWAVE",
    "RAO/RAE", "RVH", "SARRH", "SBRAD", "SEHYP", "SR", "STACH", "STD_", "STE_", "SVARR", "SVTAC",
    "TAB_", "TRIGU", "VCLVH", "WPW",
    # not used by PTB-XL
    "ACJR", "ACVR", "ARRHY", "AVDIS", "B2T1", "EAR", "EPFC", "IDIOR", "JESCR", "JRHYT", "LRR", "MOBI2",
    "NSVT", "PACED", "PAPCS", "PVPCS", "RVPCS", "SABLK", "SHTPR", "SPAUS", "UNRHY", "VEC", "VIC", "VTACH",
    "WANDP", "WENCK", "WQTAC",
))  # fmt: skip
"""Universal statement codes of SCP-ECG (EN 1064:2020): as PTB-XL repeats them, and as DICOM PS3.16 listed
them in context group 3686 (coding scheme SCPECG 1.3) until 2011. Other codes are our own.
"""


def tables() -> str:
    """The vocabulary as Markdown, a table for each section."""
    terms = sorted(VOCABULARY.values(), key=lambda term: list(Section).index(term.section))
    parts = []
    for section, group in groupby(terms, key=lambda term: term.section):
        rows = [_row(term) for term in group]
        head = "| code | severity | English | Русский | source |\n|---|---|---|---|---|"
        parts.append(f"## {section.value}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _row(term: Term) -> str:
    code = f"`{term.code}`" if term.code in STANDARD else f"`{term.code}` ¹"
    english, russian = (re.sub(r"{[^}]*}", "…", text) for text in (term.en, term.ru))
    return f"| {code} | {term.severity.value} | {english} | {russian} | {term.source or '–'} |"


if __name__ == "__main__":
    print(tables(), end="")
