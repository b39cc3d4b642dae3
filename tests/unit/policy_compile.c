/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs look up says what the policies mean: thousands of random policies, each asked about everybody, are
 * answered twice, by going through the rules and by looking the compiled lines up as the programs do.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "base/memory.h"
#include "policy/evaluate.h"
#include "policy/parse.h"
#include "policy/rulebook.h"
#include "policy_lookup.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ── who is there ── */

static const struct someone {
	const char *labels, *addr;
	uint32_t identity;
} everybody[] = {
	{"[\"k8s:app=web\", \"k8s:io.kubernetes.pod.namespace=shop\", \"port:http=8080/TCP\"]", "10.0.0.1", 1001},
	{"[\"k8s:app=client\", \"k8s:tier=front\", \"k8s:io.kubernetes.pod.namespace=shop\", \"port:http=80/TCP\"]",
         "10.0.0.2", 1002},
	{"[\"k8s:app=client\", \"k8s:io.kubernetes.pod.namespace=other\"]", "10.0.1.3", 1003},
	{"[\"reserved:host\"]", "10.0.0.254", IDENTITY_HOST},
	{"[\"reserved:remote-node\"]", "10.0.1.254", IDENTITY_REMOTE_NODE},
	{"[\"reserved:world\"]", "10.0.0.77", IDENTITY_WORLD},
	{"[\"reserved:world\"]", "192.0.2.7", IDENTITY_WORLD},
	{"[\"reserved:world\"]", "fd00::7", IDENTITY_WORLD},
};

static struct label_set labels[COUNT(everybody)];
static struct world *world;

static struct label_set read_labels(const char *text)
{
	json_t *array = json_loads(text, 0, NULL);
	struct label_set set;

	assert_int_equal(label_set_read(array, &set, NULL), 0);
	json_decref(array);
	return set;
}

/* Pods are known by their identity. */
static void come(size_t who)
{
	struct label_set set = read_labels(everybody[who].labels);

	world_add(world, everybody[who].identity, &set);
}

static int meet(void **state)
{
	world = world_new();
	for (size_t i = 0; i < COUNT(everybody); i++) {
		labels[i] = read_labels(everybody[i].labels);
	}
	for (size_t i = 0; i < 3; i++)
		come(i);
	return 0;
}

static int part(void **state)
{
	for (size_t i = 0; i < COUNT(everybody); i++)
		label_set_clear(&labels[i]);
	world_free(world);
	return 0;
}

static struct policy_party party(size_t who)
{
	struct policy_party party = {.labels = &labels[who], .identity = everybody[who].identity};

	assert_int_equal(addr_parse(everybody[who].addr, &party.addr), 0);
	return party;
}

/* ── policies at random ── */

static unsigned seed;

static unsigned any(unsigned count)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % count;
}

#define ONE_OF(words) (words)[any(COUNT(words))]

static const char *random_peer(void)
{
	static const char *const peers[] = {
		"fromEndpoints: [{}]",
		"fromEndpoints: [{matchLabels: {app: client}}]",
		"fromEndpoints: [{matchLabels: {app: client, 'k8s:io.kubernetes.pod.namespace': other}}]",
		"fromEndpoints: [{matchExpressions: [{key: tier, operator: DoesNotExist}]}, {matchLabels: {app: web}}]",
		"fromEndpoints: []",
		"fromEntities: [world, remote-node]",
		"fromEntities: [cluster]",
		"fromEntities: [all]",
		"fromCIDR: [10.0.0.0/8]",
		"fromCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/24]}, {cidr: 10.0.0.64/26}]",
		"fromCIDR: [fd00::/8, 192.0.2.7/32]",
		"fromCIDR: ['::/0']",
		"fromCIDRSet: [{cidr: '::/0', except: ['fd00::/16']}]",
		"",
	};

	return ONE_OF(peers);
}

