// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "crash/box.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

static char root[64], run[96], kept[96];
static struct crash_places places;

static void new_root(void)
{
	if (*root)
		rm_rf(root);
	strcpy(root, "/tmp/test-crash-XXXXXX");
	if (!mkdtemp(root))
		abort();
	snprintf(run, sizeof(run), "%s/run", root);
	snprintf(kept, sizeof(kept), "%s/kept", root);
	places = (struct crash_places){run, kept};
}

static struct crash_report example(unsigned n)
{
	static char *frames[] = {(char *) "core+0x1234", (char *) "libc.so.6+0x10", NULL},
		    *lines[] = {(char *) "one", (char *) "two \\ \n lines", NULL};

	return (struct crash_report){
		.program = (char *) "core",
		.version = (char *) "1.2.3",
		.build_id = (char *) "abcdef",
		.cause = (char *) "killed 11",
		.source = (char *) "control",
		.frames = frames,
		.log = lines,
		.signal = SIGSEGV,
		.code = 1,
		.address = 0xffffffffffffff00,
		.pid = 42,
		.time_usec = 1700000000000000 + n,
		.uptime_usec = 5,
		.busy_usec = 6,
		.n_units = 7,
		.n_jobs = 8,
		.restarts = 9,
	};
}

static int put(unsigned n)
{
	struct crash_report c = example(n);
	int r = crash_report_name(&c);

	r = r < 0 ? r : crash_store_put(&places, &c);
	free(c.id);
	return r;
}

TEST(crash_report__is_read_back_whole)
{
	auto_cleanup(crash_report_free) struct crash_report *d = NULL;
	struct crash_report c = example(0);
	auto_free char *text = NULL, *summary = NULL;

	CHECK_INT(crash_report_encode(&c, &text), ==, 0);
	CHECK_INT(crash_report_decode(text, strlen(text), &d), ==, 0);
	CHECK_STR(d->program, "core");
	CHECK_STR(d->version, "1.2.3");
	CHECK_STR(d->build_id, "abcdef");
	CHECK_STR(d->cause, "killed 11");
	CHECK_STR(d->source, "control");
	CHECK_INT(d->signal, ==, SIGSEGV);
	CHECK_INT(d->code, ==, 1);
	CHECK(d->address == c.address);
	CHECK_INT(d->pid, ==, 42);
	CHECK(d->time_usec == c.time_usec);
	CHECK_INT(d->uptime_usec, ==, 5);
	CHECK_INT(d->busy_usec, ==, 6);
	CHECK_INT(d->n_units, ==, 7);
	CHECK_INT(d->n_jobs, ==, 8);
	CHECK_INT(d->restarts, ==, 9);
	CHECK_INT(strv_length(d->frames), ==, 2);
	CHECK_STR(d->frames[1], "libc.so.6+0x10");
	/* Control characters do not get to a terminal. */
	CHECK_STR(d->log[1], "two \\ ? lines");
	summary = crash_report_summary(d);
	CHECK_STR(summary, "core 1.2.3 died: SIGSEGV at 0xffffffffffffff00 in core+0x1234 (killed "
	                   "11), while in "
	                   "\"control\"");
}

TEST(crash_report__of_another_version_is_read)
{
	static const char later[] = "v=9\nprogram=core\nunknown=1\nsignal=6\n",
			  past[] = "v=1\nprogram=core\n", none[] = "v=1\nsignal=6\n";
	auto_cleanup(crash_report_free) struct crash_report *a = NULL, *b = NULL, *c = NULL;

	CHECK_INT(crash_report_decode(later, strlen(later), &a), ==, 0);
	CHECK_INT(a->signal, ==, 6);
	CHECK_INT(crash_report_decode(past, strlen(past), &b), ==, 0);
	CHECK_INT(b->signal, ==, 0);
	CHECK_INT(crash_report_decode(none, strlen(none), &c), ==, -EBADMSG);
}

