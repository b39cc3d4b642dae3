/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies say, in words: as the programs told it, or as the policies themselves have it where another node's
 * programs will be asked.
 */
#include <stdarg.h>
#include <string.h>

#include "abi/drop.h"
#include "agent/why/internal.h"
#include "base/memory.h"

static const char *const directions[] = POLICY_DIRECTION_NAMES;

json_t *walk_tell(struct walk *walk, json_t *decision, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	json_object_set_new(decision, "text", json_vsprintf(format, arguments));
	va_end(arguments);
	json_array_append_new(walk->decisions, decision);
	return decision;
}

/* One policy's say, wherever it was asked. */
struct say {
	enum party_end end;
	bool by_programs;
	enum verdict_action action;
	const char *match; /* "L3-L4"; "none": no rule decided */
	uint32_t rule;     /* its number; 0: not known */
	bool found;        /* and the rule itself: */
	struct rule_facts facts;
};

static const struct party *party_of(const struct walk *walk, enum party_end end)
{
	return end == END_SOURCE ? walk->source : walk->destination;
}

static enum policy_direction direction_of(enum party_end end)
{
	return end == END_SOURCE ? POLICY_EGRESS : POLICY_INGRESS;
}

static json_t *rule_to_json(const struct say *say)
{
	const struct rule_facts *facts = &say->facts;

	if (!say->found)
		return json_null();
	return json_pack("{s:s?, s:s?, s:s?, s:s?}", "kind", facts->kind, "namespace", facts->space, "name",
	                 facts->name, "path", facts->path);
}

/* "by spec.ingress[0] of NetworkPolicy default/web" */
static char *rule_text(const struct say *say)
{
	const struct rule_facts *facts = &say->facts;

	if (!say->found)
		return xasprintf("by rule %u", say->rule);
	if (!facts->kind)
		return xasprintf("as %s", facts->path);
	return xasprintf("by %s of %s %s%s%s", facts->path, facts->kind, facts->space ?: "", facts->space ? "/" : "",
	                 facts->name);
}

/* "allowed: no policy closes it" */
static char *action_text(const struct say *say)
{
	static const char *const words[] = {
		[VERDICT_ALLOW] = "allowed",
		[VERDICT_DENY] = "denied",
		[VERDICT_AUDIT] = "denied, but only audited, so it passes,",
	};
	_cleanup_free_ char *rule = rule_text(say);

	if (strcmp(say->match, "none"))
		return xasprintf("%s %s", words[say->action], rule);
	return say->action == VERDICT_ALLOW
	               ? xstrdup("allowed: no policy closes it")
	               : xasprintf("%s: policies close it, and no rule allows this", words[say->action]);
}

static void refuse(struct walk *walk, json_t *decision, const struct say *say)
{
	bool by_rule = strcmp(say->match, "none");

	if (say->action != VERDICT_DENY || walk->refusal)
		return;
	json_object_set_new(decision, "reason",
	                    json_string(drop_reason_text(by_rule ? DROP_POLICY_DENY : DROP_POLICY_DENIED)));
	walk->refusal = decision;
}

static void tell(struct walk *walk, const struct say *say)
{
	static const char *const actions[] = {
		[VERDICT_ALLOW] = "allow", [VERDICT_DENY] = "deny", [VERDICT_AUDIT] = "audit"};
	const struct party *party = party_of(walk, say->end);
	_cleanup_free_ char *action = action_text(say);
	json_t *decision = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:I, s:o}", "kind", "policy", "by",
	                             say->by_programs ? "programs" : "policies", "node", party->node, "of", party->name,
	                             "direction", directions[direction_of(say->end)], "verdict", actions[say->action],
	                             "match", say->match, "rule", (json_int_t)say->rule, "policy", rule_to_json(say));

	walk->judged[say->end] = true;
	if (say->by_programs)
		walk_tell(walk, decision, "%s of %s: %s", directions[direction_of(say->end)], party->name, action);
	else
		walk_tell(walk, decision, "%s of %s, asked on %s: %s (by the policies as they are known here)",
		          directions[direction_of(say->end)], party->name, party->node, action);
	refuse(walk, decision, say);
}

static const char *match_name(uint8_t match)
{
	static const char *const names[] = {
#define X(symbol, code, name) [code] = name,
		POLICY_MATCHES(X)
#undef X
	};

	return match < sizeof(names) / sizeof(names[0]) ? names[match] : "none";
}

void verdict_of_event(struct walk *walk, enum party_end end, const struct event *event)
{
	struct say say = {
		.end = end,
		.by_programs = true,
		.action = event->verdict.action,
		.match = match_name(event->verdict.match),
		.rule = event->verdict.rule,
	};

	say.found = say.rule && policies_find_rule(walk->services->policies, say.rule, &say.facts);
	tell(walk, &say);
}

void verdict_not_asked(struct walk *walk, enum party_end end)
{
	const struct party *party = party_of(walk, end);
	const char *direction = directions[direction_of(end)];

	walk->judged[end] = true;
	walk_tell(walk,
	          json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:i, s:n}", "kind", "policy", "by", "programs",
	                    "node", party->node, "of", party->name, "direction", direction, "verdict", "allow", "match",
	                    "none", "rule", 0, "policy"),
	          "%s of %s: allowed: no policy is about it", direction, party->name);
}

/* ── by the policies ── */

/* This node's own identity is "host" only at home. */
static struct policy_party policy_party(const struct party *party, bool at_home)
{
	return (struct policy_party){
		.labels = &party->label_set,
		.identity = party->kind == PARTY_HOST && !at_home ? IDENTITY_REMOTE_NODE : party->identity,
		.addr = party->addr,
	};
}

/* Other nodes are taken to be configured as this one. */
static void say_answer(struct say *say, const struct policy_answer *answer, bool audits)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;
	bool allowed = answer->verdict == POLICY_ALLOWED || answer->verdict == POLICY_NOT_ENFORCED;

	say->action = allowed ? VERDICT_ALLOW : audits ? VERDICT_AUDIT : VERDICT_DENY;
	say->match = answer->rule ? "rule" : "none";
	if (!answer->rule || !answer->policy)
		return;
	say->rule = answer->policy->first_rule + (uint32_t)(answer->rule - answer->policy->rules);
	say->found = true;
	say->facts = (struct rule_facts){
		.kind = kinds[answer->policy->kind],
		.space = answer->policy->space,
		.name = answer->policy->name,
		.path = answer->rule->path,
	};
}

void verdict_of_policies(struct walk *walk, enum party_end end)
{
	const struct party *subject = party_of(walk, end), *peer = party_of(walk, !end);
	const struct policy_question question = {
		.direction = direction_of(end),
		.subject = policy_party(subject, true),
		.peer = policy_party(peer, subject->kind == PARTY_POD),
		.protocol = walk->question->protocol,
		.port = walk->port,
	};
	struct say say = {.end = end};
	struct policy_answer answer;

	policies_evaluate(walk->services->policies, &question, &answer);
	say_answer(&say, &answer, walk->services->config->policy_audit_mode);
	tell(walk, &say);
}
