// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/fd.h"
#include "base/str.h"
#include "bundle/minisign.h"

#include <sys/wait.h>

/* Made by Debian's minisign 0.11 (minisign -G -W; -S, and -S -l for the legacy form), over "hi\n".
 */
static const char public_text[] = "untrusted comment: minisign public key F78BF221D513496D\n"
				  "RWRtSRPVIfKL9yAFpQcVg+/83AGo6VgqG8ITk6NNSPHZr/qAWxJd4wvy\n";
static const char signature_text[] = "untrusted comment: signature from minisign secret key\n"
				     "RURtSRPVIfKL9zM+IXGOSEUrfrcbGhOMXEiyswENYT/"
				     "egkgn2kuoM+ISQM6nU5MonVngNJG7HyK/Sq9sKQl8ac1bW8dzG9EaQgk=\n"
				     "trusted comment: timestamp:1795448916\tfile:f\thashed\n"
				     "PnWE915cHSO454ws5i60kUt7qmw5XJi785wy2UopWelVHb3d0MBEZnjFn1jH5"
				     "zK9z7CG7eK0pIBiHp9E+N9YDA==\n";

static int file_with(const char *text)
{
	return memfd_new_data("test", text, strlen(text));
}

TEST(minisign__verifies_what_minisign_signed)
{
	auto_fd int fd = file_with("hi\n"), other = file_with("ho\n");
	struct minisign_signature s;
	struct minisign_public p;
	char id[MINISIGN_ID_TEXT];

	CHECK_INT(minisign_public_parse(public_text, strlen(public_text), NULL, &p), ==, 0);
	CHECK_STR(minisign_id_format(p.id, id), "F78BF221D513496D");
	CHECK_INT(minisign_signature_parse(signature_text, strlen(signature_text), NULL, &s), ==,
	          0);
	CHECK(s.prehashed);
	CHECK_STR(s.comment, "timestamp:1795448916\tfile:f\thashed");
	CHECK_INT(minisign_verify_fd(fd, 100, &s, &p, NULL), ==, 0);
	CHECK_INT(minisign_verify_fd(other, 100, &s, &p, NULL), ==, -EKEYREJECTED);
	CHECK_INT(minisign_verify_fd(fd, 2, &s, &p, NULL), ==, -E2BIG);
	s.comment[0] ^= 1;
	CHECK_INT(minisign_verify_fd(fd, 100, &s, &p, NULL), ==, -EKEYREJECTED);
	s.comment[0] ^= 1;
	s.id[0] ^= 1;
	CHECK_INT(minisign_verify_fd(fd, 100, &s, &p, NULL), ==, -EKEYREJECTED);
}

TEST(minisign__signs_and_verifies_its_own)
{
	auto_fd int fd = file_with("some contents");
	struct minisign_secret k, k_again;
	struct minisign_public p, p_again;
	struct minisign_signature s;
	auto_free char *text = NULL, *secret = NULL, *public_key = NULL;

	CHECK_INT(minisign_generate(&k), ==, 0);
	p = minisign_public_of(&k);
	secret = minisign_secret_print(&k);
	public_key = minisign_public_print(&p);
	CHECK(secret && public_key);
	CHECK_INT(minisign_secret_parse(secret, strlen(secret), NULL, &k_again), ==, 0);
	CHECK(!memcmp(&k, &k_again, sizeof(k)));
	CHECK_INT(minisign_public_parse(public_key, strlen(public_key), NULL, &p_again), ==, 0);
	CHECK(!memcmp(&p, &p_again, sizeof(p)));
	CHECK_INT(minisign_sign_fd(fd, 1000, &k, "a comment", NULL, &text), ==, 0);
	CHECK_INT(minisign_signature_parse(text, strlen(text), NULL, &s), ==, 0);
	CHECK_STR(s.comment, "a comment");
	CHECK_INT(minisign_verify_fd(fd, 1000, &s, &p, NULL), ==, 0);
	CHECK_INT(minisign_sign_fd(fd, 1000, &k, "two\nlines", NULL, &text), ==, -EINVAL);
}

/* The real tool, both ways and both forms. */
TEST(minisign__agrees_with_the_tool)
{
	char dir[] = "/tmp/test-minisign.XXXXXX", command[1024];
	struct minisign_signature s;
	struct minisign_public p;
	auto_free char *text = NULL, *path = NULL;
	struct minisign_secret k;
	auto_fd int fd = -EBADF;
	size_t size;

	if (system("command -v minisign >/dev/null 2>&1") != 0) {
		printf("minisign is not installed ");
		return;
	}
	CHECK(mkdtemp(dir));
	snprintf(command, sizeof(command),
	         "cd %s && echo hello >f && minisign -G -W -p k.pub -s k.key >/dev/null && "
	         "minisign -S -l -s k.key -m f >/dev/null",
	         dir);
	CHECK_INT(system(command), ==, 0);
	path = str_printf("%s/k.pub", dir);
	CHECK_INT(minisign_public_read(path, NULL, &p), ==, 0);
	free(path);
	path = str_printf("%s/k.key", dir);
	CHECK_INT(minisign_secret_read(path, NULL, &k), ==, 0);
	free(path);
	path = str_printf("%s/f.minisig", dir);
	CHECK_INT(file_read(path, &text, &size), ==, 0);
	CHECK_INT(minisign_signature_parse(text, size, NULL, &s), ==, 0);
	CHECK(!s.prehashed);
	free(path);
	path = str_printf("%s/f", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(minisign_verify_fd(fd, 100, &s, &p, NULL), ==, 0);
	free(TAKE_PTR(text));
	CHECK_INT(minisign_sign_fd(fd, 100, &k, NULL, NULL, &text), ==, 0);
	free(path);
	path = str_printf("%s/f.minisig", dir);
	CHECK_INT(file_write_atomic(path, text, strlen(text), 0644, false), ==, 0);
	snprintf(command, sizeof(command), "cd %s && minisign -V -q -p k.pub -m f", dir);
	CHECK_INT(system(command), ==, 0);
	CHECK_INT(rm_rf(dir), ==, 0);
}

TEST(minisign__refuses_what_is_not_its_form)
{
	/* clang-format off */
	static const char *const bad[] = {
		"",
		"\n",
		"untrusted comment: x\n",
		"untrusted comment: x\nRWRtSRPV\n",
		"untrusted comment: x\nRWRtSRPVIfKL9yAFpQcVg+/83AGo6VgqG8ITk6NNSPHZr/qAWxJd4wv!\n",
		"untrusted comment: x\nRURtSRPVIfKL9yAFpQcVg+/83AGo6VgqG8ITk6NNSPHZr/qAWxJd4wvy\n",
		"untrusted comment: x\nRWRtSRPVIfKL9yAFpQcVg+/83AGo6VgqG8ITk6NNSPHZr/qAWxJd4wvy\nmore\n",
	};
	/* clang-format on */
	struct minisign_signature s;
	struct minisign_public p;

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		CHECK_INT(minisign_public_parse(bad[i], strlen(bad[i]), NULL, &p), ==, -EBADMSG);
	/* Every cut of a signature is refused, but those that only lack the last newline. */
	for (size_t n = 0; n + 1 < strlen(signature_text); n++)
		CHECK_INT(minisign_signature_parse(signature_text, n, NULL, &s), ==, -EBADMSG);
}
