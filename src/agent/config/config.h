/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's configuration: one table of keys gives the file, the flags, the defaults, `--check-config` and `GET
 * /v1/config`. The keys are in docs/api.md. Wrong input is refused whole: "FILE:LINE: KEY: what is wrong".
 */
#ifndef PILUS_AGENT_CONFIG_H
#define PILUS_AGENT_CONFIG_H

#include <jansson.h>
#include <stdbool.h>

#include "abi/prefilter.h"
#include "base/addr.h"
#include "base/error.h"
#include "base/log.h"
#include "datapath/datapath.h"
#include "datapath/flow_table.h"
#include "service/service.h"

#define CONFIG_DEFAULT_FILE "/etc/pilus/pilus.yaml"
#define CONFIG_UPLINKS_MAX  8
#define CONFIG_CIDRS_MAX    32

enum ipam_mode { IPAM_HOST_SCOPE, IPAM_CLUSTER_POOL };
enum routing_mode { ROUTING_TUNNEL, ROUTING_NATIVE };
extern const char *const routing_modes[]; /* as they are written */

/* Whose packets to the world leave with the node's address. */
enum masquerade { MASQUERADE_TRUE, MASQUERADE_FALSE, MASQUERADE_IPV4, MASQUERADE_IPV6 };

/* How the prefilter is attached: the first three as enum xdp_mode. */
enum prefilter_mode { PREFILTER_AUTO, PREFILTER_NATIVE, PREFILTER_GENERIC, PREFILTER_OFF };

/* What it refuses whoever asks for nothing: the first as enum prefilter_kind. */
enum prefilter_drop {
	PREFILTER_DROP_KINDS = PREFILTER_FRAGMENTS | PREFILTER_UDP_SOURCE_PORT_0,
	PREFILTER_DROP_BOGONS = 4,
	PREFILTER_DROP_PRIVATE = 8,
};
extern const char *const prefilter_drops[]; /* their names, by bit */
/* Which endpoints policies close: those that a policy is about, all, none. */
enum enforcement { ENFORCE_DEFAULT, ENFORCE_ALWAYS, ENFORCE_NEVER };
extern const char *const enforcement_modes[];

/* May the host (its kubelet, which probes them) reach its pods: always, or as policies say? */
enum localhost { LOCALHOST_ALWAYS, LOCALHOST_POLICY };
extern const char *const localhost_modes[];

/* How much memory the maps may take: what suits the machine, or little. */
enum profile { PROFILE_DEFAULT, PROFILE_EDGE };

/* How this node passes outside clients on to backends of other nodes: in its own name, which hears the answer; or so
 * that the backend answers the client directly; or the latter with TCP only. */
enum lb_mode { LB_SNAT, LB_DSR, LB_HYBRID };
extern const char *const lb_modes[]; /* as they are written */

/* Whose sockets take short cuts (abi/socket.h): nobody's, of pods that ask for it, of all that do not refuse. */
enum short_cuts { SHORT_CUTS_OFF, SHORT_CUTS_OPT_IN, SHORT_CUTS_ON };
extern const char *const short_cut_modes[]; /* as they are written */

/* What clients of a service without backends hear. */
enum no_backends { NO_BACKENDS_REJECT, NO_BACKENDS_DROP };

/* By what packets of outside clients are sent on to other nodes once their connection is known. */
enum accelerate { ACCELERATE_NONE, ACCELERATE_XDP };

struct port_range {
	uint16_t first, last;
};

/* Families are everywhere indexed so: a missing one has prefix.bits 0 and a zero address. */
enum family { FAMILY_V4, FAMILY_V6, FAMILIES };

struct config {
	char *node_name, *cluster_name, *socket, *state_dir, *bpffs, *store;
	/* NULL: not given */
	char *cgroup_root;
	char *store_ca, *store_certificate, *store_key, *store_user, *store_password_file;
	uint32_t forget_after; /* seconds; 0: never */
	enum ipam_mode ipam;
	struct prefix pod_cidr[FAMILIES];
	struct prefix pool_cidr[FAMILIES];
	uint32_t pool_mask[FAMILIES]; /* as people write it: 24, 112 */
	char *uplinks[CONFIG_UPLINKS_MAX + 1];
	struct addr node_address[FAMILIES];
	uint32_t mtu;
	uint32_t vxlan_port;
	enum masquerade masquerade;
	struct prefix non_masquerade[CONFIG_CIDRS_MAX + 1]; /* bits 0 after the last */
	enum routing_mode routing_mode;
	bool auto_direct_node_routes;
	enum attach_mode attach;
	enum enforcement enable_policy;
	bool policy_audit_mode;
	enum localhost allow_localhost;
	enum profile profile;
	uint32_t flow_table_size; /* 0: by profile and memory */
	struct flow_timeouts timeouts;
	bool health_checking, endpoint_health_checking;
	uint32_t health_port;
	char *prometheus; /* where metrics are served; NULL: nowhere */
	enum prefilter_mode prefilter;
	char *prefilter_folder, *prefilter_state;
	uint32_t prefilter_rate;     /* packets per second of each source; 0: no limit */
	uint32_t prefilter_drop;     /* enum prefilter_drop, or-ed */
	bool kube_proxy_replacement; /* services are served */
	struct port_range node_ports;
	enum service_algorithm lb_algorithm;
	uint32_t maglev_table_size;
	enum lb_mode lb_mode;
	enum no_backends lb_no_backends;
	enum accelerate accelerate;
	enum short_cuts short_cuts;
	char *zone; /* where this node is; NULL: not known */
	enum log_level log_level;
	bool check_only; /* --check-config */
	bool remove;     /* --remove-datapath */
};

/*
 * Reads flags and the file they name (a missing default file is fine). Returns 0 and fills *ret, which config_clear
 * empties; −EINVAL with words; 1 when --help or --version has been answered on standard output.
 */
int config_load(int argc, char **argv, struct config *ret, struct error *error);
void config_clear(struct config *config);

/* The configuration in force, as docs/api.md shows it: a new reference. */
json_t *config_to_json(const struct config *config);

#endif
