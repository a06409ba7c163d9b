// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/fd.h"
#include "base/str.h"
#include "bundle/bundle.h"

#include <archive.h>
#include <archive_entry.h>

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char dir[64];

static char *at(const char *name)
{
	return str_printf("%s/%s", dir, name);
}

static void set_up(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test-bundle.XXXXXX");
	if (!mkdtemp(dir))
		abort();
}

static void put(const char *name, const char *text, mode_t mode)
{
	auto_free char *path = at(name);

	if (mkdir_parents(path, 0755) < 0 ||
	    file_write_atomic(path, text, strlen(text), mode, false) < 0)
		abort();
}

static int create(const char *version, const char *from, const char *to, struct diag *d)
{
	auto_free char *directory = at(from), *path = at(to);
	const unsigned wire[] = {1}, state[] = {1, 2};
	struct bundle_create_options o = {.version = version,
	                                  .directory = directory,
	                                  .wire = wire,
	                                  .n_wire = 1,
	                                  .state = state,
	                                  .n_state = 2,
	                                  .level = 1};

	return bundle_create(&o, path, d);
}

static int open_file(const char *name)
{
	auto_free char *path = at(name);

	return open(path, O_RDONLY | O_CLOEXEC);
}

TEST(bundle__goes_there_and_back)
{
	auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = NULL;
	auto_free char *out = NULL, *text = NULL, *file = NULL, *bundle = NULL, *keys = NULL,
		       *key_path = NULL;
	auto_free char *public_text = NULL;
	struct minisign_public p;
	struct minisign_secret k;
	auto_fd int fd = -EBADF;
	struct diag d = {};
	char first[400];

	set_up();
	put("in/core", "abc", 0755);
	put("in/units/a.service", "[Unit]\n", 0600);
	CHECK_INT(create("1.2.3", "in", "b", &d), ==, 0);
	bundle = at("b");
	keys = at("keys");
	key_path = at("keys/k.pub");
	out = at("out");
	CHECK_INT(minisign_generate(&k), ==, 0);
	CHECK_INT(bundle_sign(bundle, &k, NULL, &d), ==, 0);
	CHECK_INT(bundle_open(bundle, keys, NULL, &m), ==, -ENOKEY);
	p = minisign_public_of(&k);
	public_text = minisign_public_print(&p);
	put("keys/k.pub", public_text, 0644);
	fd = bundle_open(bundle, keys, &d, &m);
	if (fd < 0)
		printf("%s", diag_first(&d, first, sizeof(first)));
	CHECK_INT(fd, >=, 0);
	CHECK_STR(m->version, "1.2.3");
	CHECK_INT(m->n_files, ==, 2);
	CHECK_STR(m->files[0].path, "core");
	CHECK_INT(m->files[0].mode, ==, 0755);
	CHECK_INT(m->files[1].mode, ==, 0644);
	CHECK_STR(m->files[0].sha256, SHA_ABC);
	CHECK(bundle_manifest_reads_state(m, 2) && !bundle_manifest_reads_state(m, 3) &&
	      bundle_manifest_reads_wire(m, 1));
	CHECK_INT(bundle_extract(fd, m, out, &d), ==, 0);
	CHECK_INT(bundle_check_directory(m, out, &d), ==, 0);
	CHECK_INT(bundle_extract(fd, m, out, NULL), ==, -EEXIST);
	file = at("out/core");
	CHECK_INT(file_read(file, &text, NULL), ==, 0);
	CHECK_STR(text, "abc");
	put("out/core", "abd", 0755);
	CHECK_INT(bundle_check_directory(m, out, NULL), ==, -EBADMSG);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(bundle__is_a_function_of_its_input)
{
	auto_fd int a = -EBADF, b = -EBADF;
	char first[BUNDLE_SHA256_TEXT], second[BUNDLE_SHA256_TEXT];

	set_up();
	put("in/x", "1", 0644);
	put("in/y", "2", 0644);
	CHECK_INT(create("1", "in", "a", NULL), ==, 0);
	put("in/x", "1", 0644);
	CHECK_INT(create("1", "in", "b", NULL), ==, 0);
	a = open_file("a");
	b = open_file("b");
	CHECK_INT(bundle_sha256_fd(a, 1 << 20, first, NULL), ==, 0);
	CHECK_INT(bundle_sha256_fd(b, 1 << 20, second, NULL), ==, 0);
	CHECK_STR(first, second);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(bundle__holds_plain_files_only)
{
	auto_free char *link = NULL;

	set_up();
	put("in/x", "1", 0644);
	link = at("in/link");
	CHECK_INT(symlink("x", link), ==, 0);
	CHECK_INT(create("1", "in", "a", NULL), ==, -EINVAL);
	CHECK_INT(create("../1", "in", "a", NULL), ==, -EINVAL);
	CHECK_INT(unlink(link), ==, 0);
	CHECK_INT(create("../1", "in", "a", NULL), ==, -EBADMSG);
	CHECK_INT(rm_rf(dir), ==, 0);
}

/* Bundles as an attacker, or a broken tool, would make them. */
enum trick { NONE, EXTRA, MISSING, LINK, ABSOLUTE, CLIMB, LONGER, OTHER, TWICE, NO_MANIFEST };

static void member(struct archive *a, const char *path, const char *text, size_t size,
                   const char *link)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, link ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(e, 0644);
	if (link)
		archive_entry_set_symlink(e, link);
	else
		archive_entry_set_size(e, (la_int64_t) size);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    (!link && archive_write_data(a, text, size) < 0))
		abort();
	archive_entry_free(e);
}

