/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent: its beginning, what its parts tell each other, its end.
 */
#include "agent/agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "agent/api.h"
#include "agent/collector.h"
#include "agent/map_sizes.h"
#include "agent/metrics/listener.h"
#include "agent/node/masquerade.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/* ── what the parts tell each other ── */

static void node_changed(void *userdata, const struct node_info *node)
{
	struct agent *agent = userdata;

	ipcache_node_changed(agent->ipcache, node);
	if (agent->health)
		health_node_set(agent->health, node);
}

static void node_joined(void *userdata, const struct node_info *node)
{
	struct agent *agent = userdata;
	char address[ADDR_TEXT_MAX];

	addr_format(&node->address[FAMILY_V4], address);
	log_info("node %s (%s) joined", node->name, address);
	monitor_agent_event(agent->monitor, "Node joined", json_pack("{s:s, s:s}", "node", node->name, "ip", address),
	                    "node %s (%s)", node->name, address);
}

static void node_removed(void *userdata, const struct node_info *node)
{
	struct agent *agent = userdata;

	ipcache_node_removed(agent->ipcache, node);
	if (agent->health)
		health_node_remove(agent->health, node->name);
	log_info("node %s left", node->name);
	monitor_agent_event(agent->monitor, "Node left", json_pack("{s:s}", "node", node->name), "node %s", node->name);
}

static void node_forgotten(void *userdata, const char *name)
{
	struct agent *agent = userdata;

	ipcache_forget_node(agent->ipcache, name);
	if (agent->services)
		services_forget_node(agent->services, name);
	ipam_forget_node(agent->ipam, name);
}

static void nodes_synced(void *userdata)
{
	const struct agent *agent = userdata;

	ipcache_nodes_synced(agent->ipcache);
}

static void mtu_changed(void *userdata)
{
	const struct agent *agent = userdata;

	endpoints_set_mtu(agent->endpoints, agent->underlay.pod_mtu);
}

static void health_endpoint_changed(void *userdata, const struct addr addresses[FAMILIES])
{
	struct agent *agent = userdata;

	nodes_set_health(agent->nodes, addresses);
	if (agent->health)
		health_node_set(agent->health, nodes_find(agent->nodes, agent->config->node_name));
}

static void ipcache_upserted(void *userdata, const struct prefix *prefix, uint32_t identity, const char *node)
{
	struct agent *agent = userdata;
	char cidr[PREFIX_TEXT_MAX];

	prefix_format(prefix, cidr);
	monitor_agent_event(agent->monitor, "IPCache entry upserted",
	                    json_pack("{s:s, s:i, s:s?}", "cidr", cidr, "identity", identity, "node", node),
	                    "%s is identity %u", cidr, identity);
}

static void ipcache_deleted(void *userdata, const struct prefix *prefix)
{
	struct agent *agent = userdata;
	char cidr[PREFIX_TEXT_MAX];

	prefix_format(prefix, cidr);
	monitor_agent_event(agent->monitor, "IPCache entry deleted", json_pack("{s:s}", "cidr", cidr), "%s", cidr);
}

static json_t *service_details(const struct service_key *frontend)
{
	char address[ADDR_TEXT_MAX];

	return json_pack("{s:s, s:i, s:i}", "address", addr_format(&frontend->addr, address), "port",
	                 ntohs(frontend->port), "protocol", frontend->protocol);
}

static void service_upserted(void *userdata, const struct service_key *frontend, const struct service *service)
{
	const struct agent *agent = userdata;
	char text[SERVICE_KEY_TEXT_MAX];

	monitor_agent_event(agent->monitor, "Service upserted", service_details(frontend), "%s is service %u",
	                    service_key_format(frontend, text), service->number);
}

static void service_deleted(void *userdata, const struct service_key *frontend)
{
	const struct agent *agent = userdata;
	char text[SERVICE_KEY_TEXT_MAX];

	monitor_agent_event(agent->monitor, "Service deleted", service_details(frontend), "%s",
	                    service_key_format(frontend, text));
}

static void backend_gone(void *userdata, uint32_t backend)
{
	const struct agent *agent = userdata;

	ends_add(agent->ends, backend);
}

/* ── the beginning ── */

static void give_up(struct agent *agent, const struct error *error)
{
	agent->failed = true;
	agent->trouble = *error;
	uv_stop(agent->loop);
}

static void make_prefilter(struct agent *agent)
{
	const struct prefilter_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.datapath = agent->datapath,
		.store = agent->store,
	};

	agent->prefilter = prefilter_keeper_new(&services);
}

