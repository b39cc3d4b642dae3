/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/kernel_reads.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define NOWHERE SIZE_MAX /* no value, or one without a number */

/* What is found out of a function of its callers and callees is known in the round after. */
#define ROUNDS 3

/* Where a pointer (or a number that becomes one) comes from. The greater of two is the answer where paths meet. */
enum origin {
	UNKNOWN, /* a context, a table's value: the verifier knows */
	OWN,     /* the function's own variable */
	PACKET,  /* a number of 32 bits, as a context's data and data_end are */
	MEMBER,  /* into a struct of the kernel's */
	FOREIGN, /* any other address: it was a number, or read of memory that is not the program's */
};

static const char *const types[] = {"i8", "i16", "i32", "i64", "i128", "ptr"};

/* Which helper reads there. bpf_probe_read takes processes' addresses besides the kernel's, but is not for programs
 * that see packets. */
static const struct reading {
	const char *name;
	unsigned helper;
} kernel_reading = {"read", 113}, any_reading = {"fetch", 4};

struct value {
	uint8_t origin; /* enum origin */
	uint8_t holds;  /* of a variable: the origin of what was stored in it */
};

struct function {
	char *name;
	struct value *values; /* by number; parameters are the first */
	size_t count;
	uint8_t result;
};

struct reader {
	struct function *functions;
	size_t count;
	size_t current;
	unsigned copies;
	FILE *out;
};

/* ── words of a line ── */

/* 12 for "%12", after the words that may stand between a type and its operand. */
static size_t operand(const char *text)
{
	static const char *const words[] = {"noundef", "nonnull", "align", "zeroext", "signext", "ptr", "i64", "i32"};
	size_t length;

	for (text += strspn(text, " "); *text && *text != '%'; text += strspn(text, " ")) {
		bool known = *text >= '0' && *text <= '9';

		if (!strncmp(text, "elementtype(", strlen("elementtype("))) {
			text = strchr(text, ')') ? strchr(text, ')') + 1 : "";
			continue;
		}
		length = strcspn(text, " ,)");
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			known |= length == strlen(words[i]) && !strncmp(text, words[i], length);
		if (!known || !length)
			return NOWHERE;
		text += length;
	}
	return *text == '%' && text[1] >= '0' && text[1] <= '9' ? strtoul(text + 1, NULL, 10) : NOWHERE;
}

/* What stands in the line after such words; NULL: they don't. */
static const char *after(const char *line, const char *words)
{
	const char *at = strstr(line, words);

	return at ? at + strlen(words) : NULL;
}

/* What the line defines: of "  %12 = …" 12, and what stands after the "= ". */
static size_t defined(const char *line, const char **ret_rest)
{
	const char *equals = strstr(line, " = ");

	*ret_rest = "";
	if (strncmp(line, "  %", 3) != 0 || !equals)
		return NOWHERE;
	*ret_rest = equals + 3;
	return operand(line);
}

/* ── what is known ── */

static struct function *find_function(struct reader *reader, const char *name, size_t length)
{
	for (size_t i = 0; i < reader->count; i++)
		if (strlen(reader->functions[i].name) == length && !memcmp(reader->functions[i].name, name, length))
			return &reader->functions[i];
	reader->functions = xrealloc(reader->functions, (reader->count + 1) * sizeof(*reader->functions));
	reader->functions[reader->count] = (struct function){.name = xasprintf("%.*s", (int)length, name)};
	return &reader->functions[reader->count++];
}

/* Of a call or a definition: "… @name(…" */
static struct function *named_function(struct reader *reader, const char *line)
{
	const char *name = after(line, " @");

	return name ? find_function(reader, name, strcspn(name, "(")) : NULL;
}

static struct value *value_of(struct function *function, size_t number)
{
	static struct value nothing;

	if (number == NOWHERE) {
		nothing = (struct value){};
		return &nothing;
	}
	if (number >= function->count) {
		function->values = xrealloc(function->values, (number + 1) * sizeof(*function->values));
		memset(&function->values[function->count], 0, (number + 1 - function->count) * sizeof(struct value));
		function->count = number + 1;
	}
	return &function->values[number];
}

static struct value *value_at(struct reader *reader, size_t number)
{
	return value_of(&reader->functions[reader->current], number);
}

static void learn(uint8_t *known, enum origin origin)
{
	if (origin > *known)
		*known = origin;
}

/* ── what lines tell ── */

