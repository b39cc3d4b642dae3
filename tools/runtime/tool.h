/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tracing tool is: a row of tables. Its BPF file says what happens, its columns what is shown of it, its options
 * which variables of the BPF file are set before loading. All else (filters, JSON, times, pods, lost events, Ctrl-C,
 * falling back to another hook) the runtime does for every tool alike. A tool writes code only for what no table says.
 */
#ifndef PILUS_TOOLS_RUNTIME_TOOL_H
#define PILUS_TOOLS_RUNTIME_TOOL_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/trace.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "runtime/column.h"
#include "runtime/histogram.h"

/* An error's code that is no errno: the kernel lacks something, which the words name (exit 3). */
#define ERROR_NO_FEATURE (-4097)
#define EXIT_NO_FEATURE  3

/*
 * An option of the tool's own, or a common one (runtime/options.c) under another letter: then name is enough. Its value
 * goes to the `const volatile` variable of that name in the BPF file: true for a switch, else a number times `scale`,
 * or of a list, as "80,443", all of them to an array of TRACE_LIST_MAX __u32.
 */
struct tool_option {
	int letter; /* 0: has none */
	const char *name;
	const char *argument; /* NULL: a switch */
	const char *help;
	const char *variable; /* NULL: the tool asks by cli_value */
	uint64_t scale;       /* 0: 1; LIST: numbers after commas */
#define LIST UINT64_MAX
};

/* One way of observing, of several that give the same answer: the first that this kernel can do is taken. */
struct tool_way {
	const char *programs; /* "a b": names in the BPF file; those of other ways are not loaded */
	const char *needs;    /* what the kernel must have, in words: "kprobes (CONFIG_KPROBES)" */
};

struct run;

/*
 * Tables end with an empty row. An option called csv makes the runtime separate columns by commas, one called json is
 * --output json, and one called utc shows the time of day there.
 */
struct tool {
	const char *name;
	const char *summary;
	const char *description; /* for the manual page: what it looks at and how; may be NULL */
	const char *head;        /* printed at the start, before the columns' titles; NULL: nothing */
	const char *arguments;   /* what help calls them; NULL: takes none */
	size_t arguments_min, arguments_max;
	bool shows_time;      /* as if asked by --time */
	bool shows_timestamp; /* as if asked by --timestamp */
	bool seconds;         /* its last argument is that of --duration */
	bool repeats;         /* reports at intervals: its last arguments are [INTERVAL [COUNT]] */
	const void *(*object)(size_t *ret_size);
	const struct tool_option *options;
	const struct tool_way *ways; /* NULL: all programs are loaded and attached */
	/* Of an event. A tool without columns has no events and reports. */
	const struct column *columns;

	/* What needs no looking, as a list of names: true when that was asked for, and has been printed. May be NULL.
	 */
	bool (*tells)(struct run *run);
	/* Before the programs are loaded: what options and arguments mean. May be NULL. */
	int (*prepare)(struct run *run, struct error *error);
	/* Instead of attaching each program where its section says. May be NULL. */
	int (*attach)(struct run *run, struct error *error);
	/* Is the event to be shown? NULL: all are. */
	bool (*is_wanted)(const void *event);
	/* Instead of a line of columns; JSON has the columns all the same. May be NULL. */
	void (*event)(struct run *run, const void *event);
	/* What no column can say: lines below that of the event or, where `object` is not NULL, members of its JSON.
	 * May be NULL. */
	void (*more)(const struct run *run, const void *event, json_t *object);
	/* What has been counted, at each interval and at the end; may be NULL. */
	int (*report)(struct run *run, struct error *error);
};

/* Every tool, by its name; ends with NULL. */
extern const struct tool *const TOOLS[];

/* A tool at work. */
struct run {
	const struct tool *tool;
	const struct cli *cli;
	FILE *out;
	bool json, csv, colour, verbose;
	struct trace_filter filter;
	const char *name_part;       /* --name: only commands with this in it */
	uint64_t duration;           /* ns; 0: none */
	uint64_t events_left;        /* of --count; 0: no limit */
	uint64_t interval;           /* ns; 0: only at the end */
	uint64_t reports_left;       /* 0: no limit */
	const struct column **shown; /* ends with NULL */
	struct column_writer *writer;
	struct bpf_object *object;
	void *shared; /* .bss, as the programs have it */
	size_t shared_size;
	struct bpf_link **links;
	size_t link_count;
	uint64_t first_event; /* its time, for --timestamp */
	uint64_t lost_told;
	struct pods *pods; /* NULL: no agent answers */
	bool complete;     /* all that was asked for has been printed */
};

/* What the tool was asked for, and what attaching with words costs. */
bool run_given(const struct run *run, const char *option);
int run_number(const struct run *run, const char *option, uint32_t otherwise, uint32_t *ret, struct error *error);

/* Sets a `const volatile` variable of the BPF file before it is loaded; the size is the variable's own. */
int run_set(struct run *run, const char *variable, const void *value, size_t size, struct error *error);

/* Of a tool whose programs ask is_own (bpf/own.h). */
int run_leave_out_own(struct run *run, struct error *error);

/* A variable after loading (.bss), shared with the programs; NULL: there is none of that name. */
const void *run_variable(const struct run *run, const char *variable);
struct bpf_map *run_map(const struct run *run, const char *name);
struct bpf_program *run_program(const struct run *run, const char *name);

/* Takes ownership of a link. */
void run_add(struct run *run, struct bpf_link *link);

/* The same; NULL is −errno of the attach that failed and becomes an error about `what`. */
int run_keep(struct run *run, struct bpf_link *link, const char *what, struct error *error);

/* The sum of all CPUs of a per-CPU counter, 64 bits; 0 when there is none. */
uint64_t run_percpu_sum(const struct bpf_map *map, const void *key);

/* A line of JSON; takes the object. */
void run_write_json(const struct run *run, json_t *object);

/* "HH:MM:SS" of now. */
const char *run_clock(char text[static 16]);

#endif
