/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648, section 4, padded), as JSON carries bytes.
 */
#ifndef PILUS_BASE_BASE64_H
#define PILUS_BASE_BASE64_H

#include <stddef.h>

/* The caller frees it. */
char *base64_encode(const char *bytes, size_t size);

/* The caller frees *ret, which ends with a 0 byte more. −EINVAL: not Base64, or there are 0 bytes in it. */
int base64_decode_text(const char *encoded, char **ret);

#endif
