"""The access rule: role × request × whose data, against the functions that answer requests.

``MATRIX`` is the rule written out by hand. A new type of request fails the first test until it has rows here
and a decision in :mod:`cardioserver.archive.access`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Table, select

from cardioserver.archive import access, audit, events, schema
from cardioserver.archive.access import DECISIONS, EXAM_REACH, Actor, Stage, may
from cardioserver.archive.accounts import Accounts, Authenticator, NewAccount
from cardioserver.archive.archive import Archive
from cardioserver.archive.audit import AuditQuery
from cardioserver.archive.bank import Bank
from cardioserver.archive.database import Database
from cardioserver.archive.directory import DirectorySnapshot
from cardioserver.archive.errors import AccessDenied, NotFound
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.ingest import Ingest
from cardioserver.archive.journal import Journal
from cardioserver.ecg.patient import Patient
from cardioserver.integration.interpreter import SUBSCRIPTION
from cardioserver.protocol import messages as m
from cardioserver.protocol.messages import EventKind, Role
from tests.archive import examples
from tests.archive.rows import World, migrated

ROLES = (
    Role.RECORDER, Role.DOCTOR, Role.VIEWER, Role.ADMINISTRATOR, Role.SERVICE, Role.SUPER_ADMINISTRATOR,
)  # fmt: skip

# Who may, by role: Recorder, Doctor, Viewer, Administrator, Service, suPer-administrator.
# "whose" is an exam's, or where that makes no sense the HCF's of a patient, order, archive or account:
#   uploaded  the actor's HCF's, and this very account uploaded it
#   own       the actor's HCF's
#   sent      another HCF's, sent to the actor's for consultation
#   foreign   another HCF's
#   -         the request is about nobody's data
MATRIX = """
request          whose      R D V A S P
Hello            -          R D V A S P
Login            -          R D V A S P
Ping             -          R D V A S P
Logout           -          R D V A S P
ChangePassword   -          R D V A S P
UploadBegin      own        R . . . . P
UploadBegin      foreign    . . . . . P
UploadChunk      own        R . . . . P
UploadCommit     own        R . . . . P
UploadAbort      own        R . . . . P
Upload           own        R . . . . P
Upload           foreign    . . . . . P
FindPatients     own        R D V . S P
FindPatients     sent       . D V . S P
FindPatients     foreign    . . . . . P
FindExams        uploaded   R D V . S P
FindExams        own        . D V . S P
FindExams        sent       . D V . S P
FindExams        foreign    . . . . . P
GetExam          uploaded   R D V . S P
GetExam          own        . D V . S P
GetExam          sent       . D V . S P
GetExam          foreign    . . . . . P
GetSignal        uploaded   R D V . S P
GetSignal        own        . D V . S P
GetSignal        sent       . D V . S P
GetSignal        foreign    . . . . . P
GetAutoReport    uploaded   R D V . S P
GetAutoReport    own        . D V . S P
GetAutoReport    sent       . D V . S P
GetAutoReport    foreign    . . . . . P
RequestInterpretation uploaded . D . . . P
RequestInterpretation own      . D . . . P
RequestInterpretation sent     . D . . . P
RequestInterpretation foreign  . . . . . P
SaveConclusion   uploaded   . D . . . P
SaveConclusion   own        . D . . . P
SaveConclusion   sent       . D . . . P
SaveConclusion   foreign    . . . . . P
ListConclusions  uploaded   R D V . S P
ListConclusions  own        . D V . S P
ListConclusions  sent       . D V . S P
ListConclusions  foreign    . . . . . P
SendExam         uploaded   . D . . . P
SendExam         own        . D . . . P
SendExam         sent       . . . . . P
SendExam         foreign    . . . . . P
ListArchives     own        R D V A S P
ListArchives     foreign    . . . . . P
ListHcfs         own        R D V A S P
ListHcfs         foreign    R D V A S P
ListAccounts     own        . . . A . P
ListAccounts     foreign    . . . . . P
Subscribe        uploaded   R D V . S P
Subscribe        own        . D V . S P
Subscribe        sent       . D V . S P
Subscribe        foreign    . . . . . P
Unsubscribe      -          R D V . S P
CreateOrder      -          . D . . S P
FindOrders       own        R D V . S P
FindOrders       foreign    . . . . . P
TakeOrder        own        R D . . . P
TakeOrder        foreign    . . . . . P
ReleaseOrder     own        R D . . . P
ReleaseOrder     foreign    . . . . . P
"""

ROWS = [line.split() for line in MATRIX.strip().splitlines()[1:]]
CASES = [
    pytest.param(name, whose, role, letter != ".", id=f"{name}-{whose}-{role.name.lower()}")
    for name, whose, *letters in ROWS
    for role, letter in zip(ROLES, letters, strict=True)
]
REQUEST_TYPES = {request.__name__: request for request, _ in m.REQUESTS.values()}


def allowed_somewhere(name: str, role: Role) -> bool:
    column = 2 + ROLES.index(role)
    return any(row[column] != "." for row in ROWS if row[0] == name)


# ---------------------------------------------------------------- the tables


def test_every_request_has_a_decision_and_rows_in_the_matrix() -> None:
    assert set(DECISIONS) == set(REQUEST_TYPES.values())
    assert {row[0] for row in ROWS} == set(REQUEST_TYPES)


def test_every_role_is_decided_upon() -> None:
    assert set(EXAM_REACH) == set(ROLES) == set(Role)


@pytest.mark.parametrize("name", REQUEST_TYPES)
def test_the_decision_of_each_request_is_the_matrix_s(name: str) -> None:
    for role in ROLES:
        assert may(Actor(1, "x", role, 1), REQUEST_TYPES[name]) is allowed_somewhere(name, role), role


def test_without_a_login_only_the_connection_s_own_requests_are_allowed() -> None:
    assert {name for name, request in REQUEST_TYPES.items() if may(None, request)} == {
        "Hello",
        "Login",
        "Ping",
    }
    assert {t.__name__ for t, d in DECISIONS.items() if d.stage is Stage.HELLO} == {"Hello", "Login", "Ping"}


def test_a_request_without_a_decision_is_refused_to_everybody() -> None:
    class Invented:
        pass

    for role in ROLES:
        assert not may(Actor(1, "x", role, 1), Invented)
        with pytest.raises(AccessDenied):
            access.require(Actor(1, "x", role, 1), Invented)


# ---------------------------------------------------------------- the functions that answer


@dataclass
class Scene:
    """Two facilities with exams between them, and everything that answers requests."""

    database: Database
    world: World
    archive: Archive
    ingest: Ingest
    authenticator: Authenticator
    accounts: dict[Role, Actor]
    exams: dict[str, m.ExamStored]
    orders: dict[str, int]

    def hcf(self, whose: str) -> int:
        return self.world.hcf_b if whose in ("sent", "foreign") else self.world.hcf_a

    def archive_id(self, whose: str) -> int:
        return self.world.archive_b if whose == "foreign" else self.world.archive_a

    def exam_id(self, whose: str) -> int:
        return self.exams[whose].exam_id


PASSWORD = "тёплый-чайник-19"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("access")
    database = migrated(f"sqlite:///{folder}/cardioserver.db")
    ids = IdGenerator(1)
    world = World(database)
    bank = Bank(folder / "bank")
    journal = Journal(database, folder / "audit.waiting")
    snapshot = DirectorySnapshot(folder / "directory.json")
    accounts = Accounts(database, ids)
    actors = {}
    for role in ROLES:
        added = accounts.add(NewAccount(role.name, role, world.hcf_a), PASSWORD)
        actors[role] = Actor(added.account_id, added.login, role, world.hcf_a)
    snapshot.refresh(database)
    ingest = Ingest(database, bank, snapshot, ids)
    colleague = Actor(world.recorder_a, "colleague", Role.RECORDER, world.hcf_a)
    stranger = Actor(world.recorder_b, "stranger", Role.RECORDER, world.hcf_b)
    exams = {
        whose: ingest.store(
            recorder,
            examples.upload(examples.exam(number=whose, archive_id=None), samples=50),
        ).result(30)
        for whose, recorder in (
            ("uploaded", actors[Role.RECORDER]),
            ("own", colleague),
            ("sent", stranger),
            ("foreign", stranger),
        )
    }
    world.send(exams["sent"].exam_id, world.hcf_b, world.hcf_a)
    orders = {"own": world.order(world.hcf_a), "foreign": world.order(world.hcf_b)}
    yield Scene(
        database,
        world,
        Archive(database, bank, ids, journal, subscriptions=(SUBSCRIPTION,)),
        ingest,
        Authenticator(database, snapshot, ids, journal),
        actors,
        exams,
        orders,
    )
    ingest.close()
    database.close()


def reads(make: Callable[[int], object]) -> Callable[[Scene, Actor, str], None]:
    """A request about one exam."""

    def ask(scene: Scene, actor: Actor, whose: str) -> None:
        reply = scene.archive.handle(actor, make(scene.exam_id(whose)), "192.0.2.1")
        assert type(reply) is dict(m.REQUESTS.values())[type(make(0))]

    return ask


def finds(
    make: Callable[[Scene], object],
    shown: Callable[[Any], set[Any]],
    wanted: Callable[[Scene, str], object],
) -> Callable[[Scene, Actor, str], None]:
    """A request for a list, which is refused if what it is about does not stand in the list."""

    def ask(scene: Scene, actor: Actor, whose: str) -> None:
        reply = scene.archive.handle(actor, make(scene), "192.0.2.1")
        if wanted(scene, whose) not in shown(reply):
            raise NotFound("not in the list")

    return ask


def order(make: Callable[[int], object]) -> Callable[[Scene, Actor, str], None]:
    def ask(scene: Scene, actor: Actor, whose: str) -> None:
        order_id = scene.world.order(scene.hcf(whose))
        if make is m.ReleaseOrder:
            taken = {"status": int(m.OrderStatus.TAKEN), "taken_by_account_id": actor.account_id}
            table = schema.ecg_order
            with scene.database.write() as connection:
                connection.execute(table.update().where(table.c.order_id == order_id).values(taken))
        assert isinstance(scene.archive.handle(actor, make(order_id), ""), m.Order)

    return ask


def upload(scene: Scene, actor: Actor, whose: str) -> None:
    message = examples.upload(examples.exam(archive_id=scene.archive_id(whose)), samples=50)
    assert not scene.ingest.store(actor, message).result(30).already_stored


def begin(scene: Scene, actor: Actor, whose: str) -> m.Upload:
    message = examples.upload(examples.exam(archive_id=scene.archive_id(whose)), samples=50)
    scene.ingest.begin(actor, examples.begin(message))
    return message


def chunk(scene: Scene, actor: Actor, whose: str) -> m.Upload:
    recorder = scene.accounts[Role.RECORDER]
    message = begin(scene, recorder, whose)
    scene.ingest.chunk(actor, m.UploadChunk(message.exam.uuid, 0, message.data))
    return message


def commit(scene: Scene, actor: Actor, whose: str) -> None:
    message = chunk(scene, scene.accounts[Role.RECORDER], whose)
    scene.ingest.commit(actor, m.UploadCommit(message.exam.uuid)).result(30)


def abort(scene: Scene, actor: Actor, whose: str) -> None:
    message = begin(scene, scene.accounts[Role.RECORDER], whose)
    scene.ingest.abort(actor, m.UploadAbort(message.exam.uuid))


def subscribe(scene: Scene, actor: Actor, whose: str) -> None:
    """By both ways in which a subscriber gets events, which must agree."""
    access.require(actor, m.Subscribe)
    exam_id = scene.exam_id(whose)
    with scene.database.read() as connection:
        caught_up = events.events_after(connection, actor, ~EventKind(0), 0, 1000)
        announced = events.announcements_after(connection, 0, 1000)
    pushed = tuple(a.event for a in announced if access.hears(actor, a.audience))
    assert caught_up == pushed
    if exam_id not in {event.exam_id for event in caught_up}:
        raise NotFound("no such event")


def login(scene: Scene, actor: Actor, whose: str) -> None:
    assert scene.authenticator.login(actor.login, PASSWORD, "192.0.2.1")[1] == actor


def change_password(scene: Scene, actor: Actor, whose: str) -> None:
    access.require(actor, m.ChangePassword)
    for old, new in ((PASSWORD, PASSWORD[::-1]), (PASSWORD[::-1], PASSWORD)):
        scene.authenticator.change_password(actor, m.ChangePassword(old, new), "192.0.2.1")


def only_by_the_table(request: type) -> Callable[[Scene, Actor, str], None]:
    """Requests that the server answers by itself, about nobody's data."""

    def ask(scene: Scene, actor: Actor, whose: str) -> None:
        access.require(actor, request)

    return ask


