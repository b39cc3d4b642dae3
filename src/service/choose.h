/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a service's backends new connections may get. The rules are kube-proxy's: those that are ready, or else
 * those that are leaving but still serve; with a Local policy those of this node only; otherwise near ones, where hints
 * or the service's preference say so and there is one.
 */
#ifndef PILUS_SERVICE_CHOOSE_H
#define PILUS_SERVICE_CHOOSE_H

#include "service/service.h"

struct choice {
	bool local; /* the policy */
	enum service_preference preference;
};

/* Moves the chosen ones to the front, else in their order, and returns how many they are. */
size_t candidates_choose(struct candidate *backends, size_t count, const struct choice *choice);

#endif
