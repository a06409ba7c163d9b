// SPDX-License-Identifier: Apache-2.0
/* What an exit means, and what Restart= makes of it: the tables of systemd.service(5). */
#include "check.h"

#include "types/service.h"

#include <sys/wait.h>

static enum result classify(int code, int status, enum exit_clean clean,
                            const struct exit_status_set *set)
{
	const struct process_exit e = {.pid = 100, .code = code, .status = status};

	return result_of_exit(&e, clean, set);
}

TEST(exit__polite_signals_are_clean_for_daemons_only)
{
	static const int polite[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};

	for (size_t i = 0; i < ELEMENTSOF(polite); i++) {
		CHECK_INT(classify(CLD_KILLED, polite[i], EXIT_CLEAN_DAEMON, NULL), ==,
		          RESULT_SUCCESS);
		CHECK_INT(classify(CLD_KILLED, polite[i], EXIT_CLEAN_COMMAND, NULL), ==,
		          RESULT_SIGNAL);
	}
	CHECK_INT(classify(CLD_KILLED, SIGKILL, EXIT_CLEAN_DAEMON, NULL), ==, RESULT_SIGNAL);
	CHECK_INT(classify(CLD_DUMPED, SIGTERM, EXIT_CLEAN_DAEMON, NULL), ==, RESULT_CORE_DUMP);
}

TEST(exit__status_zero_is_success_others_are_not)
{
	CHECK_INT(classify(CLD_EXITED, 0, EXIT_CLEAN_DAEMON, NULL), ==, RESULT_SUCCESS);
	CHECK_INT(classify(CLD_EXITED, 1, EXIT_CLEAN_DAEMON, NULL), ==, RESULT_EXIT_CODE);
	CHECK_INT(classify(CLD_EXITED, 255, EXIT_CLEAN_COMMAND, NULL), ==, RESULT_EXIT_CODE);
}

TEST(exit__success_exit_status_adds_codes_and_signals)
{
	struct exit_status_set set = {.statuses[143 / 64] = UINT64_C(1) << (143 % 64),
	                              .signals = UINT64_C(1) << SIGKILL};

	CHECK_INT(classify(CLD_EXITED, 143, EXIT_CLEAN_DAEMON, &set), ==, RESULT_SUCCESS);
	CHECK_INT(classify(CLD_EXITED, 144, EXIT_CLEAN_DAEMON, &set), ==, RESULT_EXIT_CODE);
	CHECK_INT(classify(CLD_KILLED, SIGKILL, EXIT_CLEAN_COMMAND, &set), ==, RESULT_SUCCESS);
	/* A number that is no status or signal has no bit. */
	CHECK(!exit_status_set_has(&set, CLD_EXITED, 100000));
	CHECK(!exit_status_set_has(&set, CLD_KILLED, -1));
}

TEST(exit__belongs_to_a_process_only_with_its_start_time)
{
	const struct pidref p = {.pid = 7, .pidfd = -1, .start_time = 1000},
			    unknown = {.pid = 7, .pidfd = -1};
	const struct process_exit same = {.pid = 7, .start_time = 1000},
				  recycled = {.pid = 7, .start_time = 2000};

	CHECK(pidref_is_exit(&p, &same));
	CHECK(!pidref_is_exit(&p, &recycled));
	CHECK(pidref_is_exit(&unknown, &recycled));
}

TEST(restart__follows_the_table_of_the_manual)
{
	/* Rows: clean, unclean exit code, unclean signal, timeout, watchdog. Columns: no always
	 * on-success on-failure on-abnormal on-abort on-watchdog. */
	static const enum service_restart columns[] = {
		RESTART_NO,          RESTART_ALWAYS,   RESTART_ON_SUCCESS, RESTART_ON_FAILURE,
		RESTART_ON_ABNORMAL, RESTART_ON_ABORT, RESTART_ON_WATCHDOG};
	static const struct {
		enum result result;
		const char *row;
	} rows[] = {
		{RESULT_SUCCESS, ".XX...."},  {RESULT_EXIT_CODE, ".X.X..."},
		{RESULT_SIGNAL, ".X.XXX."},   {RESULT_TIMEOUT, ".X.XX.."},
		{RESULT_WATCHDOG, ".X.XX.X"}, {RESULT_CORE_DUMP, ".X.XXX."},
		{RESULT_OOM_KILL, ".X.XX.."}, {RESULT_EXEC_CONDITION, "......."},
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		for (size_t k = 0; k < ELEMENTSOF(columns); k++) {
			struct service_settings c = {.restart = columns[k]};
			bool due = restart_is_due(&c, rows[i].result, 0, 0);

			if (due != (rows[i].row[k] == 'X'))
				printf("\n      result %s, Restart= number %zu",
				       result_to_string(rows[i].result), k);
			CHECK_INT(due, ==, rows[i].row[k] == 'X');
		}
}

TEST(restart__prevent_beats_force_beats_policy)
{
	struct service_settings c = {.restart = RESTART_ALWAYS};

	c.restart_prevent.statuses[0] = UINT64_C(1) << 3;
	CHECK(!restart_is_due(&c, RESULT_EXIT_CODE, CLD_EXITED, 3));
	CHECK(restart_is_due(&c, RESULT_EXIT_CODE, CLD_EXITED, 4));
	c.restart = RESTART_NO;
	c.restart_force.statuses[0] = UINT64_C(1) << 3 | UINT64_C(1) << 5;
	CHECK(!restart_is_due(&c, RESULT_EXIT_CODE, CLD_EXITED, 3));
	CHECK(restart_is_due(&c, RESULT_EXIT_CODE, CLD_EXITED, 5));
	/* Without an exit there is no status to compare. */
	CHECK(!restart_is_due(&c, RESULT_TIMEOUT, 0, 5));
}

TEST(restart__delay_grows_to_its_maximum)
{
	struct service_settings c = {.restart_usec = 100, .restart_max_delay_usec = USEC_INFINITY};
	usec_t last = 0;

	CHECK_INT(restart_delay(&c, 50), ==, 100);
	c.restart_steps = 4;
	c.restart_max_delay_usec = 1600;
	for (unsigned n = 0; n < 10; n++) {
		usec_t d = restart_delay(&c, n);

		CHECK_INT(d, >=, last);
		CHECK_INT(d, <=, 1600);
		last = d;
	}
	CHECK_INT(restart_delay(&c, 0), ==, 100);
	CHECK_INT(restart_delay(&c, 2), ==, 400);
	CHECK_INT(restart_delay(&c, 4), ==, 1600);
}

TEST(fd_name__is_printable_without_colon)
{
	char long_name[300];

	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = 0;
	CHECK(fd_name_is_valid("stored"));
	CHECK(fd_name_is_valid("a b"));
	CHECK(!fd_name_is_valid(""));
	CHECK(!fd_name_is_valid("a:b"));
	CHECK(!fd_name_is_valid("a\nb"));
	CHECK(!fd_name_is_valid(long_name));
}
