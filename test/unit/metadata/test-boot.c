// SPDX-License-Identifier: Apache-2.0
/* What stands between a machine and its instance: the image's configuration, media, the instance of an earlier boot. */
#include "check.h"

#include "metadata/boot/boot.h"

/* ---- config.c ---- */

static cJSON *config_of(const char *files, const char *line, struct diag *d)
{
	auto_json cJSON *j = cJSON_Parse(files);
	struct tree t = tree_of_json(j);
	cJSON *config = NULL;

	if (!j || system_config_read(&t, line, d, &config) < 0)
		abort();
	return config;
}

static const char *text_of(const cJSON *j, const char *key)
{
	return json_string_or(j, key, "(none)");
}

static bool early_login(const char *config, const char *line)
{
	auto_json cJSON *j = cJSON_Parse(config);

	return early_login_is_wanted(j, line);
}

TEST(config__early_login_is_switched_off_by_the_image_or_the_kernel_line)
{
	static const char off[] = "{\"sysmaster\": {\"early_login\": false}}";

	CHECK(early_login("{}", NULL));
	CHECK(early_login("{}", "root=/dev/vda quiet\n"));
	CHECK(early_login("{\"sysmaster\": {\"fleet\": {}}}", ""));
	CHECK(!early_login(off, NULL));
	CHECK(!early_login("{}", "quiet sysmaster.early-login=no"));
	CHECK(!early_login("{}", "sysmaster.early-login=0 quiet\n"));
	/* The line is nearer to who boots the machine, and of two words the last one counts. */
	CHECK(early_login(off, "sysmaster.early-login=yes"));
	CHECK(!early_login("{}", "sysmaster.early-login=1 sysmaster.early-login=no"));
	CHECK(!early_login(off, "sysmaster.early-login=perhaps x.sysmaster.early-login=yes"));
}

TEST(early_login__file_systems_of_the_network_are_waited_for)
{
	CHECK(!fstab_names_network(""));
	CHECK(!fstab_names_network("# nfs\n/dev/vda / ext4 errors=remount-ro 0 1\ntmpfs\t/tmp "
	                           "tmpfs x_netdev 0 0\nshort\n"));
	CHECK(fstab_names_network(
		"/dev/vda / ext4 defaults 0 1\nserver:/home /home nfs4 defaults 0 0\n"));
	CHECK(fstab_names_network("//server/home\t/home\tcifs\n"));
	CHECK(fstab_names_network("me@server: /mnt fuse.sshfs defaults"));
	CHECK(fstab_names_network("LABEL=x /srv ext4 noatime,_netdev 0 2"));
}

TEST(early_login__the_mark_is_for_machines_that_may)
{
	static const char mark[] = "run/sysmaster/metadata/early-login",
			  nologin[] = "run/tmpfiles.d/systemd-nologin.conf";
	char root[] = "/tmp/test-early-login-XXXXXX", target[64] = "";
	auto_free char *fstab = NULL, *marked = NULL, *masked = NULL;

	CHECK(mkdtemp(root) != NULL);
	fstab = path_join(root, "etc/fstab");
	marked = path_join(root, mark);
	masked = path_join(root, nologin);
	CHECK_INT(early_login_permit(root, NULL, "sysmaster.early-login=no"), ==, 0);
	CHECK_INT(access(marked, F_OK), ==, -1);
	CHECK_INT(mkdir_parents(fstab, 0755), ==, 0);
	CHECK_INT(file_write_atomic(fstab, "s:/ /home nfs\n", 14, 0644, false), ==, 0);
	CHECK_INT(early_login_permit(root, NULL, ""), ==, 0);
	CHECK_INT(access(marked, F_OK), ==, -1);
	CHECK_INT(access(masked, F_OK), ==, -1);
	CHECK_INT(unlink(fstab), ==, 0);
	CHECK_INT(early_login_permit(root, NULL, ""), ==, 1);
	CHECK_INT(access(marked, F_OK), ==, 0);
	CHECK_INT(readlink(masked, target, sizeof(target) - 1), >, 0);
	CHECK_STR(target, "/dev/null");
	CHECK_INT(rm_rf(root), ==, 0);
}

