// SPDX-License-Identifier: Apache-2.0
/* EC2: the order of interfaces, which is told by network card and device number. */
#include "metadata/network/state.h"

#include <ctype.h>

#define LAST UINT32_MAX /* of a number that is not told */

struct candidate {
	const char *mac, *name;
	uint32_t card, device;
	bool by_name;
};

static uint32_t number_of(const cJSON *nic, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(nic, key);
	uint32_t n;

	if (cJSON_IsNumber(v) && v->valuedouble >= 0)
		return (uint32_t) v->valuedouble;
	return cJSON_IsString(v) && str_to_u32(v->valuestring, &n) >= 0 ? n : LAST;
}

/* "eth2" stands before "eth10". */
static int compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char) *a) && isdigit((unsigned char) *b)) {
			char *end_a, *end_b;
			unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);

			if (x != y)
				return x < y ? -1 : 1;
			a = end_a;
			b = end_b;
		} else if (*a != *b) {
			return (unsigned char) *a < (unsigned char) *b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return (unsigned char) *a - (unsigned char) *b;
}

static int compare_candidates(const void *p, const void *q)
{
	const struct candidate *a = p, *b = q;

	if (a->card != b->card)
		return a->card < b->card ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->by_name ? compare_natural(a->name, b->name) : strcmp(a->mac, b->mac);
}

int network_ec2_order(const cJSON *metadata_macs, const cJSON *macs, const char *fallback,
                      cJSON **ret)
{
	size_t n = (size_t) cJSON_GetArraySize(macs), found = 0;
	auto_free struct candidate *list = calloc(n + 1, sizeof(*list));
	auto_json cJSON *order = cJSON_CreateObject();
	const cJSON *it;

	if (!list || !order)
		return -ENOMEM;
	cJSON_ArrayForEach(it, macs)
	{
		const cJSON *nic = cJSON_GetObjectItemCaseSensitive(metadata_macs, it->string);

		if (!nic || !cJSON_IsString(it))
			continue;
		list[found++] = (struct candidate){
			it->string, it->valuestring, number_of(nic, "network-card"),
			number_of(nic, "device-number"), streq(fallback, "nic_name")};
	}
	qsort(list, found, sizeof(*list), compare_candidates);
	for (size_t i = 0; i < found; i++)
		cJSON_AddNumberToObject(order, list[i].mac, (double) i);
	*ret = TAKE_PTR(order);
	return 0;
}
