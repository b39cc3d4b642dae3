/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as people write them, and what they mean.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "policy/evaluate.h"
#include "policy/parse.h"

#define HEAD(version, kind) "apiVersion: " version "\nkind: " kind "\nmetadata: {name: p, namespace: shop}\nspec:\n"
#define KUBERNETES          HEAD("networking.k8s.io/v1", "NetworkPolicy")
#define CILIUM              HEAD("cilium.io/v2", "CiliumNetworkPolicy")
#define WEB                 "  podSelector: {matchLabels: {app: web}}\n"
#define WEB_CILIUM          "  endpointSelector: {matchLabels: {app: web}}\n"

static struct policy_list list;
static struct problems problems;

static int clear(void **state)
{
	policy_list_clear(&list);
	problems_clear(&problems);
	return 0;
}

static void parse(const char *text)
{
	clear(NULL);
	if (policy_parse("p.yaml", text, strlen(text), &list, &problems))
		fail_msg("%s", problems.texts[0]);
}

/* ── who is there ── */

struct pod {
	const char *labels, *addr;
	uint32_t identity;
};

static const struct pod web = {"[\"k8s:app=web\", \"k8s:io.kubernetes.pod.namespace=shop\", \"port:http=8080/TCP\"]",
                               "10.0.0.1", 1001},
			client = {"[\"k8s:app=client\", \"k8s:tier=front\", \"k8s:io.kubernetes.pod.namespace=shop\"]",
                                  "10.0.0.2", 1002},
			stranger = {"[\"k8s:app=client\", \"k8s:io.kubernetes.pod.namespace=other\","
                                    " \"k8s:io.cilium.k8s.namespace.labels.team=blue\"]",
                                    "10.0.0.3", 1003},
			world = {"[\"reserved:world\"]", "192.0.2.7", IDENTITY_WORLD},
			host = {"[\"reserved:host\"]", "10.0.0.254", IDENTITY_HOST};

static struct label_set labels_of(const struct pod *pod)
{
	json_t *array = json_loads(pod->labels, 0, NULL);
	struct label_set labels = {};

	assert_int_equal(label_set_read(array, &labels, NULL), 0);
	json_decref(array);
	return labels;
}

static enum policy_verdict ask(enum policy_direction direction, const struct pod *subject, const struct pod *peer,
                               uint8_t protocol, uint16_t port)
{
	struct label_set own = labels_of(subject), others = labels_of(peer);
	struct policy_question question = {
		.direction = direction,
		.subject = {.labels = &own, .identity = subject->identity},
		.peer = {.labels = &others, .identity = peer->identity},
		.protocol = protocol,
		.port = port,
	};
	enum policy_verdict verdict;

	assert_int_equal(addr_parse(subject->addr, &question.subject.addr), 0);
	assert_int_equal(addr_parse(peer->addr, &question.peer.addr), 0);
	verdict = policy_evaluate(&list, &question).verdict;
	label_set_clear(&own);
	label_set_clear(&others);
	return verdict;
}

