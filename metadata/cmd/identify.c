// SPDX-License-Identifier: Apache-2.0
#include "metadata/cmd/cmd.h"

#include "metadata/detect/detect.h"

#include <stdio.h>

static int print(const struct machine *m, const struct detection *r)
{
	static const char *const verdicts[] = {"enabled", "not-found", "disabled"};
	auto_json cJSON *j = cJSON_CreateObject();
	auto_free char *text = NULL;

	if (!j)
		return -ENOMEM;
	json_add_string(j, "verdict", verdicts[r->verdict]);
	json_add_string(j, "reason", r->reason);
	if (r->list)
		json_add_strv(j, "datasource_list", r->list);
	json_add_strv(j, "found", r->found);
	json_add_strv(j, "maybe", r->maybe);
	json_add_bool(j, "pinned", r->is_pinned);
	json_add_string(j, "virtualization", m->virt);
	json_add_bool(j, "confidential", m->is_confidential);
	text = json_print(j, true);
	if (!text)
		return -ENOMEM;
	puts(text);
	return 0;
}

int cmd_identify(int argc, char **argv)
{
	const char *root = argc == 3 && streq(argv[1], "--root") ? argv[2] : argc == 1 ? "/" : NULL;
	auto_fd int fd = -EBADF;
	struct detection result;
	struct machine m;
	struct diag d = {0};
	int r;

	if (!root) {
		fprintf(stderr, "usage: sysmaster-metadata identify [--root DIR]\n");
		return EXIT_FAILURE;
	}
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		log_error("%s: %s", root, strerror(errno));
		return EXIT_FAILURE;
	}
	r = machine_read(&fd, streq(root, "/"), &m);
	if (r >= 0) {
		r = detect_identify(&m, NULL, &d, &result);
		diag_log(&d, "identify");
		if (r >= 0) {
			r = print(&m, &result);
			r = r < 0 ? r : (int) result.verdict;
			detection_done(&result);
		}
		machine_done(&m);
	}
	if (r < 0)
		log_error("%s: %s", root, strerror(-r));
	return r < 0 ? EXIT_FAILURE : r;
}
