"""Codes of measurements for DICOM and FHIR."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A term of ISO/IEEE 11073-10102 as DICOM PS3.16 lists it (CID 3227, 3228, 3229, 3687, 3688).

    ``value`` is the code documents carry, ``partition:term``; for one lead the lead's own code is added to
    the term. ``reference`` is its reference identifier.
    """

    value: str
    reference: str
    unit: str  # UCUM


GLOBAL_CODES = {
    "rate": Code("2:16770", "MDC_ECG_HEART_RATE", "{H.B.}/min"),
    "rr": Code("2:16168", "MDC_ECG_TIME_PD_RR_GL", "ms"),
    "p": Code("2:16184", "MDC_ECG_TIME_PD_P_GL", "ms"),
    "pr": Code("2:15872", "MDC_ECG_TIME_PD_PR_GL", "ms"),
    "qrs": Code("2:16156", "MDC_ECG_TIME_PD_QRS_GL", "ms"),
    "qt": Code("2:16160", "MDC_ECG_TIME_PD_QT_GL", "ms"),
    "qtc_bazett": Code("2:15880", "MDC_ECG_TIME_PD_QTcB", "ms"),
    "qtc_fridericia": Code("2:15892", "MDC_ECG_TIME_PD_QTcF", "ms"),
    "p_axis": Code("2:16128", "MDC_ECG_ANGLE_P_FRONT", "deg"),
    "qrs_axis": Code("2:16132", "MDC_ECG_ANGLE_QRS_FRONT", "deg"),
    "t_axis": Code("2:16136", "MDC_ECG_ANGLE_T_FRONT", "deg"),
}
"""Codes of :class:`~cardioserver.signal.measurements.Measurements`.

Fields without one have no term there; CID 3227 lists Framingham and Hodges with the codes of Bazett and
Fridericia, so these two are left out.
"""

LEAD_CODES = {
    "p_max": Code("2:1280", "MDC_ECG_AMPL_P_MAX", "uV"),
    "p_min": Code("2:1536", "MDC_ECG_AMPL_P_MIN", "uV"),
    "p_ms": Code("2:6656", "MDC_ECG_TIME_PD_P", "ms"),
    "q": Code("2:1792", "MDC_ECG_AMPL_Q", "uV"),
    "q_ms": Code("2:7680", "MDC_ECG_TIME_PD_Q", "ms"),
    "r1": Code("2:12800", "MDC_ECG_ELEC_POTL_R_1", "uV"),
    "r1_ms": Code("2:11264", "MDC_ECG_TIME_PD_R_1", "ms"),
    "s1": Code("2:13568", "MDC_ECG_ELEC_POTL_S_1", "uV"),
    "s1_ms": Code("2:12032", "MDC_ECG_TIME_PD_S_1", "ms"),
    "r2": Code("2:13056", "MDC_ECG_ELEC_POTL_R_2", "uV"),
    "r2_ms": Code("2:11520", "MDC_ECG_TIME_PD_R_2", "ms"),
    "s2": Code("2:13824", "MDC_ECG_ELEC_POTL_S_2", "uV"),
    "s2_ms": Code("2:12288", "MDC_ECG_TIME_PD_S_2", "ms"),
    "qrs_ms": Code("2:7936", "MDC_ECG_TIME_PD_QRS", "ms"),
    "activation_ms": Code("2:11008", "MDC_ECG_TIME_PD_VENT_ACTIV", "ms"),
    "j": Code("2:1024", "MDC_ECG_AMPL_J", "uV"),
    "st20": Code("2:14848", "MDC_ECG_ELEC_POTL_ST_20", "uV"),
    "st40": Code("2:15104", "MDC_ECG_ELEC_POTL_ST_40", "uV"),
    "st60": Code("2:14336", "MDC_ECG_ELEC_POTL_ST_60", "uV"),
    "st80": Code("2:14592", "MDC_ECG_ELEC_POTL_ST_80", "uV"),
    "t_max": Code("2:2560", "MDC_ECG_AMPL_T_MAX", "uV"),
    "t_min": Code("2:2816", "MDC_ECG_AMPL_T_MIN", "uV"),
}
"""Codes of :class:`~cardioserver.signal.measurements.LeadMeasurements`: base terms, for any lead."""
