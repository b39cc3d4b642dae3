/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods by their network namespace.
 */
#include "runtime/pods.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/client.h"

struct pod {
	uint32_t netns;
	char *name;
};

struct pods {
	char *socket;
	struct pod *list;
	size_t count;
	uint64_t asked;
	uint32_t own_netns;
};

static uint32_t inode(const char *path)
{
	struct stat status;

	return path && !stat(path, &status) ? status.st_ino : 0;
}

static void forget(struct pods *pods)
{
	for (size_t i = 0; i < pods->count; i++)
		free(pods->list[i].name);
	free(pods->list);
	pods->list = NULL;
	pods->count = 0;
}

static void add(struct pods *pods, const json_t *endpoint)
{
	const char *pod = json_string_value(json_object_get(endpoint, "pod"));
	const char *namespace = json_string_value(json_object_get(endpoint, "namespace"));
	uint32_t netns = inode(json_string_value(json_object_get(endpoint, "netns")));

	if (!pod || !netns)
		return;
	pods->list = xrealloc(pods->list, (pods->count + 1) * sizeof(*pods->list));
	pods->list[pods->count++] = (struct pod){
		.netns = netns,
		.name = namespace ? xasprintf("%s/%s", namespace, pod) : xstrdup(pod),
	};
}

/* What was known stays when the agent does not answer. */
static int ask(struct pods *pods)
{
	json_auto_t *endpoints = NULL;
	const json_t *endpoint;
	size_t i;
	int r = http_request(pods->socket, "GET", "/v1/endpoints", NULL, &endpoints, NULL);

	pods->asked = clock_now();
	if (r < 0)
		return r;
	forget(pods);
	json_array_foreach (endpoints, i, endpoint)
		add(pods, endpoint);
	return 0;
}

struct pods *pods_new(const char *socket)
{
	struct pods *pods = xnew(struct pods);

	pods->socket = xstrdup(socket);
	pods->own_netns = inode("/proc/self/ns/net");
	if (!ask(pods))
		return pods;
	pods_free(pods);
	return NULL;
}

void pods_free(struct pods *pods)
{
	if (!pods)
		return;
	forget(pods);
	free(pods->socket);
	free(pods);
}

static const struct pod *find(const struct pods *pods, uint32_t netns)
{
	for (size_t i = 0; i < pods->count; i++)
		if (pods->list[i].netns == netns)
			return &pods->list[i];
	return NULL;
}

const char *pods_name(struct pods *pods, uint32_t netns)
{
	const struct pod *pod;

	if (!netns || netns == pods->own_netns)
		return "-";
	pod = find(pods, netns);
	if (!pod && clock_now() - pods->asked > NS_PER_SECOND && !ask(pods))
		pod = find(pods, netns);
	return pod ? pod->name : "-";
}

static bool is_called(const char *pod, const char *name)
{
	const char *slash = strchr(pod, '/');

	return !strcmp(pod, name) || (slash && !strcmp(slash + 1, name));
}

int pods_find(struct pods *pods, const char *name, uint32_t *ret_netns, struct error *error)
{
	if (!pods)
		return error_set(error, -ECONNREFUSED, "no agent answers, and only it knows where the pod '%s' is",
		                 name);
	for (size_t i = 0; i < pods->count; i++)
		if (is_called(pods->list[i].name, name)) {
			*ret_netns = pods->list[i].netns;
			return 0;
		}
	return error_set(error, -ENOENT, "the agent of this node has no pod '%s'", name);
}
