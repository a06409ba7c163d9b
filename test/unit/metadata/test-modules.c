// SPDX-License-Identifier: Apache-2.0
/* Modules against a root folder of their own. Programs of the system (useradd) are left to the VM
 * tests. */
#include "world.h"

#include <sys/stat.h>

TEST(write_files__content_mode_owner_and_encoding)
{
	auto_free char *a = NULL, *b = NULL, *c = NULL, *d = NULL, *g = NULL, *z = NULL,
		       *bytes = NULL;
	struct world w;

	open_world(&w,
	           "#cloud-config\nwrite_files:\n"
	           "- {path: /etc/a/b, content: \"x\\n\", permissions: '0600', owner: 'me:mine'}\n"
	           "- {path: /etc/c, content: aGVsbG8=, encoding: b64, owner: me}\n"
	           "- {path: /etc/c, content: ' again', append: true, owner: me}\n"
	           "- {path: /etc/g, encoding: gz+b64, owner: me, content: "
	           "H4sIAAAAAAACA6vKLChITQEAV2jC4gYAAAA=}\n"
	           "- {path: /etc/z, encoding: gzip, owner: me, content: !!binary "
	           "H4sIAAAAAAACA6vKLChITQEAV2jC4gYAAAA=}\n"
	           "- {path: /etc/bytes, owner: me, content: !!binary /wD+AQ==}\n"
	           "- {path: /etc/later, content: y, defer: true, owner: me}\n");
	CHECK_INT(module_write_files(&w.context), ==, 0);
	g = get(&w, "etc/g");
	CHECK_STR(g, "zipped");
	z = get(&w, "etc/z");
	CHECK_STR(z, "zipped");
	bytes = get(&w, "etc/bytes");
	CHECK_STR(bytes, "\xff"); /* and what is behind its NUL */
	a = get(&w, "etc/a/b");
	CHECK_STR(a, "x\n");
	CHECK_INT(mode_of(&w, "etc/a/b"), ==, 0600);
	b = get(&w, "etc/c");
	CHECK_STR(b, "hello again");
	c = get(&w, "etc/later");
	CHECK_STR(c, "(none)");
	CHECK_INT(module_write_files_deferred(&w.context), ==, 0);
	d = get(&w, "etc/later");
	CHECK_STR(d, "y");
	close_world(&w);
}

TEST(write_files__a_bad_entry_is_named_and_the_others_are_written)
{
	auto_free char *good = NULL;
	struct world w;

	open_world(&w, "#cloud-config\nwrite_files:\n- {path: relative, content: x}\n- {path: "
	               "/etc/p, content: x, permissions: rwx}\n"
	               "- {path: /etc/o, content: x, owner: nobody-here}\n- {path: /etc/e, "
	               "content: '!!!!', encoding: b64}\n"
	               "- {path: /etc/good, content: x, owner: me}\n");
	CHECK_INT(module_write_files(&w.context), <, 0);
	CHECK_INT(w.d.n_items, ==, 4);
	CHECK_STR(w.d.items[1].text, "permissions are not an octal number");
	CHECK_STR(w.d.items[2].text, "there is no owner \"nobody-here\"");
	good = get(&w, "etc/good");
	CHECK_STR(good, "x");
	close_world(&w);
}

TEST(hostname__short_and_full_names)
{
	auto_free char *name = NULL, *hosts = NULL;
	struct world w;

	open_world(&w, "#cloud-config\nfqdn: web-1.example.org\nmanage_etc_hosts: true\n");
	put(&w, "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 old\n10.0.0.1 other\n");
	CHECK_INT(module_hostname(&w.context), ==, 0);
	CHECK_INT(module_etc_hosts(&w.context), ==, 0);
	name = get(&w, "etc/hostname");
	CHECK_STR(name, "web-1\n");
	hosts = get(&w, "etc/hosts");
	CHECK_STR(hosts,
	          "127.0.1.1 web-1.example.org web-1\n127.0.0.1 localhost\n10.0.0.1 other\n");
	close_world(&w);
}

TEST(hostname__comes_from_meta_data_when_the_config_has_none)
{
	auto_free char *name = NULL;
	struct world w;

	open_world(&w, "#cloud-config\n{}\n");
	json_add_string(w.instance->meta_data, "local-hostname", "from-meta");
	CHECK_INT(module_hostname(&w.context), ==, 0);
	name = get(&w, "etc/hostname");
	CHECK_STR(name, "from-meta\n");
	close_world(&w);
}