static void forge(const char *path, enum trick t)
{
	static const char manifest[] =
		"{\"name\":\"sysmaster\",\"version\":\"1\",\"arch\":\"x\",\"wire\":[1],\"state\":["
		"1],\"files\":["
		"{\"path\":\"a\",\"size\":3,\"sha256\":\"" SHA_ABC "\",\"mode\":\"0644\"}]}";
	struct archive *a = archive_write_new();

	archive_write_set_format_pax_restricted(a);
	archive_write_add_filter_zstd(a);
	if (archive_write_open_filename(a, path) != ARCHIVE_OK)
		abort();
	if (t != NO_MANIFEST)
		member(a, "manifest.json", manifest, strlen(manifest), NULL);
	if (t == LINK)
		member(a, "a", NULL, 0, "/etc/passwd");
	else if (t == LONGER)
		member(a, "a", "abcd", 4, NULL);
	else if (t == OTHER)
		member(a, "a", "abd", 3, NULL);
	else if (t != MISSING)
		member(a, "a", "abc", 3, NULL);
	if (t == EXTRA)
		member(a, "b", "abc", 3, NULL);
	if (t == TWICE)
		member(a, "a", "abc", 3, NULL);
	if (t == ABSOLUTE)
		member(a, "/tmp/test-bundle-escaped", "abc", 3, NULL);
	if (t == CLIMB)
		member(a, "../test-bundle-escaped", "abc", 3, NULL);
	archive_write_close(a);
	archive_write_free(a);
}

TEST(bundle__extracts_nothing_that_is_not_in_order)
{
	set_up();
	for (enum trick t = NONE; t <= NO_MANIFEST; t++) {
		auto_cleanup(bundle_manifest_free) struct bundle_manifest *m = NULL;
		auto_free char *path = at("forged"), *out = at("out");
		auto_fd int fd = -EBADF;
		int r;

		forge(path, t);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = bundle_read_manifest(fd, NULL, &m);
		if (r >= 0)
			r = bundle_extract(fd, m, out, NULL);
		if (t == NONE) {
			CHECK_INT(r, ==, 0);
			CHECK_INT(rm_rf(out), ==, 0);
			continue;
		}
		if (r != -EBADMSG)
			printf("\n      trick %d", (int) t);
		CHECK_INT(r, ==, -EBADMSG);
		CHECK(access(out, F_OK) < 0);
		CHECK(access("/tmp/test-bundle-escaped", F_OK) < 0);
	}
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(bundle_manifest__refuses)
{
#define FILES(f)                                                                                   \
	"{\"name\":\"s\",\"version\":\"1\",\"arch\":\"x\",\"wire\":[1],\"state\":[1],\"files\":"   \
	"[" f "]}"
#define ONE(path, size, mode)                                                                      \
	FILES("{\"path\":\"" path "\",\"size\":" size ",\"sha256\":\"" SHA_ABC                     \
	      "\",\"mode\":\"" mode "\"}")
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ONE("a/b", "3", "0755"), 0},
		{"", -EBADMSG},
		{"[]", -EBADMSG},
		{FILES(""), -EBADMSG},
		{ONE("/a", "3", "0755"), -EBADMSG},
		{ONE("../a", "3", "0755"), -EBADMSG},
		{ONE("a/../b", "3", "0755"), -EBADMSG},
		{ONE("a//b", "3", "0755"), -EBADMSG},
		{ONE("./a", "3", "0755"), -EBADMSG},
		{ONE("a\\\\b", "3", "0755"), -EBADMSG},
		{ONE("manifest.json", "3", "0755"), -EBADMSG},
		{ONE("a", "-1", "0755"), -EBADMSG},
		{ONE("a", "3.5", "0755"), -EBADMSG},
		{ONE("a", "99999999999", "0755"), -E2BIG},
		{ONE("a", "3", "4755"), -EBADMSG},
		{ONE("a", "3", "0777"), -EBADMSG},
		{ONE("a", "3", "0955"), -EBADMSG},
		{"{\"name\":\"s\",\"version\":\"../"
	         "x\",\"arch\":\"x\",\"wire\":[1],\"state\":[1],\"files\":[]}",
	         -EBADMSG},
		{"{\"name\":\"s\",\"version\":\"1\",\"arch\":\"x\",\"wire\":[],\"state\":[1],"
	         "\"files\":[]}",
	         -EBADMSG},
		{FILES("{\"path\":\"a\",\"size\":3,\"sha256\":\"" SHA_ABC
	               "\",\"mode\":\"0644\"},{\"path\":\"a\",\"size\":3,\"sha256\":\"" SHA_ABC
	               "\",\"mode\":\"0644\"}"),
	         -EBADMSG},
		{FILES("{\"path\":\"a\",\"size\":3,\"sha256\":\"" SHA_ABC
	               "\",\"mode\":\"0644\"},{\"path\":\"a/b\",\"size\":3,\"sha256\":\"" SHA_ABC
	               "\",\"mode\":\"0644\"}"),
	         -EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct bundle_manifest *m = NULL;
		int r = bundle_manifest_parse(cases[i].text, strlen(cases[i].text), NULL, &m);

		if (r != cases[i].r)
			printf("\n      case %zu", i);
		CHECK_INT(r, ==, cases[i].r);
		bundle_manifest_free(m);
	}
}
