/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager hears of the agent, where one listens: systemd's protocol, sd_notify(3) and
 * sd_watchdog_enabled(3), which is datagrams of VARIABLE=value lines to the socket $NOTIFY_SOCKET. systemd asks for own
 * implementations rather than a dependency on its library.
 */
#ifndef PILUS_AGENT_SERVICE_H
#define PILUS_AGENT_SERVICE_H

#include <uv.h>

/* "READY=1". Nobody listening is fine. */
void service_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct service;

/* Tells the watchdog, if there is one, that the loop runs. The memory goes when the loop has closed the timer. */
struct service *service_new(uv_loop_t *loop);
void service_free(struct service *service);

#endif
