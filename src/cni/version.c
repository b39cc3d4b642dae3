/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of the specification, and the two outputs that every version has.
 */
#include <stdarg.h>
#include <stdio.h>

#include "cni/cni.h"

const char *const cni_version_names[CNI_VERSIONS] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

int cni_fail(struct error *error, enum cni_code code, const char *format, ...)
{
	char words[sizeof(error->message)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	return error_set(error, code, "%s", words);
}

/* NULL: the runtime did not say which version it speaks. */
json_t *cni_version_output(const char *asked)
{
	json_t *versions = json_array();

	for (size_t i = 0; i < CNI_VERSIONS; i++)
		json_array_append_new(versions, json_string(cni_version_names[i]));
	return json_pack("{s:s, s:o}", "cniVersion", asked ?: cni_version_names[CNI_VERSION_NEWEST],
	                 "supportedVersions", versions);
}

/* The words may quote what is no UTF-8 or was cut within a character. */
json_t *cni_error_output(enum cni_version version, int code, const struct error *error)
{
	json_t *message = json_string(error->message);

	return json_pack("{s:s, s:i, s:o}", "cniVersion", cni_version_names[version], "code", code, "msg",
	                 message ?: json_string("the reason is not UTF-8: something in the request is not"));
}