static void announce(struct agent *agent)
{
	make_prefilter(agent);
	agent->ready = true;
	agent->bootstrap_seconds = (double)(clock_now() - agent->began) / (double)NS_PER_SECOND;
	service_tell("STATUS=ready");
	log_info("ready: node %s, %s, socket %s", agent->config->node_name, datapath_attach_name(agent->datapath),
	         agent->config->socket);
	monitor_agent_event(agent->monitor, "Agent started", json_pack("{s:s}", "version", PILUS_VERSION), "pilusd %s",
	                    PILUS_VERSION);
}

static void take_over(struct agent *agent)
{
	struct error error = {};

	if (datapath_take_over(agent->datapath, &error))
		give_up(agent, &error);
	else
		announce(agent);
}

/* The new maps let nothing pass that the old ones refuse. */
static void maps_filled(struct agent *agent)
{
	if (!agent->ready && agent->ipcache_filled && (agent->services_filled || !agent->services) &&
	    policies_are_settled(agent->policies))
		take_over(agent);
}

static void ipcache_settled(void *userdata)
{
	struct agent *agent = userdata;

	agent->ipcache_filled = true;
	maps_filled(agent);
}

static void services_settled(void *userdata)
{
	struct agent *agent = userdata;

	agent->services_filled = true;
	maps_filled(agent);
}

static void policies_settled(void *userdata)
{
	maps_filled(userdata);
}

static void identity_changed(void *userdata, uint32_t identity)
{
	const struct agent *agent = userdata;

	if (agent->policies)
		policies_identity_changed(agent->policies, identity);
}

static void identities_synced(void *userdata)
{
	const struct agent *agent = userdata;

	policies_identities_synced(agent->policies);
}

static void policy_changed(void *userdata, uint32_t identity, const struct endpoint_policy *policy)
{
	const struct agent *agent = userdata;

	endpoints_set_policy(agent->endpoints, identity, policy);
}

static void make_identities(struct agent *agent)
{
	static const struct identity_events events = {.changed = identity_changed, .synced = identities_synced};

	agent->identities = identities_new(agent->store, &events, agent);
}

static void make_policies(struct agent *agent)
{
	static const struct policy_events events = {.changed = policy_changed, .settled = policies_settled};
	const struct policy_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.maps = datapath_maps(agent->datapath),
		.store = agent->store,
		.identities = agent->identities,
	};

	agent->policies = policies_new(&services, &events, agent);
}

static void make_nodes(struct agent *agent)
{
	static const struct node_events events = {
		.changed = node_changed,
		.joined = node_joined,
		.removed = node_removed,
		.forgotten = node_forgotten,
		.synced = nodes_synced,
		.mtu_changed = mtu_changed,
	};
	const struct node_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.underlay = &agent->underlay,
		.maps = datapath_maps(agent->datapath),
		.netlink = agent->netlink,
		.store = agent->store,
	};
	struct node_info local = {.name = agent->config->node_name, .routing_mode = agent->config->routing_mode};

	for (enum family family = 0; family < FAMILIES; family++) {
		local.address[family] = agent->underlay.address[family];
		local.pod_cidr[family] = *ipam_cidr(agent->ipam, family);
		if (agent->underlay.overlay_ifindex)
			local.router[family] = *ipam_router(agent->ipam, family);
	}
	agent->nodes = nodes_new(&services, &local, &events, agent);
}

static void make_endpoints(struct agent *agent)
{
	const struct endpoint_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.netlink = agent->netlink,
		.datapath = agent->datapath,
		.ipam = agent->ipam,
		.identities = agent->identities,
		.ipcache = agent->ipcache,
		.policies = agent->policies,
		.host_ports = agent->services,
		.monitor = agent->monitor,
		.pod_mtu = agent->underlay.pod_mtu,
	};

	agent->endpoints = endpoints_new(&services);
}

static void make_why(struct agent *agent)
{
	const struct why_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.netlink = agent->netlink,
		.datapath = agent->datapath,
		.underlay = &agent->underlay,
		.nodes = agent->nodes,
		.ipcache = agent->ipcache,
		.endpoints = agent->endpoints,
		.policies = agent->policies,
	};

	agent->why = why_new(&services);
}

static void make_ipcache(struct agent *agent)
{
	static const struct ipcache_events events = {
		.upserted = ipcache_upserted, .deleted = ipcache_deleted, .settled = ipcache_settled};
	const struct ipcache_services services = {
		.loop = agent->loop,
		.maps = datapath_maps(agent->datapath),
		.store = agent->store,
		.identities = agent->identities,
		.nodes = agent->nodes,
	};

	agent->ipcache = ipcache_new(&services, agent->config->node_name, &events, agent);
}

static void tell_namespaces(void *userdata, void (*each)(void *context, const char *netns), void *context)
{
	const struct agent *agent = userdata;

	endpoints_each_namespace(agent->endpoints, each, context);
}

