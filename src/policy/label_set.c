/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/label_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
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

static bool is_of_source(const struct label *label, const char *source)
{
	return *source ? !strcmp(label->source, source) : strcmp(label->source, LABEL_SOURCE_PORT) != 0;
}

const char *label_set_value(const struct label_set *labels, const char *source, const char *key)
{
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->labels[i];

		if (!strcmp(label->key, key) && is_of_source(label, source))
			return label->value;
	}
	return NULL;
}

uint8_t label_protocol(const char *word)
{
	static const struct {
		const char *word;
		uint8_t number;
	} protocols[] = {{"TCP", PROTOCOL_TCP}, {"UDP", PROTOCOL_UDP}, {"SCTP", PROTOCOL_SCTP}};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (!strcmp(protocols[i].word, word))
			return protocols[i].number;
	return 0;
}

uint16_t label_set_port(const struct label_set *labels, const char *name, uint8_t protocol)
{
	const char *value = label_set_value(labels, LABEL_SOURCE_PORT, name);
	unsigned long number;
	char *end;

	if (!value)
		return 0;
	number = strtoul(value, &end, 10);
	return *end == '/' && label_protocol(end + 1) == protocol && number <= UINT16_MAX ? (uint16_t)number : 0;
}

bool label_set_is_pod(const struct label_set *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!strcmp(labels->labels[i].source, LABEL_SOURCE_RESERVED))
			return false;
	return labels->count > 0;
}
