/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void words_add(struct words *words, const char *word, size_t length)
{
	/* Grows by doubling: at the powers of two. */
	if (!(words->count & (words->count - 1)))
		words->list = xrealloc(words->list, (2 * words->count + 1) * sizeof(*words->list));
	words->list[words->count++] = xasprintf("%.*s", (int)length, word);
	words->sorted = false;
}

bool words_have(struct words *words, const char *word)
{
	if (!words->count)
		return false;
	if (!words->sorted)
		qsort(words->list, words->count, sizeof(*words->list), compare);
	words->sorted = true;
	return bsearch(&word, words->list, words->count, sizeof(*words->list), compare);
}

void words_clear(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
	*words = (struct words){};
}
