/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of the API, and from requests to the parts of the agent and back.
 */
#include "agent/api.h"

#include <errno.h>
#include <stdlib.h>

#include "abi/endpoint.h"
#include "agent/metrics/exposition.h"

#define WAIT_SECONDS_MAX 86400

static unsigned status_of(int result)
{
	switch (result) {
	case -EINVAL:
	case -E2BIG:
		return 400;
	case -ENOENT:
		return 404;
	case -EEXIST:
	case -EPERM:
	case -EBUSY:
		return 409;
	case -EAGAIN:
	case -ENOSPC:
	case -ETIMEDOUT:
		return 503;
	default:
		return 500;
	}
}

static void reply_failure(struct http_exchange *exchange, int result, const struct error *error)
{
	http_reply_error(exchange, status_of(result), error->message);
}

/* 404 where there is nothing. */
static void reply_found(struct http_exchange *exchange, json_t *found, const char *what)
{
	if (found)
		http_reply_json(exchange, 200, found);
	else
		http_reply_error(exchange, 404, what);
}

/* What needs endpoints has to wait until they are restored. */
static bool is_ready(struct http_exchange *exchange, const struct agent *agent)
{
	struct error error;

	if (agent->ready)
		return true;
	error_set(&error, -EAGAIN, "the agent is starting%s%s: try again later", agent->trouble.code ? ": " : "",
	          agent->trouble.code ? agent->trouble.message : "");
	reply_failure(exchange, -EAGAIN, &error);
	return false;
}

/* False when the maps could not be walked: then that is answered. */
static bool maps_walked(struct http_exchange *exchange, const struct map_answer *answer)
{
	struct error error;

	if (!answer->result)
		return true;
	error_set_errno(&error, answer->result, "cannot walk the maps");
	reply_failure(exchange, answer->result, &error);
	return false;
}

static void status_counted(void *owner, void *asker, const struct map_answer *answer)
{
	if (maps_walked(asker, answer))
		http_reply_json(asker, 200, agent_status(owner, answer->facts));
}

static void get_status(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	map_work_count(agent->map_work, status_counted, userdata, exchange);
}

static void get_config(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	http_reply_json(exchange, 200, config_to_json(agent->config));
}

static void get_endpoints(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, endpoints_to_json(agent->endpoints));
}

/* An id that is no number is one that does not exist. */
static uint16_t endpoint_id(const struct http_exchange *exchange)
{
	const char *text = http_exchange_parameter(exchange, "id");
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && id <= ENDPOINT_ID_MAX ? id : UINT16_MAX;
}

static void get_endpoint(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		reply_found(exchange, endpoint_to_json(agent->endpoints, endpoint_id(exchange)),
		            "there is no endpoint of that id");
}

static void put_endpoint_labels(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct error error = {};
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = endpoint_relabel(agent->endpoints, endpoint_id(exchange), http_exchange_body(exchange), &error);
	if (result)
		reply_failure(exchange, result, &error);
	else
		http_reply_json(exchange, 200, endpoint_to_json(agent->endpoints, endpoint_id(exchange)));
}

static void put_endpoint_config(struct http_exchange *exchange, void *userdata)
{
	const json_t *audit = json_object_get(http_exchange_body(exchange), "policy-audit-mode");
	const struct agent *agent = userdata;
	struct error error = {};
	int result;

	if (!is_ready(exchange, agent))
		return;
	if (!json_is_boolean(audit) || json_object_size(http_exchange_body(exchange)) != 1) {
		http_reply_error(exchange, 400,
		                 "an endpoint's configuration is {\"policy-audit-mode\": true or false}");
		return;
	}
	result = endpoint_set_audit(agent->endpoints, endpoint_id(exchange), json_is_true(audit), &error);
	if (result)
		reply_failure(exchange, result, &error);
	else
		http_reply_json(exchange, 200, endpoint_to_json(agent->endpoints, endpoint_id(exchange)));
}

static void get_endpoint_log(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		reply_found(exchange, endpoint_log_to_json(agent->endpoints, endpoint_id(exchange)),
		            "there is no endpoint of that id");
}