#define assert_into(verdict, peer, protocol, port) \
	assert_int_equal(ask(POLICY_INGRESS, &web, &(peer), PROTOCOL_##protocol, port), POLICY_##verdict)
#define assert_out_to(verdict, peer, protocol, port) \
	assert_int_equal(ask(POLICY_EGRESS, &web, &(peer), PROTOCOL_##protocol, port), POLICY_##verdict)

/* ── NetworkPolicy ── */

static void none_enforces_nothing(void **state)
{
	parse("");
	assert_into(NOT_ENFORCED, client, TCP, 80);
}

static void types_unsaid_close_ingress(void **state)
{
	parse(KUBERNETES WEB);
	assert_into(NOT_ALLOWED, client, TCP, 80);
	assert_out_to(NOT_ENFORCED, client, TCP, 80);
	assert_int_equal(ask(POLICY_INGRESS, &client, &web, PROTOCOL_TCP, 80), POLICY_NOT_ENFORCED);
	parse(KUBERNETES WEB "  egress: []\n");
	assert_out_to(NOT_ENFORCED, client, TCP, 80);
	parse(KUBERNETES WEB "  egress: [{}]\n");
	assert_out_to(ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
}

static void rules_of_an_unsaid_type_mean_nothing(void **state)
{
	parse(KUBERNETES WEB "  policyTypes: [Egress]\n  ingress: [{}]\n");
	assert_int_equal(list.policies[0]->rule_count, 0);
	assert_into(NOT_ENFORCED, client, TCP, 80);
	assert_out_to(NOT_ALLOWED, client, TCP, 80);
}

static void an_empty_pod_selector_is_all_of_the_namespace(void **state)
{
	parse(KUBERNETES "  podSelector: {}\n  ingress: [{from: [{podSelector: {}}]}]\n");
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, world, TCP, 80);
	assert_into(NOT_ALLOWED, host, TCP, 80);
	assert_int_equal(ask(POLICY_INGRESS, &stranger, &web, PROTOCOL_TCP, 80), POLICY_NOT_ENFORCED);
}

static void namespaces_are_selected_with_and_without_pods(void **state)
{
	parse(KUBERNETES WEB "  ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]\n");
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse(KUBERNETES WEB "  ingress: [{from: [{namespaceSelector: {}}]}]\n");
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, world, TCP, 80);
	parse(KUBERNETES WEB
	      "  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}},"
	      " podSelector: {matchLabels: {app: web}}}]}]\n");
	assert_into(NOT_ALLOWED, stranger, TCP, 80);
	parse(KUBERNETES WEB
	      "  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}},"
	      " {podSelector: {matchLabels: {tier: front}}}]}]\n");
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(ALLOWED, client, TCP, 80);
}

static void every_operator_of_expressions(void **state)
{
	static const struct {
		const char *expression;
		enum policy_verdict client, stranger;
	} cases[] = {
		{"{key: tier, operator: In, values: [back, front]}", POLICY_ALLOWED, POLICY_NOT_ALLOWED},
		{"{key: tier, operator: NotIn, values: [front]}", POLICY_NOT_ALLOWED, POLICY_ALLOWED},
		{"{key: tier, operator: Exists}", POLICY_ALLOWED, POLICY_NOT_ALLOWED},
		{"{key: tier, operator: DoesNotExist}", POLICY_NOT_ALLOWED, POLICY_ALLOWED},
	};
	char text[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text),
		         KUBERNETES WEB "  ingress: [{from: [{namespaceSelector: {}, podSelector: {matchExpressions: "
		                        "[%s]}}]}]\n",
		         cases[i].expression);
		parse(text);
		assert_int_equal(ask(POLICY_INGRESS, &web, &client, PROTOCOL_TCP, 80), cases[i].client);
		assert_int_equal(ask(POLICY_INGRESS, &web, &stranger, PROTOCOL_TCP, 80), cases[i].stranger);
	}
}

static void blocks_cover_pods_nodes_and_world(void **state)
{
	parse(KUBERNETES WEB "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.3/32]}}]}]\n");
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(ALLOWED, host, TCP, 80);
	assert_into(NOT_ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, world, TCP, 80);
	/* An exception is one of its own block only. */
	parse(KUBERNETES WEB "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24, except: [10.0.0.0/25]}},"
	                     " {ipBlock: {cidr: 10.0.0.2/32}}]}]\n");
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, stranger, TCP, 80);
}

static void ports_of_each_kind(void **state)
{
	parse(KUBERNETES WEB
	      "  ingress: [{ports: [{port: 80}, {port: 8000, endPort: 8010, protocol: UDP}, {protocol: SCTP},"
	      " {port: http}]}]\n");
	assert_into(ALLOWED, world, TCP, 80);
	assert_into(NOT_ALLOWED, world, UDP, 80);
	assert_into(NOT_ALLOWED, world, UDP, 7999);
	assert_into(ALLOWED, world, UDP, 8000);
	assert_into(ALLOWED, world, UDP, 8010);
	assert_into(NOT_ALLOWED, world, UDP, 8011);
	assert_into(ALLOWED, world, SCTP, 1);
	assert_into(ALLOWED, world, TCP, 8080);
	assert_into(NOT_ALLOWED, world, TCP, 8081);
	assert_into(NOT_ALLOWED, world, ICMP, 8);
}

/* ── cilium.io ── */