TEST(crash_store__moves_to_the_disk_and_is_bounded)
{
	auto_strv char **ids = NULL;
	auto_cleanup(crash_report_free) struct crash_report *c = NULL;

	new_root();
	for (unsigned n = 0; n < 50; n++) {
		CHECK_INT(put(n), ==, 0);
		if (n % 5 == 4)
			CHECK_INT(crash_store_keep(&places, "1"), ==, 5);
	}
	CHECK_INT(crash_store_list(&places, &ids), ==, 0);
	CHECK_INT(strv_length(ids), ==, CRASH_KEPT_MAX);
	CHECK_STR(ids[0], "20231114T221320.000049-core");
	CHECK_STR(ids[CRASH_KEPT_MAX - 1], "20231114T221320.000018-core");
	CHECK_INT(crash_store_read(&places, ids[0], &c), ==, 0);
	CHECK_STR(c->id, ids[0]);
	CHECK_STR(c->frames[0], "core+0x1234");
}

TEST(crash_store__without_a_disk_keeps_the_newest_in_memory)
{
	auto_strv char **ids = NULL;
	struct crash_places no_disk;

	new_root();
	no_disk = (struct crash_places){run, "/proc/nowhere"};
	for (unsigned n = 0; n < 20; n++)
		CHECK_INT(put(n), ==, 0);
	CHECK_INT(crash_store_keep(&no_disk, "1"), <, 0);
	CHECK_INT(crash_store_list(&no_disk, &ids), ==, 0);
	CHECK_INT(strv_length(ids), ==, CRASH_RUN_MAX);
	CHECK_STR(ids[0], "20231114T221320.000019-core");
}

TEST(crash_store__drops_what_is_no_report)
{
	auto_free char *path = NULL;

	new_root();
	CHECK_INT(put(0), ==, 0);
	path = str_printf("%s/20000101T000000.000000-core.crash", run);
	CHECK_INT(file_write_atomic(path, "garbage", 7, 0600, false), ==, 0);
	CHECK_INT(crash_store_keep(&places, "1"), ==, 1);
	CHECK_INT(access(path, F_OK), ==, -1);
}

TEST(crash_store__names_from_outside_stay_inside)
{
	auto_cleanup(crash_report_free) struct crash_report *c = NULL;

	new_root();
	CHECK_INT(crash_store_read(&places, "../../etc/passwd", &c), ==, -EINVAL);
	CHECK_INT(crash_store_read(&places, "", &c), ==, -EINVAL);
	CHECK_INT(crash_store_read(&places, ".hidden", &c), ==, -EINVAL);
	CHECK_INT(crash_store_read(&places, "nothing", &c), ==, -ENOENT);
}

/* ---- the black box ---- */

static int box_fd(void)
{
	int fd = memfd_create("box", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, WIRE_BOX_OFFSET + WIRE_BOX_BYTES) < 0)
		abort();
	return fd;
}

/* A process that lives with the box of @fd, and dies as @die says. The next owner's report. */
static struct crash_report *life(int fd, void (*die)(void))
{
	struct crash_report *c = NULL;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct crash_report *none = NULL;

		if (dup2(fd, WIRE_PAGE_FD) < 0)
			_exit(99);
		log_setup("test", LOG_TARGET_STDERR, LOG_INFO);
		close(STDERR_FILENO);
		crash_setup("9.9", &none);
		for (int i = 0; i < 100; i++)
			log_info("Line %d", i);
		crash_note_counts(200, 3);
		crash_note_source("some-source", now(CLOCK_MONOTONIC));
		die();
		_exit(98);
	}
	waitpid(pid, NULL, 0);
	box_open(fd, "next", &c);
	log_set_tap(NULL);
	if (c && c->pid != pid)
		abort();
	return c;
}

static void die_killed(void)
{
	raise(SIGKILL);
}
static void die_segv(void)
{
	volatile int *volatile nowhere = (volatile int *) (uintptr_t) 16;

	*nowhere = 1;
}
static void die_nowhere(void)
{
	((void (*)(void))(uintptr_t) (*(volatile uintptr_t *) &(uintptr_t){0}))();
}
static int die_deep(int n)
{
	volatile char room[4096];

	room[0] = (char) n;
	return n < 0 ? 0 : die_deep(n + 1) + room[0];
}
static void die_overflow(void)
{
	die_deep(0);
}

