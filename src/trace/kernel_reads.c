/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/kernel_reads.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/words.h"

/* bpf_probe_read_kernel is helper 113. */
#define HELPER "inttoptr (i64 113 to ptr)"

struct reader {
	struct words kernel; /* values of this function that are addresses of the kernel's members */
	struct words stack;  /* those that are the function's own variables */
	unsigned copies;
	FILE *out;
};

/* "%12" at the line's begin is what it defines; NULL: nothing. */
static char *defined_by(const char *line)
{
	const char *start = line + strspn(line, " ");
	size_t length = strcspn(start, " ");

	return *start == '%' && !strncmp(start + length, " = ", 3) ? xasprintf("%.*s", (int)length, start) : NULL;
}

/* The value after the first "ptr " (and its attributes) in `text`: its "%12"; NULL: another operand. */
static char *pointer_in(const char *text)
{
	const char *at = strstr(text, "ptr ");

	at = at ? strchr(at, '%') : NULL;
	/* elementtype(%struct.x) %5 */
	if (at && at > text && at[-1] == '(' && strchr(at, ')'))
		at = strchr(strchr(at, ')'), '%');
	return at ? xasprintf("%.*s", (int)strcspn(at, ", )"), at) : NULL;
}

static void note(struct reader *reader, const char *line, const char *pointer)
{
	_cleanup_free_ char *value = defined_by(line);

	if (value && pointer && !words_have(&reader->stack, pointer))
		words_add(&reader->kernel, value, strlen(value));
	else if (value)
		words_add(&reader->stack, value, strlen(value));
}

/* The location stays, and nothing else of the metadata. */
static void write_location(struct reader *reader, const char *line)
{
	const char *location = strstr(line, ", !dbg ");

	if (location)
		fprintf(reader->out, ", %.*s", (int)strcspn(location + 2, ","), location + 2);
	fputc('\n', reader->out);
}

/* %6 = call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%struct.a) %5, i32 3, i32 3), !dbg … */
static bool rewrite_access(struct reader *reader, const char *line)
{
	const char *call = strstr(line, "@llvm.preserve.struct.access.index"),
		   *member = strstr(line, "@llvm.preserve.union.access.index");
	_cleanup_free_ char *pointer = pointer_in(call ?: member ?: ""), *value = defined_by(line);
	const char *type, *index;

	if (!value || !pointer)
		return false;
	note(reader, line, pointer);
	if (member) {
		fprintf(reader->out, "  %s = getelementptr i8, ptr %s, i32 0", value, pointer);
		write_location(reader, line);
		return true;
	}
	type = strstr(call, "elementtype(") + strlen("elementtype(");
	index = strstr(type, ", i32 ");
	fprintf(reader->out, "  %s = getelementptr inbounds %.*s, ptr %s, i32 0%.*s", value, (int)strcspn(type, ")"),
	        type, pointer, (int)(strcspn(index + 2, ",") + 2), index);
	write_location(reader, line);
	return true;
}

static const char *const types[] = {"i8", "i16", "i32", "i64", "ptr"};

/* %7 = load ptr, ptr %6, align 8, !dbg … */
static bool rewrite_load(struct reader *reader, const char *line)
{
	const char *load = strstr(line, " = load ");
	const char *type = load ? load + strlen(" = load ") : NULL;
	_cleanup_free_ char *value = defined_by(line), *pointer = type ? pointer_in(strchr(type, ',') ?: "") : NULL;

	if (!value || !pointer || !words_have(&reader->kernel, pointer))
		return false;
	type += !strncmp(type, "volatile ", strlen("volatile ")) ? strlen("volatile ") : 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strncmp(type, types[i], strlen(types[i])) && type[strlen(types[i])] == ',') {
			fprintf(reader->out, "  %s = call %s @pilus_read_%s(ptr %s)", value, types[i], types[i],
			        pointer);
			write_location(reader, line);
			return true;
		}
	return false;
}

/* call void @llvm.memcpy.p0.p0.i64(ptr align 4 %1, ptr align 4 %6, i64 16, i1 false), !dbg … */
static bool rewrite_copy(struct reader *reader, const char *line)
{
	const char *call = strstr(line, "call void @llvm.memcpy."), *second = call ? strstr(call, ", ptr ") : NULL;
	_cleanup_free_ char *to = call ? pointer_in(call) : NULL, *from = second ? pointer_in(second) : NULL;
	const char *size = second ? strstr(second, ", i64 ") : NULL;

	if (!to || !from || !size || !words_have(&reader->kernel, from))
		return false;
	fprintf(reader->out, "  %%pilus.copy.%u = call i64 " HELPER "(ptr %s, i32 %lu, ptr %s)", reader->copies++, to,
	        strtoul(size + strlen(", i64 "), NULL, 10), from);
	write_location(reader, line);
	return true;
}

static void rewrite_line(struct reader *reader, const char *line)
{
	if (!strncmp(line, "define ", 7)) {
		words_clear(&reader->kernel);
		words_clear(&reader->stack);
	}
	if (strstr(line, "= call ptr @llvm.preserve.") && rewrite_access(reader, line))
		return;
	if (rewrite_load(reader, line) || rewrite_copy(reader, line))
		return;
	if (strstr(line, " = getelementptr ")) {
		_cleanup_free_ char *pointer = pointer_in(strstr(line, ", ptr ") ?: "");
		_cleanup_free_ char *value = defined_by(line);

		if (pointer && value && words_have(&reader->kernel, pointer))
			words_add(&reader->kernel, value, strlen(value));
	}
	if (strstr(line, " = alloca ")) {
		_cleanup_free_ char *value = defined_by(line);

		words_add(&reader->stack, value, strlen(value));
	}
	fprintf(reader->out, "%s\n", line);
}

/* What cannot be read is 0, as after bpf_probe_read. */
static void write_readers(FILE *out)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		const char *type = types[i], *zero = strcmp(type, "ptr") != 0 ? "0" : "null";
		unsigned size = strcmp(type, "ptr") != 0 ? (unsigned)strtoul(type + 1, NULL, 10) / 8 : 8;

		fprintf(out,
		        "define internal %s @pilus_read_%s(ptr %%from) alwaysinline {\n  %%to = alloca %s\n  store %s "
		        "%s, ptr %%to\n"
		        "  %%result = call i64 " HELPER
		        "(ptr %%to, i32 %u, ptr %%from)\n  %%value = load %s, ptr %%to\n  ret %s %%value\n}\n",
		        type, type, type, type, zero, size, type, type);
	}
}

char *kernel_reads_rewrite(const char *intermediate)
{
	_cleanup_free_ char *copy = xstrdup(intermediate);
	struct reader reader = {};
	char *text = NULL, *rest = copy, *line;
	size_t size;

	reader.out = open_memstream(&text, &size);
	while ((line = strsep(&rest, "\n")))
		rewrite_line(&reader, line);
	write_readers(reader.out);
	fclose(reader.out);
	words_clear(&reader.kernel);
	words_clear(&reader.stack);
	return text;
}