static const char *random_ports(void)
{
	static const char *const ports[] = {
		"toPorts: [{ports: [{port: '80', protocol: TCP}]}]",
		"toPorts: [{ports: [{port: '79', endPort: 8080, protocol: TCP}]}]",
		"toPorts: [{ports: [{port: '64', endPort: 127}, {port: '81', protocol: UDP}]}]",
		"toPorts: [{ports: [{port: '0', protocol: ANY}]}]",
		"toPorts: [{ports: [{port: http, protocol: TCP}]}]",
		"icmps: [{fields: [{type: 8}, {family: IPv6, type: 128}]}]",
		"",
		"",
	};

	return ONE_OF(ports);
}

static const char *random_kubernetes_peer(void)
{
	static const char *const peers[] = {
		"from: [{podSelector: {}}]",
		"from: [{namespaceSelector: {}}]",
		"from: [{ipBlock: {cidr: 10.0.0.0/23, except: [10.0.1.0/24, 10.0.0.2/32]}}]",
		"from: [{ipBlock: {cidr: 0.0.0.0/0}}, {podSelector: {matchLabels: {tier: front}}}]",
		"from: [{ipBlock: {cidr: 10.0.0.0/25, except: [10.0.0.64/26]}}]",
		"from: [{ipBlock: {cidr: '::/0'}}]",
		"from: []",
	};

	return ONE_OF(peers);
}

static char *separated(const char *peers, const char *ports)
{
	return xasprintf("{%s%s%s}", peers, *peers && *ports ? ", " : "", ports);
}

static char *random_rules(const char *name)
{
	char *rules = xasprintf("%s: [", name);

	for (unsigned i = any(3); i < 3; i++) {
		char *rule = separated(random_peer(), random_ports()), *longer = xasprintf("%s%s, ", rules, rule);

		free(rules);
		free(rule);
		rules = longer;
	}
	return rules;
}

/* The same words for both directions. */
static void turn_round(char *text)
{
	for (char *at = text; (at = strstr(at, "from")); at += 2) {
		memcpy(at, "to", 2);
		memmove(at + 2, at + 4, strlen(at + 4) + 1);
	}
}

static char *random_cilium(void)
{
	char *allow = random_rules(any(2) ? "ingress" : "egress"), *deny = NULL, *text;

	if (any(3) == 0)
		deny = random_rules(*allow == 'i' ? "ingressDeny" : "egressDeny");
	text = xasprintf(
		"---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\n"
		"spec:\n  endpointSelector: {matchLabels: {%s}}\n  %s]\n  %s%s\n",
		any(2) ? "app: web" : "", allow, deny ?: "", deny ? "]" : "");
	if (*allow == 'e')
		turn_round(strstr(text, "egress"));
	free(allow);
	free(deny);
	return text;
}

static char *random_kubernetes(void)
{
	bool egress = any(2);
	char *text =
		xasprintf("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: "
	                  "shop}\nspec:\n  podSelector: {}\n  policyTypes: [%s]\n  %s: [{%s, ports: [{port: %s}, "
	                  "{protocol: %s}]}]\n",
	                  egress ? "Egress" : "Ingress", egress ? "egress" : "ingress", random_kubernetes_peer(),
	                  any(2) ? "http" : "80, endPort: 90", any(2) ? "UDP" : "SCTP");

	if (egress)
		turn_round(strstr(text, "egress"));
	return text;
}

static char *random_policies(void)
{
	char *text = xstrdup("");

	for (unsigned i = any(4); i < 4; i++) {
		char *policy = any(3) ? random_cilium() : random_kubernetes(),
		     *longer = xasprintf("%s%s", text, policy);

		free(text);
		free(policy);
		text = longer;
	}
	return text;
}

/* ── both ── */

