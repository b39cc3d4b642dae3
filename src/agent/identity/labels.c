/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

static int label_compare(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static int label_check(const json_t *label, struct error *error)
{
	const char *text = json_string_value(label), *colon = text ? strchr(text, ':') : NULL;

	if (!text)
		return error_set(error, -EINVAL, "a label must be text");
	if (!colon || colon == text || !colon[1] || colon[1] == '=')
		return error_set(error, -EINVAL, "label '%s' must look like source:key=value", text);
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return error_set(error, -EINVAL, "a label must not contain control characters");
	}
	return 0;
}

static void labels_sort(json_t *labels)
{
	size_t count = json_array_size(labels), kept = 0;
	_cleanup_free_ json_t **sorted = xcalloc(count, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = json_incref(json_array_get(labels, i));
	qsort(sorted, count, sizeof(*sorted), label_compare);
	json_array_clear(labels);
	for (size_t i = 0; i < count; i++) {
		if (kept && json_equal(json_array_get(labels, kept - 1), sorted[i])) {
			json_decref(sorted[i]);
			continue;
		}
		json_array_append_new(labels, sorted[i]);
		kept++;
	}
}

int labels_normalise(json_t *labels, struct error *error)
{
	const json_t *label;
	size_t i;

	if (!json_array_size(labels))
		return error_set(error, -EINVAL, "labels must be an array with at least one label");
	json_array_foreach (labels, i, label) {
		int result = label_check(label, error);

		if (result < 0)
			return result;
	}
	labels_sort(labels);
	return 0;
}
