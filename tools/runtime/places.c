/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that the user names.
 */
#include "runtime/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "trace/symbols/elf_file.h"
#include "trace/symbols/kernel_symbols.h"
#include "trace/symbols/process_symbols.h"
#include "trace/tracefs.h"

#define PLACES_MAX   50000
#define KPROBE_EVENT "/sys/bus/event_source/devices/kprobe"

const struct tool_way PLACES_WAYS[] = {
	{"user_many kernel_many tracepoint_one user_many_return kernel_many_return tracepoint_one_return",
         "attaching to many places at once (kernel 6.6)"},
	{"user_one kernel_one tracepoint_one user_one_return kernel_one_return tracepoint_one_return",
         "uprobes or kprobes (CONFIG_UPROBE_EVENTS, CONFIG_KPROBES)"},
	{},
};

/* What a name must be like. */
struct pattern {
	const char *shell;
	regex_t regex;
	bool is_regex;
};

static void pattern_clear(struct pattern *pattern)
{
	if (pattern->is_regex)
		regfree(&pattern->regex);
}

static int pattern_make(const char *text, bool regex, struct pattern *ret, struct error *error)
{
	ret->shell = text;
	if (!regex)
		return 0;
	if (regcomp(&ret->regex, text, REG_EXTENDED | REG_NOSUB))
		return cli_wrong_use(error, "'%s' is no regular expression", text);
	ret->is_regex = true;
	return 0;
}

static bool matches(const struct pattern *pattern, const char *name)
{
	return pattern->is_regex ? !regexec(&pattern->regex, name, 0, NULL, 0) : !fnmatch(pattern->shell, name, 0);
}

void places_clear(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->list[i].name);
	free(places->list);
	free(places->file);
	*places = (struct places){};
}

/* Places with one name beside each other are one to the user. */
static void add(struct places *places, const char *name, uint64_t offset, uint64_t semaphore)
{
	struct place *last = places->count ? &places->list[places->count - 1] : NULL;
	uint64_t number = last && !strcmp(last->name, name) ? last->number : places->count;

	places->list = xrealloc(places->list, (places->count + 1) * sizeof(*places->list));
	places->list[places->count++] = (struct place){xstrdup(name), offset, semaphore, number};
}

static void elf_closep(struct elf_file **file)
{
	elf_close(*file);
}

static void find_functions(struct places *places, const struct pattern *pattern, const struct elf_file *file)
{
	const struct elf_function *last = NULL;

	for (size_t i = 0; i < elf_function_count(file); i++) {
		const struct elf_function *function = elf_function(file, i);

		/* Of names for the same place one is enough. */
		if (!matches(pattern, function->name) || (last && last->offset == function->offset))
			continue;
		add(places, function->name, function->offset, 0);
		last = function;
	}
}

struct probe_search {
	struct places *places;
	const struct pattern *pattern;
};

static int take_probe(void *userdata, const struct elf_probe *probe)
{
	const struct probe_search *search = userdata;
	_cleanup_free_ char *full = xasprintf("%s:%s", probe->provider, probe->name);

	if (matches(search->pattern, probe->name) || matches(search->pattern, full))
		add(search->places, full, probe->offset, probe->semaphore);
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(((const struct place *)left)->name, ((const struct place *)right)->name);
}

/* Of places that were found in any order; a static probe has several. */
static void number_by_name(struct places *places)
{
	if (places->count)
		qsort(places->list, places->count, sizeof(*places->list), by_name);
	for (size_t i = 0; i < places->count; i++)
		places->list[i].number =
			i && !by_name(&places->list[i - 1], &places->list[i]) ? places->list[i - 1].number : i;
}

static int find_in_file(struct places *places, const char *file, uint32_t pid, const struct pattern *pattern,
                        bool static_probes, struct error *error)
{
	_cleanup_(elf_closep) struct elf_file *elf = NULL;
	struct probe_search search = {places, pattern};
	int r = program_find(file, pid, &places->file, error);

	places->kind = PLACE_USER;
	places->is_static = static_probes;
	if (!r)
		r = elf_open(places->file, &elf, error);
	if (r < 0)
		return r;
	if (!static_probes) {
		find_functions(places, pattern, elf);
		return 0;
	}
	(void)elf_each_probe(elf, take_probe, &search);
	number_by_name(places);
	return 0;
}

