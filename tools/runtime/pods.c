/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods by their network namespace: as the agent tells them, or, where none answers, as the container runtime's files
 * do.
 */
#include "runtime/pods.h"

#include <errno.h>
#include <glob.h>
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
	char *socket; /* NULL: no agent answers */
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

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void add(struct pods *pods, const char *namespace, const char *pod, const char *path)
{
	uint32_t netns = inode(path);

	if (!pod || !netns)
		return;
	pods->list = xrealloc(pods->list, (pods->count + 1) * sizeof(*pods->list));
	pods->list[pods->count++] = (struct pod){
		.netns = netns,
		.name = namespace ? xasprintf("%s/%s", namespace, pod) : xstrdup(pod),
	};
}

/* ── the agent ── */

/* What was known stays when the agent does not answer. */
static int ask_agent(struct pods *pods)
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
		add(pods, text(endpoint, "namespace"), text(endpoint, "pod"), text(endpoint, "netns"));
	return 0;
}

/* ── container runtimes ── */

/* Each container has a folder, in it what it was made of (config.json of the OCI's runtime specification), in that a
 * network namespace, and annotations that say whose it is. */
static const struct runtime {
	const char *configs, *namespace, *pod;
} RUNTIMES[] = {
	{"/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json", "io.kubernetes.cri.sandbox-namespace",
         "io.kubernetes.cri.sandbox-name"},
	{"/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json",
         "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name"},
	{"/run/containers/storage/overlay-containers/*/userdata/config.json", "io.kubernetes.pod.namespace",
         "io.kubernetes.pod.name"},
};

/* NULL: the host's. */
static const char *netns_of(const json_t *config)
{
	const json_t *namespaces = json_object_get(json_object_get(config, "linux"), "namespaces"), *one;
	size_t i;

	json_array_foreach (namespaces, i, one)
		if (!strcmp(text(one, "type") ?: "", "network"))
			return text(one, "path");
	return NULL;
}

static void read_container(struct pods *pods, const struct runtime *runtime, const char *path)
{
	json_auto_t *config = json_load_file(path, 0, NULL);
	const json_t *annotations = json_object_get(config, "annotations");

	add(pods, text(annotations, runtime->namespace), text(annotations, runtime->pod), netns_of(config));
}

static int read_runtimes(struct pods *pods)
{
	glob_t paths;

	pods->asked = clock_now();
	forget(pods);
	for (size_t i = 0; i < sizeof(RUNTIMES) / sizeof(*RUNTIMES); i++) {
		if (glob(RUNTIMES[i].configs, 0, NULL, &paths))
			continue;
		for (size_t each = 0; each < paths.gl_pathc; each++)
			read_container(pods, &RUNTIMES[i], paths.gl_pathv[each]);
		globfree(&paths);
	}
	return pods->count ? 0 : -ENOENT;
}

/* ── both ── */

static int ask(struct pods *pods)
{
	return pods->socket ? ask_agent(pods) : read_runtimes(pods);
}

struct pods *pods_new(const char *socket)
{
	struct pods *pods = xnew(struct pods);

	pods->socket = xstrdup(socket);
	pods->own_netns = inode("/proc/self/ns/net");
	if (!ask(pods))
		return pods;
	free(TAKE_PTR(pods->socket));
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
		return error_set(error, -ECONNREFUSED,
		                 "neither an agent nor a container runtime is here that knows where the pod '%s' is",
		                 name);
	for (size_t i = 0; i < pods->count; i++)
		if (is_called(pods->list[i].name, name)) {
			*ret_netns = pods->list[i].netns;
			return 0;
		}
	return error_set(error, -ENOENT, "this node has no pod '%s'", name);
}
