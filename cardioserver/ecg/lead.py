"""Lead names and their codes."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from cardioserver.ecg.errors import InvalidField

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


class Lead(IntEnum):
    """A lead; the value is its code in SCP-ECG (EN 1064:2020, table of lead identification codes).

    The same numbers are the term codes of ``MDC_ECG_LEAD_…`` in ISO/IEEE 11073-10101, partition 2.
    The member name is the name shown to people, with ``M`` for a leading minus sign.
    """

    UNSPECIFIED = 0
    I = 1  # noqa: E741  the lead's own name
    II = 2
    V1 = 3
    V2 = 4
    V3 = 5
    V4 = 6
    V5 = 7
    V6 = 8
    V7 = 9
    V2R = 10
    V3R = 11
    V4R = 12
    V5R = 13
    V6R = 14
    V7R = 15
    X = 16
    Y = 17
    Z = 18
    III = 61
    aVR = 62  # noqa: N815  the lead's own name
    aVL = 63  # noqa: N815
    aVF = 64  # noqa: N815
    MaVR = 65
    V8 = 66
    V9 = 67
    V8R = 68
    V9R = 69
    D = 70  # Nehb dorsal
    A = 71  # Nehb anterior
    J = 72  # Nehb inferior

    @property
    def label(self) -> str:
        """The name printed beside the trace."""
        return "-aVR" if self is Lead.MaVR else self.name

    @classmethod
    def parse(cls, name: str) -> Lead:
        """The lead called *name*, in any letter case.

        Raises
        ------
        InvalidField
            No lead has that name.
        """
        try:
            return _BY_NAME[name.strip().upper()]
        except KeyError:
            raise InvalidField("leads", name, "a lead name such as I, aVR, V1") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        """In documents a lead is its label."""
        from pydantic_core import core_schema as schema  # noqa: PLC0415  the ECG itself needs no documents

        label = schema.plain_serializer_function_ser_schema(
            lambda lead: lead.label, return_schema=schema.str_schema()
        )
        return schema.no_info_after_validator_function(cls.parse, schema.str_schema(), serialization=label)


_BY_NAME = {lead.label.upper(): lead for lead in Lead}

TWELVE_LEADS = (
    Lead.I, Lead.II, Lead.III, Lead.aVR, Lead.aVL, Lead.aVF,
    Lead.V1, Lead.V2, Lead.V3, Lead.V4, Lead.V5, Lead.V6,
)  # fmt: skip
"""The standard twelve leads in their usual order."""
