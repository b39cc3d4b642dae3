/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_key.h"

#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/memory.h"

static json_t *encode(const char *text)
{
	_cleanup_free_ char *encoded = base64_encode(text, strlen(text));

	return json_string(encoded);
}

json_t *etcd_encode(const char *prefix, const char *text)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", prefix, text);

	return encode(whole);
}

json_t *etcd_encode_end(const char *prefix, const char *text)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", prefix, text);

	whole[strlen(whole) - 1]++; /* the prefix is never empty, and keys are ASCII */
	return encode(whole);
}

char *etcd_decode(const json_t *object, const char *field)
{
	const char *encoded = json_string_value(json_object_get(object, field));
	char *text;

	return base64_decode_text(encoded ?: "", &text) < 0 ? NULL : text;
}

json_int_t etcd_number(const json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? strtoll(text, NULL, 10) : 0;
}

json_t *etcd_number_new(json_int_t number)
{
	_cleanup_free_ char *text = xasprintf("%" JSON_INTEGER_FORMAT, number);

	return json_string(text);
}
