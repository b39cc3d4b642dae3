/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const char *bytes, size_t size)
{
	char *encoded = xcalloc((size + 2) / 3 * 4 + 1, 1), *end = encoded;

	for (size_t i = 0; i < size; i += 3) {
		uint32_t group = 0;

		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (i + j < size ? (uint8_t)bytes[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			*end++ = i + j > size ? '=' : digits[group >> (18 - 6 * j) & 63];
	}
	return encoded;
}

/* Four digits to up to three bytes; how many, or −EINVAL. Only the last group may be padded. */
static int decode_group(const char *group, bool last, char *bytes)
{
	int size = !last || group[3] != '=' ? 3 : group[2] != '=' ? 2 : 1;
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		const char *digit = i <= size ? memchr(digits, group[i], sizeof(digits) - 1) : digits;

		if (!digit)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(digit - digits);
	}
	for (int i = 0; i < size; i++)
		bytes[i] = (char)(bits >> (16 - 8 * i));
	return size;
}

int base64_decode_text(const char *encoded, char **ret)
{
	size_t length = strlen(encoded), size = 0;
	_cleanup_free_ char *text = xcalloc(length / 4 * 3 + 1, 1);

	if (length % 4)
		return -EINVAL;
	for (size_t i = 0; i < length; i += 4) {
		int result = decode_group(encoded + i, i + 4 == length, text + size);

		if (result < 0)
			return result;
		size += result;
	}
	if (strlen(text) != size)
		return -EINVAL;
	*ret = TAKE_PTR(text);
	return 0;
}
