// SPDX-License-Identifier: Apache-2.0
/* Host keys that are made here, as the real ssh-keygen sees them; and the writer of their form, byte for byte. */
#include "check.h"

#include "base/base.h"
#include "base/base64.h"
#include "base/sys.h"
#include "metadata/modules/host-key.h"

#include <fcntl.h>
#include <gmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const names[HOST_KEY_KIND_MAX] = {"ed25519", "ecdsa", "rsa"};
/* How many of each kind ssh-keygen has to take. */
static const unsigned counts[HOST_KEY_KIND_MAX] = {200, 200, 10};

/* ---- a folder, and ssh-keygen in it ---- */

static char folder[64];

static void open_folder(void)
{
	strcpy(folder, "/tmp/test-host-keys-XXXXXX");
	if (!mkdtemp(folder))
		abort();
}

static char *in_folder(const char *name)
{
	return path_join(folder, name);
}

/* A shell's line in the folder; its output where it went well, else what it was ended with. */
static char *shell(const char *line)
{
	auto_free char *whole = str_printf("cd %s && { %s; } 2>&1", folder, line);
	auto_strbuf struct strbuf b = {0};
	FILE *f = popen(whole, "re");
	char *text = NULL, part[4096];
	size_t n;
	int status;

	if (!f)
		abort();
	strbuf_puts(&b, "");
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		strbuf_add(&b, part, n);
	status = pclose(f);
	if (status)
		strbuf_printf(&b, "(status %d)", WEXITSTATUS(status));
	if (strbuf_take(&b, &text) < 0)
		abort();
	return text;
}

static char *content(const char *name)
{
	auto_free char *path = in_folder(name);
	char *text = NULL;

	return file_read(path, &text, NULL) >= 0 ? text : strdup("(none)");
}

