/* SPDX-License-Identifier: Apache-2.0 */
#include "service/field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct field field_of(const struct field *object, const char *name)
{
	json_t *value = json_object_get(object->value, name);

	if (object->value && !json_is_object(object->value))
		field_refuse(object, "must be an object");
	return (struct field){
		.parent = object, .name = name, .value = json_is_null(value) ? NULL : value, .error = object->error};
}

size_t field_count(const struct field *array)
{
	if (array->value && !json_is_array(array->value))
		field_refuse(array, "must be a list");
	return json_array_size(array->value);
}

size_t field_count_at_most(const struct field *array, size_t max)
{
	size_t count = field_count(array);

	if (count <= max)
		return count;
	field_refuse(array, "has %zu elements, and may have %zu", count, max);
	return 0;
}

struct field field_at(const struct field *array, size_t index)
{
	return (struct field){
		.parent = array, .index = index, .value = json_array_get(array->value, index), .error = array->error};
}

static void write_path(FILE *out, const struct field *field)
{
	if (!field->parent)
		return;
	write_path(out, field->parent);
	if (field->name)
		fprintf(out, "%s%s", field->parent->parent ? "." : "", field->name);
	else
		fprintf(out, "[%zu]", field->index);
}

void field_refuse(const struct field *field, const char *format, ...)
{
	char words[256], path[128] = "";
	FILE *out = fmemopen(path, sizeof(path), "w");
	va_list arguments;

	if (out) {
		write_path(out, field);
		fclose(out);
	}
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	if (!field->error->code)
		error_set(field->error, -EINVAL, "%s%s%s", path, *path ? ": " : "", words);
}

const char *field_text(const struct field *field)
{
	const char *text = json_string_value(field->value);

	if (field->value && (!text || !*text)) {
		field_refuse(field, "must be text");
		return NULL;
	}
	return text;
}

uint32_t field_number(const struct field *field, uint32_t min, uint32_t max, uint32_t otherwise)
{
	json_int_t number = json_integer_value(field->value);

	if (!field->value)
		return otherwise;
	if (json_is_integer(field->value) && number >= min && number <= max)
		return (uint32_t)number;
	field_refuse(field, "must be a number from %u to %u", min, max);
	return otherwise;
}

bool field_flag(const struct field *field, bool otherwise)
{
	if (!field->value)
		return otherwise;
	if (!json_is_boolean(field->value))
		field_refuse(field, "must be true or false");
	return json_is_true(field->value);
}

static void refuse_word(const struct field *field, const char *text, const char *const *words)
{
	char list[192] = "";

	for (size_t i = 0; words[i]; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
		         !i             ? ""
		         : words[i + 1] ? ", "
		                        : " or ",
		         words[i]);
	field_refuse(field, "must be %s, not '%s'", list, text);
}

int field_word(const struct field *field, const char *const *words, int otherwise)
{
	const char *text = field_text(field);

	for (int i = 0; text && words[i]; i++)
		if (!strcmp(words[i], text))
			return i;
	if (text)
		refuse_word(field, text, words);
	return otherwise;
}

bool field_addr(const struct field *field, struct addr *ret)
{
	const char *text = field_text(field);

	if (!text)
		return false;
	if (!addr_parse(text, ret))
		return true;
	field_refuse(field, "'%s' is no address", text);
	return false;
}

bool field_prefix(const struct field *field, struct prefix *ret)
{
	const char *text = field_text(field);

	if (!text)
		return false;
	if (!prefix_parse(text, ret))
		return true;
	field_refuse(field, "'%s' is no CIDR, or has bits beyond its length", text);
	return false;
}