static int find_in_kernel(struct places *places, const struct pattern *pattern, struct error *error)
{
	struct kernel_symbols *symbols;
	struct kernel_function function;
	int r;

	if (access(KPROBE_EVENT, F_OK))
		return error_set(error, ERROR_NO_FEATURE,
		                 "this kernel has no kprobes (CONFIG_KPROBES), without which its functions cannot be "
		                 "traced; tracepoints can: t:CATEGORY:EVENT");
	r = kernel_symbols_load(&symbols, error);
	if (r < 0)
		return r;
	places->kind = PLACE_KERNEL;
	for (size_t i = 0; i < kernel_function_count(symbols); i++) {
		kernel_function(symbols, i, &function);
		if (matches(pattern, function.name))
			add(places, function.name, 0, 0);
	}
	kernel_symbols_free(symbols);
	return 0;
}

static void closedirp(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* A category's folder has one for each event, besides files. */
static int find_tracepoints(struct places *places, const char *category, const struct pattern *pattern,
                            struct error *error)
{
	_cleanup_free_ char *path = xasprintf("events/%s", category);
	_cleanup_(closedirp) DIR *events = NULL;
	const struct dirent *entry;
	int folder = tracefs_folder(error);

	if (folder < 0)
		return folder;
	places->kind = PLACE_TRACEPOINT;
	events = fdopendir(openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	while (events && (entry = readdir(events))) {
		_cleanup_free_ char *name = xasprintf("%s:%s", category, entry->d_name);

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && matches(pattern, entry->d_name))
			add(places, name, 0, 0);
	}
	number_by_name(places);
	return 0;
}

/* "p:FILE:PATTERN" without the letter; `letter` is 0 for none. */
static int find(struct places *places, char letter, char *words, uint32_t pid, bool regex, struct error *error)
{
	_cleanup_(pattern_clear) struct pattern pattern = {};
	char *colon = letter == 't' ? strchr(words, ':') : strrchr(words, ':');
	int r;

	/* A static probe's provider may be told: FILE:PROVIDER:PROBE. */
	if (letter == 'u' && colon)
		colon = strchr(words, ':');
	r = pattern_make(colon ? colon + 1 : words, regex, &pattern, error);
	if (r < 0)
		return r;
	if (colon)
		*colon = 0;
	if (letter && letter != 'p' && !colon)
		return cli_wrong_use(error, "'%c:%s' is not whole: it is %s", letter, words,
		                     letter == 't' ? "t:CATEGORY:EVENT" : "u:FILE:PROBE");
	if (letter == 't')
		return find_tracepoints(places, words, &pattern, error);
	if (!colon || !words[0])
		return find_in_kernel(places, &pattern, error);
	return find_in_file(places, words, pid, &pattern, letter == 'u', error);
}

int places_find(const char *words, uint32_t pid, bool regex, struct places *ret, struct error *error)
{
	_cleanup_(places_clear) struct places places = {};
	char letter = words[0] && words[1] == ':' && strchr("ptu", words[0]) ? words[0] : 0;
	_cleanup_free_ char *copy = xstrdup(letter ? words + 2 : words);
	int r = find(&places, letter, copy, pid, regex, error);

	if (r < 0)
		return r;
	if (!places.count)
		return error_set(error, -ENOENT, "nothing matches '%s'", words);
	if (places.count > PLACES_MAX)
		return error_set(error, -E2BIG, "'%s' matches %zu places, more than %d", words, places.count,
		                 PLACES_MAX);
	*ret = places;
	places = (struct places){};
	return 0;
}

/* What the names of their programs begin with. */
static const char *const KINDS[] = {"kernel_", "user_", "tracepoint_"};

void places_prepare(struct run *run, unsigned kinds)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, run->object) {
		for (size_t kind = 0; kind < ARRAY_SIZE(KINDS); kind++)
			if (!(kinds >> kind & 1) &&
			    !strncmp(bpf_program__name(program), KINDS[kind], strlen(KINDS[kind])))
				bpf_program__set_autoload(program, false);
	}
}

int places_open(struct run *run, struct places *places, struct error *error)
{
	int r = 0;

	if (!places->count)
		r = places_find(run->cli->arguments[0], run->filter.pid, run_given(run, "regexp"), places, error);
	if (!r)
		places_prepare(run, 1U << places->kind);
	return r;
}

void places_tell(const struct run *run, const struct places *places)
{
	fprintf(run->json ? stderr : run->out, "Tracing %zu functions for \"%s\"... Hit Ctrl-C to end.\n",
	        places->count, run->cli->arguments[0]);
}

/* The loaded one, and whether it takes many places at once; NULL: none is. */
static struct bpf_program *loaded(const struct run *run, const struct places *places, const char *suffix,
                                  bool *ret_many)
{
	for (int many = 1; many >= 0; many--) {
		_cleanup_free_ char *name = xasprintf("%s%s%s", KINDS[places->kind], many ? "many" : "one", suffix);
		struct bpf_program *program = run_program(run, name);

		*ret_many = many;
		if (program && bpf_program__autoload(program))
			return program;
	}
	return NULL;
}