static void get_endpoint_health(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		reply_found(exchange, endpoint_health_to_json(agent->endpoints, endpoint_id(exchange)),
		            "there is no endpoint of that id");
}

static void created(void *userdata, json_t *endpoint, bool is_new, int result, const struct error *error)
{
	struct http_exchange *exchange = userdata;

	if (endpoint)
		http_reply_json(exchange, is_new ? 201 : 200, json_incref(endpoint));
	else
		reply_failure(exchange, result, error);
}

static void put_endpoint(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		endpoint_create(agent->endpoints, http_exchange_body(exchange), created, exchange);
}

static void get_by_container(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		reply_found(exchange,
		            endpoint_find(agent->endpoints, http_exchange_parameter(exchange, "container"),
		                          http_exchange_parameter(exchange, "interface")),
		            "there is no endpoint of that container and interface");
}

static void delete_by_container(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct error error = {};
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = endpoint_delete(agent->endpoints, http_exchange_parameter(exchange, "container"),
	                         http_exchange_parameter(exchange, "interface"), &error);
	if (result)
		http_reply_error(exchange, 500, error.message);
	else
		http_reply_json(exchange, 200, NULL);
}

static void check_endpoint(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct error error = {};
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = endpoint_check(agent->endpoints, http_exchange_body(exchange), &error);
	if (result)
		reply_failure(exchange, result, &error);
	else
		http_reply_json(exchange, 200, NULL);
}

static void collect_endpoints(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct error error = {};
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = endpoints_collect(agent->endpoints, http_exchange_body(exchange), &error);
	if (result < 0)
		reply_failure(exchange, result, &error);
	else
		http_reply_json(exchange, 200, json_pack("{s:i}", "removed", result));
}

static void get_identities(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, identities_to_json(agent->identities));
}

static void get_ips(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, ipcache_to_json(agent->ipcache));
}

/* Whether this node serves any, which the configuration decides. */
static bool has_services(struct http_exchange *exchange, const struct agent *agent)
{
	if (!is_ready(exchange, agent))
		return false;
	if (!agent->services)
		http_reply_error(exchange, 404,
		                 "services are not served by this node: set kube-proxy-replacement to true");
	return agent->services;
}

static void get_services(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (has_services(exchange, agent))
		http_reply_json(exchange, 200, services_to_json(agent->services));
}

/* 0, which no service has, for what is no number. */
static uint32_t service_number(const struct http_exchange *exchange)
{
	const char *text = http_exchange_parameter(exchange, "id");
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void get_service(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	uint32_t number = service_number(exchange);
	json_t *frontends;

	if (!has_services(exchange, agent))
		return;
	frontends = service_to_json(agent->services, number);
	if (!json_array_size(frontends)) {
		json_decref(frontends);
		frontends = NULL;
	}
	reply_found(exchange, frontends, "there is no service of that id");
}

static void service_answered(void *userdata, int result, json_t *frontends, const struct error *error)
{
	struct http_exchange *exchange = userdata;

	if (result)
		reply_failure(exchange, result, error);
	else
		http_reply_json(exchange, 200, json_incref(frontends));
}

static void put_service(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (has_services(exchange, agent))
		services_update(agent->services, http_exchange_body(exchange), service_answered, exchange);
}

static void delete_service(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (has_services(exchange, agent))
		services_delete(agent->services, service_number(exchange), service_answered, exchange);
}

static void get_nodes(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, nodes_to_json(agent->nodes));
}

static void maps_counted(void *owner, void *asker, const struct map_answer *answer)
{
	if (maps_walked(asker, answer))
		http_reply_json(asker, 200, agent_maps(answer->facts));
}

/* Whether there is any, which the configuration decides. */
static bool has_health(struct http_exchange *exchange, const struct agent *agent)
{
	if (!is_ready(exchange, agent))
		return false;
	if (!agent->health)
		http_reply_error(exchange, 404,
		                 "health checking is off on this node: set enable-health-checking to true");
	return agent->health;
}

static void get_health(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (has_health(exchange, agent))
		http_reply_json(exchange, 200, health_to_json(agent->health));
}

static void probed(void *userdata, const struct health *health)
{
	if (health)
		http_reply_json(userdata, 200, health_to_json(health));
	else
		http_reply_error(userdata, 503, "the agent is ending: try again later");
}

