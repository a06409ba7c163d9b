// SPDX-License-Identifier: Apache-2.0
/* Azure's ovf-env.xml: the provisioning section of the medium that is attached to a new machine. */
#include "metadata/source/azure.h"
#include "metadata/source/xml.h"
#include "metadata/userdata/userdata.h"

#include <crypt.h>
#include <dlfcn.h>
#include <sys/random.h>

#define WA           "http://schemas.microsoft.com/windowsazure"
#define FILE_NAME    "ovf-env.xml"
#define REDACTED     "REDACTED"
#define PASSWORD_MAX 512 /* crypt()'s own limit */

static int fail(struct diag *d, const char *what)
{
	return diag_add(d, -EBADMSG, DIAG_ERROR, FILE_NAME, 0, "%s", what);
}

/* One child of that name: NULL if there is none, -EBADMSG for several or a missing one. */
static int child(const struct xml *x, const char *name, bool required, struct diag *d,
                 const struct xml **ret)
{
	unsigned n = xml_count(x, WA, name);

	*ret = xml_child(x, WA, name);
	if (n > 1 || (!n && required))
		return diag_add(d, -EBADMSG, DIAG_ERROR, FILE_NAME, 0, "%s: %s", name,
		                n ? "more than one" : "missing");
	return 0;
}

/* Its text; NULL if there is none or it is empty. */
static int property(const struct xml *x, const char *name, bool required, struct diag *d,
                    const char **ret)
{
	const struct xml *p;
	int r = child(x, name, required, d, &p);

	if (r < 0)
		return r;
	*ret = p && *p->text ? p->text : NULL;
	return 0;
}

static bool is_true(const char *text)
{
	return text && (!strcasecmp(text, "true") || streq(text, "1") || !strcasecmp(text, "on") ||
	                !strcasecmp(text, "yes"));
}

/* ---- the password, which is kept as its hash alone ---- */

static void make_salt(char salt[20])
{
	static const char alphabet[] =
		"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned char random[16];

	if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
		memset(random, 0, sizeof(random));
	memcpy(salt, "$6$", 3);
	for (size_t i = 0; i < sizeof(random); i++)
		salt[3 + i] = alphabet[random[i] % 64];
	salt[19] = '\0';
}

/* libcrypt is only needed here, and rarely: it is loaded then. */
static int hash_password(const char *password, char **ret)
{
	auto_free struct crypt_data *data = calloc(1, sizeof(*data));
	void *library = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_NODELETE);
	char *(*crypt_fn)(const char *, const char *, struct crypt_data *) = NULL;
	void *symbol = library ? dlsym(library, "crypt_r") : NULL;
	char salt[20];
	const char *hash;

	if (!data)
		return -ENOMEM;
	if (!symbol)
		return -ENOENT;
	memcpy(&crypt_fn, &symbol, sizeof(symbol));
	make_salt(salt);
	hash = crypt_fn(password, salt, data);
	if (!hash || hash[0] != '$')
		return -EINVAL;
	*ret = strdup(hash);
	explicit_bzero(data, sizeof(*data));
	return *ret ? 0 : -ENOMEM;
}

static int take_password(const char *password, struct diag *d, cJSON *user)
{
	auto_free char *hash = NULL;
	int r;

	if (strlen(password) >= PASSWORD_MAX)
		return fail(d, "UserPassword: too long");
	json_add_bool(user, "lock_passwd", false);
	/* A medium that was read before has none any more. */
	if (streq(password, REDACTED))
		return 0;
	r = hash_password(password, &hash);
	if (r < 0)
		return diag_add(d, r == -ENOMEM ? r : -EBADMSG, DIAG_ERROR, FILE_NAME, 0,
		                "UserPassword: cannot be hashed: %s", strerror(-r));
	return json_add_string(user, "hashed_passwd", hash);
}

/* ---- sections ---- */

static int take_keys(const struct xml *set, struct diag *d, cJSON *config)
{
	const struct xml *ssh, *keys;
	cJSON *list;
	int r = child(set, "SSH", false, d, &ssh);

	if (r >= 0 && ssh)
		r = child(ssh, "PublicKeys", false, d, &keys);
	if (r < 0 || !ssh || !keys)
		return r;
	list = cJSON_CreateArray();
	for (const struct xml *k = keys->first; k && r >= 0; k = k->next) {
		const char *fingerprint = NULL, *path = NULL, *value = NULL;
		cJSON *j;

		if (!streq(k->name, "PublicKey") || !streq(k->space, WA))
			continue;
		r = property(k, "Fingerprint", false, d, &fingerprint);
		if (r >= 0)
			r = property(k, "Path", false, d, &path);
		if (r >= 0)
			r = property(k, "Value", false, d, &value);
		j = cJSON_CreateObject();
		json_add_string(j, "fingerprint", fingerprint);
		json_add_string(j, "path", path);
		json_add_string(j, "value", value ? value : "");
		json_append_take(list, j);
	}
	if (r < 0 || !list->child) {
		cJSON_Delete(list);
		return r;
	}
	return json_add_take(config, "_pubkeys", list);
}

