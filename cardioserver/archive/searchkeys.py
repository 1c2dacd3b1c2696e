"""Search keys: what makes «Ёлкин», «ЕЛКИН» and «елкин» one word.

A key is stored beside a text and compared by code point, so an index serves equality and prefixes on
every database, whatever its collations know of Cyrillic. A key is made by

1. Unicode NFC, so that й is one letter however it was typed (UAX #15),
2. full case folding (The Unicode Standard, 3.13), NFC again,
3. ё → е, as Russian registers write it; no other letter changes: Kazakh ә, ғ, қ, ң, ө, ұ, ү, һ, і differ
   from а, г, к, н, о, у, х, и,
4. all dashes → ``-``, all apostrophes → ``'``, runs of white space → one space, none at the ends,
5. cutting to :data:`KEY_LENGTH` characters.
"""

from __future__ import annotations

from unicodedata import normalize

KEY_LENGTH = 100
"""Characters of a key column."""

_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

_REPLACED = str.maketrans(
    {"ё": "е"}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u02bc`", "'")
)


def name_key(text: str) -> str:
    """The key of a name, or of the beginning of one."""
    folded = normalize("NFC", normalize("NFC", text).casefold())
    return " ".join(folded.translate(_REPLACED).split())[:KEY_LENGTH].rstrip()


def number_key(text: str) -> str | None:
    """The key of a patient's number: letter case counts, white space around and between does not.

    ``None`` if there is no number.
    """
    return " ".join(normalize("NFC", text).split()) or None


def digits_key(text: str) -> str:
    """The key of a number that people group as they like (SNILS ``112-233-445 95``): its digits."""
    return "".join(c for c in text if c.isdecimal())[:KEY_LENGTH]


def after_prefix(prefix: str) -> str | None:
    """The least text greater than all that begin with *prefix*; ``None`` if there is none.

    So ``prefix <= key < after_prefix(prefix)`` says "begins with" by code points, without LIKE and its
    wildcards.
    """
    for length in range(len(prefix), 0, -1):
        following = ord(prefix[length - 1]) + 1
        if following <= _LAST_CODE_POINT:
            # Surrogates are no characters: no text holds them.
            return prefix[: length - 1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
    return None
