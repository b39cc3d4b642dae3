# SPDX-License-Identifier: Apache-2.0
"""eBPF programs from C text to events, over libpilus.

    from pilus import BPF
    BPF(text='TRACEPOINT_PROBE(syscalls, sys_enter_mkdir) { bpf_trace_printk("hello"); return 0; }').trace_print()
"""
from pilus.bpf import (BPF, DEBUG_BPF, DEBUG_BPF_REGISTER_STATE, DEBUG_BTF, DEBUG_LLVM_IR, DEBUG_PREPROCESSOR, DEBUG_SOURCE,
                       PerfHWConfig, PerfSWConfig, PerfType)
from pilus.text import Text
from pilus.usdt import USDT, USDTException

__all__ = ["BPF", "DEBUG_BPF", "DEBUG_BPF_REGISTER_STATE", "DEBUG_BTF", "DEBUG_LLVM_IR", "DEBUG_PREPROCESSOR", "DEBUG_SOURCE",
           "PerfHWConfig", "PerfSWConfig", "PerfType", "Text", "USDT", "USDTException"]
