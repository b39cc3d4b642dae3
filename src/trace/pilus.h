/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpilus: eBPF programs from C text to events. A module is opened from text, a file or an object; each of its
 * programs is loaded when it is attached to a probe; its tables are read by name.
 *
 *	struct pilus_module *module = pilus_module_new();
 *	if (pilus_module_open_file(module, "mkdir.c") || pilus_module_attach_all(module) < 0)
 *		errx(1, "%s", pilus_module_error(module));
 *	while (pilus_module_next_line(module, -1, &line) > 0)
 *		puts(line.text);
 *	pilus_module_free(module);
 *
 * Functions return 0 or a count, or −errno; then pilus_module_error() says in a sentence what went wrong. A module
 * belongs to one thread at a time. Whatever a module attached is detached when it is freed, or when the process ends.
 */
#ifndef PILUS_H
#define PILUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PILUS_API __attribute__((visibility("default")))

struct pilus_module;

/* ── modules ── */

/* Never NULL. pilus_module_free accepts NULL. */
PILUS_API struct pilus_module *pilus_module_new(void);
PILUS_API void pilus_module_free(struct pilus_module *module);

/* The last failure: a sentence, "" after none. And more lines about it (the compiler's words, the verifier's, the
 * source line), or "". Both belong to the module and last until the next call. */
PILUS_API const char *pilus_module_error(const struct pilus_module *module);
PILUS_API const char *pilus_module_details(const struct pilus_module *module);

/* What went well, but should be known (a probe's stand-in, a compiler's warning), one a line; "" for nothing. */
PILUS_API const char *pilus_module_warnings(const struct pilus_module *module);

/* Before opening: a flag for the compiler, as "-DLIMIT=5"; and whether compiled text may come from the cache (it may).
 */
PILUS_API void pilus_module_add_flag(struct pilus_module *module, const char *flag);
PILUS_API void pilus_module_set_cache(struct pilus_module *module, bool may);

/* Once for a module. Text is BCC's dialect, or C for libbpf when it uses SEC(); `name` is for messages. A file is C by
 * its ending .c, else an object. The text needs clang, which is run; an object needs nothing. */
PILUS_API int pilus_module_open_text(struct pilus_module *module, const char *name, const char *text);
PILUS_API int pilus_module_open_file(struct pilus_module *module, const char *path);

/* How the module came to be. */
struct pilus_compile_facts {
	uint64_t ns;           /* opening, with compiling where that was needed */
	uint32_t instructions; /* of all programs */
	uint32_t bytes;        /* of the object */
	bool compiled;         /* from text, now or earlier */
	bool cached;           /* earlier */
};
PILUS_API void pilus_module_compile_facts(const struct pilus_module *module, struct pilus_compile_facts *ret);

/* ── programs ── */

PILUS_API size_t pilus_module_program_count(const struct pilus_module *module);
PILUS_API const char *pilus_module_program_name(const struct pilus_module *module, size_t program);

/* The probe a program's name or section asks for, as "kprobe:do_exit"; NULL: it names none. */
PILUS_API const char *pilus_module_program_probe(const struct pilus_module *module, size_t program);

/* What the kernel made of a program; zeros before it is loaded. */
struct pilus_program_facts {
	uint32_t instructions; /* as compiled */
	uint32_t processed;    /* by the verifier: every path's */
	uint32_t states, peak_states;
	uint32_t stack_bytes;
	uint32_t jited_bytes; /* of machine code */
	uint64_t verify_ns, load_ns;
	uint32_t id;                /* as in bpftool prog */
	uint64_t run_count, run_ns; /* 0 unless kernel.bpf_stats_enabled, or pilus_module_count_runs */
};
PILUS_API void pilus_module_program_facts(const struct pilus_module *module, size_t program,
                                          struct pilus_program_facts *ret);

/* The verifier's own log is kept when asked for before a program is loaded. */
PILUS_API void pilus_module_keep_log(struct pilus_module *module, bool keep);
PILUS_API const char *pilus_module_program_log(const struct pilus_module *module, size_t program);

