// SPDX-License-Identifier: Apache-2.0
#include "metadata/modules/accounts.h"

#include <stdio.h>

#define LOCK_DEADLINE (15 * USEC_PER_SEC) /* as lckpwdf(3) */
#define LOCK_PAUSE    (20 * USEC_PER_MSEC)
#define SUB_COUNT     65536
#define LINES_MAX     100000

/* clang-format off */
static const struct {
	const char *path;
	unsigned fields;
} files[ACCOUNT_FILES] = {
	[SUBUID]  = { "etc/subuid",  3 },
	[SUBGID]  = { "etc/subgid",  3 },
	[GSHADOW] = { "etc/gshadow", 4 },
	[GROUP]   = { "etc/group",   4 },
	[SHADOW]  = { "etc/shadow",  9 },
	[PASSWD]  = { "etc/passwd",  7 },
};
/* clang-format on */

struct accounts {
	const char *root;
	int lock_fd;
	char *policies, *defaults; /* login.defs, default/useradd */
	struct {
		char **lines;
		struct stat st;
		bool exists, is_changed;
	} files[ACCOUNT_FILES];
};

/* ---- lines ---- */

static char *below(const struct accounts *a, const char *path)
{
	return path_join(*a->root ? a->root : "/", path);
}

/* The n-th field and its size; an empty one where there are not so many. */
static const char *field(const char *line, unsigned n, size_t *ret_size)
{
	for (; n > 0 && line; n--) {
		line = strchr(line, ':');
		line = line ? line + 1 : NULL;
	}
	*ret_size = line ? strcspn(line, ":") : 0;
	return line ? line : "";
}

static bool field_is(const char *line, unsigned n, const char *value)
{
	size_t size;
	const char *f = field(line, n, &size);

	return strlen(value) == size && !strncmp(f, value, size);
}

static bool field_number(const char *line, unsigned n, uint64_t *ret)
{
	size_t size;
	const char *f = field(line, n, &size);
	auto_free char *text = strndup(f, size);

	return text && str_to_u64(text, 10, ret) >= 0;
}

static char **find(const struct accounts *a, enum account_file k, const char *name)
{
	for (char **l = a->files[k].lines; l && *l; l++)
		if (field_is(*l, 0, name))
			return l;
	return NULL;
}

static int add_line(struct accounts *a, enum account_file k, char *line)
{
	const char *colon = line ? strchr(line, ':') : NULL;
	auto_free char *name = colon ? strndup(line, (size_t) (colon - line)) : NULL;
	char **old = name ? find(a, k, name) : NULL;

	if (!name) {
		free(line);
		return -ENOMEM;
	}
	a->files[k].is_changed = true;
	if (!old)
		return strv_append_consume(&a->files[k].lines, line);
	/* Of a boot that was cut off. */
	free(*old);
	*old = line;
	return 0;
}

static int set_field(struct accounts *a, enum account_file k, const char *name, unsigned n,
                     const char *value)
{
	char **l = find(a, k, name), *line;
	size_t size;
	const char *f;

	if (!l)
		return -ENOENT;
	if (strpbrk(value, ":\n"))
		return -EINVAL;
	f = field(*l, n, &size);
	if (!*f && n + 1 > files[k].fields)
		return -EINVAL;
	line = str_printf("%.*s%s%s", (int) (f - *l), *l, value, f + size);
	if (!line)
		return -ENOMEM;
	free(*l);
	*l = line;
	a->files[k].is_changed = true;
	return 0;
}

/* ---- policies ---- */

/* The value behind @key, up to the end of the line; NULL: it is not set. */
static char *value_of(const char *text, const char *key, const char *between)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *v = str_after(p, key);
		auto_free char *value = NULL;

		if (!v || !*v || !strchr(between, *v))
			continue;
		v += strspn(v, between);
		value = strndup(v, strcspn(v, "\n"));
		return value ? strdup(str_strip(value)) : NULL;
	}
	return NULL;
}

static uint64_t policy(const struct accounts *a, const char *key, unsigned base, uint64_t otherwise)
{
	auto_free char *text = value_of(a->policies, key, " \t");
	uint64_t n;

	return text && str_to_u64(text, base, &n) >= 0 ? n : otherwise;
}

