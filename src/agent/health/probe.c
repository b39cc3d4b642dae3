/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A probe is a connected socket, watched, and a timer: the next echo, or the end of patience. The echo goes by a raw
 * socket, as the kernel's own for pings are closed to most by default; connected, it hears of its target only, and what
 * routers say of it as errors.
 */
#include "agent/health/probe.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#define HTTP_REQUEST "GET /hello HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n"
#define HTTP_GOOD    "HTTP/1.1 200 "
#define PACKET_MAX   256

struct probe {
	enum probe_kind kind;
	bool v4;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	uint16_t echo_id;
	unsigned sent; /* echoes */
	uint64_t sent_at[PROBE_ATTEMPTS];
	char heard[sizeof(HTTP_GOOD)]; /* of HTTP */
	size_t heard_size;
	int trouble; /* −errno from the start */
	void (*done)(void *userdata, const struct probe_answer *answer);
	void *userdata;
};

/* ── the end ── */

static void handle_closed(uv_handle_t *handle)
{
	struct probe *probe = handle->data;

	if (--probe->open_handles)
		return;
	if (probe->fd >= 0)
		close(probe->fd);
	free(probe);
}

void probe_cancel(struct probe *probe)
{
	if (!probe)
		return;
	if (probe->open_handles == 2)
		uv_close((uv_handle_t *)&probe->poll, handle_closed);
	uv_close((uv_handle_t *)&probe->timer, handle_closed);
}

static void end(struct probe *probe, const struct probe_answer *answer)
{
	probe_cancel(probe);
	probe->done(probe->userdata, answer);
}

static void succeed(struct probe *probe, uint64_t since)
{
	const struct probe_answer answer = {.rtt = clock_now() - since,
	                                    .lost = probe->kind == PROBE_ICMP ? probe->sent - 1 : 0};

	end(probe, &answer);
}

static void fail(struct probe *probe, int result)
{
	struct probe_answer answer = {.lost = probe->sent};

	error_set(&answer.error, result, "%s", strerror(-result));
	end(probe, &answer);
}

/* ── ICMP ── */

