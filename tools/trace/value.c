/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a hit.
 */
#include "value.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "trace/event_format.h"

#define FIELD "args->"

#define VALUE(member)                                        \
	{.offset = offsetof(struct hit_event, member),       \
	 .size = sizeof(((struct hit_event *)NULL)->member), \
	 .has_type = true}

/* As BCC calls them; its pid is the thread. */
static const struct {
	const char *name;
	struct value value;
} ALWAYS[] = {
	{"$pid", VALUE(who.tid)},
	{"$tgid", VALUE(who.pid)},
	{"$uid", VALUE(who.uid)},
	{"$cpu", VALUE(cpu)},
};

static int parse_field(const char *name, const struct value_source *source, struct value *ret, struct error *error)
{
	struct event_field field;

	if (!source->format)
		return cli_wrong_use(error, "'" FIELD "%s' is of tracepoints; there are arg1 to arg%d", name,
		                     TRACE_ARGUMENTS);
	if (!source->format[0])
		return cli_wrong_use(error, "'%s' is a field of one tracepoint: name it whole", name);
	if (!event_format_find(source->format, name, &field))
		return cli_wrong_use(error, "this tracepoint has no field '%s': `pilus trace list -v` tells them",
		                     name);
	if (field.offset + field.size > TRACE_RECORD_MAX)
		return cli_wrong_use(error, "the field '%s' lies behind the first %d bytes of the record", name,
		                     TRACE_RECORD_MAX);
	*ret = (struct value){
		.offset = offsetof(struct hit_event, record) + field.offset,
		.size = field.size,
		.has_type = true,
		.is_signed = field.is_signed,
		.text = field.is_dynamic                      ? TEXT_DYNAMIC
	                : field.is_array && !field.is_pointer ? TEXT_ARRAY
	                                                      : TEXT_POINTED_TO,
	};
	return 0;
}

static int parse_register(const char *name, const struct value_source *source, struct value *ret, struct error *error)
{
	unsigned number = 0, end = 0;
	bool is_result = !strcmp(name, "retval") || !strcmp(name, "$retval");

	if (!is_result &&
	    (sscanf(name, "arg%1u%n", &number, &end) != 1 || name[end] || !number || number > TRACE_ARGUMENTS))
		return cli_wrong_use(error,
		                     "'%s' is no value: there are arg1 to arg%d, retval, args->FIELD, $pid, $tgid, "
		                     "$uid and $cpu",
		                     name, TRACE_ARGUMENTS);
	if (source->format)
		return cli_wrong_use(error,
		                     "a tracepoint has no %s, but fields: args->NAME; `pilus trace list -v` tells "
		                     "them",
		                     name);
	if (is_result != source->at_return)
		return cli_wrong_use(error,
		                     is_result ? "%s is known at the end of a function: r:FUNCTION"
		                               : "%s is gone at the end of a function: there is retval",
		                     name);
	*ret = (struct value){
		.offset = is_result ? offsetof(struct hit_event, call.result)
	                            : offsetof(struct hit_event, call.arguments[number - 1]),
		.size = sizeof(__u64),
	};
	return 0;
}

int value_parse(const char **text, const struct value_source *source, struct value *ret, struct error *error)
{
	const char *begin = *text, *end = begin;
	bool is_field = !strncmp(begin, FIELD, strlen(FIELD));
	_cleanup_free_ char *name = NULL;

	if (is_field)
		end = begin += strlen(FIELD);
	while (isalnum((unsigned char)*end) || *end == '_' || *end == '$')
		end++;
	name = strndup(begin, end - begin);
	/* Which half an address is of is tried. */
	*text = strncmp(end, "@user", 5) ? end : end + 5;
	if (is_field)
		return parse_field(name, source, ret, error);
	for (size_t i = 0; i < ARRAY_SIZE(ALWAYS); i++)
		if (!strcmp(ALWAYS[i].name, name)) {
			*ret = ALWAYS[i].value;
			return 0;
		}
	return parse_register(name, source, ret, error);
}

static __u64 raw_value(const struct value *value, const struct hit_event *event)
{
	__u64 raw = 0;

	memcpy(&raw, (const char *)event + value->offset, value->size < sizeof(raw) ? value->size : sizeof(raw));
	return raw;
}

/* Of what is larger, as a struct, the beginning. */
static __u8 number_size(const struct value *value)
{
	return value->size < sizeof(__u64) ? (__u8)value->size : sizeof(__u64);
}

long long value_number(const struct value *value, const struct hit_event *event)
{
	return hit_number(raw_value(value, event), number_size(value), true, value->is_signed);
}

long long value_compared(const struct value *value, const struct hit_event *event)
{
	return hit_number(raw_value(value, event), number_size(value), value->has_type, value->is_signed);
}

bool value_term(const struct value *value, struct hit_term *ret)
{
	if (value->offset < offsetof(struct hit_event, record))
		return false;
	ret->offset = value->offset - offsetof(struct hit_event, record);
	ret->size = number_size(value);
	ret->has_type = value->has_type;
	ret->is_signed = value->is_signed;
	return true;
}

const char *value_text(const struct value *value, const struct hit_event *event, size_t *ret_length)
{
	const char *text = (const char *)event + value->offset;
	size_t room = value->size, at;

	if (value->text == TEXT_POINTED_TO) {
		text = event->strings[value->slot];
		room = TRACE_STRING_MAX;
	}
	if (value->text == TEXT_DYNAMIC) {
		at = value_number(value, event) & 0xffff;
		room = at < TRACE_RECORD_MAX ? TRACE_RECORD_MAX - at : 0;
		text = (const char *)event->record + (room ? at : 0);
	}
	*ret_length = strnlen(text, room);
	return text;
}
