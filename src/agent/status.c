/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/status and /v1/maps: how the agent is. Parts that are not there yet say so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/api.h"
#include "agent/node/masquerade.h"
#include "base/clock.h"

static int add_attachment(const struct attachment *attachment, void *userdata)
{
	return json_array_append_new(userdata, json_pack("{s:s, s:s, s:s}", "name", attachment->program, "device",
	                                                 attachment->device, "hook", attachment->hook));
}

static json_t *uplinks_status(const struct underlay *underlay)
{
	json_t *uplinks = json_array();

	for (size_t i = 0; i < underlay->uplink_count; i++)
		json_array_append_new(uplinks, json_string(underlay->uplinks[i].name));
	return uplinks;
}

static json_t *datapath_status(const struct agent *agent)
{
	bool overlay = agent->underlay.overlay_ifindex;
	json_t *programs = json_array();

	datapath_each_attachment(agent->datapath, add_attachment, programs);
	return json_pack("{s:s, s:s?, s:o, s:i, s:s, s:o, s:o}", "routing-mode",
	                 routing_modes[agent->config->routing_mode], "overlay", overlay ? "vxlan" : NULL, "port",
	                 overlay ? json_integer(agent->config->vxlan_port) : json_null(), "mtu",
	                 agent->underlay.pod_mtu, "attach", datapath_attach_name(agent->datapath), "uplinks",
	                 uplinks_status(&agent->underlay), "programs", programs);
}

static json_t *masquerade_status(const struct agent *agent)
{
	struct prefix pods[FAMILIES] = {}, excluded[MASQUERADE_EXCLUDED_MAX];
	uint8_t families = masquerade_families(agent->config);
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];
	size_t count;

	for (enum family family = 0; family < FAMILIES; family++)
		pods[family] = *ipam_cidr(agent->ipam, family);
	count = masquerade_excluded(agent->config, pods, excluded);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(prefix_format(&excluded[i], text)));
	return json_pack("{s:b, s:b, s:o, s:o}", "ipv4", !!(families & MASQUERADE_V4), "ipv6",
	                 !!(families & MASQUERADE_V6), "devices", uplinks_status(&agent->underlay), "excluded", list);
}

static uint32_t map_entries(const struct map_facts facts[static MAPS_COUNT], const char *name)
{
	size_t i = 0;

	while (i + 1 < MAPS_COUNT && strcmp(facts[i].name, name))
		i++;
	return facts[i].entries;
}

static json_t *short_cuts_status(const struct agent *agent, const struct map_facts facts[static MAPS_COUNT])
{
	struct error why = {};
	bool on = datapath_has_short_cuts(agent->datapath, &why);

	return json_pack("{s:s, s:b, s:s?, s:i}", "mode", short_cut_modes[agent->config->short_cuts], "active", on,
	                 "reason", why.code ? why.message : NULL, "connections",
	                 (int)map_entries(facts, "pilus_sockets"));
}

