/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module inside: one object that holds the tables and loads no program; for each way in which a program is attached,
 * another opened from the same bytes, which loads only that program and uses the first one's tables. So a program
 * becomes what its probe needs when that is known, one that is refused hinders no other, and tables are there at once.
 */
#ifndef PILUS_TRACE_MODULE_H
#define PILUS_TRACE_MODULE_H

#include <bpf/libbpf.h>
#include <poll.h>

#include "abi/trace_module.h"
#include "base/error.h"
#include "trace/pilus.h"
#include "trace/provider.h"

struct lines;
struct stream;

/* A program as the kernel has it. */
struct loaded {
	struct loaded *next;
	struct load_kind kind;
	char *target; /* kind.target's copy */
	struct bpf_object *object;
	struct bpf_program *program;
};

struct program {
	char *name, *probe; /* the probe it asks for; NULL: none */
	bool wants_arguments_at_exit;
	struct loaded *loaded;
	struct pilus_program_facts facts;
	char *log;
};

struct attachment {
	size_t program;
	char *where; /* NULL: detached */
	struct links links;
};

struct pilus_module {
	struct error error;
	char *details, *warnings, *name, *text;
	const char **flags;
	size_t flag_count;
	bool without_cache, keep_log;
	char *bytes; /* ELF */
	size_t size;
	bool is_dialect, takes_registers_apart;
	struct bpf_object *object; /* the tables */
	struct program *programs;
	size_t program_count;
	struct attachment *attachments;
	size_t attachment_count;
	struct lines *lines;
	struct stream *streams;
	int interrupted; /* an eventfd */
	struct pilus_compile_facts facts;
};

void module_warn(struct pilus_module *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Replaces the lines about the last failure; takes ownership. NULL for none. */
void module_set_details(struct pilus_module *module, char *details);

/* The program of that name; NULL with a sentence. */
struct program *module_find_program(struct pilus_module *module, const char *name, struct error *error);

/* Opens the bytes, and the tables with them. */
int module_open_object(struct pilus_module *module, struct error *error);

/* Loads a program as that kind, or gives what was loaded so before. */
int module_load(struct pilus_module *module, struct program *program, const struct load_kind *kind,
                struct bpf_program **ret, struct error *error);
void module_unload(struct program *program);

/* As poll(2), but for pilus_module_interrupt, which is −EINTR. `fds` has room for one more than `count`. */
int module_poll(struct pilus_module *module, struct pollfd *fds, size_t count, int timeout_ms);

/* Opened when they are wanted first. */
int module_open_lines(struct pilus_module *module);

/* Do programs print to the kernel's trace? What is printed there before somebody listens is lost. */
bool module_prints_to_kernel(const struct pilus_module *module);

void streams_close(struct pilus_module *module);

#endif
