/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/dialect.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/lexer.h"

#define PARAMETERS_MAX 7

/* Where the rewriting is. What was not rewritten is copied from `copied` on. */
struct rewriter {
	struct dialect *dialect;
	const char *name, *text;
	struct tokens tokens;
	const char *copied;
	FILE *out, *warnings;
};

static const char *const methods[] = {
	"atomic_increment",
	"call",
	"check_current_task",
	"delete",
	"get_stackid",
	"increment",
	"insert",
	"lookup",
	"lookup_or_init",
	"lookup_or_try_init",
	"peek",
	"perf_read",
	"perf_submit",
	"perf_submit_skb",
	"pop",
	"push",
	"redirect_map",
	"ringbuf_discard",
	"ringbuf_output",
	"ringbuf_query",
	"ringbuf_reserve",
	"ringbuf_submit",
	"update",
};

/* ── small questions ── */

static const struct token *at(const struct rewriter *rewriter, size_t index)
{
	return token_at(&rewriter->tokens, index);
}

static bool is_at(const struct rewriter *rewriter, size_t index, const char *text)
{
	return token_is(at(rewriter, index), text);
}

static bool is_method(const struct token *token)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (token_is(token, methods[i]))
			return true;
	return false;
}

static size_t line_of(const struct rewriter *rewriter, size_t index)
{
	size_t line = 1;

	for (const char *c = rewriter->text; c < at(rewriter, index)->start; c++)
		line += *c == '\n';
	return line;
}

bool dialect_is(const char *text)
{
	struct tokens tokens;
	bool is = true;

	tokens_read(&tokens, text);
	for (size_t i = 0; is && i < tokens.count; i++)
		is = !token_is(&tokens.list[i], "SEC") && !token_is(&tokens.list[i], "bpf_helpers");
	tokens_clear(&tokens);
	return is;
}

size_t dialect_conversions(const char *format, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		if (format[i] != '%')
			continue;
		if (i + 1 < length && format[i + 1] == '%')
			i++;
		else
			count++;
	}
	return count;
}

/* ── writing ── */

static void copy_until(struct rewriter *rewriter, const char *end)
{
	fwrite(rewriter->copied, 1, (size_t)(end - rewriter->copied), rewriter->out);
	rewriter->copied = end;
}

/* Puts `text` in the place of the tokens from `first` to `last`, whose newlines are kept. */
static void replace(struct rewriter *rewriter, size_t first, size_t last, const char *text)
{
	const char *end = at(rewriter, last)->start + at(rewriter, last)->length;

	copy_until(rewriter, at(rewriter, first)->start);
	fputs(text, rewriter->out);
	for (; rewriter->copied < end; rewriter->copied++)
		if (*rewriter->copied == '\n')
			fputc('\n', rewriter->out);
}

static void rewrite_range(struct rewriter *rewriter, size_t first, size_t end);

/* ── calls ── */

/* The end of the argument that begins at `index`: a comma's or the closing bracket's index. */
static size_t argument_end(const struct rewriter *rewriter, size_t index, size_t closing)
{
	while (index < closing && !is_at(rewriter, index, ",")) {
		if (is_at(rewriter, index, "(") || is_at(rewriter, index, "{") || is_at(rewriter, index, "["))
			index = tokens_closing(&rewriter->tokens, index);
		index++;
	}
	return index < closing ? index : closing;
}

static void warn_of_values(struct rewriter *rewriter, size_t index, size_t wanted, size_t given)
{
	fprintf(rewriter->warnings,
	        "%s:%zu: bpf_trace_printk's format asks for %zu value%s and gets %zu: the missing print as 0, or as "
	        "nothing\n",
	        rewriter->name, line_of(rewriter, index), wanted, wanted == 1 ? "" : "s", given);
}

