/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values in etcd's JSON: Base64, and whole ranges of keys by their prefix.
 */
#ifndef PILUS_STORE_ETCD_KEY_H
#define PILUS_STORE_ETCD_KEY_H

#include <jansson.h>

/* Base64 of both texts together; a new reference. */
json_t *etcd_encode(const char *prefix, const char *text);

/* The first key behind all that begin so. */
json_t *etcd_encode_end(const char *prefix, const char *text);

/* The text of a field; NULL when it is none. A field etcd left out is empty. The caller frees it. */
char *etcd_decode(const json_t *object, const char *field);

/* 64-bit numbers are texts in JSON; a field etcd left out is 0. */
json_int_t etcd_number(const json_t *object, const char *field);
json_t *etcd_number_new(json_int_t number);

#endif