/* ── probes ── */

/* Attaches a program, loading it first, to a probe:
 *
 *	kprobe:FUNCTION[+OFFSET]  kretprobe:FUNCTION  (several with * and ?)
 *	uprobe:PATH:SYMBOL[+OFFSET]  uretprobe:…  usdt:PATH:PROVIDER:NAME
 *	tracepoint:CATEGORY:NAME  raw_tracepoint:NAME  tp_btf:NAME
 *	fentry:FUNCTION  fexit:FUNCTION  lsm:HOOK  iter:KIND
 *	perf:EVENT:PERIOD, perf:EVENT:HZhz, of cpu-clock, page-faults, cycles … (profile:HZ is cpu-clock's)
 *	xdp:DEVICE  tc:DEVICE:ingress  tc:DEVICE:egress  socket:DEVICE  cgroup:PATH
 *
 * `pid`: only in this process, where the kind can; 0: in all. Where this kernel has no such probe, one that tells the
 * program the same takes its place, and a warning says so. Returns the attachment's number. */
PILUS_API int pilus_module_attach(struct pilus_module *module, const char *program, const char *probe, int pid);

/* Loads a program as for such a probe, without attaching it. Returns the module's descriptor of it, for a table of
 * programs (BPF_PROG_ARRAY). */
PILUS_API int pilus_module_load(struct pilus_module *module, const char *program, const char *probe);

/* All programs that name a probe. Returns how many; none is an error. */
PILUS_API int pilus_module_attach_all(struct pilus_module *module);

PILUS_API size_t pilus_module_attachment_count(const struct pilus_module *module);

/* Where it is attached and how, as "tracepoint:syscalls:sys_enter_mkdir (perf event)"; NULL: detached. */
PILUS_API const char *pilus_module_attachment(const struct pilus_module *module, size_t attachment);
PILUS_API const char *pilus_module_attachment_program(const struct pilus_module *module, size_t attachment);
PILUS_API int pilus_module_detach(struct pilus_module *module, size_t attachment);

/* Of what is attached, the module's descriptor: a link's, or the packet socket's of socket:DEVICE, which whoever wants
 * the packets reads. */
PILUS_API int pilus_module_attachment_fd(struct pilus_module *module, size_t attachment);

/* The kernel runs an iterator (iter:…) when somebody reads what it writes: a descriptor to read to the end, once for
 * each time, which the caller closes. -EINVAL: the attachment is no iterator. */
PILUS_API int pilus_module_open_iterator(struct pilus_module *module, size_t attachment);

/* ── lines: what programs print by bpf_trace_printk ── */

struct pilus_line {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint32_t pid, cpu;
	char comm[16];
	const char *text; /* without the newline; until the next call */
};

/* Waits for the next for up to `timeout_ms` (−1: without end). 1: *ret is filled; 0: none came; −EINTR: a signal did.
 */
PILUS_API int pilus_module_next_line(struct pilus_module *module, int timeout_ms, struct pilus_line *ret);

/* Lines that found no room since the module began. */
PILUS_API uint64_t pilus_module_lines_lost(const struct pilus_module *module);

/* ── tables ── */

/* A table of the program's (not what libpilus and the compiler made besides). */
struct pilus_table {
	const char *name; /* the module's */
	int fd;           /* for bpf(2); the module's */
	uint32_t type;    /* enum bpf_map_type */
	uint32_t key_size, value_size, max_entries;
	uint32_t values; /* that come with a key: the number of CPUs of a per-CPU table, else 1 */
	uint32_t stride; /* bytes from one to the next: value_size, or rounded up to 8 */
};

PILUS_API size_t pilus_module_table_count(const struct pilus_module *module);
PILUS_API void pilus_module_table(const struct pilus_module *module, size_t index, struct pilus_table *ret);
PILUS_API int pilus_module_find_table(struct pilus_module *module, const char *name, struct pilus_table *ret);

