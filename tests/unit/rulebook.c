/* SPDX-License-Identifier: Apache-2.0 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "policy/parse.h"
#include "policy/rulebook.h"

/* Moved by hand. */
static uint64_t now = 1;

uint64_t __wrap_clock_now(void)
{
	return now;
}

static struct policy_list list;

static void parse(const char *text)
{
	struct problems problems = {};

	assert_int_equal(policy_parse("p.yaml", text, strlen(text), &list, &problems), 0);
}

#define WEB                                                                                      \
	"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web}\nspec:\n"    \
	"  endpointSelector: {}\n  ingress: [{fromEntities: [world]}, {fromEntities: [host]}]\n" \
	"  egressDeny: [{toCIDR: [10.0.0.0/8]}]\n"
#define NOTHING                                                                                \
	"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none}\n" \
	"spec: {podSelector: {}}\n"
#define ALL                                                                                            \
	"---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: all}\n" \
	"spec: {endpointSelector: {}, ingress: [{fromEntities: [all]}]}\n"

static int open_book(void **state)
{
	struct rulebook *book = rulebook_new();

	list = (struct policy_list){};
	parse(WEB NOTHING ALL);
	for (size_t i = 0; i < list.count; i++)
		rulebook_enter(book, list.policies[i]);
	*state = book;
	return 0;
}

static int close_book(void **state)
{
	rulebook_free(*state);
	free(list.policies);
	return 0;
}

static void every_rule_has_its_number(void **state)
{
	const struct policy *web = list.policies[0], *all = list.policies[2];
	struct rule_facts facts;

	assert_true(web->first_rule >= RULE_FIRST);
	assert_true(rulebook_find(*state, web->first_rule + 1, &facts));
	assert_string_equal(facts.kind, "CiliumNetworkPolicy");
	assert_string_equal(facts.space, "default");
	assert_string_equal(facts.name, "web");
	assert_string_equal(facts.path, "spec.ingress[1]");
	assert_false(facts.deny);
	assert_true(rulebook_find(*state, web->first_rule + 2, &facts));
	assert_string_equal(facts.path, "spec.egressDeny[0]");
	assert_int_equal(facts.direction, POLICY_EGRESS);
	assert_true(facts.deny);
	assert_true(rulebook_find(*state, all->first_rule, &facts));
	assert_string_equal(facts.name, "all");
	assert_null(facts.space);
}

static void other_numbers_mean_nothing(void **state)
{
	struct rule_facts facts;

	assert_false(rulebook_find(*state, 0, &facts));
	assert_false(rulebook_find(*state, list.policies[0]->first_rule - 1, &facts));
	assert_false(rulebook_find(*state, list.policies[2]->first_rule + 1, &facts));
}

static void the_agents_own_rule_has_words(void **state)
{
	struct rule_facts facts;

	assert_true(rulebook_find(*state, RULE_HOST, &facts));
	assert_null(facts.kind);
	assert_string_equal(facts.path, "the host may reach its pods");
}

static void rules_that_are_gone_are_remembered_for_a_while(void **state)
{
	uint32_t number = list.policies[0]->first_rule;
	struct rule_facts facts;

	rulebook_retire(*state, list.policies[0]);
	assert_true(rulebook_find(*state, number, &facts));
	now += UINT64_C(3600000000000);
	list.count = 0;
	for (unsigned i = 0; i < 100; i++) {
		parse(ALL);
		rulebook_enter(*state, list.policies[i]);
	}
	assert_false(rulebook_find(*state, number, &facts));
	assert_true(rulebook_find(*state, list.policies[99]->first_rule, &facts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_rule_has_its_number, open_book, close_book),
		cmocka_unit_test_setup_teardown(other_numbers_mean_nothing, open_book, close_book),
		cmocka_unit_test_setup_teardown(the_agents_own_rule_has_words, open_book, close_book),
		cmocka_unit_test_setup_teardown(rules_that_are_gone_are_remembered_for_a_while, open_book, close_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
