// SPDX-License-Identifier: Apache-2.0
#include "vmctl.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

/* Codes of long options; their order is that of the table below. */
enum option_code {
	OPT_IMAGE = 256,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_OVERLAY,
	OPT_APPEND,
	OPT_INIT,
	OPT_SEED,
	OPT_SEED_LABEL,
	OPT_NET,
	OPT_VSOCK,
	OPT_CID,
	OPT_SERIAL_PORT,
	OPT_SMBIOS,
	OPT_MEM,
	OPT_SMP,
	OPT_NO_AGENT,
	OPT_NO_REBOOT,
	OPT_BARE,
	OPT_PROBE,
	OPT_ACCEL,
	OPT_QEMU_ARG,
	OPT_OWNER,
	OPT_LIFETIME,
	OPT_NO_WAIT,
	OPT_WAIT,
	OPT_HELP,
};

struct option_help {
	struct option option;
	const char *argument, *help;
};

/* clang-format off */
static const struct option_help options[] = {
	{ { "image",       required_argument, NULL, OPT_IMAGE },       "FILE",      "raw disk with the root; changes are thrown away" },
	{ { "kernel",      required_argument, NULL, OPT_KERNEL },      "FILE",      "default: the image's name with .kernel for .ext4" },
	{ { "initrd",      required_argument, NULL, OPT_INITRD },      "FILE",      "default: the image's name with .initrd for .ext4" },
	{ { "overlay",     required_argument, NULL, OPT_OVERLAY },     "FILE",      "keep changes in this qcow2 file, made if missing" },
	{ { "append",      required_argument, NULL, OPT_APPEND },      "WORDS",     "more kernel arguments (repeatable)" },
	{ { "init",        required_argument, NULL, OPT_INIT },        "PATH",      "init in the guest, default /sbin/init" },
	{ { "seed",        required_argument, NULL, OPT_SEED },        "ISO|DIR",   "second disk; a folder is packed as an ISO" },
	{ { "seed-label",  required_argument, NULL, OPT_SEED_LABEL },  "LABEL",     "label of a packed seed, default cidata" },
	{ { "net",         required_argument, NULL, OPT_NET },         "user|none", "user takes QEMU's options, e.g. user,hostfwd=..." },
	{ { "vsock",       no_argument,       NULL, OPT_VSOCK },       NULL,        "a vsock device; its ports are at DIR/vsock" },
	{ { "cid",         required_argument, NULL, OPT_CID },         "N",         "the guest's CID, default 3" },
	{ { "serial-port", required_argument, NULL, OPT_SERIAL_PORT }, "NAME=PATH", "a virtio-serial port as a listening socket" },
	{ { "smbios",      required_argument, NULL, OPT_SMBIOS },      "SPEC",      "passed to QEMU's -smbios (repeatable)" },
	{ { "mem",         required_argument, NULL, OPT_MEM },         "MB",        "default 1024" },
	{ { "smp",         required_argument, NULL, OPT_SMP },         "N",         "default 2" },
	{ { "no-agent",    no_argument,       NULL, OPT_NO_AGENT },    NULL,        "run no agent in the guest; implies --no-wait" },
	{ { "no-reboot",   no_argument,       NULL, OPT_NO_REBOOT },   NULL,        "end when the guest reboots" },
	{ { "bare",        no_argument,       NULL, OPT_BARE },        NULL,        "leave /dev /proc /sys /run for the init to mount" },
	{ { "probe",       required_argument, NULL, OPT_PROBE },       "WORD,...",  "run guest-probe with these words; see DIR/report" },
	{ { "accel",       required_argument, NULL, OPT_ACCEL },       "KIND",      "auto (default), tcg or kvm" },
	{ { "qemu-arg",    required_argument, NULL, OPT_QEMU_ARG },    "WORD",      "one more word for QEMU (repeatable)" },
	{ { "owner",       required_argument, NULL, OPT_OWNER },       "PID",       "end when this process ends" },
	{ { "lifetime",    required_argument, NULL, OPT_LIFETIME },    "SEC",       "end after this time at the latest, default 7200" },
	{ { "no-wait",     no_argument,       NULL, OPT_NO_WAIT },     NULL,        "return without waiting for the agent" },
	{ { "wait",        required_argument, NULL, OPT_WAIT },        "SEC",       "wait so long for the agent, default 180" },
	{ { "help",        no_argument,       NULL, OPT_HELP },        NULL,        "this" },
};
/* clang-format on */

static void print_help(void)
{
	printf("vmctl start NAME --image FILE [OPTION...]\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_help *o = &options[i];
		char word[64];

		snprintf(word, sizeof(word), "--%s %s", o->option.name,
		         o->argument ? o->argument : "");
		printf("  %-26s %s\n", word, o->help);
	}
}

static int option_path(const char *text, char ret[PATH_MAX])
{
	char path[PATH_MAX];

	if (!realpath(text, path))
		return vm_error("%s: %s", text, strerror(errno));
	memcpy(ret, path, PATH_MAX);
	return 0;
}

