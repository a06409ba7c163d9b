// SPDX-License-Identifier: Apache-2.0
/* CloudSigma: "<", a key, ">" over the second serial line, and JSON up to an end-of-transmission. */
#include "metadata/source/serial.h"
#include "metadata/source/web.h"
#include "metadata/userdata/userdata.h"

#define SERIAL_DEVICE "/dev/ttyS1"
#define REQUEST       "<\n\n>" /* the empty key: everything */
#define END           '\004'
#define TIMEOUT       (60 * USEC_PER_SEC)

static bool is_listed(const char *fields, const char *name)
{
	auto_strv char **list = NULL;

	return fields && strv_split(fields, ", ", &list) >= 0 && list && strv_contains(list, name);
}

static int fill(struct instance *i, struct diag *d)
{
	const cJSON *meta = web_find(i->meta_data, "meta");
	const char *keys = json_string_or(meta, "ssh_public_key", NULL);
	auto_free char *id = web_text(web_find(i->meta_data, "uuid"));
	int r = blob_set_json(&i->user_data, web_find(meta, "cloudinit-user-data"));

	if (r >= 0 && is_listed(json_string_or(meta, "base64_fields", NULL), "cloudinit-user-data"))
		r = blob_maybe_base64(&i->user_data);
	if (r >= 0)
		r = blob_set_json(&i->vendor_data, web_find(i->meta_data, "vendor_data.cloudinit"));
	if (r >= 0 && keys) {
		i->public_keys = cJSON_CreateArray();
		r = json_append_take(i->public_keys, cJSON_CreateString(keys));
	}
	if (r >= 0 && id)
		r = str_set(&i->id, id);
	return r < 0 ? r : instance_take_id(i, d);
}

int cloudsigma_read(int fd, usec_t deadline, struct diag *d, struct instance **ret)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_blob struct blob b = {0};
	cJSON *v = NULL;
	int r = instance_new("CloudSigma", "CloudSigma", &i);

	serial_drain(fd);
	if (r >= 0)
		r = serial_write(fd, REQUEST, deadline);
	if (r >= 0)
		r = serial_read_until(fd, END, deadline, &b);
	if (r < 0)
		return r == -ENOMEM ? r
		                    : diag_add(d, -ENOENT, DIAG_ERROR, "CloudSigma", 0,
		                               "the host does not answer: %s", strerror(-r));
	r = json_parse(b.data, b.size, "CloudSigma", d, &v);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	cJSON_Delete(i->meta_data);
	i->meta_data = v;
	r = fill(i, d);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(i);
	return 0;
}

int source_cloudsigma(const struct source_context *c, struct instance **ret)
{
	usec_t own = now(CLOCK_BOOTTIME) + TIMEOUT;
	auto_fd int fd = -EBADF;
	int r = serial_open(SERIAL_DEVICE, &fd);

	if (r < 0)
		return r == -ENOENT ? r
		                    : diag_add(c->d, -ENOENT, DIAG_ERROR, SERIAL_DEVICE, 0, "%s",
		                               strerror(-r));
	return cloudsigma_read(fd, c->deadline && c->deadline < own ? c->deadline : own, c->d, ret);
}
