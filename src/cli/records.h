/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor stream put together again: pieces of any size in, whole records out (docs/api.md: 32-bit length in host
 * order, then a struct event cut to its capture).
 */
#ifndef PILUS_CLI_RECORDS_H
#define PILUS_CLI_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "abi/event.h"

/* Longer than any record: a stream that announces more is broken. */
#define RECORD_MAX (1u << 20)

struct records {
	uint8_t *buffer; /* of a record not yet whole */
	size_t size, capacity;
};

/*
 * Calls `each` for every record that is now whole; event->captured bytes of event->frame may be read, and the record is
 * aligned. Returns 0, what `each` returned if not 0, or -EPROTO for a broken stream.
 */
int records_feed(struct records *records, const void *data, size_t size,
                 int (*each)(void *userdata, const struct event *event), void *userdata);
void records_clear(struct records *records);

#endif
