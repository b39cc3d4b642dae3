/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pilus trace map`: the BPF maps of this machine, whoever made them, and what is in them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/show.h"
#include "cli/trace.h"

#define FDINFO_MAX 4096

static bool is_asked(const struct cli *cli, const struct bpf_map_info *info)
{
	const char *wanted = cli->argument_count ? cli->arguments[0] : NULL;
	char id[16];

	snprintf(id, sizeof(id), "%u", info->id);
	return !wanted || !strcmp(wanted, id) || strstr(info->name, wanted);
}

/* What the kernel says a map takes; 0: it does not say. */
static json_int_t map_bytes(int fd)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fdinfo/%d", fd);
	_cleanup_free_ char *text = NULL;
	const char *line = file_read(path, FDINFO_MAX, &text, NULL) ? NULL : strstr(text, "memlock:");

	return line ? strtoll(line + strlen("memlock:"), NULL, 10) : 0;
}

static json_t *map_row(int fd, const struct bpf_map_info *info)
{
	return json_pack("{sI ss ss sI sI sI sI}", "id", (json_int_t)info->id, "type",
	                 libbpf_bpf_map_type_str(info->type) ?: "?", "name", info->name, "key-bytes",
	                 (json_int_t)info->key_size, "value-bytes", (json_int_t)info->value_size, "max-entries",
	                 (json_int_t)info->max_entries, "bytes", map_bytes(fd));
}

static void add_map(const struct cli *cli, uint32_t id, json_t *rows)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (fd >= 0 && !bpf_map_get_info_by_fd(fd, &info, &size) && is_asked(cli, &info))
		json_array_append_new(rows, map_row(fd, &info));
}

static void bytes_cell(const json_t *row, FILE *out)
{
	if (row_number(row, "bytes"))
		bytes_write(row_number(row, "bytes"), out);
}

static const struct column COLUMNS[] = {
	{.title = "ID", .key = "id", .right = true},
	{.title = "Type", .key = "type"},
	{.title = "Name", .key = "name"},
	{.title = "Key", .key = "key-bytes", .right = true},
	{.title = "Value", .key = "value-bytes", .right = true},
	{.title = "Max entries", .key = "max-entries", .right = true},
	{.title = "Memory", .cell = bytes_cell, .right = true},
};

static int map_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);
	json_auto_t *rows = json_array();
	uint32_t id = 0;
	int r;

	while (!(r = bpf_map_get_next_id(id, &id)))
		add_map(cli, id, rows);
	if (r == -EPERM)
		return error_set(error, r, "may not look at BPF programs and maps: run it as root");
	if (r != -ENOENT)
		return error_set_errno(error, r, "cannot ask the kernel");
	return show(cli, &LIST_TABLE, rows, error);
}

static int map_dump(struct cli *cli, struct error *error)
{
	const char *words[] = {"bpftool", "map", "dump", "id", cli->arguments[0], (char *)NULL};
	uint32_t id;
	int r = cli_number(cli->arguments[0], UINT32_MAX, "a map's ID", &id, error);

	return r < 0 ? r : trace_dump("what is in maps", words, error);
}

const struct command TRACE_MAP_VERBS[] = {
	{.name = "list",
         .summary = "All maps, their size and type",
         .arguments = "ID|NAME",
         .arguments_max = 1,
         .run = map_list},
	{.name = "dump",
         .summary = "What is in a map, by the types it was made with (by bpftool)",
         .arguments = "ID",
         .arguments_min = 1,
         .arguments_max = 1,
         .run = map_dump},
	{},
};