/* bpf_trace_printk("…", a, b). Returns the index of its closing bracket. */
static size_t rewrite_printk(struct rewriter *rewriter, size_t index)
{
	size_t closing = tokens_closing(&rewriter->tokens, index + 1), wanted = 0, given = 0, i = index + 2;

	rewriter->dialect->has_lines = true;
	replace(rewriter, index, index, "pilus_printk");
	for (; at(rewriter, i)->kind == TOKEN_STRING; i++)
		wanted += dialect_conversions(at(rewriter, i)->start, at(rewriter, i)->length);
	while (i < closing && is_at(rewriter, i, ",")) {
		size_t end = argument_end(rewriter, i + 1, closing);

		copy_until(rewriter, at(rewriter, i + 1)->start);
		fputs("(u64)(", rewriter->out);
		rewrite_range(rewriter, i + 1, end);
		copy_until(rewriter, at(rewriter, end - 1)->start + at(rewriter, end - 1)->length);
		fputc(')', rewriter->out);
		given++;
		i = end;
	}
	if (given < wanted)
		warn_of_values(rewriter, index, wanted, given);
	copy_until(rewriter, at(rewriter, closing)->start);
	for (; given < wanted; given++)
		fputs(", 0", rewriter->out);
	return closing;
}

/* table.method( */
static void rewrite_method(struct rewriter *rewriter, size_t index)
{
	_cleanup_free_ char *table = token_text(at(rewriter, index));
	_cleanup_free_ char *method = token_text(at(rewriter, index + 2));
	_cleanup_free_ char *call = xasprintf("pilus_%s(%s, ", method, table);

	replace(rewriter, index, index + 3, call);
}

/* ── programs ── */

struct parameters {
	size_t first[PARAMETERS_MAX], end[PARAMETERS_MAX]; /* indices of tokens */
	size_t count;
};

/* Between the brackets; more than can be had are left out, and the compiler will say what is missing. */
static void find_parameters(const struct rewriter *rewriter, size_t opening, struct parameters *ret)
{
	size_t closing = tokens_closing(&rewriter->tokens, opening), i = opening + 1;

	ret->count = 0;
	if (is_at(rewriter, i, "void") && i + 1 == closing)
		return;
	while (i < closing && ret->count < PARAMETERS_MAX) {
		size_t end = argument_end(rewriter, i, closing);

		ret->first[ret->count] = i;
		ret->end[ret->count++] = end;
		i = end + 1;
	}
}

/* A parameter's text on one line, without its name if `type_only`. */
static void write_parameter(struct rewriter *rewriter, size_t first, size_t end, bool type_only)
{
	for (size_t i = first; i + type_only < end; i++)
		fprintf(rewriter->out, "%s%.*s", i > first ? " " : "", (int)at(rewriter, i)->length,
		        at(rewriter, i)->start);
}

static void write_list(struct rewriter *rewriter, const struct parameters *parameters, size_t from)
{
	for (size_t i = from; i < parameters->count; i++) {
		fputs(", ", rewriter->out);
		write_parameter(rewriter, parameters->first[i], parameters->end[i], false);
	}
}

/* The program `name`, which calls an inline function with its parameters from `from` on; that function's head, to which
 * the body that follows in the text belongs. `at_exit`: the last parameter is the result. */
static void write_program(struct rewriter *rewriter, const char *name, const char *context,
                          const struct parameters *parameters, size_t from, bool at_exit)
{
	fprintf(rewriter->out, "static __always_inline int %s__body(%s", name, context);
	write_list(rewriter, parameters, from);
	fprintf(rewriter->out, "); SEC(\"%s\") int %s(void *ctx) { return %s__body(ctx",
	        at_exit && parameters->count > from + 1 ? DIALECT_SECTION_ARGUMENTS_AT_EXIT : DIALECT_SECTION, name,
	        name);
	for (size_t i = from; i < parameters->count; i++) {
		fputs(", (", rewriter->out);
		write_parameter(rewriter, parameters->first[i], parameters->end[i], true);
		if (at_exit && i + 1 == parameters->count)
			fprintf(rewriter->out, ")pilus_result(ctx, %zu)", i - from);
		else
			fprintf(rewriter->out, ")PT_REGS_PARM%zu(ctx)", i - from + 1);
	}
	fprintf(rewriter->out, "); } static __always_inline int %s__body(%s", name, context);
	write_list(rewriter, parameters, from);
	fputc(')', rewriter->out);
}

/* KFUNC_PROBE(f, int a) */
static const struct head {
	const char *macro, *prefix;
	bool at_exit;
} heads[] = {
	{"KFUNC_PROBE", "kfunc__", false},
	{"KRETFUNC_PROBE", "kretfunc__", true},
	{"LSM_PROBE", "lsm__", false},
};

