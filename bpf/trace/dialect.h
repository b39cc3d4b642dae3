/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a program in BCC's dialect finds in place of the kernel's headers. libpilus puts it before the program's text,
 * in which it has replaced `table.method(` by `pilus_method(table, ` (src/trace/dialect.c), so that all else is C:
 * every method is a macro below that takes the types from the table.
 *
 * It stands alone, for the host that compiles may have no headers at all; the kernel's own types come from its BTF
 * (src/trace/types.c). abi/trace_module.h and the helpers' prototypes come before it.
 */
#ifndef PILUS_DIALECT_H
#define PILUS_DIALECT_H

#define SEC(name)                                                                                 \
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wignored-attributes\"") \
		__attribute__((section(name), used)) _Pragma("GCC diagnostic pop")

char _license[] SEC("license") = "GPL";

/* ── words that kernel programs are used to ── */

#define __always_inline inline __attribute__((always_inline))
#define __inline        inline
#define __maybe_unused  __attribute__((unused))
#define __packed        __attribute__((packed))
#define __user
#define __kernel
#define __iomem
#define __rcu
#define __percpu
#define BPF_LICENSE(name)

#define NULL  ((void *)0)
#define true  1
#define false 0

#define likely(x)                           __builtin_expect(!!(x), 1)
#define unlikely(x)                         __builtin_expect(!!(x), 0)
#define offsetof(type, member)              __builtin_offsetof(type, member)
#define container_of(pointer, type, member) ((type *)((void *)(pointer) - offsetof(type, member)))
#define ARRAY_SIZE(array)                   (sizeof(array) / sizeof((array)[0]))
#define READ_ONCE(x)                        (*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)                    (*(volatile __typeof__(x) *)&(x) = (v))

#define memcpy  __builtin_memcpy
#define memset  __builtin_memset
#define memmove __builtin_memmove

#define ntohs(x)       __builtin_bswap16(x)
#define htons(x)       __builtin_bswap16(x)
#define ntohl(x)       __builtin_bswap32(x)
#define htonl(x)       __builtin_bswap32(x)
#define be64_to_cpu(x) __builtin_bswap64(x)
#define cpu_to_be64(x) __builtin_bswap64(x)
#define bpf_ntohs      ntohs
#define bpf_htons      htons
#define bpf_ntohl      ntohl
#define bpf_htonl      htonl

#define min(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_;      \
	})
#define max(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_;      \
	})

/* Since 4.17: system calls get a struct pt_regs. */
#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1

/* PILUS_VERSION_CODE is put before this text. */
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#define LINUX_VERSION_CODE      PILUS_VERSION_CODE

#define tcp_sk(sk)  ((struct tcp_sock *)(sk))
#define inet_sk(sk) ((struct inet_sock *)(sk))

/* Members that the kernel's headers call so by macros; src/trace/kernel_types.c knows what they are. */
#define sk_family       __sk_common.skc_family
#define sk_state        __sk_common.skc_state
#define sk_num          __sk_common.skc_num
#define sk_dport        __sk_common.skc_dport
#define sk_daddr        __sk_common.skc_daddr
#define sk_rcv_saddr    __sk_common.skc_rcv_saddr
#define sk_v6_daddr     __sk_common.skc_v6_daddr
#define sk_v6_rcv_saddr __sk_common.skc_v6_rcv_saddr
#define sk_net          __sk_common.skc_net
#define inet_daddr      sk.__sk_common.skc_daddr
#define inet_rcv_saddr  sk.__sk_common.skc_rcv_saddr
#define inet_dport      sk.__sk_common.skc_dport
#define inet_num        sk.__sk_common.skc_num

/* Of a packet, by the number of a byte, in the machine's order. */
unsigned long long load_byte(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long offset) __asm__("llvm.bpf.load.word");

#define lock_xadd(pointer, n) ((void)__sync_fetch_and_add(pointer, n))

