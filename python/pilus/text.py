# SPDX-License-Identifier: Apache-2.0
"""Text for programs of two ages: str for those of today, and where BCC's expect bytes, it can be taken for these."""


class Text(str):
    """A str that b"%s" % text, text.decode() and comparison with bytes take as well."""
    __slots__ = ()

    def __bytes__(self):
        return self.encode(errors="surrogateescape")

    def decode(self, encoding="utf-8", errors="strict"):
        return str(self)

    def __eq__(self, other):
        return bytes(self) == other if isinstance(other, bytes) else str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def to_text(value):
    """A str of a str, of bytes, or of nothing."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value or "")


def to_bytes(value):
    return value if isinstance(value, bytes) else str(value or "").encode(errors="surrogateescape")
