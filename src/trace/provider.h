/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of probes: one file each, one row in provider.c. A probe is written KIND:TARGET; what the target is, its kind
 * knows.
 */
#ifndef PILUS_TRACE_PROVIDER_H
#define PILUS_TRACE_PROVIDER_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "abi/trace_module.h"
#include "base/error.h"

/* What the kernel is told when a program is loaded. */
struct load_kind {
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;
	enum trace_context context;
	const char *target; /* the kernel's function or type, where that counts already; else NULL */
};

struct probe {
	const struct provider *provider;
	char *target; /* what follows "KIND:" */
	int pid;      /* only there; 0: everywhere */
};

/* What is attached: links, or a socket. */
struct links {
	struct bpf_link **list;
	size_t count;
	int *sockets;
	size_t socket_count;
};

struct provider {
	const char *name;
	const char *prefix; /* of the functions' names in BCC's dialect, or NULL */
	const char *how;    /* for people: "perf event" */
	struct load_kind kind;
	bool loads_for_target; /* kind.target is the probe's */
	bool per_process;      /* knows what to do with a pid */

	/* Is this a target? -EINVAL with a sentence. NULL: any text is. */
	int (*check)(const char *target, struct error *error);

	/* NULL: as the provider's table says. */
	void (*choose_kind)(const struct probe *probe, struct load_kind *kind);

	/* Adds what was attached to *links. -EOPNOTSUPP: this kernel has no such probes; another may stand in. */
	int (*attach)(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error);

	/* The probe that tells a program of the dialect the same; the caller frees it. NULL: none does. */
	char *(*stand_in)(const struct probe *probe);
};

#define PROVIDERS(X)      \
	X(kprobe)         \
	X(kretprobe)      \
	X(uprobe)         \
	X(uretprobe)      \
	X(usdt)           \
	X(tracepoint)     \
	X(raw_tracepoint) \
	X(tp_btf)         \
	X(fentry)         \
	X(fexit)          \
	X(lsm)            \
	X(iter)           \
	X(perf)           \
	X(profile)        \
	X(xdp)            \
	X(tc)             \
	X(socket)         \
	X(cgroup)

#define X(name) extern const struct provider provider_##name;
PROVIDERS(X)
#undef X

/* "kprobe:do_exit". The probe is cleared by the caller. */
int probe_parse(const char *text, int pid, struct probe *ret, struct error *error);
void probe_clear(struct probe *probe);

/* The probe that a program's section or name asks for; the caller frees it. NULL: none. */
char *probe_of_program(const char *section, const char *function);

/* A syscall's function of the kernel whose only argument is the user's registers. */
bool is_syscall_wrapper(const char *function);

void links_add(struct links *links, struct bpf_link *link);
void links_add_socket(struct links *links, int fd);
void links_destroy(struct links *links);

/* Adds what libbpf attached: `link` may be NULL with errno. Then a sentence about the probe, and −errno. */
int links_take(struct links *links, struct bpf_link *link, const struct probe *probe, struct error *error);

/* The part of "a:b:c" before the last colon, and after it. -EINVAL when there is none. The caller frees both. */
int split_last(const char *text, char **ret_before, char **ret_after);

/* "name+0x10": cuts the offset off and returns it; 0 without one. */
unsigned long cut_offset(char *symbol);

#endif
