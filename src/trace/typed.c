/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of keys, values and events, from the object's BTF: bytes as text, and types as JSON for other languages.
 */
#include <bpf/btf.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/module.h"

#define EVENT_SUFFIX "__event_type"

/* ── which type ── */

static const struct btf_type *strip(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

/* Of the variable that the dialect leaves for whoever reads the stream; it points to the type. */
static uint32_t event_type(const struct btf *btf, const char *table)
{
	_cleanup_free_ char *name = xasprintf("%s" EVENT_SUFFIX, table);
	size_t length = strlen(name);

	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *variable = btf_is_var(type) ? btf__name_by_offset(btf, type->name_off) : "";
		size_t variable_length = strlen(variable);
		const struct btf_type *pointer;

		/* A static variable of a function may be called function.variable. */
		if (variable_length < length || strcmp(variable + variable_length - length, name) != 0 ||
		    (variable_length > length && variable[variable_length - length - 1] != '.'))
			continue;
		pointer = btf__type_by_id(btf, type->type);
		return btf_is_ptr(pointer) ? pointer->type : 0;
	}
	return 0;
}

/* Where the table is declared, its `key` and `value` are pointers to the types. libbpf forgets those of queues and
 * stacks, which the kernel does not want to know. */
static uint32_t declared_type(const struct btf *btf, const char *table, const char *part)
{
	int variable = btf__find_by_name_kind(btf, table, BTF_KIND_VAR);
	const struct btf_type *type = variable > 0 ? strip(btf, btf__type_by_id(btf, variable)->type) : NULL;

	for (uint16_t i = 0; type && btf_is_composite(type) && i < btf_vlen(type); i++) {
		const struct btf_type *pointer = btf__type_by_id(btf, btf_members(type)[i].type);

		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), part))
			return btf_is_ptr(pointer) ? pointer->type : 0;
	}
	return 0;
}

/* 0: not known. */
static uint32_t find_type(const struct pilus_module *module, const char *table, enum pilus_part part)
{
	const struct bpf_map *map = module->object ? bpf_object__find_map_by_name(module->object, table) : NULL;
	const struct btf *btf = map ? bpf_object__btf(module->object) : NULL;

	if (!btf)
		return 0;
	switch (part) {
	case PILUS_KEY:
		return bpf_map__btf_key_type_id(map);
	case PILUS_VALUE:
		return bpf_map__btf_value_type_id(map) ?: declared_type(btf, table, "value");
	case PILUS_EVENT:
		return event_type(btf, table);
	}
	return 0;
}

static const char *name_of(const struct btf *btf, const struct btf_type *type)
{
	return btf__name_by_offset(btf, type->name_off) ?: "";
}

/* ── bytes as text ── */

static void write_value(const struct btf *btf, uint32_t id, const uint8_t *data, FILE *out);

static bool is_char(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = strip(btf, id);

	return type && btf_is_int(type) && type->size == 1 && !strcmp(name_of(btf, type), "char");
}

static void write_string(const uint8_t *data, size_t size, FILE *out)
{
	fputc('"', out);
	for (size_t i = 0; i < size && data[i]; i++)
		if (isprint(data[i]) || data[i] >= 0x80)
			fprintf(out, "%s%c", strchr("\"\\", data[i]) ? "\\" : "", data[i]);
		else
			fprintf(out, "\\x%02x", data[i]);
	fputc('"', out);
}

static uint64_t read_number(const uint8_t *data, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, data, size > sizeof(value) ? sizeof(value) : size);
	return value;
}

static int64_t extend_sign(uint64_t value, unsigned bits)
{
	return bits && bits < 64 ? (int64_t)(value << (64 - bits)) >> (64 - bits) : (int64_t)value;
}

static void write_integer(const struct btf_type *type, uint64_t value, unsigned bits, FILE *out)
{
	if (btf_int_encoding(type) & BTF_INT_SIGNED)
		fprintf(out, "%" PRId64, extend_sign(value, bits));
	else if (btf_int_encoding(type) & BTF_INT_BOOL)
		fputs(value ? "true" : "false", out);
	else
		fprintf(out, "%" PRIu64, value);
}

static void write_enum(const struct btf *btf, const struct btf_type *type, const uint8_t *data, FILE *out)
{
	int64_t value = extend_sign(read_number(data, type->size), type->size * 8);

	for (uint16_t i = 0; btf_is_enum(type) && i < btf_vlen(type); i++)
		if (btf_enum(type)[i].val == value) {
			fputs(btf__name_by_offset(btf, btf_enum(type)[i].name_off), out);
			return;
		}
	fprintf(out, "%" PRId64, value);
}

static void write_array(const struct btf *btf, const struct btf_type *type, const uint8_t *data, FILE *out)
{
	const struct btf_array *array = btf_array(type);
	int64_t size = btf__resolve_size(btf, array->type);

	if (is_char(btf, array->type)) {
		write_string(data, array->nelems, out);
		return;
	}
	fputc('[', out);
	for (uint32_t i = 0; i < array->nelems && size > 0; i++) {
		fputs(i ? ", " : "", out);
		write_value(btf, array->type, data + (size_t)i * (size_t)size, out);
	}
	fputc(']', out);
}