static bool policy_is_no(const struct accounts *a, const char *key)
{
	auto_free char *text = value_of(a->policies, key, " \t");

	return text && str_to_bool(text) == 0;
}

static char *default_of(const struct accounts *a, const char *key, const char *otherwise)
{
	char *text = value_of(a->defaults, key, "=");

	return text ? text : strdup(otherwise);
}

/* ---- ids ---- */

struct id_kind {
	enum account_file file;
	const char *prefix;
};
static const struct id_kind uids = {PASSWD, "UID"}, gids = {GROUP, "GID"};

static bool id_is_used(const struct accounts *a, const struct id_kind *k, uint64_t id)
{
	uint64_t n;

	for (char *const *l = a->files[k->file].lines; l && *l; l++)
		if (field_number(*l, 2, &n) && n == id)
			return true;
	return false;
}

static uint64_t id_limit(const struct accounts *a, const struct id_kind *k, const char *what,
                         uint64_t otherwise)
{
	auto_free char *key = str_printf("%s_%s", k->prefix, what),
		       *system = str_printf("SYS_%s_%s", k->prefix, what);
	bool is_system = otherwise < 1000;

	return key && system ? policy(a, is_system ? system : key, 10, otherwise) : otherwise;
}

/* As shadow's tools: one above the highest, a system's the highest that is free. @preferred: 0, or taken if it can be. */
static int pick_id(const struct accounts *a, const struct id_kind *k, bool is_system,
                   uint64_t preferred, uint64_t *ret)
{
	uint64_t low = id_limit(a, k, "MIN", is_system ? 101 : 1000),
		 high = id_limit(a, k, "MAX", is_system ? 999 : 60000), next = low, n;

	if (preferred >= low && preferred <= high && !id_is_used(a, k, preferred)) {
		*ret = preferred;
		return 0;
	}
	for (char *const *l = a->files[k->file].lines; l && *l; l++)
		if (field_number(*l, 2, &n) && n >= next && n <= high)
			next = n + 1;
	if (!is_system && next <= high) {
		*ret = next;
		return 0;
	}
	for (n = high; n >= low && n > 0; n--)
		if (!id_is_used(a, k, n)) {
			*ret = n;
			return 0;
		}
	return -ENOSPC;
}

/* The first gap that is large enough. */
static int add_subids(struct accounts *a, enum account_file k, const char *user)
{
	const char *prefix = k == SUBUID ? "SUB_UID" : "SUB_GID";
	auto_free char *min = str_printf("%s_MIN", prefix), *max = str_printf("%s_MAX", prefix),
		       *count = str_printf("%s_COUNT", prefix);
	uint64_t start, end, size, at, n;

	if (!min || !max || !count)
		return -ENOMEM;
	start = policy(a, min, 10, 100000);
	end = policy(a, max, 10, 600100000);
	size = policy(a, count, 10, SUB_COUNT);
	if (!a->files[k].exists || !size || find(a, k, user))
		return 0;
	for (bool moved = true; moved;) {
		moved = false;
		for (char *const *l = a->files[k].lines; l && *l; l++)
			if (field_number(*l, 1, &at) && field_number(*l, 2, &n) &&
			    n < UINT64_MAX - at && at < start + size && start < at + n) {
				start = at + n;
				moved = true;
			}
	}
	if (start + size - 1 > end)
		return -ENOSPC;
	return add_line(a, k,
	                str_printf("%s:%llu:%llu", user, (unsigned long long) start,
	                           (unsigned long long) size));
}

/* ---- open, write ---- */

static int take_lock(struct accounts *a)
{
	auto_free char *path = below(a, "etc/.pwd.lock");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	usec_t deadline = now(CLOCK_BOOTTIME) + LOCK_DEADLINE;

	if (!path)
		return -ENOMEM;
	a->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (a->lock_fd < 0)
		return -errno;
	while (fcntl(a->lock_fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (now(CLOCK_BOOTTIME) >= deadline)
			return -ETIMEDOUT;
		(void) usleep(LOCK_PAUSE);
	}
	return 0;
}

static int set_text(struct accounts *a, enum account_file k, const char *text)
{
	int r = strv_split(text, "\n", &a->files[k].lines);

	if (r >= 0 && strv_length(a->files[k].lines) > LINES_MAX)
		r = -E2BIG;
	a->files[k].exists = true;
	return r < 0 ? r : 0;
}

static int read_file(struct accounts *a, enum account_file k)
{
	auto_free char *path = below(a, files[k].path), *text = NULL;
	auto_fd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;
	int r;

	if (fd < 0)
		return !path ? -ENOMEM : errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &a->files[k].st) < 0)
		return -errno;
	r = file_read_fd(fd, FILE_SIZE_MAX, &text, NULL);
	if (r >= 0) {
		r = set_text(a, k, text);
		explicit_bzero(text, strlen(text));
	}
	return r;
}

