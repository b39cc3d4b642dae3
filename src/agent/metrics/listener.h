/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Prometheus asks: a TCP socket, only when the configuration names one.
 */
#ifndef PILUS_AGENT_METRICS_LISTENER_H
#define PILUS_AGENT_METRICS_LISTENER_H

#include "base/error.h"

/* ":9962" (every address of the node), "10.0.0.1:9962", "[fd00::1]:9962": −EINVAL with words when it is none of these.
 */
int metrics_address_check(const char *text, struct error *error);

/* A socket that listens there. */
int metrics_listen(const char *text, int *ret, struct error *error);

#endif
