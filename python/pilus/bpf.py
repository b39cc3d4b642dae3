# SPDX-License-Identifier: Apache-2.0
"""BPF(text=…): a program from text to events, with the names that BCC's Python module has."""
import collections.abc
import contextlib
import ctypes
import errno
import os
import platform
import re
import shutil
import subprocess
import sys
import time

from pilus import table as tables
from pilus.library import Line, ProgramFacts, TableInfo, lib
from pilus.text import Text, to_bytes, to_text

DEBUG_LLVM_IR, DEBUG_BPF, DEBUG_PREPROCESSOR, DEBUG_SOURCE, DEBUG_BPF_REGISTER_STATE, DEBUG_BTF = (1 << i for i in range(6))

# Of a wait without end: Python has its say in between, and a Ctrl-C that came just before one is heard after it.
SLICE_MS = 250


class PerfType:
    HARDWARE, SOFTWARE, TRACEPOINT, HW_CACHE, RAW, BREAKPOINT = range(6)


class PerfHWConfig:
    CPU_CYCLES, INSTRUCTIONS, CACHE_REFERENCES, CACHE_MISSES, BRANCH_INSTRUCTIONS, BRANCH_MISSES, BUS_CYCLES, \
        STALLED_CYCLES_FRONTEND, STALLED_CYCLES_BACKEND, REF_CPU_CYCLES = range(10)


class PerfSWConfig:
    CPU_CLOCK, TASK_CLOCK, PAGE_FAULTS, CONTEXT_SWITCHES, CPU_MIGRATIONS, PAGE_FAULTS_MIN, PAGE_FAULTS_MAJ, \
        ALIGNMENT_FAULTS, EMULATION_FAULTS, DUMMY, BPF_OUTPUT = range(11)


class Function:
    """A program by its name; it is loaded when it is attached, or when its descriptor is asked for."""

    # What a program of a kind would be attached to.
    PROBES = {1: "socket:lo", 2: "kprobe:do_exit", 3: "tc:lo:ingress", 4: "tc:lo:ingress", 5: "tracepoint:sched:sched_switch",
              6: "xdp:lo", 7: "profile:1", 17: "raw_tracepoint:sched_switch"}

    def __init__(self, bpf, name, kind=None):
        self.bpf, self.name, self.kind, self.sock = bpf, name, kind, -1

    @property
    def fd(self):
        """The BPF object's."""
        if self.kind not in self.PROBES:
            raise Exception(f"{self.name} is loaded when it is attached: its kind alone does not tell how")
        return self.bpf.check(lib.module_load(self.bpf.handle, to_bytes(self.name), to_bytes(self.PROBES[self.kind])))


class KernelSymbols:
    """/proc/kallsyms, read when it is wanted first."""

    def __init__(self):
        self.addresses, self.names = [], []

    def load(self):
        if self.addresses:
            return
        found = []
        with open("/proc/kallsyms") as symbols:
            for line in symbols:
                address, kind, name = line.split()[:3]
                if kind in "tTwW":
                    found.append((int(address, 16), name))
        found.sort()
        self.addresses, self.names = [one[0] for one in found], [one[1] for one in found]

    def address_of(self, name):
        self.load()
        return self.addresses[self.names.index(name)] if name in self.names else -1


