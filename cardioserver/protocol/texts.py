"""What error codes say to people, in English and Russian."""

from __future__ import annotations

import re

from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol.errors import BrokenFrame, MalformedMessage
from cardioserver.protocol.messages import Error, ErrorCode

TEXTS: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.BAD_MAGIC: (
        "This is not the Cardioserver protocol; check the address, the port and whether TLS is expected.",
        "Это не протокол Кардиосервера; проверьте адрес, порт и нужен ли TLS.",
    ),
    ErrorCode.BAD_CRC: (
        "The data were damaged on the way; connect again and repeat.",
        "Данные повреждены при передаче; подключитесь снова и повторите.",
    ),
    ErrorCode.FRAME_TOO_LARGE: (
        "The frame is larger than the server's limit; send the exam in smaller chunks.",
        "Кадр больше допустимого сервером; передайте обследование меньшими фрагментами.",
    ),
    ErrorCode.UNSUPPORTED_VERSION: (
        "The server does not speak this version of the protocol; update the older side.",
        "Сервер не поддерживает эту версию протокола; обновите более старую сторону.",
    ),
    ErrorCode.TIMEOUT: (
        "Nothing was heard for too long; connect again.",
        "Слишком долго ничего не приходило; подключитесь снова.",
    ),
    ErrorCode.TOO_MANY_CONNECTIONS: (
        "The server has as many connections as it takes; try again later.",
        "Достигнут предел числа подключений к серверу; повторите позже.",
    ),
    ErrorCode.SHUTTING_DOWN: (
        "The server is stopping; connect again later.",
        "Сервер останавливается; подключитесь позже.",
    ),
    ErrorCode.BAD_HEADER: (
        "The frame's header contradicts the protocol; this is a fault of the program that sent it.",
        "Заголовок кадра противоречит протоколу; это ошибка отправившей программы.",
    ),
    ErrorCode.DUPLICATE_REQUEST: (
        "A request used the number of one not yet answered; this is a fault of the program that sent it.",
        "Запрос повторяет номер ещё не отвеченного; это ошибка отправившей программы.",
    ),
    ErrorCode.SESSION_ENDED: (
        "The account was disabled or its password changed; connect and log in again.",
        "Учётная запись отключена или её пароль изменён; подключитесь и войдите снова.",
    ),
    ErrorCode.UNKNOWN_MESSAGE: (
        "The server does not know this message; update the server or do without.",
        "Сервер не знает такого сообщения; обновите сервер или обойдитесь без него.",
    ),
    ErrorCode.MALFORMED_MESSAGE: (
        "The message cannot be read; this is a fault of the program that sent it.",
        "Сообщение не читается; это ошибка отправившей программы.",
    ),
    ErrorCode.INVALID_FIELD: (
        "A field holds an impossible value; correct it and send again.",
        "Поле содержит невозможное значение; исправьте его и повторите.",
    ),
    ErrorCode.UNEXPECTED_MESSAGE: (
        "This message may not come now: it was sent before, or needs a capability not agreed in the hello.",
        "Это сообщение сейчас недопустимо: оно уже было или требует не согласованной возможности.",
    ),
    ErrorCode.HELLO_REQUIRED: (
        "The first message of a connection must be Hello.",
        "Первым сообщением соединения должно быть Hello.",
    ),
    ErrorCode.LOGIN_REQUIRED: ("Log in first.", "Сначала войдите в систему."),
    ErrorCode.ALREADY_LOGGED_IN: (
        "This connection is logged in already; log out first.",
        "В этом соединении вход уже выполнен; сначала выйдите.",
    ),
    ErrorCode.LOGIN_FAILED: ("Wrong login or password.", "Неверный логин или пароль."),
    ErrorCode.LOGIN_THROTTLED: (
        "Too many failed logins; wait and try again.",
        "Слишком много неудачных попыток входа; подождите и повторите.",
    ),
    ErrorCode.WEAK_PASSWORD: (
        "The password is too weak: at least 10 characters, not the login.",
        "Слишком слабый пароль: нужно не менее 10 символов и не логин.",
    ),
    ErrorCode.ACCESS_DENIED: (
        "This account may not do that.",
        "У этой учётной записи нет права на это действие.",
    ),
    ErrorCode.NOT_FOUND: ("Not found.", "Не найдено."),
    ErrorCode.CONFLICT: (
        "Somebody else has already changed this.",
        "Это уже изменено кем-то другим.",
    ),
    ErrorCode.NOT_OFFERED: (
        "This server does not do that: it is switched off in its configuration.",
        "Этот сервер такого не делает: в его настройках это выключено.",
    ),
    ErrorCode.UPLOAD_UNKNOWN: (
        "No upload with this exam UUID was begun; begin it again.",
        "Передача обследования с таким UUID не начата; начните её заново.",
    ),
    ErrorCode.UPLOAD_OFFSET: (
        "The chunk does not continue the upload; go on from the offset in the error.",
        "Фрагмент не продолжает передачу; продолжите с указанной в ошибке позиции.",
    ),
    ErrorCode.UPLOAD_INCOMPLETE: (
        "The upload is not complete; send the rest and commit again.",
        "Передача не завершена; передайте остаток и завершите снова.",
    ),
    ErrorCode.DIGEST_MISMATCH: (
        "The samples differ from the announced SHA-256; send them again.",
        "Отсчёты не совпадают с объявленной суммой SHA-256; передайте их заново.",
    ),
    ErrorCode.UUID_REUSED: (
        "This exam UUID already names another exam.",
        "Этот UUID уже принадлежит другому обследованию.",
    ),
    ErrorCode.TOO_MANY_REQUESTS: (
        "Too many requests without a reply on this connection; wait for replies.",
        "Слишком много запросов без ответа в этом соединении; дождитесь ответов.",
    ),
    ErrorCode.BUSY: ("The server is busy; try again later.", "Сервер занят; повторите позже."),
    ErrorCode.STORAGE_FULL: (
        "No room in the cardiobank; keep the exam and send it later.",
        "В кардиобанке нет места; сохраните обследование и передайте позже.",
    ),
    ErrorCode.DATABASE_UNAVAILABLE: (
        "The database does not answer; try again later.",
        "База данных не отвечает; повторите позже.",
    ),
    ErrorCode.DAMAGED_EXAM: (
        "The exam's file in the cardiobank is damaged; tell the administrator.",
        "Файл обследования в кардиобанке повреждён; сообщите администратору.",
    ),
    ErrorCode.INTERNAL: (
        "The server failed; the failure is in its log.",
        "Сбой сервера; подробности в его журнале.",
    ),
}
"""Error code → (English, Russian)."""

