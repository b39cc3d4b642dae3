/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's labels change while it lives. Its file remembers the new ones, so that a restart does too.
 */
#include <errno.h>

#include "agent/endpoint/entry.h"

static int parse(const struct endpoint_entry *entry, json_t *labels, struct endpoint_spec *ret, struct error *error)
{
	json_auto_t *request = json_copy(entry->spec.json);

	json_object_set(request, "labels", labels);
	return endpoint_spec_parse(request, ret, error);
}

/* The same but for its labels. */
static void change(struct endpoint_entry *entry, const struct endpoint_spec *spec)
{
	json_decref(entry->labels);
	entry->spec = *spec;
	entry->labels = endpoint_spec_labels(&entry->spec, NULL);
}

int endpoint_relabel(struct endpoints *endpoints, uint16_t id, json_t *labels, struct error *error)
{
	struct endpoint_entry *entry = id && id <= ENDPOINT_ID_MAX ? endpoints->entries[id] : NULL;
	struct endpoint_spec spec, before;
	int result;

	if (!entry || !entry->wired)
		return error_set(error, -ENOENT, "there is no endpoint of that id");
	result = parse(entry, labels, &spec, error);
	if (result)
		return result;
	before = entry->spec;
	change(entry, &spec);
	result = endpoint_file_write(entry, error);
	if (result) {
		change(entry, &before);
		endpoint_spec_clear(&spec);
		return result;
	}
	endpoint_spec_clear(&before);
	if (entry->resolving)
		identity_request_cancel(TAKE_PTR(entry->resolving));
	entry->retry_at = 0;
	endpoint_tell(entry, ENDPOINT_WAITING_FOR_IDENTITY, ENDPOINT_OK, "Other labels");
	endpoint_resolve(entry);
	return 0;
}