static void learn_arguments(struct reader *reader, const char *call)
{
	const char *argument = after(call, "(");
	struct function *callee = named_function(reader, call);
	size_t number = 0;

	for (; callee && argument; argument = after(argument, ", "), number++) {
		enum origin origin = value_at(reader, operand(argument))->origin;

		if (origin == FOREIGN || origin == MEMBER)
			learn(&value_of(callee, number)->origin, FOREIGN);
	}
}

static enum origin origin_of_sum(struct reader *reader, const char *rest)
{
	const char *second = after(rest, ", ");
	bool first = value_at(reader, operand(after(rest, "i64") ?: ""))->origin == PACKET;
	bool other = second && (*second != '%' || value_at(reader, operand(second))->origin == PACKET);

	return first && other ? PACKET : UNKNOWN;
}

static enum origin origin_of_paths(struct reader *reader, const char *rest)
{
	uint8_t origin = UNKNOWN;

	for (; rest; rest = after(rest, "[ "))
		learn(&origin, value_at(reader, operand(rest))->origin);
	return origin;
}

static bool is(const char *rest, const char *word)
{
	return !strncmp(rest, word, strlen(word));
}

/* Of what a line defines that is copied as it is. */
static enum origin origin_of(struct reader *reader, const char *rest)
{
	const char *pointer = after(rest, ", ptr ");

	if (is(rest, "alloca "))
		return OWN;
	if (is(rest, "inttoptr "))
		return value_at(reader, operand(after(rest, "inttoptr ")))->origin == PACKET ? PACKET : FOREIGN;
	if (is(rest, "zext ") && strstr(rest, "i32 %"))
		return PACKET;
	if (is(rest, "add ") || is(rest, "sub "))
		return origin_of_sum(reader, rest);
	if (is(rest, "getelementptr ") && pointer)
		return value_at(reader, operand(pointer))->origin;
	if (is(rest, "load ") && pointer)
		return value_at(reader, operand(pointer))->holds;
	if (is(rest, "phi ptr "))
		return origin_of_paths(reader, after(rest, "[ "));
	if (is(rest, "call ptr @"))
		return named_function(reader, rest)->result;
	return UNKNOWN;
}

static void learn_line(struct reader *reader, const char *line)
{
	const char *rest, *store = after(line, "  store "), *call = strstr(line, "call ");
	size_t number = defined(line, &rest);
	const char *to = store ? after(store, ", ptr ") : NULL;

	/* It may move what is known of functions. */
	if (call)
		learn_arguments(reader, call);
	if (number != NOWHERE)
		learn(&value_at(reader, number)->origin, origin_of(reader, rest));
	if (to && (is(store, "ptr ") || is(store, "i64 ")))
		learn(&value_at(reader, operand(to))->holds, value_at(reader, operand(after(store, " ")))->origin);
	if (is(line, "  ret ptr ")) {
		enum origin origin = value_at(reader, operand(line + strlen("  ret ptr ")))->origin;

		if (origin == FOREIGN || origin == MEMBER)
			learn(&reader->functions[reader->current].result, FOREIGN);
	}
}

/* ── rewriting ── */

/* The location stays, and nothing else of the metadata. */
static void write_location(struct reader *reader, const char *line)
{
	const char *location = strstr(line, ", !dbg ");

	if (location)
		fprintf(reader->out, ", %.*s", (int)strcspn(location + 2, ","), location + 2);
	fputc('\n', reader->out);
}

/* %6 = call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%struct.a) %5, i32 3, i32 3), !dbg …
 * and the same of a union, whose members are all at its begin, and of an array, with the number of its dimension and
 * the index. */
static bool rewrite_access(struct reader *reader, const char *line)
{
	const char *rest, *access = after(line, "@llvm.preserve."), *base = access ? after(access, "(ptr ") : NULL;
	size_t value = defined(line, &rest), pointer = base ? operand(base) : NOWHERE;
	const char *type = base ? after(base, "elementtype(") : NULL, *first, *second;
	enum origin origin;

	if (value == NOWHERE || pointer == NOWHERE)
		return false;
	origin = value_at(reader, pointer)->origin;
	learn(&value_at(reader, value)->origin, origin == OWN || origin == PACKET ? origin : MEMBER);
	first = after(base, ", ");
	second = type ? after(first, ", ") : NULL;
	if (is(access, "union"))
		fprintf(reader->out, "  %%%zu = getelementptr i8, ptr %%%zu, i32 0", value, pointer);
	else
		fprintf(reader->out, "  %%%zu = getelementptr inbounds %.*s, ptr %%%zu%s, %.*s", value,
		        (int)strcspn(type, ")"), type, pointer,
		        is(access, "array") && is(first, "i32 0") ? "" : ", i32 0",
		        (int)strcspn(is(access, "array") ? second : first, ",)"), is(access, "array") ? second : first);
	write_location(reader, line);
	return true;
}

