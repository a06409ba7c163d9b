// SPDX-License-Identifier: Apache-2.0
/* The accounts of an image that somebody else made: files between lines "--", a user added to them, and what comes of it. */
#include "metadata/modules/accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Lines of @old are lines of @text, in their order; at most one is new. */
static void check_kept(const char *old, const char *text)
{
	auto_strv char **had = NULL, **has = NULL;
	size_t k = 0, added = 0;

	if (strv_split(old, "\n", &had) < 0 || strv_split(text, "\n", &has) < 0)
		return;
	STRV_FOREACH (l, has) {
		if (had && had[k] && streq(had[k], *l))
			k++;
		else
			added++;
	}
	require(k == strv_length(had) && added <= 1);
}

static void add_user(struct accounts *a, const struct account_texts *t)
{
	char *groups[] = {(char[]){"adm"}, NULL};
	struct user_wish w = {.name = "new.user", .no_home = true, .groups = groups};
	bool was_there = accounts_has_user(a, w.name);
	auto_free char *text = NULL;
	int r;

	if (was_there)
		return;
	(void) accounts_add_group(a, "adm");
	r = accounts_add_user(a, &w);
	require(accounts_has_user(a, w.name) == (r >= 0));
	if (r < 0 || accounts_text(a, PASSWD, &text) < 0)
		return;
	check_kept(t->files[PASSWD] ? t->files[PASSWD] : "", text);
	(void) accounts_set_hash(a, w.name, "$6$x$y");
	(void) accounts_lock_password(a, w.name);
	(void) accounts_expire_password(a, w.name);
	require(accounts_set_hash(a, w.name, "a:b") < 0);
}

static void read_again(const struct accounts *a)
{
	char *texts[ACCOUNT_FILES] = {NULL};
	struct account_texts t = {0};
	struct accounts *b = NULL;
	int r = 0;

	for (int k = 0; k < ACCOUNT_FILES && r >= 0; k++) {
		r = accounts_text(a, (enum account_file) k, &texts[k]);
		t.files[k] = texts[k];
	}
	if (r >= 0 && accounts_of_texts(&t, "/nonexistent", &b) >= 0) {
		require(accounts_has_user(a, "new.user") == accounts_has_user(b, "new.user"));
		for (int k = 0; k < ACCOUNT_FILES; k++) {
			auto_free char *text = NULL;

			require(accounts_text(b, (enum account_file) k, &text) < 0 ||
			        streq(text, texts[k]));
		}
		accounts_close(b);
	}
	for (int k = 0; k < ACCOUNT_FILES; k++)
		free(texts[k]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum account_file order[] = {PASSWD, SHADOW, GROUP, GSHADOW, SUBUID, SUBGID};
	auto_blob struct blob b = {0};
	struct account_texts t = {0};
	struct accounts *a = NULL;
	char *next;

	if (blob_set(&b, data, size) < 0)
		return 0;
	next = b.data;
	for (size_t i = 0; i < ELEMENTSOF(order) + 2 && next; i++) {
		const char *here = next;

		next = strstr(next, "--\n");
		if (next) {
			*next = '\0';
			next += 3;
		}
		if (i < ELEMENTSOF(order))
			t.files[order[i]] = here;
		else
			*(i == ELEMENTSOF(order) ? &t.policies : &t.defaults) = here;
	}
	if (accounts_of_texts(&t, "/nonexistent", &a) < 0)
		return 0;
	add_user(a, &t);
	read_again(a);
	accounts_close(a);
	return 0;
}
