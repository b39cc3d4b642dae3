/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/event_format.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define DYNAMIC "__data_loc "

struct field {
	char *type, *name;             /* in `text` */
	unsigned offset, size, length; /* length: of an array, else 0 */
	bool is_signed, is_dynamic;
	char *text;
};

/* Types whose size tells what they are, also where the record gives them more room than they take. */
static const struct {
	const char *type;
	unsigned size;
} plain[] = {
	{"char", 1}, {"unsigned char", 1}, {"short", 2}, {"unsigned short", 2}, {"int", 4}, {"unsigned int", 4},
};

/* "field:const char * name[16];\toffset:8;\tsize:16;\tsigned:0;" */
static bool field_read(const char *line, struct field *ret)
{
	const char *declaration = strstr(line, "field:"), *rest = declaration ? strchr(declaration, ';') : NULL;
	char *bracket;

	if (!rest || sscanf(rest, "; offset:%u; size:%u;", &ret->offset, &ret->size) != 2)
		return false;
	declaration += strlen("field:");
	ret->is_signed = strstr(rest, "signed:1");
	ret->is_dynamic = !strncmp(declaration, DYNAMIC, strlen(DYNAMIC));
	ret->text = xasprintf("%.*s", (int)(rest - declaration), declaration);
	ret->type = ret->text;
	ret->name = strrchr(ret->text, ' ');
	if (!ret->name)
		return false;
	*ret->name++ = '\0';
	bracket = strchr(ret->name, '[');
	if (bracket) {
		ret->length = (unsigned)strtoul(bracket + 1, NULL, 10);
		*bracket = '\0';
	}
	return *ret->name && (!ret->length || ret->size % ret->length == 0);
}

static const char *number_type(unsigned size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? "s8" : "u8";
	case 2:
		return is_signed ? "s16" : "u16";
	case 4:
		return is_signed ? "s32" : "u32";
	case 8:
		return is_signed ? "s64" : "u64";
	default:
		return NULL;
	}
}

static unsigned plain_size(const char *type)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (!strcmp(plain[i].type, type))
			return plain[i].size;
	return 0;
}

/* Returns the bytes written. */
static unsigned field_write(const struct field *field, FILE *out)
{
	unsigned size = field->length ? field->size / field->length : field->size;
	const char *type = number_type(size, field->is_signed);

	if (field->is_dynamic) {
		fprintf(out, " u32 data_loc_%s;", field->name);
		return 4;
	}
	if (strchr(field->type, '*') && size == 8)
		type = field->type;
	if (plain_size(field->type) && plain_size(field->type) <= size && !field->length) {
		fprintf(out, " %s %s;", field->type, field->name);
		return plain_size(field->type);
	}
	/* Another struct, whole: as bytes. */
	if (!type) {
		fprintf(out, " u8 %s[%u];", field->name, field->size);
		return field->size;
	}
	fprintf(out, !strcmp(field->type, "char") && size == 1 ? " char %s" : " %2$s %1$s", field->name, type);
	if (field->length)
		fprintf(out, "[%u]", field->length);
	fputc(';', out);
	return field->size;
}

void event_format_write(const char *format, const char *name, FILE *out)
{
	_cleanup_free_ char *copy = xstrdup(format);
	char *rest = copy, *line;
	unsigned end = 0;

	fprintf(out, "struct %s {", name);
	while ((line = strsep(&rest, "\n"))) {
		struct field field = {};

		if (field_read(line, &field) && field.offset >= end) {
			if (field.offset > end)
				fprintf(out, " u8 pilus_gap_%u[%u];", end, field.offset - end);
			end = field.offset + field_write(&field, out);
		}
		free(field.text);
	}
	fputs(" } __attribute__((packed, aligned(8)));\n", out);
}

bool event_format_find(const char *format, const char *name, struct event_field *ret)
{
	_cleanup_free_ char *copy = xstrdup(format);
	char *rest = copy, *line;
	bool found = false;

	while (!found && (line = strsep(&rest, "\n"))) {
		struct field field = {};

		found = field_read(line, &field) && !strcmp(field.name, name);
		if (found)
			*ret = (struct event_field){
				.offset = field.offset,
				.size = field.size,
				.is_signed = field.is_signed,
				.is_dynamic = field.is_dynamic,
				.is_array = field.length,
				.is_pointer = strchr(field.type, '*'),
			};
		free(field.text);
	}
	return found;
}
