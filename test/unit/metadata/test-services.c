// SPDX-License-Identifier: Apache-2.0
/* Modules that write configuration and order programs: against a root folder of their own, with a recorder in place of the
 * image's programs. */
#include "metadata/modules/host-key.h"
#include "world.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/wait.h>

/* What was run, one line a program; an input behind "<". */
static struct strbuf ran;
static int status_of_run;

static int record(void *userdata, const char *const *argv, const char *input)
{
	(void) userdata;
	for (size_t i = 0; argv[i]; i++)
		strbuf_printf(&ran, "%s%s", i ? " " : "", argv[i]);
	strbuf_printf(&ran, "%s%s\n", input ? " <" : "", input ? input : "");
	return status_of_run;
}

static void open_recorded(struct world *w, const char *config)
{
	open_world(w, config);
	w->context.run = record;
	strbuf_done(&ran);
	strbuf_puts(&ran, "");
	status_of_run = 0;
}

/* Both files of a host key are there, and begin as they should. */
static bool is_made(const struct world *w, const char *kind, const char *type)
{
	auto_free char *name = str_printf("etc/ssh/ssh_host_%s_key", kind),
		       *public_name = str_printf("%s.pub", name), *text = get(w, name),
		       *public = get(w, public_name);

	return str_after(text, "-----BEGIN OPENSSH PRIVATE KEY-----\n") &&
	       str_after(public, type) && mode_of(w, name) == 0600 &&
	       mode_of(w, public_name) == 0644;
}

static void put_program(const struct world *w, const char *name)
{
	auto_free char *path = str_printf("%s/usr/bin/%s", w->root, name);

	put(w, path + strlen(w->root), "");
	chmod(path, 0755);
}

#define CHECK_FILE(w, name, text)                                                                  \
	do {                                                                                       \
		auto_free char *got_ = get(w, name);                                               \
		CHECK_STR(got_, text);                                                             \
	} while (0)

TEST(mounts__lines_are_ours_and_the_images_stay)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nmounts:\n"
	                  "- [/dev/vdb, /data, ext4, 'defaults,noatime']\n"
	                  "- ['UUID=1234', '/with space']\n"
	                  "- [/dev/root, /]\n"
	                  "- [/dev/vdc, null]\n"
	                  "- [ephemeral0, /mnt]\n"
	                  "- [tmpfs, /memory, tmpfs, size=1m]\n"
	                  "- ['server:/export', /nfs, nfs, ro, 0, 0]\n");
	put(&w, "etc/fstab",
	    "# the image's\n/dev/root / ext4 defaults 0 1\nold /old auto "
	    "defaults,comment=cloudconfig 0 2\n");
	CHECK_INT(module_mounts(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/fstab",
	           "# the image's\n/dev/root / ext4 defaults 0 1\n"
	           "/dev/vdb\t/data\text4\tdefaults,noatime,comment=cloudconfig\t0\t2\n"
	           "UUID=1234\t/with\\040space\tauto\tdefaults,nofail,comment=cloudconfig\t0\t2\n"
	           "tmpfs\t/memory\ttmpfs\tsize=1m,comment=cloudconfig\t0\t2\n"
	           "server:/export\t/nfs\tnfs\tro,comment=cloudconfig\t0\t0\n");
	CHECK_STR(ran.data, "mount -a\n");
	CHECK_INT(mode_of(&w, "with space"), ==, 0755);
	/* A second time nothing changes, and nothing is mounted again. */
	strbuf_consume(&ran, ran.size);
	CHECK_INT(module_mounts(&w.context), ==, 0);
	CHECK_INT(ran.size, ==, 0);
	close_world(&w);
}