TEST(hostname__a_bad_name_changes_nothing)
{
	auto_free char *name = NULL;
	struct world w;

	open_world(&w, "#cloud-config\nhostname: 'a b;c'\n");
	CHECK_INT(module_hostname(&w.context), ==, -EINVAL);
	name = get(&w, "etc/hostname");
	CHECK_STR(name, "(none)");
	close_world(&w);
}

TEST(authorized_keys__are_added_once_and_links_are_not_followed)
{
	char *keys[] = {(char[]){"ssh-ed25519 AAA me"}, (char[]){" ssh-ed25519 BBB me \n"}, NULL};
	auto_free char *text = NULL, *home = NULL, *victim = NULL, *link = NULL;
	struct world w;

	open_world(&w, "#cloud-config\n{}\n");
	put(&w, "home/me/.ssh/authorized_keys", "ssh-ed25519 AAA me");
	CHECK_INT(authorized_keys_add(&w.context, "me", keys), ==, 0);
	text = get(&w, "home/me/.ssh/authorized_keys");
	CHECK_STR(text, "ssh-ed25519 AAA me\nssh-ed25519 BBB me\n");
	CHECK_INT(mode_of(&w, "home/me/.ssh/authorized_keys"), ==, 0600);

	home = path_join(w.root, "home/me/.ssh");
	victim = path_join(w.root, "victim");
	CHECK_INT(rm_rf(home), ==, 0);
	CHECK_INT(mkdir_p(victim, 0755), ==, 0);
	CHECK_INT(symlink(victim, home), ==, 0);
	CHECK_INT(authorized_keys_add(&w.context, "me", keys), <, 0);
	link = get(&w, "victim/authorized_keys");
	CHECK_STR(link, "(none)");
	CHECK_INT(authorized_keys_add(&w.context, "stranger", keys), ==, -ENOENT);
	close_world(&w);
}

static void check_merge(const char *old, char *const *keys, const char *want)
{
	auto_free char *text = NULL;

	CHECK_INT(authorized_keys_merge(old, keys, &text), ==, 0);
	CHECK_STR(text, want);
}

TEST(authorized_keys__the_options_that_are_given_now_count)
{
	char *open_key[] = {(char[]){"ssh-rsa AAA me"}, (char[]){"ssh-rsa AAA me"}, NULL};
	char *restricted[] = {(char[]){"command=\"x\" ssh-rsa AAA me"}, NULL};
	char *both[] = {(char[]){"ssh-rsa AAA me"}, (char[]){"restrict ssh-rsa AAA me"}, NULL};

	check_merge("", open_key, "ssh-rsa AAA me\n");
	check_merge("# a\nssh-rsa AAA image\nssh-rsa B b", restricted,
	            "# a\ncommand=\"x\" ssh-rsa AAA me\nssh-rsa B b\n");
	check_merge("ssh-rsa AAA me\nssh-rsa B b\ncommand=\"x\" ssh-rsa AAA me\n", restricted,
	            "command=\"x\" ssh-rsa AAA me\nssh-rsa B b\n");
	check_merge("", both, "ssh-rsa AAA me\nrestrict ssh-rsa AAA me\n");
	check_merge("ssh-rsa AAA me\nrestrict ssh-rsa AAA me\n", both,
	            "ssh-rsa AAA me\nrestrict ssh-rsa AAA me\n");
	check_merge("restrict ssh-rsa AAA me\n", both, "restrict ssh-rsa AAA me\nssh-rsa AAA me\n");
	check_merge("none of\tours\n\n", NULL, "none of\tours\n\n");
}

TEST(scalars__a_fraction_keeps_its_spelling)
{
	static const struct {
		const char *yaml, *want;
	} rows[] = {{"1.0", "1.0"},   {"1.10", "1.10"}, {"2", "2"},     {"-0.1", "-0.1"},
	            {"'1.0'", "1.0"}, {"1e3", "1000"},  {"0x10", "16"}, {"100000.25", "100000.25"}};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		auto_json cJSON *v = NULL, *copy = NULL;
		auto_free char *text = NULL;

		CHECK_INT(yaml_parse(rows[i].yaml, strlen(rows[i].yaml), "test", NULL, &v), ==, 0);
		copy = cJSON_Duplicate(v, true);
		text = scalar_text(copy);
		CHECK_STR(text, rows[i].want);
	}
}

