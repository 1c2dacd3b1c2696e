"""The entry point of the ``cardioserver`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn, cast

from cardioserver.cli.exits import ExitCode
from cardioserver.cli.output import complain, language, speak
from cardioserver.language import Language, Phrase


def main() -> NoReturn:
    """Run the command that the arguments name and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns its exit status."""
    speak(_language(arguments))
    import typer

    from cardioserver.cli.commands import app
    from cardioserver.cli.help import prepare
    from cardioserver.cli.installation import program

    command = typer.main.get_command(app)
    prepare(command, language())
    name = program()
    try:
        status = command.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except typer.TyperException as error:
        return _wrong_usage(error, name)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:
        return _failed(error)
    return status if isinstance(status, int) else ExitCode.DONE


def _language(arguments: Sequence[str]) -> Language | None:
    """The language of --language, which the help needs before the arguments are parsed."""
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--language":
            value = value or " ".join(arguments[position + 1 : position + 2])
            return cast(Language, value) if value in ("en", "ru") else None
    return None


def _wrong_usage(error: Exception, program: str) -> int:
    from cardioserver.cli.help import usage_in_russian

    said = error.format_message().replace("Value error, ", "")  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":
        print(said)
        return ExitCode.USAGE
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else program
    complain(
        Phrase(
            f"{said}\nHelp: {path} --help",
            f"{usage_in_russian(said)}\nСправка: {path} --help",
        )
    )
    return ExitCode.USAGE


def _failed(error: Exception) -> int:
    from cardioserver.cli.failures import explain

    explained = explain(error)
    if explained is None:
        raise error
    phrase, code = explained
    complain(phrase)
    return code
