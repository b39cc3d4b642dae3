/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of slots that a connection draws its backend from: by chance, where a backend has as many slots as it has
 * weight; or by the connection's hash (Maglev), where the table's size is a prime and backends that come or go move
 * hardly any slot of the others, on every node alike.
 *
 * The latter after D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
 * section 3.4.
 */
#ifndef PILUS_SERVICE_SLOTS_H
#define PILUS_SERVICE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/service.h"

/* A table that is drawn from by chance is no longer: weights are rounded to fit. */
#define SLOTS_RANDOM_MAX 16384

/* Primes, each about twice the one before: at least a hundred for each backend spread evenly. */
#define MAGLEV_SIZES(X) X(251) X(509) X(1021) X(2039) X(4093) X(8191) X(16381) X(32749) X(65521) X(131071)

bool maglev_size_is_valid(uint32_t size);

/* Each slot is the index of a backend. The caller frees *ret. Returns how many there are: 0 of no backends. */
uint32_t slots_random(const struct candidate *backends, size_t count, uint32_t **ret);
uint32_t slots_maglev(const struct candidate *backends, size_t count, uint32_t size, uint32_t **ret);

#endif
