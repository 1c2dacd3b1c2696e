"""Options that many commands share, and how a command gets what is made from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Result = TypeVar("Result")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="File whose first line is the password. Without it: CARDIOSERVER_PASSWORD, or a prompt.",
    ),
]
HcfFilter = Annotated[
    int, typer.Option("--hcf", metavar="HCF_ID", help="Only of this HCF.", show_default=False)
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, help="Most rows to show.")]


class LanguageName(StrEnum):
    """Languages for people."""

    RU = "ru"
    EN = "en"


def provided_by(provider: Callable[..., Any]) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a command, as its first parameter, what *provider* makes; the provider's options become its own.

    May be applied more than once: the innermost gives the first parameter.

    ::

        def connection(host: Annotated[str, typer.Option()] = "localhost") -> Server: ...

        @provided_by(connection)
        def ping(server: Server, count: int) -> None: ...   # has --host and --count
    """
    provider_hints = get_type_hints(provider, include_extras=True)
    provided = inspect.signature(provider).parameters.values()

    def decorate(command: Callable[..., Result]) -> Callable[..., Result]:
        own = list(inspect.signature(command).parameters.values())[1:]
        own_hints = get_type_hints(command, include_extras=True)

        def wrapper(*made: Any, **given: Any) -> Result:
            provided_here = {parameter.name: given.pop(parameter.name) for parameter in provided}
            return command(provider(**provided_here), *made, **given)

        parameters = [
            parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for group, hints in ((own, own_hints), (provided, provider_hints))
            for parameter in group
        ]
        wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return wrapper

    return decorate
