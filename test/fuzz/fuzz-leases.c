// SPDX-License-Identifier: Apache-2.0
/* What an earlier boot or another program left: our leases and instance, leases of dhcpcd and networkd. The first byte chooses. */
#include "metadata/boot/lease-kernel.h"
#include "metadata/network/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void on_leases(const char *text, size_t size)
{
	auto_json cJSON *list = NULL, *kept = NULL, *again = NULL;
	struct lease_set l = {.n = 0}, same = {.n = 0};

	if (json_parse(text, size, "fuzz", NULL, &list) < 0)
		return;
	leases_of_json(list, &l);
	for (size_t i = 0; i < l.n; i++)
		require(l.items[i].lease.prefix <= 32 || !l.items[i].is_bound);
	if (leases_to_json(&l, &kept) < 0)
		return;
	leases_of_json(kept, &same);
	require(same.n == l.n);
	if (leases_to_json(&same, &again) >= 0)
		require(cJSON_Compare(kept, again, true));
}

static void on_instance(const char *text, size_t size)
{
	auto_json cJSON *j = NULL, *kept = NULL;
	struct instance *i = NULL, *again = NULL;

	if (json_parse(text, size, "fuzz", NULL, &j) < 0 || instance_of_json(j, &i) < 0)
		return;
	require(i->id && *i->id && *i->id != '.' && !strchr(i->id, '/'));
	if (instance_to_json(i, NULL, &kept) >= 0 && instance_of_json(kept, &again) >= 0) {
		require(streq(i->id, again->id) && i->user_data.size == again->user_data.size);
		instance_free(again);
	}
	instance_free(i);
}

static void on_dhcpcd(const char *text, size_t size)
{
	auto_json cJSON *lease = NULL;

	(void) size;
	(void) dhcp_lease_parse(text, &lease);
}

static void on_networkd(const char *text, size_t size)
{
	auto_json cJSON *lease = NULL;

	(void) size;
	(void) networkd_lease_parse(text, &lease);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t size) = {on_leases, on_instance,
	                                                                 on_dhcpcd, on_networkd};
	auto_blob struct blob b = {0};

	if (!size || blob_set(&b, data + 1, size - 1) < 0)
		return 0;
	readers[data[0] % ELEMENTSOF(readers)](b.data, b.size);
	return 0;
}
