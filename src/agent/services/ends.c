/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/services/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/sockets.h"

#define GATHER_MS 50

/* A socket, and what it was told. */
struct told {
	uint64_t cookie;
	struct addr addr;
	uint16_t port;
};

/* On a thread of the pool: nothing here is the loop's. */
struct job {
	uv_work_t request;
	const struct maps *maps;
	uint32_t *backends; /* ids */
	size_t backend_count;
	char **namespaces;
	size_t namespace_count;
	struct told *told;
	size_t told_count, told_room;
	size_t ended;
	struct error error;
};

struct ends {
	const struct maps *maps;
	ends_namespaces namespaces;
	void *userdata;
	uint32_t *backends; /* gone, and not looked for yet */
	size_t count;
	uv_timer_t timer;
};

/* ── who was told ── */

static int compare_ids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static bool is_gone(const struct job *job, uint32_t backend)
{
	return bsearch(&backend, job->backends, job->backend_count, sizeof(backend), compare_ids);
}

static int note_told(const struct socket_peer_key *key, const struct socket_peer *peer, void *userdata)
{
	struct job *job = userdata;

	if (key->side != SOCKET_TOLD || !is_gone(job, peer->backend))
		return 0;
	if (job->told_count == job->told_room)
		job->told = xrealloc(job->told, (job->told_room = job->told_room * 2 + 16) * sizeof(*job->told));
	job->told[job->told_count++] =
		(struct told){.cookie = key->cookie, .addr = key->addr, .port = ntohs(key->port)};
	return 0;
}

static int compare_told(const void *a, const void *b)
{
	const struct told *left = a, *right = b;

	if (left->cookie != right->cookie)
		return left->cookie < right->cookie ? -1 : 1;
	return left->port != right->port ? left->port - right->port : addr_compare(&left->addr, &right->addr);
}

static bool was_told(const struct socket_info *socket, void *userdata)
{
	const struct job *job = userdata;
	const struct told told = {.cookie = socket->cookie, .addr = socket->peer, .port = socket->peer_port};

	return bsearch(&told, job->told, job->told_count, sizeof(told), compare_told);
}

/* ── the work ── */

/* A pod that leaves meanwhile takes its sockets with it. */
static void end_in(struct job *job, const char *netns)
{
	struct error error = {};
	size_t ended = 0;
	int r = sockets_end(netns, was_told, job, &ended, &error);

	if (r && (!netns || r != -ENOENT))
		job->error = error;
	job->ended += ended;
}

static void work(uv_work_t *request)
{
	struct job *job = request->data;
	int r;

	qsort(job->backends, job->backend_count, sizeof(*job->backends), compare_ids);
	r = socket_peer_each(job->maps, note_told, job);
	if (r)
		error_set_errno(&job->error, r, "cannot read what sockets were told");
	if (!job->told_count)
		return;
	qsort(job->told, job->told_count, sizeof(*job->told), compare_told);
	end_in(job, NULL);
	for (size_t i = 0; i < job->namespace_count; i++)
		end_in(job, job->namespaces[i]);
}

static void job_free(struct job *job)
{
	for (size_t i = 0; i < job->namespace_count; i++)
		free(job->namespaces[i]);
	free(job->namespaces);
	free(job->backends);
	free(job->told);
	free(job);
}

static void work_done(uv_work_t *request, int status)
{
	struct job *job = request->data;

	if (job->error.code)
		log_warning("services: connections to backends that are gone go on: %s", job->error.message);
	if (job->ended)
		log_info("services: ended %zu connections to backends that are gone", job->ended);
	job_free(job);
}

static void note_namespace(void *context, const char *netns)
{
	struct job *job = context;

	job->namespaces = xrealloc(job->namespaces, (job->namespace_count + 1) * sizeof(*job->namespaces));
	job->namespaces[job->namespace_count++] = xstrdup(netns);
}

static void timer_due(uv_timer_t *timer)
{
	struct ends *ends = timer->data;
	struct job *job = xnew(struct job);

	job->request.data = job;
	job->maps = ends->maps;
	job->backends = TAKE_PTR(ends->backends);
	job->backend_count = ends->count;
	ends->count = 0;
	ends->namespaces(ends->userdata, note_namespace, job);
	uv_queue_work(timer->loop, &job->request, work, work_done);
}

/* ── the whole ── */

void ends_add(struct ends *ends, uint32_t backend)
{
	ends->backends = xrealloc(ends->backends, (ends->count + 1) * sizeof(*ends->backends));
	ends->backends[ends->count++] = backend;
	if (!uv_is_active((uv_handle_t *)&ends->timer))
		uv_timer_start(&ends->timer, timer_due, GATHER_MS, 0);
}

struct ends *ends_new(uv_loop_t *loop, const struct maps *maps, ends_namespaces namespaces, void *userdata)
{
	struct ends *ends = xnew(struct ends);

	ends->maps = maps;
	ends->namespaces = namespaces;
	ends->userdata = userdata;
	uv_timer_init(loop, &ends->timer);
	ends->timer.data = ends;
	return ends;
}

static void timer_closed(uv_handle_t *handle)
{
	struct ends *ends = handle->data;

	free(ends->backends);
	free(ends);
}

void ends_free(struct ends *ends)
{
	if (ends)
		uv_close((uv_handle_t *)&ends->timer, timer_closed);
}
