# SPDX-License-Identifier: Apache-2.0
"""ctypes for the types of keys, values and events, as libpilus describes them in JSON."""
import ctypes
import json

INTEGERS = {(1, True): ctypes.c_int8, (2, True): ctypes.c_int16, (4, True): ctypes.c_int32, (8, True): ctypes.c_int64,
            (1, False): ctypes.c_uint8, (2, False): ctypes.c_uint16, (4, False): ctypes.c_uint32, (8, False): ctypes.c_uint64}


def bytes_type(size):
    return ctypes.c_ubyte * size


def bit_member(member):
    """Reads a bit field out of the bytes: ctypes would give it a place of its own choice."""
    start, bits, signed = member["offset"] * 8 + member["bit"], member["bits"], member["type"].get("signed")

    def read(self):
        value = int.from_bytes(bytes(self), "little") >> start & (1 << bits) - 1
        return value - (1 << bits) if signed and value >> bits - 1 else value
    return property(read)


def make_members(description):
    """The fields of a struct or union, with padding where the next begins later; and its bit fields, by name."""
    is_struct = description["kind"] == "struct"
    fields, anonymous, bit_fields, at = [], [], {}, 0
    for number, member in enumerate(description["members"]):
        name = member["name"] or f"unnamed_{number}"
        if "bits" in member:
            bit_fields[name] = bit_member(member)
            continue
        if not member["name"]:
            anonymous.append(name)
        if is_struct and member["offset"] > at:
            fields.append((f"padding_{at}", bytes_type(member["offset"] - at)))
        kind = make(member["type"])
        fields.append((name, kind))
        at = member["offset"] + ctypes.sizeof(kind)
    if description["size"] > at or not is_struct:
        fields.append((f"padding_{at}", bytes_type(description["size"] - (at if is_struct else 0))))
    return fields, anonymous, bit_fields


def make_composite(description):
    base = ctypes.Structure if description["kind"] == "struct" else ctypes.Union
    fields, anonymous, bit_fields = make_members(description)
    names = {"_anonymous_": anonymous} if anonymous else {}
    return type(description["name"] or "unnamed", (base,), {**names, **bit_fields, "_pack_": 1, "_fields_": fields})


def make(description):
    kind, size = description["kind"], description["size"]
    if kind in ("struct", "union"):
        return make_composite(description)
    if kind == "array":
        element = description["element"]
        if element["kind"] == "int" and element["name"] == "char":
            return ctypes.c_char * description["count"]
        return make(element) * description["count"]
    if kind == "int" and description["name"] == "char":
        return ctypes.c_char
    signed = description.get("signed", kind == "enum")
    return INTEGERS.get((size, signed)) or bytes_type(size)


def type_of(text, size):
    """The type that the JSON tells; bytes of that size if it tells nothing."""
    return make(json.loads(text)) if text else bytes_type(size)
