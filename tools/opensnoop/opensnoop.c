/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "opensnoop.h"
#include "runtime/tool.h"

#include "opensnoop.skel.h"

static void flags_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "0%o", ((const struct open_event *)event)->flags);
}

/* Folders come before the path, the innermost last; they are told in the other order. */
static void path_cell(const struct run *run, const void *event, FILE *out)
{
	const struct open_event *opened = event;
	const char *folders[OPEN_FOLDERS_MAX / 2], *name = opened->folders;

	for (uint32_t i = 0; i < opened->folder_count; i++) {
		folders[i] = name;
		name += strlen(name) + 1;
	}
	for (uint32_t i = opened->folder_count; i-- > 0;)
		fprintf(out, "/%s", folders[i]);
	fprintf(out, "%s%s", opened->folder_count ? "/" : "", opened->path);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -6, NUMBER, struct open_event, who.pid),
	COLUMN("COMM", -16, TEXT, struct open_event, who.comm),
	COLUMN("FD", 4, SIGNED, struct open_event, fd),
	COLUMN("ERR", 3, SIGNED, struct open_event, error),
	COLUMN_WRITTEN("FLAGS", -8, flags_cell, .option = "extended_fields"),
	COLUMN("PATH", 0, TEXT, struct open_event, path, .without = "full-path"),
	COLUMN_WRITTEN("PATH", 0, path_cell, .option = "full-path"),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'x', "failed", NULL, "only opens that failed", "failed"},
	{'e', "extended_fields", NULL, "show the flags, too"},
	{'F', "full-path", NULL, "show relative paths from the root of their process on", "full_path"},
	{'f', "flag_filter", "FLAG", "only with one of these flags, as O_WRONLY; may be repeated"},
	{'t', "tid"},
	{'T', "timestamp"},
	{},
};

static const struct {
	const char *name;
	uint32_t flag;
} FLAGS[] = {
	{"O_WRONLY", O_WRONLY},     {"O_RDWR", O_RDWR},           {"O_CREAT", O_CREAT},   {"O_EXCL", O_EXCL},
	{"O_NOCTTY", O_NOCTTY},     {"O_TRUNC", O_TRUNC},         {"O_APPEND", O_APPEND}, {"O_NONBLOCK", O_NONBLOCK},
	{"O_DSYNC", O_DSYNC},       {"O_DIRECTORY", O_DIRECTORY}, {"O_SYNC", O_SYNC},     {"O_CLOEXEC", O_CLOEXEC},
	{"O_NOFOLLOW", O_NOFOLLOW},
};

static int add_flag(const char *name, uint32_t *flags, struct error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(FLAGS); i++)
		if (!strcmp(FLAGS[i].name, name)) {
			*flags |= FLAGS[i].flag;
			return 0;
		}
	return cli_wrong_use(error, "'%s' is no flag of open(2) that can be asked for", name);
}

static int prepare(struct run *run, struct error *error)
{
	uint32_t flags = 0;
	/* What we open ourselves, while we attach. */
	int r = run_leave_out_own(run, error);

	for (size_t i = 0; !r && i < run->cli->given_count; i++)
		if (!strcmp(run->cli->given[i].option->name, "flag_filter"))
			r = add_flag(run->cli->given[i].value, &flags, error);
	return r < 0 ? r : run_set(run, "only_flags", &flags, sizeof(flags), error);
}

const struct tool OPENSNOOP_TOOL = {
	.name = "opensnoop",
	.summary = "Files being opened, and by whom",
	.description = "What the tool itself opens is left out",
	.object = opensnoop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.prepare = prepare,
};
