/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define FIELDS_MAX 32

/* ── problems ── */

void problems_clear(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->texts[i]);
	free(problems->texts);
	*problems = (struct problems){};
}

/* Takes the text. */
static void add_problem(struct problems *problems, char *text)
{
	problems->texts = xrealloc(problems->texts, (problems->count + 1) * sizeof(*problems->texts));
	problems->texts[problems->count++] = text;
}

void problems_add_yaml(struct problems *problems, const char *file, const yaml_parser_t *parser)
{
	add_problem(problems, xasprintf("%s:%zu: this is no YAML: %s", file, parser->problem_mark.line + 1,
	                                parser->problem ?: "it cannot be read"));
}

size_t place_line(const struct place *place)
{
	return (place->key ?: place->node)->start_mark.line + 1;
}

/* spec.ingress[0] */
static void write_path(FILE *out, const struct place *place)
{
	if (!place->parent)
		return;
	write_path(out, place->parent);
	if (!place->field)
		fprintf(out, "[%zu]", place->index);
	else
		fprintf(out, "%s%s", place->parent->parent ? "." : "", place->field);
}

char *place_path(const struct place *place)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	write_path(out, place);
	fclose(out);
	return text;
}

void place_problem(const struct place *place, const char *format, ...)
{
	struct problems *problems = place->document->problems;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	va_list arguments;

	if (!out)
		abort();
	fprintf(out, "%s:%zu: ", place->document->file, place_line(place));
	write_path(out, place);
	fputs(place->parent ? ": " : "", out);
	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
	fclose(out);
	add_problem(problems, text);
}

/* ── mappings and lists ── */

/* May the place be read? The first that may not is a problem. */
static bool spend(const struct place *place)
{
	size_t *left = place->document->left;

	if (!left)
		return true;
	if (!*left)
		return false;
	*left -= 1;
	if (*left)
		return true;
	place_problem(place, "is too much: aliases make the file mean a far longer one");
	return false;
}

static const yaml_node_t *node_at(const struct place *place, int index)
{
	return yaml_document_get_node(place->document->yaml, index);
}

/* The key's text; NULL for one that is no plain text. */
static const char *key_text(const struct place *place, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = node_at(place, pair->key);
	const char *text;

	if (key->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)key->data.scalar.value;
	return strlen(text) == key->data.scalar.length ? text : NULL;
}

static struct place place_of(const struct place *parent, const yaml_node_pair_t *pair)
{
	return (struct place){.document = parent->document,
	                      .parent = parent,
	                      .field = key_text(parent, pair),
	                      .key = node_at(parent, pair->key),
	                      .node = node_at(parent, pair->value)};
}

static bool is_mapping(const struct place *place)
{
	if (place->node->type == YAML_MAPPING_NODE)
		return true;
	place_problem(place, "must be a mapping of fields to values");
	return false;
}

#define FOREACH_PAIR(pair, place)                                                    \
	for (const yaml_node_pair_t *pair = (place)->node->data.mapping.pairs.start; \
	     pair < (place)->node->data.mapping.pairs.top; pair++)

bool place_find(const struct place *place, const char *field, struct place *ret)
{
	if (place->node->type != YAML_MAPPING_NODE)
		return false;
	FOREACH_PAIR(pair, place)
	{
		const char *key = key_text(place, pair);

		if (key && !strcmp(key, field)) {
			*ret = place_of(place, pair);
			return true;
		}
	}
	return false;
}

static const struct place_field *find_field(const struct place_field *fields, const char *name, size_t *ret_index)
{
	for (size_t i = 0; name && fields[i].name; i++)
		if (!strcmp(fields[i].name, name)) {
			*ret_index = i;
			return &fields[i];
		}
	return NULL;
}

static void read_field(const struct place *place, const struct place_field *field, void *userdata)
{
	if (!field)
		place_problem(place, "there is no such field");
	else if (field->unsupported)
		place_problem(place, "not supported yet: %s", field->name);
	else if (field->read)
		field->read(place, userdata);
}

