"""Finds the names in Python source as `tokenize` does, also where `tokenize` is slow."""

from __future__ import annotations

import io
import re
import sys
import tokenize

# Up to Python 3.11 `tokenize` is written in Python and takes most of a minute for an installation
# with a few large packages. One regular expression finds the same names six times as fast; where
# it cannot be sure (a quote or a bracket without its partner), `tokenize` decides. The one thing
# that escapes it is a line dedented to no outer level, for which `tokenize` gives a file up.
_SCANNER = re.compile(
    r"""
      [^\w\#"'(){}[\]]+                                             # none of these, at one go
    | \#[^\r\n]*                                                    # a comment
    | (?: [rRbBfFuU] | [bBfF][rR] | [rR][bBfF] )?                   # a string, of one line ...
      (?: "(?!"") [^"\\\n]* (?: \\(?:\r\n|.) [^"\\\n]* )* "
        | '(?!'') [^'\\\n]* (?: \\(?:\r\n|.) [^'\\\n]* )* '
        | "{3} [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* "{3}      # ... or of several
        | '{3} [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* '{3} )
    | 0[xX](?:_?[0-9a-fA-F])+ | 0[bB](?:_?[01])+ | 0[oO](?:_?[0-7])+
    | [0-9](?:_?[0-9])* \.? (?:[0-9](?:_?[0-9])*)?                  # a number
      (?: [eE][+-]?[0-9](?:_?[0-9])* )? [jJ]?
    | ( \w+ | ["'(){}[\]] )                                         # a name, or a mark
    """,
    re.VERBOSE | re.DOTALL,
)
_MARKS = ("", *"[](){}\"'")


def names(source: bytes) -> list[str]:
    """Return every name in Python source, keywords included.

    Raises:
        UnicodeError: it is not in the encoding that it declares.
        LookupError: it declares an encoding that there is not, or none and is not UTF-8.
        tokenize.TokenError: it does not tokenize.
        SyntaxError: it does not tokenize, because of its indentation.
    """
    text = _decoded(source)
    if sys.version_info < (3, 12):
        found = _scanned(text)
        if found is not None:
            return found
    tokens = tokenize.tokenize(io.BytesIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.NAME]


def _decoded(source: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise LookupError(str(error)) from error
    return source.decode(encoding)


def _scanned(text: str) -> list[str] | None:
    """Return the names of a text, or None if only `tokenize` can tell."""
    found: list[str] = _SCANNER.findall(text)
    marks = [found.count(mark) for mark in "[](){}\"'"]
    if marks[0] != marks[1] or marks[2] != marks[3] or marks[4] != marks[5] or any(marks[6:]):
        return None
    return [word for word in found if word not in _MARKS]
