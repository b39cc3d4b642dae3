/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel can do, found out by doing it.
 */
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <string.h>
#include <sys/socket.h>

#include "datapath/datapath.h"

#define INSN(op, dst, src, offset, immediate) \
	{.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (immediate)}
#define SET(dst, immediate) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, immediate)

#define ADJ_ROOM_DECAP_L3_IPV6 (1 << 8) /* linux/bpf.h since 6.3 */

uint64_t datapath_netns_cookie(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? 0 : cookie;
}

bool datapath_probe_decap_v6(void)
{
	const struct bpf_insn program[] = {
		SET(BPF_REG_2, -(int)sizeof(struct iphdr)), SET(BPF_REG_3, BPF_ADJ_ROOM_MAC),
		SET(BPF_REG_4, ADJ_ROOM_DECAP_L3_IPV6),     INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_adjust_room),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	uint8_t frame[256] = {[12] = 0x08, [14] = 0x45};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "probe", "GPL", program, sizeof(program) / sizeof(*program),
	                       NULL);
	int r;

	if (fd < 0)
		return false;
	r = bpf_prog_test_run_opts(fd, &run);
	close(fd);
	return !r && !run.retval;
}
