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

/* From `start` on: in strides that double, then by halves, so that what is near is found as quickly as by looking. */
static size_t place_from(const struct cidrs *cidrs, size_t start, const struct prefix *prefix)
{
	size_t stride = 1, end = start;

	while (end < cidrs->count && compare(&cidrs->items[end], prefix) < 0) {
		start = end + 1;
		end += stride;
		stride *= 2;
	}
	if (end > cidrs->count)
		end = cidrs->count;
	while (start < end) {
		size_t middle = start + (end - start) / 2;

		if (compare(&cidrs->items[middle], prefix) < 0)
			start = middle + 1;
		else
			end = middle;
	}
	return start;
}

static bool stands_at(const struct cidrs *cidrs, size_t place, const struct prefix *prefix)
{
	return place < cidrs->count && prefix_equal(&cidrs->items[place], prefix);
}

size_t cidrs_place(const struct cidrs *cidrs, const struct prefix *prefix)
{
	return place_from(cidrs, 0, prefix);
}

bool cidrs_has(const struct cidrs *cidrs, const struct prefix *prefix)
{
	return stands_at(cidrs, cidrs_place(cidrs, prefix), prefix);
}

static void add_span(struct cidrs *cidrs, const struct cidrs *from, size_t start, size_t end)
{
	if (start == end)
		return;
	memcpy(&cidrs->items[cidrs->count], &from->items[start], (end - start) * sizeof(*cidrs->items));
	cidrs->count += end - start;
}

static struct cidrs with_room(size_t room)
{
	return (struct cidrs){.items = xrealloc(NULL, (room + 1) * sizeof(struct prefix)), .room = room + 1};
}

size_t cidrs_with(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret)
{
	size_t copied = 0;

	*ret = with_room(cidrs->count + change->count);
	for (size_t j = 0; j < change->count; j++) {
		size_t place = place_from(cidrs, copied, &change->items[j]);

		add_span(ret, cidrs, copied, place);
		copied = place;
		if (!stands_at(cidrs, place, &change->items[j]))
			cidrs_add(ret, &change->items[j]);
	}
	add_span(ret, cidrs, copied, cidrs->count);
	return ret->count - cidrs->count;
}

size_t cidrs_without(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret)
{
	size_t copied = 0;

	*ret = with_room(cidrs->count);
	for (size_t j = 0; j < change->count; j++) {
		size_t place = place_from(cidrs, copied, &change->items[j]);

		add_span(ret, cidrs, copied, place);
		copied = place + stands_at(cidrs, place, &change->items[j]);
	}
	add_span(ret, cidrs, copied, cidrs->count);
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