bool place_fields(const struct place *place, const struct place_field *fields, void *userdata)
{
	bool seen[FIELDS_MAX] = {};
	size_t index = 0;

	if (!is_mapping(place))
		return false;
	FOREACH_PAIR(pair, place)
	{
		struct place child = place_of(place, pair);
		const struct place_field *field = find_field(fields, child.field, &index);

		child.field = child.field ?: "(not text)";
		if (!spend(&child))
			return true;
		if (field && seen[index])
			place_problem(&child, "is there twice");
		else
			read_field(&child, field, userdata);
		if (field)
			seen[index] = true;
	}
	for (size_t i = 0; fields[i].name; i++)
		if (fields[i].must && !seen[i])
			place_problem(place, "%s is missing", fields[i].name);
	return true;
}

bool place_items(const struct place *place, place_fn read, void *userdata)
{
	const yaml_node_t *list = place->node;

	if (list->type != YAML_SEQUENCE_NODE) {
		place_problem(place, "must be a list");
		return false;
	}
	for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top;
	     item++) {
		struct place child = {.document = place->document,
		                      .parent = place,
		                      .index = (size_t)(item - list->data.sequence.items.start),
		                      .node = node_at(place, *item)};

		if (!spend(&child))
			break;
		read(&child, userdata);
	}
	return true;
}

bool place_is_empty(const struct place *place)
{
	return place->node->data.sequence.items.top == place->node->data.sequence.items.start;
}

bool place_pairs(const struct place *place, place_fn read, void *userdata)
{
	if (!is_mapping(place))
		return false;
	FOREACH_PAIR(pair, place)
	{
		struct place child = place_of(place, pair), other;

		if (!spend(&child))
			break;
		if (!child.field) {
			child.field = "(not text)";
			place_problem(&child, "the name must be text");
		} else if (place_find(place, child.field, &other) && other.node != child.node) {
			place_problem(&child, "is there twice");
		} else {
			read(&child, userdata);
		}
	}
	return true;
}

/* ── scalars ── */

static bool is_plain(const struct place *place)
{
	return place->node->type == YAML_SCALAR_NODE && place->node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool place_is_null(const struct place *place)
{
	const char *text = (const char *)place->node->data.scalar.value;

	return is_plain(place) && (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

bool place_is_number(const struct place *place)
{
	const char *text = (const char *)place->node->data.scalar.value;

	return is_plain(place) && *text && strspn(text, "0123456789") == strlen(text);
}

const char *place_text(const struct place *place)
{
	const char *text = (const char *)place->node->data.scalar.value;

	if (place->node->type != YAML_SCALAR_NODE || place_is_null(place)) {
		place_problem(place, "must be text");
		return NULL;
	}
	if (strlen(text) != place->node->data.scalar.length) {
		place_problem(place, "has a NUL character in it");
		return NULL;
	}
	return text;
}

bool place_number(const struct place *place, unsigned long min, unsigned long max, unsigned long *ret)
{
	const char *text = (const char *)place->node->data.scalar.value;
	unsigned long number = 0;

	errno = 0;
	if (place_is_number(place))
		number = strtoul(text, NULL, 10);
	if (!place_is_number(place) || errno || number < min || number > max) {
		place_problem(place, "must be a number from %lu to %lu", min, max);
		return false;
	}
	*ret = number;
	return true;
}

bool place_boolean(const struct place *place, bool *ret)
{
	const char *text = (const char *)place->node->data.scalar.value;

	if (!is_plain(place) || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)) {
		place_problem(place, "must be true or false");
		return false;
	}
	*ret = !strcmp(text, "true");
	return true;
}

static char *list_words(const char *const *words)
{
	char *list = xstrdup(words[0]);

	for (size_t i = 1; words[i]; i++) {
		char *longer = xasprintf("%s%s%s", list, words[i + 1] ? ", " : " or ", words[i]);

		free(list);
		list = longer;
	}
	return list;
}

int place_word(const struct place *place, const char *const *words)
{
	_cleanup_free_ char *list = list_words(words);
	const char *text = place_text(place);

	for (int i = 0; text && words[i]; i++)
		if (!strcmp(words[i], text))
			return i;
	if (text)
		place_problem(place, "must be %s, not '%s'", list, text);
	return -1;
}
