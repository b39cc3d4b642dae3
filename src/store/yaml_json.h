/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write by hand: one object in YAML, as JSON.
 */
#ifndef PILUS_STORE_YAML_JSON_H
#define PILUS_STORE_YAML_JSON_H

#include <stddef.h>

#include "base/error.h"

/* The caller frees the text. NULL with words that name the line: it is no YAML, or says more than JSON can. */
char *yaml_to_json(const char *text, size_t size, struct error *error);

#endif
