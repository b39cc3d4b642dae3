# SPDX-License-Identifier: Apache-2.0
"""Printing bytes, which CPUs there are, and texts in expressions."""
import os
import re
import sys

from pilus.cpus import get_online_cpus, get_possible_cpus
from pilus.text import to_bytes

__all__ = ["ArgString", "FILESYSTEMENCODING", "StrcmpRewrite", "detect_language", "get_online_cpus", "get_possible_cpus",
           "printb"]

FILESYSTEMENCODING = sys.getfilesystemencoding()


def printb(text, file=sys.stdout, nl=True):
    """Text or bytes, as they are."""
    file.flush()
    data = text if isinstance(text, bytes) else str(text).encode(errors="surrogateescape")
    file.buffer.write(data + (b"\n" if nl else b""))
    file.buffer.flush()


def detect_language(candidates, pid):
    """Which of the languages a process is written in, by its program's name; None: none of them."""
    name = os.path.basename(os.path.realpath(f"/proc/{pid}/exe"))
    return next((language for language in candidates if name.startswith(language)), None)


class ArgString:
    """A word of the command line as text and as bytes; for argparse's type=."""

    def __init__(self, arg):
        self.bytestr, self.unicodestr = to_bytes(arg), os.fsdecode(arg)

    def __bytes__(self):
        return self.bytestr

    def __str__(self):
        return self.unicodestr


class StrcmpRewrite:
    """For STRCMP("text", address) in expressions, which C has not: calls of functions that are written for it."""
    _CALL = re.compile(r'STRCMP\(\s*"([^"]+)"\s*,\s*(.+?)\)')

    @classmethod
    def rewrite_expr(cls, expr, bin_cmp, is_user, probe_user_list, streq_functions, probeid):
        """
        {"expr", "streq_functions": C to put before it, after what there is already, "probeid": the next function's number}.
        bin_cmp: the text is the values of bytes, with commas. Addresses are surely a process's if is_user, or in
        probe_user_list.
        """
        functions = [streq_functions]

        def call(match):
            nonlocal probeid
            text, address = match.groups()
            name, read = f"streq_{probeid}", "read_user" if is_user or address.strip() in probe_user_list else "read"
            wanted = f"{{{text}, 0}}" if bin_cmp else f'"{text}"'
            functions.append(f"""
static inline bool {name}(const void *address)
{{
	char wanted[] = {wanted}, found[sizeof(wanted)] = {{}};
	bool same = !bpf_probe_{read}(found, sizeof(found) - 1, address);

	for (int i = 0; same && i < sizeof(wanted) - 1; i++)
		same = wanted[i] == found[i];
	return same;
}}
""")
            probeid += 1
            return f"{name}((void *)({address}))"
        expr = cls._CALL.sub(call, expr)
        return {"expr": expr, "streq_functions": "".join(functions), "probeid": probeid}