TEST(fingerprints__are_ssh_keygens)
{
	/* "ssh-keygen -l" printed these, with the options where there is no comment. */
	static const char keys[] =
		"# a comment\n"
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
		" one@example\n"
		"command=\"x\" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDIGd+iSE85FaaBlcn3/EBV1C7dTS"
		"mxhkIrICx8j10Jn4yuFye28OuZXGhP1mFlL6Vj9vxvEpr6oPr9oekKb+NI0SE2htCBVxUspR1mj6C8oc"
		"0d/VVH7jsKq3fOCsRi3bb/dTDruqcmX4fbxObE0di7Iz96N+wEQuyCkqocckn7dw==\n"
		"ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAHWxos6"
		"z03vIKsH6AAslStpkzTV9reAZe9x2MLcEk2+WOZ0k07Irl1QFhiNSu1WkfBLcWanTOw8yGEDbtw8Sn71"
		"OQGJEaIeOIvq7GKp21FHAlXpLE7enS/EcjOPN6h94EDpO4/d6IQMAdnG+aLj11lziOvXQ3GBSuRKRRET"
		"z9WejDVr4Q== c ecdsa -b 521\n"
		"ssh-ed25519 AAAA broken\nssh-rsa\nnone\n";
	static const char prints[] =
		"256 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU one@example (ED"
		"25519)\n"
		"1024 SHA256:VGZxEEA+TK3Y/pK9OVIbZyZP1OE4NoeOB0RY9PeSvhk no comment (RS"
		"A)\n"
		"521 SHA256:wthaBKG67O5wh/bJEhODBlIjJA7VozXk/sBBGh1xmow c ecdsa -b 521 "
		"(ECDSA)\n";
	auto_free char *text = NULL, *none = NULL;

	CHECK_INT(keys_fingerprints(keys, &text), ==, 0);
	CHECK_STR(text, prints);
	CHECK_INT(keys_fingerprints("", &none), ==, 0);
	CHECK_STR(none, "");
}

static void check_sha256(const char *text, size_t times, const char *want)
{
	auto_strbuf struct strbuf b = {0};
	uint8_t hash[32];
	char hex[65];

	strbuf_puts(&b, "");
	for (size_t i = 0; i < times; i++)
		strbuf_puts(&b, text);
	sha256(b.data, b.size, hash);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	CHECK_STR(hex, want);
}

