/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the kernel's BTF: the structs, unions, enums and typedefs that the object's own BTF has by the same names,
 * with the members that it has by the same names, wherever the kernel has them, and what those are made of; and an enum
 * that has the kernel's number of what each section's programs are attached to.
 */
#include "runtime/core_types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "trace/cache.h"
#include "trace/words.h"

/* The enum's name. Its enumerators are called as the sections are. */
#define NUMBERS "pilus_numbers"

/* What a section's programs are attached to is called so in BTF. */
static const struct section {
	const char *name, *prefix;
	unsigned kind;
	enum bpf_attach_type attach_type;
} SECTIONS[] = {
	{"tp_btf/", "btf_trace_", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP},
	{"fentry/", "", BTF_KIND_FUNC, BPF_TRACE_FENTRY},
	{"fexit/", "", BTF_KIND_FUNC, BPF_TRACE_FEXIT},
};

struct part {
	struct words types, members; /* the names */
	const struct btf *kernel;
	struct btf *btf;
	int *made; /* by the kernel's number: ours */
	int pointer;
};

DEFINE_CLEANUP(struct btf *, btf__free)
DEFINE_CLEANUP(struct bpf_object *, bpf_object__close)

static void part_clear(struct part *part)
{
	words_clear(&part->types);
	words_clear(&part->members);
	btf__free(part->btf);
	free(part->made);
}

/* ── what the object names ── */

static bool is_named_kind(const struct btf_type *type)
{
	return btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type);
}

/* What stands behind ___ tells apart only the program's own. */
static void add_name(struct words *words, const char *name)
{
	const char *end = strstr(name, "___");

	if (*name)
		words_add(words, name, end && end > name ? (size_t)(end - name) : strlen(name));
}

static void read_names(const struct btf *local, struct part *part)
{
	for (uint32_t id = 1; id < btf__type_cnt(local); id++) {
		const struct btf_type *type = btf__type_by_id(local, id);

		if (is_named_kind(type))
			add_name(&part->types, btf__name_by_offset(local, type->name_off));
		for (uint16_t i = 0; btf_is_composite(type) && i < btf_vlen(type); i++)
			add_name(&part->members, btf__name_by_offset(local, btf_members(type)[i].name_off));
	}
}

/* ── what the kernel has by these names ── */

static const char *name_of(const struct part *part, const struct btf_type *type)
{
	return btf__name_by_offset(part->kernel, type->name_off);
}

static int make(struct part *part, uint32_t id);

static bool is_wanted(struct part *part, const struct btf_member *member)
{
	const char *name = btf__name_by_offset(part->kernel, member->name_off);

	return !*name || words_have(&part->members, name);
}

/* A type's members are added right after it, so what they are is made before. */
static int make_composite(struct part *part, const struct btf_type *type)
{
	_cleanup_free_ int *members = xcalloc(btf_vlen(type) + 1, sizeof(*members));
	const char *name = name_of(part, type);
	int made;

	for (uint16_t i = 0; i < btf_vlen(type); i++)
		if (is_wanted(part, &btf_members(type)[i]))
			members[i] = make(part, btf_members(type)[i].type);
	made = btf_is_struct(type) ? btf__add_struct(part->btf, name, type->size)
	                           : btf__add_union(part->btf, name, type->size);
	for (uint16_t i = 0; i < btf_vlen(type); i++)
		if (is_wanted(part, &btf_members(type)[i]))
			btf__add_field(part->btf, btf__name_by_offset(part->kernel, btf_members(type)[i].name_off),
			               members[i], btf_member_bit_offset(type, i), btf_member_bitfield_size(type, i));
	return made;
}

static int make_enum(struct part *part, const struct btf_type *type)
{
	bool is_64 = btf_is_enum64(type);
	int made = is_64 ? btf__add_enum64(part->btf, name_of(part, type), type->size, btf_kflag(type))
	                 : btf__add_enum(part->btf, name_of(part, type), type->size);

	for (uint16_t i = 0; i < btf_vlen(type); i++)
		if (is_64)
			btf__add_enum64_value(part->btf,
			                      btf__name_by_offset(part->kernel, btf_enum64(type)[i].name_off),
			                      btf_enum64_value(&btf_enum64(type)[i]));
		else
			btf__add_enum_value(part->btf, btf__name_by_offset(part->kernel, btf_enum(type)[i].name_off),
			                    btf_enum(type)[i].val);
	return made;
}

static int make_array(struct part *part, const struct btf_array *array)
{
	int index = make(part, array->index_type), element = make(part, array->type);

	return btf__add_array(part->btf, index, element, array->nelems);
}

