// SPDX-License-Identifier: Apache-2.0
/* Accounts in the files of a root folder; what comes of them is compared with cloud-init's, and so with useradd's, by
 * conformance.metadata-differential. */
#include "world.h"

#include "metadata/modules/accounts.h"

static void open_accounts(struct world *w, const char *config)
{
	open_world(w, config);
	put(w, "etc/passwd",
	    "root:x:0:0:root:/root:/bin/bash\nold:x:1007:1007::/home/old:/bin/sh\nlow:x:998:998::/"
	    ":/bin/false\n");
	put(w, "etc/shadow", "root:*:1:0:99999:7:::\nold:$6$a$b:1:0:99999:7:::\n");
	put(w, "etc/group", "root:x:0:\nadm:x:4:syslog\nusers:x:100:\nold:x:1007:\nlow:x:998:\n");
	put(w, "etc/gshadow", "root:*::\nadm:*::syslog\nusers:*::\nold:!::\nlow:!::\n");
	put(w, "etc/subuid", "old:100000:65536\n");
	put(w, "etc/subgid", "");
	put(w, "etc/skel/.profile", "hello\n");
	put(w, "etc/skel/folder/file", "inner\n");
}

/* The line of @file that begins with @name; a static copy. */
static const char *line_of(const struct world *w, const char *file, const char *name)
{
	static char line[512];
	auto_free char *text = get(w, file), *start = str_printf("%s:", name);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (start && str_after(p, start)) {
			snprintf(line, sizeof(line), "%.*s", (int) strcspn(p, "\n"), p);
			return line;
		}
	return "(none)";
}

static const char *without_day(const char *line)
{
	static char text[512];
	char day[32];
	const char *at;

	snprintf(day, sizeof(day),
	         ":%llu:", (unsigned long long) (now(CLOCK_REALTIME) / (24 * 3600 * USEC_PER_SEC)));
	at = strstr(line, day);
	if (!at)
		return line;
	snprintf(text, sizeof(text), "%.*s:today:%s", (int) (at - line), line, at + strlen(day));
	return text;
}

static int users(struct world *w)
{
	return geteuid() == 0 ? module_users(&w->context) : 0;
}

TEST(accounts__a_user_has_all_that_useradd_gives)
{
	auto_free char *profile = NULL, *inner = NULL;
	struct world w;

	if (geteuid() != 0)
		return;
	open_accounts(&w, "#cloud-config\nusers:\n- {name: ann, gecos: 'Ann, of here', groups: "
	                  "[adm, more], shell: /bin/bash}\n");
	CHECK_INT(users(&w), ==, 0);
	CHECK_STR(line_of(&w, "etc/passwd", "ann"),
	          "ann:x:1008:1009:Ann, of here:/home/ann:/bin/bash");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "ann")), "ann:!:today:0:99999:7:::");
	CHECK_STR(line_of(&w, "etc/group", "more"), "more:x:1008:ann");
	CHECK_STR(line_of(&w, "etc/group", "ann"), "ann:x:1009:");
	CHECK_STR(line_of(&w, "etc/gshadow", "ann"), "ann:!::");
	CHECK_STR(line_of(&w, "etc/group", "adm"), "adm:x:4:syslog,ann");
	CHECK_STR(line_of(&w, "etc/gshadow", "adm"), "adm:*::syslog,ann");
	CHECK_STR(line_of(&w, "etc/subuid", "ann"), "ann:165536:65536");
	CHECK_STR(line_of(&w, "etc/subgid", "ann"), "ann:100000:65536");
	profile = get(&w, "home/ann/.profile");
	CHECK_STR(profile, "hello\n");
	inner = get(&w, "home/ann/folder/file");
	CHECK_STR(inner, "inner\n");
	CHECK_INT(mode_of(&w, "home/ann"), ==, 0755);
	close_world(&w);
}

TEST(accounts__policies_of_the_image_hold)
{
	struct world w;

	if (geteuid() != 0)
		return;
	open_accounts(&w, "#cloud-config\nusers:\n- {name: ann}\n- {name: sys, system: true}\n- "
	                  "{name: given, uid: 4711, no_user_group: true, inactive: '5', "
	                  "expiredate: '2032-09-01'}\n");
	put(&w, "etc/login.defs",
	    "# UID_MIN 1\nUID_MIN 3000\nGID_MIN\t\t3000\nPASS_MAX_DAYS 90\nHOME_MODE "
	    "0700\nSUB_UID_COUNT 0\n");
	put(&w, "etc/default/useradd", "SHELL=/bin/zsh\nHOME=/homes\n");
	CHECK_INT(users(&w), ==, 0);
	CHECK_STR(line_of(&w, "etc/passwd", "ann"), "ann:x:3000:3000::/homes/ann:/bin/zsh");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "ann")), "ann:!:today:0:90:7:::");
	CHECK_STR(line_of(&w, "etc/passwd", "sys"), "sys:x:999:999::/homes/sys:/bin/zsh");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "sys")), "sys:!:today::::::");
	CHECK_STR(line_of(&w, "etc/passwd", "given"), "given:x:4711:100::/homes/given:/bin/zsh");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "given")), "given:!:today:0:90:7:5:22889:");
	CHECK_STR(line_of(&w, "etc/subuid", "ann"), "(none)");
	CHECK_INT(mode_of(&w, "homes/ann"), ==, 0700);
	CHECK_INT(mode_of(&w, "homes/sys"), ==, 0);
	close_world(&w);
}

