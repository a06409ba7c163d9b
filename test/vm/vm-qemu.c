// SPDX-License-Identifier: Apache-2.0
#include "vmctl.h"

#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* QEMU's option parser ends a value at a comma; a doubled one is a comma. */
static void quote(const char *text, char ret[2 * PATH_MAX])
{
	size_t n = 0;

	for (; *text && n < 2 * PATH_MAX - 3; text++) {
		ret[n++] = *text;
		if (*text == ',')
			ret[n++] = ',';
	}
	ret[n] = '\0';
}

static void words_add_list(struct words *w, const char *flag, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (flag)
			words_add(w, "%s", flag);
		words_add(w, "%s", list[i]);
	}
}

static void add_machine(const struct vm_config *c, struct words *w)
{
	bool is_kvm = !strcmp(c->accel, "kvm");

	words_add(w, "-name");
	words_add(w, "%s,process=vm-%s", c->name, c->name);
	words_add(w, "-machine");
	words_add(w, "q35%s", c->with_vsock ? ",memory-backend=mem" : "");
	words_add(w, "-accel");
	words_add(w, "%s", is_kvm ? "kvm" : "tcg,thread=multi");
	words_add(w, "-cpu");
	words_add(w, "%s", is_kvm ? "host" : "max");
	words_add(w, "-smp");
	words_add(w, "%u", c->smp);
	words_add(w, "-m");
	words_add(w, "%u", c->mem_mb);
	if (c->with_vsock) {
		/* The vsock back end maps the guest's memory. */
		words_add(w, "-object");
		words_add(w, "memory-backend-memfd,id=mem,size=%uM,share=on", c->mem_mb);
	}
	words_add(w, "-nodefaults");
	words_add(w, "-no-user-config");
	words_add(w, "-display");
	words_add(w, "none");
	if (!c->with_reboot)
		words_add(w, "-no-reboot");
	/* A panic is told by the guest's pvpanic driver and ends the machine: nobody should wait
	 * for it to time out. */
	words_add(w, "-device");
	words_add(w, "pvpanic-pci");
	words_add(w, "-device");
	words_add(w, "virtio-rng-pci");
}

static void add_kernel(const struct vm_config *c, struct words *w)
{
	struct words line = {0};
	size_t n = 1;
	char *text;

	/* A starved emulator misses the ticks by which the kernel looks whether its timer works, and panics. */
	words_add(&line, "console=ttyS0 rw root=/dev/vda quiet no_timer_check");
	if (!c->with_agent)
		words_add(&line, "vm.noagent");
	if (c->is_bare)
		words_add(&line, "vm.bare");
	if (c->probe)
		words_add(&line, "vm.probe=%s", c->probe);
	/* Words after init= that the kernel does not know become arguments of the init. */
	words_add(&line, "init=%s", c->init);
	words_add_list(&line, NULL, c->append, c->append_n);
	for (size_t i = 0; i < line.n; i++)
		n += strlen(line.v[i]) + 1;
	text = calloc(1, n);
	w->is_failed |= line.is_failed || !text;
	for (size_t i = 0; text && i < line.n; i++) {
		strcat(text, line.v[i]);
		strcat(text, " ");
	}
	words_add(w, "-kernel");
	words_add(w, "%s", c->kernel);
	words_add(w, "-initrd");
	words_add(w, "%s", c->initrd);
	words_add(w, "-append");
	words_add(w, "%s", text ? text : "");
	free(text);
	words_done(&line);
}

static void add_disks(const struct vm_config *c, struct words *w)
{
	char path[2 * PATH_MAX];

	words_add(w, "-drive");
	if (c->overlay[0]) {
		quote(c->overlay, path);
		words_add(w, "file=%s,format=qcow2,if=none,id=root,cache=unsafe", path);
	} else {
		quote(c->image, path);
		words_add(w, "file=%s,format=raw,if=none,id=root,snapshot=on,cache=unsafe", path);
	}
	words_add(w, "-device");
	words_add(w, "virtio-blk-pci,drive=root");
	if (c->seed[0]) {
		quote(c->seed, path);
		words_add(w, "-drive");
		words_add(w, "file=%s,format=raw,if=none,id=seed,readonly=on", path);
		words_add(w, "-device");
		words_add(w, "virtio-blk-pci,drive=seed");
	}
}