/* The places as the kernel wants them: columns instead of rows. */
struct columns_of {
	const char **names;
	unsigned long *offsets, *semaphores;
	__u64 *numbers;
};

static void columns_of_clear(struct columns_of *columns)
{
	free(columns->names);
	free(columns->offsets);
	free(columns->semaphores);
	free(columns->numbers);
}

static struct columns_of turn(const struct places *places)
{
	struct columns_of columns = {
		.names = xcalloc(places->count, sizeof(*columns.names)),
		.offsets = xcalloc(places->count, sizeof(*columns.offsets)),
		.semaphores = xcalloc(places->count, sizeof(*columns.semaphores)),
		.numbers = xcalloc(places->count, sizeof(*columns.numbers)),
	};

	for (size_t i = 0; i < places->count; i++) {
		columns.names[i] = places->list[i].name;
		columns.offsets[i] = places->list[i].offset;
		columns.semaphores[i] = places->list[i].semaphore;
		columns.numbers[i] = places->list[i].number;
	}
	return columns;
}

static struct bpf_link *attach_many(struct run *run, struct bpf_program *program, const struct places *places,
                                    bool at_return)
{
	_cleanup_(columns_of_clear) struct columns_of columns = turn(places);
	LIBBPF_OPTS(bpf_uprobe_multi_opts, user, .offsets = columns.offsets, .ref_ctr_offsets = columns.semaphores,
	            .cookies = columns.numbers, .cnt = places->count, .retprobe = at_return);
	LIBBPF_OPTS(bpf_kprobe_multi_opts, kernel, .syms = columns.names, .cookies = columns.numbers,
	            .cnt = places->count, .retprobe = at_return);

	if (places->kind == PLACE_KERNEL)
		return bpf_program__attach_kprobe_multi_opts(program, NULL, &kernel);
	return bpf_program__attach_uprobe_multi(program, run->filter.pid ? (pid_t)run->filter.pid : -1, places->file,
	                                        NULL, &user);
}

static int attach_tracepoint(struct run *run, struct bpf_program *program, const struct place *place,
                             struct error *error)
{
	_cleanup_free_ char *category = xstrdup(place->name);
	char *colon = strchr(category, ':');
	struct bpf_link *link;
	int r;

	*colon = 0;
	r = tracefs_attach(program, category, colon + 1, place->number, &link, error);
	if (!r)
		run_add(run, link);
	return r;
}

static int attach_one(struct run *run, struct bpf_program *program, const struct places *places,
                      const struct place *place, bool at_return, struct error *error)
{
	LIBBPF_OPTS(bpf_uprobe_opts, user, .bpf_cookie = place->number, .ref_ctr_offset = place->semaphore,
	            .retprobe = at_return);
	LIBBPF_OPTS(bpf_kprobe_opts, kernel, .bpf_cookie = place->number, .retprobe = at_return);
	_cleanup_free_ char *what = xasprintf("attach to %s", place->name);
	struct bpf_link *link;

	if (places->kind == PLACE_TRACEPOINT)
		return attach_tracepoint(run, program, place, error);
	if (places->kind == PLACE_KERNEL)
		link = bpf_program__attach_kprobe_opts(program, place->name, &kernel);
	else
		link = bpf_program__attach_uprobe_opts(program, run->filter.pid ? (pid_t)run->filter.pid : -1,
		                                       places->file, place->offset, &user);
	return run_keep(run, link, what, error);
}

/* Some functions cannot be probed, for what stands at their beginning: one that can is enough. */
static int attach_each(struct run *run, struct bpf_program *program, const struct places *places, bool at_return,
                       struct error *error)
{
	size_t attached = 0;
	int r = -ENOENT;

	for (size_t i = 0; i < places->count; i++) {
		r = attach_one(run, program, places, &places->list[i], at_return, error);
		attached += !r;
		if (r < 0 && run->verbose)
			fprintf(stderr, "%s: %s\n", run->tool->name, error->message);
	}
	return attached ? 0 : r;
}

int places_attach(struct run *run, const struct places *places, const char *suffix, bool at_return, struct error *error)
{
	bool many;
	struct bpf_program *program = loaded(run, places, suffix, &many);
	int r;

	if (!program)
		return error_set(error, -ENOENT, "no program for these places");
	if (!many)
		r = attach_each(run, program, places, at_return, error);
	else
		r = run_keep(run, attach_many(run, program, places, at_return), "attach", error);
	if (!r && run->verbose)
		fprintf(stderr, "%s: attached to %zu places%s\n", run->tool->name, places->count,
		        many ? " at once" : ", one by one");
	return r;
}
