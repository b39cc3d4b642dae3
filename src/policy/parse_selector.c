/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LabelSelectors (Kubernetes API): matchLabels and matchExpressions, and what the keys mean in each language.
 */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "policy/parse_internal.h"

#define WORD_MAX_LENGTH 63

struct selector_reader {
	enum selector_keys keys;
	struct selector *selector;
};

/* One of matchExpressions. */
struct expression {
	const struct selector_reader *reader;
	struct place key, values;
	bool has_key, has_values;
	int relation; /* -1: none that could be read */
};

void parse_require_namespace(struct selector *selector, const char *space)
{
	requirement_add_value(selector_add(selector, SELECTOR_IN, LABEL_SOURCE_KUBERNETES, LABEL_NAMESPACE), space);
}

/* A namespace has its name among its labels; pods have it once, as what it is. */
static const char *label_of(const char *key)
{
	return strcmp(key, LABEL_NAMESPACE_LABELS LABEL_NAMESPACE_NAME_ITSELF) ? key : LABEL_NAMESPACE;
}

static struct requirement *require_of_namespace(struct selector *selector, enum selector_relation relation,
                                                const char *key)
{
	_cleanup_free_ char *label = xasprintf("%s%s", LABEL_NAMESPACE_LABELS, key);

	return selector_add(selector, relation, LABEL_SOURCE_KUBERNETES, label_of(label));
}

/* "k8s:app": the source is before the colon; "any" is none. */
static struct requirement *require_with_source(struct selector *selector, enum selector_relation relation,
                                               const char *key)
{
	_cleanup_free_ char *copy = xstrdup(key);
	char *colon = strchr(copy, ':');

	if (!colon)
		return selector_add(selector, relation, "", label_of(key));
	*colon = '\0';
	return selector_add(selector, relation, strcmp(copy, "any") ? copy : "", label_of(colon + 1));
}

static struct requirement *require(const struct selector_reader *reader, enum selector_relation relation,
                                   const char *key)
{
	switch (reader->keys) {
	case KEYS_NAMESPACE:
		return require_of_namespace(reader->selector, relation, key);
	case KEYS_CILIUM:
		return require_with_source(reader->selector, relation, key);
	default:
		return selector_add(reader->selector, relation, LABEL_SOURCE_KUBERNETES, key);
	}
}

/* What a label's value is, and its name without a prefix. */
static bool is_word(const char *text)
{
	size_t length = strlen(text);

	return length && length <= WORD_MAX_LENGTH &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length &&
	       isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[length - 1]);
}

/* No label of Kubernetes could have another: it is a slip of the pen. Elsewhere labels are called anything. */
static bool is_key(const char *key, enum selector_keys keys)
{
	const char *slash = strchr(key, '/');

	if (keys == KEYS_CILIUM)
		return *key;
	return is_word(slash ? slash + 1 : key) && slash != key;
}

static bool check_key(const struct place *place, const char *key, enum selector_keys keys)
{
	if (is_key(key, keys))
		return true;
	place_problem(place, "must be the name of a label, like app or example.org/app, not '%s'", key);
	return false;
}

static const char *read_value(const struct place *place)
{
	const char *value = place_text(place);

	if (!value || !*value || is_word(value))
		return value;
	place_problem(place, "must be at most %d letters, digits, '-', '_' and '.', not '%s'", WORD_MAX_LENGTH, value);
	return NULL;
}

static void read_label(const struct place *place, void *userdata)
{
	const struct selector_reader *reader = userdata;
	const char *value = read_value(place);

	if (check_key(place, place->field, reader->keys) && value)
		requirement_add_value(require(reader, SELECTOR_IN, place->field), value);
}

static void read_labels(const struct place *place, void *userdata)
{
	place_pairs(place, read_label, userdata);
}

static void read_expression_key(const struct place *place, void *userdata)
{
	struct expression *expression = userdata;
	const char *key = place_text(place);

	expression->key = *place;
	expression->has_key = key && check_key(place, key, expression->reader->keys);
}

static void read_operator(const struct place *place, void *userdata)
{
	static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
	struct expression *expression = userdata;

	expression->relation = place_word(place, operators);
}

static void read_values(const struct place *place, void *userdata)
{
	struct expression *expression = userdata;

	expression->values = *place;
	expression->has_values = place->node->type == YAML_SEQUENCE_NODE && !place_is_empty(place);
	if (place->node->type != YAML_SEQUENCE_NODE && !place_is_null(place))
		place_problem(place, "must be a list");
}

static void read_one_of_values(const struct place *place, void *userdata)
{
	const char *value = read_value(place);

	if (value)
		requirement_add_value(userdata, value);
}

static void add_expression(const struct expression *expression)
{
	const char *key = (const char *)expression->key.node->data.scalar.value;
	struct requirement *requirement = require(expression->reader, expression->relation, key);

	if (expression->has_values)
		place_items(&expression->values, read_one_of_values, requirement);
}

static void read_expression(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"key", read_expression_key, .must = true},
		{"operator", read_operator, .must = true},
		{"values", read_values},
		{},
	};
	struct expression expression = {.reader = userdata, .relation = -1};
	bool needs_values;

	place_fields(place, fields, &expression);
	needs_values = expression.relation == SELECTOR_IN || expression.relation == SELECTOR_NOT_IN;
	if (!expression.has_key || expression.relation < 0)
		return;
	if (needs_values && !expression.has_values)
		place_problem(place, "the operators In and NotIn need values");
	else if (!needs_values && expression.has_values)
		place_problem(place, "the operators Exists and DoesNotExist take no values");
	else
		add_expression(&expression);
}

static void read_expressions(const struct place *place, void *userdata)
{
	place_items(place, read_expression, userdata);
}

void parse_selector(const struct place *place, enum selector_keys keys, struct selector *ret)
{
	static const struct place_field fields[] = {
		{"matchLabels", read_labels},
		{"matchExpressions", read_expressions},
		{},
	};
	struct selector_reader reader = {.keys = keys, .selector = ret};

	place_fields(place, fields, &reader);
}