ASK: dict[str, Callable[[Scene, Actor, str], object]] = {
    "Hello": only_by_the_table(m.Hello),
    "Login": login,
    "Ping": only_by_the_table(m.Ping),
    "Logout": only_by_the_table(m.Logout),
    "ChangePassword": change_password,
    "UploadBegin": begin,
    "UploadChunk": chunk,
    "UploadCommit": commit,
    "UploadAbort": abort,
    "Upload": upload,
    "FindPatients": finds(
        lambda scene: m.FindPatients(limit=1000),
        lambda reply: {(p.patient.number) for p in reply.patients},
        lambda scene, whose: whose,
    ),
    "FindExams": finds(
        lambda scene: m.FindExams(limit=1000),
        lambda reply: {e.exam_id for e in reply.exams},
        lambda scene, whose: scene.exam_id(whose),
    ),
    "GetExam": reads(m.GetExam),
    "GetSignal": reads(m.GetSignal),
    "GetAutoReport": reads(m.GetAutoReport),
    "RequestInterpretation": reads(m.RequestInterpretation),
    "SaveConclusion": reads(lambda exam_id: m.SaveConclusion(exam_id, uuid.uuid4(), "Норма")),
    "ListConclusions": reads(m.ListConclusions),
    "SendExam": lambda scene, actor, whose: scene.archive.handle(
        actor, m.SendExam(scene.exam_id(whose), scene.world.hcf("C" + uuid.uuid4().hex)), ""
    ),
    "ListArchives": finds(
        lambda scene: m.ListArchives(),
        lambda reply: {a.archive_id for a in reply.archives},
        lambda scene, whose: scene.archive_id(whose),
    ),
    "ListHcfs": finds(
        lambda scene: m.ListHcfs(),
        lambda reply: {h.hcf_id for h in reply.hcfs},
        lambda scene, whose: scene.hcf(whose),
    ),
    "ListAccounts": lambda scene, actor, whose: scene.archive.handle(
        actor, m.ListAccounts(scene.hcf(whose)), ""
    ),
    "Subscribe": subscribe,
    "Unsubscribe": only_by_the_table(m.Unsubscribe),
    "CreateOrder": lambda scene, actor, whose: scene.archive.handle(actor, m.CreateOrder(Patient("P-1")), ""),
    "FindOrders": finds(
        lambda scene: m.FindOrders(limit=1000),
        lambda reply: {o.order_id for o in reply.orders},
        lambda scene, whose: scene.orders[whose],
    ),
    "TakeOrder": order(m.TakeOrder),
    "ReleaseOrder": order(m.ReleaseOrder),
}


