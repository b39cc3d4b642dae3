/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of rules that both languages have: where they stand, addresses and ports.
 */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "policy/parse_internal.h"

#define PORT_NAME_MAX 15

struct policy_rule *parse_add_rule(const struct place *place, const struct rule_reader *reader)
{
	struct policy_rule *rule = policy_add_rule(reader->policy, reader->direction, reader->deny);

	rule->line = place_line(place);
	rule->path = place_path(place);
	return rule;
}

bool parse_cidr(const struct place *place, const struct prefix *around, struct prefix *ret)
{
	const char *text = place_text(place);
	char outer[PREFIX_TEXT_MAX];

	if (!text)
		return false;
	if (prefix_parse(text, ret)) {
		place_problem(place,
		              "must be a prefix like 10.0.0.0/8 or fd00::/8, with no bits set behind it, not '%s'",
		              text);
		return false;
	}
	if (around && (!prefix_contains(around, &ret->addr) || ret->bits <= around->bits)) {
		place_problem(place, "%s is no part of %s", text, prefix_format(around, outer));
		return false;
	}
	return true;
}

static bool is_port_name(const char *text)
{
	size_t length = strlen(text);
	bool letter = false;

	if (!length || length > PORT_NAME_MAX || text[0] == '-' || text[length - 1] == '-' || strstr(text, "--"))
		return false;
	for (; *text; text++) {
		letter |= islower((unsigned char)*text);
		if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) && *text != '-')
			return false;
	}
	return letter;
}

bool parse_port_name(const struct place *place, struct policy_port *port)
{
	const char *text = place_text(place);

	if (!text)
		return false;
	if (!is_port_name(text)) {
		place_problem(
			place,
			"must be a number from 1 to 65535, or a name of at most %d lower case letters, digits and '-', "
			"not '%s'",
			PORT_NAME_MAX, text);
		return false;
	}
	port->name = xstrdup(text);
	return true;
}

void parse_end_port(const struct place *place, struct policy_port *port)
{
	unsigned long last;

	if (port->name)
		place_problem(place, "a range cannot begin with a port's name");
	else if (!port->first)
		place_problem(place, "a range needs a port to begin with");
	else if (place_number(place, port->first, UINT16_MAX, &last))
		port->last = (uint16_t)last;
}