TEST(config__later_files_count_more_and_the_kernel_line_most)
{
	struct diag d = {0};
	auto_json cJSON *c = config_of(
		"{\"etc/cloud/cloud.cfg\": \"a: 1st\\nb: 1st\\nc: 1st\\nmap: {x: 1st, y: 1st}\\n\","
		" \"etc/cloud/cloud.cfg.d/20_b.cfg\": \"b: 3rd\\nc: 3rd\\nmap: {y: 3rd}\\n\","
		" \"etc/cloud/cloud.cfg.d/10_a.cfg\": \"b: 2nd\\n\","
		" \"etc/cloud/cloud.cfg.d/README\": \"b: no\\n\"}",
		"quiet cc: c: line end_cc ro", &d);

	CHECK_STR(text_of(c, "a"), "1st");
	CHECK_STR(text_of(c, "b"), "3rd");
	CHECK_STR(text_of(c, "c"), "line");
	CHECK_STR(text_of(cJSON_GetObjectItem(c, "map"), "x"), "1st");
	CHECK_STR(text_of(cJSON_GetObjectItem(c, "map"), "y"), "3rd");
	CHECK_INT(d.n_items, ==, 0);
}

TEST(config__a_file_that_cannot_be_read_is_named_and_the_rest_counts)
{
	struct diag d = {0};
	auto_json cJSON *c = config_of("{\"etc/cloud/cloud.cfg\": \"a: 1\\n b: [\\n\","
	                               " \"etc/cloud/cloud.cfg.d/1.cfg\": \"[a, list]\\n\","
	                               " \"etc/cloud/cloud.cfg.d/2.cfg\": \"\","
	                               " \"etc/cloud/cloud.cfg.d/3.cfg\": \"c: good\\n\"}",
	                               NULL, &d);

	CHECK_STR(text_of(c, "c"), "good");
	CHECK_INT(d.n_items, ==, 2);
	CHECK_STR(d.items[0].file, "etc/cloud/cloud.cfg");
	CHECK_STR(d.items[1].file, "etc/cloud/cloud.cfg.d/1.cfg");
	CHECK_STR(d.items[1].text, "a configuration is a map of keys");
}

TEST(config__an_image_without_any_has_an_empty_one)
{
	struct diag d = {0};
	auto_json cJSON *c = config_of("{}", "cc:", &d),
			*elsewhere = config_of("{\"etc/cloud/cloud.cfg\": \"conf_d: srv/d\\n\","
	                                       " \"srv/d/1.cfg\": \"a: there\\n\"}",
	                                       NULL, &d);

	CHECK(cJSON_IsObject(c) && !c->child);
	CHECK_STR(text_of(elsewhere, "a"), "there");
	CHECK_INT(d.n_items, ==, 0);
}

/* ---- credentials, and where they stand among the names ---- */

#define OF_SYSTEM "run/credentials/@system/metadata."

static void check_names(const char *files, struct search s, const char *want)
{
	auto_json cJSON *j = cJSON_Parse(files);
	auto_free char *names = NULL;
	struct diag d = {0};

	s.d = &d;
	s.machine.root = tree_of_json(j);
	CHECK_INT(search_take_names(&s), >=, 0);
	names = strv_join(s.names, " ");
	CHECK_STR(names ? names : "", want);
	CHECK(!s.names || s.found.verdict == DETECT_ENABLED);
	strv_free(s.names);
}

TEST(credentials__come_first_unless_somebody_named_what_counts)
{
	static const char given[] = "{\"" OF_SYSTEM "user-data\": \"\"}",
			  strange[] =
				  "{\"run/credentials/@system/ssh.authorized_keys.root\": \"\"}";
	char *nocloud[] = {(char[]){"NoCloud"}, NULL}, *none[] = {NULL};
	struct search found = {.is_live = true,
	                       .found = {.verdict = DETECT_ENABLED, .list = nocloud}},
		      nothing = {.is_live = true,
	                         .found = {.verdict = DETECT_NOT_FOUND, .list = none}},
		      pinned = found, confidential = found, image = found, off = nothing,
		      disabled = nothing, report = nothing;

	pinned.found.is_pinned = true;
	confidential.machine.is_confidential = true;
	image.is_live = false;
	off.found.list = NULL;
	disabled.found.verdict = DETECT_DISABLED;
	report.found.is_report = true;
	check_names(given, found, "Credentials NoCloud");
	check_names(given, nothing, "Credentials");
	check_names(strange, found, "NoCloud");
	check_names(strange, nothing, "");
	check_names(given, pinned, "NoCloud");
	check_names(given, confidential, "NoCloud");
	check_names(given, image, "NoCloud");
	check_names(given, off, "");
	check_names(given, disabled, "");
	check_names(given, report, "");
}

static int read_credentials(const char *files, const char *uuid, bool trusted, struct diag *d,
                            struct instance **ret)
{
	auto_json cJSON *j = cJSON_Parse(files);
	struct machine m = {.root = tree_of_json(j),
	                    .dmi = {[DMI_PRODUCT_UUID] = (char *) (uintptr_t) uuid}};
	struct source_context c = {.machine = &m, .host_is_trusted = trusted, .d = d};

