/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars as YAML 1.2's core schema has them: what is not quoted and looks like null, a boolean or a number is one.
 */
#include "store/yaml_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"

/* Aliases can make a small file endless. */
#define NODES_MAX 100000
#define DEPTH_MAX 64

struct reading {
	yaml_document_t *document;
	size_t nodes, depth;
	struct error *error;
};

static json_t *refuse(const struct reading *reading, const yaml_node_t *node, const char *words)
{
	error_set(reading->error, -EINVAL, "line %zu: %s", node->start_mark.line + 1, words);
	return NULL;
}

/* ── scalars ── */

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static json_t *plain_to_json(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL},
				 *const trues[] = {"true", "True", "TRUE", NULL},
				 *const falses[] = {"false", "False", "FALSE", NULL};
	char *end;
	long long integer;
	double real;

	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	if (text[strspn(text, "+-.0123456789eE")] || !strpbrk(text, "0123456789"))
		return json_string(text);
	errno = 0;
	integer = strtoll(text, &end, 10);
	if (!errno && !*end)
		return json_integer(integer);
	real = strtod(text, &end);
	return *end ? json_string(text) : json_real(real);
}

static json_t *scalar_to_json(const struct reading *reading, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	json_t *value;

	if (strlen(text) != node->data.scalar.length)
		return refuse(reading, node, "there is a NUL character");
	value = plain ? plain_to_json(text) : json_string(text);
	return value ?: refuse(reading, node, "this is no text, or no number of use");
}

/* ── the rest ── */

static json_t *node_to_json(struct reading *reading, int index);

static json_t *sequence_to_json(struct reading *reading, const yaml_node_t *node)
{
	json_auto_t *array = json_array();

	for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
	     item++) {
		json_t *value = node_to_json(reading, *item);

		if (!value)
			return NULL;
		json_array_append_new(array, value);
	}
	return json_incref(array);
}

static json_t *add_pair(struct reading *reading, json_t *object, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
	const char *name = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : NULL;
	json_t *value;

	if (!name)
		return refuse(reading, key, "the name of a field must be text");
	if (json_object_get(object, name))
		return refuse(reading, key, "this field is there twice");
	value = node_to_json(reading, pair->value);
	if (value && json_object_set_new(object, name, value))
		return refuse(reading, key, "the name of a field must be text");
	return value;
}

static json_t *mapping_to_json(struct reading *reading, const yaml_node_t *node)
{
	json_auto_t *object = json_object();

	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
		if (!add_pair(reading, object, pair))
			return NULL;
	return json_incref(object);
}

static json_t *node_to_json(struct reading *reading, int index)
{
	const yaml_node_t *node = yaml_document_get_node(reading->document, index);
	json_t *value;

	if (++reading->nodes > NODES_MAX || reading->depth >= DEPTH_MAX)
		return refuse(reading, node, "there is too much of it");
	reading->depth++;
	if (node->type == YAML_SCALAR_NODE)
		value = scalar_to_json(reading, node);
	else
		value = node->type == YAML_SEQUENCE_NODE ? sequence_to_json(reading, node)
		                                         : mapping_to_json(reading, node);
	reading->depth--;
	return value;
}

static json_t *document_to_json(yaml_document_t *document, struct error *error)
{
	struct reading reading = {.document = document, .error = error};

	if (yaml_document_get_root_node(document))
		return node_to_json(&reading, 1);
	error_set(error, -EINVAL, "there is nothing in it");
	return NULL;
}

static bool load(yaml_parser_t *parser, yaml_document_t *document, struct error *error)
{
	if (yaml_parser_load(parser, document))
		return true;
	error_set(error, -EINVAL, "line %zu: this is no YAML: %s", parser->problem_mark.line + 1,
	          parser->problem ?: "it cannot be read");
	return false;
}

/* A key holds one object. */
static bool ends_here(yaml_parser_t *parser, struct error *error)
{
	yaml_document_t next;
	bool more;

	if (!load(parser, &next, error))
		return false;
	more = yaml_document_get_root_node(&next);
	yaml_document_delete(&next);
	if (more)
		error_set(error, -EINVAL, "it holds more than one object: give each its own file");
	return !more;
}

static char *first_to_json(yaml_parser_t *parser, struct error *error)
{
	json_auto_t *value = NULL;
	yaml_document_t document;

	if (!load(parser, &document, error))
		return NULL;
	value = document_to_json(&document, error);
	yaml_document_delete(&document);
	return value && ends_here(parser, error) ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

char *yaml_to_json(const char *text, size_t size, struct error *error)
{
	yaml_parser_t parser;
	char *json;

	if (!yaml_parser_initialize(&parser)) {
		error_set_errno(error, -ENOMEM, "cannot read YAML");
		return NULL;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	json = first_to_json(&parser, error);
	yaml_parser_delete(&parser);
	return json;
}