static void an_empty_rule_closes_and_allows_nothing(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{}]\n");
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEndpoints: []}]\n");
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: []\n");
	assert_into(NOT_ENFORCED, client, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]\n");
	assert_into(ALLOWED, world, TCP, 80);
	assert_into(NOT_ALLOWED, world, TCP, 81);
}

static void endpoints_are_of_the_namespace_unless_said(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]\n");
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, stranger, TCP, 80);
	parse(CILIUM WEB_CILIUM
	      "  ingress: [{fromEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': other}}]}]\n");
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse("apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: all}\nspec:\n"
	      "  endpointSelector: {}\n  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]\n");
	assert_into(ALLOWED, client, TCP, 80);
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, host, TCP, 80);
}

static void no_ports_at_all_open_nothing(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{toPorts: []}]\n");
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: [{icmps: []}]\n");
	assert_into(NOT_ALLOWED, client, ICMP, 8);
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEndpoints: [{}], toPorts: []}]\n");
	assert_into(ALLOWED, client, TCP, 80);
}

static void a_policy_rules_its_own_namespace_only(void **state)
{
	parse(CILIUM
	      "  endpointSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': other}}\n  ingress: [{}]\n");
	assert_int_equal(ask(POLICY_INGRESS, &stranger, &client, PROTOCOL_TCP, 80), POLICY_NOT_ENFORCED);
	parse(CILIUM "  endpointSelector: {matchLabels: {'k8s:io.cilium.k8s.namespace.labels.team': blue}}\n"
	             "  ingress: [{}]\n");
	assert_int_equal(ask(POLICY_INGRESS, &stranger, &client, PROTOCOL_TCP, 80), POLICY_NOT_ENFORCED);
}

static void a_namespace_has_its_name_for_a_label(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEndpoints: [{matchLabels: "
	                        "{'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name': other}}]}]\n");
	assert_into(ALLOWED, stranger, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
}

static void entities(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEntities: [world]}]\n");
	assert_into(ALLOWED, world, TCP, 80);
	assert_into(NOT_ALLOWED, host, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEntities: [cluster]}]\n");
	assert_into(NOT_ALLOWED, world, TCP, 80);
	assert_into(ALLOWED, host, TCP, 80);
	assert_into(ALLOWED, stranger, TCP, 80);
	parse(CILIUM WEB_CILIUM "  ingress: [{fromEntities: [all]}]\n");
	assert_into(ALLOWED, world, ICMP, 8);
}

static void cidr_rules_are_about_the_world(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{fromCIDR: [0.0.0.0/0]}, {fromCIDRSet: [{cidr: 10.0.0.0/8}]}]\n");
	assert_into(ALLOWED, world, TCP, 80);
	assert_into(NOT_ALLOWED, client, TCP, 80);
	assert_into(NOT_ALLOWED, host, TCP, 80);
}

