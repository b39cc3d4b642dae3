# SPDX-License-Identifier: Apache-2.0
"""Each of the verifier's usual refusals, provoked on the kernel that is there, in the words that src/trace/explain.c has for it.

Words that are not here, and why: "back-edge" (before 5.3, or without privileges), "too many states" and "The sequence of" (need a
program whose refusal takes seconds), "jump out of range", "unreachable insn" and "R0 !read_ok" (a compiler does not make
such code; the unit test trace_explain has them), "inv" and "invalid indirect read from stack" (before 5.18 and 6.3),
"reference has not been acquired" and "combined stack size" (the compiler of the dialect inlines), "sleep" and "is not a known"
(need a program by a trampoline, which not every kernel loads), "cannot call GPL" (the dialect is GPL by itself), "At program exit
the register R0" (newer kernels refuse without that sentence). A loop without end is in test_run.
"""
import pytest

TABLES = """
struct value { u32 number; u8 list[16]; };
BPF_ARRAY(values, struct value, 4);
BPF_RINGBUF_OUTPUT(ring, 8);
BPF_HASH(counts);
RAW_TRACEPOINT_PROBE(sched_process_exec)
{
	u32 zero = 0, length = bpf_get_prandom_u32();
	u64 key = 0;
	char text[16] = {};
	%s
	return 0;
}
"""
FOUND = "struct value *value = values.lookup(&zero); if (!value) return 0;\n"
PACKETS = "int look(struct %s *ctx)\n{\n\tvoid *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;\n\t%s\n}\n"


@pytest.mark.parametrize("body, words", [
    ("return *counts.lookup(&key);", "a table's lookup may find nothing"),
    ("u64 *room = ring.ringbuf_reserve(8); *room = 1; ring.ringbuf_submit(room, 0);", "reserving room may fail"),
    ("u64 *room = ring.ringbuf_reserve(8); if (room) *room = 1;", "is not given back on every path"),
    ("return *(volatile int *)ctx->args[0];", "a number is used as an address"),
    (FOUND + "value->list[length & 63] = 1;", "an index may lie outside what it points into|an index may lie outside a table's value"),
    (FOUND + "bpf_probe_read_kernel(value->list, length, 0);", "a length may be anything"),
    (FOUND + "bpf_probe_read_kernel(value->list, (int)length, 0);", "a length"),
    ("((volatile char *)text)[length & 63] = 1;", "an index into the stack may be anything"),
    ("((volatile char *)text)[length] = 1;", "an index into the stack may be anything"),
    ("bpf_probe_read_kernel(text, 4000, 0);", "an index into the stack may be anything|stack"),
    ("bpf_skb_load_bytes(ctx, 0, text, 1);", "may not call that helper"),
    ("char big[600]; bpf_probe_read_kernel(big, sizeof(big), 0); bpf_trace_printk(\"%d\", big[599]);", "512 bytes of stack"),
    ("*(volatile u64 *)ctx = 1;", "may not write it"),
    ("return *(volatile u64 *)((void *)ctx + 4096);", "has no such member in its context"),
    ("return *(volatile u64 *)((void *)ctx + (length & 8));", "the context is read at a computed place"),
    ("bpf_probe_read_kernel(ctx, 8, 0);", "a helper gets something else than it expects"),
    ("static const char format[] = \"%y\"; bpf_snprintf(text, sizeof(text), format, 0, 0);", "a format may have %d, %i"),
    ("asm volatile(\"r1 = r7\" ::: \"r1\", \"memory\");", "a variable is used that has no value yet"),
    (FOUND + "asm volatile(\"%0 *= 2\" : \"+r\"(value)); value->number = 1;", "a number is used as an address|cannot be followed"),
])
def test_words(refuse, body, words):
    done = refuse(TABLES % body)
    assert done.returncode == 1
    assert any(one in done.stderr for one in words.split("|")), done.stderr
    assert "the verifier refuses" in done.stderr or "512" in done.stderr


@pytest.mark.parametrize("probe, context, body, words", [
    ("xdp:lo", "xdp_md", "return *(u8 *)data;", "the packet may end before what is read"),
    ("xdp:lo", "xdp_md", "return ctx->data ? *(u8 *)(data + ctx->rx_queue_index) : 2;", "the packet may end before|cannot be followed"),
])
def test_words_about_packets(refuse, probe, context, body, words):
    done = refuse(PACKETS % (context, body), "-a", probe)
    assert any(one in done.stderr for one in words.split("|")), done.stderr
