// SPDX-License-Identifier: Apache-2.0
/* Our answers against those of systemd-analyze condition, on this machine. */
#include "fixture.h"

#include <spawn.h>
#include <sys/wait.h>

#define ANALYZE "/usr/bin/systemd-analyze"

__attribute__((constructor)) static void skip_without_oracle(void)
{
	if (access(ANALYZE, X_OK) < 0) {
		printf("SKIP: no " ANALYZE "\n");
		exit(77);
	}
}

static const char *const expressions[] = {
	"Architecture=x86-64",
	"Architecture=arm64",
	"Architecture=native",
	"Architecture=!native",
	"Firmware=uefi",
	"Firmware=device-tree",
	"Firmware=device-tree-compatible(x,y)",
	"Firmware=smbios-field(bios_vendor = nonsense)",
	"Firmware=smbios-field(bios_vendor != nonsense)",
	"Firmware=smbios-field(bios_vendor $= *)",
	"Virtualization=yes",
	"Virtualization=no",
	"Virtualization=vm",
	"Virtualization=container",
	"Virtualization=kvm",
	"Virtualization=docker",
	"Virtualization=private-users",
	"Host=*",
	"Host=nonsense",
	"Host=!nonsense",
	"KernelVersion=*",
	"KernelVersion=>=1.0",
	"KernelVersion=> 1.0",
	"KernelVersion=<1.0",
	"KernelVersion=>=1.0 <99",
	"KernelVersion=>=1.0 <2.0",
	"KernelVersion=!=1.0",
	"KernelVersion=\">=2.0\" \"<=60\" \"!=1.4\"",
	"KernelVersion=\" >= 2.0\" \" * \" \"*.*\"",
	"KernelVersion=\" >= 2.0\" \" <= 2.1\"",
	"KernelVersion=1.*",
	"Environment=PATH",
	"Environment=NOPE",
	"Environment=NOPE=1",
	"Security=selinux",
	"Security=smack",
	"Security=apparmor",
	"Security=tomoyo",
	"Security=ima",
	"Security=audit",
	"Security=uefi-secureboot",
	"Security=tpm2",
	"Security=nonsense",
	"Capability=CAP_SYS_ADMIN",
	"Capability=cap_kill",
	"Capability=CAP_NET_RAW",
	"ACPower=yes",
	"ACPower=no",
	"NeedsUpdate=/etc",
	"NeedsUpdate=/var",
	"NeedsUpdate=!/etc",
	"FirstBoot=yes",
	"FirstBoot=no",
	"PathExists=/etc",
	"PathExists=/nope",
	"PathExists=!/nope",
	"PathExistsGlob=/et*",
	"PathExistsGlob=/nope*",
	"PathIsDirectory=/etc",
	"PathIsDirectory=/etc/passwd",
	"PathIsSymbolicLink=/etc",
	"PathIsSymbolicLink=/proc/self",
	"PathIsMountPoint=/proc",
	"PathIsMountPoint=/etc",
	"PathIsMountPoint=/nope",
	"PathIsReadWrite=/",
	"PathIsReadWrite=/proc",
	"PathIsReadWrite=/nope",
	"PathIsEncrypted=/",
	"PathIsEncrypted=/proc",
	"DirectoryNotEmpty=/etc",
	"DirectoryNotEmpty=/nope",
	"FileNotEmpty=/etc/passwd",
	"FileNotEmpty=/dev/null",
	"FileIsExecutable=/bin/sh",
	"FileIsExecutable=/etc/passwd",
	"User=root",
	"User=0",
	"User=@system",
	"User=4711",
	"Group=root",
	"Group=0",
	"Group=4711",
	"Memory=1M",
	"Memory=> 1G",
	"Memory=<1G",
	"Memory=!1M",
	"Memory=1E",
	"CPUs=1",
	"CPUs=>=1",
	"CPUs=<1",
	"CPUs=!=99",
	"CPUs=99",
	"CPUFeature=fpu",
	"CPUFeature=nonsense",
	"OSRelease=ID=debian",
	"OSRelease=ID!=debian",
	"OSRelease=ID=debian VERSION_ID=12",
	"OSRelease=VERSION_ID>=11",
	"OSRelease=VERSION_ID<11",
	"OSRelease=NOPE=1",
	"OSRelease=NOPE!=1",
	"KernelCommandLine=nonsense",
	"KernelCommandLine=!nonsense",
	"Credential=nope",
	"MemoryPressure=100%",
	"CPUPressure=100%/1min",
	"IOPressure=100%/5min",
};

static int oracle(const char *expression)
{
	auto_free char *text = str_printf("Condition%s", expression);
	char *argv[] = {(char *) ANALYZE, (char *) "condition", text, NULL};
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, ANALYZE, &quiet, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) < 0)
		status = -1;
	posix_spawn_file_actions_destroy(&quiet);
	return status < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status) == 0;
}

TEST(condition__same_answer_as_systemd)
{
	unsigned differ = 0;

	for (size_t i = 0; i < ELEMENTSOF(expressions); i++) {
		auto_free char *copy = strdup(expressions[i]);
		char *value = strchr(copy, '=');
		struct condition c = {.type = CONDITION_TYPE_MAX};
		int ours;

		*value++ = 0;
		for (int t = 0; t < CONDITION_TYPE_MAX; t++)
			if (streq(condition_types[t].name, copy))
				c.type = t;
		c.negate = *value == '!' && value[1] != '=';
		c.parameter = value + c.negate;
		ours = condition_test(NULL, &c);
		if ((ours > 0) != oracle(expressions[i])) {
			printf("\n      %s: ours %d", expressions[i], ours);
			differ++;
		}
	}
	CHECK_INT(differ, ==, 0);
}
