/* SPDX-License-Identifier: Apache-2.0 */
#include "services.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

static uint32_t last_number;

static void clear_map(int fd)
{
	char key[64];

	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
}

void services_clear(void)
{
	const int maps[] = {rig.maps->services,      rig.maps->service_slots, rig.maps->backends,
	                    rig.maps->source_ranges, rig.maps->affinity,      rig.maps->socket_peers};

	EVERY (i, maps)
		clear_map(maps[i]);
	last_number = 0;
}

static void add_backend(uint32_t number, uint32_t id, uint8_t protocol, const struct scene_backend *scene)
{
	struct backend backend = {.service = number, .port = htons(scene->port), .protocol = protocol, .serves = 1};

	assert_int_equal(addr_parse(scene->addr, &backend.addr), 0);
	assert_int_equal(backend_map_set(rig.maps, id, &backend), 0);
}

uint32_t service_add(const struct scene_service *scene)
{
	uint32_t number = ++last_number, slots[SCENE_BACKENDS], count = 0;
	struct service_key key = {.port = htons(scene->port), .protocol = scene->protocol ?: PROTOCOL_TCP};
	struct service service = {.number = number, .flags = scene->flags, .affinity = scene->affinity};

	for (; count < SCENE_BACKENDS && scene->backends[count].addr; count++) {
		slots[count] = SCENE_ID(number, count);
		add_backend(number, slots[count], key.protocol, &scene->backends[count]);
	}
	assert_int_equal(addr_parse(scene->addr, &key.addr), 0);
	assert_int_equal(service_slots_set(rig.maps, number, slots, count), 0);
	service.side[SERVICE_INSIDE] = service.side[SERVICE_OUTSIDE] = (struct service_set){number, count};
	assert_int_equal(service_map_set(rig.maps, &key, &service), 0);
	return number;
}

struct spec from_client(const struct spec *request)
{
	struct spec spec = *request;

	spec.source_mac = rig.pod_mac[DEVICE_WIRE];
	spec.destination_mac = rig.mac[DEVICE_WIRE];
	spec.source_port = 40000;
	spec.destination_port = NODE_PORT;
	return spec;
}
