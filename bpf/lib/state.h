/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The node's configuration, fixed at load, and its live state. See abi/state.h.
 */
#ifndef PILUS_BPF_STATE_H
#define PILUS_BPF_STATE_H

#include "abi/event.h"
#include "abi/state.h"
#include "bpf.h"

const volatile struct node_config config SEC(".rodata.config");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} pilus_state SEC(".maps");

static __always_inline __u32 state_epoch(void)
{
	__u32 zero = 0;
	struct state *state = bpf_map_lookup_elem(&pilus_state, &zero);

	return state ? state->epoch : 0;
}

/* Does anybody listen to events of this type? */
static __always_inline _Bool state_listens(enum event_type type)
{
	__u32 zero = 0;
	struct state *state = bpf_map_lookup_elem(&pilus_state, &zero);

	return state && state->events & (1u << type);
}

#endif