_NUMBER = r"(-?[\d.]+(?:e\+\d+)?)"
_ALLOWED_RU: tuple[tuple[str, str], ...] = (
    (rf"{_NUMBER} to {_NUMBER} Hz", r"от \1 до \2 Гц"),
    (rf"{_NUMBER} to {_NUMBER} leads", r"от \1 до \2 отведений"),
    (rf"{_NUMBER} to {_NUMBER}", r"от \1 до \2"),
    (rf"at least {_NUMBER}", r"не менее \1"),
    (rf"at most {_NUMBER} characters", r"не более \1 символов"),
    (r"([\d-]+) or later", r"не раньше \1"),
    (rf"{_NUMBER} bytes of samples for this format", r"\1 байт отсчётов при таком формате"),
    (rf"{_NUMBER} bytes in all, as announced", r"всего \1 байт, как объявлено"),
    (rf"{_NUMBER} leads of {_NUMBER} samples of {_NUMBER} bits", r"\1 отведений по \2 отсчётов по \3 бит"),
    (rf"at most {_NUMBER} bytes of samples", r"не более \1 байт отсчётов"),
    (r"16 or 32", "16 или 32"),
    (r"a UUID other than the nil UUID", "UUID, отличный от нулевого"),
    (r"a lead name such as I, aVR, V1", "название отведения, например I, aVR, V1"),
    (r"a positive number of µV per count", "положительное число мкВ на единицу отсчёта"),
    (r"a time with an offset from UTC", "время со смещением от UTC"),
    (r"an offset from UTC of at most 14 hours", "смещение от UTC не более 14 часов"),
    (r"a time in the years (\d+) to (\d+)", r"время в годах с \1 по \2"),
    (r"a day of the calendar", "существующая дата"),
    (r"finite numbers|a finite number", "конечное число"),
    (r"a known (\w+) code", r"известный код \1"),
    (r"ascending sample numbers", "номера отсчётов по возрастанию"),
    (r"each lead once", "каждое отведение один раз"),
    (r"leads of this signal", "отведения этого сигнала"),
    (r"not after the exam", "не позже обследования"),
    (r"not in the future", "не в будущем"),
    (r"not before exam\.started_at", "не раньше exam.started_at"),
    (r"one value for each lead", "по одному значению на отведение"),
    (r"sample numbers inside the signal", "номера отсчётов в пределах сигнала"),
    (r"start < stop inside the signal", "start < stop в пределах сигнала"),
    (r"text without control characters", "текст без управляющих символов"),
    (r"valid Unicode text", "правильный текст Юникода"),
    (rf"{_NUMBER} to {_NUMBER} characters without spaces", r"от \1 до \2 символов без пробелов"),
    (r"a time between the years (\d+) and (\d+)", r"время в годах с \1 по \2"),
    (
        r"(a cursor of an earlier page|the cursor of the page before, of the same search)",
        "курсор предыдущей страницы того же поиска",
    ),
    (r"a name", "имя"),
    (r"a number", "число"),
    (r"a text", "текст"),
    (r"(a sample|samples) inside the recording", "отсчёты в пределах записи"),
    (r"leads of the recording", "отведения этой записи"),
    (r"an HCF other than the exam's own", "учреждение, отличное от того, где снято обследование"),
    (
        r"an archive, or none if the HCF has a default archive",
        "архив; не указан — если у учреждения есть архив по умолчанию",
    ),
    (r"an exam's id, or its UUID in exam_uuid", "номер обследования или его UUID в exam_uuid"),
    (r"another patient", "другой пациент"),
)
"""What :attr:`InvalidField.allowed` says, as patterns → Russian."""


