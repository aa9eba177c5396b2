/* The module's line in the stack. Whatever is not understood refuses the login. */
#include <string.h>
#include <sys/un.h>
#include <syslog.h>

#include <security/pam_ext.h>

#include <kenmon/sock.h>

#include "door.h"

/* Digits in the numbers we take: a uid has ten. */
#define NUMBER_DIGITS 10
/* What the kernel writes for a sender it cannot name (overflowuid): never a vault. */
#define UID_NOBODY 65534

/* A whole decimal number in [least, most], nothing before or after it. */
static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	uint64_t n = 0;
	size_t len = strlen(text);

	if (len == 0 || len > NUMBER_DIGITS)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n < least || n > most)
		return false;
	*out = n;
	return true;
}

static bool set_socket(struct door_options *opt, const char *value)
{
	/* A path from the working directory is the caller's choice, not the site's. */
	if (value[0] != '/' || strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return false;
	opt->socket = value;
	return true;
}

static bool set_daemon(struct door_options *opt, const char *value)
{
	if (value[0] == '\0')
		return false;
	opt->daemon = value;
	return true;
}

static bool set_timeout(struct door_options *opt, const char *value)
{
	uint64_t n;

	if (!parse_number(value, 1, DOOR_TIMEOUT_MAX, &n))
		return false;
	opt->timeout = (unsigned)n;
	return true;
}

static bool set_lang(struct door_options *opt, const char *value)
{
	enum km_lang lang = km_lang_parse(value, KM_LANG_EN);

	if (lang !=
	    km_lang_parse(value, KM_LANG_JA)) /* the fallback decided: no language of ours */
		return false;
	opt->lang = lang;
	opt->lang_given = true;
	return true;
}

static bool set_split(struct door_options *opt, const char *value)
{
	uint64_t n;

	if (!parse_number(value, 6, 8, &n)) /* digits of a one-time code */
		return false;
	opt->split = (unsigned)n;
	return true;
}

static bool set_debug(struct door_options *opt, const char *value)
{
	(void)value;
	opt->debug = true;
	return true;
}

static const struct option {
	const char *name; /* with '=' when it takes a value */
	bool (*set)(struct door_options *opt, const char *value);
	const char *wants;
} options[] = {
	{ "socket=", set_socket, "an absolute path of at most 107 bytes" },
	{ "daemon-user=", set_daemon, "a user's name or number" },
	{ "timeout=", set_timeout, "seconds, 1 to 600" },
	{ "lang=", set_lang, "en or ja" },
	{ "split=", set_split, "6, 7 or 8" },
	{ "debug", set_debug, "no value" },
};

static const struct option *find(const char *arg, const char **value)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct option *o = &options[i];
		size_t len = strlen(o->name);

		if (strncmp(arg, o->name, len) != 0)
			continue;
		if (o->name[len - 1] != '=' && arg[len] != '\0')
			continue;
		*value = arg + len;
		return o;
	}
	return NULL;
}

/* The uid whose stamp is believed. A name that resolves to nothing believes nobody. */
static bool resolve_daemon(struct door_options *opt)
{
	uint64_t n;
	uid_t uid;
	bool same;

	if (!parse_number(opt->daemon, 0, UINT32_MAX - 1, &n)) {
		if (door_account(opt->daemon, &uid, &same) != DOOR_FOUND)
			return false;
		n = uid;
	}
	if (n == UID_NOBODY)
		return false;
	opt->daemon_uid = (uid_t)n;
	return true;
}

bool door_options_parse(pam_handle_t *pamh, int argc, const char **argv, struct door_options *out)
{
	struct door_options opt = {
		.socket = KM_SOCKET_PATH,
		.daemon = KM_VAULT_USER,
		.timeout = DOOR_TIMEOUT,
	};

	for (int i = 0; i < argc; i++) {
		const char *value = NULL;
		const struct option *o = find(argv[i], &value);

		if (!o) {
			pam_syslog(pamh, LOG_ERR, "unknown option '%s': refusing", argv[i]);
			return false;
		}
		if (!o->set(&opt, value)) {
			pam_syslog(pamh, LOG_ERR, "'%s' wants %s: refusing", argv[i], o->wants);
			return false;
		}
	}
	if (!resolve_daemon(&opt)) {
		pam_syslog(pamh, LOG_ERR,
			   "daemon-user '%s' is no account that can be the daemon's: refusing",
			   opt.daemon);
		return false;
	}
	*out = opt;
	return true;
}
