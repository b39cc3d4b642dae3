/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every packet test includes: cmocka, the rig that the programs run on, and how to ask what became of a packet. A
 * test begins with the rig reset: see rig.h for who is there.
 */
#ifndef PILUS_TESTS_PACKET_TEST_H
#define PILUS_TESTS_PACKET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "abi/drop.h"
#include "frame.h"
#include "rig.h"

extern struct rig rig;

/*
 * The main function of a file of tests: its exit code. Without root it is 77, skipped. What the configuration asks for
 * is told to the programs, decap_v6 only where this kernel can (rig.config.decap_v6 says).
 */
int packet_tests_run(const char *name, const struct CMUnitTest *tests, size_t count, const struct node_config *config);
int packet_test_begin(void **state);
#define PACKET_TEST(function) cmocka_unit_test_setup(function, packet_test_begin)
#define PACKET_TESTS(name, tests) \
	packet_tests_run(name, tests, sizeof(tests) / sizeof((tests)[0]), &(struct node_config){.decap_v6 = 1})

/* Pod a sends to an address of the same family: `more` says what else is in it. Ports, id and a payload are filled in.
 */
struct spec from_a(const char *destination, const struct spec *more);

/* Takes an address out of pilus_local, or a host prefix out of the ipcache; the epoch stays. */
int forget_address(const char *text);
int forget_prefix(const char *text);

void read_node(uint32_t id, struct node *ret);
void read_endpoint(uint32_t id, struct endpoint *ret);

#define EVERY(i, table) for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++)

/* Runs one frame; a test that cannot be run has failed. */
struct outcome run(const char *program, enum rig_device device, const struct frame *frame);
struct outcome run_as(const struct rig_run *how, const struct frame *frame);

/* Runs a frame that is to be redirected with a sum of its bytes beside it, as some network cards give it, and fails
 * when the program leaves another sum than the packet's. Skips the test where the kernel cannot try. */
void run_with_sum(const char *program, enum rig_device device, const struct frame *frame);

/* Flows: zeroed when there is none. */
struct flow flow_of(const struct spec *spec);
bool flow_exists(const struct spec *spec);
struct flow_decision decision_of(const struct spec *spec); /* about the packet's own direction */
struct flow_traffic traffic_of(const struct spec *spec);
uint32_t flow_count(void);

/* Packets counted since the test began. */
uint64_t metric_packets(uint8_t reason, enum metric_direction direction);
uint64_t metric_bytes(uint8_t reason, enum metric_direction direction);
uint64_t metric_drops(void); /* of any reason */

/* Listens to events (bits 1 << enum event_type) and reads what came. */
#define EVENTS_MAX 4096
void events_listen(uint32_t types);
size_t events_take(void); /* how many; they are in events[] until the next call */
extern struct event events[EVENTS_MAX];
extern size_t event_sizes[EVENTS_MAX];

/* The packet was dropped for the reason, counted once so in the direction and for nothing else; no flow is asserted. */
#define assert_dropped(outcome, reason, direction) \
	check_dropped((outcome).verdict, reason, direction, __FILE__, __LINE__)
void check_dropped(int verdict, uint8_t reason, enum metric_direction direction, const char *file, int line);

#define assert_verdict(outcome, expected) assert_int_equal((outcome).verdict, expected)
#define assert_bytes(outcome, offset, expected, size) \
	assert_memory_equal((outcome).frame.bytes + (offset), expected, size)

#endif
