/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world, for tests of the masquerade: how packets of pods a and b leave for it by the uplink, and how its own
 * arrive there.
 */
#ifndef PILUS_TESTS_PACKET_WORLD_H
#define PILUS_TESTS_PACKET_WORLD_H

#include "abi/nat.h"
#include "packet_test.h"

/* What pods send to the world: destination, protocol and what else there is to it. */
#define KINDS 12
extern const struct spec kinds[KINDS];

/* Who may have something to say on the way. */
#define ROUTER4 "198.51.100.254"
#define ROUTER6 "2001:db8:ffff::fe"

bool is_v6(const struct spec *spec);
bool is_echo(const struct spec *spec);
struct spec from_pod_a(const struct spec *kind);
struct spec from_pod_b(const struct spec *kind);

/* "Too large", of what was sent as `about`, which the error quotes. */
struct spec error_about(const struct spec *about, const struct frame *quote, const char *source);

/* The same as the node sends it, from another port or by another identifier. */
struct spec as_node(const struct spec *spec, uint16_t port);

/* Out of the pod, and out of the node; out of the node alone, with a mark; out of the node as the host's own. */
struct outcome leave(const struct spec *spec);
struct outcome leave_marked(const struct frame *frame, uint32_t mark);
struct outcome leave_host(const struct spec *spec);

/* The port, or identifier, that the packet left by. */
uint16_t port_of(const struct spec *spec, const struct outcome *outcome);

/* The frame in which the next router sends it to us, and what becomes of it. */
struct frame frame_from_world(const struct spec *spec);
struct outcome arrive(const struct spec *spec);

/* Byte for byte, but for the ethernet header. */
void assert_packet(const struct outcome *outcome, const struct spec *expected);

/* In the pod behind the device, a hop further. */
void assert_reached(const struct outcome *outcome, enum rig_device device, const struct spec *expected);

/* Left to the kernel, as it was. */
void assert_untouched(const struct outcome *outcome, const struct spec *spec);

#endif
