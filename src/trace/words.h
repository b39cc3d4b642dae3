/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of words.
 */
#ifndef PILUS_TRACE_WORDS_H
#define PILUS_TRACE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char **list;
	size_t count;
	bool sorted;
};

/* A copy of so many bytes. */
void words_add(struct words *words, const char *word, size_t length);
bool words_have(struct words *words, const char *word);
void words_clear(struct words *words);

#endif