TEST(sha256__is_fips_180_4s)
{
	check_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha256("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha256("a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	check_sha256("a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
	check_sha256("a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	check_sha256("a", 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
	check_sha256("a", 120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c");
	check_sha256("a", 1000000,
	             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(rules__of_one_user_are_not_those_of_another)
{
	char *rules[] = {(char[]){"min ALL=(ALL) ALL"}, (char[]){"admin ALL=(ALL) ALL"}, NULL};
	auto_free char *text = NULL;

	CHECK_INT(lines_add("# rules\nadmin ALL=(ALL) ALL", rules, &text), ==, 0);
	CHECK_STR(text, "# rules\nadmin ALL=(ALL) ALL\nmin ALL=(ALL) ALL\n");

	CHECK(doas_rule_is_for("permit nopass me", "me"));
	CHECK(doas_rule_is_for("permit setenv { A=b C } persist me as root cmd ls", "me"));
	CHECK(doas_rule_is_for("deny me", "me"));
	CHECK(!doas_rule_is_for("permit mean", "me"));
	CHECK(!doas_rule_is_for("permit you as me", "me"));
	CHECK(!doas_rule_is_for("permit nopass", "me"));
	CHECK(!doas_rule_is_for("me permit", "me"));
	CHECK(!doas_rule_is_for("permit me\npermit you", "me"));
	CHECK(!doas_rule_is_for("permit setenv { A", "me"));
}

TEST(fstab__keeps_what_is_not_ours)
{
	char *entry[] = {(char[]){"/dev/a"}, (char[]){"/b c"}, (char[]){"auto"},
	                 (char[]){"rw"},     (char[]){"0"},    (char[]){"2"}};
	auto_free char *text = NULL, *line = NULL;
	auto_strv char **devices = NULL;

	CHECK_INT(fstab_keep("/dev/a / ext4\n \t\n# c\nLABEL=b /b auto x,comment=cloudconfig 0 2\n",
	                     &text, &devices),
	          ==, 0);
	CHECK_STR(text, "/dev/a / ext4\n \t\n# c\n");
	CHECK_INT(strv_length(devices), ==, 1);
	CHECK_STR(devices[0], "/dev/a");
	CHECK_INT(fstab_line(entry, &line), ==, 0);
	CHECK_STR(line, "/dev/a\t/b\\040c\tauto\trw,comment=cloudconfig\t0\t2\n");
	entry[2][0] = '\0';
	CHECK_INT(fstab_line(entry, &line), ==, -EINVAL);
}

TEST(disk_layout__is_words_of_its_own)
{
	auto_json cJSON *good = cJSON_Parse("[[33, \"82\"], 67]"), *whole = cJSON_Parse("true"),
			*words = cJSON_Parse("[[100, \"83\\tbootable\"]]"),
			*much = cJSON_Parse("[101]");
	auto_free char *script = NULL, *one = NULL, *none = NULL;

	CHECK_INT(disk_layout_script(good, false, 300ULL << 20, &script), ==, 0);
	CHECK_STR(script, "label: dos\nsize=99MiB, type=S\ntype=L\n");
	CHECK_INT(disk_layout_script(whole, true, 300ULL << 20, &one), ==, 0);
	CHECK_STR(one, "label: gpt\ntype=L\n");
	CHECK_INT(disk_layout_script(words, true, 300ULL << 20, &none), ==, -EINVAL);
	CHECK_INT(disk_layout_script(much, true, 300ULL << 20, &none), ==, -EINVAL);
}

TEST(sysmaster__writes_the_agents_configuration)
{
	auto_free char *fleet = NULL, *ca = NULL, *key = NULL, *channel = NULL, *upgrade = NULL;
	struct world w;

	open_world(&w, "#cloud-config\nsysmaster:\n  fleet: {controller: 'https://10.0.2.2:8443', "
	               "token: s3cret, via: network, ca: \"PEM\\n\"}\n"
	               "  upgrade: {keys: ['KEY'], gate_sec: 3}\n  channel: {role: operate}\n");
	CHECK_INT(module_sysmaster(&w.context), ==, 0);
	fleet = get(&w, "etc/sysmaster/fleet.conf");
	CHECK_STR(fleet,
	          "[Fleet]\nController=https://10.0.2.2:8443\nToken=s3cret\nVia=network\nCA=/etc/"
	          "sysmaster/fleet-ca.pem\n");
	CHECK_INT(mode_of(&w, "etc/sysmaster/fleet.conf"), ==, 0600);
	ca = get(&w, "etc/sysmaster/fleet-ca.pem");
	CHECK_STR(ca, "PEM\n");
	key = get(&w, "etc/sysmaster/keys/metadata-1.pub");
	CHECK_STR(key, "KEY");
	upgrade = get(&w, "etc/sysmaster/upgrade.conf");
	CHECK_STR(upgrade, "[Upgrade]\nGateSec=3\n");
	channel = get(&w, "etc/sysmaster/channel.conf");
	CHECK_STR(channel, "[Channel]\nRole=operate\n");
	close_world(&w);
}

TEST(sysmaster__a_line_end_cannot_smuggle_a_key)
{
	auto_free char *fleet = NULL;
	struct world w;

	open_world(&w,
	           "#cloud-config\nsysmaster:\n  fleet: {controller: \"https://x\\nCA=/evil\"}\n");
	CHECK_INT(module_sysmaster(&w.context), <, 0);
	fleet = get(&w, "etc/sysmaster/fleet.conf");
	CHECK_STR(fleet, "(none)");
	close_world(&w);
}

/* Only root can go below a folder: the programs of the world's root are run by their full names. */
static int run_below(void *userdata, const char *const *argv, const char *input)
{
	const struct world *w = userdata;
	auto_strv char **words = NULL;

	for (size_t i = 0; argv[i]; i++) {
		auto_free char *full = path_join(w->root, argv[i]);

		if (!full ||
		    strv_append(&words, path_is_absolute(argv[i]) && access(full, X_OK) >= 0
		                                ? full
		                                : argv[i]) < 0)
			return -ENOMEM;
	}
	return run_program(words, input, 60 * USEC_PER_SEC);
}

static void open_scripts(struct world *w, const char *config)
{
	auto_free char *out = NULL;

	open_world(w, config);
	w->context.run = run_below;
	w->context.run_userdata = w;
	out = path_join(w->root, "out");
	setenv("OUT", out, 1);
}

TEST(runcmd__lines_and_word_lists_run_once_an_instance)
{
	auto_free char *out = NULL, *again = NULL;
	struct world w;

	open_scripts(
		&w,
		"#cloud-config\nruncmd:\n- echo line >> \"$OUT\"\n- [sh, -c, 'echo \"it''s $0\" "
		">> \"$OUT\"', 'a b']\n");
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	out = get(&w, "out");
	CHECK_STR(out, "line\nit's a b\n");
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	again = get(&w, "out");
	CHECK_STR(again, out);
	close_world(&w);
}

#define TELL "#!/bin/sh\necho \"${0#*/var/lib/cloud/}\" >>\"$OUT\"\n"

static void put_program(const struct world *w, const char *name, const char *text)
{
	auto_free char *path = path_join(w->root, name);

	put(w, name, text);
	CHECK_INT(chmod(path, 0755), ==, 0);
}

static void link_instance(const struct world *w, const char *target)
{
	auto_free char *path = path_join(w->root, "var/lib/cloud/instance");

	CHECK_INT(mkdir_parents(path, 0755), ==, 0);
	CHECK_INT(symlink(target, path), ==, 0);
}

#define MESSAGE                                                                                    \
	"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"                         \
	"--b\nContent-Type: text/x-shellscript\n\n" TELL                                           \
	"--b\nContent-Type: text/x-shellscript\nContent-Disposition: attachment; "                 \
	"filename=\"a b/c.sh\"\n\n" TELL "--b\nContent-Type: text/x-shellscript-per-boot\n\n" TELL \
	"--b\nContent-Type: text/x-shellscript-per-instance\n\n" TELL                              \
	"--b\nContent-Type: text/x-shellscript-per-once\n\n" TELL                                  \
	"--b\nContent-Type: text/cloud-boothook\n\n" TELL                                          \
	"--b\nContent-Type: text/cloud-config\n\n#cloud-config\nruncmd: ['echo \"${0#*/var/lib/"   \
	"cloud/}\" >>\"$OUT\"']\n--b--\n"

TEST(scripts__stand_where_cloud_init_puts_them)
{
	auto_free char *out = NULL, *again = NULL;
	struct world w;

	open_scripts(&w, MESSAGE);
	link_instance(&w, "instances/i-1");
	CHECK_INT(module_boothooks(&w.context), ==, 0);
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	out = get(&w, "out");
	CHECK_STR(out, "instances/i-1/boothooks/part-006\nscripts/per-once/part-005\n"
	               "scripts/per-boot/part-003\nscripts/per-instance/part-004\n"
	               "instance/scripts/ab_c.sh\ninstance/scripts/part-001\n"
	               "instance/scripts/runcmd\n");
	CHECK_INT(mode_of(&w, "var/lib/cloud/instances/i-1/scripts/part-001"), ==, 0700);
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	again = get(&w, "out");
	CHECK_STR(again + strlen(out), "scripts/per-boot/part-003\n");
	close_world(&w);
}

TEST(scripts__of_others_in_these_folders_are_run)
{
	auto_free char *out = NULL;
	struct world w;

	open_scripts(&w, "#cloud-config\n{}\n");
	link_instance(&w, "instances/i-1");
	put_program(&w, "var/lib/cloud/scripts/per-boot/20-later", TELL);
	put_program(&w, "var/lib/cloud/scripts/per-boot/10-fails", TELL "exit 3\n");
	put_program(&w, "var/lib/cloud/scripts/per-instance/one", TELL);
	put_program(&w, "var/lib/cloud/instances/i-1/scripts/vendor/not-a-users", TELL);
	put(&w, "var/lib/cloud/scripts/per-once/notes", "text\n");
	CHECK_INT(module_scripts_per_boot(&w.context), ==, -EIO);
	CHECK_STR(w.d.items[0].file, "/var/lib/cloud/scripts/per-boot/10-fails");
	CHECK_STR(w.d.items[0].text, "ended with status 3");
	CHECK_INT(module_scripts_per_instance(&w.context), ==, 0);
	CHECK_INT(module_scripts_per_once(&w.context), ==, 0);
	CHECK_INT(w.d.n_items, ==, 2);
	CHECK_STR(w.d.items[1].text, "is not executable, and was not run");
	CHECK_INT(module_scripts_user(&w.context), ==, 0);
	out = get(&w, "out");
	CHECK_STR(out, "scripts/per-boot/10-fails\nscripts/per-boot/20-later\n"
	               "scripts/per-instance/one\n");
	close_world(&w);
}

TEST(scripts__of_another_instance_are_not_run)
{
	auto_free char *out = NULL;
	struct world w;

	open_scripts(&w, "#cloud-config\nruncmd: ['echo \"${0#*/var/lib/cloud/}\" >>\"$OUT\"']\n");
	link_instance(&w, "instances/i-0");
	put_program(&w, "var/lib/cloud/instances/i-0/scripts/old", TELL);
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	out = get(&w, "out");
	CHECK_STR(out, "instances/i-1/scripts/runcmd\n");
	close_world(&w);
}

TEST(scripts__vendors_are_started_by_their_prefix)
{
	auto_free char *out = NULL;
	struct world w;

	open_scripts(&w, "#cloud-config\nvendor_data: {prefix: [/bin/prefix, 7]}\n");
	link_instance(&w, "instances/i-1");
	put_program(&w, "bin/prefix", "#!/bin/sh\necho \"$1 ${2#*/var/lib/cloud/}\" >>\"$OUT\"\n");
	put_program(&w, "var/lib/cloud/instances/i-1/scripts/vendor/part-001", TELL);
	CHECK_INT(module_scripts_vendor(&w.context), ==, 0);
	out = get(&w, "out");
	CHECK_STR(out, "7 instance/scripts/vendor/part-001\n");
	close_world(&w);
}

TEST(modules__unknown_keys_are_named)
{
	struct diag d = {0};
	struct world w;

	open_world(&w, "#cloud-config\nhostname: x\nfrobnicate: 1\n");
	modules_report_unknown(w.data.config, &d);
	CHECK_INT(d.n_items, ==, 1);
	CHECK_STR(d.items[0].text, "the key \"frobnicate\" is not supported and was ignored");
	close_world(&w);
}

TEST(modules__the_table_is_whole)
{
	for (size_t i = 0; i < n_modules; i++) {
		CHECK(modules[i].name && modules[i].keys && modules[i].run);
		for (size_t k = 0; k < i; k++)
			CHECK(!streq(modules[i].name, modules[k].name));
	}
}

static int read_nocloud(struct world *w, struct diag *d, struct instance **ret)
{
	auto_fd int fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine m = {.root = tree_of_directory(&fd)};
	struct source_context c = {.machine = &m, .d = d};

	return source_nocloud_local(&c, ret);
}

TEST(nocloud__reads_a_seed_folder)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	struct diag d = {0};
	struct world w;

	open_world(&w, "#cloud-config\n{}\n");
	CHECK_INT(read_nocloud(&w, &d, &i), ==, -ENOENT);
	put(&w, "var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-42\nlocal-hostname: h\n");
	CHECK_INT(read_nocloud(&w, &d, &i), ==, -ENOENT);
	put(&w, "var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n{}\n");
	CHECK_INT(read_nocloud(&w, &d, &i), ==, 0);
	CHECK_STR(i->id, "i-42");
	CHECK_STR(json_string_or(i->meta_data, "local-hostname", ""), "h");
	close_world(&w);
}

TEST(nocloud__an_id_that_is_a_path_is_refused)
{
	struct instance *i = NULL;
	struct diag d = {0};
	struct world w;

	open_world(&w, "#cloud-config\n{}\n");
	put(&w, "var/lib/cloud/seed/nocloud/meta-data", "instance-id: ../../etc\n");
	put(&w, "var/lib/cloud/seed/nocloud/user-data", "");
	CHECK_INT(read_nocloud(&w, &d, &i), ==, -EBADMSG);
	close_world(&w);
}
