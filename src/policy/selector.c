/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct requirement *selector_add(struct selector *selector, enum selector_relation relation, const char *source,
                                 const char *key)
{
	struct requirement *requirement;

	selector->requirements =
		xrealloc(selector->requirements, (selector->count + 1) * sizeof(*selector->requirements));
	requirement = &selector->requirements[selector->count++];
	*requirement = (struct requirement){.source = xstrdup(source), .key = xstrdup(key), .relation = relation};
	return requirement;
}

void requirement_add_value(struct requirement *requirement, const char *value)
{
	requirement->values = xrealloc(requirement->values, (requirement->count + 1) * sizeof(*requirement->values));
	requirement->values[requirement->count++] = xstrdup(value);
}

void selector_copy(const struct selector *selector, struct selector *ret)
{
	struct selector copy = {};

	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *from = &selector->requirements[i];
		struct requirement *to = selector_add(&copy, from->relation, from->source, from->key);

		for (size_t j = 0; j < from->count; j++)
			requirement_add_value(to, from->values[j]);
	}
	*ret = copy;
}

static void requirement_clear(struct requirement *requirement)
{
	for (size_t i = 0; i < requirement->count; i++)
		free(requirement->values[i]);
	free(requirement->values);
	free(requirement->source);
	free(requirement->key);
}

void selector_clear(struct selector *selector)
{
	for (size_t i = 0; i < selector->count; i++)
		requirement_clear(&selector->requirements[i]);
	free(selector->requirements);
	*selector = (struct selector){};
}

static bool has_value(const struct requirement *requirement, const char *value)
{
	for (size_t i = 0; i < requirement->count; i++)
		if (!strcmp(requirement->values[i], value))
			return true;
	return false;
}

static bool requirement_holds(const struct requirement *requirement, const struct label_set *labels)
{
	const char *value = label_set_value(labels, requirement->source, requirement->key);

	switch (requirement->relation) {
	case SELECTOR_IN:
		return value && has_value(requirement, value);
	case SELECTOR_NOT_IN:
		return !value || !has_value(requirement, value);
	case SELECTOR_EXISTS:
		return value;
	case SELECTOR_DOES_NOT_EXIST:
		return !value;
	}
	return false;
}

static bool asks_for_reserved(const struct selector *selector)
{
	for (size_t i = 0; i < selector->count; i++)
		if (!strcmp(selector->requirements[i].source, LABEL_SOURCE_RESERVED))
			return true;
	return false;
}

bool selector_matches(const struct selector *selector, const struct label_set *labels)
{
	if (!label_set_is_pod(labels) && !asks_for_reserved(selector))
		return false;
	for (size_t i = 0; i < selector->count; i++)
		if (!requirement_holds(&selector->requirements[i], labels))
			return false;
	return true;
}

static void write_values(FILE *out, const struct requirement *requirement)
{
	for (size_t i = 0; i < requirement->count; i++)
		fprintf(out, "%s%s", i ? ", " : "", requirement->values[i]);
}

static void write_requirement(FILE *out, const struct requirement *requirement)
{
	_cleanup_free_ char *name =
		xasprintf("%s%s%s", requirement->source, *requirement->source ? ":" : "", requirement->key);

	if (requirement->relation == SELECTOR_EXISTS) {
		fputs(name, out);
	} else if (requirement->relation == SELECTOR_DOES_NOT_EXIST) {
		fprintf(out, "!%s", name);
	} else if (requirement->relation == SELECTOR_IN && requirement->count == 1) {
		fprintf(out, "%s=%s", name, requirement->values[0]);
	} else {
		fprintf(out, "%s %s (", name, requirement->relation == SELECTOR_IN ? "in" : "notin");
		write_values(out, requirement);
		fputc(')', out);
	}
}

char *selector_format(const struct selector *selector)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return xstrdup("(out of memory)");
	for (size_t i = 0; i < selector->count; i++) {
		fputs(i ? ", " : "", out);
		write_requirement(out, &selector->requirements[i]);
	}
	fclose(out);
	return text ?: xstrdup("");
}

/* Each text with its length before it. */
static void write_counted(FILE *out, const char *text)
{
	fprintf(out, "%zu:%s", strlen(text), text);
}

char *selector_key(const struct selector *selector)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *requirement = &selector->requirements[i];

		write_counted(out, requirement->source);
		write_counted(out, requirement->key);
		fprintf(out, "%d %zu ", requirement->relation, requirement->count);
		for (size_t j = 0; j < requirement->count; j++)
			write_counted(out, requirement->values[j]);
	}
	fclose(out);
	return text;
}