static void a_denial_is_the_last_word(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingressDeny: [{fromEndpoints: [{matchLabels: {app: client}}],"
	                        " toPorts: [{ports: [{port: '80'}]}]}]\n"
	                        "  ingress: [{fromEntities: [all]}]\n");
	assert_into(DENIED, client, TCP, 80);
	assert_into(DENIED, client, UDP, 80);
	assert_into(ALLOWED, client, TCP, 81);
	assert_into(ALLOWED, client, ICMP, 8);
	assert_into(ALLOWED, stranger, TCP, 80);
}

static void default_deny_can_be_off(void **state)
{
	parse(CILIUM WEB_CILIUM "  enableDefaultDeny: {ingress: false}\n"
	                        "  ingressDeny: [{fromEntities: [world]}]\n");
	assert_into(DENIED, world, TCP, 80);
	assert_into(NOT_ENFORCED, client, TCP, 80);
}

static void icmp_types(void **state)
{
	parse(CILIUM WEB_CILIUM "  ingress: [{icmps: [{fields: [{type: EchoRequest}, {type: 129, family: IPv6}]}]}]\n");
	assert_into(ALLOWED, client, ICMP, 8);
	assert_into(NOT_ALLOWED, client, ICMP, 0);
	assert_into(ALLOWED, client, ICMPV6, 129);
	assert_into(NOT_ALLOWED, client, ICMPV6, 128);
	assert_into(NOT_ALLOWED, client, TCP, 8);
}

/* ── files ── */

static void documents_and_lists(void **state)
{
	parse("---\n# nothing\n---\n" KUBERNETES WEB "---\n" CILIUM WEB_CILIUM "  ingress: [{}]\n---\n");
	assert_int_equal(list.count, 2);
	parse("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: "
	      "{name: a},"
	      " spec: {podSelector: {}}}\n- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: "
	      "b}, spec:"
	      " {podSelector: {}}}\n");
	assert_int_equal(list.count, 2);
	assert_string_equal(list.policies[1]->name, "b");
	assert_string_equal(list.policies[1]->space, "default");
	parse("{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\",\n\t\"metadata\": {\"name\": "
	      "\"a\"},\n"
	      "\t\"spec\": {\"podSelector\": {}}}\n");
	assert_int_equal(list.count, 1);
	parse("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: two}\nspecs:\n"
	      "- {endpointSelector: {}, ingress: [{}]}\n- {endpointSelector: {}, egress: [{}]}\n");
	assert_int_equal(list.count, 2);
	assert_string_equal(list.policies[1]->name, "two");
}

static const struct {
	const char *text;
	const char *problems[3];
} WRONG[] = {
	{"a: [", {"p.yaml:2: this is no YAML: did not find expected node content"}},
	{"- 1\n", {"p.yaml:1: must be an object with apiVersion, kind, metadata and spec"}},
	{"kind: Pod\napiVersion: v1\n",
         {"p.yaml:1: is a Pod of v1: only NetworkPolicy of networking.k8s.io/v1, CiliumNetworkPolicy and "
          "CiliumClusterwideNetworkPolicy of cilium.io/v2 are policies"}},
	{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: -x}\nspec:\n"
         "  podSelector: {}\n  ingress: [{from: [{podSelector: {}}]}]\n",
         {"p.yaml:3: metadata.namespace: must be of at most 63 lower case letters, digits and '-', not '-x'"}},
	{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n",
         {"p.yaml:1: metadata is missing", "p.yaml:1: spec is missing"}},
	{KUBERNETES WEB "  igress: []\n", {"p.yaml:6: spec.igress: there is no such field"}},
	{KUBERNETES WEB "  ingress: [{ports: [{port: 0}, {port: 70000}, {port: 80, endPort: 79}]}]\n",
         {"p.yaml:6: spec.ingress[0].ports[0].port: must be a number from 1 to 65535",
          "p.yaml:6: spec.ingress[0].ports[1].port: must be a number from 1 to 65535",
          "p.yaml:6: spec.ingress[0].ports[2].endPort: must be a number from 80 to 65535"}},
	{KUBERNETES WEB "  ingress: [{ports: [{port: http, endPort: 80}, {endPort: 80}, {port: HTTP}]}]\n",
         {"p.yaml:6: spec.ingress[0].ports[0].endPort: a range cannot begin with a port's name",
          "p.yaml:6: spec.ingress[0].ports[1].endPort: a range needs a port to begin with",
          "p.yaml:6: spec.ingress[0].ports[2].port: must be a number from 1 to 65535, or a name of at most 15 lower "
          "case "
          "letters, digits and '-', not 'HTTP'"}},
	{KUBERNETES WEB "  ingress: [{ports: [{protocol: tcp}]}]\n",
         {"p.yaml:6: spec.ingress[0].ports[0].protocol: must be TCP, UDP or SCTP, not 'tcp'"}},
	{KUBERNETES WEB "  ingress: [{from: [{}]}]\n",
         {"p.yaml:6: spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock"}},
	{KUBERNETES WEB "  ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]\n",
         {"p.yaml:6: spec.ingress[0].from[0]: ipBlock stands alone: give podSelector and namespaceSelector an element "
          "of "
          "their own"}},
	{KUBERNETES WEB
         "  egress: [{to: [{ipBlock: {cidr: 10.0.0.1/8}}, {ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]\n",
         {"p.yaml:6: spec.egress[0].to[0].ipBlock.cidr: must be a prefix like 10.0.0.0/8 or fd00::/8, with no bits set "
          "behind "
          "it, not '10.0.0.1/8'",
          "p.yaml:6: spec.egress[0].to[1].ipBlock.except[0]: 11.0.0.0/16 is no part of 10.0.0.0/8"}},
	{KUBERNETES
         "  podSelector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [c]},"
         " {operator: Is, key: d}]}\n",
         {"p.yaml:5: spec.podSelector.matchExpressions[0]: the operators In and NotIn need values",
          "p.yaml:5: spec.podSelector.matchExpressions[1]: the operators Exists and DoesNotExist take no values",
          "p.yaml:5: spec.podSelector.matchExpressions[2].operator: must be In, NotIn, Exists or DoesNotExist, not "
          "'Is'"}},
	{KUBERNETES "  podSelector: {}\n  podSelector: {}\n", {"p.yaml:6: spec.podSelector: is there twice"}},
	{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: Web_1}\nspec: {podSelector: {}}\n",
         {"p.yaml:3: metadata.name: must be of lower case letters, digits, '-' and '.', not 'Web_1'"}},
	{"apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: a, namespace: b}\nspec:"
         " {endpointSelector: {}}\n",
         {"p.yaml:3: metadata.namespace: a clusterwide policy is in no namespace"}},
	{CILIUM "  ingress: []\n", {"p.yaml:4: spec: endpointSelector is missing"}},
	{CILIUM WEB_CILIUM "  egress: [{toFQDNs: [{matchName: a.b}]}, {toServices: []}]\n",
         {"p.yaml:6: spec.egress[0].toFQDNs: not supported yet: toFQDNs",
          "p.yaml:6: spec.egress[1].toServices: not supported yet: toServices"}},
	{CILIUM WEB_CILIUM "  ingress: [{toPorts: [{ports: [{port: '80'}], rules: {http: [{}]}}]}]\n",
         {"p.yaml:6: spec.ingress[0].toPorts[0].rules: not supported yet: rules"}},
	{CILIUM WEB_CILIUM "  ingress: [{toPorts: [{ports: []}]}, {icmps: [{fields: []}]}]\n",
         {"p.yaml:6: spec.ingress[0].toPorts[0].ports: needs at least one element",
          "p.yaml:6: spec.ingress[1].icmps[0].fields: needs at least one element"}},
	{CILIUM WEB_CILIUM "  ingress: [{fromEntities: [moon]}, {icmps: [{fields: [{type: Ping}]}]}]\n",
         {"p.yaml:6: spec.ingress[0].fromEntities[0]: must be all, cluster, world, host, remote-node, health, init, "
          "unmanaged, kube-apiserver or none, not 'moon'",
          "p.yaml:6: spec.ingress[1].icmps[0].fields[0].type: there is no ICMP type 'Ping' in this family"}},
};

