/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML has more than JSON: aliases, keys that are no text, documents without end. What cannot be the same in JSON is
 * refused; text stays text, and only what YAML itself takes for a number, a boolean or nothing becomes that.
 */
#include "policy/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define PLACES_MAX 1000000 /* of a document: aliases can make a small one large */
#define DEPTH_MAX  100

struct reader {
	size_t depth;
	bool too_deep;
};

static json_t *read_node(const struct place *place, struct reader *reader);

/* Back in YAML it is the same word: 0080 is no number. */
static json_t *read_number(const char *text)
{
	char again[24];
	long long number;

	errno = 0;
	number = strtoll(text, NULL, 10);
	snprintf(again, sizeof(again), "%lld", number);
	return errno || strcmp(again, text) != 0 ? NULL : json_integer(number);
}

static json_t *read_scalar(const struct place *place)
{
	const char *text = (const char *)place->node->data.scalar.value;
	bool plain = place->node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	json_t *json = NULL;

	if (place_is_null(place))
		return json_null();
	if (plain && (!strcmp(text, "true") || !strcmp(text, "false")))
		return json_boolean(*text == 't');
	if (plain)
		json = read_number(text);
	if (!json)
		json = json_stringn(text, place->node->data.scalar.length);
	if (!json)
		place_problem(place, "is no UTF-8");
	return json ?: json_null();
}

/* Where a mapping or list is being read into. */
struct target {
	struct reader *reader;
	json_t *json;
};

static void read_member(const struct place *place, void *userdata)
{
	const struct target *target = userdata;

	json_object_set_new(target->json, place->field, read_node(place, target->reader));
}

static void read_element(const struct place *place, void *userdata)
{
	const struct target *target = userdata;

	json_array_append_new(target->json, read_node(place, target->reader));
}

static json_t *read_mapping(const struct place *place, struct reader *reader)
{
	struct target target = {.reader = reader, .json = json_object()};

	place_pairs(place, read_member, &target);
	return target.json;
}

static json_t *read_list(const struct place *place, struct reader *reader)
{
	struct target target = {.reader = reader, .json = json_array()};

	place_items(place, read_element, &target);
	return target.json;
}

static json_t *read_node(const struct place *place, struct reader *reader)
{
	json_t *json;

	if (reader->depth >= DEPTH_MAX) {
		if (!reader->too_deep)
			place_problem(place, "lies too deep: is it an alias of what it is in?");
		reader->too_deep = true;
		return json_null();
	}
	reader->depth++;
	if (place->node->type == YAML_MAPPING_NODE)
		json = read_mapping(place, reader);
	else if (place->node->type == YAML_SEQUENCE_NODE)
		json = read_list(place, reader);
	else
		json = read_scalar(place);
	reader->depth--;
	return json;
}

static bool is_list(const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	size_t length = kind ? strlen(kind) : 0;

	return length >= 4 && !strcmp(kind + length - 4, "List") && json_is_array(json_object_get(object, "items"));
}

static void add_objects(json_t *object, json_t *list)
{
	json_t *item;
	size_t i;

	if (!is_list(object)) {
		json_array_append(list, object);
		return;
	}
	json_array_foreach (json_object_get(object, "items"), i, item)
		add_objects(item, list);
}

/* Returns whether there may be more. */
static bool read_next(yaml_parser_t *parser, const char *file, json_t *list, struct reader *reader,
                      struct problems *problems)
{
	yaml_document_t yaml;
	size_t left = PLACES_MAX;
	struct document document = {.file = file, .yaml = &yaml, .problems = problems, .left = &left};
	struct place place = {.document = &document};

	if (!yaml_parser_load(parser, &yaml)) {
		problems_add_yaml(problems, file, parser);
		return false;
	}
	place.node = yaml_document_get_root_node(&yaml);
	if (place.node && !place_is_null(&place)) {
		json_auto_t *object = read_node(&place, reader);

		add_objects(object, list);
	}
	yaml_document_delete(&yaml);
	return place.node;
}

int policy_documents(const char *file, const char *text, size_t size, json_t *list, struct problems *problems)
{
	json_auto_t *found = json_array();
	size_t before = problems->count;
	struct reader reader = {};
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (read_next(&parser, file, found, &reader, problems))
		;
	yaml_parser_delete(&parser);
	if (problems->count > before)
		return -EINVAL;
	json_array_extend(list, found);
	return 0;
}

/* ── back ── */

/* Would YAML read it as something else than text? */
static bool looks_otherwise(const char *text)
{
	static const char *const words[] = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcasecmp(words[i], text))
			return true;
	return strchr("+-.0123456789", *text);
}

static void emit_scalar(yaml_emitter_t *emitter, const char *text, size_t length, bool quoted)
{
	yaml_scalar_style_t style = quoted ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE;
	yaml_event_t event;

	yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)length, !quoted, true, style);
	yaml_emitter_emit(emitter, &event);
}

static void emit_text(yaml_emitter_t *emitter, const char *text, size_t length)
{
	emit_scalar(emitter, text, length, looks_otherwise(text));
}

static void emit(yaml_emitter_t *emitter, const json_t *value);

static void emit_object(yaml_emitter_t *emitter, const json_t *object)
{
	yaml_event_t event;
	const char *key;
	json_t *value;

	yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_MAPPING_STYLE);
	yaml_emitter_emit(emitter, &event);
	json_object_foreach ((json_t *)object, key, value) {
		emit_text(emitter, key, strlen(key));
		emit(emitter, value);
	}
	yaml_mapping_end_event_initialize(&event);
	yaml_emitter_emit(emitter, &event);
}

static void emit_array(yaml_emitter_t *emitter, const json_t *array)
{
	yaml_event_t event;
	json_t *value;
	size_t i;

	yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_ANY_SEQUENCE_STYLE);
	yaml_emitter_emit(emitter, &event);
	json_array_foreach (array, i, value)
		emit(emitter, value);
	yaml_sequence_end_event_initialize(&event);
	yaml_emitter_emit(emitter, &event);
}

static void emit(yaml_emitter_t *emitter, const json_t *value)
{
	_cleanup_free_ char *text = NULL;

	if (json_is_object(value)) {
		emit_object(emitter, value);
	} else if (json_is_array(value)) {
		emit_array(emitter, value);
	} else if (json_is_string(value)) {
		emit_text(emitter, json_string_value(value), json_string_length(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY);
		emit_scalar(emitter, text, strlen(text), false);
	}
}

void policy_document_write(const json_t *object, FILE *out)
{
	yaml_emitter_t emitter;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&emitter))
		return;
	yaml_emitter_set_output_file(&emitter, out);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	yaml_emitter_emit(&emitter, &event);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0);
	yaml_emitter_emit(&emitter, &event);
	emit(&emitter, object);
	yaml_document_end_event_initialize(&event, 1);
	yaml_emitter_emit(&emitter, &event);
	yaml_stream_end_event_initialize(&event);
	yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
}
