/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of metrics, written when somebody asks and at no other time. Names are Cilium's, with our prefix, where it
 * has the same; those of the process are Prometheus' own.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "agent/api.h"
#include "agent/metrics/exposition.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/* What the families take their samples from. */
struct scene {
	const struct agent *agent;
	const struct map_facts *facts;
	const json_t *prefilter; /* as GET /v1/prefilter tells it; NULL: not yet */
	const json_t *status;    /* as GET /v1/status tells it */
	struct metric counters[METRIC_REASONS][METRIC_DIRECTIONS];
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* ── the agent ── */

static void write_build(const struct scene *scene, struct exposition *out)
{
	SAMPLE(out, 1, {"version", PILUS_VERSION});
}

static void write_bootstrap(const struct scene *scene, struct exposition *out)
{
	if (scene->agent->ready)
		exposition_value(out, scene->agent->bootstrap_seconds);
}

static void write_requests(const struct scene *scene, struct exposition *out)
{
	request_times_write(scene->agent->request_times, out);
}

static void write_log(const struct scene *scene, struct exposition *out)
{
	SAMPLE(out, (double)log_count(LOG_LEVEL_ERROR), {"level", "error"});
	SAMPLE(out, (double)log_count(LOG_LEVEL_WARNING), {"level", "warning"});
}

static void write_store(const struct scene *scene, struct exposition *out)
{
	const json_t *store = json_object_get(scene->status, "store");

	SAMPLE(out, !strcmp(text_of(store, "state"), "Ok"), {"kind", text_of(store, "kind")});
}

static void write_listeners(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, number_of(json_object_get(scene->status, "monitor"), "listeners"));
}

static void write_lost(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, number_of(json_object_get(scene->status, "monitor"), "lost"));
}

/* ── what it looks after ── */

static void write_endpoints(const struct scene *scene, struct exposition *out)
{
	const char *state;
	json_t *count;

	json_object_foreach (json_object_get(json_object_get(scene->status, "endpoints"), "states"), state, count)
		SAMPLE(out, json_number_value(count), {"endpoint_state", state});
}

static void write_nodes(const struct scene *scene, struct exposition *out)
{
	if (scene->agent->ready)
		exposition_value(out, (double)nodes_count(scene->agent->nodes));
}

static void write_services(const struct scene *scene, struct exposition *out)
{
	const json_t *services = json_object_get(scene->status, "services");

	if (json_is_object(services))
		exposition_value(out, number_of(services, "services"));
}

static void write_service_backends(const struct scene *scene, struct exposition *out)
{
	const json_t *services = json_object_get(scene->status, "services");

	if (json_is_object(services))
		exposition_value(out, number_of(services, "backends"));
}

static void write_identities(const struct scene *scene, struct exposition *out)
{
#define X(symbol, number, name) +1
	const size_t reserved = RESERVED_IDENTITIES(X);
#undef X

	if (!scene->agent->ready)
		return;
	SAMPLE(out, (double)reserved, {"type", "reserved"});
	SAMPLE(out, (double)(identities_count(scene->agent->identities) - reserved), {"type", "cluster_local"});
}

static void write_pools(const struct scene *scene, struct exposition *out, double (*value)(const json_t *pool))
{
	json_t *pool;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(scene->status, "ipam"), "pools"), i, pool)
		SAMPLE(out, value(pool), {"family", strcmp(text_of(pool, "family"), "IPv4") ? "ipv6" : "ipv4"});
}

static double pool_used(const json_t *pool)
{
	return number_of(pool, "allocated");
}

static double pool_size(const json_t *pool)
{
	return number_of(pool, "size");
}

static void write_ips_used(const struct scene *scene, struct exposition *out)
{
	write_pools(scene, out, pool_used);
}

static void write_ips(const struct scene *scene, struct exposition *out)
{
	write_pools(scene, out, pool_size);
}

/* ── the cluster's health ── */

static void write_unreachable(const struct scene *scene, struct exposition *out)
{
	struct health_summary summary;

	if (!scene->agent->health)
		return;
	summary = health_summarise(scene->agent->health);
	exposition_value(out, summary.nodes - summary.reachable);
}

static void write_path(const struct health_path *path, void *userdata)
{
	if (path->reachable)
		SAMPLE(userdata, (double)path->rtt / (double)NS_PER_SECOND, {"target_node_name", path->node},
		       {"type", path->place}, {"protocol", path->probe},
		       {"family", path->family == FAMILY_V4 ? "ipv4" : "ipv6"});
}

