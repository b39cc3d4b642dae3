# SPDX-License-Identifier: Apache-2.0
"""A module's tables as dictionaries, streams and stacks. Keys and values are ctypes objects, as BCC's are."""
import collections.abc
import ctypes
import errno
import functools
import os
import sys

from pilus import histogram, perf
from pilus.cpus import get_online_cpus
from pilus.library import EVENT, EVENT_TYPE, KEY, VALUE, TableInfo, lib
from pilus.text import to_bytes
from pilus.types import bytes_type, type_of

# enum bpf_map_type
HASH, ARRAY, PROG_ARRAY, PERF_EVENT_ARRAY, PERCPU_HASH, PERCPU_ARRAY, STACK_TRACE, CGROUP_ARRAY, LRU_HASH, \
    LRU_PERCPU_HASH, LPM_TRIE = range(1, 12)
QUEUE, STACK, RINGBUF = 22, 23, 27
ARRAYS = (ARRAY, PERCPU_ARRAY)
PER_CPU = (PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH)

ANY, NOEXIST, EXIST = range(3)


def fail(code, what):
    raise OSError(-code, f"{what}: {os.strerror(-code)}")


class Base:
    """What all have: name, types and numbers."""

    def __init__(self, bpf, info, key_type=None, leaf_type=None):
        self.bpf, self.info = bpf, info
        self.name = info.name.decode()
        self.map_fd, self.max_entries = info.fd, info.max_entries
        self.Key = key_type or type_of(lib.module_type(bpf.handle, info.name, KEY), info.key_size)
        self.Leaf = leaf_type or type_of(lib.module_type(bpf.handle, info.name, VALUE), info.value_size)

    def get_fd(self):
        return self.map_fd


class Table(Base, collections.abc.MutableMapping):
    def to_key(self, key):
        """A ctypes object, or a plain number or text where the key is one."""
        if isinstance(key, self.Key):
            return key
        if isinstance(key, ctypes._SimpleCData):
            key = key.value
        return self.Key.from_buffer_copy(bytes(key)) if isinstance(key, ctypes.Structure) else self.Key(key)

    def room(self):
        return ctypes.create_string_buffer(self.info.values * self.info.stride)

    def from_room(self, room, offset=0):
        return self.Leaf.from_buffer_copy(room, offset)

    def to_room(self, leaf):
        leaf = leaf if isinstance(leaf, self.Leaf) else self.Leaf(getattr(leaf, "value", leaf))
        room = self.room()
        ctypes.memmove(room, ctypes.byref(leaf), ctypes.sizeof(leaf))
        return room

    def __getitem__(self, key):
        room = self.room()
        if lib.table_get(self.info, ctypes.byref(self.to_key(key)), room):
            raise KeyError(key)
        return self.from_room(room)

    def __setitem__(self, key, leaf):
        r = lib.table_set(self.info, ctypes.byref(self.to_key(key)), self.to_room(leaf), ANY)
        if r:
            fail(r, f"cannot set an entry of {self.name}")

    def __delitem__(self, key):
        r = lib.table_delete(self.info, ctypes.byref(self.to_key(key)))
        if r == -errno.ENOENT:
            raise KeyError(key)
        if r and self.info.type in ARRAYS:
            self[key] = self.from_room(self.room())  # an array's entries are always there: 0 is as good as none
        elif r:
            fail(r, f"cannot delete an entry of {self.name}")

    def __iter__(self):
        key, following = None, self.Key()
        while not lib.table_next(self.info, ctypes.byref(key) if key is not None else None, ctypes.byref(following)):
            key = self.Key.from_buffer_copy(following)
            yield self.Key.from_buffer_copy(key)

    def __len__(self):
        return self.max_entries if self.info.type in ARRAYS else sum(1 for _ in self)

    def __contains__(self, key):
        return not lib.table_get(self.info, ctypes.byref(self.to_key(key)), self.room())

    def items(self):
        """All at once, in as few calls as the kernel can do with."""
        room = self.info.values * self.info.stride
        keys = ctypes.create_string_buffer(self.info.key_size * self.max_entries)
        values = ctypes.create_string_buffer(room * self.max_entries)
        count = lib.table_read(self.info, keys, values)
        if count < 0:
            fail(count, f"cannot read {self.name}")
        return [(self.Key.from_buffer_copy(keys, i * self.info.key_size), self.from_room(values, i * room))
                for i in range(count)]

    def values(self):
        return [leaf for _, leaf in self.items()]

    def keys(self):
        return list(self)

    iteritems = items_lookup_batch = items
    itervalues, iterkeys = values, keys

    def items_lookup_and_delete_batch(self):
        found = self.items()
        for key, _ in found:
            self.pop(key, None)
        return found

    def clear(self):
        for key in self.keys():
            self.pop(key, None)

    def zero(self):
        for key in self.keys():
            self[key] = self.from_room(self.room())

    def print_log2_hist(self, val_type="value", section_header="Bucket ptr", section_print_fn=None, bucket_fn=None,
                        strip_leading_zero=None, bucket_sort_fn=None):
        histogram.show(self, histogram.log2, val_type, section_header, section_print_fn, bucket_fn, strip_leading_zero,
                       bucket_sort_fn)

    def print_linear_hist(self, val_type="value", section_header="Bucket ptr", section_print_fn=None, bucket_fn=None,
                          strip_leading_zero=None, bucket_sort_fn=None):
        histogram.show(self, histogram.linear, val_type, section_header, section_print_fn, bucket_fn, strip_leading_zero,
                       bucket_sort_fn)