static void probe_health(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (has_health(exchange, agent))
		health_probe(agent->health, probed, exchange);
}

static void policies_answered(void *userdata, json_t *answer, int result, const struct error *error)
{
	if (answer)
		http_reply_json(userdata, 200, json_incref(answer));
	else
		reply_failure(userdata, result, error);
}

static void get_policies(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, policies_to_json(agent->policies));
}

static void put_policies(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		policies_import(agent->policies, http_exchange_body(exchange), policies_answered, exchange);
}

static void delete_policies(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		policies_delete_all(agent->policies, policies_answered, exchange);
}

static void delete_policy(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		policies_delete(agent->policies, http_exchange_parameter(exchange, "kind"),
		                http_exchange_parameter(exchange, "namespace"),
		                http_exchange_parameter(exchange, "name"), policies_answered, exchange);
}

static void get_selectors(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, policies_selectors(agent->policies));
}

/* A whole number, or what is to be where nothing is given; false when it is something else. */
static bool query_number(const struct http_exchange *exchange, const char *name, uint64_t fallback, uint64_t *ret)
{
	const char *text = http_exchange_query(exchange, name);
	char *end;

	*ret = text ? strtoull(text, &end, 10) : fallback;
	return !text || (*text >= '0' && *text <= '9' && !*end);
}

static void wait_for_policies(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	uint64_t revision, seconds;

	if (!is_ready(exchange, agent))
		return;
	if (query_number(exchange, "revision", policies_count(agent->policies).revision, &revision) &&
	    query_number(exchange, "timeout", 60, &seconds) && seconds <= WAIT_SECONDS_MAX)
		policies_wait(agent->policies, revision, seconds * 1000, policies_answered, exchange);
	else
		http_reply_error(exchange, 400,
		                 "revision and timeout must be whole numbers, of seconds a day's at most");
}

static void get_rule(struct http_exchange *exchange, void *userdata)
{
	static const char *const directions[] = POLICY_DIRECTION_NAMES;
	const struct agent *agent = userdata;
	const char *text = http_exchange_parameter(exchange, "number");
	struct rule_facts facts;
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	json_t *found = NULL;

	if (!is_ready(exchange, agent))
		return;
	if (!*end && number <= UINT32_MAX && policies_find_rule(agent->policies, (uint32_t)number, &facts))
		found = json_pack("{s:s?, s:s?, s:s, s:s, s:s, s:b}", "kind", facts.kind, "namespace", facts.space,
		                  "name", facts.name, "rule", facts.path, "direction", directions[facts.direction],
		                  "deny", facts.deny);
	reply_found(exchange, found, "no rule has that number (any more)");
}

static void get_maps(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	map_work_count(agent->map_work, maps_counted, userdata, exchange);
}

static void metrics_counted(void *owner, void *asker, const struct map_answer *answer)
{
	struct error error;
	char *text;
	int result;

	if (!maps_walked(asker, answer))
		return;
	result = agent_metrics(owner, answer->facts, &text);
	if (!result) {
		http_reply_text(asker, EXPOSITION_CONTENT_TYPE, text);
		return;
	}
	error_set_errno(&error, result, "cannot read the counters");
	reply_failure(asker, result, &error);
}

static void get_metrics(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	map_work_count(agent->map_work, metrics_counted, userdata, exchange);
}

static void flows_flushed(void *owner, void *asker, const struct map_answer *answer)
{
	if (maps_walked(asker, answer))
		http_reply_json(asker, 200, json_pack("{s:I}", "flushed", (json_int_t)answer->removed));
}

static void flush_flows(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	map_work_flush_flows(agent->map_work, flows_flushed, userdata, exchange);
}

static void listen_to_monitor(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	monitor_listen(agent->monitor, exchange);
}

static void get_prefilter(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200, prefilter_to_json(agent->prefilter));
}

static void get_prefilter_entries(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	const char *from = http_exchange_query(exchange, "from");

	if (is_ready(exchange, agent))
		http_reply_json(exchange, 200,
		                prefilter_entries_to_json(agent->prefilter, from ? strtoul(from, NULL, 10) : 0));
}

