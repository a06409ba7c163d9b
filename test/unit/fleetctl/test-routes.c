// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "api/controller.h"
#include "base/fd.h"

#include <yaml.h>

static const struct route *find(const char *method, const char *path,
                                char *parameters[static PARAMETERS_MAX], bool *known)
{
	for (size_t i = 0; i < PARAMETERS_MAX; i++)
		parameters[i] = NULL;
	return route_find(method, path, parameters, known);
}

TEST(routes__find_their_handler)
{
	char *parameters[PARAMETERS_MAX];
	const struct route *r;
	bool known;

	r = find("GET", "/v1/machines/abc/commands", parameters, &known);
	CHECK(r && r->handle == handle_commands);
	CHECK_STR(parameters[0], "abc");
	free(parameters[0]);
	r = find("HEAD", "/v1/machines", parameters, &known);
	CHECK(r && r->handle == handle_machines);
	CHECK(!find("PUT", "/v1/machines", parameters, &known));
	CHECK(known);
	CHECK(!find("GET", "/v1/machines/", parameters, &known));
	CHECK(!known);
	CHECK(!find("GET", "/v1/machines/a/b", parameters, &known));
	CHECK(!find("GET", "/v1/machine", parameters, &known));
	CHECK(!find("GET", "/", parameters, &known));
}

TEST(routes__are_whole)
{
	for (size_t i = 0; i < n_routes; i++) {
		const struct route *r = &routes[i];

		CHECK(r->method && r->path && r->handle && r->operation && r->summary);
		CHECK(r->roles != 0);
		/* What changes something takes an operator or an agent; enrolment brings its own
		 * proof. */
		if (!streq(r->method, "GET") && !streq(r->path, "/v1/enroll"))
			CHECK(!(r->roles & (ROLE_OF_ANYBODY | ROLE_OF_VIEWER)));
		for (size_t j = i + 1; j < n_routes; j++) {
			CHECK(!streq(r->operation, routes[j].operation));
			CHECK(!streq(r->method, routes[j].method) ||
			      !streq(r->path, routes[j].path));
		}
	}
}

/* openapi.yaml is read as far as this needs: paths stand at two blanks, methods at four,
 * operationId and summary at six. */
struct operation {
	char path[128], method[16], id[64], summary[128];
};

static size_t read_description(struct operation *out, size_t max)
{
	auto_free char *text = NULL;
	char path[128] = "";
	size_t n = 0;

	if (file_read(TEST_SOURCE_DIR "/api/openapi.yaml", &text, NULL) < 0)
		return 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char word[128];

		if (sscanf(line, "  /%126[^:]:", word) == 1 && line[2] == '/' && line[3] != ' ')
			snprintf(path, sizeof(path), "/%.126s", word);
		else if (sscanf(line, "    %15[a-z]:%*c", word) >= 1 &&
		         strlen(line) == strlen(word) + 5 &&
		         (streq(word, "get") || streq(word, "post") || streq(word, "delete") ||
		          streq(word, "put")) &&
		         n < max) {
			snprintf(out[n].path, sizeof(out[n].path), "%s", path);
			for (size_t i = 0; i <= strlen(word); i++)
				out[n].method[i] = (char) (word[i] >= 'a' ? word[i] - 32 : word[i]);
			n++;
		} else if (n > 0 && sscanf(line, "      operationId: %63s", word) == 1)
			snprintf(out[n - 1].id, sizeof(out[n - 1].id), "%.63s", word);
		else if (n > 0 && !strncmp(line, "      summary: ", 15))
			snprintf(out[n - 1].summary, sizeof(out[n - 1].summary), "%.127s",
			         line + 15);
	}
	return n;
}

/* A plain text with a colon or a comma in the wrong place makes another document, or none: every value must be there. */
TEST(routes__description_is_yaml)
{
	auto_free char *text = NULL;
	yaml_parser_t parser;
	yaml_document_t document;
	yaml_node_t *node;
	size_t size;

	CHECK_INT(file_read(TEST_SOURCE_DIR "/api/openapi.yaml", &text, &size), ==, 0);
	CHECK(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *) text, size);
	if (!yaml_parser_load(&parser, &document))
		printf("\n      line %zu: %s", parser.problem_mark.line + 1, parser.problem);
	CHECK(!parser.error);
	for (int i = 1; (node = yaml_document_get_node(&document, i)); i++) {
		if (node->type != YAML_SCALAR_NODE)
			continue;
		if (node->data.scalar.length == 0)
			printf("\n      line %zu: a value is missing", node->start_mark.line + 1);
		CHECK_INT(node->data.scalar.length, >, 0);
	}
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
}

TEST(routes__agree_with_their_description)
{
	struct operation described[64] = {};
	size_t n = read_description(described, 64);

	CHECK_INT(n, ==, n_routes);
	for (size_t i = 0; i < n_routes; i++) {
		bool found = false;

		for (size_t j = 0; j < n; j++)
			if (streq(described[j].path, routes[i].path) &&
			    streq(described[j].method, routes[i].method)) {
				found = true;
				CHECK_STR(described[j].id, routes[i].operation);
				CHECK_STR(described[j].summary, routes[i].summary);
			}
		if (!found)
			printf("\n      %s %s is not described", routes[i].method, routes[i].path);
		CHECK(found);
	}
}