class PerCpuTable(Table):
    """Values are lists, one for each CPU."""

    def from_room(self, room, offset=0):
        return [self.Leaf.from_buffer_copy(room, offset + i * self.info.stride) for i in range(self.info.values)]

    def to_room(self, leaf):
        room = self.room()
        for i, one in enumerate(leaf):
            one = one if isinstance(one, self.Leaf) else self.Leaf(getattr(one, "value", one))
            ctypes.memmove(ctypes.byref(room, i * self.info.stride), ctypes.byref(one), ctypes.sizeof(one))
        return room

    def numbers(self, key):
        return [leaf.value for leaf in self[key]]

    def sum(self, key):
        return self.Leaf(sum(self.numbers(key)))

    def max(self, key):
        return self.Leaf(max(self.numbers(key)))

    def average(self, key):
        numbers = self.numbers(key)
        return sum(numbers) / len(numbers)


class Stream(Base):
    """Events: of BPF_PERF_OUTPUT and BPF_RINGBUF_OUTPUT."""

    def __init__(self, bpf, info, *types):
        super().__init__(bpf, info, *types)
        self.callback, self.counters = None, []
        self.lost = lambda count: print(f"Possibly lost {count} samples", file=sys.stderr)

    @functools.cached_property
    def event_pointer(self):
        """Made once: ctypes keeps each for ever."""
        return ctypes.POINTER(type_of(lib.module_type(self.bpf.handle, self.info.name, EVENT_TYPE), 0))

    def event(self, data):
        """What a callback was given, as the program's type."""
        return ctypes.cast(data, self.event_pointer).contents

    def listen(self, tell, pages, lost_cb):
        if lost_cb:
            self.lost = lost_cb

        def take(_, __, cpu, data, size, lost):
            try:
                if data:
                    tell(cpu, data, size)
                else:
                    self.lost(lost)
            except BaseException as error:  # C is between here and the caller: told when it is back
                self.bpf.failure = self.bpf.failure or error
        self.callback = EVENT(take)
        self.bpf.check(lib.module_listen(self.bpf.handle, self.info.name, pages, self.callback, None))

    def open_perf_buffer(self, callback, page_cnt=8, lost_cb=None, wakeup_events=1):
        self.listen(callback, page_cnt, lost_cb)

    def open_perf_event(self, typ, config, pid=-1):
        """What programs read by perf_read: a counter on each CPU, of a process or of all."""
        self.close_perf_events()
        for cpu in get_online_cpus():
            counter = perf.open_counter(int(typ), int(config), pid, cpu)
            self.counters.append(counter)
            r = lib.table_set(self.info, ctypes.byref(ctypes.c_uint32(cpu)), ctypes.byref(ctypes.c_int(counter)), ANY)
            if r:
                fail(r, f"cannot set a counter of {self.name}")

    def close_perf_events(self):
        while self.counters:
            os.close(self.counters.pop())

    __del__ = close_perf_events

    def open_ring_buffer(self, callback, ctx=None):
        self.listen(lambda cpu, data, size: callback(ctx, data, size), 0, None)