	return source_credentials(&c, ret);
}

TEST(credentials__are_a_seed)
{
	auto_cleanup(instance_free) struct instance *i = NULL, *named = NULL, *bare = NULL;
	struct diag d = {0};

	CHECK_INT(read_credentials("{}", "U-1", true, &d, &i), ==, -ENOENT);
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "user-data\": \"#cloud-config\"}", "U-1", false,
	                           &d, &i),
	          ==, -ENOENT);
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "user-data\": \"#cloud-config\"}", "U-1", true,
	                           &d, &i),
	          ==, 0);
	CHECK_STR(i->datasource, "Credentials");
	CHECK_STR(i->id, "u-1");
	CHECK_STR(i->user_data.data, "#cloud-config");
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "meta-data\": \"instance-id: i-1\\n\","
	                           " \"" OF_SYSTEM "vendor-data\": \"v\","
	                           " \"" OF_SYSTEM "network-config\": \"{version: 2}\"}",
	                           "U-1", true, &d, &named),
	          ==, 0);
	CHECK_STR(named->id, "i-1");
	CHECK_STR(named->vendor_data.data, "v");
	CHECK(cJSON_HasObjectItem(named->network, "version"));
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "vendor-data\": \"v\"}", NULL, true, &d, &bare),
	          ==, 0);
	CHECK_STR(bare->id, "credentials");
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "meta-data\": \"[1]\"}", NULL, true, &d, &i), ==,
	          -EBADMSG);
	CHECK_INT(read_credentials("{\"" OF_SYSTEM "meta-data\": \"instance-id: ../x\"}", NULL,
	                           true, &d, &i),
	          ==, -EBADMSG);
}

/* ---- media.c ---- */

struct reader {
	char *seen[8];
	size_t n, ends_at;
	int status;
};

static int note_medium(void *userdata, const struct tree *t, const char *origin)
{
	struct reader *r = userdata;

	if (!tree_has(t, "meta-data"))
		return -EINVAL;
	if (r->n < ELEMENTSOF(r->seen))
		r->seen[r->n++] = strdup(origin);
	return r->n == r->ends_at ? r->status : -ENOENT;
}

static void reader_done(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->seen[i]);
}

TEST(media__seed_folders_are_read_in_the_rows_order_until_one_is_it)
{
	auto_json cJSON *files = cJSON_Parse("{\"var/lib/cloud/seed/b/meta-data\": \"\","
	                                     " \"var/lib/cloud/seed/c/meta-data\": \"\","
	                                     " \"var/lib/cloud/seed/a\": \"a file\"}");
	struct source_row row = {.name = "Test", .seeds = "a c none b", .labels = "l"};
	struct search s = {.machine = {.root = tree_of_json(files)}};
	struct reader all = {.ends_at = 0}, first = {.ends_at = 1},
		      bad = {.ends_at = 1, .status = -EBADMSG};

	CHECK_INT(media_each(&s, &row, note_medium, &all), ==, -ENOENT);
	CHECK_INT(all.n, ==, 2);
	CHECK_STR(all.seen[0], "/var/lib/cloud/seed/c");
	CHECK_STR(all.seen[1], "/var/lib/cloud/seed/b");
	CHECK_INT(media_each(&s, &row, note_medium, &first), ==, 0);
	CHECK_INT(first.n, ==, 1);
	CHECK_INT(media_each(&s, &row, note_medium, &bad), ==, -EBADMSG);
	CHECK_INT(bad.n, ==, 1);
	reader_done(&all);
	reader_done(&first);
	reader_done(&bad);
}

static struct block_device device(const char *name, const char *type, const char *label,
                                  const char *boot)
{
	return (struct block_device){.name = (char *) (uintptr_t) name,
	                             .type = (char *) (uintptr_t) type,
	                             .label = (char *) (uintptr_t) label,
	                             .label_fatboot = (char *) (uintptr_t) boot};
}

