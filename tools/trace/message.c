/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of trace.
 */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/cli.h"

#define CONVERTERS "duxcs"

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t");
}

/* Past the word, if it stands there. */
static bool take(const char **text, const char *word)
{
	if (strncmp(*text, word, strlen(word)) != 0)
		return false;
	*text = skip_space(*text + strlen(word));
	return true;
}

/* What none is, is "not 0". */
static bool take_comparison(const char **text, enum hit_comparison *ret)
{
	static const char *const OPERATORS[] = {
		[HIT_EQUAL] = "==",   [HIT_UNEQUAL] = "!=", [HIT_AT_LEAST] = ">=",
		[HIT_AT_MOST] = "<=", [HIT_ABOVE] = ">",    [HIT_BELOW] = "<",
	};

	*ret = HIT_UNEQUAL;
	for (size_t i = 0; i < ARRAY_SIZE(OPERATORS); i++)
		if (take(text, OPERATORS[i])) {
			*ret = i;
			return true;
		}
	return false;
}

/* The programs have to read it: finds the value's text a slot. */
static int note_text(struct message *message, struct value *value, struct error *error)
{
	__u32 *places = message->texts.places, place = value->offset + 1U;

	if (value->text != TEXT_POINTED_TO)
		return 0;
	for (value->slot = 0; value->slot < TRACE_STRINGS; value->slot++)
		if (!places[value->slot] || places[value->slot] == place) {
			places[value->slot] = place;
			return 0;
		}
	return cli_wrong_use(error, "more than %d texts", TRACE_STRINGS);
}

static int not_understood(const char *text, struct error *error)
{
	return cli_wrong_use(
		error, "'%s' is no filter: it is like (arg1 > 100 && arg2 != 0) or (STRCMP(\"text\", arg1))", text);
}

/* STRCMP("text", VALUE) */
static int parse_text_term(const char **text, const struct value_source *source, struct message *message,
                           struct term *term, struct error *error)
{
	const char *quote = *text + 1, *end = **text == '"' ? strchr(quote, '"') : NULL;
	int r;

	if (!end)
		return not_understood(*text, error);
	*text = skip_space(end + 1);
	if (!take(text, ","))
		return not_understood(*text, error);
	term->text = strndup(quote, end - quote);
	r = value_parse(text, source, &term->value, error);
	*text = skip_space(*text);
	if (!r && !take(text, ")"))
		return not_understood(*text, error);
	return r < 0 ? r : note_text(message, &term->value, error);
}

/* VALUE, VALUE > NUMBER */
static int parse_number_term(const char **text, const struct value_source *source, struct term *term,
                             struct error *error)
{
	int r = value_parse(text, source, &term->value, error);
	char *end;

	if (r < 0)
		return r;
	*text = skip_space(*text);
	if (!take_comparison(text, &term->comparison))
		return 0;
	term->number = strtoll(*text, &end, 0);
	if (end == *text)
		return not_understood(*text, error);
	*text = skip_space(end);
	return 0;
}

static int parse_term(const char **text, const struct value_source *source, struct message *message,
                      bool is_alternative, struct error *error)
{
	struct term *term = &message->terms[message->term_count++];

	term->is_alternative = is_alternative;
	while (take(text, "!"))
		term->is_negated = !term->is_negated;
	if (take(text, "STRCMP("))
		return parse_text_term(text, source, message, term, error);
	return parse_number_term(text, source, term, error);
}

/* (TERM && TERM || TERM) */
static int parse_filter(const char **text, const struct value_source *source, struct message *message,
                        struct error *error)
{
	const char *at = skip_space(*text + 1);
	int r = parse_term(&at, source, message, false, error);

	while (!r && !take(&at, ")")) {
		bool both = take(&at, "&&");

		if (!both && !take(&at, "||"))
			return not_understood(*text, error);
		if (message->term_count == HIT_TERMS_MAX)
			return cli_wrong_use(error, "a filter has no more than %d parts", HIT_TERMS_MAX);
		r = parse_term(&at, source, message, !both, error);
	}
	*text = at;
	return r;
}

/* The next conversion's letter from a place in the format on, or 0; *ret_end is behind it. */
static char next_conversion(const char *format, const char **ret_begin, const char **ret_end)
{
	for (const char *at = strchr(format, '%'); at; at = strchr(at, '%')) {
		const char *letter = at + 1 + strspn(at + 1, "-0123456789lh");

		if (at[1] == '%') {
			at += 2;
			continue;
		}
		*ret_begin = at;
		*ret_end = letter + 1;
		return *letter;
	}
	return 0;
}