static const struct {
	uint8_t protocol;
	uint16_t port;
} services[] = {
	{PROTOCOL_TCP, 63},   {PROTOCOL_TCP, 64}, {PROTOCOL_TCP, 79}, {PROTOCOL_TCP, 80},     {PROTOCOL_TCP, 8080},
	{PROTOCOL_TCP, 8081}, {PROTOCOL_UDP, 80}, {PROTOCOL_UDP, 81}, {PROTOCOL_UDP, 65535},  {PROTOCOL_SCTP, 127},
	{PROTOCOL_SCTP, 128}, {PROTOCOL_ICMP, 8}, {PROTOCOL_ICMP, 0}, {PROTOCOL_ICMPV6, 128},
};

/* Of the list, those about the subject; it does not own them. */
static struct policy_list about(const struct policy_list *list, size_t subject)
{
	struct policy_list selected = {};

	for (size_t i = 0; i < list->count; i++)
		if (policy_selects(list->policies[i], &labels[subject]))
			policy_list_add(&selected, list->policies[i]);
	return selected;
}

static struct policy_set compile(const struct policy_list *list, size_t subject)
{
	struct policy_list selected = about(list, subject);
	struct policy_set set;

	policy_compile(&selected, &(struct policy_subject){.labels = &labels[subject]}, world, &set);
	free(selected.policies);
	return set;
}

static void compare_about(const char *text, const struct policy_list *list, size_t subject)
{
	struct policy_set set = compile(list, subject);

	for (size_t i = 0; i < COUNT(everybody) * COUNT(services) * POLICY_DIRECTIONS; i++) {
		size_t peer = i / POLICY_DIRECTIONS / COUNT(services),
		       service = i / POLICY_DIRECTIONS % COUNT(services);
		struct policy_question question = {.direction = i % POLICY_DIRECTIONS,
		                                   .subject = party(subject),
		                                   .peer = party(peer),
		                                   .protocol = services[service].protocol,
		                                   .port = services[service].port};
		enum policy_verdict meant = policy_evaluate(list, &question).verdict;

		if (answer_of(&set, &question) != meant)
			fail_msg("%s of %s with %s, protocol %u, port %u: %d, not %d, by\n%s",
			         question.direction ? "egress" : "ingress", everybody[subject].labels,
			         everybody[peer].addr, question.protocol, question.port, answer_of(&set, &question),
			         meant, text);
	}
	policy_set_clear(&set);
}

static void enter(struct policy_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		list->policies[i]->first_rule = 1000 * (uint32_t)(i + 1);
		world_enter(world, list->policies[i]);
	}
}

static void leave(struct policy_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		world_leave(world, list->policies[i]);
	policy_list_clear(list);
}

/* Calls `look` for policies at random; they have entered. */
static void each_at_random(unsigned last, void (*look)(const char *text, const struct policy_list *list))
{
	for (seed = 1; seed < last; seed++) {
		unsigned start = seed;
		char *text = random_policies();
		struct policy_list list = {};
		struct problems problems = {};

		if (policy_parse("random", text, strlen(text), &list, &problems))
			fail_msg("%s in\n%s", problems.texts[0], text);
		enter(&list);
		look(text, &list);
		leave(&list);
		free(text);
		seed = start;
	}
}

static void compare(const char *text, const struct policy_list *list)
{
	for (size_t subject = 0; subject < 2; subject++)
		compare_about(text, list, subject);
}

static void lines_say_what_policies_mean(void **state)
{
	each_at_random(1500, compare);
}

/* ── one comes later ── */

/* Puts the lines about a pod in the place of those that the set has about it. */
static void replace_lines(struct policy_set *set, const struct policy_line *lines, size_t count, uint32_t peer)
{
	struct policy_line *all = xcalloc(set->count + count, sizeof(*all));
	size_t kept = 0, i;

	for (i = 0; i < set->count && set->lines[i].peer < peer; i++)
		all[kept++] = set->lines[i];
	for (size_t j = 0; j < count; j++)
		all[kept++] = lines[j];
	for (; i < set->count; i++)
		if (set->lines[i].peer != peer)
			all[kept++] = set->lines[i];
	free(set->lines);
	set->lines = all;
	set->count = kept;
}

