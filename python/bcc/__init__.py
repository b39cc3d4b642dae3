# SPDX-License-Identifier: Apache-2.0
"""The names that programs for BCC import. All of it is pilus."""
from pilus import (BPF, DEBUG_BPF, DEBUG_BPF_REGISTER_STATE, DEBUG_BTF, DEBUG_LLVM_IR, DEBUG_PREPROCESSOR, DEBUG_SOURCE,
                   PerfHWConfig, PerfSWConfig, PerfType, USDT, USDTException)

from bcc.utils import ArgString, StrcmpRewrite, get_online_cpus, printb

__all__ = ["ArgString", "BPF", "DEBUG_BPF", "DEBUG_BPF_REGISTER_STATE", "DEBUG_BTF", "DEBUG_LLVM_IR", "DEBUG_PREPROCESSOR", "DEBUG_SOURCE",
           "PerfHWConfig", "PerfSWConfig", "PerfType", "StrcmpRewrite", "USDT", "USDTException", "get_online_cpus", "printb"]