static void write_latency(const struct scene *scene, struct exposition *out)
{
	if (scene->agent->health)
		health_each_path(scene->agent->health, write_path, out);
}

/* ── the datapath ── */

static double metric_packets(const struct metric *metric)
{
	return (double)metric->packets;
}

static double metric_bytes(const struct metric *metric)
{
	return (double)metric->bytes;
}

static const char *const direction_names[METRIC_DIRECTIONS] = {
	[METRIC_INGRESS] = "INGRESS", [METRIC_EGRESS] = "EGRESS"};

static void write_forwarded(const struct scene *scene, struct exposition *out,
                            double (*value)(const struct metric *metric))
{
	for (size_t i = 0; i < METRIC_DIRECTIONS; i++)
		SAMPLE(out, value(&scene->counters[METRIC_FORWARDED][i]), {"direction", direction_names[i]});
}

static void write_short_cut_count(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, metric_packets(&scene->counters[METRIC_SHORT_CUT][METRIC_EGRESS]));
}

static void write_short_cut_bytes(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, metric_bytes(&scene->counters[METRIC_SHORT_CUT][METRIC_EGRESS]));
}

/* Lost events are no drops. A reason shows once there was one. */
static void write_dropped(const struct scene *scene, struct exposition *out,
                          double (*value)(const struct metric *metric))
{
	for (size_t i = 0; i < (size_t)METRIC_REASONS * METRIC_DIRECTIONS; i++) {
		uint8_t reason = i / METRIC_DIRECTIONS;
		const struct metric *metric = &scene->counters[reason][i % METRIC_DIRECTIONS];
		char number[8];

		if (!metric_is_drop(reason) || !metric->packets)
			continue;
		snprintf(number, sizeof(number), "%u", reason);
		SAMPLE(out, value(metric), {"reason", drop_reason_text(reason) ?: number},
		       {"direction", direction_names[i % METRIC_DIRECTIONS]});
	}
}

static void write_forward_count(const struct scene *scene, struct exposition *out)
{
	write_forwarded(scene, out, metric_packets);
}

static void write_forward_bytes(const struct scene *scene, struct exposition *out)
{
	write_forwarded(scene, out, metric_bytes);
}

static void write_accelerated(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, metric_packets(&scene->counters[METRIC_ACCELERATED][METRIC_EGRESS]));
}

static void write_drop_count(const struct scene *scene, struct exposition *out)
{
	write_dropped(scene, out, metric_packets);
}

static void write_drop_bytes(const struct scene *scene, struct exposition *out)
{
	write_dropped(scene, out, metric_bytes);
}

static void write_map_entries(const struct scene *scene, struct exposition *out)
{
	for (size_t i = 0; i < MAPS_COUNT; i++)
		SAMPLE(out, scene->facts[i].entries, {"map_name", scene->facts[i].name});
}

static void write_map_pressure(const struct scene *scene, struct exposition *out)
{
	for (size_t i = 0; i < MAPS_COUNT; i++)
		if (scene->facts[i].fills)
			SAMPLE(out, map_pressure(&scene->facts[i]), {"map_name", scene->facts[i].name});
}

static void write_map_bytes(const struct scene *scene, struct exposition *out)
{
	for (size_t i = 0; i < MAPS_COUNT; i++)
		SAMPLE(out, (double)scene->facts[i].bytes, {"map_name", scene->facts[i].name});
}

static void write_aging_runs(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)flow_aging_counts(scene->agent->flow_aging)->runs);
}

static void write_aged(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)flow_aging_counts(scene->agent->flow_aging)->removed);
}

/* ── the prefilter ── */

static void write_prefilter_revision(const struct scene *scene, struct exposition *out)
{
	if (scene->agent->prefilter)
		exposition_value(out, (double)prefilter_revision(scene->agent->prefilter));
}

static void write_sets(const struct scene *scene, struct exposition *out, const char *key)
{
	json_t *set;
	size_t i;

	json_array_foreach (json_object_get(scene->prefilter, "sets"), i, set)
		SAMPLE(out, number_of(set, key), {"set", text_of(set, "name")}, {"origin", text_of(set, "origin")});
}

static void write_prefilter_entries(const struct scene *scene, struct exposition *out)
{
	write_sets(scene, out, "entries");
}