@pytest.mark.parametrize(("name", "whose", "role", "allowed"), CASES)
def test_requests_are_answered_as_the_matrix_says(
    scene: Scene, name: str, whose: str, role: Role, allowed: bool
) -> None:
    actor = scene.accounts[role]
    if allowed:
        ASK[name](scene, actor, whose)
    else:
        with pytest.raises((AccessDenied, NotFound)):
            ASK[name](scene, actor, whose)


def test_every_request_that_the_archive_answers_is_asked_through_it() -> None:
    asked_otherwise = {
        "Hello", "Login", "Ping", "Logout", "ChangePassword", "UploadBegin", "UploadChunk", "UploadCommit",
        "UploadAbort", "Upload", "Subscribe", "Unsubscribe",
    }  # fmt: skip
    answered = set(REQUEST_TYPES) - asked_otherwise
    assert answered == {t.__name__ for t in _answered()}


def _answered() -> frozenset[type]:
    return Archive(None, None, None, None).answered  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    ["GetExam", "GetSignal", "ListConclusions", "GetAutoReport", "RequestInterpretation", "SaveConclusion"],
)
def test_a_foreign_exam_and_none_at_all_look_the_same(scene: Scene, name: str) -> None:
    make: Any = REQUEST_TYPES[name]
    arguments = (uuid.uuid4(), "Норма") if name == "SaveConclusion" else ()
    answers = set()
    for exam_id in (scene.exam_id("foreign"), 4242):
        with pytest.raises(NotFound) as caught:
            scene.archive.handle(scene.accounts[Role.DOCTOR], make(exam_id, *arguments), "")
        answers.add((caught.value.code, caught.value.text_en, caught.value.detail, caught.value.retry_after))
    assert len(answers) == 1


