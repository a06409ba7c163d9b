// SPDX-License-Identifier: Apache-2.0
#include "bundle/bundle.h"
#include "cli/cli.h"

#include "base/fd.h"

#include <openssl/evp.h>
#include <stdio.h>

static int said(const struct diag *d, int exit_code)
{
	char first[DIAG_TEXT_MAX];

	return complain(exit_code, "%s", diag_first(d, first, sizeof(first)));
}

/* --out FILE: the secret key; FILE.pub (or with .key replaced) is the public one. */
int verb_bundle_keygen(const struct options *o, int argc, char **argv)
{
	const char *path = o->out ? o->out : "fleet.key";
	auto_free char *secret_text = NULL, *public_text = NULL, *public_path = NULL;
	struct minisign_public public_key;
	struct minisign_secret secret;
	char id[MINISIGN_ID_TEXT];
	int r;

	(void) argc;
	(void) argv;
	if (access(path, F_OK) == 0)
		return complain(EXIT_FAILED, "\"%s\" is there already; it is not overwritten",
		                path);
	public_path = str_ends_with(path, ".key")
	                      ? str_printf("%.*s.pub", (int) strlen(path) - 4, path)
	                      : str_printf("%s.pub", path);
	r = minisign_generate(&secret);
	if (r < 0 || !public_path)
		return complain(EXIT_FAILED, "No key could be made: %s", strerror(-r));
	public_key = minisign_public_of(&secret);
	secret_text = minisign_secret_print(&secret);
	public_text = minisign_public_print(&public_key);
	if (!secret_text || !public_text)
		return complain(EXIT_FAILED, "Out of memory");
	r = file_write_atomic(path, secret_text, strlen(secret_text), 0600, true);
	if (r >= 0)
		r = file_write_atomic(public_path, public_text, strlen(public_text), 0644, true);
	if (r < 0)
		return complain(EXIT_FAILED, "Cannot write the key: %s", strerror(-r));
	printf("Key %s: %s (secret), %s (give it to machines in /etc/sysmaster/keys/, to the "
	       "controller in DIR/keys/)\n",
	       minisign_id_format(public_key.id, id), path, public_path);
	return EXIT_OK;
}

static int parse_versions(char *const *words, unsigned *ret, size_t *ret_n)
{
	*ret_n = 0;
	STRV_FOREACH (word, words) {
		uint32_t number;

		if (*ret_n >= BUNDLE_VERSIONS_MAX || str_to_u32(*word, &number) < 0)
			return -EINVAL;
		ret[(*ret_n)++] = number;
	}
	if (*ret_n == 0) {
		ret[0] = 1;
		*ret_n = 1;
	}
	return 0;
}

int verb_bundle_create(const struct options *o, int argc, char **argv)
{
	unsigned wire[BUNDLE_VERSIONS_MAX], state[BUNDLE_VERSIONS_MAX];
	struct bundle_create_options create = {.version = o->version,
	                                       .arch = o->arch,
	                                       .directory = o->dir,
	                                       .wire = wire,
	                                       .state = state};
	struct minisign_secret key;
	struct diag d = {};
	int r;

	(void) argc;
	(void) argv;
	if (!o->version || !o->dir || !o->key || !o->out)
		return complain(EXIT_USAGE,
		                "bundle create needs --version, --dir, --key and --out");
	if (!bundle_version_is_valid(o->version))
		return complain(EXIT_USAGE,
		                "\"%s\" cannot be a version: letters, digits and .+~_- only",
		                o->version);
	if (parse_versions(o->wire, wire, &create.n_wire) < 0 ||
	    parse_versions(o->state_versions, state, &create.n_state) < 0)
		return complain(EXIT_USAGE, "--wire and --state take numbers");
	r = minisign_secret_read(o->key, &d, &key);
	if (r >= 0)
		r = bundle_create(&create, o->out, &d);
	if (r >= 0)
		r = bundle_sign(o->out, &key, NULL, &d);
	if (r < 0)
		return said(&d, EXIT_FAILED);
	printf("%s\n%s" BUNDLE_SIGNATURE_SUFFIX "\n", o->out, o->out);
	return EXIT_OK;
}

int verb_bundle_upload(const struct options *o, int argc, char **argv)
{
	auto_free char *signature_path = str_printf("%s" BUNDLE_SIGNATURE_SUFFIX, argv[0]),
		       *signature = NULL, *header = NULL;
	auto_cleanup(client_close) struct client *c = NULL;
	char encoded[MINISIGN_FILE_MAX * 2];
	auto_json cJSON *answer = NULL;
	size_t size;
	int r;

	(void) argc;
	r = signature_path
	            ? file_read_at(AT_FDCWD, signature_path, MINISIGN_FILE_MAX, &signature, &size)
	            : -ENOMEM;
	if (r < 0)
		return complain(EXIT_FAILED, "Cannot read the signature \"%s\": %s", signature_path,
		                strerror(-r));
	EVP_EncodeBlock((unsigned char *) encoded, (const unsigned char *) signature, (int) size);
	header = str_printf("X-Bundle-Signature: %s", encoded);
	if (!header || client_open(o, &c) < 0)
		return EXIT_USAGE;
	r = client_upload(c, "/v1/bundles", argv[0], header, &answer);
	if (r != EXIT_OK)
		return r;
	if (o->json)
		return print_json(answer);
	printf("%s, signed by key %s%s\n", json_string_or(answer, "version", ""),
	       json_string_or(answer, "key_id", ""),
	       json_bool_or(answer, "verified", false)
	               ? ""
	               : " (the controller has no keys and did not verify it; machines do)");
	return EXIT_OK;
}

int verb_bundle_remove(const struct options *o, int argc, char **argv)
{
	auto_cleanup(client_close) struct client *c = NULL;
	auto_free char *path = NULL;

	(void) argc;
	if (client_open(o, &c) < 0)
		return EXIT_USAGE;
	path = client_path(c, "/v1/bundles/", argv[0], "");
	return path ? client_call(c, "DELETE", path, NULL, NULL)
	            : complain(EXIT_FAILED, "Out of memory");
}