/* Constants that are macros in the kernel, so BTF does not know them. */
#define TASK_COMM_LEN        16
#define NAME_MAX             255
#define PATH_MAX             4096
#define DNAME_INLINE_LEN     40
#define IFNAMSIZ             16
#define DISK_NAME_LEN        32
#define PAGE_SIZE            4096
#define REQ_OP_BITS          8
#define REQ_OP_MASK          0xff
#define SCM_RIGHTS           1
#define TASK_RUNNING         0
#define TASK_INTERRUPTIBLE   1
#define TASK_UNINTERRUPTIBLE 2
#define PAGE_OFFSET          0xffff800000000000UL /* below it is the user's, with 5 levels of pages, too */
#define AF_UNIX              1
#define AF_INET              2
#define AF_INET6             10
#define ETH_P_IP             0x0800
#define ETH_P_ARP            0x0806
#define ETH_P_IPV6           0x86DD
#define FMODE_CREATED        0x100000
#define S_IFMT               00170000
#define S_IFSOCK             0140000
#define S_IFLNK              0120000
#define S_IFREG              0100000
#define S_IFBLK              0060000
#define S_IFDIR              0040000
#define S_IFCHR              0020000
#define S_IFIFO              0010000
#define S_ISREG(mode)        (((mode) & S_IFMT) == S_IFREG)
#define S_ISLNK(mode)        (((mode) & S_IFMT) == S_IFLNK)
#define S_ISCHR(mode)        (((mode) & S_IFMT) == S_IFCHR)
#define S_ISBLK(mode)        (((mode) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(mode)       (((mode) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(mode)       (((mode) & S_IFMT) == S_IFSOCK)
#define S_ISDIR(mode)        (((mode) & S_IFMT) == S_IFDIR)
#define EPERM                1
#define ENOENT               2
#define EINTR                4
#define EAGAIN               11
#define ENOMEM               12
#define EACCES               13
#define EEXIST               17
#define EINVAL               22

/* ── contexts ── */

const volatile unsigned int pilus_context SEC(TRACE_CONTEXT_SECTION) =
#ifdef PILUS_REGISTERS_APART
	TRACE_CONTEXT_REGISTERS_APART;
#else
	TRACE_CONTEXT_REGISTERS;
#endif

#if defined(PILUS_X86_64)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#define PILUS_REGISTER_1         di
#define PILUS_REGISTER_2         si
#define PILUS_REGISTER_3         dx
#define PILUS_REGISTER_4         cx
#define PILUS_REGISTER_5         r8
#define PILUS_REGISTER_6         r9
#define PILUS_SYSCALL_REGISTER_4 r10
#define PILUS_RETURN             ax
#define PT_REGS_IP(ctx)          ((ctx)->ip)
#define PT_REGS_SP(ctx)          ((ctx)->sp)
#define PT_REGS_FP(ctx)          ((ctx)->bp)
#define PT_REGS_RET(ctx)         ((ctx)->sp)
#elif defined(PILUS_AARCH64)
struct pt_regs {
	unsigned long regs[31], sp, pc, pstate;
};
#define PILUS_REGISTER_1         regs[0]
#define PILUS_REGISTER_2         regs[1]
#define PILUS_REGISTER_3         regs[2]
#define PILUS_REGISTER_4         regs[3]
#define PILUS_REGISTER_5         regs[4]
#define PILUS_REGISTER_6         regs[5]
#define PILUS_SYSCALL_REGISTER_4 regs[3]
#define PILUS_RETURN             regs[0]
#define PT_REGS_IP(ctx)          ((ctx)->pc)
#define PT_REGS_SP(ctx)          ((ctx)->sp)
#define PT_REGS_FP(ctx)          ((ctx)->regs[29])
#define PT_REGS_RET(ctx)         ((ctx)->regs[30])
#else
#error "libpilus compiles for x86-64 and arm64 only"
#endif

/* One load with this very offset: the verifier allows no arithmetic on a context, and the optimizer would do some. */
#define PILUS_LOAD(ctx, offset)                                                                \
	({                                                                                     \
		unsigned long value_;                                                          \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value_) : "r"(ctx), "i"(offset)); \
		value_;                                                                        \
	})

