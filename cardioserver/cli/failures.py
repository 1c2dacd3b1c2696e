"""From exceptions to what a person reads and the exit status."""

from __future__ import annotations

import errno

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.language import Phrase


def explain(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    """What to say about an error; ``None``: it is a fault of this program."""
    if isinstance(error, Failure):
        return error.phrase, error.code
    if isinstance(error, OSError):
        return _of_system(error), ExitCode.FAILED
    for of_room in (_of_client, _of_protocol, _of_archive, _of_settings, _of_ecg):
        said_and_code = of_room(error)
        if said_and_code is not None:
            return said_and_code
    return None


def _of_system(error: OSError) -> Phrase:
    said = error.strerror or type(error).__name__
    place = f"{error.filename}: " if error.filename else ""
    return Phrase(place + said, place + _SYSTEM_RU.get(error.errno or 0, said))


_SYSTEM_RU = {
    errno.ENOENT: "нет такого файла или каталога",
    errno.EACCES: "нет прав доступа",
    errno.EPERM: "операция не разрешена",
    errno.EEXIST: "файл уже есть",
    errno.EISDIR: "это каталог, а не файл",
    errno.ENOTDIR: "это не каталог",
    errno.ENOSPC: "на диске нет места",
    errno.EROFS: "диск только для чтения",
    errno.ENAMETOOLONG: "слишком длинное имя файла",
    errno.EMFILE: "открыто слишком много файлов",
    errno.EADDRINUSE: "адрес уже занят",
}
"""What the system says, in the order in which people meet it."""


def _of_client(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    from cardioserver.client import errors

    if not isinstance(error, errors.ClientError):
        return None
    phrase = Phrase(error.say("en"), error.say("ru"))
    if isinstance(
        error, errors.ConnectError | errors.ConnectionLost | errors.ReplyTimeout | errors.Unavailable
    ):
        return phrase, ExitCode.UNREACHABLE
    if isinstance(error, errors.LoginRejected | errors.NotAllowed):
        return phrase, ExitCode.REFUSED
    return phrase, ExitCode.FAILED


def _of_protocol(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    from cardioserver.protocol.errors import LocalProtocolError

    if not isinstance(error, LocalProtocolError):
        return None
    return Phrase(f"This cannot be sent: {error}.", f"Это нельзя передать: {error}."), ExitCode.FAILED


def _of_archive(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    from cardioserver.archive.errors import ArchiveError, DatabaseUnavailable

    if not isinstance(error, ArchiveError):
        return None
    note = f" ({error.note})" if error.note else ""
    unreachable = isinstance(error, DatabaseUnavailable)
    code = ExitCode.UNREACHABLE if unreachable else ExitCode.FAILED
    return Phrase(error.text_en + note, error.text_ru + note), code


def _of_settings(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    from cardioserver.server.process import StartError
    from cardioserver.settings import ConfigError

    if isinstance(error, ConfigError):
        return Phrase(error.say("en"), error.say("ru")), ExitCode.CONFIGURATION
    if isinstance(error, StartError):
        return error.phrase, ExitCode.CONFIGURATION
    return None


def _of_ecg(error: BaseException) -> tuple[Phrase, ExitCode] | None:
    from cardioserver.ecg.errors import EcgError, FormatError, InvalidField
    from cardioserver.protocol.texts import error_of

    if isinstance(error, InvalidField):
        told = error_of(error)
        return Phrase(told.text_en, told.text_ru), ExitCode.FAILED
    if isinstance(error, FormatError):
        return error.phrase, ExitCode.FAILED
    if isinstance(error, EcgError):
        return Phrase(str(error), f"запись повреждена: {error}"), ExitCode.FAILED
    return None
