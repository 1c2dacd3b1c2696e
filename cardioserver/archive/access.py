"""The access rule: which account may ask for what, and of whose exams.

Two questions, each answered in one table here and nowhere else:

``DECISIONS``
    Which roles may send which request. Every type in
    :data:`cardioserver.protocol.messages.REQUESTS` has an entry.
``EXAM_REACH``
    Whose exams, and all that hangs on them, a role reads. The ``visible_…`` functions turn it into
    SQL clauses, so that a page of a list and a single read obey the same words.

``docs/access.md`` gives the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, true

from cardioserver.archive.errors import AccessDenied
from cardioserver.archive.schema import account, archive, consultation, ecg_order, event, exam, patient
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import EventKind, Role

_ALWAYS = datetime.max.replace(tzinfo=UTC)  # for actors that are no session: nothing ends them


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an account that has logged in."""

    account_id: int
    login: str
    role: Role
    hcf_id: int
    logged_in_at: datetime = field(default=_ALWAYS, compare=False)


class Stage(Enum):
    """When a request may come at all, whatever the role."""

    HELLO = "before the login"
    SESSION = "after the login"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who may send a request."""

    stage: Stage
    roles: frozenset[Role]


class Reach(Enum):
    """Whose exams a role reads."""

    NONE = "no exam"
    UPLOADED = "what this account uploaded"
    HCF = "its HCF's archives and what was sent to its HCF for consultation"
    ALL = "every exam"


EXAM_REACH: dict[Role, Reach] = {
    Role.RECORDER: Reach.UPLOADED,
    Role.DOCTOR: Reach.HCF,
    Role.VIEWER: Reach.HCF,
    Role.ADMINISTRATOR: Reach.NONE,
    Role.SERVICE: Reach.HCF,
    Role.SUPER_ADMINISTRATOR: Reach.ALL,
}


def _anyone() -> Decision:
    return Decision(Stage.HELLO, frozenset(Role))


def _roles(*roles: Role) -> Decision:
    return Decision(Stage.SESSION, frozenset(roles) | {Role.SUPER_ADMINISTRATOR})


_EVERY_ROLE = _roles(*Role)
_UPLOAD = _roles(Role.RECORDER)
_READ_EXAMS = _roles(Role.RECORDER, Role.DOCTOR, Role.VIEWER, Role.SERVICE)
_READ_ORDERS = _READ_EXAMS
_TAKE_ORDERS = _roles(Role.RECORDER, Role.DOCTOR)

DECISIONS: dict[type, Decision] = {
    m.Hello: _anyone(),
    m.Login: _anyone(),
    m.Ping: _anyone(),
    m.Logout: _EVERY_ROLE,
    m.ChangePassword: _EVERY_ROLE,
    m.UploadBegin: _UPLOAD,
    m.UploadChunk: _UPLOAD,
    m.UploadCommit: _UPLOAD,
    m.Upload: _UPLOAD,
    m.UploadAbort: _UPLOAD,
    m.FindPatients: _READ_EXAMS,
    m.FindExams: _READ_EXAMS,
    m.GetExam: _READ_EXAMS,
    m.GetSignal: _READ_EXAMS,
    m.GetAutoReport: _READ_EXAMS,
    m.RequestInterpretation: _roles(Role.DOCTOR),
    m.SaveConclusion: _roles(Role.DOCTOR),
    m.ListConclusions: _READ_EXAMS,
    m.SendExam: _roles(Role.DOCTOR),
    m.ListArchives: _EVERY_ROLE,
    m.ListHcfs: _EVERY_ROLE,
    m.ListAccounts: _roles(Role.ADMINISTRATOR),
    m.Subscribe: _READ_EXAMS,
    m.Unsubscribe: _READ_EXAMS,
    m.CreateOrder: _roles(Role.DOCTOR, Role.SERVICE),
    m.FindOrders: _READ_ORDERS,
    m.TakeOrder: _TAKE_ORDERS,
    m.ReleaseOrder: _TAKE_ORDERS,
}
"""Request type → who may send it. A type that is missing here is refused to everybody."""


def may(actor: Actor | None, request_type: type) -> bool:
    """Whether *actor* (``None``: not logged in) may send a request of this type.

    This is about the kind of request only; whose data it may touch is the ``visible_…`` clauses'.
    """
    decision = DECISIONS.get(request_type)
    if decision is None:
        return False
    if decision.stage is Stage.HELLO:
        return True
    return actor is not None and actor.role in decision.roles


def require(actor: Actor | None, request_type: type) -> None:
    """Do nothing if :func:`may` allows the request.

    Raises
    ------
    AccessDenied
        It does not.
    """
    if not may(actor, request_type):
        raise AccessDenied(request_type.__name__)


def may_upload(actor: Actor, archive_record: m.ArchiveRecord) -> bool:
    """Whether *actor* may store exams in an archive: one of its own HCF.

    Needs no database: uploads go on while it is down.
    """
    return may(actor, m.Upload) and in_hcf(actor, archive_record.hcf_id)


def may_manage(actor: Actor, hcf_id: int) -> bool:
    """Whether *actor* may add and change accounts, archives and devices of an HCF."""
    return actor.role in _MANAGERS and in_hcf(actor, hcf_id)


_MANAGERS = frozenset({Role.ADMINISTRATOR, Role.SUPER_ADMINISTRATOR})


def in_hcf(actor: Actor, hcf_id: int) -> bool:
    """Whether an HCF is the actor's own; a super-administrator is at home everywhere."""
    return actor.role is Role.SUPER_ADMINISTRATOR or actor.hcf_id == hcf_id


