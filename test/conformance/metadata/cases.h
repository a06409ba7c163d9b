// SPDX-License-Identifier: Apache-2.0
/*
 * cases - recorded cases of other implementations, run against the rooms of metadata/.
 *
 * A file of cases is a row: its name below the cases' folder and the function that runs one case. A
 * runner says CASE_PASS, or CASE_FAIL after telling what it got with case_differs(). A case that is
 * known to differ stands with its reason in docs/conformance.md, section "metadata"; one that fails
 * without standing there fails the test, and so does one that stands there and passes.
 */
#pragma once

#include "metadata/modules/modules.h"
#include "metadata/network/network.h"

/* What stands for a NUL in a case's texts, which C strings could not hold. */
#define NUL_MARK '\001'

enum case_result { CASE_PASS, CASE_FAIL };
typedef enum case_result (*case_fn)(const cJSON *c);

struct case_file {
	const char *name;
	case_fn run;
	const char *
		list; /* the array's name, NULL: "cases". Of a name that ends in /: what a case's file begins
	                     with; the case is {"id": file}. */
};

extern const struct case_file detect_files[], userdata_files[], network_files[], module_files[],
	source_files[], platform_files[];
extern const size_t n_detect_files, n_userdata_files, n_network_files, n_module_files,
	n_source_files, n_platform_files;

/* Shows what came out and what was wanted (with CASES_VERBOSE=1), and is CASE_FAIL. */
enum case_result case_differs(const char *what, const cJSON *got, const cJSON *wanted);
enum case_result case_differs_text(const char *what, const char *got, const char *wanted);
/* Equal as JSON values; an object's order does not count. */
enum case_result case_compare(const char *what, const cJSON *got, const cJSON *wanted);
enum case_result case_compare_text(const char *what, const char *got, const char *wanted);

const cJSON *case_get(const cJSON *c, const char *path); /* "a.b.c", NULL if there is none */
const char *case_text(const cJSON *c, const char *path); /* NULL if it is no text */
/* A text, {"__bytes__"} or {"__b64__"} as bytes; false if it is none of them. */
bool case_blob(const cJSON *v, struct blob *ret);
/* The same as a string (lives until the next call); NULL if it is none of them. */
const char *case_string(const cJSON *v);
char *case_path(const char *name); /* a file of the cases' folder */
