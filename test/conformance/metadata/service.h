// SPDX-License-Identifier: Apache-2.0
/*
 * service - a small HTTP server on loopback, in a network namespace of the test's own, that plays
 * what a case recorded. Real connections are made to the platforms' real addresses.
 *
 * A route is {"method", "url", "responses": [{"status", "body", "headers", "exception"}]}; its
 * answers are given in order and the last one again and again. "exception" ConnectionError closes
 * the connection without an answer, Timeout keeps it and says nothing. What has no route is 404.
 */
#pragma once

#include "cases.h"

/* A network namespace with every platform's address on its loopback. -EPERM: not root. */
int service_enter(void);

struct service;
int service_start(const cJSON *routes, struct service **ret);
/* Stops it. */
struct service *service_free(struct service *s);
DEFINE_CLEANUP(struct service *, service_free)
/* "METHOD URL" of each request so far, in order. */
cJSON *service_requests(const struct service *s);
/* A client whose clock does not wait: sleeping moves it. */
struct http service_client(struct service *s);