static mode_t mode(const char *name)
{
	auto_free char *path = in_folder(name);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static size_t entries(void)
{
	auto_strv char **list = NULL;

	return dir_list(folder, &list) < 0 ? SIZE_MAX : strv_length(list);
}

/* ---- random numbers that a test gives: @given first, then the kernel's; the @fails_at-th call fails ---- */

static uint8_t given[64];
static size_t n_given;
static unsigned calls, fails_at;

static int test_random(void *buf, size_t size)
{
	size_t n = MIN(size, n_given);

	if (++calls == fails_at)
		return -ENOSYS;
	memcpy(buf, given, n);
	memmove(given, given + n, n_given - n);
	n_given -= n;
	return host_key_random((uint8_t *) buf + n, size - n);
}

static void give(const char *hex)
{
	calls = fails_at = 0;
	for (n_given = 0; hex[2 * n_given]; n_given++) {
		unsigned v;

		if (n_given == sizeof(given) || sscanf(hex + 2 * n_given, "%2x", &v) != 1)
			abort();
		given[n_given] = (uint8_t) v;
	}
}

static int zeros(void *buf, size_t size)
{
	memset(buf, 0, size);
	return 0;
}

/* ---- a private key's text, taken apart ---- */

#define FIELDS_MAX 8

struct parsed {
	uint8_t *data;
	uint32_t check;
	struct {
		const uint8_t *data;
		size_t size;
	} fields[FIELDS_MAX]; /* type, numbers and strings, comment */
	size_t n_fields;
};

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static const uint8_t *after_string(const uint8_t *p)
{
	return p + 4 + get_u32(p);
}

/* @n: fields, with type and comment. */
static struct parsed parse(const char *text, size_t n)
{
	const char *begin = str_after(text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	const char *end = begin ? strstr(begin, "-----END OPENSSH PRIVATE KEY-----\n") : NULL;
	auto_free char *base64 = end ? strndup(begin, (size_t) (end - begin)) : NULL;
	struct parsed k = {0};
	const uint8_t *p;
	size_t size;

	if (!base64 || str_base64_decode(base64, &k.data, &size) < 0 || size < 64)
		abort();
	p = k.data + sizeof("openssh-key-v1");
	for (int i = 0; i < 3; i++)
		p = after_string(p);
	p = after_string(p + 4) + 4;
	k.check = get_u32(p);
	for (p += 8; k.n_fields < n; p = after_string(p)) {
		k.fields[k.n_fields].data = p + 4;
		k.fields[k.n_fields++].size = get_u32(p);
	}
	return k;
}

/* ---- the writer ---- */

struct shape {
	const char *kind, *bits;
	size_t n_fields;  /* private ones, without type and comment */
	unsigned numbers; /* which of them are, by bit */
	unsigned public_first,
		public_second; /* which of them are the public half's, from 1; 0: none */
};
static const struct shape shapes[] = {
	{"ed25519", "256", 2, 0, 1, 0}, {"ecdsa", "256", 3, 4, 1, 2},
	{"ecdsa", "384", 3, 4, 1, 2},   {"ecdsa", "521", 3, 4, 1, 2},
	{"rsa", "1024", 6, 0x3f, 2, 1}, {"rsa", "3072", 6, 0x3f, 2, 1},
	{"rsa", "4096", 6, 0x3f, 2, 1},
};

TEST(writer__makes_of_ssh_keygens_fields_its_very_text)
{
	/* Lengths of comments up to a block, so that the filling is each of its lengths. */
	for (size_t i = 0; i < ELEMENTSOF(shapes); i++)
		for (unsigned c = 0; c <= (shapes[i].n_fields < 6 ? 8 : 0); c++) {
			const struct shape *s = &shapes[i];
			auto_free char *line = NULL, *out = NULL, *want = NULL, *public = NULL,
				       *type = NULL, *comment = NULL;
			auto_openssh_text struct openssh_text text = {0};
			struct openssh_key k = {0};
			uint8_t padded[1024] = {0};
			struct parsed p;

			open_folder();
			line = str_printf("ssh-keygen -q -t %s -b %s -N '' -C '%.*s' -f key",
			                  s->kind, s->bits, (int) c, "a@b-cdef");
			out = shell(line);
			CHECK_STR(out, "");
			want = content("key");
			public = content("key.pub");
			p = parse(want, s->n_fields + 2);
			type = strndup((const char *) p.fields[0].data, p.fields[0].size);
			comment = strndup((const char *) p.fields[s->n_fields + 1].data,
			                  p.fields[s->n_fields + 1].size);
			k.type = type;
			for (size_t f = 0; f < s->n_fields; f++)
				k.private[f] = (struct openssh_field){p.fields[f + 1].data,
				                                      p.fields[f + 1].size,
				                                      s->numbers >> f & 1};
			k.public[0] = k.private[s->public_first - 1];
			if (s->public_second)
				k.public[1] = k.private[s->public_second - 1];
			CHECK_INT(openssh_key_private(&k, p.check, comment, &text), ==, 0);
			CHECK_STR(text.data, want);
			CHECK_INT(openssh_key_public(&k, comment, &text), ==, 0);
			CHECK_STR(text.data, public);
			/* A number is the same with zeros before it. */
			for (size_t f = 0; f < s->n_fields; f++)
				if (s->numbers >> f & 1) {
					memcpy(padded + 3, k.private[f].data, k.private[f].size);
					k.private[f].data = padded;
					k.private[f].size += 3;
					break;
				}
			CHECK_INT(openssh_key_private(&k, p.check, comment, &text), ==, 0);
			CHECK_STR(text.data, want);
			free(p.data);
			rm_rf(folder);
		}
}

TEST(writer__numbers_have_no_zeros_before_them_but_that_of_the_sign)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *want;
		size_t want_size;
	} rows[] = {
		{"\x01", 1, "\0\0\0\1\x01", 5},     {"\x7f", 1, "\0\0\0\1\x7f", 5},
		{"\x80", 1, "\0\0\0\2\0\x80", 6},   {"\xff\x01", 2, "\0\0\0\3\0\xff\x01", 7},
		{"\0\x80", 2, "\0\0\0\2\0\x80", 6}, {"\0\0\x01\0", 4, "\0\0\0\2\x01\0", 6},
		{"\0", 1, "\0\0\0\0", 4},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_openssh_text struct openssh_text text = {0};
		auto_free uint8_t *data = NULL;
		struct openssh_key k = {.type = "t"};
		size_t size;

		k.public[0] = (struct openssh_field){rows[i].bytes, rows[i].size, true};
		CHECK_INT(openssh_key_public(&k, "", &text), ==, 0);
		text.data[text.size - 2] = '\0'; /* the blank before no comment */
		CHECK_INT(str_base64_decode(text.data + 2, &data, &size), ==, 0);
		CHECK_INT(size, ==, 5 + rows[i].want_size);
		CHECK_INT(memcmp(data + 5, rows[i].want, rows[i].want_size), ==, 0);
	}
}