TEST(mounts__swap_is_a_file_that_the_kernel_takes_for_swap)
{
	auto_free char *path = NULL, *text = NULL;
	struct world w;
	size_t size;

	open_recorded(&w, "#cloud-config\nswap: {filename: /swap.img, size: 1M}\n");
	CHECK_INT(module_mounts(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/fstab", "/swap.img\tnone\tswap\tsw,comment=cloudconfig\t0\t0\n");
	path = path_join(w.root, "swap.img");
	CHECK_INT(file_read(path, &text, &size), >=, 0);
	CHECK_INT(size, ==, 1 << 20);
	CHECK_INT(mode_of(&w, "swap.img"), ==, 0600);
	CHECK(!memcmp(text + sysconf(_SC_PAGESIZE) - 10, "SWAPSPACE2", 10));
	CHECK_INT(*(const uint32_t *) (const void *) (text + 1024), ==, 1);
	CHECK_INT(*(const uint32_t *) (const void *) (text + 1028), ==,
	          (1 << 20) / sysconf(_SC_PAGESIZE) - 1);
	CHECK_INT((text[1024 + 12 + 6] & 0xf0), ==, 0x40);
	CHECK(memcmp(text + 1024 + 12, (const char[16]){0}, 16) != 0);
	CHECK_INT(swap_file_make(path, 1 << 20), ==, -EEXIST);
	close_world(&w);
}

TEST(system__locale_timezone_keyboard)
{
	auto_free char *link = NULL;
	char target[128] = "";
	struct world w;

	open_recorded(&w, "#cloud-config\nlocale: de_DE.UTF-8\ntimezone: Europe/Berlin\n"
	                  "keyboard: {layout: de, variant: nodeadkeys}\n");
	put(&w, "usr/share/zoneinfo/Europe/Berlin", "TZif2");
	put_program(&w, "locale-gen");
	put(&w, "etc/locale.gen", "# de_DE.UTF-8 UTF-8\n");
	CHECK_INT(module_locale(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/default/locale", "LANG=\"de_DE.UTF-8\"\n");
	CHECK_FILE(&w, "etc/locale.gen", "# de_DE.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n");
	CHECK_STR(ran.data, "locale-gen\n");
	CHECK_INT(module_timezone(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/timezone", "Europe/Berlin\n");
	link = path_join(w.root, "etc/localtime");
	CHECK_INT(readlink(link, target, sizeof(target) - 1), >, 0);
	CHECK_STR(target, "/usr/share/zoneinfo/Europe/Berlin");
	CHECK_INT(module_keyboard(&w.context), ==, 0);
	CHECK_FILE(
		&w, "etc/default/keyboard",
		"XKBMODEL=\"pc105\"\nXKBLAYOUT=\"de\"\nXKBVARIANT=\"nodeadkeys\"\nXKBOPTIONS=\"\"\n"
		"BACKSPACE=\"guess\"\n");
	close_world(&w);
}

TEST(system__what_would_break_out_of_its_file_is_refused)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nlocale: 'x\"; rm'\ntimezone: ../../etc/passwd\nkeyboard: "
	                  "{layout: '$(id)'}\n");
	CHECK_INT(module_locale(&w.context), ==, -EINVAL);
	CHECK_INT(module_timezone(&w.context), ==, -ENOENT);
	CHECK_INT(module_keyboard(&w.context), ==, -EINVAL);
	CHECK_FILE(&w, "etc/default/locale", "(none)");
	CHECK_INT(ran.size, ==, 0);
	close_world(&w);
}

TEST(system__random_seed_of_config_and_platform)
{
	struct world w;

	open_recorded(
		&w,
		"#cloud-config\nrandom_seed: {file: /seed, data: aGVsbG8=, encoding: base64}\n");
	cJSON_AddStringToObject(w.instance->meta_data, "random_seed", "IHdvcmxk");
	CHECK_INT(module_seed_random(&w.context), ==, 0);
	CHECK_FILE(&w, "seed", "hello world");
	CHECK_INT(mode_of(&w, "seed"), ==, 0600);
	close_world(&w);
}

TEST(system__resolv_conf)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nmanage_resolv_conf: true\nresolv_conf: {nameservers: "
	                  "[8.8.8.8, '::1'], "
	                  "searchdomains: [a.example, b.example], domain: example, options: "
	                  "{rotate: true, timeout: 1}}\n");
	CHECK_INT(module_resolv_conf(&w.context), ==, 0);
	CHECK_FILE(
		&w, "etc/resolv.conf",
		"nameserver 8.8.8.8\nnameserver ::1\ndomain example\nsearch a.example b.example\n"
		"options rotate\noptions timeout:1\n");
	close_world(&w);
}

TEST(services__ntp_for_the_client_that_the_image_has)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nntp: {servers: [a.example], pools: [p.example]}\n");
	CHECK_INT(module_ntp(&w.context), ==, -ENOENT);
	put(&w, "usr/lib/systemd/systemd-timesyncd", "");
	CHECK_INT(module_ntp(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/systemd/timesyncd.conf.d/cloud-init.conf",
	           "[Time]\nNTP=a.example p.example\n");
	put_program(&w, "chronyd");
	put_program(&w, "systemctl");
	CHECK_INT(module_ntp(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/chrony/sources.d/50-metadata.sources",
	           "pool p.example iburst\nserver a.example iburst\n");
	CHECK_STR(ran.data, "systemctl --no-block reload-or-restart chrony.service\n");
	close_world(&w);
}

TEST(services__certificates)
{
	struct world w;

	open_recorded(&w,
	              "#cloud-config\nca_certs:\n  remove_defaults: true\n  trusted:\n  - |\n"
	              "    -----BEGIN CERTIFICATE-----\n    x\n    -----END CERTIFICATE-----\n");
	put(&w, "etc/ca-certificates.conf", "# list\nmozilla/a.crt\n!mozilla/b.crt\n");
	CHECK_INT(module_ca_certs(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/ca-certificates.conf", "# list\n!mozilla/a.crt\n!mozilla/b.crt\n");
	CHECK_FILE(&w, "usr/local/share/ca-certificates/cloud-init-ca-cert-1.crt",
	           "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n\n");
	CHECK_STR(ran.data, "update-ca-certificates\n");
	close_world(&w);
}

TEST(services__a_program_that_fails_is_named)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nca_certs: {trusted: ['-----BEGIN CERTIFICATE-----']}\n");
	status_of_run = 3;
	CHECK_INT(module_ca_certs(&w.context), ==, -EIO);
	CHECK_STR(w.d.items[0].text, "update-ca-certificates ended with status 3");
	status_of_run = 127;
	CHECK_INT(module_ca_certs(&w.context), ==, -ENOENT);
	CHECK_STR(w.d.items[1].text, "this image has no \"update-ca-certificates\"");
	close_world(&w);
}

TEST(services__rsyslog_and_wireguard)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nrsyslog:\n  configs: ['*.* @a', {content: 'local0.* "
	                  "/var/log/x', filename: 10-x.conf}]\n"
	                  "  remotes: {central: 10.0.0.1}\n"
	                  "wireguard: {interfaces: [{name: wg0, content: '[Interface]'}]}\n");
	CHECK_INT(module_rsyslog(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/rsyslog.d/20-cloud-config.conf", "*.* @a\n");
	CHECK_FILE(&w, "etc/rsyslog.d/10-x.conf", "local0.* /var/log/x\n");
	CHECK_FILE(&w, "etc/rsyslog.d/20-cloud-config-remotes.conf", "*.* @10.0.0.1 # central\n");
	CHECK_INT(module_wireguard(&w.context), ==, 0);
	CHECK_INT(mode_of(&w, "etc/wireguard/wg0.conf"), ==, 0600);
	CHECK_STR(ran.data, "systemctl --no-block enable --now wg-quick@wg0.service\n");
	close_world(&w);
}

TEST(ssh__an_images_host_keys_go_and_given_ones_come)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nssh_keys: {ed25519_private: PRIV, ed25519_public: PUB, "
	                  "ed25519_certificate: CERT}\n");
	put(&w, "etc/ssh/ssh_host_rsa_key", "old");
	put(&w, "etc/ssh/sshd_config", "kept");
	CHECK_INT(module_ssh_host_keys(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "(none)");
	CHECK_FILE(&w, "etc/ssh/sshd_config", "kept");
	CHECK_FILE(&w, "etc/ssh/ssh_host_ed25519_key", "PRIV\n");
	CHECK_INT(mode_of(&w, "etc/ssh/ssh_host_ed25519_key"), ==, 0600);
	CHECK_FILE(&w, "etc/ssh/ssh_host_ed25519_key.pub", "PUB\n");
	CHECK_FILE(&w, "etc/ssh/sshd_config.d/50-host-certificate.conf",
	           "HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n");
	CHECK_INT(ran.size, ==, 0);
	close_world(&w);
}

TEST(ssh__keys_are_made_the_quick_one_first)
{
	struct world w;

	open_recorded(&w,
	              "#cloud-config\nssh_genkeytypes: [ed25519, rsa]\nssh_deletekeys: false\n");
	put_program(&w, "sshd");
	put(&w, "etc/ssh/ssh_host_rsa_key", "kept");
	CHECK_INT(module_ssh_host_keys(&w.context), ==, 0);
	CHECK(is_made(&w, "ed25519", "ssh-ed25519 "));
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "kept");
	CHECK_INT(module_ssh_slow_host_keys(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "kept");
	CHECK_STR(ran.data, "");
	close_world(&w);
}

TEST(ssh__slow_keys_do_not_keep_sshd_waiting)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nssh_genkeytypes: [rsa, ed25519]\n");
	put_program(&w, "sshd");
	CHECK_INT(module_ssh_host_keys(&w.context), ==, 0);
	CHECK(is_made(&w, "ed25519", "ssh-ed25519 "));
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "(none)");
	CHECK_INT(module_ssh_slow_host_keys(&w.context), ==, 0);
	CHECK(is_made(&w, "rsa", "ssh-rsa "));
	close_world(&w);
	/* But where it is the only one. */
	open_recorded(&w, "#cloud-config\nssh_genkeytypes: [rsa]\n");
	put_program(&w, "sshd");
	CHECK_INT(module_ssh_host_keys(&w.context), ==, 0);
	CHECK(is_made(&w, "rsa", "ssh-rsa "));
	CHECK_STR(ran.data, "");
	close_world(&w);
}

TEST(ssh__slow_keys_have_a_stage_of_their_own)
{
	auto_free char *first = NULL;
	struct world w;

	open_recorded(&w, "#cloud-config\nssh_genkeytypes: [rsa, ed25519, ecdsa]\n");
	put_program(&w, "sshd");
	CHECK_INT(modules_run(&w.context, STAGE_FINAL), ==, 0);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "(none)");
	CHECK_INT(modules_run(&w.context, STAGE_HOST_KEYS), ==, 0);
	CHECK(is_made(&w, "rsa", "ssh-rsa "));
	first = get(&w, "etc/ssh/ssh_host_rsa_key");
	/* Once an instance. */
	CHECK_INT(modules_run(&w.context, STAGE_HOST_KEYS), ==, 0);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", first);
	close_world(&w);
}

TEST(ssh__a_kind_that_is_not_made_here_is_the_images)
{
	struct world w;

	open_recorded(&w, "#cloud-config\nssh_genkeytypes: [dsa, ed25519, ed25519, none]\n");
	put_program(&w, "sshd");
	CHECK_INT(module_ssh_host_keys(&w.context), ==, -EINVAL);
	CHECK(is_made(&w, "ed25519", "ssh-ed25519 "));
	CHECK_STR(ran.data, "");
	CHECK_INT(module_ssh_slow_host_keys(&w.context), ==, 0);
	CHECK_STR(ran.data, "ssh-keygen -q -t dsa -N  -f /etc/ssh/ssh_host_dsa_key\n");
	close_world(&w);
}

static unsigned random_calls;

static int no_random_at_first(void *buf, size_t size)
{
	return random_calls++ ? host_key_random(buf, size) : -ENOSYS;
}

TEST(ssh__a_key_that_cannot_be_made_is_said_and_the_others_are_made)
{
	struct world w;

	open_recorded(&w, "#cloud-config\n");
	put_program(&w, "sshd");
	w.context.random = no_random_at_first;
	random_calls = 0;
	CHECK_INT(module_ssh_host_keys(&w.context), ==, -ENOSYS);
	CHECK_INT(w.d.n_items, ==, 1);
	CHECK_STR(w.d.items[0].text,
	          "/etc/ssh/ssh_host_ed25519_key cannot be made: Function not implemented");
	CHECK_FILE(&w, "etc/ssh/ssh_host_ed25519_key", "(none)");
	CHECK_FILE(&w, "etc/ssh/ssh_host_ed25519_key.pub", "(none)");
	CHECK(is_made(&w, "ecdsa", "ecdsa-sha2-nistp256 "));
	close_world(&w);
}

TEST(ssh__who_makes_slow_keys_finds_those_of_another)
{
	auto_free char *path = NULL;
	auto_fd int fd = -EBADF;
	struct world w;
	pid_t pid;

	open_recorded(&w, "#cloud-config\n");
	put_program(&w, "sshd");
	path = path_join(w.state, "host-keys.lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_INT(flock(fd, LOCK_EX), ==, 0);
	pid = fork();
	if (pid == 0) {
		usleep(300000);
		put(&w, "etc/ssh/ssh_host_rsa_key", "of the other");
		_exit(flock(fd, LOCK_UN) < 0);
	}
	CHECK_INT(module_ssh_slow_host_keys(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "of the other");
	CHECK_STR(ran.data, "");
	CHECK_INT(waitpid(pid, NULL, 0), ==, pid);
	close_world(&w);
}

TEST(commands__their_time_is_limited)
{
	static const char *const argv[] = {"sleep", "100", NULL};
	usec_t began = now(CLOCK_BOOTTIME);
	struct world w;

	open_world(&w, "#cloud-config\n");
	w.context.root = "";
	CHECK_INT(module_command(&w.context, "x", 200 * USEC_PER_MSEC, argv), ==, -ETIMEDOUT);
	CHECK_INT(now(CLOCK_BOOTTIME) - began, <, 20 * USEC_PER_SEC);
	CHECK_INT(w.d.n_items, ==, 1);
	w.context.root = w.root;
	close_world(&w);
}

TEST(ssh__root_says_under_which_name_to_come)
{
	auto_free char *keys = NULL;
	struct world w;
	char passwd[128];

	open_recorded(&w, "#cloud-config\nuser: me\nssh_authorized_keys: ['ssh-rsa AAAA c']\n"
	                  "disable_root_opts: 'command=\"echo $USER not $DISABLE_USER\"'\n");
	snprintf(passwd, sizeof(passwd),
	         "root:x:%u:%u::/root:/bin/sh\nme:x:%u:%u::/home/me:/bin/sh\n", getuid(), getgid(),
	         getuid(), getgid());
	put(&w, "etc/passwd", passwd);
	put(&w, "home/me/x", "");
	put(&w, "root/x", "");
	CHECK_INT(module_ssh(&w.context), ==, 0);
	CHECK_FILE(&w, "home/me/.ssh/authorized_keys", "ssh-rsa AAAA c\n");
	CHECK_FILE(&w, "root/.ssh/authorized_keys",
	           "command=\"echo me not root\" ssh-rsa AAAA c\n");
	close_world(&w);
}

TEST(packages__the_images_manager_is_told)
{
	struct world w;

	open_recorded(&w, "#cloud-config\npackage_update: true\npackage_upgrade: true\n"
	                  "packages: [vim, [nginx, '1.22'], [fraction, 1.10], [bad, [1]], {apt: "
	                  "[curl]}, {snap: "
	                  "[x]}, '-o evil']\n");
	CHECK_INT(module_packages(&w.context), ==, -ENOENT);
	put_program(&w, "apt-get");
	CHECK_INT(module_packages(&w.context), <, 0);
	CHECK_STR(ran.data, "apt-get --quiet update\n"
	                    "apt-get --option=Dpkg::Options::=--force-confold --assume-yes --quiet "
	                    "dist-upgrade\n"
	                    "apt-get --option=Dpkg::Options::=--force-confold --assume-yes --quiet "
	                    "install vim nginx=1.22 fraction=1.10 curl\n");
	CHECK_STR(w.d.items[1].text, "a version is a text or a number");
	CHECK_STR(w.d.items[2].text, "this image's packages are not snap's");
	CHECK_STR(w.d.items[3].text, "\"-o evil\" is not the name of a package");
	close_world(&w);
}

TEST(apt__sources_keys_and_proxies)
{
	struct world w;

	open_recorded(
		&w,
		"#cloud-config\napt_pipelining: false\napt:\n  http_proxy: http://p:3128\n  conf: "
		"'APT::X \"y\";'\n"
		"  debconf_selections: {s1: 'a a/b boolean true'}\n  sources:\n"
		"    one: {source: 'deb [signed-by=$KEY_FILE] http://x $RELEASE main', key: KEY}\n"
		"    two.list: {source: 'deb $MIRROR $RELEASE main'}\n");
	put(&w, "etc/os-release", "NAME=x\nVERSION_CODENAME=bookworm\n");
	CHECK_INT(module_apt(&w.context), ==, 0);
	CHECK_FILE(&w, "etc/apt/sources.list.d/one.list",
	           "deb [signed-by=/etc/apt/cloud-init.gpg.d/one.asc] http://x bookworm main\n");
	CHECK_FILE(&w, "etc/apt/cloud-init.gpg.d/one.asc", "KEY");
	CHECK_FILE(&w, "etc/apt/sources.list.d/two.list",
	           "deb http://deb.debian.org/debian bookworm main\n");
	CHECK_FILE(&w, "etc/apt/apt.conf.d/90cloud-init-aptproxy",
	           "Acquire::http::Proxy \"http://p:3128\";\n");
	CHECK_INT(mode_of(&w, "etc/apt/apt.conf.d/90cloud-init-aptproxy"), ==, 0600);
	CHECK_FILE(&w, "etc/apt/apt.conf.d/90cloud-init-pipelining",
	           "Acquire::http::Pipeline-Depth \"0\";\n");
	CHECK_FILE(&w, "etc/apt/apt.conf.d/94cloud-init-config", "APT::X \"y\";");
	CHECK_STR(ran.data, "debconf-set-selections <a a/b boolean true\n\n");
	close_world(&w);
}

TEST(final__power_state_by_its_condition)
{
	struct world w;

	open_recorded(&w, "#cloud-config\npower_state: {mode: reboot, delay: 5, message: bye, "
	                  "condition: [test, -e, /x]}\n");
	CHECK_INT(module_power_state(&w.context), ==, 0);
	CHECK_STR(ran.data, "test -e /x\nshutdown -r +5 bye\n");
	strbuf_consume(&ran, ran.size);
	status_of_run = 1;
	CHECK_INT(module_power_state(&w.context), ==, 0);
	CHECK_STR(ran.data, "test -e /x\n");
	close_world(&w);
}

TEST(final__what_phone_home_tells)
{
	auto_free char *body = NULL, *part = NULL;
	auto_json cJSON *post = cJSON_Parse("[\"instance_id\", \"pub_key_rsa\"]");
	struct world w;

	open_recorded(
		&w,
		"#cloud-config\nfqdn: a.example.org\nphone_home: {url: 'http://x/$INSTANCE_ID'}\n");
	put(&w, "etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa A+/= c\n");
	CHECK_INT(phone_home_body(&w.context, post, &part), ==, 0);
	CHECK_STR(part, "pub_key_rsa=ssh-rsa%20A%2B%2F%3D%20c%0A&instance_id=i-1");
	CHECK_INT(phone_home_body(&w.context, NULL, &body), ==, 0);
	CHECK_STR(
		body,
		"pub_key_rsa=ssh-rsa%20A%2B%2F%3D%20c%0A&pub_key_ecdsa=N%2FA&pub_key_ed25519=N%2FA&"
		"instance_id=i-1&hostname=a&fqdn=a.example.org");
	/* Without a network it is said, not left out in silence. */
	CHECK_INT(module_phone_home(&w.context), ==, -EOPNOTSUPP);
	close_world(&w);
}

static int nobody_answers(void *userdata, const struct http_request *rq, struct http_response *ret)
{
	(void) userdata, (void) rq, (void) ret;
	return -ENOENT;
}

TEST(final__who_is_called_gets_the_slow_key)
{
	static const struct http nobody = {.perform = nobody_answers};
	struct world w;

	open_recorded(&w, "#cloud-config\nphone_home: {url: 'http://x/', tries: 1}\n");
	put_program(&w, "sshd");
	w.context.http = &nobody;
	(void) module_phone_home(&w.context);
	CHECK(is_made(&w, "rsa", "ssh-rsa "));
	close_world(&w);
	open_recorded(
		&w, "#cloud-config\nphone_home: {url: 'http://x/', tries: 1, post: [hostname]}\n");
	put_program(&w, "sshd");
	w.context.http = &nobody;
	(void) module_phone_home(&w.context);
	CHECK_FILE(&w, "etc/ssh/ssh_host_rsa_key", "(none)");
	close_world(&w);
}

TEST(disks__an_empty_disk_is_laid_out_and_a_used_one_is_not)
{
	auto_free char *disk = NULL, *part = NULL;
	struct world w;

	open_recorded(
		&w,
		"#cloud-config\ndisk_setup:\n  /disk: {table_type: gpt, layout: [25, [75, 82]]}\n"
		"fs_setup: [{label: data, filesystem: ext4, device: /part, extra_opts: [-m, "
		"0]}]\n");
	put(&w, "disk", "");
	put(&w, "part", "");
	disk = path_join(w.root, "disk");
	part = path_join(w.root, "part");
	CHECK_INT(truncate(disk, 400 << 20), ==, 0);
	CHECK_INT(truncate(part, 100 << 20), ==, 0);
	CHECK_INT(module_disk_setup(&w.context), ==, 0);
	CHECK_STR(ran.data,
	          "sfdisk --quiet --wipe=always --wipe-partitions=always /disk "
	          "<label: gpt\nsize=100MiB, type=L\ntype=S\n\nmkfs.ext4 -F -L data -m 0 /part\n");
	/* Now there is something: the signature of swap. */
	unlink(part);
	CHECK_INT(swap_file_make(part, 1 << 20), ==, 0);
	strbuf_consume(&ran, ran.size);
	cJSON_DeleteItemFromObject(w.data.config, "disk_setup");
	CHECK_INT(module_disk_setup(&w.context), ==, 0);
	CHECK_INT(ran.size, ==, 0);
	CHECK_STR(w.d.items[0].text, "\"/part\" holds something and stays as it is");
	close_world(&w);
}
