/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies in YAML and JSON; and what they mean for a few pods, gone through rule by rule and looked up as the programs
 * do: the same.
 */
#include "fuzz.h"

#include "../unit/policy_lookup.h"
#include "abi/flow.h"
#include "base/memory.h"
#include "policy/parse.h"

/* The seeds speak of them. The first two are pods, as subjects have to be. */
static const struct {
	const char *labels, *addr;
	uint32_t identity;
} everybody[] = {
	{"[\"k8s:app=web\", \"k8s:io.kubernetes.pod.namespace=shop\", \"port:http=8080/TCP\"]", "10.0.0.1", 1001},
	{"[\"k8s:app=client\", \"k8s:tier=front\", \"k8s:io.kubernetes.pod.namespace=default\","
         " \"k8s:io.cilium.k8s.namespace.labels.team=blue\"]",
         "fd00::2", 1002},
	{"[\"reserved:host\"]", "10.0.0.254", IDENTITY_HOST},
	{"[\"reserved:world\"]", "192.0.2.7", IDENTITY_WORLD},
	{"[\"reserved:world\"]", "2001:db8::7", IDENTITY_WORLD},
};

static const struct {
	uint8_t protocol;
	uint16_t port;
} services[] = {
	{PROTOCOL_TCP, 80},  {PROTOCOL_TCP, 8080}, {PROTOCOL_TCP, 65535},  {PROTOCOL_UDP, 53},
	{PROTOCOL_SCTP, 80}, {PROTOCOL_ICMP, 8},   {PROTOCOL_ICMPV6, 128},
};

#define PARTIES  (sizeof(everybody) / sizeof(*everybody))
#define SERVICES (sizeof(services) / sizeof(*services))
#define SUBJECTS 2

static struct label_set labels[PARTIES];

static struct label_set read_labels(size_t who)
{
	json_t *array = json_loads(everybody[who].labels, 0, NULL);
	struct label_set set;

	must(!label_set_read(array, &set, NULL));
	json_decref(array);
	return set;
}

static struct world *small_world(void)
{
	struct world *world = world_new();

	for (size_t i = 0; i < PARTIES; i++) {
		struct label_set own = read_labels(i);

		if (!labels[i].count)
			labels[i] = read_labels(i);
		world_add(world, everybody[i].identity, &own);
	}
	return world;
}

static struct policy_party party(size_t who)
{
	struct policy_party party = {.labels = &labels[who], .identity = everybody[who].identity};

	must(!addr_parse(everybody[who].addr, &party.addr));
	return party;
}

static void compare(const struct policy_list *list, const struct policy_set *set, size_t subject)
{
	for (size_t i = 0; i < PARTIES * SERVICES * POLICY_DIRECTIONS; i++) {
		size_t service = i / POLICY_DIRECTIONS % SERVICES;
		const struct policy_question question = {.direction = i % POLICY_DIRECTIONS,
		                                         .subject = party(subject),
		                                         .peer = party(i / POLICY_DIRECTIONS / SERVICES),
		                                         .protocol = services[service].protocol,
		                                         .port = services[service].port};

		must(policy_evaluate(list, &question).verdict == answer_of(set, &question));
	}
}

static void compile(const struct policy_list *list, const struct world *world, size_t subject)
{
	struct policy_list about = {};
	struct policy_set set;

	for (size_t i = 0; i < list->count; i++)
		if (policy_selects(list->policies[i], &labels[subject]))
			policy_list_add(&about, list->policies[i]);
	policy_compile(&about, &(struct policy_subject){.labels = &labels[subject]}, world, &set);
	compare(list, &set, subject);
	policy_set_clear(&set);
	free(about.policies);
}

static void look_up_all(const struct policy_list *list)
{
	struct world *world = small_world();

	for (size_t i = 0; i < list->count; i++)
		world_enter(world, list->policies[i]);
	for (size_t subject = 0; subject < SUBJECTS; subject++)
		compile(list, world, subject);
	for (size_t i = 0; i < list->count; i++) {
		char *text = selector_format(&list->policies[i]->subject);

		must(text);
		free(text);
		world_leave(world, list->policies[i]);
	}
	world_free(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_list list = {};
	struct problems problems = {};
	int result;

	result = policy_parse("policy.yaml", (const char *)data, size, &list, &problems);
	must(!result == !problems.count);
	must(!result || !list.count);
	for (size_t i = 0; i < problems.count; i++)
		must(!strncmp(problems.texts[i], "policy.yaml", strlen("policy.yaml")));
	look_up_all(&list);
	problems_clear(&problems);
	policy_list_clear(&list);
	return 0;
}