static void every_problem_has_its_place(void **state)
{
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		size_t count = 0;

		clear(NULL);
		assert_int_equal(policy_parse("p.yaml", WRONG[i].text, strlen(WRONG[i].text), &list, &problems),
		                 -EINVAL);
		for (; count < 3 && WRONG[i].problems[count]; count++) {
			assert_true(count < problems.count);
			assert_string_equal(problems.texts[count], WRONG[i].problems[count]);
		}
		assert_int_equal(problems.count, count);
		assert_int_equal(list.count, 0);
	}
}

static const char *many(const char *part)
{
	static char text[8192];

	text[0] = '\0';
	for (size_t i = 0; i < 150; i++)
		strcat(text, part);
	return text;
}

/* A small file, of 150 rules of 150 peers of 150 requirements. */
static void aliases_make_no_file_endless(void **state)
{
	static const char round[] =
		"apiVersion: v1\nkind: List\nitems: &all\n- {apiVersion: v1, kind: List, items: *all}\n";
	char text[32768] = KUBERNETES WEB "  ingress:\n  - from: &peers\n    - podSelector: {matchExpressions: &all [";

	assert_int_equal(policy_parse("p.yaml", round, strlen(round), &list, &problems), -EINVAL);
	assert_string_equal(problems.texts[0],
	                    "p.yaml:4: items[0]: is a List of v1: only NetworkPolicy of networking.k8s.io/v1, "
	                    "CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy of cilium.io/v2 are policies");
	clear(NULL);
	strcat(text, "&one {key: a, operator: Exists}");
	strcat(text, many(", *one"));
	strcat(text, "]}\n");
	strcat(text, many("    - podSelector: {matchExpressions: *all}\n"));
	strcat(text, many("  - from: *peers\n"));
	assert_int_equal(policy_parse("p.yaml", text, strlen(text), &list, &problems), -EINVAL);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.texts[0], "is too much: aliases make the file mean a far longer one"));
}

