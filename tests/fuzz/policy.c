/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies in YAML and JSON.
 */
#include "fuzz.h"

#include "policy/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_list list = {};
	struct problems problems = {};
	int result;

	result = policy_parse("policy.yaml", (const char *)data, size, &list, &problems);
	must(!result == !problems.count);
	must(!result || !list.count);
	for (size_t i = 0; i < problems.count; i++)
		must(!strncmp(problems.texts[i], "policy.yaml", strlen("policy.yaml")));
	problems_clear(&problems);
	policy_list_clear(&list);
	return 0;
}
