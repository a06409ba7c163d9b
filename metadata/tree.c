// SPDX-License-Identifier: Apache-2.0
/* Files to read: of a directory, or of a JSON object. And the bytes that come out. */
#include "metadata/metadata.h"

#include "metadata/userdata/userdata.h"

void blob_done(struct blob *b)
{
	free(b->data);
	*b = (struct blob){0};
}

int blob_set(struct blob *b, const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	free(b->data);
	*b = (struct blob){copy, size};
	return 0;
}

int tree_read(const struct tree *t, const char *path, size_t max, struct blob *ret)
{
	return t->read(t->userdata, path, max, ret);
}

int tree_list(const struct tree *t, const char *path, char ***ret)
{
	return t->list(t->userdata, path, ret);
}

int tree_stat(const struct tree *t, const char *path)
{
	return t->stat(t->userdata, path);
}

bool tree_has(const struct tree *t, const char *path)
{
	return tree_stat(t, path) >= 0;
}

int tree_read_line(const struct tree *t, const char *path, char **ret)
{
	auto_blob struct blob b = {0};
	char *end;
	int r = tree_read(t, path, METADATA_DOCUMENT_MAX, &b);

	if (r < 0)
		return r;
	end = b.data + strcspn(b.data, "\n");
	while (end > b.data && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	*ret = TAKE_PTR(b.data);
	return 0;
}

/* ---- a directory ---- */

static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static int directory_read(void *userdata, const char *path, size_t max, struct blob *ret)
{
	return file_read_at(*(const int *) userdata, relative(path), max, &ret->data, &ret->size);
}

static int directory_list(void *userdata, const char *path, char ***ret)
{
	auto_free char *full =
		str_printf("/proc/self/fd/%d/%s", *(const int *) userdata, relative(path));

	return full ? dir_list(full, ret) : -ENOMEM;
}

static int directory_stat(void *userdata, const char *path)
{
	struct stat st;

	if (fstatat(*(const int *) userdata, relative(path), &st, 0) < 0)
		return -errno;
	return S_ISREG(st.st_mode)    ? 'f'
	       : S_ISDIR(st.st_mode)  ? 'd'
	       : S_ISSOCK(st.st_mode) ? 's'
	                              : 'o';
}

struct tree tree_of_directory(const int *fd)
{
	return (struct tree){directory_read, directory_list, directory_stat,
	                     (void *) (uintptr_t) fd};
}

/* ---- a folder of another ---- */

static char *below(const void *userdata, const char *path)
{
	const struct subtree *s = userdata;

	return path_join(s->prefix, relative(path));
}

static int subtree_read(void *userdata, const char *path, size_t max, struct blob *ret)
{
	auto_free char *full = below(userdata, path);

	return full ? tree_read(((const struct subtree *) userdata)->tree, full, max, ret)
	            : -ENOMEM;
}

static int subtree_list(void *userdata, const char *path, char ***ret)
{
	auto_free char *full = below(userdata, path);

	return full ? tree_list(((const struct subtree *) userdata)->tree, full, ret) : -ENOMEM;
}

static int subtree_stat(void *userdata, const char *path)
{
	auto_free char *full = below(userdata, path);

	return full ? tree_stat(((const struct subtree *) userdata)->tree, full) : -ENOMEM;
}

struct tree tree_of_subtree(const struct subtree *s)
{
	return (struct tree){subtree_read, subtree_list, subtree_stat, (void *) (uintptr_t) s};
}

/* ---- an object ---- */

static const cJSON *json_file(const void *userdata, const char *path)
{
	const cJSON *it;

	path = relative(path);
	cJSON_ArrayForEach(it, (const cJSON *) userdata)
	{
		if (streq(relative(it->string), path))
			return it;
	}
	return NULL;
}

/* The rest of @name below the folder @path, or NULL. */
static const char *json_below(const char *name, const char *path)
{
	const char *rest;

	name = relative(name);
	path = relative(path);
	if (streq(path, "."))
		return name;
	rest = str_after(name, path);
	return rest && *rest == '/' ? rest + 1 : NULL;
}

static int json_stat(void *userdata, const char *path)
{
	const cJSON *file = json_file(userdata, path), *it;

	if (file)
		return cJSON_GetObjectItemCaseSensitive(file, "__socket__") ? 's' : 'f';
	cJSON_ArrayForEach(it, (const cJSON *) userdata)
	{
		if (json_below(it->string, path))
			return 'd';
	}
	return -ENOENT;
}

static int json_read(void *userdata, const char *path, size_t max, struct blob *ret)
{
	const cJSON *file = json_file(userdata, path);
	const char *text;
	int r;

	if (!file)
		return json_stat(userdata, path) == 'd' ? -EISDIR : -ENOENT;
	text = json_string_or(file, "__b64__", NULL);
	if (text)
		return base64_decode(text, strlen(text), ret);
	text = cJSON_IsString(file) ? file->valuestring : json_string_or(file, "__bytes__", "");
	if (strlen(text) > max)
		return -EFBIG;
	r = blob_set(ret, text, strlen(text));
	return r;
}

static int json_list(void *userdata, const char *path, char ***ret)
{
	auto_strv char **names = NULL;
	const cJSON *it;

	cJSON_ArrayForEach(it, (const cJSON *) userdata)
	{
		const char *rest = json_below(it->string, path);
		auto_free char *name = rest ? strndup(rest, strcspn(rest, "/")) : NULL;

		if (rest && !name)
			return -ENOMEM;
		if (name && strv_append_unique(&names, name) < 0)
			return -ENOMEM;
	}
	if (!names)
		return -ENOENT;
	strv_sort_unique(names);
	*ret = TAKE_PTR(names);
	return 0;
}

struct tree tree_of_json(const cJSON *files)
{
	return (struct tree){json_read, json_list, json_stat, (void *) (uintptr_t) files};
}