TEST(writer__what_does_not_fit_is_refused)
{
	static uint8_t much[OPENSSH_KEY_TEXT_MAX];
	static char comment[OPENSSH_KEY_TEXT_MAX];
	auto_openssh_text struct openssh_text text = {0};
	struct openssh_key k = {.type = "t"};

	k.private[0] = (struct openssh_field){much, sizeof(much), false};
	CHECK_INT(openssh_key_private(&k, 0, "", &text), ==, -E2BIG);
	k.private[0].size = 16;
	k.public[0] = (struct openssh_field){much, 5200, false};
	CHECK_INT(openssh_key_private(&k, 0, "", &text), ==, -E2BIG);
	CHECK_INT(openssh_key_public(&k, "", &text), ==, -E2BIG);
	k.public[0].size = 16;
	memset(comment, 'c', sizeof(comment) - 1);
	CHECK_INT(openssh_key_private(&k, 0, comment, &text), ==, -E2BIG);
	CHECK_INT(openssh_key_public(&k, comment, &text), ==, -E2BIG);
	CHECK_INT(openssh_key_private(&k, 0, "", &text), ==, 0);
}

/* ---- the numbers ---- */

static void check_bytes(const struct openssh_field *f, const char *hex)
{
	auto_strbuf struct strbuf b = {0};

	strbuf_puts(&b, "");
	for (size_t i = 0; i < f->size; i++)
		strbuf_printf(&b, "%02x", ((const uint8_t *) f->data)[i]);
	CHECK_STR(b.data, hex);
}

