/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of trace.
 */
#include "message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/cli.h"

#define RESULT     (TRACE_ARGUMENTS + 1)
#define CONVERTERS "duxcs"

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t");
}

/* "arg3" or "retval"; 0: neither. Moves on. */
static unsigned take_value(const char **text)
{
	unsigned number = 0;
	int length = 0;

	if (!strncmp(*text, "retval", 6)) {
		*text += 6;
		return RESULT;
	}
	if (sscanf(*text, "arg%1u%n", &number, &length) != 1 || number < 1 || number > TRACE_ARGUMENTS)
		return 0;
	*text += length;
	return number;
}

/* NULL: none stands there. */
static const char *find_comparison(const char *text)
{
	static const char *const OPERATORS[] = {"==", "!=", ">=", "<=", ">", "<"};

	for (size_t i = 0; i < ARRAY_SIZE(OPERATORS); i++)
		if (!strncmp(text, OPERATORS[i], strlen(OPERATORS[i])))
			return OPERATORS[i];
	return NULL;
}

static int parse_filter(const char **text, struct message *message, struct error *error)
{
	const char *at = skip_space(*text + 1);
	char *end = NULL;

	message->compared = take_value(&at);
	at = skip_space(at);
	message->comparison = find_comparison(at);
	if (message->comparison) {
		at += strlen(message->comparison);
		message->number = strtoll(at, &end, 0);
	}
	if (!message->compared || !end || end == at || *skip_space(end) != ')')
		return cli_wrong_use(error, "'%s' is no filter: it is like (arg1 > 100)", *text);
	*text = skip_space(skip_space(end) + 1);
	return 0;
}

/* The next conversion's letter from a place in the format on, or 0; *ret_end is behind it. */
static char next_conversion(const char *format, const char **ret_begin, const char **ret_end)
{
	for (const char *at = strchr(format, '%'); at; at = strchr(at, '%')) {
		const char *letter = at + 1 + strspn(at + 1, "-0123456789l");

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

static int note_text(struct message *message, unsigned value, struct error *error)
{
	for (size_t i = 0; i < TRACE_STRINGS; i++)
		if (!message->texts[i] || message->texts[i] == value) {
			message->texts[i] = value;
			return 0;
		}
	return cli_wrong_use(error, "more than %d texts (%%s)", TRACE_STRINGS);
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
			return cli_wrong_use(error, "the format has no %%%c, but %%d %%u %%x %%c %%s, with l or ll",
			                     letter);
		if (count == message->value_count)
			return cli_wrong_use(error, "the format \"%s\" asks for more values than are given",
			                     message->format);
		if (letter == 's')
			r = note_text(message, message->values[count], error);
		count++;
	}
	if (!r && count != message->value_count)
		return cli_wrong_use(error, "the format \"%s\" asks for fewer values than are given", message->format);
	return r;
}

static int parse_values(const char *text, struct message *message, struct error *error)
{
	while (*text) {
		if (*text != ',' || message->value_count == VALUES_MAX)
			return cli_wrong_use(error, "'%s' is not understood: values follow the format, after commas",
			                     text);
		text = skip_space(text + 1);
		message->values[message->value_count] = take_value(&text);
		if (!message->values[message->value_count++])
			return cli_wrong_use(error, "'%s' is no value: there are arg1 to arg%d, and retval", text,
			                     TRACE_ARGUMENTS);
		text = skip_space(text);
	}
	return match_values(message, error);
}

int message_parse(const char *text, char **ret_place, struct message *ret, struct error *error)
{
	size_t length = strcspn(text, " \t");
	const char *rest = skip_space(text + length), *end;
	struct message message = {};
	int r = 0;

	if (*rest == '(')
		r = parse_filter(&rest, &message, error);
	if (!r && *rest == '"') {
		end = strchr(rest + 1, '"');
		if (!end)
			return cli_wrong_use(error, "the format does not end: %s", rest);
		message.format = strndup(rest + 1, end - rest - 1);
		rest = skip_space(end + 1);
	}
	if (!r)
		r = message.format || !*rest
		            ? parse_values(message.format ? rest : "", &message, error)
		            : cli_wrong_use(error, "'%s' is not understood: a format stands in \"\"", rest);
	if (r < 0) {
		free(message.format);
		return r;
	}
	message.asks = message.compared || message.value_count;
	*ret_place = strndup(text, length);
	*ret = message;
	return 0;
}

static unsigned long long value_of(const struct hit_event *event, unsigned which)
{
	return which == RESULT ? event->result : event->arguments[which - 1];
}

/* Numbers are compared as C's int where they fit: a negative result is one. */
static long long as_signed(unsigned long long value)
{
	return value >> 32 ? (long long)value : (int)value;
}

bool message_matches(const struct message *message, const struct hit_event *event)
{
	long long value;

	if (!message->compared)
		return true;
	value = as_signed(value_of(event, message->compared));
	switch (message->comparison[0]) {
	case '=':
		return value == message->number;
	case '!':
		return value != message->number;
	case '>':
		return message->comparison[1] ? value >= message->number : value > message->number;
	default:
		return message->comparison[1] ? value <= message->number : value < message->number;
	}
}

static const char *text_of(const struct message *message, const struct hit_event *event, unsigned which)
{
	for (size_t i = 0; i < TRACE_STRINGS; i++)
		if (message->texts[i] == which)
			return event->strings[i];
	return "";
}

static void write_value(const char *begin, const char *end, unsigned long long value, FILE *out)
{
	bool is_long = memchr(begin, 'l', end - begin);

	switch (end[-1]) {
	case 'd':
		fprintf(out, "%lld", is_long ? (long long)value : (int)value);
		break;
	case 'u':
		fprintf(out, "%llu", is_long ? value : (unsigned)value);
		break;
	case 'x':
		fprintf(out, "%llx", is_long ? value : (unsigned)value);
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
		unsigned which = message->values[count++];

		fwrite(at, 1, begin - at, out);
		if (end[-1] == 's')
			fputs(text_of(message, event, which), out);
		else
			write_value(begin, end, value_of(event, which), out);
		at = end;
	}
	fputs(at ?: "", out);
}
