/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network policy as it was meant, whichever language it was written in: whom it is about, whether it closes a
 * direction to what no rule allows, and its rules. NetworkPolicy, CiliumNetworkPolicy and
 * CiliumClusterwideNetworkPolicy all become this (parse.h); evaluate.h answers questions from it.
 */
#ifndef PILUS_POLICY_POLICY_H
#define PILUS_POLICY_POLICY_H

#include <stdint.h>

#include "abi/policy.h"
#include "base/addr.h"
#include "base/cleanup.h"
#include "policy/selector.h"

#define POLICY_DIRECTION_NAMES {"ingress", "egress"}

/* Whom an entity names: bits (1 << reserved identity), and these. */
#define ENTITY_PODS    (1U << 16) /* of the cluster */
#define ENTITY_ANYBODY (1U << 17)

enum policy_peer_kind {
	PEER_PODS,     /* those that the selector matches */
	PEER_ENTITIES, /* any of the bits */
	PEER_CIDR,     /* the addresses of a prefix, but for the exceptions */
};

struct policy_peer {
	enum policy_peer_kind kind;
	struct selector selector;
	struct selection *selection; /* whom that means, once a world knows the policy: world.h */
	uint32_t entities;
	struct prefix cidr;
	struct prefix *except;
	size_t except_count;
	bool world_only; /* CIDR: never a pod or node, whatever its address (cilium.io); else by address alone */
};

#define PROTOCOL_ANY 0

/* ICMP: protocol 1 or 58, and the type as first and last port. */
struct policy_port {
	uint8_t protocol;
	uint16_t first, last; /* 0 … 65535: all */
	char *name;           /* of a port of the receiving pod, instead of numbers; NULL: none */
};

struct policy_rule {
	enum policy_direction direction;
	bool deny;
	bool anybody; /* no peer was named: all are meant; else only the peers */
	struct policy_peer *peers;
	size_t peer_count;
	struct policy_port *ports; /* none: any protocol and port */
	size_t port_count;
	size_t line; /* where it begins in its file */
	char *path;  /* and in its document: "spec.ingress[0]" */
};

enum policy_kind { POLICY_KUBERNETES, POLICY_CILIUM, POLICY_CILIUM_CLUSTERWIDE };

#define POLICY_KIND_NAMES {"NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"}

struct policy {
	enum policy_kind kind;
	char *space; /* its namespace; NULL: clusterwide */
	char *name;
	struct selector subject;
	bool closes[POLICY_DIRECTIONS]; /* what no rule of any policy allows is denied */
	struct policy_rule *rules;
	size_t rule_count;
	uint32_t first_rule; /* the number of rules[0], those of the others follow: rulebook.h; 0: none yet */
};

/* Append one, zeroed, to their owner. */
struct policy_rule *policy_add_rule(struct policy *policy, enum policy_direction direction, bool deny);
struct policy_peer *policy_rule_add_peer(struct policy_rule *rule, enum policy_peer_kind kind);
struct policy_port *policy_rule_add_port(struct policy_rule *rule);
struct prefix *policy_peer_add_except(struct policy_peer *peer);

/* Forgets the rules of a direction. */
void policy_drop_rules(struct policy *policy, enum policy_direction direction);

void policy_free(struct policy *policy);
DEFINE_CLEANUP(struct policy *, policy_free)

/* Policies, owned. */
struct policy_list {
	struct policy **policies;
	size_t count;
};

void policy_list_add(struct policy_list *list, struct policy *policy);
void policy_list_clear(struct policy_list *list);

#endif
