/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/explain.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* The first that the verifier's words contain counts, so the particular stand before the general. */
static const struct {
	const char *words, *meaning;
} meanings[] = {
	{"map_value_or_null", "a table's lookup may find nothing, and what it returned is used without a test: "
                              "test the pointer first, if (!value) return 0;"},
	{"mem_or_null", "reserving room may fail, and what it returned is used without a test: "
                        "test the pointer first, if (!event) return 0;"},
	{"ringbuf_mem_or_null", "reserving room may fail, and what it returned is used without a test: "
                                "test the pointer first, if (!event) return 0;"},
	{"_or_null", "the pointer may be NULL here: test it first, if (!pointer) return 0;"},
	{"infinite loop detected", "a loop does not end, as far as can be seen: give it a fixed number of rounds, "
                                   "for (int i = 0; i < 16; i++)"},
	{"back-edge", "there is a loop, which this kernel allows no program: unroll it, or use bpf_loop()"},
	{"The sequence of",
         "the paths through the program are too many to follow: fewer branches, a loop with fewer rounds, or "
         "bpf_loop()"},
	{"program is too large",
         "a loop has no end that can be seen, or too many rounds for every path to be followed: give it a "
         "fixed, small number of rounds, or use bpf_loop()"},
	{"too many states",
         "the paths through the program are too many to follow: fewer branches, or loops with fewer rounds"},
	{"invalid mem access 'scalar'", "a number is used as an address: the kernel's memory is read by "
                                        "bpf_probe_read_kernel(), a process's by bpf_probe_read_user()"},
	{"invalid mem access 'inv'", "a number is used as an address: the kernel's memory is read by "
                                     "bpf_probe_read_kernel(), a process's by bpf_probe_read_user()"},
	{"invalid mem access", "this is no address that the program may read or write: read the kernel's memory by "
                               "bpf_probe_read_kernel(), a process's by bpf_probe_read_user()"},
	{"invalid access to map value", "an index may lie outside a table's value: compare it with the size first, "
                                        "if (i >= sizeof(value->array)) return 0;"},
	{"makes pkt pointer be out of bounds", "the packet may end before: compare with data_end first"},
	{"outside of the packet", "the packet may end before what is read: compare with data_end first, "
                                  "if (header + 1 > data_end) return …;"},
	{"invalid access to packet", "the packet may end before what is read: compare with data_end first, "
                                     "if (header + 1 > data_end) return …;"},
	{"BPF stack limit",
         "the program needs more than the 512 bytes of stack there are: keep big things in a per-CPU array"},
	{"combined stack size",
         "the program and the functions it calls need more than the 512 bytes of stack there are: keep "
         "big things in a per-CPU array"},
	{"too large for stack",
         "the program needs more than the 512 bytes of stack there are: keep big things in a per-CPU "
         "array"},
	{"invalid indirect read from stack",
         "something on the stack is handed on before all of it was written: begin with "
         "struct … x = {};, so that padding is 0, too"},
	{"invalid read from stack", "a variable is read before it was written, or beyond its end"},
	{"invalid write to stack", "an index may lie outside an array on the stack: compare it with the size first"},
	{"variable-offset", "an index into the stack may be anything: compare it with the size first"},
	{"math between",
         "an address is changed in a way that cannot be followed: compare the number with its bounds first"},
	{"unbounded memory access",
         "a length may be anything: compare it first, if (length > sizeof(buffer)) return 0;"},
	{"min value is negative", "a length or an index may be below 0: make it unsigned, or compare it with 0 first"},
	{"max value is outside", "an index may lie outside what it points into: compare it with the size first"},
	{"Invalid format string",
         "a format may have %d, %i, %u, %x and %X, with l or ll before, %c, %s and %p, and nothing else"},
	{"unknown func", "this kind of program may not call that helper, or this kernel has none of that name: "
                         "see bpf-helpers(7)"},
	{"program of this type cannot use helper", "this kind of program may not call that helper: see bpf-helpers(7)"},
	{"cannot call GPL-restricted function", "that helper is for programs whose license is GPL: "
                                                "char _license[] SEC(\"license\") = \"GPL\";"},
	{"cannot call GPL only", "that helper is for programs whose license is GPL"},
	{"Unreleased reference", "something that was taken is not given back on every path: submit or discard what was "
                                 "reserved, release what was looked up"},
	{"reference leak",
         "something that was taken is not given back on every path: submit or discard what was reserved, release "
         "what was looked up"},
	{"reference has not been acquired before", "something is given back twice, or was never taken"},
	{"R0 !read_ok", "the program ends without a result on some path: return 0;"},
	{"!read_ok", "a variable is used that has no value yet on some path: give it one where it is declared"},
	{"At program exit the register R0", "the result is not one that this hook understands"},
	{"pointer arithmetic with",
         "an address is changed in a way that cannot be followed: only + and - of a number with bounds can"},
	{"variable ctx access",
         "the context is read at a computed place: use its members by name, and no arithmetic on it"},
	{"dereference of modified",
         "the context is read at a computed place: use its members by name, and no arithmetic on it"},
	{"invalid bpf_context access", "this kind of program has no such member in its context, or may not write it"},
	{"is not a known", "the kernel has no such function or hook: pilus trace list shows those it has"},
	{"unreachable insn", "there is code that nothing can reach"},
	{"jump out of range", "the program jumps out of itself: a function may lack its return"},
	{"leads to invalid memory access", "a helper gets an address that may be outside what it may touch"},
	{"expected=",
         "a helper gets something else than it expects: an address of the stack, of a table's value or of the "
         "context"},
	{"sleep", "this program may not sleep, and a helper that it calls may"},
};