static void write_prefilter_packets(const struct scene *scene, struct exposition *out)
{
	write_sets(scene, out, "packets");
}

static void write_prefilter_bytes(const struct scene *scene, struct exposition *out)
{
	write_sets(scene, out, "bytes");
}

/* ── the process ── */

/* None before there are policies. */
static struct policy_counts policy_counts(const struct scene *scene)
{
	const struct policies *policies = scene->agent->policies;

	return policies ? policies_count(policies) : (struct policy_counts){};
}

static void write_policies(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)policy_counts(scene).policies);
}

static void write_policy_revision(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)policy_counts(scene).revision);
}

static void write_import_errors(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)policy_counts(scene).import_errors);
}

static void write_policy_entries(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)policy_counts(scene).entries);
}

static void write_locked_down(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)policy_counts(scene).locked_down);
}

static void write_enforcement(const struct scene *scene, struct exposition *out)
{
	unsigned counts[ENFORCEMENTS] = {};

	if (scene->agent->endpoints)
		endpoints_count_enforcement(scene->agent->endpoints, counts);
	SAMPLE(out, counts[0], {"enforcement", "none"});
	SAMPLE(out, counts[1], {"enforcement", "ingress"});
	SAMPLE(out, counts[2], {"enforcement", "egress"});
	SAMPLE(out, counts[3], {"enforcement", "both"});
}

static void write_cpu(const struct scene *scene, struct exposition *out)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	exposition_value(out, (double)used.tv_sec + (double)used.tv_nsec / 1e9);
}

static void write_resident(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, number_of(json_object_get(scene->status, "memory"), "resident"));
}

static void write_start(const struct scene *scene, struct exposition *out)
{
	exposition_value(out, (double)scene->agent->started);
}

/* Without the descriptor that looks, and without "." and "..". */
static void write_open_fds(const struct scene *scene, struct exposition *out)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = -3;

	while (folder && readdir(folder))
		count++;
	if (folder) {
		closedir(folder);
		exposition_value(out, count);
	}
}

static void write_max_fds(const struct scene *scene, struct exposition *out)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit))
		exposition_value(out, (double)limit.rlim_cur);
}

