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

from dataclasses import dataclass
from enum import Enum

from cardioserver.archive.errors import AccessDenied
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: an account that has logged in."""

    account_id: int
    login: str
    role: Role
    hcf_id: int


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


def may_upload(actor: Actor, archive: m.ArchiveRecord) -> bool:
    """Whether *actor* may store exams in *archive*: one of its own HCF.

    Needs no database: uploads go on while it is down.
    """
    return may(actor, m.Upload) and in_hcf(actor, archive.hcf_id)


def may_manage(actor: Actor, hcf_id: int) -> bool:
    """Whether *actor* may add and change accounts, archives and devices of an HCF."""
    return actor.role in _MANAGERS and in_hcf(actor, hcf_id)


_MANAGERS = frozenset({Role.ADMINISTRATOR, Role.SUPER_ADMINISTRATOR})


def in_hcf(actor: Actor, hcf_id: int) -> bool:
    """Whether an HCF is the actor's own; a super-administrator is at home everywhere."""
    return actor.role is Role.SUPER_ADMINISTRATOR or actor.hcf_id == hcf_id