static const struct head *find_head(const struct token *token)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (token_is(token, heads[i].macro))
			return &heads[i];
	return NULL;
}

static void skip_to(struct rewriter *rewriter, size_t first, size_t closing)
{
	replace(rewriter, first, closing, "");
}

static void rewrite_head(struct rewriter *rewriter, const struct head *head, size_t index, size_t closing)
{
	_cleanup_free_ char *target = token_text(at(rewriter, index + 2));
	_cleanup_free_ char *name = xasprintf("%s%s", head->prefix, target);
	struct parameters parameters;

	find_parameters(rewriter, index + 1, &parameters);
	copy_until(rewriter, at(rewriter, index)->start);
	write_program(rewriter, name, "void *ctx", &parameters, 1, head->at_exit);
	skip_to(rewriter, index, closing);
}

/* int name(struct pt_regs *ctx, …) whose declaration begins at `start`. */
static void rewrite_function(struct rewriter *rewriter, size_t start, size_t index, size_t closing)
{
	_cleanup_free_ char *name = token_text(at(rewriter, index));
	struct parameters parameters;

	find_parameters(rewriter, index + 1, &parameters);
	copy_until(rewriter, at(rewriter, start)->start);
	if (parameters.count <= 1) {
		fputs("SEC(\"" DIALECT_SECTION "\") ", rewriter->out);
		return;
	}
	{
		char *context = NULL;
		size_t size;
		FILE *out = rewriter->out;

		rewriter->out = open_memstream(&context, &size);
		write_parameter(rewriter, parameters.first[0], parameters.end[0], false);
		fclose(rewriter->out);
		rewriter->out = out;
		write_program(rewriter, name, context, &parameters, 1, false);
		free(context);
	}
	skip_to(rewriter, start, closing);
}

static bool is_static(const struct rewriter *rewriter, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (is_at(rewriter, i, "static") || is_at(rewriter, i, "SEC"))
			return true;
	return false;
}

/* A word and brackets at the top level, and then a body: a function, or one of the macros that stand for one. */
static void rewrite_definition(struct rewriter *rewriter, size_t start, size_t index, size_t closing)
{
	const struct head *head = find_head(at(rewriter, index));

	if (head)
		rewrite_head(rewriter, head, index, closing);
	else if (index > start && !is_static(rewriter, start, index))
		rewrite_function(rewriter, start, index, closing);
}

/* ── all of it ── */

static void add_event(struct dialect *dialect, char *event)
{
	for (size_t i = 0; i < dialect->event_count; i++)
		if (!strcmp(dialect->events[i], event)) {
			free(event);
			return;
		}
	dialect->events = xrealloc(dialect->events, (dialect->event_count + 1) * sizeof(*dialect->events));
	dialect->events[dialect->event_count++] = event;
}

/* Remembers what the text needs besides. */
static void note(struct rewriter *rewriter, size_t index)
{
	static const char prefix[] = "tracepoint__";
	struct dialect *dialect = rewriter->dialect;
	_cleanup_free_ char *word = token_text(at(rewriter, index));

	if (!strncmp(word, prefix, strlen(prefix)) && strstr(word + strlen(prefix), "__"))
		add_event(dialect, xstrdup(word + strlen(prefix)));
	if (!strcmp(word, "TRACEPOINT_PROBE") && is_at(rewriter, index + 3, ",")) {
		_cleanup_free_ char *category = token_text(at(rewriter, index + 2));
		_cleanup_free_ char *event = token_text(at(rewriter, index + 4));

		add_event(dialect, xasprintf("%s__%s", category, event));
	}
	dialect->has_usdt |= !strncmp(word, "bpf_usdt_readarg", strlen("bpf_usdt_readarg"));
	dialect->takes_registers_apart |= !strcmp(word, "PT_REGS_SYSCALL_CTX");
}

/* `&PT_REGS_PARM1(` is a place, not a value. */
static bool rewrite_place(struct rewriter *rewriter, size_t index)
{
	static const char prefix[] = "PT_REGS_PARM";
	const struct token *token = at(rewriter, index);
	char place[] = "PILUS_PLACE_1";

	if (!index || !is_at(rewriter, index - 1, "&") || is_at(rewriter, index - 2, "&") ||
	    token->length != strlen(prefix) + 1 || strncmp(token->start, prefix, strlen(prefix)) != 0)
		return false;
	place[strlen(place) - 1] = token->start[strlen(prefix)];
	replace(rewriter, index, index, place);
	return rewriter->dialect->takes_registers_apart = true;
}

