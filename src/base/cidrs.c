/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cidrs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define ROOM_FIRST 64
#define BLANKS     " \t\r\v\f"

void cidrs_clear(struct cidrs *cidrs)
{
	free(cidrs->items);
	*cidrs = (struct cidrs){};
}

void cidrs_add(struct cidrs *cidrs, const struct prefix *prefix)
{
	if (cidrs->count == cidrs->room) {
		cidrs->room = cidrs->room ? 2 * cidrs->room : ROOM_FIRST;
		cidrs->items = xrealloc(cidrs->items, cidrs->room * sizeof(*cidrs->items));
	}
	cidrs->items[cidrs->count++] = *prefix;
}

static int compare(const void *first, const void *second)
{
	const struct prefix *a = first, *b = second;
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : a->bits - b->bits;
}

static bool is_sorted(const struct cidrs *cidrs)
{
	for (size_t i = 1; i < cidrs->count; i++)
		if (compare(&cidrs->items[i - 1], &cidrs->items[i]) >= 0)
			return false;
	return true;
}

void cidrs_sort(struct cidrs *cidrs)
{
	size_t kept = 0;

	if (is_sorted(cidrs)) /* most lists are */
		return;
	qsort(cidrs->items, cidrs->count, sizeof(*cidrs->items), compare);
	for (size_t i = 0; i < cidrs->count; i++)
		if (!kept || compare(&cidrs->items[kept - 1], &cidrs->items[i]))
			cidrs->items[kept++] = cidrs->items[i];
	cidrs->count = kept;
}

size_t cidrs_with(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret)
{
	size_t i = 0, j = 0;

	*ret = (struct cidrs){};
	while (i < cidrs->count || j < change->count) {
		int order = i == cidrs->count    ? 1
		            : j == change->count ? -1
		                                 : compare(&cidrs->items[i], &change->items[j]);

		cidrs_add(ret, order <= 0 ? &cidrs->items[i] : &change->items[j]);
		i += order <= 0;
		j += order >= 0;
	}
	return ret->count - cidrs->count;
}

size_t cidrs_without(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret)
{
	size_t j = 0;

	*ret = (struct cidrs){};
	for (size_t i = 0; i < cidrs->count; i++) {
		while (j < change->count && compare(&change->items[j], &cidrs->items[i]) < 0)
			j++;
		if (j == change->count || compare(&change->items[j], &cidrs->items[i]))
			cidrs_add(ret, &cidrs->items[i]);
	}
	return cidrs->count - ret->count;
}

const char *cidr_fault(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[ADDR_TEXT_MAX] = "";
	struct addr addr;

	if (slash && (size_t)(slash - text) < sizeof(address))
		memcpy(address, text, slash - text);
	if (addr_parse(address, &addr))
		return "is no CIDR: write it like 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32";
	return "is no CIDR: its length is wrong, or bits are set beyond the length";
}

/* The line's CIDR, as text; "" when there is none. */
static char *line_cidr(char *line)
{
	char *text = line + strspn(line, BLANKS);

	text[strcspn(text, "#;")] = 0;
	for (size_t length = strlen(text); length && strchr(BLANKS, text[length - 1]); length--)
		text[length - 1] = 0;
	return text;
}

size_t cidrs_read(char *text, struct cidrs *ret,
                  void (*bad)(void *userdata, size_t line, const char *text, const char *fault), void *userdata)
{
	size_t number = 0, faults = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *cidr = line_cidr(line);
		struct prefix prefix;

		number++;
		if (!*cidr)
			continue;
		if (!prefix_parse(cidr, &prefix)) {
			cidrs_add(ret, &prefix);
			continue;
		}
		faults++;
		bad(userdata, number, cidr, cidr_fault(cidr));
	}
	return faults;
}

char *cidrs_write(const struct cidrs *cidrs, size_t *ret_size)
{
	char *text = xrealloc(NULL, cidrs->count * PREFIX_TEXT_MAX + 1), *at = text;

	for (size_t i = 0; i < cidrs->count; i++) {
		at = prefix_write(&cidrs->items[i], at);
		*at++ = '\n';
	}
	*at = '\0';
	*ret_size = at - text;
	return text;
}
