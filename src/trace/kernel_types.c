/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/kernel_types.h"

#include <stdint.h>

#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/lexer.h"
#include "trace/words.h"

/* What a text asks for. */
struct wants {
	struct words tags;    /* after struct, union, enum */
	struct words words;   /* all others, as typedefs, enumerators and members may be */
	struct words defined; /* those that are something else already */
	struct words defined_tags;
	struct words members; /* all */
};

struct writer {
	const struct btf *btf;
	struct btf_dump *dump;
	struct wants wants;
	bool *written, *declared; /* by type id */
	uint32_t *queue;          /* structs that a pointer leads to */
	size_t queue_count;
	unsigned gaps;
	FILE *out;
	bool any;
};

/* ── what the text names ── */

static bool is_tag_word(const struct token *token)
{
	return token_is(token, "struct") || token_is(token, "union") || token_is(token, "enum");
}

static bool is_table_macro(const struct token *token)
{
	return token->kind == TOKEN_WORD && (!strncmp(token->start, "BPF_", 4) || !strncmp(token->start, "pilus_", 6));
}

/* TRACEPOINT_PROBE(category, name), RAW_TRACEPOINT_PROBE(name) */
static bool is_event_name(const struct tokens *tokens, size_t i)
{
	return (i >= 2 && (token_is(&tokens->list[i - 2], "TRACEPOINT_PROBE") ||
	                   token_is(&tokens->list[i - 2], "RAW_TRACEPOINT_PROBE"))) ||
	       (i >= 4 && token_is(&tokens->list[i - 4], "TRACEPOINT_PROBE"));
}

static void note_defined(struct wants *wants, const struct tokens *tokens, size_t i)
{
	const struct token *token = &tokens->list[i];
	const struct token *before = i ? &tokens->list[i - 1] : token_at(tokens, tokens->count);
	const struct token *after = token_at(tokens, i + 1);

	if (is_tag_word(before) && token_is(after, "{"))
		words_add(&wants->defined_tags, token->start, token->length);
	/* The name of a table, where it is made and where it is used. */
	if (token_is(before, "(") && i > 1 && is_table_macro(&tokens->list[i - 2]))
		words_add(&wants->defined, token->start, token->length);
	if (token_is(before, "define") || is_event_name(tokens, i))
		words_add(&wants->defined, token->start, token->length);
	/* A variable, a parameter or a function: after a type, before what follows a name. */
	if ((before->kind == TOKEN_WORD || token_is(before, "*")) && after->length == 1 &&
	    strchr(";,=[()", *after->start) && !is_tag_word(before) && !token_is(before, "return") &&
	    !token_is(before, "case"))
		words_add(&wants->defined, token->start, token->length);
}

/* "sk_state" is a macro for __sk_common.skc_state, and "inet_num" for sk.__sk_common.skc_num (bpf/trace/dialect.h). */
static void note_alias(struct wants *wants, const struct token *token)
{
	static const char *const prefixes[] = {"sk_", "inet_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t length = strlen(prefixes[i]);
		_cleanup_free_ char *member = NULL;

		if (token->length <= length || strncmp(token->start, prefixes[i], length) != 0)
			continue;
		member = xasprintf("skc_%.*s", (int)(token->length - length), token->start + length);
		words_add(&wants->members, member, strlen(member));
		words_add(&wants->members, "__sk_common", strlen("__sk_common"));
		words_add(&wants->members, "sk", strlen("sk"));
	}
}

static void read_wants(struct wants *wants, const char *text)
{
	struct tokens tokens;

	tokens_read(&tokens, text);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.list[i];
		bool is_tag = i && is_tag_word(&tokens.list[i - 1]);

		if (token->kind != TOKEN_WORD)
			continue;
		words_add(is_tag ? &wants->tags : &wants->words, token->start, token->length);
		words_add(&wants->members, token->start, token->length);
		note_alias(wants, token);
		note_defined(wants, &tokens, i);
	}
	tokens_clear(&tokens);
}

