/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file: one YAML mapping of keys. libyaml's marks give the lines.
 */
#include <errno.h>
#include <string.h>
#include <yaml.h>

#include "agent/config/load.h"
#include "base/cleanup.h"
#include "base/file.h"

#define FILE_MAX_BYTES (1 << 20)

static int refuse_line(const struct config_load *load, const yaml_mark_t *mark, struct error *error)
{
	error_prefix(error, "%s:%zu", load->file, mark->line + 1);
	return -EINVAL;
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcasecmp(text, "null"));
}

/* The text of a scalar (borrowed), or NULL with words. */
static const char *scalar_text(const yaml_node_t *node, struct error *error)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		error_set(error, -EINVAL, "must be a value, not a list or mapping");
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length) {
		error_set(error, -EINVAL, "has a NUL character in its value");
		return NULL;
	}
	if (is_null(node)) {
		error_set(error, -EINVAL, "has no value: give one, or remove the key");
		return NULL;
	}
	return text;
}

static int read_list(yaml_document_t *document, const yaml_node_t *node, const char *items[CONFIG_LIST_MAX],
                     struct config_value *ret, struct error *error)
{
	size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);

	if (count > CONFIG_LIST_MAX)
		return error_set(error, -EINVAL, "has more than %d elements", CONFIG_LIST_MAX);
	for (size_t i = 0; i < count; i++) {
		items[i] = scalar_text(yaml_document_get_node(document, node->data.sequence.items.start[i]), error);
		if (!items[i])
			return -EINVAL;
	}
	*ret = (struct config_value){.items = items, .count = count, .list = true};
	return 0;
}

static int read_value(yaml_document_t *document, const yaml_node_t *node, const char *items[CONFIG_LIST_MAX],
                      struct config_value *ret, struct error *error)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return read_list(document, node, items, ret, error);
	items[0] = scalar_text(node, error);
	if (!items[0])
		return -EINVAL;
	*ret = (struct config_value){
		.items = items, .count = 1, .quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
	return 0;
}

static int read_pair(struct config_load *load, yaml_document_t *document, const yaml_node_pair_t *pair,
                     struct error *error)
{
	const yaml_node_t *name = yaml_document_get_node(document, pair->key);
	const struct config_key *key;
	const char *items[CONFIG_LIST_MAX];
	struct config_value value;
	long line = (long)name->start_mark.line + 1, before;

	key = name->type == YAML_SCALAR_NODE ? config_key_find((const char *)name->data.scalar.value) : NULL;
	if (!key) {
		error_set(error, -EINVAL, "%s: unknown key; `pilusd --help` lists those there are",
		          name->type == YAML_SCALAR_NODE ? (const char *)name->data.scalar.value : "?");
		return refuse_line(load, &name->start_mark, error);
	}
	before = *config_load_origin(load, key);
	*config_load_origin(load, key) = line;
	if (before > 0) {
		error_set(error, -EINVAL, "is given in line %ld already: remove one of them", before);
		return config_load_blame(load, key, error);
	}
	if (read_value(document, yaml_document_get_node(document, pair->value), items, &value, error) < 0)
		return config_load_blame(load, key, error);
	return config_load_set(load, key, &value, line, error);
}

static int read_document(struct config_load *load, yaml_document_t *document, struct error *error)
{
	const yaml_node_t *root = yaml_document_get_root_node(document);

	if (!root || (root->type == YAML_SCALAR_NODE && is_null(root)))
		return 0;
	if (root->type != YAML_MAPPING_NODE) {
		error_set(error, -EINVAL, "must be a mapping: lines of KEY: VALUE");
		return refuse_line(load, &root->start_mark, error);
	}
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
	     pair++) {
		int result = read_pair(load, document, pair, error);

		if (result < 0)
			return result;
	}
	return 0;
}

static int refuse_yaml(const struct config_load *load, const yaml_parser_t *parser, struct error *error)
{
	/* A bad character is found by the reader, which knows the byte but not the line. */
	if (parser->error == YAML_READER_ERROR)
		return error_set(error, -EINVAL, "%s: is no YAML: %s at byte %zu", load->file, parser->problem,
		                 parser->problem_offset);
	error_set(error, -EINVAL, "is no YAML: %s", parser->problem ? parser->problem : "out of memory");
	return refuse_line(load, &parser->problem_mark, error);
}

/* The one document of the file; what follows it is refused. */
static int read_documents(struct config_load *load, yaml_parser_t *parser, struct error *error)
{
	_cleanup_(yaml_document_delete) yaml_document_t document = {}, second = {};
	const yaml_node_t *root;
	int result;

	if (!yaml_parser_load(parser, &document))
		return refuse_yaml(load, parser, error);
	result = read_document(load, &document, error);
	if (result < 0 || !yaml_document_get_root_node(&document))
		return result;
	if (!yaml_parser_load(parser, &second))
		return refuse_yaml(load, parser, error);
	root = yaml_document_get_root_node(&second);
	if (!root)
		return 0;
	error_set(error, -EINVAL, "a second document begins: use one for all keys");
	return refuse_line(load, &root->start_mark, error);
}

int config_load_file(struct config_load *load, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	yaml_parser_t parser;
	size_t size;
	int result = file_read(load->file, FILE_MAX_BYTES, &text, &size);

	if (result == -ENOENT && !load->file_named)
		return 0;
	if (result < 0) {
		error_set_errno(error, result, "cannot read the configuration %s", load->file);
		return -EINVAL;
	}
	if (!yaml_parser_initialize(&parser))
		return error_set(error, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	result = read_documents(load, &parser, error);
	yaml_parser_delete(&parser);
	return result;
}