static json_int_t resident_bytes(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long long pages = 0;

	if (statm) {
		if (fscanf(statm, "%*s %lld", &pages) != 1)
			pages = 0;
		fclose(statm);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

static json_t *memory_status(const struct map_facts *facts)
{
	json_int_t bytes = 0;

	for (size_t i = 0; i < MAPS_COUNT; i++)
		bytes += (json_int_t)facts[i].bytes;
	return json_pack("{s:I, s:I}", "resident", resident_bytes(), "maps", bytes);
}

/* A full map turns away what is new, or forgets what is oldest: to be said before it comes to that. */
static void warn_of_maps(const struct map_facts *facts, json_t *list)
{
	for (size_t i = 0; i < MAPS_COUNT; i++)
		if (map_pressure(&facts[i]) >= MAP_PRESSURE_HIGH)
			json_array_append_new(list, json_sprintf("the map %s is %.0f %% full (%u of %u entries)",
			                                         facts[i].name, 100 * map_pressure(&facts[i]),
			                                         facts[i].entries, facts[i].max_entries));
}

static int note_accelerated(uint8_t reason, enum metric_direction direction, const struct metric *metric,
                            void *userdata)
{
	if (reason == METRIC_ACCELERATED)
		*(json_int_t *)userdata += (json_int_t)metric->packets;
	return 0;
}

static int add_accelerator(const struct attachment *attachment, void *userdata)
{
	if (!strcmp(attachment->program, "prefilter"))
		json_array_append_new(userdata,
		                      json_pack("{s:s, s:s}", "device", attachment->device, "hook", attachment->hook));
	return 0;
}

static json_t *acceleration_status(const struct agent *agent)
{
	json_t *devices = json_array();
	json_int_t packets = 0;

	metrics_each(datapath_maps(agent->datapath), note_accelerated, &packets);
	datapath_each_attachment(agent->datapath, add_accelerator, devices);
	return json_pack("{s:I, s:o}", "packets", packets, "devices", devices);
}

static json_t *service_status(const struct agent *agent)
{
	json_t *status = agent->services ? services_status(agent->services) : json_null();

	if (agent->services)
		json_object_set_new(status, "acceleration",
		                    agent->config->accelerate ? acceleration_status(agent) : json_null());
	return status;
}

static void warn_of_services(const struct agent *agent, json_t *list)
{
	json_t *warnings = agent->services ? services_warnings(agent->services) : json_array();

	json_array_extend(list, warnings);
	json_decref(warnings);
}

/* The first trouble there is speaks for the whole. */
static void add_state(json_t *status, const struct agent *agent, json_t *store, const json_t *warnings)
{
	const char *state = "Ok", *message = "", *store_state = json_string_value(json_object_get(store, "state"));

	if (!agent->ready) {
		state = agent->trouble.code ? "Failure" : "Starting";
		message = agent->trouble.code ? agent->trouble.message : "taking over what is there";
	} else if (store_state && strcmp(store_state, "Ok")) {
		state = "Warning";
		message = json_string_value(json_object_get(store, "message")) ?: "the store has a problem";
	} else if (json_array_size(warnings)) {
		state = "Warning";
		message = json_string_value(json_array_get(warnings, 0));
	}
	json_object_set_new(status, "state", json_string(state));
	json_object_set_new(status, "message", json_string(message));
}

json_t *agent_status(const struct agent *agent, const struct map_facts facts[static MAPS_COUNT])
{
	char started[CLOCK_TEXT_MAX];
	json_t *warnings = agent->ready ? endpoints_warnings(agent->endpoints) : json_array();
	json_t *store = store_status(agent->store);
	json_t *status;

	if (agent->policies)
		policies_warn(agent->policies, warnings);
	status = json_pack("{s:s, s:s, s:s, s:s}", "version", PILUS_VERSION, "node", agent->config->node_name,
	                   "cluster", agent->config->cluster_name, "started", clock_format(agent->started, started));

	if (agent->prefilter)
		prefilter_warnings(agent->prefilter, warnings);
	add_state(status, agent, store, warnings);
	json_object_set_new(status, "store", store);
	json_object_set_new(status, "ipam", ipam_status(agent->ipam));
	json_object_set_new(status, "datapath", datapath_status(agent));
	json_object_set_new(status, "masquerade", masquerade_status(agent));
	json_object_set_new(status, "monitor", monitor_status(agent->monitor));
	json_object_set_new(status, "endpoints",
	                    agent->ready ? endpoints_status(agent->endpoints)
	                                 : json_pack("{s:i, s:i}", "ready", 0, "total", 0));
	json_object_set_new(status, "services", service_status(agent));
	json_object_set_new(status, "socket-acceleration", short_cuts_status(agent, facts));
	json_object_set_new(status, "policy", agent->policies ? policies_status(agent->policies) : json_null());
	json_object_set_new(status, "health", agent->health ? health_status(agent->health) : json_null());
	json_object_set_new(status, "prefilter", agent->prefilter ? prefilter_status(agent->prefilter) : json_null());
	json_object_set_new(status, "memory", memory_status(facts));
	warn_of_maps(facts, warnings);
	warn_of_services(agent, warnings);
	json_object_set_new(status, "warnings", warnings);
	return status;
}

static json_t *map_to_json(const struct map_facts *facts)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "name", facts->name, "type", facts->type, "entries",
	                 (json_int_t)facts->entries, "max-entries", (json_int_t)facts->max_entries, "bytes",
	                 (json_int_t)facts->bytes, "pressure",
	                 facts->fills ? json_real(map_pressure(facts)) : json_null());
}

json_t *agent_maps(const struct map_facts facts[static MAPS_COUNT])
{
	json_t *list = json_array();

	for (size_t i = 0; i < MAPS_COUNT; i++)
		json_array_append_new(list, map_to_json(&facts[i]));
	return list;
}
