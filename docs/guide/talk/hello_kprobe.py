from bcc import BPF

BPF_SOURCE_CODE = r"""
int hello_world(void *ctx) {
  bpf_trace_printk("hello world: %s\n");
  return 0;
}
"""

bpf = BPF(text=BPF_SOURCE_CODE)
mkdir = bpf.get_syscall_fnname("mkdir")
bpf.attach_kprobe(event=mkdir, fn_name="hello_world")

print("%-18s %-16s %-6s %s" % ("TIME(s)", "COMM", "PID", "MESSAGE"))

while True:
    try:
        (task, pid, cpu, flags, ts, msg) = bpf.trace_fields()
    except ValueError:
        continue
    except KeyboardInterrupt:
        break
    print("%-18.9f %-16s %-6d %s" % (ts, task, pid, msg))