static const struct reading *reading_at(struct reader *reader, size_t pointer)
{
	switch (value_at(reader, pointer)->origin) {
	case MEMBER:
		return &kernel_reading;
	case FOREIGN:
		return &any_reading;
	default:
		return NULL;
	}
}

/* %7 = load ptr, ptr %6, align 8, !dbg … */
static bool rewrite_load(struct reader *reader, const char *line)
{
	const char *rest, *type, *pointer = after(line, ", ptr ");
	size_t value = defined(line, &rest), from = pointer ? operand(pointer) : NOWHERE;
	const struct reading *reading = reading_at(reader, from);

	if (!is(rest, "load ") || !reading)
		return false;
	type = rest + strlen("load ") + (is(rest, "load volatile ") ? strlen("volatile ") : 0);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (is(type, types[i]) && type[strlen(types[i])] == ',') {
			fprintf(reader->out, "  %%%zu = call %s @pilus_%s_%s(ptr %%%zu)", value, types[i],
			        reading->name, types[i], from);
			write_location(reader, line);
			if (!strcmp(types[i], "ptr"))
				learn(&value_at(reader, value)->origin, FOREIGN);
			return true;
		}
	return false;
}

/* call void @llvm.memcpy.p0.p0.i64(ptr align 4 %1, ptr align 4 %6, i64 16, i1 false), !dbg … */
static bool rewrite_copy(struct reader *reader, const char *line)
{
	const char *call = after(line, "call void @llvm.memcpy."), *second = call ? after(call, ", ptr ") : NULL;
	const char *first = call ? after(call, "(ptr ") : NULL, *size = second ? after(second, ", i64 ") : NULL;
	size_t from = second ? operand(second) : NOWHERE, to = first ? operand(first) : NOWHERE;
	const struct reading *reading = reading_at(reader, from);

	if (!size || !reading || to == NOWHERE)
		return false;
	fprintf(reader->out, "  %%pilus.copy.%u = call i64 inttoptr (i64 %u to ptr)(ptr %%%zu, i32 %lu, ptr %%%zu)",
	        reader->copies++, reading->helper, to, strtoul(size, NULL, 10), from);
	write_location(reader, line);
	return true;
}

static void rewrite_line(struct reader *reader, const char *line)
{
	if (is(line, "define "))
		reader->current = (size_t)(named_function(reader, line) - reader->functions);
	if (rewrite_access(reader, line) || rewrite_load(reader, line) || rewrite_copy(reader, line))
		return;
	if (is(line, "  "))
		learn_line(reader, line);
	fprintf(reader->out, "%s\n", line);
}

/* What cannot be read is 0, as after bpf_probe_read. */
static void write_readers(FILE *out, const struct reading *reading)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		const char *type = types[i], *zero = strcmp(type, "ptr") != 0 ? "0" : "null";
		unsigned size = strcmp(type, "ptr") != 0 ? (unsigned)strtoul(type + 1, NULL, 10) / 8 : 8;

		fprintf(out,
		        "define internal %s @pilus_%s_%s(ptr %%from) alwaysinline {\n  %%to = alloca %s\n  store %s "
		        "%s, ptr %%to\n"
		        "  %%result = call i64 inttoptr (i64 %u to ptr)(ptr %%to, i32 %u, ptr %%from)\n"
		        "  %%value = load %s, ptr %%to\n  ret %s %%value\n}\n",
		        type, reading->name, type, type, type, zero, reading->helper, size, type, type);
	}
}

static char *rewrite_once(struct reader *reader, const char *intermediate)
{
	_cleanup_free_ char *copy = xstrdup(intermediate);
	char *text = NULL, *rest = copy, *line;
	size_t size;

	reader->copies = 0;
	reader->out = open_memstream(&text, &size);
	while ((line = strsep(&rest, "\n")))
		rewrite_line(reader, line);
	write_readers(reader->out, &kernel_reading);
	write_readers(reader->out, &any_reading);
	fclose(reader->out);
	return text;
}

char *kernel_reads_rewrite(const char *intermediate)
{
	struct reader reader = {};
	char *text = NULL;

	find_function(&reader, "", 0);
	for (int round = 0; round < ROUNDS; round++) {
		free(text);
		text = rewrite_once(&reader, intermediate);
	}
	for (size_t i = 0; i < reader.count; i++) {
		free(reader.functions[i].name);
		free(reader.functions[i].values);
	}
	free(reader.functions);
	return text;
}
