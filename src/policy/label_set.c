/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/label_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Cuts "source:key=value" apart, in place. */
static struct label take_apart(char *text)
{
	struct label label = {.source = LABEL_SOURCE_KUBERNETES, .value = ""};
	char *colon = strchr(text, ':'), *equals = strchr(text, '=');

	if (colon && (!equals || colon < equals)) {
		*colon = '\0';
		label.source = text;
		text = colon + 1;
	}
	if (equals) {
		*equals = '\0';
		label.value = equals + 1;
	}
	label.key = text;
	return label;
}

static size_t room_for(const json_t *array)
{
	const json_t *label;
	size_t i, room = 0;

	json_array_foreach (array, i, label)
		room += json_string_length(label) + 1;
	return room;
}

int label_set_read(const json_t *array, struct label_set *ret, struct error *error)
{
	struct label_set labels = {};
	const json_t *label;
	char *at;
	size_t i;

	if (!json_is_array(array))
		return error_set(error, -EINVAL, "labels must be a list");
	labels.labels = xcalloc(json_array_size(array) + 1, sizeof(*labels.labels));
	at = labels.text = xcalloc(1, room_for(array) + 1);
	json_array_foreach (array, i, label) {
		if (!json_is_string(label) || !json_string_length(label)) {
			label_set_clear(&labels);
			return error_set(error, -EINVAL, "label %zu must be text, like k8s:app=web", i + 1);
		}
		memcpy(at, json_string_value(label), json_string_length(label) + 1);
		labels.labels[labels.count++] = take_apart(at);
		at += json_string_length(label) + 1;
	}
	*ret = labels;
	return 0;
}

void label_set_clear(struct label_set *labels)
{
	free(labels->labels);
	free(labels->text);
	*labels = (struct label_set){};
}

const char *label_set_value(const struct label_set *labels, const char *source, const char *key)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->labels[i];

		if (!strcmp(label->key, key) && (!*source || !strcmp(label->source, source)))
			return label->value;
	}
	return NULL;
}

bool label_set_is_pod(const struct label_set *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!strcmp(labels->labels[i].source, LABEL_SOURCE_RESERVED))
			return false;
	return labels->count > 0;
}