def test_reads_and_refusals_are_journalled(scene: Scene) -> None:
    for exam_id, actor in (
        (scene.exam_id("own"), scene.accounts[Role.DOCTOR]),
        (scene.exam_id("foreign"), scene.accounts[Role.DOCTOR]),
        (scene.exam_id("own"), scene.accounts[Role.ADMINISTRATOR]),
    ):
        with suppress(AccessDenied, NotFound):
            scene.archive.handle(actor, m.GetSignal(exam_id), "203.0.113.77")
    with scene.database.read() as connection:
        page = audit.search(connection, AuditQuery(address="203.0.113.77"))
    assert [(entry.login, entry.outcome) for entry in reversed(page.entries)] == [
        ("doctor", "ok"), ("doctor", "not_found"), ("administrator", "access_denied"),
    ]  # fmt: skip


def test_an_exam_that_was_sent_on_stays_where_it_was_sent(scene: Scene) -> None:
    """A consultant reads and concludes, but hands nothing on to a third facility."""
    third = scene.world.hcf("third")
    doctor = scene.accounts[Role.DOCTOR]
    with pytest.raises(AccessDenied):
        scene.archive.handle(doctor, m.SendExam(scene.exam_id("sent"), third), "")
    with pytest.raises(NotFound):
        scene.archive.handle(Actor(1, "x", Role.DOCTOR, third), m.GetExam(scene.exam_id("sent")), "")


