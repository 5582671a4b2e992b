"""Finds the names in Python source."""

from __future__ import annotations

import io
import tokenize


def names(source: bytes) -> list[str]:
    """Return every name in Python source, keywords included.

    Raises:
        UnicodeError: it is not in the encoding that it declares.
        LookupError: it declares an encoding that there is not, or none and is not UTF-8.
        tokenize.TokenError: it does not tokenize.
        SyntaxError: it does not tokenize, because of its indentation.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise LookupError(str(error)) from error
    text = io.StringIO(source.decode(encoding))
    name = tokenize.NAME
    return [token[1] for token in tokenize.generate_tokens(text.readline) if token[0] == name]