static int make_kind(struct part *part, const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		return btf__add_int(part->btf, name_of(part, type), type->size, btf_int_encoding(type));
	case BTF_KIND_FLOAT:
		return btf__add_float(part->btf, name_of(part, type), type->size);
	case BTF_KIND_ARRAY:
		return make_array(part, btf_array(type));
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return make_composite(part, type);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return make_enum(part, type);
	default:
		return 0;
	}
}

/* Where a pointer leads is another question of the program's, which begins with a name. */
static int make(struct part *part, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(part->kernel, id);

	while (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type)) {
		id = type->type;
		type = btf__type_by_id(part->kernel, id);
	}
	if (btf_is_ptr(type))
		return part->pointer;
	if (!part->made[id])
		part->made[id] = make_kind(part, type);
	return part->made[id];
}

static void make_all(struct part *part)
{
	part->pointer = btf__add_ptr(part->btf, 0);
	for (uint32_t id = 1; id < btf__type_cnt(part->kernel); id++) {
		const struct btf_type *type = btf__type_by_id(part->kernel, id);

		if (!is_named_kind(type) || !words_have(&part->types, name_of(part, type)))
			continue;
		if (btf_is_typedef(type))
			btf__add_typedef(part->btf, name_of(part, type), make(part, type->type));
		else
			make(part, id);
	}
}

/* ── what programs are attached to ── */

static const struct section *section_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(SECTIONS); i++)
		if (!strncmp(name, SECTIONS[i].name, strlen(SECTIONS[i].name)))
			return &SECTIONS[i];
	return NULL;
}

static void add_number(struct part *part, const char *name)
{
	const struct section *section = section_of(name);
	_cleanup_free_ char *type = section ? xasprintf("%s%s", section->prefix, name + strlen(section->name)) : NULL;
	int id = type ? btf__find_by_name_kind(part->kernel, type, section->kind) : -ENOENT;

	if (id > 0)
		btf__add_enum_value(part->btf, name, id);
}

static void add_numbers(struct part *part, const struct bpf_object *object)
{
	struct bpf_program *program;

	btf__add_enum(part->btf, NUMBERS, sizeof(uint32_t));
	bpf_object__for_each_program (program, object)
		add_number(part, bpf_program__section_name(program));
}

static struct btf *numbers; /* the file, for as long as the process lives */

/* -ENOENT: the kernel has nothing of that name. */
static int number_of(const char *section)
{
	const struct btf_type *type = btf__type_by_id(numbers, btf__find_by_name_kind(numbers, NUMBERS, BTF_KIND_ENUM));

	for (uint16_t i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(numbers, btf_enum(type)[i].name_off), section))
			return btf_enum(type)[i].val;
	return -ENOENT;
}

/* libbpf reads the kernel's BTF for programs of this type before it asks us, so they become so now. */
static int prepare_load(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	int number = number_of(bpf_program__section_name(program));

	if (number < 0)
		return number;
	options->attach_btf_id = (uint32_t)number;
	return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

void core_types_number(const char *path)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = prepare_load);

	if (numbers)
		return;
	numbers = btf__parse(path, NULL);
	for (size_t i = 0; numbers && i < ARRAY_SIZE(SECTIONS); i++) {
		_cleanup_free_ char *pattern = xasprintf("%.*s+", (int)strlen(SECTIONS[i].name) - 1, SECTIONS[i].name);

		libbpf_register_prog_handler(pattern, BPF_PROG_TYPE_RAW_TRACEPOINT, SECTIONS[i].attach_type, &options);
	}
}

/* ── the file ── */

static int write_part(const void *object, size_t size, const char *path)
{
	_cleanup_(bpf_object__closep) struct bpf_object *opened = bpf_object__open_mem(object, size, NULL);
	_cleanup_(btf__freep) struct btf *kernel = btf__load_vmlinux_btf();
	_cleanup_(part_clear) struct part part = {.kernel = kernel, .btf = btf__new_empty()};
	const void *bytes;
	uint32_t length;

	if (!opened || !kernel || !part.btf)
		return -1;
	part.made = xcalloc(btf__type_cnt(kernel), sizeof(*part.made));
	read_names(bpf_object__btf(opened), &part);
	make_all(&part);
	add_numbers(&part, opened);
	bytes = btf__raw_data(part.btf, &length);
	return bytes ? file_write_atomic(path, bytes, length, 0600) : -1;
}

/* Not there, or cut short by a crash: it is written again. */
static bool is_whole(const char *path)
{
	_cleanup_(btf__freep) struct btf *btf = btf__parse(path, NULL);

	return btf && btf__find_by_name_kind(btf, NUMBERS, BTF_KIND_ENUM) > 0;
}

char *core_types(const void *object, size_t size)
{
	_cleanup_free_ char *path = cache_path(object, size);

	if (!path || !(is_whole(path) || (!write_part(object, size, path) && is_whole(path))))
		return NULL;
	return TAKE_PTR(path);
}