TEST(media__a_device_is_chosen_by_its_file_system_and_label)
{
	static const struct {
		const char *name, *type, *label, *boot;
		bool is_labelled, is_any;
	} rows[] = {
		{"/dev/vdb", "iso9660", "cidata", NULL, true, true},
		{"/dev/vdb", "vfat", "CIDATA", NULL, true, true},
		{"/dev/vdb", "vfat", NULL, "cidata", true, true},
		{"/dev/vdb", "udf", "cidata", NULL, true, true},
		{"/dev/vdb", "ext4", "cidata", NULL, false, false},
		{"/dev/vdb", NULL, "cidata", NULL, false, false},
		{"/dev/vdb", "vfat", "CiData", NULL, false, false},
		{"/dev/sr0", "iso9660", "other", NULL, false, true},
		{"/dev/sr0", "iso9660", NULL, NULL, false, true},
		{"/dev/vdb", "vfat", "other", NULL, false, false},
		{"/dev/fd0", "vfat", NULL, NULL, false, true},
	};
	struct source_row labelled = {.name = "T", .labels = "cidata CIDATA"},
			  any = {.name = "T", .labels = "cidata CIDATA", .any_cdrom = true};
	struct search s = {.is_live = true};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct block_device b =
			device(rows[i].name, rows[i].type, rows[i].label, rows[i].boot);

		CHECK_INT(media_is_of(&s, &labelled, &b), ==, rows[i].is_labelled);
		CHECK_INT(media_is_of(&s, &any, &b), ==, rows[i].is_any);
	}
}

TEST(media__another_label_may_be_configured_or_none)
{
	auto_json cJSON *other = cJSON_Parse("{\"datasource\": {\"T\": {\"fs_label\": \"mine\"}}}"),
			*none = cJSON_Parse("{\"datasource\": {\"T\": {\"fs_label\": null}}}"),
			*usual = cJSON_Parse(
				"{\"datasource\": {\"T\": {\"fs_label\": \"CiDATA\"}}}");
	struct source_row row = {.name = "T", .labels = "cidata CIDATA"};
	struct block_device mine = device("/dev/vdb", "vfat", "mine", NULL),
			    cidata = device("/dev/vdb", "vfat", "cidata", NULL);
	struct search s = {.config = other};

	CHECK_INT(media_is_of(&s, &row, &mine), ==, 1);
	CHECK_INT(media_is_of(&s, &row, &cidata), ==, 0);
	s.config = none;
	CHECK_INT(media_is_of(&s, &row, &mine), ==, 0);
	CHECK_INT(media_is_of(&s, &row, &cidata), ==, 0);
	s.config = usual;
	CHECK_INT(media_is_of(&s, &row, &cidata), ==, 1);
}

TEST(media__what_the_host_plugs_into_a_confidential_machine_is_not_looked_at)
{
	struct block_device b = device("/nonexistent/device", "vfat", "cidata", NULL);
	auto_json cJSON *files = cJSON_CreateObject();
	struct source_row row = {.name = "T", .labels = "cidata"};
	struct diag d = {0};
	struct search s = {.is_live = true,
	                   .machine = {.root = tree_of_json(files),
	                               .devices = &b,
	                               .n_devices = 1,
	                               .is_confidential = true},
	                   .d = &d};

	CHECK_INT(media_each(&s, &row, note_medium, NULL), ==, -ENOENT);
	s.is_live = s.machine.is_confidential = false;
	CHECK_INT(media_each(&s, &row, note_medium, NULL), ==, -ENOENT);
	CHECK_INT(d.n_items, ==, 0);
}

/* ---- cache.c ---- */

struct cached {
	char root[64];
	struct instance *instance;
	struct machine machine;
	cJSON *files;
};

static void open_cached(struct cached *c, const char *id)
{
	static const char bytes[] = "#!\0x";

	static char uuid[] = "uuid-1", vendor[] = "vendor";

	*c = (struct cached){
		.machine = {.dmi = {[DMI_PRODUCT_UUID] = uuid, [DMI_SYS_VENDOR] = vendor}}};
	strcpy(c->root, "/tmp/test-boot-XXXXXX");
	CHECK(mkdtemp(c->root));
	c->files = cJSON_CreateObject();
	c->machine.root = tree_of_json(c->files);
	CHECK_INT(instance_new("NoCloud", "a seed", &c->instance), ==, 0);
	CHECK_INT(str_set(&c->instance->id, id), >=, 0);
	json_add_string(c->instance->meta_data, "local-hostname", "h");
	c->instance->network = cJSON_Parse("{\"version\": 2}");
	CHECK_INT(blob_set(&c->instance->user_data, bytes, sizeof(bytes)), ==, 0);
}

static void close_cached(struct cached *c)
{
	rm_rf(c->root);
	instance_free(c->instance);
	cJSON_Delete(c->files);
}

static mode_t mode_below(const struct cached *c, const char *name)
{
	auto_free char *path = path_join(c->root, name);
	struct stat st;

	return stat(path, &st) >= 0 ? st.st_mode & 07777 : 0;
}