class BuildId(ctypes.Structure):
    """A place in a file (enum bpf_stack_build_id_status): or, where the file could not be told, an address."""
    EMPTY, VALID, IP = range(3)
    DEPTH = 127
    _fields_ = [("status", ctypes.c_int32), ("bytes", ctypes.c_ubyte * 20), ("offset", ctypes.c_uint64)]

    @property
    def build_id(self):
        """As tools print it; None: it is an address."""
        return bytes(self.bytes).hex() if self.status == self.VALID else None


class StackTrace(Table):
    """Stacks by their number: of addresses, or of BuildIds (BPF_STACK_TRACE_BUILDID)."""

    def get_stack(self, stack_id):
        return list(self.walk(stack_id))

    def walk(self, stack_id, resolve=None):
        number = getattr(stack_id, "value", stack_id)
        if number < 0:
            return
        room = ctypes.create_string_buffer(self.info.value_size)
        if lib.table_get(self.info, ctypes.byref(ctypes.c_uint32(number)), room):
            raise KeyError(stack_id)
        has_build_ids = self.info.value_size == BuildId.DEPTH * ctypes.sizeof(BuildId)
        entry = BuildId if has_build_ids else ctypes.c_uint64
        for address in (entry * (self.info.value_size // ctypes.sizeof(entry))).from_buffer(room):
            if not (address.status if has_build_ids else address):
                return
            yield resolve(address) if resolve else address


class Queue(Base):
    """BPF_QUEUE and BPF_STACK."""

    def push(self, leaf, flags=0):
        leaf = leaf if isinstance(leaf, self.Leaf) else self.Leaf(leaf)
        r = lib.table_set(self.info, None, ctypes.byref(leaf), flags)
        if r:
            fail(r, f"cannot push to {self.name}")

    def read(self, function):
        leaf = self.Leaf()
        if function(self.info, None, ctypes.byref(leaf)):
            raise KeyError(f"{self.name} is empty")
        return leaf

    def peek(self):
        return self.read(lib.table_get)

    def pop(self):
        return self.read(lib.table_take)

    def __iter__(self):
        """Takes out what is in it."""
        while True:
            try:
                yield self.pop()
            except KeyError:
                return

    def values(self):
        return list(self)

    itervalues = values


class Programs(Table):
    """BPF_PROG_ARRAY: of programs from load_func, or of their descriptors."""

    def __setitem__(self, key, leaf):
        super().__setitem__(key, getattr(leaf, "fd", leaf))


def make_table(bpf, name, key_type=None, leaf_type=None):
    info = TableInfo()
    if lib.module_find_table(bpf.handle, to_bytes(name), info):
        raise KeyError(name)
    kinds = {PERF_EVENT_ARRAY: Stream, RINGBUF: Stream, STACK_TRACE: StackTrace, QUEUE: Queue, STACK: Queue,
             PROG_ARRAY: Programs}
    kind = kinds.get(info.type, PerCpuTable if info.type in PER_CPU else Table)
    if kind in (Stream, StackTrace, Programs):
        key_type, leaf_type = key_type or ctypes.c_uint32, leaf_type or bytes_type(info.value_size)
    return kind(bpf, info, key_type, leaf_type)