#define PILUS_REGISTERS(n, name)                                                                          \
	static __always_inline unsigned long pilus_parameter_##n(const void *ctx)                         \
	{                                                                                                 \
		const struct pt_regs *user;                                                               \
		unsigned long value = 0;                                                                  \
                                                                                                          \
		switch (pilus_context) {                                                                  \
		case TRACE_CONTEXT_SYS_ENTER:                                                             \
			return PILUS_LOAD(ctx, TRACE_SYSCALL_ARGUMENTS + 8 * (n - 1));                    \
		case TRACE_CONTEXT_SYS_EXIT:                                                              \
			return 0;                                                                         \
		case TRACE_CONTEXT_ARGUMENTS:                                                             \
			return PILUS_LOAD(ctx, 8 * (n - 1));                                              \
		case TRACE_CONTEXT_SYSCALL_REGISTERS:                                                     \
			user = (const void *)PILUS_LOAD(ctx, offsetof(struct pt_regs, PILUS_REGISTER_1)); \
			bpf_probe_read_kernel(&value, sizeof(value), &user->name);                        \
			return value;                                                                     \
		}                                                                                         \
		return PILUS_LOAD(ctx, offsetof(struct pt_regs, PILUS_REGISTER_##n));                     \
	}

PILUS_REGISTERS(1, PILUS_REGISTER_1)
PILUS_REGISTERS(2, PILUS_REGISTER_2)
PILUS_REGISTERS(3, PILUS_REGISTER_3)
PILUS_REGISTERS(4, PILUS_SYSCALL_REGISTER_4)
PILUS_REGISTERS(5, PILUS_REGISTER_5)
PILUS_REGISTERS(6, PILUS_REGISTER_6)

static __always_inline unsigned long pilus_return_value(const void *ctx)
{
	if (pilus_context == TRACE_CONTEXT_SYS_EXIT)
		return PILUS_LOAD(ctx, TRACE_SYSCALL_ARGUMENTS);
	return PILUS_LOAD(ctx, offsetof(struct pt_regs, PILUS_RETURN));
}

/* The result of a function, after so many arguments. */
#define pilus_result(ctx, arguments) \
	(pilus_context == TRACE_CONTEXT_ARGUMENTS ? PILUS_LOAD(ctx, 8 * (arguments)) : pilus_return_value(ctx))

#define PT_REGS_PARM1(ctx) pilus_parameter_1(ctx)
#define PT_REGS_PARM2(ctx) pilus_parameter_2(ctx)
#define PT_REGS_PARM3(ctx) pilus_parameter_3(ctx)
#define PT_REGS_PARM4(ctx) pilus_parameter_4(ctx)
#define PT_REGS_PARM5(ctx) pilus_parameter_5(ctx)
#define PT_REGS_PARM6(ctx) pilus_parameter_6(ctx)
#define PT_REGS_RC(ctx)    pilus_return_value(ctx)

/* For programs that take a syscall's registers apart themselves; only where there are kprobes. */
#define PT_REGS_SYSCALL_CTX(ctx)         ((struct pt_regs *)PILUS_PLACE_1(ctx))
#define PT_REGS_PARM1_SYSCALL(registers) ((registers)->PILUS_REGISTER_1)
#define PT_REGS_PARM2_SYSCALL(registers) ((registers)->PILUS_REGISTER_2)
#define PT_REGS_PARM3_SYSCALL(registers) ((registers)->PILUS_REGISTER_3)
#define PT_REGS_PARM4_SYSCALL(registers) ((registers)->PILUS_SYSCALL_REGISTER_4)
#define PILUS_PLACE_1(registers)         ((registers)->PILUS_REGISTER_1)
#define PILUS_PLACE_2(registers)         ((registers)->PILUS_REGISTER_2)
#define PILUS_PLACE_3(registers)         ((registers)->PILUS_REGISTER_3)
#define PILUS_PLACE_4(registers)         ((registers)->PILUS_REGISTER_4)
#define PILUS_PLACE_5(registers)         ((registers)->PILUS_REGISTER_5)
#define PILUS_PLACE_6(registers)         ((registers)->PILUS_REGISTER_6)

/* ── programs ── */

#define TRACEPOINT_PROBE(category, event) \
	SEC("pilus") int tracepoint__##category##__##event(struct tracepoint__##category##__##event *args)
#define RAW_TRACEPOINT_PROBE(event) SEC("pilus") int raw_tracepoint__##event(struct bpf_raw_tracepoint_args *ctx)

/* A dynamic array of a tracepoint: its place is told by data_loc_NAME. */
#define TP_DATA_LOC_READ_CONST(to, field, length) \
	bpf_probe_read(to, length, (void *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ(to, field) \
	bpf_probe_read(to, args->data_loc_##field >> 16, (void *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ_STR(to, field, length) \
	bpf_probe_read_str(to, length, (void *)args + (args->data_loc_##field & 0xffff))

#ifdef PILUS_USDT
/* What libbpf's usdt.bpf.h, which follows, expects of its other headers. */
#define ESRCH                3
#define __weak               __attribute__((weak))
#define __hidden             __attribute__((visibility("hidden")))
#define __kconfig            __attribute__((section(".kconfig")))
#define barrier_var(x)       asm volatile("" : "+r"(x))
#define __uint(name, number) int(*name)[number]
#define __type(name, type)   type *name

#define bpf_usdt_readarg(n, ctx, to)                                                   \
	({                                                                             \
		long value_ = 0;                                                       \
		int result_ = bpf_usdt_arg((struct pt_regs *)(ctx), (n) - 1, &value_); \
		*(to) = (__typeof__(*(to)))value_;                                     \
		result_;                                                               \
	})
#define bpf_usdt_readarg_p(n, ctx, to, size)                             \
	({                                                               \
		long place_ = 0;                                         \
		bpf_usdt_arg((struct pt_regs *)(ctx), (n) - 1, &place_); \
		bpf_probe_read_user_str(to, size, (void *)place_);       \
	})
#endif

/* ── lines ── */

#ifdef PILUS_LINES
struct {
	int (*type)[BPF_MAP_TYPE_RINGBUF];
	int (*max_entries)[TRACE_LINES_BYTES];
} TRACE_LINES_MAP SEC(".maps");

static unsigned int pilus_lines_lost;

static __always_inline int pilus_print(const char *format, unsigned int size, const unsigned long long *values,
                                       unsigned int values_size)
{
	struct trace_line *line = bpf_ringbuf_reserve(&TRACE_LINES_MAP, sizeof(*line), 0);

	if (!line) {
		__sync_fetch_and_add(&pilus_lines_lost, 1);
		return -ENOMEM;
	}
	line->ns = bpf_ktime_get_ns();
	line->pid = bpf_get_current_pid_tgid();
	line->cpu = bpf_get_smp_processor_id();
	bpf_get_current_comm(line->comm, sizeof(line->comm));
	line->lost = *(volatile unsigned int *)&pilus_lines_lost;
	line->reserved = 0;
	line->text[0] = 0;
	bpf_snprintf(line->text, sizeof(line->text), format, values, values_size);
	bpf_ringbuf_submit(line, 0);
	return 0;
}

/* The values have been cast, and those that the format asks for and nobody gave are 0: src/trace/dialect.c. */
#define pilus_printk(format, values...)                                          \
	({                                                                       \
		static const char format_[] = format;                            \
		unsigned long long values_[] = {values};                         \
		pilus_print(format_, sizeof(format_), values_, sizeof(values_)); \
	})
#endif

/* ── tables ── */

#define PILUS_PICK_5(a, b, c, d, e, name, ...) name

#define PILUS_MAP(kind, key_t, leaf_t, name, size, flags_) \
	struct {                                           \
		int (*type)[kind];                         \
		int (*max_entries)[size];                  \
		int (*map_flags)[flags_];                  \
		key_t *key;                                \
		leaf_t *value;                             \
	} name SEC(".maps")

#define PILUS_HASH_1(kind, flags, name)                  PILUS_MAP(kind, u64, u64, name, 10240, flags)
#define PILUS_HASH_2(kind, flags, name, key)             PILUS_MAP(kind, key, u64, name, 10240, flags)
#define PILUS_HASH_3(kind, flags, name, key, leaf)       PILUS_MAP(kind, key, leaf, name, 10240, flags)
#define PILUS_HASH_4(kind, flags, name, key, leaf, size) PILUS_MAP(kind, key, leaf, name, size, flags)
#define PILUS_HASH(kind, flags, args...) \
	PILUS_PICK_5(args, , PILUS_HASH_4, PILUS_HASH_3, PILUS_HASH_2, PILUS_HASH_1)(kind, flags, args)

#define BPF_HASH(args...)            PILUS_HASH(BPF_MAP_TYPE_HASH, 0, args)
#define BPF_LRU_HASH(args...)        PILUS_HASH(BPF_MAP_TYPE_LRU_HASH, 0, args)
#define BPF_PERCPU_HASH(args...)     PILUS_HASH(BPF_MAP_TYPE_PERCPU_HASH, 0, args)
#define BPF_LRU_PERCPU_HASH(args...) PILUS_HASH(BPF_MAP_TYPE_LRU_PERCPU_HASH, 0, args)
#define BPF_LPM_TRIE(args...)        PILUS_HASH(BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, args)

#define PILUS_ARRAY_1(kind, name)             PILUS_MAP(kind, int, u64, name, 10240, 0)
#define PILUS_ARRAY_2(kind, name, leaf)       PILUS_MAP(kind, int, leaf, name, 10240, 0)
#define PILUS_ARRAY_3(kind, name, leaf, size) PILUS_MAP(kind, int, leaf, name, size, 0)
#define PILUS_ARRAY(kind, args...)            PILUS_PICK_5(args, , , PILUS_ARRAY_3, PILUS_ARRAY_2, PILUS_ARRAY_1)(kind, args)

#define BPF_ARRAY(args...)        PILUS_ARRAY(BPF_MAP_TYPE_ARRAY, args)
#define BPF_PERCPU_ARRAY(args...) PILUS_ARRAY(BPF_MAP_TYPE_PERCPU_ARRAY, args)

#define PILUS_HISTOGRAM_KIND(key)          (__builtin_types_compatible_p(key, int) ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH)
#define PILUS_HISTOGRAM_1(name)            PILUS_MAP(BPF_MAP_TYPE_ARRAY, int, u64, name, 64, 0)
#define PILUS_HISTOGRAM_2(name, key)       PILUS_MAP(PILUS_HISTOGRAM_KIND(key), key, u64, name, 64, 0)
#define PILUS_HISTOGRAM_3(name, key, size) PILUS_MAP(PILUS_HISTOGRAM_KIND(key), key, u64, name, size, 0)
#define BPF_HISTOGRAM(args...)             PILUS_PICK_5(args, , , PILUS_HISTOGRAM_3, PILUS_HISTOGRAM_2, PILUS_HISTOGRAM_1)(args)

#define PILUS_KIND(kind)                                                             \
	(!__builtin_strcmp(kind, "hash")              ? BPF_MAP_TYPE_HASH            \
	 : !__builtin_strcmp(kind, "array")           ? BPF_MAP_TYPE_ARRAY           \
	 : !__builtin_strcmp(kind, "percpu_hash")     ? BPF_MAP_TYPE_PERCPU_HASH     \
	 : !__builtin_strcmp(kind, "percpu_array")    ? BPF_MAP_TYPE_PERCPU_ARRAY    \
	 : !__builtin_strcmp(kind, "lru_hash")        ? BPF_MAP_TYPE_LRU_HASH        \
	 : !__builtin_strcmp(kind, "lru_percpu_hash") ? BPF_MAP_TYPE_LRU_PERCPU_HASH \
	 : !__builtin_strcmp(kind, "histogram")       ? BPF_MAP_TYPE_HASH            \
	                                              : -1)
#define BPF_TABLE(kind, key, leaf, name, size) PILUS_MAP(PILUS_KIND(kind), key, leaf, name, size, 0)
#define BPF_TABLE_PUBLIC(args...)              BPF_TABLE(args)

/* Tables whose values are no business of ours. */
#define PILUS_PLAIN(kind, name, size, value_bytes) \
	struct {                                   \
		int (*type)[kind];                 \
		int (*max_entries)[size];          \
		int (*key_size)[sizeof(int)];      \
		int (*value_size)[value_bytes];    \
	} name SEC(".maps")

#define BPF_PERF_OUTPUT(name)        PILUS_PLAIN(BPF_MAP_TYPE_PERF_EVENT_ARRAY, name, 0, sizeof(int))
#define BPF_PERF_ARRAY(name, size)   PILUS_PLAIN(BPF_MAP_TYPE_PERF_EVENT_ARRAY, name, size, sizeof(int))
#define BPF_PROG_ARRAY(name, size)   PILUS_PLAIN(BPF_MAP_TYPE_PROG_ARRAY, name, size, sizeof(int))
#define BPF_CGROUP_ARRAY(name, size) PILUS_PLAIN(BPF_MAP_TYPE_CGROUP_ARRAY, name, size, sizeof(int))
#define BPF_DEVMAP(name, size)       PILUS_PLAIN(BPF_MAP_TYPE_DEVMAP, name, size, sizeof(int))
#define BPF_CPUMAP(name, size)       PILUS_PLAIN(BPF_MAP_TYPE_CPUMAP, name, size, sizeof(int))
#define BPF_XSKMAP(name, size)       PILUS_PLAIN(BPF_MAP_TYPE_XSKMAP, name, size, sizeof(int))
#define BPF_STACK_TRACE(name, size)  PILUS_PLAIN(BPF_MAP_TYPE_STACK_TRACE, name, size, 127 * sizeof(u64))
/* Of processes only: each place as a file's build id and the offset in it (struct bpf_stack_build_id), which stay what
 * they are when the process is gone. */
#define BPF_STACK_TRACE_BUILDID(name, size)            \
	struct {                                       \
		int (*type)[BPF_MAP_TYPE_STACK_TRACE]; \
		int (*max_entries)[size];              \
		int (*key_size)[sizeof(int)];          \
		int (*value_size)[127 * 32];           \
		int (*map_flags)[1 << 5];              \
	} name SEC(".maps")
#define BPF_RINGBUF_OUTPUT(name, pages)             \
	struct {                                    \
		int (*type)[BPF_MAP_TYPE_RINGBUF];  \
		int (*max_entries)[(pages) * 4096]; \
	} name SEC(".maps")
#define PILUS_QUEUE(kind, leaf_t, name, size) \
	struct {                              \
		int (*type)[kind];            \
		int (*max_entries)[size];     \
		leaf_t *value;                \
	} name SEC(".maps")
#define BPF_QUEUE(name, leaf, size) PILUS_QUEUE(BPF_MAP_TYPE_QUEUE, leaf, name, size)
#define BPF_STACK(name, leaf, size) PILUS_QUEUE(BPF_MAP_TYPE_STACK, leaf, name, size)

/* ── methods ── */

#define pilus_lookup(table, key_)                                                \
	({                                                                       \
		const __typeof__(*(table).key) *key__ = (key_);                  \
		(__typeof__((table).value))bpf_map_lookup_elem(&(table), key__); \
	})
#define pilus_update_with(table, key_, value_, flags)                 \
	({                                                            \
		const __typeof__(*(table).key) *key__ = (key_);       \
		const __typeof__(*(table).value) *value__ = (value_); \
		bpf_map_update_elem(&(table), key__, value__, flags); \
	})
#define pilus_update(table, key, value) pilus_update_with(table, key, value, BPF_ANY)
#define pilus_insert(table, key, value) pilus_update_with(table, key, value, BPF_NOEXIST)
#define pilus_delete(table, key_)                               \
	({                                                      \
		const __typeof__(*(table).key) *key__ = (key_); \
		bpf_map_delete_elem(&(table), key__);           \
	})
#define pilus_lookup_or_try_init(table, key_, value_)                                      \
	({                                                                                 \
		const __typeof__(*(table).key) *wanted_ = (key_);                          \
		__typeof__((table).value) found_ = bpf_map_lookup_elem(&(table), wanted_); \
                                                                                           \
		if (!found_) {                                                             \
			pilus_update_with(table, wanted_, value_, BPF_NOEXIST);            \
			found_ = bpf_map_lookup_elem(&(table), wanted_);                   \
		}                                                                          \
		found_;                                                                    \
	})
/* Older: leaves the program when there is no room. */
#define pilus_lookup_or_init(table, key, value)                                                \
	({                                                                                     \
		__typeof__((table).value) made_ = pilus_lookup_or_try_init(table, key, value); \
		if (!made_)                                                                    \
			return 0;                                                              \
		made_;                                                                         \
	})

#define PILUS_FIRST(first, ...) first
#define PILUS_OR_1(...)         PILUS_FIRST(__VA_ARGS__ __VA_OPT__(, ) 1, )

/* Whole even when several CPUs count: values of 4 and 8 bytes. */
#define pilus_increment(table, key_, amount...)                                                        \
	do {                                                                                           \
		__typeof__(*(table).key) counted_ = (key_);                                            \
		__typeof__(*(table).value) zero_ = 0;                                                  \
		__typeof__((table).value) count_ = pilus_lookup_or_try_init(table, &counted_, &zero_); \
                                                                                                       \
		if (count_)                                                                            \
			__sync_fetch_and_add(count_, PILUS_OR_1(amount));                              \
	} while (0)
#define pilus_atomic_increment pilus_increment

/* The type of what is submitted, for whoever reads it: a static variable that is never written, only described in BTF.
 */
#define PILUS_EVENT_TYPE(table, data) \
	static __typeof__(*(data)) *table##__event_type SEC(".rodata.pilus_types") __attribute__((unused))

#define pilus_perf_submit(table, ctx, data, size)                                    \
	({                                                                           \
		PILUS_EVENT_TYPE(table, data);                                       \
		bpf_perf_event_output(ctx, &(table), BPF_F_CURRENT_CPU, data, size); \
	})
#define pilus_perf_submit_skb(table, ctx, length, data, size)                                                \
	({                                                                                                   \
		PILUS_EVENT_TYPE(table, data);                                                               \
		bpf_perf_event_output(ctx, &(table), ((u64)(length) << 32) | BPF_F_CURRENT_CPU, data, size); \
	})
#define pilus_perf_read(table, cpu) bpf_perf_event_read(&(table), cpu)
#define pilus_ringbuf_output(table, data, size, flags)           \
	({                                                       \
		PILUS_EVENT_TYPE(table, data);                   \
		bpf_ringbuf_output(&(table), data, size, flags); \
	})
#define pilus_ringbuf_reserve(table, size) bpf_ringbuf_reserve(&(table), size, 0)
#define pilus_ringbuf_submit(table, data, flags) \
	({                                       \
		PILUS_EVENT_TYPE(table, data);   \
		bpf_ringbuf_submit(data, flags); \
	})
#define pilus_ringbuf_discard(table, data, flags) bpf_ringbuf_discard(data, flags)
#define pilus_ringbuf_query(table, flags)         bpf_ringbuf_query(&(table), flags)
#define pilus_get_stackid(table, ctx, flags)      bpf_get_stackid(ctx, &(table), flags)
#define pilus_call(table, ctx, index)             bpf_tail_call(ctx, &(table), index)
#define pilus_redirect_map(table, index, flags)   bpf_redirect_map(&(table), index, flags)
#define pilus_check_current_task(table, index)    bpf_current_task_under_cgroup(&(table), index)
#define pilus_push(table, value, flags)           bpf_map_push_elem(&(table), value, flags)
#define pilus_pop(table, value)                   bpf_map_pop_elem(&(table), value)
#define pilus_peek(table, value)                  bpf_map_peek_elem(&(table), value)

/* The place in a histogram of powers of two: 0 for 0, else 1 + the highest bit's number. */
static __always_inline unsigned int bpf_log2(unsigned int value)
{
	unsigned int place = 0;

	for (int bit = 16; bit; bit >>= 1)
		if (value >> bit) {
			value >>= bit;
			place += bit;
		}
	return place;
}

static __always_inline unsigned int bpf_log2l(unsigned long value)
{
	unsigned int high = value >> 32;

	return high ? bpf_log2(high) + 33 : bpf_log2(value) + 1;
}

#endif
