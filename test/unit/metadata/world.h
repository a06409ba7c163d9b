// SPDX-License-Identifier: Apache-2.0
/* world - an instance with its configuration and a root folder, which a test's modules change. */
#pragma once

#include "check.h"
#include "metadata/modules/modules.h"
#include "metadata/source/source.h"

struct world {
	char root[64];
	struct instance *instance;
	struct userdata data;
	struct context context;
	struct diag d;
	char *state;
};

static inline void put(const struct world *w, const char *name, const char *text)
{
	auto_free char *path = path_join(w->root, name);

	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), 0644, false) < 0)
		abort();
}

static inline char *get(const struct world *w, const char *name)
{
	auto_free char *path = path_join(w->root, name);
	char *text = NULL;

	return path && file_read(path, &text, NULL) >= 0 ? text : strdup("(none)");
}

static inline mode_t mode_of(const struct world *w, const char *name)
{
	auto_free char *path = path_join(w->root, name);
	struct stat st;

	return path && stat(path, &st) >= 0 ? st.st_mode & 07777 : 0;
}

static inline void open_world(struct world *w, const char *config)
{
	char uid[64];

	memset(w, 0, sizeof(*w));
	strcpy(w->root, "/tmp/test-metadata-XXXXXX");
	if (!mkdtemp(w->root))
		abort();
	snprintf(uid, sizeof(uid), "me:x:%u:%u:Me:/home/me:/bin/sh\n", getuid(), getgid());
	put(w, "etc/passwd", uid);
	snprintf(uid, sizeof(uid), "mine:x:%u:\nroot:x:0:\n", getgid());
	put(w, "etc/group", uid);
	w->state = path_join(w->root, "state/instances/i-1");
	mkdir_p(w->state, 0700);
	w->instance = calloc(1, sizeof(*w->instance));
	w->instance->id = strdup("i-1");
	w->instance->meta_data = cJSON_CreateObject();
	blob_set(&w->instance->user_data, config, strlen(config));
	if (userdata_read(w->instance, NULL, &w->d, &w->data) < 0)
		abort();
	w->context = (struct context){.instance = w->instance,
	                              .data = &w->data,
	                              .config = w->data.config,
	                              .root = w->root,
	                              .state = w->state,
	                              .d = &w->d};
}

static inline void close_world(struct world *w)
{
	rm_rf(w->root);
	userdata_done(&w->data);
	instance_free(w->instance);
	free(w->state);
}