TEST(cache__an_instance_comes_back_as_it_was)
{
	auto_cleanup(instance_free) struct instance *i = NULL, *now = NULL;
	enum cache_match match;
	struct cached c;

	open_cached(&c, "i-1");
	CHECK_INT(cache_load(c.root, &c.machine, NULL, &match, &i), ==, -ENOENT);
	CHECK_INT(cache_save(c.root, c.instance, &c.machine), ==, 0);
	CHECK_INT(mode_below(&c, METADATA_STATE "/instances/i-1"), ==, 0700);
	CHECK_INT(mode_below(&c, METADATA_STATE "/instances/i-1/instance.json"), ==, 0600);
	CHECK_INT(cache_load(c.root, &c.machine, NULL, &match, &i), ==, 0);
	CHECK_INT(match, ==, CACHE_SAME);
	CHECK_STR(i->datasource, "NoCloud");
	CHECK_STR(i->origin, "a seed");
	CHECK_STR(i->id, "i-1");
	CHECK_STR(text_of(i->meta_data, "local-hostname"), "h");
	CHECK(cJSON_Compare(i->network, c.instance->network, true));
	CHECK_INT(i->user_data.size, ==, 5);
	CHECK(i->user_data.data && !memcmp(i->user_data.data, "#!\0x", 5));
	CHECK(!i->vendor_data.data);
	/* The final stage asks for what this boot applied, whatever the machine is. */
	CHECK_INT(cache_load(c.root, NULL, NULL, NULL, &now), ==, 0);
	CHECK_STR(now->id, "i-1");
	close_cached(&c);
}

static enum cache_match match_of(struct cached *c, const cJSON *config)
{
	auto_cleanup(instance_free) struct instance *i = NULL;
	enum cache_match match = CACHE_OTHER;

	if (cache_load(c->root, &c->machine, config, &match, &i) < 0)
		abort();
	return match;
}

TEST(cache__a_copy_of_the_disk_is_another_machine)
{
	auto_json cJSON *manual = cJSON_Parse("{\"manual_cache_clean\": true}");
	struct cached c;

	open_cached(&c, "i-1");
	CHECK_INT(cache_save(c.root, c.instance, &c.machine), ==, 0);
	CHECK_INT(match_of(&c, NULL), ==, CACHE_SAME);
	c.machine.dmi[DMI_PRODUCT_UUID] = (char[]){"uuid-2"};
	CHECK_INT(match_of(&c, NULL), ==, CACHE_OTHER);
	CHECK_INT(match_of(&c, manual), ==, CACHE_MANUAL);
	json_add_string(c.files, "var/lib/cloud/instance/manual-clean", "");
	CHECK_INT(match_of(&c, NULL), ==, CACHE_MANUAL);
	cJSON_DeleteItemFromObject(c.files, "var/lib/cloud/instance/manual-clean");
	/* Without SMBIOS it cannot be told, now or then. */
	c.machine.dmi[DMI_PRODUCT_UUID] = NULL;
	CHECK_INT(match_of(&c, NULL), ==, CACHE_OTHER);
	CHECK_INT(cache_save(c.root, c.instance, &c.machine), ==, 0);
	CHECK_INT(match_of(&c, NULL), ==, CACHE_OTHER);
	close_cached(&c);
}

TEST(cache__a_file_that_somebody_spoiled_is_none)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"datasource\": \"NoCloud\", \"meta_data\": {}}",
		"{\"datasource\": \"NoCloud\", \"instance_id\": \"../x\", \"meta_data\": {}}",
		"{\"datasource\": \"NoCloud\", \"instance_id\": \".x\", \"meta_data\": {}}",
		"{\"datasource\": \"NoCloud\", \"instance_id\": \"i\", \"meta_data\": []}",
		"{\"datasource\": \"NoCloud\", \"instance_id\": \"i\", \"meta_data\": {}, "
		"\"user_data\": \"!!\"}",
	};
	auto_cleanup(instance_free) struct instance *i = NULL;
	auto_free char *path = NULL;
	struct cached c;

	open_cached(&c, "i-1");
	CHECK_INT(cache_save(c.root, c.instance, &c.machine), ==, 0);
	path = path_join(c.root, METADATA_STATE "/instances/i-1/instance.json");
	for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
		CHECK_INT(file_write_atomic(path, texts[k], strlen(texts[k]), 0600, false), ==, 0);
		CHECK_INT(cache_load(c.root, &c.machine, NULL, NULL, &i), ==, -ENOENT);
		CHECK(!i);
	}
	close_cached(&c);
}