static int take_custom_data(const char *text, struct diag *d, cJSON *out)
{
	auto_blob struct blob b = {0};
	auto_free char *again = NULL;

	/* Decoded once here, so that what is not base64 is found here. */
	if (base64_decode(text, strlen(text), &b) < 0)
		return fail(d, "CustomData: not base64");
	if (base64_encode(b.data ? b.data : "", b.size, &again) < 0)
		return -ENOMEM;
	return json_add_string(out, "user-data", again);
}

static int take_user(const struct xml *set, struct diag *d, cJSON *config)
{
	const char *name, *password, *no_password = NULL;
	auto_json cJSON *user = cJSON_CreateObject();
	cJSON *info;
	int r = property(set, "UserName", false, d, &name);

	if (r >= 0)
		r = property(set, "UserPassword", false, d, &password);
	if (r >= 0)
		r = property(set, "DisableSshPasswordAuthentication", false, d, &no_password);
	if (r < 0)
		return r;
	if (no_password)
		json_add_bool(config, "ssh_pwauth", !is_true(no_password));
	else if (password)
		json_add_bool(config, "ssh_pwauth", true);
	if (name)
		json_add_string(user, "name", name);
	if (password)
		r = take_password(password, d, user);
	if (r < 0 || !user || !user->child)
		return r;
	info = cJSON_AddObjectToObject(config, "system_info");
	return json_add_take(info, "default_user", TAKE_PTR(user));
}

static int take_provisioning(const struct xml *root, struct diag *d, cJSON *out, cJSON *meta,
                             cJSON *config)
{
	const struct xml *section, *set;
	const char *host, *custom;
	int r = child(root, "ProvisioningSection", true, d, &section);

	if (r >= 0)
		r = child(section, "LinuxProvisioningConfigurationSet", true, d, &set);
	if (r >= 0)
		r = property(set, "CustomData", false, d, &custom);
	if (r >= 0 && custom)
		r = take_custom_data(custom, d, out);
	if (r >= 0)
		r = property(set, "HostName", true, d, &host);
	if (r >= 0 && host)
		r = json_add_string(meta, "local-hostname", host);
	if (r >= 0)
		r = take_keys(set, d, config);
	return r < 0 ? r : take_user(set, d, config);
}

static int take_platform(const struct xml *root, struct diag *d, cJSON *config)
{
	const char *vm, *type, *agent;
	const struct xml *section, *settings;
	int r = child(root, "PlatformSettingsSection", true, d, &section);

	if (r >= 0)
		r = child(section, "PlatformSettings", true, d, &settings);
	if (r >= 0)
		r = property(settings, "PreprovisionedVm", false, d, &vm);
	if (r >= 0)
		r = property(settings, "PreprovisionedVMType", false, d, &type);
	if (r >= 0)
		r = property(settings, "ProvisionGuestProxyAgent", false, d, &agent);
	if (r < 0)
		return r;
	json_add_bool(config, "PreprovisionedVm", is_true(vm));
	if (type)
		json_add_string(config, "PreprovisionedVMType", type);
	json_add_bool(config, "ProvisionGuestProxyAgent", is_true(agent));
	return 0;
}

int azure_ovf_env_parse(const char *xml, size_t size, struct diag *d, cJSON **ret)
{
	auto_cleanup(xml_free) struct xml *x = NULL;
	auto_json cJSON *out = cJSON_CreateObject();
	cJSON *meta = cJSON_AddObjectToObject(out, "metadata"),
	      *config = cJSON_AddObjectToObject(out, "config");
	int r;

	if (!meta || !config)
		return -ENOMEM;
	r = xml_parse(xml, size, FILE_NAME, d, &x);
	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	if (!xml_child(x, WA, "ProvisioningSection"))
		return -ENOENT; /* somebody else's OVF environment */
	r = take_provisioning(x, d, out, meta, config);
	if (r >= 0)
		r = take_platform(x, d, config);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(out);
	return 0;
}
