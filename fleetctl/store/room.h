// SPDX-License-Identifier: Apache-2.0
/* room.h - private to the store: its object and the adapter from rows to structs. */
#pragma once

#include "base/id128.h"
#include "store/db.h"

struct store {
	struct db *db;
	char epoch[ID128_TEXT_MAX];
};

typedef void (*each_fn)(void); /* one of the store_*_fn types, cast back before the call */
struct each {
	each_fn fn;
	void *userdata;
};

int store_changed(struct store *s, int r); /* -ENOENT when the last statement changed nothing */
int store_read_int(const struct db_row *row, void *userdata);