/* All words of what stands before are known, but tags only where they are defined. */
static void read_known(struct wants *wants, const char *before)
{
	struct tokens tokens;

	tokens_read(&tokens, before);
	for (size_t i = 0; i < tokens.count; i++) {
		const struct token *token = &tokens.list[i];

		if (token->kind != TOKEN_WORD)
			continue;
		if (i && is_tag_word(&tokens.list[i - 1])) {
			if (token_is(token_at(&tokens, i + 1), "{"))
				words_add(&wants->defined_tags, token->start, token->length);
		} else {
			words_add(&wants->defined, token->start, token->length);
		}
	}
	tokens_clear(&tokens);
}

static const char *name_of(const struct writer *writer, const struct btf_type *type)
{
	return btf__name_by_offset(writer->btf, type->name_off) ?: "";
}

/* ── members ── */

static bool is_anonymous(const struct writer *writer, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(writer->btf, id);

	return btf_is_composite(type) && !*name_of(writer, type);
}

/* Registers are named by macros, so all of them may be wanted. */
static bool has_all(const char *name)
{
	return !strcmp(name, "pt_regs") || !strcmp(name, "user_pt_regs");
}

static bool has_wanted(struct writer *writer, const struct btf_type *type);

static bool is_wanted(struct writer *writer, const struct btf_member *member)
{
	const char *name = btf__name_by_offset(writer->btf, member->name_off);

	if (*name)
		return words_have(&writer->wants.members, name);
	return is_anonymous(writer, member->type) && has_wanted(writer, btf__type_by_id(writer->btf, member->type));
}

static bool has_wanted(struct writer *writer, const struct btf_type *type)
{
	for (uint16_t i = 0; i < btf_vlen(type); i++)
		if (is_wanted(writer, &btf_members(type)[i]))
			return true;
	return false;
}

static uint32_t strip(const struct writer *writer, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(writer->btf, id);

	while (btf_is_mod(type) || btf_is_type_tag(type)) {
		id = type->type;
		type = btf__type_by_id(writer->btf, id);
	}
	return id;
}

static bool points_to_function(const struct writer *writer, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(writer->btf, strip(writer, id));

	return btf_is_ptr(type) && btf_is_func_proto(btf__type_by_id(writer->btf, strip(writer, type->type)));
}

/* `from` and `to` in bits. */
static void write_gap(struct writer *writer, uint32_t from, uint32_t to)
{
	if (from < to && from % 8) {
		uint32_t end = (from + 7) / 8 * 8 < to ? (from + 7) / 8 * 8 : to;

		fprintf(writer->out, " u8 :%u;", end - from);
		from = end;
	}
	if (to / 8 > from / 8) {
		fprintf(writer->out, " u8 pilus_gap_%u[%u];", writer->gaps++, to / 8 - from / 8);
		from = to / 8 * 8;
	}
	if (to > from)
		fprintf(writer->out, " u8 :%u;", to - from);
}

static void write_body(struct writer *writer, const struct btf_type *type, bool all);

static void write_member(struct writer *writer, const struct btf_member *member, uint32_t bits)
{
	const char *name = btf__name_by_offset(writer->btf, member->name_off);
	uint32_t id = strip(writer, member->type);
	LIBBPF_OPTS(btf_dump_emit_type_decl_opts, options, .field_name = name);

	fputc(' ', writer->out);
	if (is_anonymous(writer, id)) {
		write_body(writer, btf__type_by_id(writer->btf, id), false);
		fprintf(writer->out, " %s;", name);
		return;
	}
	if (points_to_function(writer, id))
		fprintf(writer->out, "void *%s", name);
	else
		btf_dump__emit_type_decl(writer->dump, id, &options);
	if (bits)
		fprintf(writer->out, ":%u", bits);
	fputc(';', writer->out);
}