TEST(box__outlives_sigkill)
{
	auto_fd int fd = box_fd();
	auto_cleanup(crash_report_free) struct crash_report *c = life(fd, die_killed);

	CHECK(c != NULL);
	CHECK_INT(c->signal, ==, 0);
	CHECK_STR(c->version, "9.9");
	CHECK_STR(c->source, "some-source");
	CHECK_INT(c->n_units, ==, 200);
	CHECK_INT(c->n_jobs, ==, 3);
	CHECK_INT(strv_length(c->log), ==, BOX_LINES);
	CHECK_STR(c->log[0], "Line 68");
	CHECK_STR(c->log[BOX_LINES - 1], "Line 99");
}

TEST(box__tells_of_a_fault)
{
	auto_fd int fd = box_fd();
	auto_cleanup(crash_report_free) struct crash_report *c = life(fd, die_segv);

	CHECK(c != NULL);
	CHECK_INT(c->signal, ==, SIGSEGV);
	CHECK_INT(c->address, ==, 16);
	CHECK_INT(c->sender, ==, 0);
	CHECK_INT(strv_length(c->frames), >=, 3);
	CHECK(str_after(c->frames[0], "core+0x") != NULL);
	CHECK(str_after(c->frames[2], "core+0x") != NULL);
}

TEST(box__tells_of_a_call_to_nowhere)
{
	auto_fd int fd = box_fd();
	auto_cleanup(crash_report_free) struct crash_report *c = life(fd, die_nowhere);

	CHECK(c != NULL);
	CHECK_INT(c->signal, ==, SIGSEGV);
	CHECK_STR(c->frames[0], "0x0");
	CHECK_INT(strv_length(c->frames), >=, 3);
	CHECK(str_after(c->frames[1], "core+0x") != NULL);
}

TEST(box__tells_of_a_stack_overflow)
{
	auto_fd int fd = box_fd();
	auto_cleanup(crash_report_free) struct crash_report *c = life(fd, die_overflow);

	CHECK(c != NULL);
	CHECK_INT(c->signal, ==, SIGSEGV);
	CHECK_INT(strv_length(c->frames), ==, CRASH_FRAMES_MAX);
}

TEST(box__tells_of_abort)
{
	auto_fd int fd = box_fd();
	auto_cleanup(crash_report_free) struct crash_report *c = life(fd, abort);

	CHECK(c != NULL);
	CHECK_INT(c->signal, ==, SIGABRT);
	CHECK_INT(c->sender, ==, c->pid);
}

TEST(box__of_another_layout_or_size_is_left_alone)
{
	static struct box b = {
		.magic = BOX_MAGIC, .version = BOX_VERSION, .size = sizeof(b), .in_use = 1};
	struct crash_report *c = box_read(&b, sizeof(b));

	CHECK(c != NULL);
	crash_report_free(c);
	CHECK(box_read(&b, sizeof(b) - 1) == NULL);
	b.version++;
	CHECK(box_read(&b, sizeof(b)) == NULL);
	b.version--;
	b.size++;
	CHECK(box_read(&b, sizeof(b)) == NULL);
}

TEST(box__small_memfd_of_an_older_init_is_done_without)
{
	auto_fd int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct crash_report *c = NULL;

	CHECK_INT(ftruncate(fd, 4096), ==, 0);
	box_open(fd, "1", &c);
	CHECK(c == NULL);
	CHECK_STR(box->program_version, "1");
	box_open(-1, "2", &c);
	CHECK_STR(box->program_version, "2");
	log_set_tap(NULL);
}

TEST(symbols__name_an_address_of_our_own)
{
	auto_cleanup(symbols_free) struct symbols *s = NULL;
	struct crash_report *c = NULL;
	auto_free char *name = NULL;

	box_open(-1, "1", &c);
	log_set_tap(NULL);
	CHECK_INT(symbols_open("/proc/self/exe", &s), ==, 0);
	CHECK_INT(strlen(symbols_build_id(s)), >=, 16);
	CHECK_INT(
		symbols_name(s, (uint64_t) (uintptr_t) new_root - box->modules[0].begin + 1, &name),
		==, 0);
	CHECK_STR(name, "new_root+0x1");
	rm_rf(root);
	*root = '\0';
}