/* What is right in a wrong file is not taken either, and what was there stays. */
static void a_file_is_taken_whole_or_not_at_all(void **state)
{
	static const char text[] = KUBERNETES WEB "---\nkind: Pod\napiVersion: v1\n";

	parse(KUBERNETES WEB);
	assert_int_equal(policy_parse("p.yaml", text, strlen(text), &list, &problems), -EINVAL);
	assert_int_equal(list.count, 1);
}

static void the_rule_that_decides_is_named(void **state)
{
	struct label_set own, others;
	struct policy_answer answer;

	parse(KUBERNETES WEB
	      "  ingress:\n  - from: [{podSelector: {}}]\n    ports: [{port: 80}]\n  - ports: [{port: 81}]\n");
	own = labels_of(&web);
	others = labels_of(&client);
	answer = policy_evaluate(&list, &(struct policy_question){.direction = POLICY_INGRESS,
	                                                          .subject = {.labels = &own},
	                                                          .peer = {.labels = &others},
	                                                          .protocol = PROTOCOL_TCP,
	                                                          .port = 81});
	assert_ptr_equal(answer.policy, list.policies[0]);
	assert_int_equal(answer.rule->line, 9);
	assert_string_equal(answer.rule->path, "spec.ingress[1]");
	label_set_clear(&own);
	label_set_clear(&others);
}

static void selectors_read_back(void **state)
{
	char *text;

	parse(CILIUM "  endpointSelector: {matchLabels: {'k8s:app': web}, matchExpressions: [{key: tier, operator: "
	             "NotIn, values: [a, b]},"
	             " {key: old, operator: DoesNotExist}, {key: new, operator: Exists}]}\n  ingress: [{}]\n");
	text = selector_format(&list.policies[0]->subject);
	assert_string_equal(text, "k8s:app=web, tier notin (a, b), !old, new, k8s:io.kubernetes.pod.namespace=shop");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(none_enforces_nothing, clear),
		cmocka_unit_test_teardown(types_unsaid_close_ingress, clear),
		cmocka_unit_test_teardown(rules_of_an_unsaid_type_mean_nothing, clear),
		cmocka_unit_test_teardown(an_empty_pod_selector_is_all_of_the_namespace, clear),
		cmocka_unit_test_teardown(namespaces_are_selected_with_and_without_pods, clear),
		cmocka_unit_test_teardown(every_operator_of_expressions, clear),
		cmocka_unit_test_teardown(blocks_cover_pods_nodes_and_world, clear),
		cmocka_unit_test_teardown(ports_of_each_kind, clear),
		cmocka_unit_test_teardown(an_empty_rule_closes_and_allows_nothing, clear),
		cmocka_unit_test_teardown(endpoints_are_of_the_namespace_unless_said, clear),
		cmocka_unit_test_teardown(no_ports_at_all_open_nothing, clear),
		cmocka_unit_test_teardown(a_policy_rules_its_own_namespace_only, clear),
		cmocka_unit_test_teardown(a_namespace_has_its_name_for_a_label, clear),
		cmocka_unit_test_teardown(entities, clear),
		cmocka_unit_test_teardown(cidr_rules_are_about_the_world, clear),
		cmocka_unit_test_teardown(a_denial_is_the_last_word, clear),
		cmocka_unit_test_teardown(default_deny_can_be_off, clear),
		cmocka_unit_test_teardown(icmp_types, clear),
		cmocka_unit_test_teardown(documents_and_lists, clear),
		cmocka_unit_test_teardown(every_problem_has_its_place, clear),
		cmocka_unit_test_teardown(aliases_make_no_file_endless, clear),
		cmocka_unit_test_teardown(a_file_is_taken_whole_or_not_at_all, clear),
		cmocka_unit_test_teardown(the_rule_that_decides_is_named, clear),
		cmocka_unit_test_teardown(selectors_read_back, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
