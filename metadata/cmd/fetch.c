// SPDX-License-Identifier: Apache-2.0
/* fetch: what the source says, without applying any of it. */
#include "metadata/boot/boot.h"
#include "metadata/cmd/cmd.h"
#include "metadata/userdata/userdata.h"

#include <getopt.h>
#include <stdio.h>

struct options {
	const char *root, *source, *output;
	bool network, secrets;
};

static int search(const struct options *o, struct diag *d, struct search *s, struct instance **ret)
{
	auto_cleanup(http_curl_free) struct http_curl *curl = NULL;
	struct http http;
	int r = search_begin(s, o->root, o->source, d);

	if (r < 0)
		return r;
	r = search_local(s, ret);
	if (r != -EAGAIN || !o->network)
		return r == -EAGAIN ? diag_add(d, -ENETUNREACH, DIAG_ERROR, "fetch", 0,
		                               "the source is behind the network, which was not "
		                               "asked for (--network)")
		                    : r;
	r = http_curl_new(&curl);
	if (r < 0)
		return r;
	http = http_of_curl(curl);
	return search_services(s, &http, NULL, now(CLOCK_BOOTTIME) + search_network_wait(s), ret);
}

/* What may be shown: as instance-data.json for who is not root. */
static int visible(const struct instance *i, cJSON **ret)
{
	auto_json cJSON *data = NULL;
	int r = instance_data_of(i, NULL, NULL, &data);

	return r < 0 ? r : instance_data_redact(data, ret);
}

static int print(const struct options *o, const struct search *s, const struct instance *i)
{
	auto_json cJSON *j = NULL;
	auto_free char *text = NULL;
	int r = o->output || o->secrets ? instance_to_json(i, &s->machine, &j) : visible(i, &j);

	if (r < 0)
		return r;
	text = json_print(j, true);
	if (!text)
		return -ENOMEM;
	if (o->output)
		return file_write_atomic(o->output, text, strlen(text), 0600, false);
	return puts(text) < 0 ? -EIO : 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},   {"source", required_argument, NULL, 's'},
		{"output", required_argument, NULL, 'o'}, {"network", no_argument, NULL, 'n'},
		{"secrets", no_argument, NULL, 'S'},      {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'r' && path_is_absolute(optarg))
			o->root = streq(optarg, "/") ? "" : optarg;
		else if (c == 's')
			o->source = optarg;
		else if (c == 'o')
			o->output = optarg;
		else if (c == 'n')
			o->network = true;
		else if (c == 'S')
			o->secrets = true;
		else
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

int cmd_fetch(int argc, char **argv)
{
	struct options o = {.root = ""};
	auto_cleanup(instance_free) struct instance *i = NULL;
	struct search s = {.root_fd = -EBADF};
	struct diag d = {0};
	int r;

	if (parse(argc, argv, &o) < 0) {
		fprintf(stderr,
		        "usage: sysmaster-metadata fetch [--root /DIR] [--network] [--source "
		        "NAME] [--output FILE | --secrets]\n");
		return EXIT_FAILURE;
	}
	r = search(&o, &d, &s, &i);
	if (r >= 0)
		r = print(&o, &s, i);
	search_done(&s);
	if (r < 0 && !d.n_items)
		diag_add(&d, r, DIAG_ERROR, "fetch", 0, "%s",
		         r == -ENOENT ? "this machine has no instance metadata" : strerror(-r));
	return cmd_finish(&d, r);
}
