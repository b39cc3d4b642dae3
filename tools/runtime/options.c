/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options.
 */
#include "runtime/options.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "runtime/pods.h"
#include "runtime/target.h"

/* A common option that only tools with columns have. */
struct common {
	struct cli_option option;
	bool of_events;
};

static const struct common COMMON[] = {
	{{'p', "pid", "PID", "only this process; ends when it does"}},
	{{0, "tid", "TID", "only this thread"}},
	{{'u', "uid", "USER", "only this user, by name or number"}},
	{{0, "cgroup", "PATH", "only this cgroup (v2) and those below"}},
	{{0, "container", "ID", "only this container, by the beginning of its id"}},
	{{0, "pod", "NAME", "only this pod of this node: NAMESPACE/NAME or NAME"}},
	{{'n', "name", "NAME", "only commands whose name has this in it"}, true},
	{{'T', "time", NULL, "show the time of day"}, true},
	{{'t', "timestamp", NULL, "show the seconds since the first event"}, true},
	{{'U', "print-uid", NULL, "show the user's number"}, true},
	{{'d', "duration", "SECONDS", "end after this time"}},
	{{0, "count", "N", "end after this many events"}, true},
	{{'v', "verbose", NULL, "say what is loaded and attached"}},
};

static const struct common *find_common(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(COMMON); i++)
		if (!strcmp(COMMON[i].option.name, name))
			return &COMMON[i];
	return NULL;
}

static bool has(const struct cli_option *table, size_t count, const char *name, char letter)
{
	for (size_t i = 0; i < count; i++)
		if ((name && !strcmp(table[i].name, name)) || (letter && table[i].letter == letter))
			return true;
	return false;
}

/* A common option under another letter has only letter and name in the tool's table. */
static struct cli_option own_option(const struct tool_option *option)
{
	const struct common *common = option->help ? NULL : find_common(option->name);
	struct cli_option made = {(char)option->letter, option->name, option->argument, option->help, NULL};

	if (common) {
		made = common->option;
		made.letter = (char)option->letter;
	}
	return made;
}

struct cli_option *options_of(const struct tool *tool)
{
	struct cli_option *table = xcalloc(CLI_OPTIONS_MAX, sizeof(*table));
	size_t count = 0, own;

	for (const struct tool_option *option = tool->options; option && option->name; option++)
		table[count++] = own_option(option);
	own = count;
	for (size_t i = 0; i < ARRAY_SIZE(COMMON); i++) {
		if ((COMMON[i].of_events && !tool->columns) || has(table, own, COMMON[i].option.name, 0))
			continue;
		table[count] = COMMON[i].option;
		if (has(table, own, NULL, table[count].letter))
			table[count].letter = 0;
		count++;
	}
	return table;
}

bool run_given(const struct run *run, const char *option)
{
	return cli_count(run->cli, option);
}

int run_number(const struct run *run, const char *option, uint32_t otherwise, uint32_t *ret, struct error *error)
{
	const char *value = cli_value(run->cli, option);
	char what[64];

	*ret = otherwise;
	snprintf(what, sizeof(what), "--%s", option);
	return value ? cli_number(value, UINT32_MAX, what, ret, error) : 0;
}

static int parse_seconds(const char *text, const char *what, uint64_t *ret, struct error *error)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value <= 0 || value > UINT32_MAX)
		return cli_wrong_use(error, "%s must be a number of seconds above 0, not '%s'", what, text);
	*ret = (uint64_t)(value * NS_PER_SECOND);
	return 0;
}

static int take_user(struct run *run, struct error *error)
{
	const char *user = cli_value(run->cli, "uid");
	const struct passwd *known = user ? getpwnam(user) : NULL;
	int r = 0;

	if (!user)
		return 0;
	if (known)
		run->filter.uid = known->pw_uid;
	else if (user[strspn(user, "0123456789")])
		return cli_wrong_use(error, "there is no user '%s'", user);
	else
		r = cli_number(user, UINT32_MAX, "--uid", &run->filter.uid, error);
	run->filter.by_uid = true;
	return r;
}