static void assert_same_set(const struct policy_set *a, const struct policy_set *b, const char *text)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = policy_line_equal(&a->lines[i], &b->lines[i]);
	if (!same)
		fail_msg("%zu lines, not %zu, or others, by\n%s", a->count, b->count, text);
}

static void come_later(const char *text, const struct policy_list *list)
{
	const uint32_t late = everybody[1].identity;
	struct policy_list selected = about(list, 0);
	struct policy_set whole = compile(list, 0), grown;
	struct policy_line *lines;
	size_t count;

	world_remove(world, late);
	grown = compile(list, 0);
	come(1);
	count = policy_compile_peer(&selected, &(struct policy_subject){.labels = &labels[0]}, world, late, &lines);
	replace_lines(&grown, lines, count, late);
	assert_same_set(&grown, &whole, text);
	free(lines);
	free(selected.policies);
	policy_set_clear(&grown);
	policy_set_clear(&whole);
}

static void who_comes_later_makes_no_difference(void **state)
{
	each_at_random(500, come_later);
}

static void the_host_comes_in_where_it_is_closed(void **state)
{
	struct policy_rule rule = {.deny = true, .anybody = true};
	struct policy closes = {.closes = {true, false}}, denies = {.rules = &rule, .rule_count = 1},
		      *policies[] = {&denies, &closes};
	const struct policy_subject subject = {.labels = &labels[0], .host = true};
	struct policy_set set;

	policy_compile(&(struct policy_list){policies, 1}, &subject, world, &set);
	assert_int_equal(set.count, 1);
	assert_true(set.asks[POLICY_INGRESS]);
	assert_false(set.asks[POLICY_EGRESS] || set.closes[POLICY_INGRESS]);
	policy_set_clear(&set);
	policy_compile(&(struct policy_list){policies, 2}, &subject, world, &set);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.lines[1].peer, IDENTITY_HOST);
	assert_false(set.lines[1].deny);
	assert_int_equal(set.lines[1].rule, RULE_HOST);
	policy_set_clear(&set);
}

static void always_closes_what_no_policy_is_about(void **state)
{
	struct policy_set set;

	policy_compile(&(struct policy_list){}, &(struct policy_subject){.always = true}, world, &set);
	assert_int_equal(set.count, 0);
	assert_true(set.closes[POLICY_INGRESS] && set.closes[POLICY_EGRESS]);
	assert_true(set.asks[POLICY_INGRESS] && set.asks[POLICY_EGRESS]);
	policy_set_clear(&set);
}

static void ranges_take_few_prefixes(void **state)
{
	static const struct {
		uint16_t first, last;
		size_t lines;
	} cases[] = {{0, 65535, 1}, {80, 80, 1}, {80, 95, 1}, {1, 65535, 16}, {1024, 65535, 6}, {8000, 8010, 3}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct policy_port port = {.protocol = PROTOCOL_TCP, .first = cases[i].first, .last = cases[i].last};
		struct policy_rule rule = {.anybody = true, .ports = &port, .port_count = 1};
		struct policy policy = {.rules = &rule, .rule_count = 1}, *policies[] = {&policy};
		struct policy_set set;

		policy_compile(&(struct policy_list){policies, 1}, &(struct policy_subject){}, world, &set);
		assert_int_equal(set.count, cases[i].lines);
		policy_set_clear(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_what_policies_mean),
		cmocka_unit_test(who_comes_later_makes_no_difference),
		cmocka_unit_test(the_host_comes_in_where_it_is_closed),
		cmocka_unit_test(always_closes_what_no_policy_is_about),
		cmocka_unit_test(ranges_take_few_prefixes),
	};

	return cmocka_run_group_tests(tests, meet, part);
}
