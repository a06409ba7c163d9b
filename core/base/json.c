// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/fd.h"
#include "base/json-scan.h"
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static unsigned line_of(const char *text, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int refuse(const char *text, size_t offset, const char *name, struct diag *d,
                  const char *reason)
{
	return diag_add(d, -EBADMSG, DIAG_ERROR, name, line_of(text, offset),
	                "Not valid JSON at byte %zu: %s", offset, reason);
}

int json_parse(const char *text, size_t size, const char *name, struct diag *d, cJSON **ret)
{
	const char *end = NULL, *reason;
	size_t offset;
	cJSON *j;

	if (json_scan(text, size, JSON_ITEMS_MAX, &offset, &reason) < 0)
		return refuse(text, offset, name, d, reason);
	if (size == 0)
		return refuse(text, 0, name, d, "empty");
	errno = 0;
	j = cJSON_ParseWithLengthOpts(text, size, &end, false);
	offset = end && end >= text && end <= text + size ? (size_t) (end - text) : 0;
	if (!j) {
		if (errno == ENOMEM)
			return diag_add(d, -ENOMEM, DIAG_ERROR, name, 0, "Out of memory");
		return refuse(text, offset, name, d, "unexpected character or end");
	}
	/* The text need not end with a NUL. */
	while (offset < size && memchr(" \t\r\n", text[offset], 4))
		offset++;
	if (offset < size) {
		cJSON_Delete(j);
		return refuse(text, offset, name, d, "text behind the value");
	}
	*ret = j;
	return 0;
}

int json_parse_file(const char *path, struct diag *d, cJSON **ret)
{
	auto_free char *text = NULL;
	size_t size;
	int r;

	r = file_read(path, &text, &size);
	if (r < 0)
		return diag_add(d, r, DIAG_ERROR, path, 0, "Failed to read the file: %m");
	return json_parse(text, size, path, d, ret);
}

cJSON *json_free(cJSON *j)
{
	cJSON_Delete(j);
	return NULL;
}

static int json_get(const cJSON *object, const char *key, const cJSON **ret)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!j || cJSON_IsNull(j))
		return -ENOENT;
	*ret = j;
	return 0;
}

int json_get_string(const cJSON *object, const char *key, const char **ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (!cJSON_IsString(j))
		return -EINVAL;
	*ret = j->valuestring;
	return 0;
}

/* A number without a fraction that a double holds exactly. */
static bool is_integer(const cJSON *j)
{
	double v = j->valuedouble;

	return cJSON_IsNumber(j) && isfinite(v) && fabs(v) <= 0x1p62 && (double) (int64_t) v == v &&
	       fabs(v) <= (double) JSON_INTEGER_MAX;
}

int json_get_u64(const cJSON *object, const char *key, uint64_t *ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (cJSON_IsString(j))
		return str_to_u64(j->valuestring, 10, ret) < 0 ? -EINVAL : 0;
	if (!is_integer(j) || j->valuedouble < 0)
		return -EINVAL;
	*ret = (uint64_t) j->valuedouble;
	return 0;
}

int json_get_i64(const cJSON *object, const char *key, int64_t *ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (cJSON_IsString(j))
		return str_to_i64(j->valuestring, ret) < 0 ? -EINVAL : 0;
	if (!is_integer(j))
		return -EINVAL;
	*ret = (int64_t) j->valuedouble;
	return 0;
}

int json_get_bool(const cJSON *object, const char *key, bool *ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (!cJSON_IsBool(j))
		return -EINVAL;
	*ret = cJSON_IsTrue(j);
	return 0;
}

int json_get_array(const cJSON *object, const char *key, const cJSON **ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (!cJSON_IsArray(j))
		return -EINVAL;
	*ret = j;
	return 0;
}

int json_get_object(const cJSON *object, const char *key, const cJSON **ret)
{
	const cJSON *j;
	int r;

	r = json_get(object, key, &j);
	if (r < 0)
		return r;
	if (!cJSON_IsObject(j))
		return -EINVAL;
	*ret = j;
	return 0;
}

int json_get_strv(const cJSON *object, const char *key, char ***ret)
{
	auto_strv char **v = NULL;
	const cJSON *array, *item;
	size_t n = 0;
	int r;

	r = json_get_array(object, key, &array);
	if (r < 0)
		return r;
	cJSON_ArrayForEach(item, array)
	{
		if (!cJSON_IsString(item))
			return -EINVAL;
		n++;
	}
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	n = 0;
	cJSON_ArrayForEach(item, array)
	{
		v[n] = strdup(item->valuestring);
		if (!v[n++])
			return -ENOMEM;
	}
	*ret = TAKE_PTR(v);
	return 0;
}

const char *json_string_or(const cJSON *object, const char *key, const char *fallback)
{
	const char *s;

	return json_get_string(object, key, &s) < 0 ? fallback : s;
}

uint64_t json_u64_or(const cJSON *object, const char *key, uint64_t fallback)
{
	uint64_t v;

	return json_get_u64(object, key, &v) < 0 ? fallback : v;
}

bool json_bool_or(const cJSON *object, const char *key, bool fallback)
{
	bool v;

	return json_get_bool(object, key, &v) < 0 ? fallback : v;
}

int json_add_string(cJSON *object, const char *key, const char *value)
{
	if (!value)
		return 0;
	return cJSON_AddStringToObject(object, key, value) ? 0 : -ENOMEM;
}

int json_add_u64(cJSON *object, const char *key, uint64_t value)
{
	char text[24];

	if (value <= JSON_INTEGER_MAX)
		return cJSON_AddNumberToObject(object, key, (double) value) ? 0 : -ENOMEM;
	(void) snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_add_string(object, key, text);
}

int json_add_i64(cJSON *object, const char *key, int64_t value)
{
	char text[24];

	if (value >= -(int64_t) JSON_INTEGER_MAX && value <= (int64_t) JSON_INTEGER_MAX)
		return cJSON_AddNumberToObject(object, key, (double) value) ? 0 : -ENOMEM;
	(void) snprintf(text, sizeof(text), "%" PRIi64, value);
	return json_add_string(object, key, text);
}

int json_add_bool(cJSON *object, const char *key, bool value)
{
	return cJSON_AddBoolToObject(object, key, value) ? 0 : -ENOMEM;
}

int json_add_strv(cJSON *object, const char *key, char *const *v)
{
	auto_json cJSON *array = NULL;

	if (!v)
		return 0;
	array = cJSON_CreateArray();
	if (!array)
		return -ENOMEM;
	STRV_FOREACH (s, v)
		if (json_append_take(array, cJSON_CreateString(*s)) < 0)
			return -ENOMEM;
	return json_add_take(object, key, TAKE_PTR(array));
}

int json_add_take(cJSON *object, const char *key, cJSON *value)
{
	if (value && cJSON_AddItemToObject(object, key, value))
		return 0;
	cJSON_Delete(value);
	return -ENOMEM;
}

int json_append_take(cJSON *array, cJSON *value)
{
	if (value && cJSON_AddItemToArray(array, value))
		return 0;
	cJSON_Delete(value);
	return -ENOMEM;
}