static void make_services(struct agent *agent)
{
	static const struct services_events events = {.upserted = service_upserted,
	                                              .deleted = service_deleted,
	                                              .backend_gone = backend_gone,
	                                              .settled = services_settled};
	struct services_needs needs = {
		.loop = agent->loop,
		.config = agent->config,
		.maps = datapath_maps(agent->datapath),
		.store = agent->store,
	};

	for (enum family family = 0; family < FAMILIES; family++) {
		needs.pods[family] = *ipam_cidr(agent->ipam, family);
		needs.node[family] = agent->underlay.address[family];
	}
	agent->ends = ends_new(agent->loop, needs.maps, tell_namespaces, agent);
	agent->services = services_new(&needs, &events, agent);
}

static void make_health_target(struct agent *agent)
{
	const struct health_target_services services = {
		.loop = agent->loop,
		.config = agent->config,
		.endpoints = agent->endpoints,
		.host = {agent->underlay.address[FAMILY_V4], agent->underlay.address[FAMILY_V6]},
	};

	agent->health_target = health_target_new(&services, health_endpoint_changed, agent);
}

/* All that needs to know this node's pod CIDRs. */
static int start_rest(struct agent *agent, struct error *error)
{
	int result;

	make_identities(agent);
	make_policies(agent);
	if (agent->config->health_checking)
		agent->health = health_new(agent->loop, agent->config->node_name, agent->config->health_port);
	make_nodes(agent);
	make_ipcache(agent);
	if (agent->config->kube_proxy_replacement)
		make_services(agent);
	else
		agent->retraction = retraction_new(agent->loop, agent->store, agent->config->node_name);
	make_endpoints(agent);
	make_why(agent);
	result = endpoints_restore(agent->endpoints, error);
	if (result)
		return result;
	ipcache_restored(agent->ipcache);
	if (agent->services)
		services_restored(agent->services);
	agent->collector = collector_new(agent);
	make_health_target(agent);
	if (agent->health)
		health_node_set(agent->health, nodes_find(agent->nodes, agent->config->node_name));
	return 0;
}

static void ipam_ready(void *userdata, int result, const struct error *error)
{
	struct agent *agent = userdata;
	struct error trouble = {};

	if (result) {
		agent->trouble = *error;
		log_warning("no pod CIDRs yet: %s", error->message);
		service_tell("STATUS=no pod CIDRs yet: %s", error->message);
		return;
	}
	agent->trouble = (struct error){};
	if (agent->endpoints)
		return;
	if (start_rest(agent, &trouble))
		give_up(agent, &trouble);
	else if (!agent->ready && !datapath_is_waiting(agent->datapath))
		take_over(agent);
}

static int attach_host(struct agent *agent, struct error *error)
{
	const struct underlay *underlay = &agent->underlay;
	int result = 0;

	if (underlay->overlay_ifindex)
		result = datapath_attach(agent->datapath, DEVICE_OVERLAY, underlay->overlay_ifindex, OVERLAY_DEVICE,
		                         error);
	else
		datapath_detach(agent->datapath, 0, OVERLAY_DEVICE); /* the pins, which outlive the device */
	for (size_t i = 0; !result && i < underlay->uplink_count; i++)
		result = datapath_attach(agent->datapath, DEVICE_UPLINK, underlay->uplinks[i].ifindex,
		                         underlay->uplinks[i].name, error);
	return result;
}

/* Without cgroups, services are left to be translated packet by packet. */
static int attach_sockets(struct agent *agent, struct error *error)
{
	const char *cgroup = agent->config->cgroup_root ?: datapath_cgroup_default();

	if (!agent->config->kube_proxy_replacement && agent->config->short_cuts == SHORT_CUTS_OFF)
		cgroup = NULL;
	else if (!cgroup)
		log_warning("no hierarchy of cgroups v2 is mounted: sockets do not know of services");
	return datapath_attach_cgroup(agent->datapath, cgroup, error);
}

static int start_datapath(struct agent *agent, struct error *error)
{
	const struct config *config = agent->config;
	const struct datapath_options options = {
		.bpffs = config->bpffs,
		.config = {.overlay_ifindex = agent->underlay.overlay_ifindex,
	                   .vxlan_port = config->vxlan_port,
	                   .decap_v6 = datapath_probe_decap_v6(),
	                   .masquerade = masquerade_families(config),
	                   .native = config->routing_mode == ROUTING_NATIVE,
	                   .services = config->kube_proxy_replacement,
	                   .node_port_first = config->node_ports.first,
	                   .node_port_last = config->node_ports.last,
	                   .accelerate = config->accelerate == ACCELERATE_XDP,
	                   .netns_cookie = datapath_netns_cookie()},
		.attach = config->attach,
		.short_cuts = config->short_cuts != SHORT_CUTS_OFF,
		.sizes = map_sizes_choose(config, map_sizes_memory()),
	};
	struct error trouble = {};
	int result;

	result = datapath_open(&options, &agent->datapath, error);
	if (!result)
		result = attach_host(agent, error);
	if (!result)
		result = attach_sockets(agent, error);
	if (result)
		return result;
	if (options.short_cuts && !datapath_has_short_cuts(agent->datapath, &trouble))
		log_warning("sockets take no short cuts: %s", trouble.message);
	if (datapath_is_waiting(agent->datapath))
		log_info("the maps are new: the programs that are there go on with theirs until these are filled");
	agent->flow_aging =
		flow_aging_new(agent->loop, datapath_maps(agent->datapath), &config->timeouts, options.sizes.flows);
	agent->map_work = map_work_new(agent->loop, datapath_maps(agent->datapath));
	agent->monitor = monitor_new(agent->loop, datapath_maps(agent->datapath));
	return 0;
}