# ---------------------------------------------------------------- whose data


def visible_exams(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``exam`` that *actor* may read, with their signal, conclusions and auto reports.

    Doctors conclude on whatever they read: that is what a consultation is for.
    """
    match EXAM_REACH[actor.role]:
        case Reach.ALL:
            return true()
        case Reach.HCF:
            return or_(exam.c.hcf_id == actor.hcf_id, _was_sent(actor.hcf_id))
        case Reach.UPLOADED:
            return and_(exam.c.recorder_account_id == actor.account_id, exam.c.hcf_id == actor.hcf_id)
        case Reach.NONE:
            return false()


def sendable_exams(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``exam`` that *actor* may send to another HCF: its own HCF's, not those sent to it."""
    return and_(visible_exams(actor), _at_home(actor, exam.c.hcf_id))


def visible_patients(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``patient`` that *actor* may read.

    Recorders find every patient of their HCF, to fill in the form of the next exam; the other readers
    see in addition the patients of the exams that were sent to their HCF.
    """
    match EXAM_REACH[actor.role]:
        case Reach.ALL:
            return true()
        case Reach.HCF:
            return or_(patient.c.issuer_hcf_id == actor.hcf_id, _has_sent_exam(actor.hcf_id))
        case Reach.UPLOADED:
            return patient.c.issuer_hcf_id == actor.hcf_id
        case Reach.NONE:
            return false()


_EXAM = exam.alias("sent_exam")
_SENT = consultation.alias("sent")

# Correlated, so that they cost a look for each row of a page, not a list of all that was ever sent.


def _was_sent(hcf_id: int) -> ColumnElement[bool]:
    return exists().where(_SENT.c.exam_id == exam.c.exam_id, _SENT.c.to_hcf_id == hcf_id).correlate(exam)


def _has_sent_exam(hcf_id: int) -> ColumnElement[bool]:
    was_sent = exists().where(_SENT.c.exam_id == _EXAM.c.exam_id, _SENT.c.to_hcf_id == hcf_id)
    of_patient = _EXAM.c.patient_id == patient.c.patient_id
    return exists().where(of_patient, was_sent.correlate(_EXAM)).correlate(patient)


def visible_archives(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``archive`` that *actor* may list."""
    return _at_home(actor, archive.c.hcf_id)


def visible_orders(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``ecg_order`` that *actor* may read; who may change them is in :data:`DECISIONS`."""
    if EXAM_REACH[actor.role] is Reach.NONE:
        return false()
    return _at_home(actor, ecg_order.c.hcf_id)


def visible_accounts(actor: Actor) -> ColumnElement[bool]:
    """Rows of ``account`` that *actor* may list."""
    return _at_home(actor, account.c.hcf_id) if actor.role in _MANAGERS else false()


def _at_home(actor: Actor, hcf_id: ColumnElement[int]) -> ColumnElement[bool]:
    """:func:`in_hcf` as a clause."""
    return true() if actor.role is Role.SUPER_ADMINISTRATOR else hcf_id == actor.hcf_id


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Audience:
    """What decides who may hear of an event."""

    kind: EventKind
    hcf_id: int
    recorder_account_id: int  # who uploaded its exam; 0: it has none
    consulted_hcf_ids: frozenset[int]  # to whom its exam was sent


def hears(actor: Actor, audience: Audience) -> bool:
    """Whether *actor* may hear of an event: of an order if it sees the order, else if it sees the exam."""
    at_home = in_hcf(actor, audience.hcf_id)
    match EXAM_REACH[actor.role]:
        case Reach.ALL:
            return True
        case Reach.NONE:
            return False
        case _ if audience.kind is EventKind.ORDER:
            return at_home
        case Reach.HCF:
            return at_home or actor.hcf_id in audience.consulted_hcf_ids
        case Reach.UPLOADED:
            return at_home and audience.recorder_account_id == actor.account_id


def visible_events(actor: Actor) -> ColumnElement[bool]:
    """:func:`hears` as a clause on rows of ``event``."""
    reach = EXAM_REACH[actor.role]
    if reach is Reach.ALL:
        return true()
    if reach is Reach.NONE:
        return false()
    at_home = event.c.hcf_id == actor.hcf_id
    is_order = event.c.kind == int(EventKind.ORDER)
    of_exam = exam.c.exam_id == event.c.exam_id
    if reach is Reach.UPLOADED:
        uploaded = exists().where(of_exam, exam.c.recorder_account_id == actor.account_id)
        return and_(at_home, or_(is_order, uploaded))
    sent = exists().where(consultation.c.exam_id == event.c.exam_id, consultation.c.to_hcf_id == actor.hcf_id)
    return or_(at_home, and_(not_(is_order), sent))