#define HEADER "pilus.h"

/* Lines that come after the verifier's last word. */
static const char *const trailers[] = {"processed ", "verification time", "stack depth",
                                       "-- END",     "max_states",        "peak_"};

static bool is_trailer(const char *line, size_t length)
{
	for (size_t i = 0; i < sizeof(trailers) / sizeof(*trailers); i++)
		if (length >= strlen(trailers[i]) && !strncmp(line, trailers[i], strlen(trailers[i])))
			return true;
	return false;
}

/* "12: (bf) r1 = r10 …", "R1=ctx() R10=fp0", "from 1 to 3: …", "; source": what was looked at, not what was found. */
static bool is_step(const char *line)
{
	char *end;

	if (*line == ';' || !strncmp(line, "from ", 5) || !strncmp(line, "func#", 5) ||
	    !strncmp(line, "mark_precise", 12))
		return true;
	if (isdigit((unsigned char)*line)) {
		strtoul(line, &end, 10);
		return !strncmp(end, ": ", 2);
	}
	return *line == 'R' && isdigit((unsigned char)line[1]) && (strchr("=_", line[2]) || strchr("=_", line[3]));
}

/* "; text @ prog.c:12" */
static void note_source(const char *line, size_t length, struct refusal *ret)
{
	const char *at = memmem(line, length, " @ ", 3), *colon = at;

	/* What the header of the dialect does is not where the author looks: the line before is theirs. */
	if (at && !strncmp(at, " @ " HEADER ":", strlen(" @ " HEADER ":")))
		return;
	ret->source = line + 2;
	ret->source_length = (at ? (size_t)(at - line) : length) - 2;
	ret->line = 0;
	for (const char *c = at; c && c < line + length; c++)
		if (*c == ':')
			colon = c;
	if (at)
		ret->line = (unsigned)strtoul(colon + 1, NULL, 10);
}

void refusal_find(const char *log, struct refusal *ret)
{
	*ret = (struct refusal){};
	for (const char *line = log; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		size_t length = strcspn(line, "\n");

		if (length > 2 && !strncmp(line, "; ", 2))
			note_source(line, length, ret);
		else if (length && !is_step(line) && !is_trailer(line, length)) {
			ret->reason = line;
			ret->reason_length = length;
		}
	}
}

const char *explain_reason(const char *reason, size_t length)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (memmem(reason, length, meanings[i].words, strlen(meanings[i].words)))
			return meanings[i].meaning;
	return NULL;
}

/* ── the place ── */

static const char *line_start(const char *text, unsigned number)
{
	for (unsigned line = 1; text && line < number; line++) {
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return text;
}

/* Before 6.8 the log quotes lines without their number: where in the text is it, if in one place only? */
static unsigned find_line(const char *text, const struct refusal *refusal)
{
	unsigned number = 1, found = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL, number++) {
		const char *start = line + strspn(line, " \t");

		if (strncmp(start, refusal->source, refusal->source_length) != 0)
			continue;
		if (found)
			return 0;
		found = number;
	}
	return found;
}

static char *quote_place(const char *file, const char *text, unsigned number, const struct refusal *refusal)
{
	const char *line = number && text ? line_start(text, number) : NULL;

	if (line && *line)
		return xasprintf("%s:%u:%.*s\n", file, number, (int)strcspn(line, "\n"), line);
	if (refusal->source)
		return xasprintf("at: %.*s\n", (int)refusal->source_length, refusal->source);
	return xstrdup("");
}

/* ── the sentence ── */

static void explain_errno(const char *program, int code, struct error *error)
{
	if ((code == -EPERM || code == -EACCES) && geteuid())
		error_set(error, code, "loading %s needs root, or the capabilities BPF and PERFMON: try sudo", program);
	else if (code == -EPERM || code == -EACCES)
		error_set(error, code,
		          "the kernel does not let this process load %s: it lacks the capabilities BPF and PERFMON, "
		          "or the kernel is locked down",
		          program);
	else if (code == -E2BIG)
		error_set(error, code, "%s has more instructions than the kernel takes", program);
	else
		error_set_errno(error, code, "the kernel refused %s", program);
}

char *explain(const char *file, const char *text, const char *program, int code, const char *log, struct error *error)
{
	_cleanup_free_ char *place = NULL, *where = NULL;
	struct refusal refusal;
	const char *meaning;
	unsigned number;

	refusal_find(log, &refusal);
	if (!refusal.reason) {
		explain_errno(program, code, error);
		return xstrdup("");
	}
	number = refusal.line ?: text && refusal.source ? find_line(text, &refusal) : 0;
	place = quote_place(file, text, number, &refusal);
	where = number ? xasprintf("%s:%u", file, number) : xstrdup(file);
	meaning = explain_reason(refusal.reason, refusal.reason_length);
	error_set(error, code, "%s: the verifier refuses %s: %.*s", where, program,
	          (int)(meaning ? strlen(meaning) : refusal.reason_length), meaning ?: refusal.reason);
	return xasprintf("%sverifier: %.*s\n", place, (int)refusal.reason_length, refusal.reason);
}
