/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON objects that others wrote: a field knows the way to itself, and the first thing that is wrong anywhere
 * in an object becomes words that name it: "spec.ports[1].port: must be a number from 1 to 65535". Members that nobody
 * asks for are left alone, as Kubernetes adds some with every release.
 *
 * A field that is not there (or null) has no value; asking it for one gives what the asker wants otherwise.
 */
#ifndef PILUS_SERVICE_FIELD_H
#define PILUS_SERVICE_FIELD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/error.h"

struct field {
	const struct field *parent; /* NULL: the whole object */
	const char *name;           /* NULL: the element `index` of an array */
	size_t index;
	json_t *value;       /* NULL: it is not there */
	struct error *error; /* of the whole object; code 0: nothing is wrong so far */
};

struct field field_of(const struct field *object, const char *name);

/* The elements of an array; 0 where it is missing. */
size_t field_count(const struct field *array);

/* 0, and it is refused, where there are more than `max`. */
size_t field_count_at_most(const struct field *array, size_t max);
struct field field_at(const struct field *array, size_t index);

/* Records what is wrong, if it is the first. */
void field_refuse(const struct field *field, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Borrowed text, not empty; NULL where it is missing or wrong. */
const char *field_text(const struct field *field);
uint32_t field_number(const struct field *field, uint32_t min, uint32_t max, uint32_t otherwise);
bool field_flag(const struct field *field, bool otherwise);

/* One of the words, which end with NULL: its index. */
int field_word(const struct field *field, const char *const *words, int otherwise);

/* False where it is missing or wrong. */
bool field_addr(const struct field *field, struct addr *ret);
bool field_prefix(const struct field *field, struct prefix *ret);

#endif