static int open_store(struct agent *agent, struct error *error)
{
	const struct config *config = agent->config;
	const struct store_access access = {
		.ca = config->store_ca,
		.certificate = config->store_certificate,
		.key = config->store_key,
		.user = config->store_user,
		.password_file = config->store_password_file,
	};

	return store_open(agent->loop, config->store, &access, &agent->store, error);
}

static int serve_prometheus(struct agent *agent, struct error *error)
{
	int fd, result = agent->config->prometheus ? metrics_listen(agent->config->prometheus, &fd, error) : -ENOENT;

	if (result == -ENOENT)
		return 0;
	if (result) {
		error_prefix(error, "prometheus-serve-addr");
		return result;
	}
	return http_server_adopt(agent->loop, fd, prometheus_routes, 1, agent, &agent->prometheus, error);
}

/* The socket comes first: it is what keeps a second agent from touching anything. */
static int start(struct agent *agent, struct error *error)
{
	const struct config *config = agent->config;
	int result;

	result = http_server_new(agent->loop, config->socket, api_routes, api_route_count, agent, &agent->http, error);
	if (!result)
		http_server_observe(agent->http, request_times_add, agent->request_times);
	if (!result)
		result = netlink_open(NULL, &agent->netlink, error);
	if (!result)
		result = underlay_prepare(config, agent->netlink, &agent->underlay, error);
	if (!result)
		result = start_datapath(agent, error);
	if (!result)
		result = serve_prometheus(agent, error);
	if (!result)
		result = open_store(agent, error);
	if (!result)
		agent->ipam = ipam_new(agent->loop, config, agent->store, ipam_ready, agent);
	return result;
}

/* ── the end ── */

static void end_asked(uv_signal_t *handle, int number)
{
	log_info("ending: %s; traffic goes on", number == SIGTERM ? "SIGTERM" : "SIGINT");
	service_tell("STOPPING=1");
	uv_stop(handle->loop);
}

static void watch_signals(struct agent *agent)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(agent->loop, &agent->signals[i]);
		uv_signal_start(&agent->signals[i], end_asked, numbers[i]);
	}
}

static void take_apart(struct agent *agent)
{
	agent->ready = false;
	prefilter_keeper_free(agent->prefilter);
	health_target_free(agent->health_target);
	health_free(agent->health);
	collector_free(agent->collector);
	why_free(agent->why);
	endpoints_free(agent->endpoints);
	services_free(agent->services);
	ends_free(agent->ends);
	retraction_free(agent->retraction);
	policies_free(agent->policies);
	ipcache_free(agent->ipcache);
	nodes_free(agent->nodes);
	identities_free(agent->identities);
	ipam_free(agent->ipam);
	store_close(agent->store);
	http_server_free(agent->http);
	http_server_free(agent->prometheus);
	monitor_free(agent->monitor);
	map_work_free(agent->map_work);
	flow_aging_free(agent->flow_aging);
	service_free(agent->service);
	for (size_t i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&agent->signals[i], NULL);
	uv_run(agent->loop, UV_RUN_DEFAULT); /* until all handles are closed and no work is under way */
	datapath_free(agent->datapath);
	netlink_free(agent->netlink);
	request_times_free(agent->request_times);
}

int agent_run(const struct config *config, struct error *error)
{
	struct agent agent = {
		.config = config, .started = time(NULL), .began = clock_now(), .request_times = request_times_new()};
	uv_loop_t loop;
	int result;

	uv_loop_init(&loop);
	agent.loop = &loop;
	watch_signals(&agent);
	log_info("pilusd %s: node %s, cluster %s, store %s", PILUS_VERSION, config->node_name, config->cluster_name,
	         config->store);
	result = start(&agent, error);
	if (!result) {
		service_tell("READY=1"); /* waiting for the store is no failure to start */
		agent.service = service_new(&loop);
		uv_run(&loop, UV_RUN_DEFAULT);
		if (agent.failed)
			result = error_set(error, agent.trouble.code, "%s", agent.trouble.message);
	}
	take_apart(&agent);
	uv_loop_close(&loop);
	return result;
}