static struct accounts *accounts_new(const char *root)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (a)
		*a = (struct accounts){.root = root, .lock_fd = -EBADF};
	return a;
}

int accounts_open(const struct context *c, struct accounts **ret)
{
	struct accounts *a = accounts_new(c->root);
	auto_free char *policies = NULL, *defaults = NULL;
	int r;

	if (!a)
		return -ENOMEM;
	r = take_lock(a);
	for (int k = 0; k < ACCOUNT_FILES && r >= 0; k++)
		r = read_file(a, (enum account_file) k);
	policies = below(a, "etc/login.defs");
	defaults = below(a, "etc/default/useradd");
	if (r >= 0 && (!policies || !defaults))
		r = -ENOMEM;
	if (r < 0) {
		accounts_close(a);
		return r;
	}
	/* Where there are no policies the usual ones hold. */
	(void) file_read(policies, &a->policies, NULL);
	(void) file_read(defaults, &a->defaults, NULL);
	*ret = a;
	return 0;
}

int accounts_of_texts(const struct account_texts *texts, const char *root, struct accounts **ret)
{
	struct accounts *a = accounts_new(root);
	int r = a ? 0 : -ENOMEM;

	for (int k = 0; k < ACCOUNT_FILES && r >= 0; k++)
		if (texts->files[k])
			r = set_text(a, (enum account_file) k, texts->files[k]);
	if (r >= 0 && texts->policies)
		r = str_set(&a->policies, texts->policies);
	if (r >= 0 && texts->defaults)
		r = str_set(&a->defaults, texts->defaults);
	if (r < 0) {
		accounts_close(a);
		return r;
	}
	*ret = a;
	return 0;
}

int accounts_text(const struct accounts *a, enum account_file k, char **ret)
{
	auto_free char *text = strv_join(a->files[k].lines, "\n");

	if (!text)
		return -ENOMEM;
	*ret = str_printf("%s%s", text, *text ? "\n" : "");
	explicit_bzero(text, strlen(text));
	return *ret ? 0 : -ENOMEM;
}

void accounts_close(struct accounts *a)
{
	if (!a)
		return;
	for (int k = 0; k < ACCOUNT_FILES; k++) {
		STRV_FOREACH (l, a->files[k].lines)
			explicit_bzero(*l, strlen(*l));
		strv_free(a->files[k].lines);
	}
	free(a->policies);
	free(a->defaults);
	fd_close(a->lock_fd);
	free(a);
}

/* Owner and mode stay: shadow belongs to a group that may read it. */
static int write_file(struct accounts *a, enum account_file k)
{
	const struct stat *st = &a->files[k].st;
	bool exists = a->files[k].exists, is_secret = k == SHADOW || k == GSHADOW;
	auto_free char *path = below(a, files[k].path),
		       *next = path ? str_printf("%s+", path) : NULL, *text = NULL;
	auto_fd int fd = -EBADF;
	int r = next ? accounts_text(a, k, &text) : -ENOMEM;

	if (r < 0)
		return r;
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	explicit_bzero(text, strlen(text));
	if (fd < 0)
		return r;
	if (r >= 0 && ((exists && fchown(fd, st->st_uid, st->st_gid) < 0) ||
	               fchmod(fd, exists      ? st->st_mode & 07777
	                          : is_secret ? 0600
	                                      : 0644) < 0 ||
	               fsync(fd) < 0 || rename(next, path) < 0))
		r = -errno;
	if (r < 0)
		(void) unlink(next);
	else
		a->files[k].is_changed = false;
	return r;
}

int accounts_write(struct accounts *a)
{
	int r = 0;

	for (int k = 0; k < ACCOUNT_FILES && r >= 0; k++)
		if (a->files[k].is_changed)
			r = write_file(a, (enum account_file) k);
	return r;
}

/* ---- groups ---- */

