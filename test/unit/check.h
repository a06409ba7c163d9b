// SPDX-License-Identifier: Apache-2.0
/*
 * check.h - a thin skin on CUnit: TEST(subject__behaviour) registers itself, a failed check shows the values it saw.
 *
 *	TEST(restart_policy__gives_up_after_burst)
 *	{
 *		CHECK_INT(restart_allowed(&p), ==, 0);
 *	}
 *
 * main() comes with this header; a test executable is one file.
 */
#pragma once

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_test {
	const char *name;
	void (*fn)(void);
	struct check_test *next;
};

static struct check_test *check_tests, **check_tail = &check_tests;

#define TEST(test_name)                                                                            \
	static void test_name(void);                                                               \
	static struct check_test check_##test_name = {#test_name, test_name, NULL};                \
	__attribute__((constructor)) static void check_register_##test_name(void)                  \
	{                                                                                          \
		*check_tail = &check_##test_name;                                                  \
		check_tail = &check_##test_name.next;                                              \
	}                                                                                          \
	static void test_name(void)

/* Fails the test and returns from it. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (cond) {                                                                        \
			CU_PASS(#cond);                                                            \
		} else {                                                                           \
			CU_FAIL(#cond);                                                            \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define CHECK_INT(a, op, b)                                                                        \
	do {                                                                                       \
		long long check_a = (long long) (a), check_b = (long long) (b);                    \
		if (!(check_a op check_b))                                                         \
			printf("\n      %s:%d: %s is %lld, wanted %s %lld", __FILE__, __LINE__,    \
			       #a, check_a, #op, check_b);                                         \
		CHECK(check_a op check_b);                                                         \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a = (a), *check_b = (b);                                         \
		int check_same =                                                                   \
			check_a && check_b ? !strcmp(check_a, check_b) : check_a == check_b;       \
		if (!check_same)                                                                   \
			printf("\n      %s:%d: %s is \"%s\", wanted \"%s\"", __FILE__, __LINE__,   \
			       #a, check_a ? check_a : "(null)", check_b ? check_b : "(null)");    \
		CHECK(check_same);                                                                 \
	} while (0)

/* Runs all tests, or those whose name contains argv[1]. */
int main(int argc, char **argv)
{
	CU_pSuite suite;
	unsigned failures, run;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite(argv[0], NULL, NULL);
	for (struct check_test *t = check_tests; t; t = t->next)
		if (argc < 2 || strstr(t->name, argv[1]))
			CU_add_test(suite, t->name, t->fn);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	run = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	return failures || !run ? 1 : 0;
}
