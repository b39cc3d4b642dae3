/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"

struct service {
	uv_timer_t timer;
};

static void send_to(const char *path, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t length = strlen(path);

	if (length >= sizeof(address.sun_path)) {
		log_debug("NOTIFY_SOCKET is too long: %s", path);
		return;
	}
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') /* an abstract one */
		address.sun_path[0] = '\0';
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
	                     offsetof(struct sockaddr_un, sun_path) + length) < 0)
		log_debug("cannot tell the service manager %s: %s", text, strerror(errno));
}

void service_tell(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	va_list arguments;
	char text[512];

	if (!path || (path[0] != '/' && path[0] != '@'))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	send_to(path, text);
}

/* Half of the time after which the watchdog bites; 0: there is none, or it is for another process. */
static uint64_t watchdog_period_ms(void)
{
	const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!period || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(period, NULL, 10) / 1000 / 2;
}

static void feed_watchdog(uv_timer_t *timer)
{
	service_tell("WATCHDOG=1");
}

struct service *service_new(uv_loop_t *loop)
{
	struct service *service = xnew(struct service);
	uint64_t period = watchdog_period_ms();

	uv_timer_init(loop, &service->timer);
	if (period)
		uv_timer_start(&service->timer, feed_watchdog, period, period);
	return service;
}

static void timer_closed(uv_handle_t *timer)
{
	free(timer); /* the first member */
}

void service_free(struct service *service)
{
	if (service)
		uv_close((uv_handle_t *)&service->timer, timer_closed);
}