/* Rewrites what begins at `index` if it is a call. Returns the last index that is dealt with. */
static size_t rewrite_call(struct rewriter *rewriter, size_t index)
{
	if (is_at(rewriter, index, "bpf_trace_printk") && is_at(rewriter, index + 1, "(") &&
	    at(rewriter, index + 2)->kind == TOKEN_STRING)
		return rewrite_printk(rewriter, index);
	if (is_at(rewriter, index + 1, ".") && is_method(at(rewriter, index + 2)) && is_at(rewriter, index + 3, "(")) {
		rewrite_method(rewriter, index);
		return index + 3;
	}
	rewrite_place(rewriter, index);
	return index;
}

static void rewrite_range(struct rewriter *rewriter, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (at(rewriter, i)->kind != TOKEN_WORD)
			continue;
		note(rewriter, i);
		i = rewrite_call(rewriter, i);
	}
}

/* Headers of the kernel, of the C library and of BCC's; a file of the author's stays. */
static size_t rewrite_directive(struct rewriter *rewriter, size_t index)
{
	size_t end = index + 1;

	while (end < rewriter->tokens.count && at(rewriter, end)->in_directive && !is_at(rewriter, end, "#"))
		end++;
	if (is_at(rewriter, index + 1, "include") && is_at(rewriter, index + 2, "<"))
		replace(rewriter, index, end - 1, "");
	else
		rewrite_range(rewriter, index + 1, end);
	return end - 1;
}

/* A body, to its end or to that of this branch of a condition. Returns its last index. */
static size_t rewrite_body(struct rewriter *rewriter, size_t opening)
{
	size_t closing = tokens_closing(&rewriter->tokens, opening);

	rewrite_range(rewriter, opening, closing);
	return is_at(rewriter, closing, "#") ? closing - 1 : closing;
}

/* One declaration or definition at the top level. Returns its last index. */
static size_t rewrite_outermost(struct rewriter *rewriter, size_t start)
{
	size_t i = start;

	for (; i < rewriter->tokens.count && !is_at(rewriter, i, ";") && !is_at(rewriter, i, "{"); i++) {
		if (is_at(rewriter, i, "#") && at(rewriter, i)->in_directive)
			return i > start ? i - 1 : rewrite_directive(rewriter, i);
		if (at(rewriter, i)->kind == TOKEN_WORD)
			note(rewriter, i);
		if (is_at(rewriter, i, "(")) {
			size_t closing = tokens_closing(&rewriter->tokens, i);

			for (size_t inside = i; inside < closing; inside++)
				if (at(rewriter, inside)->kind == TOKEN_WORD)
					note(rewriter, inside);
			if (i > start && is_at(rewriter, closing + 1, "{"))
				rewrite_definition(rewriter, start, i - 1, closing);
			i = closing;
		}
	}
	return is_at(rewriter, i, "{") ? rewrite_body(rewriter, i) : i;
}

void dialect_rewrite(struct dialect *dialect, const char *name, const char *text)
{
	struct rewriter rewriter = {.dialect = dialect, .name = name, .text = text, .copied = text};
	size_t size, warnings_size;

	*dialect = (struct dialect){};
	rewriter.out = open_memstream(&dialect->text, &size);
	rewriter.warnings = open_memstream(&dialect->warnings, &warnings_size);
	tokens_read(&rewriter.tokens, text);
	for (size_t i = 0; i < rewriter.tokens.count; i++)
		i = rewrite_outermost(&rewriter, i);
	copy_until(&rewriter, text + strlen(text));
	tokens_clear(&rewriter.tokens);
	fclose(rewriter.out);
	fclose(rewriter.warnings);
}

void dialect_clear(struct dialect *dialect)
{
	for (size_t i = 0; i < dialect->event_count; i++)
		free(dialect->events[i]);
	free(dialect->events);
	free(dialect->text);
	free(dialect->warnings);
	*dialect = (struct dialect){};
}