/* "struct { … } __attribute__((packed))": the gaps say where everything is. */
static void write_body(struct writer *writer, const struct btf_type *type, bool all)
{
	uint32_t at = 0;

	fprintf(writer->out, "%s %s {", btf_is_union(type) ? "union" : "struct", name_of(writer, type));
	for (uint16_t i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		uint32_t offset = btf_member_bit_offset(type, i), bits = btf_member_bitfield_size(type, i);

		if (!all && !is_wanted(writer, member))
			continue;
		if (btf_is_struct(type))
			write_gap(writer, at, offset);
		write_member(writer, member, bits);
		at = offset + (bits ?: (uint32_t)btf__resolve_size(writer->btf, member->type) * 8);
	}
	write_gap(writer, btf_is_union(type) ? 0 : at, type->size * 8);
	fprintf(writer->out, " } __attribute__((packed, aligned(%u)))", type->size % 8 ? type->size % 4 ? 1 : 4 : 8);
}

/* ── types, what they need first ── */

static void need(struct writer *writer, uint32_t id, bool by_value);

static void need_members(struct writer *writer, const struct btf_type *type, bool all)
{
	for (uint16_t i = 0; i < btf_vlen(type); i++)
		if (all || is_wanted(writer, &btf_members(type)[i]))
			need(writer, btf_members(type)[i].type, true);
}

/* Contexts are read as they are; what else is in the kernel's memory is read by a helper (kernel_reads.h). */
static bool is_context(const char *name)
{
	return !strncmp(name, "bpf_", 4) || !strcmp(name, "__sk_buff") || !strcmp(name, "xdp_md") || has_all(name) ||
	       !strncmp(name, "trace_event_raw_", 16);
}

static void write_struct(struct writer *writer, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(writer->btf, id);
	const char *name = name_of(writer, type);

	writer->written[id] = true;
	if (*name && words_have(&writer->wants.defined_tags, name))
		return;
	need_members(writer, type, has_all(name));
	if (!*name)
		return;
	write_body(writer, type, has_all(name));
	fprintf(writer->out, "%s;\n", is_context(name) ? "" : " __attribute__((preserve_access_index))");
	writer->any = true;
}

static void write_enum(struct writer *writer, const struct btf_type *type)
{
	const struct btf_enum *values = btf_enum(type);

	fprintf(writer->out, "enum %s {", name_of(writer, type));
	for (uint16_t i = 0; btf_is_enum(type) && i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(writer->btf, values[i].name_off);

		if (!words_have(&writer->wants.defined, name))
			fprintf(writer->out, btf_kflag(type) ? " %s = %d," : " %s = %uU,", name, values[i].val);
	}
	fprintf(writer->out, " pilus_end_%u };\n", writer->gaps++);
	writer->any = true;
}

static void write_typedef(struct writer *writer, const struct btf_type *type)
{
	const char *name = name_of(writer, type);
	uint32_t id = strip(writer, type->type);
	LIBBPF_OPTS(btf_dump_emit_type_decl_opts, options, .field_name = name);

	if (words_have(&writer->wants.defined, name))
		return;
	need(writer, id, true);
	fputs("typedef ", writer->out);
	if (is_anonymous(writer, id)) {
		write_body(writer, btf__type_by_id(writer->btf, id), false);
		fprintf(writer->out, " %s", name);
	} else if (points_to_function(writer, id)) {
		fprintf(writer->out, "void *%s", name);
	} else {
		btf_dump__emit_type_decl(writer->dump, id, &options);
	}
	fputs(";\n", writer->out);
}

static void declare(struct writer *writer, uint32_t id, const struct btf_type *type)
{
	if (writer->declared[id] || !*name_of(writer, type))
		return;
	writer->declared[id] = true;
	fprintf(writer->out, "%s %s;\n", btf_is_union(type) ? "union" : "struct", name_of(writer, type));
	if (!has_wanted(writer, type))
		return;
	if (!(writer->queue_count & (writer->queue_count - 1)))
		writer->queue = xrealloc(writer->queue, (2 * writer->queue_count + 1) * sizeof(*writer->queue));
	writer->queue[writer->queue_count++] = id;
}