/* RFC 1071. Of ICMPv6 the kernel computes it. */
static uint16_t checksum(const struct icmphdr *header)
{
	uint16_t words[sizeof(*header) / 2];
	uint32_t sum = 0;

	memcpy(words, header, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

static int echo_send(struct probe *probe)
{
	struct icmphdr echo = {.type = probe->v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST};

	echo.un.echo.id = probe->echo_id;
	echo.un.echo.sequence = htons(probe->sent);
	if (probe->v4)
		echo.checksum = checksum(&echo);
	probe->sent_at[probe->sent++] = clock_now();
	return send(probe->fd, &echo, sizeof(echo), 0) < 0 ? -errno : 0;
}

/* Which of our echoes the packet answers: -1 for none. Of IPv4, the raw socket gives the IP header too. */
static int echo_answered(const struct probe *probe, const uint8_t *packet, size_t size)
{
	size_t skip = probe->v4 && size ? (packet[0] & 0x0f) * 4 : 0;
	struct icmphdr echo;
	unsigned sequence;

	if (size < skip + sizeof(echo))
		return -1;
	memcpy(&echo, packet + skip, sizeof(echo));
	sequence = ntohs(echo.un.echo.sequence);
	if (echo.type != (probe->v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) || echo.un.echo.id != probe->echo_id ||
	    sequence >= probe->sent)
		return -1;
	return (int)sequence;
}

static void echo_readable(struct probe *probe)
{
	uint8_t packet[PACKET_MAX];
	ssize_t size = recv(probe->fd, packet, sizeof(packet), 0);
	int sequence;

	if (size < 0) {
		if (errno != EAGAIN)
			fail(probe, -errno);
		return;
	}
	sequence = echo_answered(probe, packet, (size_t)size);
	if (sequence >= 0)
		succeed(probe, probe->sent_at[sequence]);
}

/* ── HTTP ── */

static void http_writable(struct probe *probe)
{
	if (send(probe->fd, HTTP_REQUEST, strlen(HTTP_REQUEST), MSG_NOSIGNAL) < 0)
		fail(probe, -errno);
}

static void http_refused(struct probe *probe)
{
	struct probe_answer answer = {};

	error_set(&answer.error, -EPROTO, "Answered with something else than HTTP status 200");
	end(probe, &answer);
}

static void http_readable(struct probe *probe)
{
	ssize_t size = recv(probe->fd, probe->heard + probe->heard_size, strlen(HTTP_GOOD) - probe->heard_size, 0);

	if (size < 0) {
		if (errno != EAGAIN)
			fail(probe, -errno);
		return;
	}
	probe->heard_size += (size_t)size;
	if (!size || strncmp(probe->heard, HTTP_GOOD, probe->heard_size))
		http_refused(probe);
	else if (probe->heard_size == strlen(HTTP_GOOD))
		succeed(probe, probe->sent_at[0]);
}

/* ── the loop ── */

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct probe *probe = poll->data;
	socklen_t size = sizeof(int);
	int error = 0;

	getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error || status) {
		fail(probe, error ? -error : status);
	} else if (probe->kind == PROBE_ICMP) {
		echo_readable(probe);
	} else if (events & UV_WRITABLE) {
		uv_poll_start(poll, UV_READABLE, on_event);
		http_writable(probe);
	} else {
		http_readable(probe);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	int result;

	if (probe->trouble || probe->kind == PROBE_HTTP || probe->sent == PROBE_ATTEMPTS) {
		fail(probe, probe->trouble ?: -ETIMEDOUT);
		return;
	}
	result = echo_send(probe);
	if (result)
		fail(probe, result);
}

/* ── the beginning ── */

static int open_socket(const struct probe *probe)
{
	int family = probe->v4 ? AF_INET : AF_INET6, flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (probe->kind == PROBE_HTTP)
		return socket(family, SOCK_STREAM | flags, 0);
	return socket(family, SOCK_RAW | flags, probe->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Requests and errors of others shall not wake us. */
static int take_replies_only(const struct probe *probe)
{
	const struct icmp_filter v4 = {.data = ~(1u << ICMP_ECHOREPLY)};
	struct icmp6_filter v6;

	if (probe->v4)
		return setsockopt(probe->fd, SOL_RAW, ICMP_FILTER, &v4, sizeof(v4));
	ICMP6_FILTER_SETBLOCKALL(&v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &v6);
	return setsockopt(probe->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6, sizeof(v6));
}

static int connect_to(const struct probe *probe, const struct probe_target *target)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	int result;

	if (probe->kind == PROBE_HTTP)
		v4.sin_port = v6.sin6_port = htons(target->port);
	memcpy(&v4.sin_addr, &target->addr.byte[12], sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, target->addr.byte, sizeof(v6.sin6_addr));
	if (probe->v4)
		result = connect(probe->fd, (const struct sockaddr *)&v4, sizeof(v4));
	else
		result = connect(probe->fd, (const struct sockaddr *)&v6, sizeof(v6));
	return result && errno != EINPROGRESS ? -errno : 0;
}

static int begin(struct probe *probe, const struct probe_target *target)
{
	int result;

	probe->fd = open_socket(probe);
	if (probe->fd < 0 || (probe->kind == PROBE_ICMP && take_replies_only(probe)))
		return -errno;
	result = connect_to(probe, target);
	if (!result && probe->kind == PROBE_ICMP)
		result = echo_send(probe);
	return result;
}

struct probe *probe_start(uv_loop_t *loop, const struct probe_target *target,
                          void (*done)(void *userdata, const struct probe_answer *answer), void *userdata)
{
	unsigned period = target->kind == PROBE_ICMP ? PROBE_TIMEOUT_MS / PROBE_ATTEMPTS : PROBE_TIMEOUT_MS;
	struct probe *probe = xnew(struct probe);

	probe->kind = target->kind;
	probe->v4 = addr_is_v4(&target->addr);
	probe->done = done;
	probe->userdata = userdata;
	probe->sent_at[0] = clock_now();
	getrandom(&probe->echo_id, sizeof(probe->echo_id), 0);
	probe->trouble = begin(probe, target);
	probe->poll.data = probe->timer.data = probe;
	probe->open_handles = 1;
	uv_timer_init(loop, &probe->timer);
	uv_timer_start(&probe->timer, on_timer, probe->trouble ? 0 : period, period);
	if (probe->trouble)
		return probe;
	probe->open_handles = 2;
	uv_poll_init(loop, &probe->poll, probe->fd);
	uv_poll_start(&probe->poll, probe->kind == PROBE_ICMP ? UV_READABLE : UV_WRITABLE, on_event);
	return probe;
}