# ---------------------------------------------------------------- the clauses, on both databases


def test_the_clauses_select_what_the_matrix_shows(database: Database) -> None:
    world = World(database)
    recorder = world.account(world.hcf_a)
    home = {"uploaded": world.hcf_a, "own": world.hcf_a, "sent": world.hcf_b, "foreign": world.hcf_b}
    patients = {whose: world.patient(hcf_id) for whose, hcf_id in home.items()}
    exams = {
        "uploaded": world.exam(world.hcf_a, recorder, patients["uploaded"]),
        "own": world.exam(world.hcf_a, world.recorder_a, patients["own"]),
        "sent": world.exam(world.hcf_b, world.recorder_b, patients["sent"]),
        "foreign": world.exam(world.hcf_b, world.recorder_b, patients["foreign"]),
    }
    world.send(exams["sent"], world.hcf_b, world.hcf_a)
    orders = {"own": world.order(world.hcf_a), "foreign": world.order(world.hcf_b)}
    archives = {"own": world.archive_a, "foreign": world.archive_b}
    accounts = {"own": world.recorder_a, "foreign": world.recorder_b}

    def visible(table: Table, clause: ColumnElement[bool], named: dict[str, int]) -> set[str]:
        with database.read() as connection:
            ids = set(connection.scalars(select(next(iter(table.primary_key))).where(clause)))
        return {whose for whose, number in named.items() if number in ids}

    def of_matrix(name: str, role: Role) -> set[str]:
        return {row[1] for row in ROWS if row[0] == name and row[2 + ROLES.index(role)] != "."}

    for role in ROLES:
        actor = Actor(recorder, "x", role, world.hcf_a)
        assert visible(schema.exam, access.visible_exams(actor), exams) == of_matrix("GetExam", role)
        sendable = visible(schema.exam, access.sendable_exams(actor), exams)
        if may(actor, m.SendExam):
            assert sendable == of_matrix("SendExam", role)
        seen = visible(schema.patient, access.visible_patients(actor), patients) - {"uploaded"}
        assert seen == of_matrix("FindPatients", role)
        assert visible(schema.ecg_order, access.visible_orders(actor), orders) == of_matrix(
            "FindOrders", role
        )
        assert visible(schema.archive, access.visible_archives(actor), archives) == of_matrix(
            "ListArchives", role
        )
        assert visible(schema.account, access.visible_accounts(actor), accounts) == of_matrix(
            "ListAccounts", role
        )


def test_a_recorder_that_moved_to_another_facility_left_its_exams_behind(database: Database) -> None:
    world = World(database)
    recorder = world.account(world.hcf_b)
    exam = world.exam(world.hcf_a, recorder)
    with database.read() as connection:
        rows = select(schema.exam.c.exam_id)
        here = rows.where(access.visible_exams(Actor(recorder, "x", Role.RECORDER, world.hcf_a)))
        moved = rows.where(access.visible_exams(Actor(recorder, "x", Role.RECORDER, world.hcf_b)))
        assert connection.scalars(here).all() == [exam]
        assert connection.scalars(moved).all() == []


@pytest.mark.parametrize("role", ROLES)
def test_who_manages_a_facility(role: Role) -> None:
    actor = Actor(1, "x", role, 5)
    assert access.may_manage(actor, 5) is (role in (Role.ADMINISTRATOR, Role.SUPER_ADMINISTRATOR))
    assert access.may_manage(actor, 6) is (role is Role.SUPER_ADMINISTRATOR)


def test_orders_of_consulted_exams_stay_at_home() -> None:
    audience = access.Audience(EventKind.ORDER, 1, 0, frozenset({2}))
    assert access.hears(Actor(1, "x", Role.DOCTOR, 1), audience)
    assert not access.hears(Actor(1, "x", Role.DOCTOR, 2), audience)