/* Each conversion needs a value, and the other way round. */
static int match_values(struct message *message, struct error *error)
{
	const char *at = message->format, *begin;
	size_t count = 0;
	char letter;
	int r = 0;

	while (!r && at && (letter = next_conversion(at, &begin, &at))) {
		if (!strchr(CONVERTERS, letter))
			return cli_wrong_use(error, "the format has no %%%c, but %%d %%u %%x %%c %%s, with h, l or ll",
			                     letter);
		if (count == message->value_count)
			return cli_wrong_use(error, "the format \"%s\" asks for more values than are given",
			                     message->format);
		if (letter == 's')
			r = note_text(message, &message->values[count], error);
		count++;
	}
	if (!r && count != message->value_count)
		return cli_wrong_use(error, "the format \"%s\" asks for fewer values than are given", message->format);
	return r;
}

static int parse_values(const char *text, const struct value_source *source, struct message *message,
                        struct error *error)
{
	int r = 0;

	while (!r && *text) {
		if (*text != ',' || message->value_count == VALUES_MAX)
			return cli_wrong_use(error, "'%s' is not understood: values follow the format, after commas",
			                     text);
		text = skip_space(text + 1);
		r = value_parse(&text, source, &message->values[message->value_count++], error);
		text = skip_space(text);
	}
	return r < 0 ? r : match_values(message, error);
}

static void message_clear(struct message *message)
{
	free(message->format);
	for (size_t i = 0; i < message->term_count; i++)
		free(message->terms[i].text);
}

int message_parse(const char *text, const struct value_source *source, struct message *ret, struct error *error)
{
	_cleanup_(message_clear) struct message message = {};
	const char *rest = skip_space(text), *end;
	int r = 0;

	if (*rest == '(')
		r = parse_filter(&rest, source, &message, error);
	if (r < 0)
		return r;
	if (*rest == '"') {
		end = strchr(rest + 1, '"');
		if (!end)
			return cli_wrong_use(error, "the format does not end: %s", rest);
		message.format = strndup(rest + 1, end - rest - 1);
		r = parse_values(skip_space(end + 1), source, &message, error);
	} else if (*rest) {
		return cli_wrong_use(error, "'%s' is not understood: a format stands in \"\"", rest);
	}
	if (r < 0)
		return r;
	*ret = message;
	message = (struct message){};
	return 0;
}

void message_filter(const struct message *message, struct hit_filter *ret)
{
	struct hit_filter filter = {.count = message->term_count};

	for (size_t i = 0; i < message->term_count; i++) {
		const struct term *term = &message->terms[i];
		struct hit_term *made = &filter.terms[i];

		if (term->text || !value_term(&term->value, made))
			return;
		made->number = term->number;
		made->comparison = term->comparison;
		made->is_negated = term->is_negated;
		made->is_alternative = term->is_alternative;
	}
	*ret = filter;
}

static bool is_true(const struct term *term, const struct hit_event *event)
{
	const char *text;
	size_t length;
	bool answer;

	if (term->text) {
		text = value_text(&term->value, event, &length);
		answer = length == strlen(term->text) && !memcmp(text, term->text, length);
	} else {
		answer = hit_compare(value_compared(&term->value, event), term->comparison, term->number);
	}
	return answer != term->is_negated;
}

bool message_matches(const struct message *message, const struct hit_event *event)
{
	bool matches = true;

	for (size_t i = 0; i < message->term_count; i++) {
		const struct term *term = &message->terms[i];

		if (term->is_alternative && matches)
			return true;
		matches = (term->is_alternative || matches) && is_true(term, event);
	}
	return matches;
}

static void write_text(const struct value *value, const struct hit_event *event, FILE *out)
{
	size_t length;
	const char *text = value_text(value, event, &length);

	fwrite(text, 1, length, out);
}

static void write_value(const char *begin, const char *end, long long value, FILE *out)
{
	bool is_long = memchr(begin, 'l', end - begin), is_short = memchr(begin, 'h', end - begin);

	switch (end[-1]) {
	case 'd':
		fprintf(out, "%lld", is_long ? value : is_short ? (short)value : (int)value);
		break;
	case 'u':
		fprintf(out, "%llu",
		        is_long    ? (unsigned long long)value
		        : is_short ? (unsigned short)value
		                   : (unsigned)value);
		break;
	case 'x':
		fprintf(out, "%llx", is_long ? (unsigned long long)value : (unsigned)value);
		break;
	default:
		fputc((int)value, out);
	}
}

void message_write(const struct message *message, const struct hit_event *event, FILE *out)
{
	const char *at = message->format, *begin, *end;
	size_t count = 0;

	while (at && next_conversion(at, &begin, &end)) {
		const struct value *value = &message->values[count++];

		fwrite(at, 1, begin - at, out);
		if (end[-1] == 's')
			write_text(value, event, out);
		else
			write_value(begin, end, value_number(value, event), out);
		at = end;
	}
	fputs(at ?: "", out);
}
