/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI GC: of one network, whatever the runtime does not know any more is taken down. A request that is wrong anywhere
 * takes nothing down.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"

static int check_request(json_t *request, const char **ret_network, json_t **ret_valid, struct error *error)
{
	json_error_t wrong;
	json_t *attachment;
	size_t i;

	if (json_unpack_ex(request, &wrong, JSON_STRICT, "{s:s, s:o}", "network", ret_network, "valid", ret_valid))
		return error_set(error, -EINVAL, "a request to collect garbage has \"network\" and \"valid\": %s",
		                 wrong.text);
	if (!json_is_array(*ret_valid))
		return error_set(error, -EINVAL, "\"valid\" must be an array");
	json_array_foreach (*ret_valid, i, attachment) {
		if (!json_is_string(json_object_get(attachment, "container")) ||
		    !json_is_string(json_object_get(attachment, "interface")))
			return error_set(error, -EINVAL,
			                 "element %zu of \"valid\" must have \"container\" and \"interface\"", i);
	}
	return 0;
}

static bool is_valid(json_t *valid, const struct endpoint_spec *spec)
{
	json_t *attachment;
	size_t i;

	json_array_foreach (valid, i, attachment) {
		if (!strcmp(json_string_value(json_object_get(attachment, "container")), spec->container) &&
		    !strcmp(json_string_value(json_object_get(attachment, "interface")), spec->interface))
			return true;
	}
	return false;
}

int endpoints_collect(struct endpoints *endpoints, json_t *request, struct error *error)
{
	int removed = 0, result, failed = 0;
	struct endpoint_entry *entry;
	const char *network;
	json_t *valid;

	result = check_request(request, &network, &valid, error);
	if (result)
		return result;
	endpoints_foreach (endpoints, entry) {
		if (!entry->spec.network || strcmp(entry->spec.network, network) || is_valid(valid, &entry->spec))
			continue;
		result = endpoint_take_down(entry, "collected as garbage", error);
		if (result)
			failed = result;
		else
			removed++;
	}
	return failed ?: removed;
}