bool accounts_has_user(const struct accounts *a, const char *name)
{
	return find(a, PASSWD, name);
}

bool accounts_has_group(const struct accounts *a, const char *name)
{
	return find(a, GROUP, name);
}

static int add_group(struct accounts *a, const char *name, bool is_system, uint64_t preferred,
                     uint64_t *ret_gid)
{
	char **l = find(a, GROUP, name);
	int r = 0;

	if (l)
		return field_number(*l, 2, ret_gid) ? 0 : -EBADMSG;
	r = pick_id(a, &gids, is_system, preferred, ret_gid);
	if (r >= 0)
		r = add_line(a, GROUP,
		             str_printf("%s:x:%llu:", name, (unsigned long long) *ret_gid));
	return r < 0 || !a->files[GSHADOW].exists
	               ? r
	               : add_line(a, GSHADOW, str_printf("%s:!::", name));
}

int accounts_add_group(struct accounts *a, const char *name)
{
	uint64_t gid;

	return add_group(a, name, false, 0, &gid);
}

/* The fourth field of both files is the list of names. */
static int add_member(struct accounts *a, enum account_file k, const char *group, const char *user)
{
	char **l = find(a, k, group);
	auto_strv char **names = NULL;
	auto_free char *old = NULL, *list = NULL;
	const char *f;
	size_t size;
	int r;

	if (!l)
		return k == GSHADOW ? 0 : -ENOENT;
	f = field(*l, 3, &size);
	old = strndup(f, size);
	r = old ? strv_split(old, ",", &names) : -ENOMEM;
	if (r >= 0)
		r = strv_append_unique(&names, user);
	if (r <= 0)
		return r;
	list = strv_join(names, ",");
	return list ? set_field(a, k, group, 3, list) : -ENOMEM;
}

int accounts_add_member(struct accounts *a, const char *group, const char *user)
{
	int r = add_member(a, GROUP, group, user);

	return r < 0 ? r : add_member(a, GSHADOW, group, user);
}

/* A name, or a number that may have none. */
static int group_id(const struct accounts *a, const char *group, uint64_t *ret)
{
	char **l = find(a, GROUP, group);

	if (l)
		return field_number(*l, 2, ret) ? 0 : -EBADMSG;
	return str_to_u64(group, 10, ret) >= 0 && *ret < UINT32_MAX && id_is_used(a, &gids, *ret)
	               ? 0
	               : -ENOENT;
}

/* ---- users ---- */

static unsigned long long today(void)
{
	return now(CLOCK_REALTIME) / (24 * 3600 * USEC_PER_SEC);
}

/* "2032-09-01", or days since 1970; "" for never. */
static int expiry(const char *text, char ret[32])
{
	struct tm t = {0};
	uint64_t days;
	char rest;

	ret[0] = '\0';
	if (str_is_empty(text))
		return 0;
	if (sscanf(text, "%4d-%2d-%2d%c", &t.tm_year, &t.tm_mon, &t.tm_mday, &rest) == 3) {
		t.tm_year -= 1900;
		t.tm_mon--;
		days = (uint64_t) timegm(&t) / (24 * 3600);
	} else if (str_to_u64(text, 10, &days) < 0) {
		return -EINVAL;
	}
	if (days > 10000000)
		return -EINVAL;
	snprintf(ret, 32, "%llu", (unsigned long long) days);
	return 0;
}

static int add_shadow(struct accounts *a, const struct user_wish *w)
{
	auto_free char *inactive =
			       w->inactive ? strdup(w->inactive) : default_of(a, "INACTIVE", ""),
		       *expire =
			       w->expiredate ? strdup(w->expiredate) : default_of(a, "EXPIRE", "");
	unsigned long long day = today();
	char end[32], changed[32] = "", ages[96] = "::";
	int64_t n;
	int r;

	if (!inactive || !expire)
		return -ENOMEM;
	if (*inactive && str_to_i64(inactive, &n) < 0)
		return -EINVAL;
	r = expiry(expire, end);
	if (r < 0)
		return r;
	if (day)
		snprintf(changed, sizeof(changed), "%llu", day);
	if (!w->is_system)
		snprintf(ages, sizeof(ages), "%llu:%llu:%llu",
		         (unsigned long long) policy(a, "PASS_MIN_DAYS", 10, 0),
		         (unsigned long long) policy(a, "PASS_MAX_DAYS", 10, 99999),
		         (unsigned long long) policy(a, "PASS_WARN_AGE", 10, 7));
	return add_line(a, SHADOW,
	                str_printf("%s:!:%s:%s:%s:%s:", w->name, changed, ages,
	                           *inactive == '-' ? "" : inactive, end));
}

