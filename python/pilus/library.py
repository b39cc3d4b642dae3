# SPDX-License-Identifier: Apache-2.0
"""libpilus as ctypes sees it: src/trace/pilus.h in Python's words. Nothing is built; the library is loaded."""
import ctypes
import os
import pathlib

from ctypes import POINTER, c_bool, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p


class Line(ctypes.Structure):
    _fields_ = [("ns", c_uint64), ("pid", c_uint32), ("cpu", c_uint32), ("comm", c_char * 16), ("text", c_char_p)]


class TableInfo(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("fd", c_int), ("type", c_uint32), ("key_size", c_uint32), ("value_size", c_uint32),
                ("max_entries", c_uint32), ("values", c_uint32), ("stride", c_uint32)]


class ProgramFacts(ctypes.Structure):
    _fields_ = [("instructions", c_uint32), ("processed", c_uint32), ("states", c_uint32), ("peak_states", c_uint32),
                ("stack_bytes", c_uint32), ("jited_bytes", c_uint32), ("verify_ns", c_uint64), ("load_ns", c_uint64),
                ("id", c_uint32), ("run_count", c_uint64), ("run_ns", c_uint64)]


EVENT = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_int, c_void_p, c_size_t, c_uint64)

KEY, VALUE, EVENT_TYPE = range(3)

# Name, result, arguments; Text is a malloc'ed string, which the wrapper frees.
Text = object()
MODULE = c_void_p
FUNCTIONS = [
    ("pilus_module_new", MODULE, []),
    ("pilus_module_free", None, [MODULE]),
    ("pilus_module_error", c_char_p, [MODULE]),
    ("pilus_module_details", c_char_p, [MODULE]),
    ("pilus_module_warnings", c_char_p, [MODULE]),
    ("pilus_module_add_flag", None, [MODULE, c_char_p]),
    ("pilus_module_set_cache", None, [MODULE, c_bool]),
    ("pilus_module_keep_log", None, [MODULE, c_bool]),
    ("pilus_module_open_text", c_int, [MODULE, c_char_p, c_char_p]),
    ("pilus_module_open_file", c_int, [MODULE, c_char_p]),
    ("pilus_module_program_count", c_size_t, [MODULE]),
    ("pilus_module_program_name", c_char_p, [MODULE, c_size_t]),
    ("pilus_module_program_probe", c_char_p, [MODULE, c_size_t]),
    ("pilus_module_program_facts", None, [MODULE, c_size_t, POINTER(ProgramFacts)]),
    ("pilus_module_program_log", c_char_p, [MODULE, c_size_t]),
    ("pilus_module_attach", c_int, [MODULE, c_char_p, c_char_p, c_int]),
    ("pilus_module_load", c_int, [MODULE, c_char_p, c_char_p]),
    ("pilus_module_attachment", c_char_p, [MODULE, c_size_t]),
    ("pilus_module_attachment_fd", c_int, [MODULE, c_size_t]),
    ("pilus_module_open_iterator", c_int, [MODULE, c_size_t]),
    ("pilus_module_detach", c_int, [MODULE, c_size_t]),
    ("pilus_module_next_line", c_int, [MODULE, c_int, POINTER(Line)]),
    ("pilus_module_lines_lost", c_uint64, [MODULE]),
    ("pilus_module_table_count", c_size_t, [MODULE]),
    ("pilus_module_table", None, [MODULE, c_size_t, POINTER(TableInfo)]),
    ("pilus_module_find_table", c_int, [MODULE, c_char_p, POINTER(TableInfo)]),
    ("pilus_table_get", c_int, [POINTER(TableInfo), c_void_p, c_void_p]),
    ("pilus_table_set", c_int, [POINTER(TableInfo), c_void_p, c_void_p, c_uint64]),
    ("pilus_table_delete", c_int, [POINTER(TableInfo), c_void_p]),
    ("pilus_table_take", c_int, [POINTER(TableInfo), c_void_p, c_void_p]),
    ("pilus_table_next", c_int, [POINTER(TableInfo), c_void_p, c_void_p]),
    ("pilus_table_read", c_int, [POINTER(TableInfo), c_void_p, c_void_p]),
    ("pilus_module_type", Text, [MODULE, c_char_p, c_int]),
    ("pilus_symbol", Text, [c_uint32, c_uint64, POINTER(c_uint64), c_char_p, c_size_t]),
    ("pilus_syscall_name", c_char_p, [c_uint32]),
    ("pilus_kernel_has_member", c_int, [c_char_p, c_char_p]),
    ("pilus_trace_folder", c_int, []),
    ("pilus_module_listen", c_int, [MODULE, c_char_p, c_size_t, EVENT, c_void_p]),
    ("pilus_module_wait", c_int, [MODULE, c_int]),
    ("pilus_module_interrupt", None, [MODULE]),
]


def find():
    """$PILUS_LIBRARY, the build beside these sources, or the system's."""
    built = pathlib.Path(__file__).resolve().parents[2] / "build/src/trace/libpilus.so.0"
    return os.environ.get("PILUS_LIBRARY") or (str(built) if built.exists() else "libpilus.so.0")


def text_function(function):
    free = ctypes.CDLL(None).free
    free.argtypes = [c_void_p]

    def call(*arguments):
        pointer = function(*arguments)
        if not pointer:
            return None
        try:
            return ctypes.string_at(pointer).decode(errors="replace")
        finally:
            free(pointer)
    return call


class Library:
    def __init__(self):
        library = ctypes.CDLL(find())
        for name, result, arguments in FUNCTIONS:
            function = getattr(library, name)
            function.restype = c_void_p if result is Text else result
            function.argtypes = arguments
            setattr(self, name.removeprefix("pilus_"), text_function(function) if result is Text else function)


lib = Library()
