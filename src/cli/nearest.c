/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean": the nearest of a table's words by edit distance (insert, delete, replace, swap neighbours), or the
 * one that begins so.
 */
#include "cli/cli.h"

#include <string.h>

#define WORD_MAX 40

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Both at most WORD_MAX long. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[WORD_MAX + 1][WORD_MAX + 1], m = strlen(a), n = strlen(b);

	for (size_t i = 0; i <= m; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= m; i++)
		for (size_t j = 1; j <= n; j++) {
			rows[i][j] = min3(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
			                  rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = min3(rows[i][j], rows[i - 2][j - 2] + 1, rows[i][j]);
		}
	return rows[m][n];
}

const char *cli_nearest(const char *word, const char *(*next)(const void *table, size_t index), const void *table)
{
	size_t length = strlen(word), least = length / 3 + 1;
	const char *nearest = NULL, *candidate;

	if (!length || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; (candidate = next(table, i)); i++) {
		size_t d;

		if (length >= 2 && !strncmp(candidate, word, length))
			return candidate;
		if (strlen(candidate) > WORD_MAX)
			continue;
		d = distance(word, candidate);
		if (d < least + !nearest && d < length) {
			nearest = candidate;
			least = d;
		}
	}
	return nearest;
}