TEST(accounts__passwords_are_set_and_locked)
{
	struct world w;

	if (geteuid() != 0)
		return;
	open_accounts(&w, "#cloud-config\nusers:\n- {name: shut, passwd: $6$x$y}\n- {name: open, "
	                  "passwd: $6$x$y, lock_passwd: false}\n"
	                  "- {name: old, hashed_passwd: $6$new$er, lock_passwd: false}\n"
	                  "chpasswd: {list: 'open:$6$other$one', expire: true}\n");
	CHECK_INT(users(&w), ==, 0);
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "shut")),
	          "shut:!$6$x$y:today:0:99999:7:::");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "open")), "open:$6$x$y:today:0:99999:7:::");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "old")),
	          "old:$6$new$er:today:0:99999:7:::");
	CHECK_INT(mode_of(&w, "etc/shadow"), ==, 0644); /* as it was */
	CHECK_INT(module_set_passwords(&w.context), ==, 0);
	CHECK_STR(line_of(&w, "etc/shadow", "open"), "open:$6$other$one:0:0:99999:7:::");
	CHECK_INT(password_change(&w.context, "open",
	                          &(struct password_change){.lock = true, .expire = true}),
	          ==, 0);
	CHECK_STR(line_of(&w, "etc/shadow", "open"), "open:!$6$other$one:0:0:99999:7:::");
	CHECK_INT(
		password_change(&w.context, "nobody-here", &(struct password_change){.hash = "x"}),
		<, 0);
	close_world(&w);
}

TEST(accounts__who_cannot_be_made_is_named_and_the_others_are)
{
	struct world w;

	if (geteuid() != 0)
		return;
	open_accounts(&w, "#cloud-config\nusers:\n- {name: taken, uid: 1007}\n- {name: bad, gecos: "
	                  "'a:b'}\n- {name: lost, primary_group: '4711'}\n- {name: 'x/y'}\n"
	                  "- {name: fine}\ngroups:\n- team: [fine, ghost]\n");
	CHECK_INT(users(&w), <, 0);
	CHECK_INT(w.d.n_items, ==, 5);
	CHECK_STR(line_of(&w, "etc/passwd", "taken"), "(none)");
	CHECK_STR(line_of(&w, "etc/passwd", "bad"), "(none)");
	CHECK_STR(line_of(&w, "etc/passwd", "lost"), "(none)");
	CHECK_STR(line_of(&w, "etc/group", "team"), "team:x:1008:fine");
	close_world(&w);
}

/* Power was lost after some of the files and half of a home. */
TEST(accounts__a_boot_that_was_cut_off_is_gone_on_with)
{
	struct world w;

	if (geteuid() != 0)
		return;
	open_accounts(&w, "#cloud-config\nusers: [{name: ann, groups: [adm]}]\n");
	put(&w, "etc/group", "root:x:0:\nadm:x:4:syslog,ann\nann:x:1008:\n");
	put(&w, "etc/shadow", "root:*:1:0:99999:7:::\nann:!:77:0:99999:7:::\n");
	put(&w, "home/ann.new/.half", "x");
	CHECK_INT(users(&w), ==, 0);
	CHECK_STR(line_of(&w, "etc/passwd", "ann"), "ann:x:1008:1008::/home/ann:/bin/sh");
	CHECK_STR(without_day(line_of(&w, "etc/shadow", "ann")), "ann:!:today:0:99999:7:::");
	CHECK_STR(line_of(&w, "etc/group", "adm"), "adm:x:4:syslog,ann");
	CHECK_INT(mode_of(&w, "home/ann/.half"), ==, 0);
	CHECK_INT(mode_of(&w, "home/ann/.profile"), !=, 0);
	/* Again, and nothing changes. */
	put(&w, "home/ann/.profile", "mine\n");
	CHECK_INT(users(&w), ==, 0);
	CHECK_STR(line_of(&w, "etc/passwd", "ann"), "ann:x:1008:1008::/home/ann:/bin/sh");
	close_world(&w);
}