/* A file that may not exist yet: its folder must. */
static int option_new_path(const char *text, char ret[PATH_MAX])
{
	const char *slash = strrchr(text, '/');
	char dir[PATH_MAX], parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int) (slash - text + 1) : 1,
	         slash ? text : ".");
	if (!realpath(parent, dir))
		return vm_error("%s: %s", parent, strerror(errno));
	if (snprintf(ret, PATH_MAX, "%s/%s", dir, slash ? slash + 1 : text) >= PATH_MAX)
		return vm_error("%s: the path is too long", text);
	return 0;
}

static int option_list(const char *list[VM_WORDS_MAX], size_t *n, const char *text)
{
	if (*n == VM_WORDS_MAX)
		return vm_error("too many options of one kind");
	list[(*n)++] = text;
	return 0;
}

static int option_port(struct vm_config *c, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || c->ports_n == VM_PORTS_MAX)
		return vm_error("%s: a serial port is NAME=PATH, at most %d of them", text,
		                VM_PORTS_MAX);
	*equals = '\0';
	c->ports[c->ports_n++] = (struct vm_port){.name = text, .path = equals + 1};
	return 0;
}

/* A file beside the image: IMAGE.ext4 -> IMAGE.kernel. */
static int option_beside(const char *image, const char *suffix, char ret[PATH_MAX])
{
	size_t n = strlen(image);
	char path[PATH_MAX + 16];

	if (n > 5 && !strcmp(image + n - 5, ".ext4"))
		n -= 5;
	snprintf(path, sizeof(path), "%.*s%s", (int) n, image, suffix);
	return option_path(path, ret);
}

static int option_set(struct vm_config *c, int code)
{
	unsigned number;

	switch (code) {
	case OPT_IMAGE:
		return option_path(optarg, c->image);
	case OPT_KERNEL:
		return option_path(optarg, c->kernel);
	case OPT_INITRD:
		return option_path(optarg, c->initrd);
	case OPT_OVERLAY:
		return option_new_path(optarg, c->overlay);
	case OPT_SEED:
		return option_path(optarg, c->seed);
	case OPT_APPEND:
		return option_list(c->append, &c->append_n, optarg);
	case OPT_SMBIOS:
		return option_list(c->smbios, &c->smbios_n, optarg);
	case OPT_QEMU_ARG:
		return option_list(c->extra, &c->extra_n, optarg);
	case OPT_SERIAL_PORT:
		return option_port(c, optarg);
	case OPT_INIT:
		c->init = optarg;
		return 0;
	case OPT_SEED_LABEL:
		c->seed_label = optarg;
		return 0;
	case OPT_NET:
		c->net = optarg;
		return !strcmp(optarg, "none") || !strncmp(optarg, "user", 4)
		               ? 0
		               : vm_error("--net is user or none");
	case OPT_PROBE:
		c->probe = optarg;
		return 0;
	case OPT_ACCEL:
		c->accel = optarg;
		return !strcmp(optarg, "auto") || !strcmp(optarg, "tcg") || !strcmp(optarg, "kvm")
		               ? 0
		               : vm_error("--accel is auto, tcg or kvm");
	case OPT_VSOCK:
		c->with_vsock = true;
		return 0;
	case OPT_NO_AGENT:
		c->with_agent = c->waits = false;
		return 0;
	case OPT_NO_REBOOT:
		c->with_reboot = false;
		return 0;
	case OPT_BARE:
		c->is_bare = true;
		return 0;
	case OPT_NO_WAIT:
		c->waits = false;
		return 0;
	case OPT_CID:
		return vm_parse_number(optarg, INT_MAX, &c->cid);
	case OPT_MEM:
		return vm_parse_number(optarg, 65536, &c->mem_mb);
	case OPT_SMP:
		return vm_parse_number(optarg, 64, &c->smp);
	case OPT_LIFETIME:
		return vm_parse_number(optarg, 86400, &c->lifetime_sec);
	case OPT_WAIT:
		return vm_parse_number(optarg, 3600, &c->wait_sec);
	case OPT_OWNER:
		if (vm_parse_number(optarg, INT_MAX, &number) < 0)
			return -1;
		c->owner = (pid_t) number;
		return 0;
	case OPT_HELP:
		print_help();
		exit(0);
	default:
		return vm_error("see `vmctl start --help`");
	}
}

int vm_options_parse(struct vm_config *c, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(options) + 1] = {0};
	int code;

	*c = (struct vm_config){
		.init = "/sbin/init",
		.net = "none",
		.accel = "auto",
		.seed_label = "cidata",
		.mem_mb = 1024,
		.smp = 2,
		.cid = 3,
		.with_agent = true,
		.with_reboot = true,
		.waits = true,
		.lifetime_sec = 7200,
		.wait_sec = 180,
	};
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		longs[i] = options[i].option;
	while ((code = getopt_long(argc, argv, "", longs, NULL)) >= 0)
		if (option_set(c, code) < 0)
			return -1;
	if (optind + 1 != argc)
		return vm_error("start takes one NAME; see `vmctl start --help`");
	if (!c->image[0])
		return vm_error("start needs --image");
	c->name = argv[optind];
	if (vm_dir(c->name, c->dir) < 0)
		return -1;
	if (!c->kernel[0] && option_beside(c->image, ".kernel", c->kernel) < 0)
		return -1;
	return c->initrd[0] ? 0 : option_beside(c->image, ".initrd", c->initrd);
}
