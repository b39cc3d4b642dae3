from bcc import BPF
from bcc.utils import printb

BPF_SOURCE_CODE = r"""
TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) {
  bpf_trace_printk("hello world");
  return 0;
}
"""

BPF(text=BPF_SOURCE_CODE).trace_print()
