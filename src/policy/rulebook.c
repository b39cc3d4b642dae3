/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers ascend, so the book is an array in their order. Each agent's begin somewhere else: what an earlier one wrote
 * into the maps is not mistaken for this one's. There are enough for a thousand a second for three weeks.
 */
#include "policy/rulebook.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/memory.h"

#define REMEMBERED (60 * NS_PER_SECOND)

struct page {
	struct policy *policy;
	uint64_t retired; /* when, by clock_now; 0: in force */
};

struct rulebook {
	struct page *pages;
	size_t count, room;
	uint32_t next;
};

struct rulebook *rulebook_new(void)
{
	struct rulebook *book = xnew(struct rulebook);

	if (getrandom(&book->next, sizeof(book->next), 0) != sizeof(book->next))
		book->next = 0;
	book->next = RULE_FIRST + book->next / 2;
	return book;
}

void rulebook_free(struct rulebook *book)
{
	if (!book)
		return;
	for (size_t i = 0; i < book->count; i++)
		policy_free(book->pages[i].policy);
	free(book->pages);
	free(book);
}

/* Frees what was retired long enough ago. */
static void forget(struct rulebook *book)
{
	uint64_t now = clock_now();
	size_t kept = 0;

	for (size_t i = 0; i < book->count; i++) {
		const struct page page = book->pages[i];

		if (page.retired && now - page.retired > REMEMBERED)
			policy_free(page.policy);
		else
			book->pages[kept++] = page;
	}
	book->count = kept;
}

void rulebook_enter(struct rulebook *book, struct policy *policy)
{
	if (book->count == book->room) {
		forget(book);
		book->room = book->count * 2 + 64;
		book->pages = xrealloc(book->pages, book->room * sizeof(*book->pages));
	}
	policy->first_rule = book->next;
	book->next += policy->rule_count;
	book->pages[book->count++] = (struct page){.policy = policy};
}

/* The last page whose policy begins at or before the number; NULL: none. Pages without rules are passed over. */
static struct page *page_of(const struct rulebook *book, uint32_t number)
{
	size_t low = 0, high = book->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (book->pages[middle].policy->first_rule <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &book->pages[low - 1] : NULL;
}

void rulebook_retire(struct rulebook *book, struct policy *policy)
{
	for (size_t i = 0; i < book->count; i++)
		if (book->pages[i].policy == policy)
			book->pages[i].retired = clock_now();
}

static bool find_own(uint32_t number, struct rule_facts *ret)
{
	static const struct rule_facts host = {
		.direction = POLICY_INGRESS, .name = "allow-localhost", .path = "the host may reach its pods"};

	if (number == RULE_HOST)
		*ret = host;
	return number == RULE_HOST;
}

bool rulebook_find(const struct rulebook *book, uint32_t number, struct rule_facts *ret)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;
	const struct page *page = page_of(book, number);
	const struct policy *policy = page ? page->policy : NULL;
	const struct policy_rule *rule;

	if (!policy || number - policy->first_rule >= policy->rule_count)
		return find_own(number, ret);
	rule = &policy->rules[number - policy->first_rule];
	*ret = (struct rule_facts){
		.direction = rule->direction,
		.deny = rule->deny,
		.kind = kinds[policy->kind],
		.space = policy->space,
		.name = policy->name,
		.path = rule->path,
	};
	return true;
}
