// SPDX-License-Identifier: Apache-2.0
/* A template, with some data to look into. */
#include "metadata/userdata/userdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] =
		"{\"v1\":{\"instance-id\":\"i-1\",\"n\":3},\"list\":[1,\"two\",null],"
		"\"map\":{\"a\":{\"b\":true}}}";
	auto_json cJSON *values = cJSON_Parse(text);
	auto_blob struct blob template = {0}, out = {0};
	struct diag d = {0};

	if (values && blob_set(&template, data, size) >= 0)
		(void) jinja_render(template.data, template.size, values, "fuzz", &d, &out);
	return 0;
}
