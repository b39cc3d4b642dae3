/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network configuration on the plugin's standard input.
 */
#include "fuzz.h"

#include "cni/cni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum cni_version version = CNI_VERSION_NEWEST;
	struct cni_config config = {};
	struct error error = {};
	json_t *attachments = NULL;
	int result;

	result = cni_config_parse((const char *)data, size, &config, &version, &error);
	must_tell(result, &error);
	must(version < CNI_VERSIONS);
	if (!result) {
		must(*config.network && config.socket[0] == '/');
		result = cni_config_attachments(&config, &attachments, &error);
		must_tell(result, &error);
		json_decref(attachments);
	}
	cni_config_clear(&config);
	return 0;
}