static int take_place(struct run *run, struct error *error)
{
	const char *cgroup = cli_value(run->cli, "cgroup"), *container = cli_value(run->cli, "container"),
		   *pod = cli_value(run->cli, "pod");
	int r = 0;

	if (cgroup)
		r = target_cgroup(cgroup, &run->filter.cgroup, &run->filter.cgroup_level, error);
	if (!r && container)
		r = target_container(container, &run->filter.mntns, error);
	if (!r && pod)
		r = pods_find(run->pods, pod, &run->filter.netns, error);
	return r;
}

static int take_limits(struct run *run, struct error *error)
{
	const struct cli *cli = run->cli;
	const char *duration = cli_value(cli, "duration");
	uint32_t count = 0;
	int r = 0;

	if (run->tool->seconds && cli->argument_count == run->tool->arguments_max)
		duration = cli->arguments[cli->argument_count - 1];
	if (duration)
		r = parse_seconds(duration, "--duration", &run->duration, error);
	if (!r)
		r = run_number(run, "count", 0, &count, error);
	run->events_left = count;
	return r;
}

/* --interval, or: [INTERVAL [COUNT]] are the last of the arguments. */
static int take_repetition(struct run *run, struct error *error)
{
	const struct cli *cli = run->cli;
	const char *interval = cli_value(cli, "interval");
	size_t first = run->tool->arguments_max - 2;
	uint32_t count = 0;
	int r = 0;

	if (interval)
		return parse_seconds(interval, "--interval", &run->interval, error);
	if (!run->tool->repeats || cli->argument_count <= first)
		return 0;
	r = parse_seconds(cli->arguments[first], "the interval", &run->interval, error);
	if (!r && cli->argument_count > first + 1)
		r = cli_number(cli->arguments[first + 1], UINT32_MAX, "the count", &count, error);
	run->reports_left = count;
	return r;
}

static int take_process(struct run *run, struct error *error)
{
	int r = run_number(run, "pid", 0, &run->filter.pid, error);

	if (!r)
		r = run_number(run, "tid", 0, &run->filter.tid, error);
	return r;
}

int options_take(struct run *run, struct error *error)
{
	static int (*const TAKE[])(struct run *, struct error *) = {
		take_process, take_user, take_place, take_limits, take_repetition,
	};
	int r = 0;

	run->json = run->cli->output == OUTPUT_JSON || run_given(run, "json");
	run->csv = !run->json && run_given(run, "csv");
	run->colour = !run->json && !run->csv && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	run->verbose = run_given(run, "verbose");
	run->name_part = cli_value(run->cli, "name");
	run->filter.wants_netns = run->pods != NULL;
	for (size_t i = 0; !r && i < ARRAY_SIZE(TAKE); i++)
		r = TAKE[i](run, error);
	return r;
}

/* "80,443" */
static int set_list(struct run *run, const struct tool_option *option, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(cli_value(run->cli, option->name));
	_cleanup_free_ char *what = xasprintf("--%s", option->name);
	uint32_t numbers[TRACE_LIST_MAX] = {};
	char *rest = copy, *word;
	size_t count = 0;
	int r = 0;

	while (!r && (word = strsep(&rest, ","))) {
		if (count == TRACE_LIST_MAX)
			return cli_wrong_use(error, "%s takes no more than %d numbers", what, TRACE_LIST_MAX);
		r = cli_number(word, UINT32_MAX, what, &numbers[count++], error);
	}
	return r < 0 ? r : run_set(run, option->variable, numbers, sizeof(numbers), error);
}

static int set_variable(struct run *run, const struct tool_option *option, struct error *error)
{
	uint32_t number = 1;
	uint64_t value;
	int r = option->argument ? run_number(run, option->name, 0, &number, error) : 0;

	value = (uint64_t)number * (option->scale ? option->scale : 1);
	return r < 0 ? r : run_set(run, option->variable, &value, sizeof(value), error);
}

int options_set_variables(struct run *run, struct error *error)
{
	int r = run_set(run, "filter", &run->filter, sizeof(run->filter), error);

	for (const struct tool_option *option = run->tool->options; !r && option && option->name; option++)
		if (option->variable && run_given(run, option->name))
			r = option->scale == LIST ? set_list(run, option, error) : set_variable(run, option, error);
	return r;
}
