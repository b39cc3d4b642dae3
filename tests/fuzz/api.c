/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the API's requests: an endpoint's, which is also what its file holds.
 */
#include "fuzz.h"

#include "agent/endpoint/spec.h"

static void check_accepted(const struct endpoint_spec *spec)
{
	struct endpoint_spec again;
	struct error error = {};
	json_t *labels = endpoint_spec_labels(spec, &error);

	must(labels && json_array_size(labels));
	json_decref(labels);
	must(!endpoint_spec_parse(spec->json, &again, &error));
	must(!endpoint_spec_difference(spec, &again));
	endpoint_spec_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct endpoint_spec spec;
	struct error error = {};
	int result;

	if (!request)
		return -1;
	result = endpoint_spec_parse(request, &spec, &error);
	must_tell(result, &error);
	if (!result) {
		check_accepted(&spec);
		endpoint_spec_clear(&spec);
	}
	json_decref(request);
	return 0;
}
