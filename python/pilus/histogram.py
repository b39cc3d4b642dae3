# SPDX-License-Identifier: Apache-2.0
"""Histograms as BCC draws them."""
import collections
import ctypes

STARS = 40
SLOTS = 65


def stars(value, highest, width):
    filled = int(min(value, highest) * width / highest) if highest else 0
    return "*" * filled + " " * (width - filled)


def log2(values, title):
    """Slot i holds what is below 2**i, and not below half of that."""
    last = max((i for i, value in enumerate(values) if value), default=-1)
    digits, width = (10, STARS) if last <= 32 else (20, STARS // 2)
    if last > 0:
        print(f"{'':{(digits - 10) + 5}}{title:<{19 + digits - 10}} : count     distribution")
    for i in range(1, last + 1):
        low, high = (1 << i) >> 1, (1 << i) - 1
        low -= low == high
        print(f"{low:>{digits}} -> {high:<{digits}} : {values[i]:<8} |{stars(values[i], max(values), width)}|")


def linear(values, title):
    last = max((i for i, value in enumerate(values) if value), default=-1)
    if last >= 0:
        print(f"     {title:<13} : count     distribution")
    for i in range(last + 1):
        print(f"        {i:<10} : {values[i]:<8} |{stars(values[i], max(values), STARS)}|")


def number(leaf):
    return sum(one.value for one in leaf) if isinstance(leaf, list) else leaf.value


def sections(table, bucket_fn):
    """Section -> values by slot, of keys that are structs: their first member is the section, the second the slot."""
    names = [field[0] for field in table.Key._fields_ if not field[0].startswith("padding_")]
    found = collections.defaultdict(lambda: [0] * SLOTS)
    for key, leaf in table.items():
        section, slot = getattr(key, names[0]), getattr(key, names[1])
        if bucket_fn:
            section = bucket_fn(section)
        if isinstance(section, ctypes.Structure):
            section = bytes(section)
        values = found[section]
        values.extend([0] * (slot + 1 - len(values)))
        values[slot] = number(leaf)
    return found


def show(table, draw, title, header, section_print_fn, bucket_fn, strip_leading_zero, bucket_sort_fn):
    if not issubclass(table.Key, ctypes.Structure):
        values = [0] * SLOTS
        for key, leaf in table.items():
            values.extend([0] * (key.value + 1 - len(values)))
            values[key.value] = number(leaf)
        draw(values, title)
        return
    found = sections(table, bucket_fn)
    for section in bucket_sort_fn(found.keys()) if bucket_sort_fn else sorted(found, key=str):
        name = section_print_fn(section) if section_print_fn else section
        print(f"\n{header} = {name.decode(errors='replace') if isinstance(name, bytes) else name}")
        draw(found[section], title)
