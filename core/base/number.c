// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <ctype.h>
#include <limits.h>
#include <strings.h>

int str_to_u64(const char *s, unsigned base, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	/* strtoull() would take blanks and a sign. */
	if (!s || !isalnum((unsigned char) *s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, (int) base);
	if (errno == ERANGE)
		return -ERANGE;
	if (errno != 0 || end == s || *end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int str_to_i64(const char *s, int64_t *ret)
{
	bool negative;
	uint64_t v;
	int r;

	if (!s)
		return -EINVAL;
	negative = *s == '-';
	if (negative || *s == '+')
		s++;
	r = str_to_u64(s, 10, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t) INT64_MAX + negative)
		return -ERANGE;
	/* Negated as unsigned, since INT64_MIN has no positive counterpart. */
	*ret = (int64_t) (negative ? -v : v);
	return 0;
}

int str_to_u32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r;

	r = str_to_u64(s, 10, &v);
	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t) v;
	return 0;
}

int str_to_i32(const char *s, int32_t *ret)
{
	int64_t v;
	int r;

	r = str_to_i64(s, &v);
	if (r < 0)
		return r;
	if (v < INT32_MIN || v > INT32_MAX)
		return -ERANGE;
	*ret = (int32_t) v;
	return 0;
}

int str_to_pid(const char *s, pid_t *ret)
{
	uint64_t v;
	int r;

	r = str_to_u64(s, 10, &v);
	if (r < 0)
		return r;
	if (v == 0 || v > INT_MAX)
		return -ERANGE;
	*ret = (pid_t) v;
	return 0;
}

int str_to_bool(const char *s)
{
	static const char *const words[][6] = {
		{"0", "no", "n", "false", "f", "off"},
		{"1", "yes", "y", "true", "t", "on"},
	};

	for (int v = 0; s && v < 2; v++)
		for (size_t i = 0; i < ELEMENTSOF(words[v]); i++)
			if (strcasecmp(s, words[v][i]) == 0)
				return v;
	return -EINVAL;
}