/* Buffers have key_size bytes, and values × stride. `next` of NULL is the first; -ENOENT: there is none. */
PILUS_API int pilus_table_get(const struct pilus_table *table, const void *key, void *ret_values);
PILUS_API int pilus_table_set(const struct pilus_table *table, const void *key, const void *values, uint64_t flags);
PILUS_API int pilus_table_delete(const struct pilus_table *table, const void *key);
PILUS_API int pilus_table_next(const struct pilus_table *table, const void *key, void *ret_next);

/* Takes an entry out: the table has it no more. Of queues and stacks the next, with key NULL. */
PILUS_API int pilus_table_take(const struct pilus_table *table, const void *key, void *ret_values);

/* Whole, read in batches where the table can be: keys and values one after the other in buffers of max_entries. Returns
 * how many. */
PILUS_API int pilus_table_read(const struct pilus_table *table, void *ret_keys, void *ret_values);

enum pilus_part {
	PILUS_KEY,
	PILUS_VALUE,
	PILUS_EVENT, /* what is submitted to a table that is a stream of events */
};

/* Bytes as C would write them, "{pid = 1, comm = \"init\"}"; hexadecimal when the type is not known. The caller frees
 * it. */
PILUS_API char *pilus_module_format(const struct pilus_module *module, const char *table, enum pilus_part part,
                                    const void *data, size_t size);

/* The type, in JSON, of those parts: {"kind": "struct", "name": "data_t", "size": 24, "members": [{"name": "pid",
 * "offset": 0, "type": {"kind": "int", …}} …]}. NULL: not known. The caller frees it. */
PILUS_API char *pilus_module_type(const struct pilus_module *module, const char *table, enum pilus_part part);

/* ── streams: tables of events (BPF_PERF_OUTPUT, BPF_RINGBUF_OUTPUT) ── */

/* `lost`: events for which there was no room before this one; then data may be NULL. `cpu`: −1 if the table does not
 * tell. */
typedef void (*pilus_event)(void *userdata, const char *table, int cpu, const void *data, size_t size, uint64_t lost);

/* From now on pilus_module_wait calls it. `pages`: of memory for each CPU, for perf buffers; 0: 64. */
PILUS_API int pilus_module_listen(struct pilus_module *module, const char *table, size_t pages, pilus_event event,
                                  void *userdata);

/* Waits for events and lines for up to `timeout_ms` (−1: without end), and has events told. Returns 1 if there may be
 * lines or were events; 0: the time is over; −EINTR: a signal came. */
PILUS_API int pilus_module_wait(struct pilus_module *module, int timeout_ms);

/* The wait of either kind that is under way, or else the next, returns −EINTR. For handlers of signals, whose signal
 * may come just before the wait begins. */
PILUS_API void pilus_module_interrupt(const struct pilus_module *module);

/* ── symbols: addresses, numbers and names ── */

/* What is at an address of a process, or, with pid 0, of the kernel: the function as people write it, "" if none is
 * known. *ret_offset: into it; ret_file: what the process calls the file, or the kernel's module, in at most `size`
 * bytes. Both may be NULL. The caller frees the result. For one thread at a time; what was read of a process is kept.
 */
PILUS_API char *pilus_symbol(uint32_t pid, uint64_t address, uint64_t *ret_offset, char *ret_file, size_t size);

/* Has a struct of the kernel this member? 1, 0, or -ENOENT: there is no such struct, or nothing tells. */
PILUS_API int pilus_kernel_has_member(const char *structure, const char *member);

/* The kernel's trace files (tracefs), also where nobody has mounted them: a descriptor of the folder, which is not to
 * be closed. */
PILUS_API int pilus_trace_folder(void);

/* A system call's name on this machine, as "mkdir"; NULL: none that is known has this number. */
PILUS_API const char *pilus_syscall_name(uint32_t number);

#ifdef __cplusplus
}
#endif

#endif
