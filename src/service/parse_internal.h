/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of the kinds share.
 */
#ifndef PILUS_SERVICE_PARSE_INTERNAL_H
#define PILUS_SERVICE_PARSE_INTERNAL_H

#include "service/field.h"
#include "service/service.h"

/* Appends a zeroed element to an array of the type. */
void *array_append(void *array, size_t *count, size_t size);
#define APPEND(array, count) ((__typeof__(array))array_append(&(array), &(count), sizeof(*(array))))

/* "TCP", "UDP", "SCTP"; TCP where nothing is said. */
uint8_t read_protocol(const struct field *object);

/* Refuses an object of another kind, version or name. */
void check_identity(const struct field *object, const char *version, const char *kind, const char *name);

/* Of an endpoint: what its node and zone are to the viewer. */
uint8_t read_place(const struct field *node, const struct field *zone, const struct addr *addr,
                   const struct service_viewer *viewer);

/* Of a service: CIDRs. */
void read_ranges(const struct field *list, struct service_spec *service);

#endif
