// SPDX-License-Identifier: Apache-2.0
/* archive.h - private to the bundle room: libarchive with cleanup attributes, and what two files
 * share. */
#pragma once

#include "bundle/bundle.h"

#include <archive.h>
#include <archive_entry.h>

#define MANIFEST_NAME "manifest.json"
#define BLOCK_SIZE    65536

static inline void archive_reader_done(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}
static inline void archive_writer_done(struct archive **a)
{
	if (*a)
		archive_write_free(*a);
}
static inline void archive_entry_done(struct archive_entry **e)
{
	if (*e)
		archive_entry_free(*e);
}

void hash_to_text(const uint8_t hash[static 32], char ret[static BUNDLE_SHA256_TEXT]);