static void add_port(struct words *w, const char *chardev, const char *name)
{
	words_add(w, "-device");
	words_add(w, "virtserialport,chardev=%s,name=%s", chardev, name);
}

static void add_channels(const struct vm_config *c, int agent_fd, int qmp_fd, struct words *w)
{
	words_add(w, "-chardev");
	words_add(w, "socket,id=console,path=console,server=on,wait=off,logfile=console.log,"
	             "logappend=on");
	words_add(w, "-serial");
	words_add(w, "chardev:console");
	words_add(w, "-chardev");
	words_add(w, "socket,id=monitor,fd=%d", qmp_fd);
	words_add(w, "-mon");
	words_add(w, "chardev=monitor,mode=control");
	words_add(w, "-qmp");
	words_add(w, "unix:qmp,server=on,wait=off");
	words_add(w, "-device");
	words_add(w, "virtio-serial-pci,max_ports=%d", VM_PORTS_MAX + 4);
	if (agent_fd >= 0) {
		words_add(w, "-chardev");
		words_add(w, "socket,id=agent,fd=%d", agent_fd);
		add_port(w, "agent", FRAME_PORT_NAME);
	}
	if (c->probe) {
		words_add(w, "-chardev");
		words_add(w, "file,id=report,path=report");
		add_port(w, "report", "test.report.0");
	}
	for (size_t i = 0; i < c->ports_n; i++) {
		char path[2 * PATH_MAX], id[32];

		quote(c->ports[i].path, path);
		snprintf(id, sizeof(id), "port%zu", i);
		words_add(w, "-chardev");
		words_add(w, "socket,id=%s,path=%s,server=on,wait=off", id, path);
		add_port(w, id, c->ports[i].name);
	}
}

static void add_network(const struct vm_config *c, struct words *w)
{
	if (c->with_vsock) {
		words_add(w, "-chardev");
		words_add(w, "socket,id=vsock,path=vhost");
		words_add(w, "-device");
		words_add(w, "vhost-user-vsock-pci,chardev=vsock");
	}
	if (!strcmp(c->net, "none"))
		return;
	words_add(w, "-netdev");
	words_add(w, "user,id=net0%s", c->net + 4);
	words_add(w, "-device");
	words_add(w, "virtio-net-pci,netdev=net0");
}

void vm_qemu_words(const struct vm_config *c, int agent_fd, int qmp_fd, struct words *ret)
{
	*ret = (struct words){0};
	words_add(ret, "qemu-system-x86_64");
	add_machine(c, ret);
	add_kernel(c, ret);
	add_disks(c, ret);
	add_channels(c, agent_fd, qmp_fd, ret);
	add_network(c, ret);
	words_add_list(ret, "-smbios", c->smbios, c->smbios_n);
	words_add_list(ret, NULL, c->extra, c->extra_n);
}

static int run_program(const char *const argv[])
{
	pid_t pid;
	int status, r = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *) argv, environ);

	if (r != 0)
		return vm_error("cannot run %s: %s", argv[0], strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return vm_error("%s: %s", argv[0], strerror(errno));
	return status == 0 ? 0 : vm_error("%s failed", argv[0]);
}

/* Two starts may share one seed folder, so each makes its own ISO. */
static int pack_seed(struct vm_config *c)
{
	char iso[PATH_MAX];
	const char *argv[] = {"genisoimage", "-quiet", "-o", iso,     "-V",
	                      c->seed_label, "-J",     "-r", c->seed, NULL};

	if (snprintf(iso, sizeof(iso), "%s/seed.iso", c->dir) >= (int) sizeof(iso))
		return vm_error("the path of the seed is too long");
	if (run_program(argv) < 0)
		return -1;
	memcpy(c->seed, iso, sizeof(iso));
	return 0;
}

int vm_qemu_prepare(struct vm_config *c)
{
	struct stat st;

	if (c->overlay[0] && access(c->overlay, F_OK) < 0) {
		const char *argv[] = {"qemu-img", "create", "-q",     "-f",       "qcow2", "-F",
		                      "raw",      "-b",     c->image, c->overlay, NULL};

		if (run_program(argv) < 0)
			return -1;
	}
	if (c->seed[0] && stat(c->seed, &st) == 0 && S_ISDIR(st.st_mode))
		return pack_seed(c);
	return 0;
}