TEST(ed25519__is_rfc_8032s)
{
	auto_host_key struct host_key k = {0};

	give("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	CHECK_INT(host_key_generate(HOST_KEY_ED25519, test_random, &k), ==, 0);
	check_bytes(&k.key.public[0],
	            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST(ecdsa__is_rfc_6979s_example)
{
	auto_host_key struct host_key k = {0};

	/* A first number beyond the group's order is passed over. */
	give("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0"
	     "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
	CHECK_INT(host_key_generate(HOST_KEY_ECDSA, test_random, &k), ==, 0);
	check_bytes(&k.key.public[1],
	            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
	check_bytes(&k.key.private[2],
	            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
}

TEST(ecdsa__without_a_usable_number_it_ends)
{
	auto_host_key struct host_key k = {0};

	CHECK_INT(host_key_generate(HOST_KEY_ECDSA, zeros, &k), ==, -EIO);
}

static void import(mpz_t ret, const struct openssh_field *f)
{
	mpz_import(ret, f->size, 1, 1, 1, 0, f->data);
}

TEST(rsa__is_as_fips_186_5_wants_it)
{
	for (int i = 0; i < 10; i++) {
		auto_host_key struct host_key k = {0};
		const struct openssh_field *f = k.key.private;
		mpz_t n, e, d, c, p, q, t, u;

		give("");
		CHECK_INT(host_key_generate(HOST_KEY_RSA, test_random, &k), ==, 0);
		mpz_inits(n, e, d, c, p, q, t, u, NULL);
		import(n, &f[0]);
		import(e, &f[1]);
		import(d, &f[2]);
		import(c, &f[3]);
		import(p, &f[4]);
		import(q, &f[5]);
		CHECK_INT(mpz_cmp_ui(e, 65537), ==, 0);
		CHECK_INT(mpz_sizeinbase(n, 2), ==, 3072);
		CHECK_INT(mpz_probab_prime_p(p, 64), >, 0);
		CHECK_INT(mpz_probab_prime_p(q, 64), >, 0);
		mpz_mul(t, p, q);
		CHECK_INT(mpz_cmp(t, n), ==, 0);
		/* Each at least the root of 2 times 2^1535, and below 2^1536. */
		mpz_mul(t, q, q);
		CHECK_INT(mpz_sizeinbase(t, 2), ==, 3072);
		CHECK_INT(mpz_sizeinbase(p, 2), ==, 1536);
		mpz_sub(t, p, q);
		CHECK_INT(mpz_sgn(t), >, 0);
		CHECK_INT(mpz_sizeinbase(t, 2), >, 1536 - 100);
		mpz_mul(t, c, q);
		mpz_mod(t, t, p);
		CHECK_INT(mpz_cmp_ui(t, 1), ==, 0);
		mpz_sub_ui(t, p, 1);
		mpz_sub_ui(u, q, 1);
		mpz_lcm(t, t, u);
		CHECK_INT(mpz_cmp(d, t), <, 0);
		CHECK_INT(mpz_sizeinbase(d, 2), >, 1536);
		mpz_mul(u, d, e);
		mpz_mod(u, u, t);
		CHECK_INT(mpz_cmp_ui(u, 1), ==, 0);
		mpz_clears(n, e, d, c, p, q, t, u, NULL);
	}
}

/* ---- the files, as ssh-keygen reads them ---- */

static char *create(enum host_key_kind kind, random_fn random, int *ret)
{
	auto_free char *path = in_folder("key");

	*ret = host_key_create(kind, random, path);
	return content("key.pub");
}

/* What it derives from the private half is the public one; a signature by the first holds for the second. */
static void check_by_ssh_keygen(const char *public, bool with_signature)
{
	static const char sign[] =
		"echo text >message; rm -f message.sig; ssh-keygen -q -Y sign -f key -n test "
		"message && { printf 'me '; cat key.pub; } >allowed && ssh-keygen -q -Y verify -f "
		"allowed -I me -n test -s message.sig <message";
	auto_free char *derived = shell("ssh-keygen -y -f key"), *signature = NULL, *forged = NULL;

	CHECK_STR(derived, public);
	if (!with_signature)
		return;
	signature = shell(sign);
	CHECK_STR(signature, "");
	forged = shell("echo other | ssh-keygen -q -Y verify -f allowed -I me -n test -s "
	               "message.sig >/dev/null 2>&1 || echo refused");
	CHECK_STR(forged, "refused\n");
}

static void check_kind(enum host_key_kind kind)
{
	char host[256] = "";

	open_folder();
	gethostname(host, sizeof(host) - 1);
	for (unsigned i = 0; i < counts[kind]; i++) {
		auto_free char *public = NULL, *comment = str_printf(" root@%s\n", host),
			       *path = in_folder("key");
		int r;

		unlink(path);
		public = create(kind, host_key_random, &r);
		CHECK_INT(r, ==, 0);
		CHECK(str_ends_with(public, comment));
		CHECK_INT(mode("key"), ==, 0600);
		CHECK_INT(mode("key.pub"), ==, 0644);
		check_by_ssh_keygen(public, kind == HOST_KEY_RSA || i % 20 == 0);
	}
	rm_rf(folder);
}

TEST(keys__ed25519_is_read_and_signs)
{
	check_kind(HOST_KEY_ED25519);
}

TEST(keys__ecdsa_is_read_and_signs)
{
	check_kind(HOST_KEY_ECDSA);
}

TEST(keys__rsa_is_read_and_signs)
{
	check_kind(HOST_KEY_RSA);
}

TEST(keys__have_the_lengths_that_ssh_keygen_shows)
{
	static const char *const wants[] = {"256 ED25519\n", "256 ECDSA\n", "3072 RSA\n"};

	open_folder();
	for (int i = 0; i < HOST_KEY_KIND_MAX; i++) {
		auto_free char *public = NULL, *shown = NULL;
		int r;

		public = create((enum host_key_kind) i, host_key_random, &r);
		CHECK_INT(r, ==, 0);
		shown = shell("ssh-keygen -l -f key | sed -E 's/ .*\\((.*)\\)$/ \\1/'");
		CHECK_STR(shown, wants[i]);
	}
	rm_rf(folder);
}

/*
 * Numbers and coordinates of each odd length: a secret with the highest bit and with zeros before it, a point with a zero first. OpenSSH
 * takes no secret of half the order's bits or fewer, which nobody will ever draw.
 */
TEST(keys__ecdsa_of_every_length_is_read)
{
	static const char *const secrets[] = {
		"80", "ff00", "00ff", "007f", "0000000080", "000000000000000000000000000000ff"};
	unsigned seen[2] = {0};

	open_folder();
	for (size_t i = 0; i < ELEMENTSOF(secrets); i++) {
		auto_free char *public = NULL;
		int r;

		give(secrets[i]);
		public = create(HOST_KEY_ECDSA, test_random, &r);
		CHECK_INT(r, ==, 0);
		check_by_ssh_keygen(public, true);
	}
	for (unsigned tries = 0; !seen[0] || !seen[1]; tries++) {
		auto_host_key struct host_key k = {0};
		auto_openssh_text struct openssh_text text = {0};
		auto_free char *path = in_folder("key"), *derived = NULL;

		CHECK_INT(tries, <, 20000); /* a failure of all is one in 10^33 */
		CHECK_INT(host_key_generate(HOST_KEY_ECDSA, host_key_random, &k), ==, 0);
		for (size_t at = 0; at < 2; at++) {
			if (((const uint8_t *) k.key.public[1].data)[1 + 32 * at] || seen[at]++)
				continue;
			CHECK_INT(openssh_key_private(&k.key, 7, "c", &text), ==, 0);
			CHECK_INT(file_write_atomic(path, text.data, text.size, 0600, false), ==,
			          0);
			free(derived);
			derived = shell("ssh-keygen -y -f key");
			CHECK_INT(openssh_key_public(&k.key, "c", &text), ==, 0);
			CHECK_STR(derived, text.data);
		}
	}
	rm_rf(folder);
}

/* ---- what may fail ---- */

TEST(failures__of_the_random_numbers_leave_nothing)
{
	/* RSA asks some hundred times; one behind the last never comes. */
	static const unsigned calls_of[HOST_KEY_KIND_MAX] = {2, 2, 6};

	open_folder();
	for (int kind = 0; kind < HOST_KEY_KIND_MAX; kind++)
		for (unsigned n = 1; n <= calls_of[kind]; n++) {
			auto_free char *public = NULL;
			int r;

			give("");
			fails_at = n;
			public = create((enum host_key_kind) kind, test_random, &r);
			if (r != -ENOSYS)
				printf("\n      %s, call %u", names[kind], n);
			CHECK_INT(r, ==, -ENOSYS);
			CHECK_INT(entries(), ==, 0);
		}
	rm_rf(folder);
}

/* No file may be larger than so many bytes: first the public half fails, then the private one alone. */
TEST(failures__of_the_disk_leave_nothing)
{
	static const rlim_t limits[] = {1, 300};
	struct rlimit old, limit;

	open_folder();
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
		auto_free char *public = NULL;
		int r;

		limit.rlim_cur = limits[i];
		setrlimit(RLIMIT_FSIZE, &limit);
		public = create(HOST_KEY_ED25519, host_key_random, &r);
		setrlimit(RLIMIT_FSIZE, &old);
		CHECK_INT(r, ==, -EFBIG);
		CHECK_INT(entries(), ==, 0);
	}
	signal(SIGXFSZ, SIG_DFL);
	rm_rf(folder);
}

static unsigned long fault_serial;
static char fault_call[32];

static int disk_is_full(const char *call, unsigned long serial)
{
	(void) serial;
	if (!streq(call, fault_call))
		return 0;
	return fault_serial-- == 0 ? -ENOSPC : 0;
}

TEST(failures__of_each_call_leave_no_private_half)
{
	static const char *const names_of[] = {"openat", "write", "renameat"};

	open_folder();
	for (size_t i = 0; i < ELEMENTSOF(names_of); i++)
		for (unsigned long n = 0; n < 2; n++) {
			auto_free char *public = NULL;
			int r;

			strcpy(fault_call, names_of[i]);
			fault_serial = n;
			sys_fault = disk_is_full;
			{
				auto_free char *path = in_folder("key");

				r = host_key_create(HOST_KEY_ECDSA, host_key_random, path);
			}
			sys_fault = NULL;
			if (r != -ENOSPC)
				printf("\n      %s %lu", names_of[i], n);
			CHECK_INT(r, ==, -ENOSPC);
			CHECK_INT(entries(), ==, 0);
		}
	rm_rf(folder);
}

/* ---- what stays in memory ---- */

/* How often the bytes stand on heap and stack; those of this test are static. */
static unsigned found_in_memory(const void *bytes, size_t size)
{
	auto_fd int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned found = 0;
	char line[512];

	if (fd < 0 || !maps)
		abort();
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		auto_free uint8_t *copy = NULL;
		ssize_t n;

		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, "[") ||
		    !(copy = malloc(to - from)))
			continue;
		n = pread(fd, copy, to - from, (off_t) from);
		for (ssize_t at = 0; at + (ssize_t) size <= n; at++)
			found += !memcmp(copy + at, bytes, size);
		explicit_bzero(copy, to - from);
	}
	fclose(maps);
	return found;
}

/* The last secret, from its other side. */
static uint8_t hidden[32];

static int random_that_is_kept(void *buf, size_t size)
{
	int r = host_key_random(buf, size);

	for (size_t i = 0; size == sizeof(hidden) && i < size; i++)
		hidden[i] = (uint8_t) ~((uint8_t *) buf)[i];
	return r;
}

/* @ret: static, too. */
static void read_private(char *ret, size_t size)
{
	auto_free char *path = in_folder("key");
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, ret, size - 1);

	ret[MAX(n, (ssize_t) 0)] = '\0';
}

TEST(secrets__do_not_stay_in_memory)
{
	static uint8_t secret[sizeof(hidden)];
	static char text[4096], *line;

	open_folder();
	for (int kind = HOST_KEY_ED25519; kind <= HOST_KEY_ECDSA; kind++) {
		auto_free char *public = NULL;
		int r;

		public = create((enum host_key_kind) kind, random_that_is_kept, &r);
		CHECK_INT(r, ==, 0);
		for (size_t i = 0; i < sizeof(hidden); i++)
			secret[i] = (uint8_t) ~hidden[i];
		CHECK_INT(found_in_memory(secret, 16), ==, 0);
		/* As a number of limbs it stands the other way round; what is freed has the heap's own at its beginning. */
		for (size_t i = 0; i < sizeof(hidden); i++)
			secret[i] = (uint8_t) ~hidden[sizeof(hidden) - 1 - i];
		CHECK_INT(found_in_memory(secret + 16, 16), ==, 0);
		/* The fourth line of its text is the secret's. */
		read_private(text, sizeof(text));
		line = text;
		for (int i = 0; i < 3 && line; i++)
			line = strchr(line + 1, '\n');
		CHECK(line);
		CHECK_INT(found_in_memory(line + 1, 40), ==, 0);
	}
	rm_rf(folder);
}