static const struct {
	const char *name;
	enum metric_type type;
	const char *help;
	void (*write)(const struct scene *scene, struct exposition *out);
} families[] = {
	{"pilus_build_info", METRIC_GAUGE, "Always 1; the agent's version is a label.", write_build},
	{"pilus_agent_bootstrap_seconds", METRIC_GAUGE, "From the agent's start until it was ready.", write_bootstrap},
	{"pilus_agent_api_process_time_seconds", METRIC_HISTOGRAM,
         "How long the API's requests took; a CNI ADD is a PUT of /v1/endpoints.", write_requests},
	{"pilus_errors_warnings_total", METRIC_COUNTER, "Lines of the log, by level.", write_log},
	{"pilus_store_connected", METRIC_GAUGE, "1 while the store is well, else 0.", write_store},
	{"pilus_monitor_listeners", METRIC_GAUGE, "Who listens to the monitor.", write_listeners},
	{"pilus_monitor_events_lost_total", METRIC_COUNTER, "Events that no listener could be told.", write_lost},
	{"pilus_endpoint_state", METRIC_GAUGE, "Endpoints of this node, by state.", write_endpoints},
	{"pilus_nodes", METRIC_GAUGE, "Nodes of the cluster that are known, this one among them.", write_nodes},
	{"pilus_unreachable_nodes", METRIC_GAUGE, "Nodes that did not answer the last health probes.",
         write_unreachable},
	{"pilus_node_connectivity_latency_seconds", METRIC_GAUGE, "How long the last answer to a health probe took.",
         write_latency},
	{"pilus_services", METRIC_GAUGE, "Services that this node serves.", write_services},
	{"pilus_service_backends", METRIC_GAUGE, "Backends of these services.", write_service_backends},
	{"pilus_policy", METRIC_GAUGE, "Policies that are known.", write_policies},
	{"pilus_policy_max_revision", METRIC_GAUGE, "Of this node's policies.", write_policy_revision},
	{"pilus_policy_import_errors_total", METRIC_COUNTER, "Policies that could not be taken.", write_import_errors},
	{"pilus_policy_entries", METRIC_GAUGE, "Entries of this node's sets.", write_policy_entries},
	{"pilus_policy_locked_down", METRIC_GAUGE, "Sets that do not fit into the maps.", write_locked_down},
	{"pilus_policy_endpoint_enforcement_status", METRIC_GAUGE, "Endpoints of this node, by what is enforced.",
         write_enforcement},
	{"pilus_identity", METRIC_GAUGE, "Identities that are known.", write_identities},
	{"pilus_ip_addresses", METRIC_GAUGE, "Addresses of this node's pod CIDRs in use.", write_ips_used},
	{"pilus_ipam_capacity", METRIC_GAUGE, "Addresses that this node's pod CIDRs have for use.", write_ips},
	{"pilus_forward_count_total", METRIC_COUNTER, "Packets forwarded.", write_forward_count},
	{"pilus_forward_bytes_total", METRIC_COUNTER, "Bytes forwarded.", write_forward_bytes},
	{"pilus_accelerated_count_total", METRIC_COUNTER, "Packets of these that XDP has sent on.", write_accelerated},
	{"pilus_short_cut_count_total", METRIC_COUNTER, "Messages from socket to socket.", write_short_cut_count},
	{"pilus_short_cut_bytes_total", METRIC_COUNTER, "Bytes from socket to socket.", write_short_cut_bytes},
	{"pilus_drop_count_total", METRIC_COUNTER, "Packets dropped, by reason.", write_drop_count},
	{"pilus_drop_bytes_total", METRIC_COUNTER, "Bytes dropped, by reason.", write_drop_bytes},
	{"pilus_bpf_map_entries", METRIC_GAUGE, "Entries in use of each BPF map.", write_map_entries},
	{"pilus_bpf_map_pressure", METRIC_GAUGE, "Entries of each BPF map by those it has room for, from 0 to 1.",
         write_map_pressure},
	{"pilus_bpf_maps_memory_bytes", METRIC_GAUGE, "Kernel memory of each BPF map.", write_map_bytes},
	{"pilus_datapath_conntrack_gc_runs_total", METRIC_COUNTER, "How often idle flows were looked for.",
         write_aging_runs},
	{"pilus_datapath_conntrack_gc_removed_total", METRIC_COUNTER, "Flows that were idle for too long.", write_aged},
	{"pilus_prefilter_revision", METRIC_GAUGE, "The revision of the prefilter in force.", write_prefilter_revision},
	{"pilus_prefilter_entries", METRIC_GAUGE, "Entries of each set of the prefilter.", write_prefilter_entries},
	{"pilus_prefilter_drop_count_total", METRIC_COUNTER, "Packets refused because of each set.",
         write_prefilter_packets},
	{"pilus_prefilter_drop_bytes_total", METRIC_COUNTER, "Bytes refused because of each set.",
         write_prefilter_bytes},
	{"process_cpu_seconds_total", METRIC_COUNTER, "User and system CPU time of the agent.", write_cpu},
	{"process_resident_memory_bytes", METRIC_GAUGE, "Resident memory of the agent.", write_resident},
	{"process_start_time_seconds", METRIC_GAUGE, "When the agent was started, since the epoch.", write_start},
	{"process_open_fds", METRIC_GAUGE, "File descriptors that the agent has open.", write_open_fds},
	{"process_max_fds", METRIC_GAUGE, "File descriptors that it may have open.", write_max_fds},
};

static int note_counter(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	struct scene *scene = userdata;

	scene->counters[reason][direction] = *metric;
	return 0;
}

static void write_families(const struct scene *scene, FILE *file)
{
	struct exposition out = {.out = file};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		exposition_family(&out, families[i].name, families[i].type, families[i].help);
		families[i].write(scene, &out);
	}
}

int agent_metrics(const struct agent *agent, const struct map_facts facts[static MAPS_COUNT], char **ret)
{
	json_auto_t *status = agent_status(agent, facts),
		    *prefilter = agent->prefilter ? prefilter_to_json(agent->prefilter) : NULL;
	_cleanup_free_ struct scene *scene = xnew(struct scene);
	size_t size;
	FILE *file;
	int result;

	*scene = (struct scene){.agent = agent, .facts = facts, .prefilter = prefilter, .status = status};
	result = metrics_each(datapath_maps(agent->datapath), note_counter, scene);
	if (result)
		return result;
	file = open_memstream(ret, &size);
	if (!file)
		return -errno;
	write_families(scene, file);
	return fclose(file) ? -errno : 0;
}
