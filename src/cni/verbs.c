/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs: each one or two requests to the agent (docs/api.md), and its answer in the runtime's words.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cni/cni.h"
#include "http/client.h"

/* What the agent's answer means to a runtime. */
static int code_of(int result)
{
	switch (result) {
	case 0:
		return 0;
	case -EINVAL:
		return CNI_INVALID_CONFIG;
	case -ENOENT:
		return CNI_UNKNOWN_CONTAINER;
	case -EACCES:
		return CNI_IO_FAILURE;
	case -EAGAIN:
	case -ECONNREFUSED:
	case -EIO:
	case -ETIMEDOUT:
		return CNI_TRY_AGAIN;
	default:
		return CNI_REFUSED;
	}
}

static int ask(const struct cni_config *config, const char *method, const char *path, json_t *body, json_t **ret_answer,
               struct error *error)
{
	return code_of(http_request(config->socket, method, path, body, ret_answer, error));
}

/* Not said is not true: a pod gets what the node has, and true insists. */
static void add_families(const struct cni_config *config, json_t *request)
{
	static const char *const names[] = {"ipv4", "ipv6"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		json_object_set(request, names[i], json_object_get(config->json, names[i]));
}

/* The body of PUT and check. */
static json_t *endpoint_request(const struct cni_config *config, const struct cni_environment *environment)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:O, s:O}", "container", environment->container, "interface",
	                            environment->interface, "netns", environment->netns, "network", config->network,
	                            "labels", config->labels, "ports", config->ports);

	add_families(config, request);
	if (environment->pod)
		json_object_set_new(request, "pod", json_string(environment->pod));
	if (environment->namespace)
		json_object_set_new(request, "namespace", json_string(environment->namespace));
	if (json_array_size(config->port_mappings))
		json_object_set(request, "port-mappings", config->port_mappings);
	if (config->mtu)
		json_object_set_new(request, "mtu", json_integer(config->mtu));
	return request;
}

static char *endpoint_path(const struct cni_environment *environment)
{
	_cleanup_free_ char *container = http_escape(environment->container);
	_cleanup_free_ char *interface = http_escape(environment->interface);

	return xasprintf("/v1/endpoints/by-container/%s/%s", container, interface);
}

static int check_netns(const char *netns, struct error *error)
{
	if (access(netns, F_OK) < 0)
		return cni_fail(error, CNI_INVALID_ENVIRONMENT, "CNI_NETNS is %s, and there is no such file", netns);
	if (cni_netns_is_ours(netns))
		return cni_fail(error, CNI_INVALID_ENVIRONMENT, "CNI_NETNS is %s: that is the host's, not a pod's",
		                netns);
	return 0;
}

static int add(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
               struct error *error)
{
	json_auto_t *request = endpoint_request(config, environment), *endpoint = NULL;
	int code = check_netns(environment->netns, error);

	if (!code)
		code = ask(config, "PUT", "/v1/endpoints", request, &endpoint, error);
	return code ?: cni_result(config, environment, endpoint, ret_output, error);
}

/* Without an agent the wire goes all the same; the agent forgets the endpoint when it is back. */
static int delete(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
                  struct error *error)
{
	_cleanup_free_ char *path = endpoint_path(environment);
	int result = http_request(config->socket, "DELETE", path, NULL, NULL, error);

	if (result < 0 && result != -ECONNREFUSED && result != -ENOENT)
		return code_of(result);
	return cni_detach(config, environment, error);
}

static int check(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
                 struct error *error)
{
	json_auto_t *request = endpoint_request(config, environment), *endpoint = NULL;
	_cleanup_free_ char *path = endpoint_path(environment);
	int code;

	if (!config->previous)
		return cni_fail(error, CNI_INVALID_CONFIG, "CHECK needs prevResult in the network configuration");
	code = ask(config, "GET", path, NULL, &endpoint, error);
	if (!code)
		code = cni_result_check(config, environment, endpoint, error);
	return code ?: ask(config, "POST", "/v1/endpoints/check", request, NULL, error);
}

static int collect(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
                   struct error *error)
{
	json_auto_t *valid = NULL, *request = NULL;
	int code = cni_config_attachments(config, &valid, error);

	if (code)
		return code;
	request = json_pack("{s:s, s:O}", "network", config->network, "valid", valid);
	return ask(config, "POST", "/v1/endpoints/gc", request, NULL, error);
}

/* "Warning" still takes pods: a node must not be taken out of service because its store has hiccups. */
static int status(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
                  struct error *error)
{
	json_auto_t *answer = NULL;
	const char *state, *message;

	if (ask(config, "GET", "/v1/status", NULL, &answer, error))
		return CNI_NOT_AVAILABLE;
	state = json_string_value(json_object_get(answer, "state"));
	message = json_string_value(json_object_get(answer, "message"));
	if (state && (!strcmp(state, "Ok") || !strcmp(state, "Warning")))
		return 0;
	return cni_fail(error, CNI_NOT_AVAILABLE, "the agent is not ready: %s: %s",
	                state ?: "it does not say its state", message ?: "it gives no reason");
}

static const struct cni_verb verbs[] = {
	{"ADD", NEED_CONTAINER | NEED_INTERFACE | NEED_NETNS, CNI_0_3_0, add},
	{"DEL", NEED_CONTAINER | NEED_INTERFACE, CNI_0_3_0, delete},
	{"CHECK", NEED_CONTAINER | NEED_INTERFACE | NEED_NETNS, CNI_0_4_0, check},
	{"GC", 0, CNI_1_1_0, collect},
	{"STATUS", 0, CNI_1_1_0, status},
};

const struct cni_verb *cni_verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}
