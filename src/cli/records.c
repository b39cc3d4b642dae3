/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The record starts here in the buffer, so that the event after its length is aligned. */
#define PAD            4
#define LENGTH_SIZE    sizeof(uint32_t)
#define HEADER_SIZE    (PAD + LENGTH_SIZE)
#define FIRST_CAPACITY 512

_Static_assert(HEADER_SIZE % _Alignof(struct event) == 0, "events in the buffer are aligned");

static void reserve(struct records *records, size_t capacity)
{
	if (capacity <= records->capacity)
		return;
	if (capacity < FIRST_CAPACITY)
		capacity = FIRST_CAPACITY;
	records->buffer = xrealloc(records->buffer, capacity);
	records->capacity = capacity;
}

/* Takes as many of the bytes as `until` (of the buffer) needs; true when it is full up to there. */
static bool fill(struct records *records, size_t until, const uint8_t **data, size_t *size)
{
	size_t missing = until - records->size, taken = missing < *size ? missing : *size;

	reserve(records, until);
	memcpy(records->buffer + records->size, *data, taken);
	records->size += taken;
	*data += taken;
	*size -= taken;
	return taken == missing;
}

/* The length is not trusted, nor is what the event says of its capture. */
static int take_record(struct records *records, size_t length, int (*each)(void *userdata, const struct event *event),
                       void *userdata)
{
	const struct event *event = (const struct event *)(records->buffer + HEADER_SIZE);

	records->size = PAD;
	return EVENT_SIZE(event->captured) > length ? -EPROTO : each(userdata, event);
}

int records_feed(struct records *records, const void *data, size_t size,
                 int (*each)(void *userdata, const struct event *event), void *userdata)
{
	const uint8_t *at = data;

	if (!records->size)
		records->size = PAD;
	for (;;) {
		uint32_t length;
		int r;

		if (records->size < HEADER_SIZE && !fill(records, HEADER_SIZE, &at, &size))
			return 0;
		memcpy(&length, records->buffer + PAD, sizeof(length));
		if (length < EVENT_SIZE(0) || length > RECORD_MAX)
			return -EPROTO;
		if (!fill(records, HEADER_SIZE + length, &at, &size))
			return 0;
		r = take_record(records, length, each, userdata);
		if (r)
			return r;
	}
}

void records_clear(struct records *records)
{
	free(records->buffer);
	*records = (struct records){};
}