class BPF(collections.abc.Mapping):
    SOCKET_FILTER, KPROBE, SCHED_CLS, SCHED_ACT, TRACEPOINT, XDP, PERF_EVENT, CGROUP_SKB, CGROUP_SOCK, LWT_IN, LWT_OUT, \
        LWT_XMIT, SOCK_OPS, SK_SKB, CGROUP_DEVICE, SK_MSG, RAW_TRACEPOINT, CGROUP_SOCK_ADDR = range(1, 19)
    TRACING, LSM = 26, 29
    XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)
    XDP_FLAGS_UPDATE_IF_NOEXIST, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE = (1 << i for i in range(4))

    kernel_symbols = KernelSymbols()

    def __init__(self, src_file=b"", hdr_file=b"", text=None, debug=0, cflags=(), usdt_contexts=(), allow_rlimit=True,
                 device=None, attach_usdt_ignore_pid=False):
        self.handle = lib.module_new()
        self.debug, self.failure = debug, None
        self.told, self.tables, self.attachments = 0, {}, {}
        for flag in cflags:
            lib.module_add_flag(self.handle, to_bytes(flag))
        lib.module_keep_log(self.handle, bool(debug & DEBUG_BPF_REGISTER_STATE))
        if debug & (DEBUG_PREPROCESSOR | DEBUG_SOURCE) and text is not None:
            print(to_text(text), file=sys.stderr)
        if text is not None:
            self.check(lib.module_open_text(self.handle, b"<text>.c", to_bytes(text)))
        else:
            self.check(lib.module_open_file(self.handle, to_bytes(src_file)))
        self.warn()
        self.attach_by_name()
        for context in usdt_contexts:
            context.attach(self, attach_usdt_ignore_pid)

    # ── errors ──

    def check(self, result):
        """The result, unless it is a failure: its lines go to standard error, its sentence into an exception."""
        if result >= 0:
            return result
        details = lib.module_details(self.handle).decode(errors="replace")
        if details:
            print(details, end="", file=sys.stderr)
        raise Exception(lib.module_error(self.handle).decode(errors="replace"))

    def warn(self):
        """What has not been said yet of what should be known."""
        warnings = lib.module_warnings(self.handle).decode(errors="replace")
        if len(warnings) > self.told:
            print(warnings[self.told:], end="", file=sys.stderr)
        self.told = len(warnings)

    # ── programs ──

    def programs(self):
        """Name -> the probe it asks for by its name, or None."""
        return {lib.module_program_name(self.handle, i).decode(): lib.module_program_probe(self.handle, i)
                for i in range(lib.module_program_count(self.handle))}

    def load_func(self, func_name, prog_type=None, device=None, attach_type=-1):
        if to_text(func_name) not in self.programs():
            raise Exception(f"Unknown program {to_text(func_name)}")
        return Function(self, to_text(func_name), prog_type)

    def program_facts(self, name):
        """What the verifier and the compiler in the kernel made of a program."""
        facts = ProgramFacts()
        lib.module_program_facts(self.handle, list(self.programs()).index(to_text(name)), facts)
        return facts

    # ── probes ──

    def attach(self, fn, probe, pid=0):
        """fn at KIND:TARGET; libpilus(3) has the kinds."""
        name = fn.name if isinstance(fn, Function) else to_text(fn)
        number = self.check(lib.module_attach(self.handle, to_bytes(name), to_bytes(probe), pid))
        self.attachments.setdefault(probe, []).append(number)
        if self.debug:
            print(f"{name} at {lib.module_attachment(self.handle, number).decode()}", file=sys.stderr)
        self.warn()
        return number

    def detach(self, probe):
        for number in self.attachments.pop(probe, ()):
            self.check(lib.module_detach(self.handle, number))

    def attach_by_name(self):
        for name, probe in self.programs().items():
            if probe:
                self.attach(name, probe.decode())

    def attach_kernel(self, kind, event, event_re, fn_name, offset=0):
        events = self.get_kprobe_functions(event_re) if event_re else [event]
        if not events:
            raise Exception(f"no function of the kernel is like {to_text(event_re)}")
        for one in events:
            self.attach(fn_name, f"{kind}:{to_text(one)}" + (f"+{offset}" if offset else ""))
        return self

    def attach_kprobe(self, event=b"", event_off=0, fn_name=b"", event_re=b""):
        return self.attach_kernel("kprobe", event, event_re, fn_name, event_off)

    def attach_kretprobe(self, event=b"", fn_name=b"", event_re=b"", maxactive=0):
        return self.attach_kernel("kretprobe", event, event_re, fn_name)

    def detach_kprobe(self, event, fn_name=None):
        self.detach(f"kprobe:{to_text(event)}")

    def detach_kretprobe(self, event, fn_name=None):
        self.detach(f"kretprobe:{to_text(event)}")

    @staticmethod
    def user_target(name, sym, addr, sym_off):
        symbol = f"{addr:#x}" if addr is not None else to_text(sym)
        return f"{to_text(name)}:{symbol}" + (f"+{sym_off}" if sym_off else "")

    def attach_user(self, kind, name, sym, sym_re, addr, fn_name, pid, sym_off):
        if sym_re:
            pattern = re.sub(r"^\^|\$$", "", to_text(sym_re)).replace(".*", "*")
            self.attach(fn_name, f"{kind}:{to_text(name)}:{pattern}", max(pid, 0))
        else:
            self.attach(fn_name, f"{kind}:{self.user_target(name, sym, addr, sym_off)}", max(pid, 0))
        return self

    def attach_uprobe(self, name=b"", sym=b"", sym_re=b"", addr=None, fn_name=b"", pid=-1, sym_off=0):
        return self.attach_user("uprobe", name, sym, sym_re, addr, fn_name, pid, sym_off)

    def attach_uretprobe(self, name=b"", sym=b"", sym_re=b"", addr=None, fn_name=b"", pid=-1):
        return self.attach_user("uretprobe", name, sym, sym_re, addr, fn_name, pid, 0)

    def detach_uprobe(self, name=b"", sym=b"", addr=None, pid=-1, sym_off=0):
        self.detach(f"uprobe:{self.user_target(name, sym, addr, sym_off)}")

    def detach_uretprobe(self, name=b"", sym=b"", addr=None, pid=-1):
        self.detach(f"uretprobe:{self.user_target(name, sym, addr, 0)}")

    def attach_tracepoint(self, tp=b"", tp_re=b"", fn_name=b""):
        for one in self.get_tracepoints(tp_re) if tp_re else [to_text(tp)]:
            self.attach(fn_name, f"tracepoint:{one}")
        return self

    def detach_tracepoint(self, tp=b""):
        self.detach(f"tracepoint:{to_text(tp)}")

    def attach_raw_tracepoint(self, tp=b"", fn_name=b""):
        self.attach(fn_name, f"raw_tracepoint:{to_text(tp)}")
        return self

    def detach_raw_tracepoint(self, tp=b""):
        self.detach(f"raw_tracepoint:{to_text(tp)}")

    def attach_kfunc(self, fn_name=b""):
        return self.attach(fn_name, f"fentry:{to_text(fn_name).removeprefix('kfunc__')}")

    def attach_kretfunc(self, fn_name=b""):
        return self.attach(fn_name, f"fexit:{to_text(fn_name).removeprefix('kretfunc__')}")

    def attach_lsm(self, fn_name=b""):
        return self.attach(fn_name, f"lsm:{to_text(fn_name).removeprefix('lsm__')}")

    def attach_perf_event(self, ev_type=-1, ev_config=-1, fn_name=b"", sample_period=0, sample_freq=0, pid=-1, cpu=-1,
                          group_fd=-1):
        rate = f"{sample_freq}hz" if sample_freq else str(sample_period)
        return self.attach(fn_name, f"perf:{ev_type}.{ev_config}:{rate}", max(pid, 0))

    def detach_perf_event(self, ev_type=-1, ev_config=-1):
        for probe in [probe for probe in self.attachments if probe.startswith(f"perf:{ev_type}.{ev_config}:")]:
            self.detach(probe)

    def attach_xdp(self, dev, fn=None, flags=0):
        return self.attach(fn, f"xdp:{to_text(dev)}")

    def remove_xdp(self, dev, flags=0):
        self.detach(f"xdp:{to_text(dev)}")

    def attach_raw_socket(self, fn, dev):
        """fn.sock is a socket that is given the device's packets which fn lets through."""
        fn.sock = self.check(lib.module_attachment_fd(self.handle, self.attach(fn, f"socket:{to_text(dev)}")))

    def num_open_kprobes(self):
        return len(self.attachments)

    num_open_uprobes = num_open_tracepoints = num_open_kprobes

    # ── what there is to probe ──

    @staticmethod
    def get_syscall_prefix():
        return Text({"x86_64": "__x64_sys_", "aarch64": "__arm64_sys_"}.get(platform.machine(), "sys_"))

    @classmethod
    def get_syscall_fnname(cls, name):
        return Text(cls.get_syscall_prefix() + to_text(name))

    @classmethod
    def fix_syscall_fnname(cls, name):
        for prefix in ("sys_", "__x64_sys_", "__arm64_sys_"):
            if to_text(name).startswith(prefix):
                return cls.get_syscall_fnname(to_text(name).removeprefix(prefix))
        return name

    @classmethod
    def get_kprobe_functions(cls, event_re):
        cls.kernel_symbols.load()
        pattern = re.compile(to_text(event_re))
        return sorted({Text(name) for name in cls.kernel_symbols.names
                       if pattern.fullmatch(name) and ".cold" not in name and not name.startswith("__pfx_")})

    @staticmethod
    def tracing_folder():
        """Of the events, also where nobody has mounted it."""
        folder = lib.trace_folder()
        if folder < 0:
            raise Exception(f"the kernel's trace files cannot be read: {os.strerror(-folder)}")
        return f"/proc/self/fd/{folder}/events"

    @classmethod
    def get_tracepoints(cls, tp_re):
        folder, pattern = cls.tracing_folder(), re.compile(to_text(tp_re))
        found = []
        for category in sorted(os.listdir(folder)):
            path = os.path.join(folder, category)
            if os.path.isdir(path):
                names = [f"{category}:{name}" for name in sorted(os.listdir(path)) if os.path.isdir(os.path.join(path, name))]
                found += [name for name in names if pattern.fullmatch(name)]
        return found

    @classmethod
    def tracepoint_exists(cls, category, event):
        return os.path.isdir(os.path.join(cls.tracing_folder(), to_text(category), to_text(event)))

    @classmethod
    def support_kfunc(cls):
        """Whether the kernel loads typed probes of functions: it does not tell but by doing it."""
        with cls(text="int trial(void *ctx) { return 0; }") as bpf:
            return lib.module_load(bpf.handle, b"trial", b"fentry:vfs_read") >= 0

    support_raw_tracepoint = support_raw_tracepoint_in_module = staticmethod(lambda: True)

    @staticmethod
    def generate_auto_includes(program_words):
        """What the kernel's headers would tell of the words is known without them."""
        return ""

    @staticmethod
    def kernel_struct_has_field(struct_name, field_name):
        """1, 0, or -1 when the kernel has no such struct."""
        return max(lib.kernel_has_member(to_bytes(struct_name), to_bytes(field_name)), -1)

    @staticmethod
    def find_library(libname):
        """The path of "c"; None: there is no such library."""
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
        found = re.search(rf"^\s*lib{re.escape(to_text(libname))}\.so\b.*=> (\S+)$", listed, re.M)
        return Text(found[1]) if found else None

    @staticmethod
    def find_exe(bin_path):
        path = shutil.which(to_text(bin_path))
        return Text(path) if path else None

    # ── tables ──

    def get_table(self, name, keytype=None, leaftype=None, reducer=None):
        name = to_text(name)
        if name not in self.tables or keytype or leaftype:
            self.tables[name] = tables.make_table(self, name, keytype, leaftype)
        return self.tables[name]

    def __getitem__(self, name):
        return self.get_table(name)

    def __len__(self):
        return lib.module_table_count(self.handle)

    def __iter__(self):
        for i in range(len(self)):
            info = TableInfo()
            lib.module_table(self.handle, i, info)
            yield info.name.decode()

    # ── lines ──

    def next_line(self, nonblocking=False):
        """The next line that a program printed; None: there is none now."""
        line = Line()
        got = lib.module_next_line(self.handle, 0 if nonblocking else SLICE_MS, line)
        while got == -errno.EINTR or (not got and not nonblocking):
            got = lib.module_next_line(self.handle, SLICE_MS, line)
        return line if self.check(got) else None

    @staticmethod
    def fields_of(line):
        """TASK, PID, CPU, FLAGS, TIME, MESSAGE"""
        return (Text(line.comm.decode(errors="replace")), line.pid, line.cpu, Text("....."), line.ns / 1e9,
                Text(line.text.decode(errors="replace")))

    def trace_fields(self, nonblocking=False):
        line = self.next_line(nonblocking)
        return self.fields_of(line) if line else (None,) * 6

    def trace_readline(self, nonblocking=False):
        """A line as the kernel's own trace would have it."""
        line = self.next_line(nonblocking)
        if not line:
            return None
        task, pid, cpu, flags, when, message = self.fields_of(line)
        return Text(f"{task:>16}-{pid:<7d} [{cpu:03d}] {flags} {when:12.6f}: bpf_trace_printk: {message}")

    def trace_print(self, fmt=None):
        """Prints lines until Ctrl-C: as they are, or by a format of fields as "{1} {5}"."""
        try:
            while True:
                if fmt:
                    print(to_text(fmt).format(*self.trace_fields()), flush=True)
                else:
                    print(self.trace_readline(), flush=True)
        except KeyboardInterrupt:
            sys.exit()

    def trace_open(self, nonblocking=False):
        """Something that has readline."""
        bpf = self

        class Lines:
            def readline(self, size=-1):
                return bpf.trace_readline(nonblocking)
        return Lines()

    # ── events ──

    @contextlib.contextmanager
    def keeping_interruptions(self):
        """Ctrl-C that comes before a callback's first line is caught nowhere, and told to this hook alone."""
        before = sys.unraisablehook

        def keep(unraisable):
            if isinstance(unraisable.exc_value, KeyboardInterrupt):
                self.failure = unraisable.exc_value
            else:
                before(unraisable)
        sys.unraisablehook = keep
        try:
            yield
        finally:
            sys.unraisablehook = before

    def poll(self, timeout=-1):
        """Waits for events, so many milliseconds or, with -1, until there are some; has the callbacks called."""
        with self.keeping_interruptions():
            got = lib.module_wait(self.handle, timeout if timeout >= 0 else SLICE_MS)
            while timeout < 0 and got in (0, -errno.EINTR) and not self.failure:
                got = lib.module_wait(self.handle, SLICE_MS)
        failure, self.failure = self.failure, None
        if failure:
            raise failure
        return got if got == -errno.EINTR else self.check(got)

    perf_buffer_poll = kprobe_poll = ring_buffer_poll = poll

    def perf_buffer_consume(self):
        self.poll(0)

    ring_buffer_consume = perf_buffer_consume

    # ── addresses ──

    @staticmethod
    def symbol(addr, pid, show_module, show_offset):
        offset, file = ctypes.c_uint64(), ctypes.create_string_buffer(256)
        name = lib.symbol(pid, addr, offset, file, len(file)) or "[unknown]"
        known = name != "[unknown]"
        shown = os.path.basename(file.value.decode(errors="replace"))
        return Text(name + (f"+{offset.value:#x}" if show_offset and known else "") +
                    (f" [{shown}]" if show_module and shown else ""))

    @classmethod
    def ksym(cls, addr, show_module=False, show_offset=False):
        return cls.symbol(addr, 0, show_module, show_offset)

    @classmethod
    def sym(cls, addr, pid, show_module=False, show_offset=False, demangle=True):
        """Of a process; with a pid below 0, of the kernel."""
        return cls.symbol(addr, max(pid, 0), show_module, show_offset)

    @classmethod
    def ksymname(cls, name):
        return cls.kernel_symbols.address_of(to_text(name))

    @staticmethod
    def monotonic_time():
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    # ── the end ──

    def cleanup(self):
        """Detaches everything, which the end of the process does as well."""
        handle, self.handle = self.handle, None
        if handle:
            lib.module_free(handle)

    close = cleanup

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cleanup()

    def __del__(self):
        if getattr(self, "handle", None):
            self.cleanup()

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other


