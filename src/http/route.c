/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths against patterns, and percent-decoding. The daemon is told not to decode, so that an encoded slash stays part
 * of its segment.
 */
#include "http/internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"

static char *decode(char *text)
{
	MHD_http_unescape(text);
	return text;
}

int pairs_add(struct http_pairs *pairs, const char *name, const char *value)
{
	if (pairs->count == HTTP_PAIRS_MAX)
		return -E2BIG;
	pairs->items[pairs->count].name = decode(xstrdup(name));
	pairs->items[pairs->count].value = decode(xstrdup(value));
	pairs->count++;
	return 0;
}

const char *pairs_find(const struct http_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (!strcmp(pairs->items[i].name, name))
			return pairs->items[i].value;
	return NULL;
}

void pairs_clear(struct http_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].name);
		free(pairs->items[i].value);
	}
	*pairs = (struct http_pairs){};
}

bool percent_encoding_valid(const char *text)
{
	for (const char *percent = strchr(text, '%'); percent; percent = strchr(percent + 1, '%')) {
		if (!isxdigit((unsigned char)percent[1]) || !isxdigit((unsigned char)percent[2]))
			return false;
		if (percent[1] == '0' && percent[2] == '0')
			return false;
	}
	return true;
}

/* A segment in braces takes what stands there, if anything does; any other must be equal. */
static bool segment_matches(const char *pattern, size_t pattern_size, const char *segment, size_t size,
                            struct http_pairs *parameters)
{
	_cleanup_free_ char *name = NULL, *value = NULL;

	if (pattern[0] != '{')
		return size == pattern_size && !memcmp(segment, pattern, size);
	if (!size)
		return false;
	name = xasprintf("%.*s", (int)pattern_size - 2, pattern + 1);
	value = xasprintf("%.*s", (int)size, segment);
	return pairs_add(parameters, name, value) == 0;
}

bool route_matches(const char *pattern, const char *path, struct http_pairs *ret_parameters)
{
	struct http_pairs parameters = {};

	while (*pattern == '/' && *path == '/') {
		size_t pattern_size = strcspn(++pattern, "/"), size = strcspn(++path, "/");

		if (!segment_matches(pattern, pattern_size, path, size, &parameters))
			break;
		pattern += pattern_size;
		path += size;
		if (!*pattern && !*path) {
			*ret_parameters = parameters;
			return true;
		}
	}
	pairs_clear(&parameters);
	return false;
}