def error_message(code: ErrorCode, *, retry_after: int = 0, detail: int = 0) -> Error:
    """The message that tells of *code* with its plain texts."""
    text_en, text_ru = TEXTS[code]
    return Error(code, "", text_en, text_ru, retry_after, detail)


def error_of(error: BrokenFrame | MalformedMessage | InvalidField) -> Error:
    """The message that tells the peer what was wrong with what it sent."""
    if isinstance(error, BrokenFrame):
        return error_message(error.code)
    if isinstance(error, MalformedMessage):
        text_en, text_ru = TEXTS[ErrorCode.MALFORMED_MESSAGE]
        field = error.field
        if field:
            text_en, text_ru = f"{field}: {error.why}. {text_en}", f"{field}: ошибка в байтах поля. {text_ru}"
        return Error(ErrorCode.MALFORMED_MESSAGE, field, text_en, text_ru)
    return Error(
        ErrorCode.INVALID_FIELD,
        error.field,
        f"{error.field}: impossible value; allowed is {error.allowed}.",
        f"{error.field}: невозможное значение; допустимо: {_in_russian(error.allowed)}.",
    )


def _in_russian(allowed: str) -> str:
    for pattern, russian in _ALLOWED_RU:
        match = re.fullmatch(pattern, allowed)
        if match:
            return match.expand(russian)
    return allowed