static void need(struct writer *writer, uint32_t id, bool by_value)
{
	const struct btf_type *type;

	id = strip(writer, id);
	type = btf__type_by_id(writer->btf, id);
	if (btf_is_ptr(type)) {
		need(writer, type->type, false);
	} else if (btf_is_array(type)) {
		need(writer, btf_array(type)->type, by_value);
	} else if (btf_is_composite(type) && !by_value) {
		declare(writer, id, type);
	} else if (writer->written[id]) {
		return;
	} else if (btf_is_composite(type)) {
		write_struct(writer, id);
	} else if (btf_is_any_enum(type)) {
		writer->written[id] = true;
		write_enum(writer, type);
	} else if (btf_is_typedef(type)) {
		writer->written[id] = true;
		write_typedef(writer, type);
	} else if (btf_is_fwd(type)) {
		fprintf(writer->out, "%s %s;\n", btf_kflag(type) ? "union" : "struct", name_of(writer, type));
	}
}

/* ── all ── */

static bool has_enumerator(struct writer *writer, const struct btf_type *type)
{
	for (uint16_t i = 0; btf_is_enum(type) && i < btf_vlen(type); i++) {
		const char *name = btf__name_by_offset(writer->btf, btf_enum(type)[i].name_off);

		if (words_have(&writer->wants.words, name) && !words_have(&writer->wants.defined, name))
			return true;
	}
	return false;
}

static bool is_asked_for(struct writer *writer, const struct btf_type *type)
{
	const char *name = name_of(writer, type);

	if (btf_is_composite(type))
		return *name && words_have(&writer->wants.tags, name) && !words_have(&writer->wants.defined_tags, name);
	if (btf_is_any_enum(type))
		return (*name && words_have(&writer->wants.tags, name) &&
		        !words_have(&writer->wants.defined_tags, name)) ||
		       has_enumerator(writer, type);
	return btf_is_typedef(type) && words_have(&writer->wants.words, name) &&
	       !words_have(&writer->wants.defined, name);
}

static void write_all(struct writer *writer)
{
	struct words seen = {};

	for (uint32_t id = 1; id < btf__type_cnt(writer->btf); id++) {
		const struct btf_type *type = btf__type_by_id(writer->btf, id);

		if (!is_asked_for(writer, type))
			continue;
		/* Some names are several types': the first is the one that counts. */
		if (*name_of(writer, type) && words_have(&seen, name_of(writer, type)))
			continue;
		words_add(&seen, name_of(writer, type), strlen(name_of(writer, type)));
		need(writer, id, true);
	}
	for (size_t i = 0; i < writer->queue_count; i++)
		need(writer, writer->queue[i], true);
	words_clear(&seen);
}

static void print(void *userdata, const char *format, va_list arguments)
{
	vfprintf(userdata, format, arguments); /* NOLINT(clang-diagnostic-format-nonliteral) */
}

static void wants_clear(struct wants *wants)
{
	words_clear(&wants->tags);
	words_clear(&wants->words);
	words_clear(&wants->defined);
	words_clear(&wants->defined_tags);
	words_clear(&wants->members);
}

/* Is there a word that may be the kernel's? Reading BTF takes longer than all else. */
static bool asks_for_anything(struct wants *wants)
{
	for (size_t i = 0; i < wants->tags.count; i++)
		if (!words_have(&wants->defined_tags, wants->tags.list[i]))
			return true;
	for (size_t i = 0; i < wants->words.count; i++)
		if (!words_have(&wants->defined, wants->words.list[i]))
			return true;
	return false;
}

int kernel_types_write(const char *text, const char *before, FILE *out, bool *ret_any, struct error *error)
{
	struct writer writer = {.out = out};
	struct btf *btf = NULL;
	int r = 0;

	*ret_any = false;
	read_wants(&writer.wants, text);
	read_known(&writer.wants, before);
	if (asks_for_anything(&writer.wants))
		btf = btf__load_vmlinux_btf();
	if (btf) {
		writer.btf = btf;
		writer.dump = btf_dump__new(btf, print, out, NULL);
		writer.written = xcalloc(btf__type_cnt(btf), sizeof(*writer.written));
		writer.declared = xcalloc(btf__type_cnt(btf), sizeof(*writer.declared));
		write_all(&writer);
		btf_dump__free(writer.dump);
	}
	*ret_any = writer.any;
	free(writer.written);
	free(writer.declared);
	free(writer.queue);
	btf__free(btf);
	wants_clear(&writer.wants);
	return r;
}
