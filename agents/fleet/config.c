// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent.h"

#include "base/conf.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const struct config *c)
{
	if (str_is_empty(c->controller) || !str_after(c->controller, "https://"))
		return log_error_errno(-EBADMSG, "\"%s\": Controller= must be https://HOST:PORT",
		                       c->config_path);
	if (strchr(str_after(c->controller, "https://"), '/') || strchr(c->controller, '@') ||
	    strpbrk(c->controller, " \t?#"))
		return log_error_errno(
			-EBADMSG, "\"%s\": Controller= must be https://HOST:PORT and nothing more",
			c->config_path);
	if (str_is_empty(c->ca))
		return log_error_errno(-EBADMSG,
		                       "\"%s\": CA= is missing: without it nobody could tell whose "
		                       "controller that is",
		                       c->config_path);
	if (c->via && !streq(c->via, "network") && !streq(c->via, "channel"))
		return log_error_errno(-EBADMSG, "\"%s\": Via= must be network or channel",
		                       c->config_path);
	return 0;
}

int config_read(struct config *c)
{
	const struct conf_item items[] = {
		{"Fleet", "Controller", conf_parse_string, &c->controller},
		{"Fleet", "Token", conf_parse_string, &c->token},
		{"Fleet", "CA", conf_parse_string, &c->ca},
		{"Fleet", "Via", conf_parse_string, &c->via},
		{"Fleet", "Name", conf_parse_string, &c->name},
	};
	struct diag d = {};
	struct stat st;
	int r;

	r = conf_read(c->config_path, items, ELEMENTSOF(items), &d);
	diag_log(&d, c->config_path);
	if (r < 0)
		return log_error_errno(r, "Cannot read \"%s\": %m", c->config_path);
	if (stat(c->config_path, &st) >= 0 && (st.st_mode & 077))
		log_warning("\"%s\" holds a token and can be read by others (mode %04o)",
		            c->config_path, st.st_mode & 07777);
	return check(c);
}

void config_done(struct config *c)
{
	char **fields[] = {&c->controller, &c->token,       &c->ca,        &c->via,
	                   &c->name,       &c->config_path, &c->state_dir, &c->bundles_dir,
	                   &c->control,    &c->upgrade,     &c->channel};

	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		free(TAKE_PTR(*fields[i]));
}
