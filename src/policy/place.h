/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading YAML (and so JSON) with nothing overlooked: a place is a node of a document that knows the way to itself, and
 * whatever is wrong there becomes a problem that names file, line and field. Reading goes on after one: all are told.
 */
#ifndef PILUS_POLICY_PLACE_H
#define PILUS_POLICY_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

/* "web.yaml:12: spec.ingress[0].ports[1].port: must be …", in the order found. */
struct problems {
	char **texts;
	size_t count;
};

void problems_clear(struct problems *problems);

/* What the parser says. */
void problems_add_yaml(struct problems *problems, const char *file, const yaml_parser_t *parser);

struct document {
	const char *file;
	yaml_document_t *yaml;
	struct problems *problems;
	size_t *left; /* places to be read, as aliases could make a small file mean an endless one; NULL: no end */
};

struct place {
	const struct document *document;
	const struct place *parent; /* NULL: the whole document */
	const char *field;          /* of a mapping; NULL: element `index` of a list */
	const yaml_node_t *key;     /* of the field */
	size_t index;
	const yaml_node_t *node;
};

typedef void (*place_fn)(const struct place *place, void *userdata);

/* What a mapping may hold. Tables of these end with an empty one. */
struct place_field {
	const char *name;
	place_fn read;    /* NULL: known, and of no meaning here */
	bool must;        /* must be there */
	bool unsupported; /* refused: "not supported yet" */
};

/* Line of the file, from 1: of a field, where its name stands. */
size_t place_line(const struct place *place);

/* The way to it from the document: "spec.ingress[0]" (to free). */
char *place_path(const struct place *place);

void place_problem(const struct place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads every field of a mapping by its row. Unknown, doubled and missing ones are problems. False when it is none. */
bool place_fields(const struct place *place, const struct place_field *fields, void *userdata);

/* Reads every element of a list. False, with a problem, when it is none. */
bool place_items(const struct place *place, place_fn read, void *userdata);
bool place_is_empty(const struct place *place); /* of a list */

/* Every pair of a mapping of text to text, as matchLabels: a place whose field is the key. */
bool place_pairs(const struct place *place, place_fn read, void *userdata);

/* The field of a mapping; false when there is none, or no mapping. */
bool place_find(const struct place *place, const char *field, struct place *ret);

bool place_is_null(const struct place *place);
bool place_is_number(const struct place *place); /* as YAML has it: digits without quotes */

/* Scalars. NULL or false with a problem. The text is borrowed. */
const char *place_text(const struct place *place);
bool place_number(const struct place *place, unsigned long min, unsigned long max, unsigned long *ret);
bool place_boolean(const struct place *place, bool *ret);

/* One of the words; its index, or -1 with a problem that lists them. `words` ends with NULL. */
int place_word(const struct place *place, const char *const *words);

#endif