static void write_member(const struct btf *btf, const struct btf_type *type, uint32_t index, const uint8_t *data,
                         FILE *out)
{
	const struct btf_member *member = &btf_members(type)[index];
	uint32_t offset = btf_member_bit_offset(type, index), bits = btf_member_bitfield_size(type, index);
	const char *name = btf__name_by_offset(btf, member->name_off);

	fprintf(out, "%s%s%s", index ? ", " : "", name, *name ? " = " : "");
	if (!bits) {
		write_value(btf, member->type, data + offset / 8, out);
		return;
	}
	write_integer(strip(btf, member->type),
	              (read_number(data + offset / 8, (offset % 8 + bits + 7) / 8) >> offset % 8) &
	                      (UINT64_MAX >> (64 - bits)),
	              bits, out);
}

static void write_value(const struct btf *btf, uint32_t id, const uint8_t *data, FILE *out)
{
	const struct btf_type *type = strip(btf, id);

	if (btf_is_int(type)) {
		write_integer(type, read_number(data, type->size), type->size * 8, out);
	} else if (btf_is_any_enum(type)) {
		write_enum(btf, type, data, out);
	} else if (btf_is_ptr(type)) {
		fprintf(out, "0x%" PRIx64, read_number(data, 8));
	} else if (btf_is_array(type)) {
		write_array(btf, type, data, out);
	} else if (btf_is_composite(type)) {
		fputc('{', out);
		for (uint32_t i = 0; i < btf_vlen(type); i++)
			write_member(btf, type, i, data, out);
		fputc('}', out);
	} else {
		fputc('?', out);
	}
}

static void write_bytes(const uint8_t *data, size_t size, FILE *out)
{
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%s%02x", i ? " " : "", data[i]);
}

char *pilus_module_format(const struct pilus_module *module, const char *table, enum pilus_part part, const void *data,
                          size_t size)
{
	uint32_t id = find_type(module, table, part);
	const struct btf *btf = id ? bpf_object__btf(module->object) : NULL;
	int64_t wanted = btf ? btf__resolve_size(btf, id) : -1;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (wanted >= 0 && (size_t)wanted <= size)
		write_value(btf, id, data, out);
	else
		write_bytes(data, size, out);
	fclose(out);
	return text;
}

/* ── types as JSON ── */

static void describe(const struct btf *btf, uint32_t id, FILE *out);

static void describe_members(const struct btf *btf, const struct btf_type *type, FILE *out)
{
	fputs(", \"members\": [", out);
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		uint32_t offset = btf_member_bit_offset(type, i), bits = btf_member_bitfield_size(type, i);

		fprintf(out, "%s{\"name\": \"%s\", \"offset\": %u, ", i ? ", " : "",
		        btf__name_by_offset(btf, member->name_off), offset / 8);
		if (bits)
			fprintf(out, "\"bit\": %u, \"bits\": %u, ", offset % 8, bits);
		fputs("\"type\": ", out);
		describe(btf, member->type, out);
		fputc('}', out);
	}
	fputc(']', out);
}

static void describe_enum(const struct btf *btf, const struct btf_type *type, FILE *out)
{
	fputs(", \"values\": {", out);
	for (uint16_t i = 0; btf_is_enum(type) && i < btf_vlen(type); i++)
		fprintf(out, "%s\"%s\": %d", i ? ", " : "", btf__name_by_offset(btf, btf_enum(type)[i].name_off),
		        btf_enum(type)[i].val);
	fputc('}', out);
}

static const char *kind_of(const struct btf_type *type)
{
	static const char *const kinds[] = {
		[BTF_KIND_INT] = "int",     [BTF_KIND_ENUM] = "enum",   [BTF_KIND_ENUM64] = "enum",
		[BTF_KIND_PTR] = "pointer", [BTF_KIND_ARRAY] = "array", [BTF_KIND_STRUCT] = "struct",
		[BTF_KIND_UNION] = "union",
	};
	uint16_t kind = btf_kind(type);

	return kind < sizeof(kinds) / sizeof(*kinds) && kinds[kind] ? kinds[kind] : "other";
}

static void describe(const struct btf *btf, uint32_t id, FILE *out)
{
	const struct btf_type *type = strip(btf, id);

	fprintf(out, "{\"kind\": \"%s\", \"name\": \"%s\", \"size\": %" PRId64, kind_of(type), name_of(btf, type),
	        (int64_t)btf__resolve_size(btf, id));
	if (btf_is_int(type))
		fprintf(out, ", \"signed\": %s", btf_int_encoding(type) & BTF_INT_SIGNED ? "true" : "false");
	if (btf_is_any_enum(type))
		describe_enum(btf, type, out);
	if (btf_is_composite(type))
		describe_members(btf, type, out);
	if (btf_is_array(type)) {
		fprintf(out, ", \"count\": %u, \"element\": ", btf_array(type)->nelems);
		describe(btf, btf_array(type)->type, out);
	}
	fputc('}', out);
}

char *pilus_module_type(const struct pilus_module *module, const char *table, enum pilus_part part)
{
	uint32_t id = find_type(module, table, part);
	char *text = NULL;
	size_t length;
	FILE *out;

	if (!id)
		return NULL;
	out = open_memstream(&text, &length);
	describe(bpf_object__btf(module->object), id, out);
	fclose(out);
	return text;
}