static int user_ids(struct accounts *a, const struct user_wish *w, uint64_t *ret_uid,
                    uint64_t *ret_gid)
{
	auto_free char *standard = NULL;
	int r;

	if (!w->uid) {
		r = pick_id(a, &uids, w->is_system, 0, ret_uid);
	} else {
		r = str_to_u64(w->uid, 10, ret_uid);
		if (r >= 0 && *ret_uid >= UINT32_MAX)
			r = -EINVAL;
		if (r >= 0 && id_is_used(a, &uids, *ret_uid))
			r = -EEXIST;
	}
	if (r < 0)
		return r;
	if (w->primary_group)
		return group_id(a, w->primary_group, ret_gid);
	if (!w->no_user_group && !policy_is_no(a, "USERGROUPS_ENAB"))
		return add_group(a, w->name, w->is_system, *ret_uid, ret_gid);
	standard = default_of(a, "GROUP", "100");
	return standard ? group_id(a, standard, ret_gid) : -ENOMEM;
}

static bool is_one_field(const char *s)
{
	return !s || !strpbrk(s, ":\n");
}

int accounts_add_user(struct accounts *a, const struct user_wish *w)
{
	auto_free char *base = default_of(a, "HOME", "/home"),
		       *home = w->home ? strdup(w->home)
	                       : base  ? path_join(base, w->name)
	                               : NULL,
		       *shell = w->shell ? strdup(w->shell) : default_of(a, "SHELL", "/bin/sh"),
		       *skeleton = default_of(a, "SKEL", "/etc/skel");
	mode_t mask = (mode_t) policy(a, "UMASK", 8, 022);
	uint64_t uid, gid;
	int r;

	if (!home || !shell || !skeleton)
		return -ENOMEM;
	if (!is_one_field(w->gecos) || !is_one_field(home) || !is_one_field(shell) || *home != '/')
		return -EINVAL;
	r = user_ids(a, w, &uid, &gid);
	if (r >= 0 && a->files[SHADOW].exists)
		r = add_shadow(a, w);
	STRV_FOREACH (g, w->groups)
		if (r >= 0)
			r = accounts_add_member(a, *g, w->name);
	if (r >= 0 && !w->is_system)
		r = add_subids(a, SUBUID, w->name);
	if (r >= 0 && !w->is_system)
		r = add_subids(a, SUBGID, w->name);
	if (r >= 0 && !w->no_home)
		r = home_make(a->root, home, skeleton,
		              (mode_t) policy(a, "HOME_MODE", 8, 0777 & ~mask) & 0777, (uid_t) uid,
		              (gid_t) gid);
	if (r < 0)
		return r;
	return add_line(a, PASSWD,
	                str_printf("%s:x:%llu:%llu:%s:%s:%s", w->name, (unsigned long long) uid,
	                           (unsigned long long) gid, w->gecos ? w->gecos : "", home,
	                           shell));
}

/* ---- passwords ---- */

static int set_changed(struct accounts *a, const char *user, unsigned long long day)
{
	auto_free char *text = str_printf("%llu", day);

	return text ? set_field(a, SHADOW, user, 2, text) : -ENOMEM;
}

int accounts_set_hash(struct accounts *a, const char *user, const char *hash)
{
	int r = set_field(a, SHADOW, user, 1, hash);

	return r < 0 || !today() ? r : set_changed(a, user, today());
}

int accounts_lock_password(struct accounts *a, const char *user)
{
	char **l = find(a, SHADOW, user);
	auto_free char *locked = NULL;
	const char *f;
	size_t size;

	if (!l)
		return -ENOENT;
	f = field(*l, 1, &size);
	if (*f == '!')
		return 0;
	locked = str_printf("!%.*s", (int) size, f);
	return locked ? set_field(a, SHADOW, user, 1, locked) : -ENOMEM;
}

int accounts_expire_password(struct accounts *a, const char *user)
{
	return set_changed(a, user, 0);
}