static void upload_to_prefilter(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct error error = {};
	json_t *answer;
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = prefilter_upload(agent->prefilter, http_exchange_query(exchange, "upload"),
	                          http_exchange_body(exchange), &answer, &error);
	if (result)
		reply_failure(exchange, result, &error);
	else
		http_reply_json(exchange, 200, answer);
}

static void prefilter_changed(void *userdata, int result, size_t count, uint64_t revision, const struct error *error)
{
	if (result)
		reply_failure(userdata, result, error);
	else
		http_reply_json(
			userdata, 200,
			json_pack("{s:I, s:I}", "revision", (json_int_t)revision, "changed", (json_int_t)count));
}

static void change_prefilter(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;

	if (is_ready(exchange, agent))
		prefilter_change(agent->prefilter, http_exchange_body(exchange), prefilter_changed, exchange);
}

static void answered_why(void *userdata, json_t *answer, int result, const struct error *error)
{
	if (answer)
		http_reply_json(userdata, 200, answer);
	else
		reply_failure(userdata, result, error);
}

static void get_why(struct http_exchange *exchange, void *userdata)
{
	const struct agent *agent = userdata;
	struct why_question question;
	struct error error;
	int result;

	if (!is_ready(exchange, agent))
		return;
	result = why_question_read(exchange, &question, &error);
	if (result)
		reply_failure(exchange, result, &error);
	else
		why_ask(agent->why, &question, answered_why, exchange);
}

#define BY_CONTAINER "/v1/endpoints/by-container/{container}/{interface}"

const struct http_route api_routes[] = {
	{"GET", "/v1/status", get_status},
	{"GET", "/v1/config", get_config},
	{"GET", "/v1/endpoints", get_endpoints},
	{"PUT", "/v1/endpoints", put_endpoint},
	{"POST", "/v1/endpoints/check", check_endpoint},
	{"POST", "/v1/endpoints/gc", collect_endpoints},
	{"GET", "/v1/endpoints/{id}", get_endpoint},
	{"PUT", "/v1/endpoints/{id}/labels", put_endpoint_labels},
	{"PUT", "/v1/endpoints/{id}/config", put_endpoint_config},
	{"GET", "/v1/endpoints/{id}/log", get_endpoint_log},
	{"GET", "/v1/endpoints/{id}/health", get_endpoint_health},
	{"GET", BY_CONTAINER, get_by_container},
	{"DELETE", BY_CONTAINER, delete_by_container},
	{"GET", "/v1/identities", get_identities},
	{"GET", "/v1/ips", get_ips},
	{"GET", "/v1/nodes", get_nodes},
	{"GET", "/v1/services", get_services},
	{"PUT", "/v1/services", put_service},
	{"GET", "/v1/services/{id}", get_service},
	{"DELETE", "/v1/services/{id}", delete_service},
	{"GET", "/v1/health", get_health},
	{"POST", "/v1/health/probe", probe_health},
	{"GET", "/v1/policies", get_policies},
	{"PUT", "/v1/policies", put_policies},
	{"DELETE", "/v1/policies", delete_policies},
	{"GET", "/v1/policies/selectors", get_selectors},
	{"GET", "/v1/policies/wait", wait_for_policies},
	{"GET", "/v1/policies/rules/{number}", get_rule},
	{"DELETE", "/v1/policies/{kind}/{namespace}/{name}", delete_policy},
	{"GET", "/v1/maps", get_maps},
	{"GET", "/v1/metrics", get_metrics},
	{"POST", "/v1/flows/flush", flush_flows},
	{"GET", "/v1/prefilter", get_prefilter},
	{"PATCH", "/v1/prefilter", change_prefilter},
	{"GET", "/v1/prefilter/entries", get_prefilter_entries},
	{"POST", "/v1/prefilter/uploads", upload_to_prefilter},
	{"GET", "/v1/monitor", listen_to_monitor},
	{"GET", "/v1/why", get_why},
};

const struct http_route prometheus_routes[1] = {{"GET", "/metrics", get_metrics}};

const size_t api_route_count = sizeof(api_routes) / sizeof(api_routes[0]);
