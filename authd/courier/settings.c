/*
 * The configuration, the credentials that it names, and the drivers that it asks for. All of it is
 * read and tried before anything of it is used. A reload that needs other walls than those that are
 * up cannot be had by this process: it ends with its last order, and is started again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "courier.h"

#define OTHERS 07 /* mode bits */

/* --- credentials ---------------------------------------------------------------------------------
 */

bool courier_credential_path(const struct courier *c, const char *name, char path[PATH_MAX])
{
	int n;

	if (strchr(name, '/'))
		n = snprintf(path, PATH_MAX, "%s", name);
	else if (c->credentials && *name)
		n = snprintf(path, PATH_MAX, "%s/%s", c->credentials, name);
	else
		return false;
	return n > 0 && n < PATH_MAX;
}

static bool refuse(const char *path, const char *why)
{
	char shown[PATH_MAX];

	km_log(LOG_ERR, "credentials %s: %s", km_escape(path, shown, sizeof(shown)), why);
	return false;
}

/* Printable, with no more than one newline, at its end. */
static bool is_one_line(struct courier_credential *out)
{
	if (out->len > 0 && out->bytes[out->len - 1] == '\n')
		out->bytes[--out->len] = '\0';
	for (size_t i = 0; i < out->len; i++)
		if (out->bytes[i] < 0x20 || out->bytes[i] > 0x7e)
			return false;
	return out->len > 0;
}

static bool read_open(int fd, const char *path, struct courier_credential *out)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(path, "no plain file");
	if (st.st_mode & OTHERS)
		return refuse(path, "others can read or write it: chmod o=");
	while (n != 0 && out->len <= COURIER_CREDENTIAL_MAX) {
		n = read(fd, out->bytes + out->len, sizeof(out->bytes) - out->len);
		if (n < 0)
			return refuse(path, strerror(errno));
		out->len += (size_t)n;
	}
	if (out->len > COURIER_CREDENTIAL_MAX)
		return refuse(path, "longer than 4096 bytes");
	out->bytes[out->len] = '\0';
	return is_one_line(out) || refuse(path, "not one line of printable ASCII");
}

static bool read_credential(const struct courier *c, const char *name,
			    struct courier_credential *out)
{
	char path[PATH_MAX];
	bool good;
	int fd;

	if (!courier_credential_path(c, name, path))
		return refuse(name, "no path, and no systemd credential (LoadCredential=)");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return refuse(path, strerror(errno));
	good = read_open(fd, path, out);
	close(fd);
	return good;
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool read_conf(const struct courier *c, struct km_conf *conf)
{
	struct km_conf_error error = { 0 };

	if (km_conf_read(c->conf_path, c->conf_given, conf, &error) == KM_OK)
		return true;
	if (error.line > 0)
		km_log(LOG_ERR, "%s:%d: %s", error.path, error.line, error.text);
	else
		km_log(LOG_ERR, "%s: %s", error.path, error.text);
	return false;
}

bool courier_read(const struct courier *c, struct courier_settings *s)
{
	const struct km_conf *conf = &s->conf;

	km_wipe(s, sizeof(*s));
	if (!read_conf(c, &s->conf))
		return false;
	if (conf->sms.gateway == KM_GATEWAY_HTTP && conf->sms.credentials[0] &&
	    !read_credential(c, conf->sms.credentials, &s->sms))
		return false;
	return !*conf->voice.server || !*conf->voice.credentials ||
	       read_credential(c, conf->voice.credentials, &s->voice);
}

static void choose(const struct km_conf *conf, const struct courier_driver *wanted[COURIER_KINDS])
{
	wanted[COURIER_MESSAGES] = courier_driver_of_messages(conf);
	wanted[COURIER_CALLS] = courier_driver_of_calls(conf);
	if (!wanted[COURIER_MESSAGES] && conf->sms.gateway != KM_GATEWAY_NONE)
		km_log(LOG_ERR, "this build has no gateway of that kind for text messages");
	if (!wanted[COURIER_CALLS] && *conf->voice.server)
		km_log(LOG_ERR, "this build cannot call");
}

bool courier_settle(struct courier *c)
{
	if (!courier_read(c, c->settings))
		return false;
	choose(&c->settings->conf, c->wanted);
	courier_needs_of(c, c->settings, c->needs);
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		const struct courier_driver *d = c->driver[kind] = c->wanted[kind];

		if (!d || d->open(c, c->settings) == KM_OK)
			continue;
		/* What the other kind can do is not lost for it. */
		km_log(LOG_ERR, "%s cannot be used; that is mended by a new start", d->name);
		d->close(c);
		c->driver[kind] = NULL;
	}
	return true;
}

/* --- again ----------------------------------------------------------------------------------- */

static bool fits(struct courier *c, const struct courier_settings *s)
{
	static struct courier_needs needs[COURIER_KINDS];
	const struct courier_driver *wanted[COURIER_KINDS];
	bool fit = true;

	choose(&s->conf, wanted);
	memset(needs, 0, sizeof(needs));
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++)
		fit = fit && wanted[kind] == c->driver[kind];
	if (fit)
		courier_needs_of(c, s, needs);
	for (unsigned kind = 0; fit && kind < COURIER_KINDS; kind++)
		fit = courier_needs_same(&needs[kind], &c->needs[kind]);
	return fit;
}

/* All drivers take the new settings, or all keep the old ones. */
static bool open_again(struct courier *c, const struct courier_settings *s)
{
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		const struct courier_driver *d = c->driver[kind];

		if (!d || d->open(c, s) == KM_OK)
			continue;
		for (unsigned before = 0; before < kind; before++)
			if (c->driver[before] && c->driver[before]->open(c, c->settings) != KM_OK)
				km_log(LOG_ERR, "%s: the old settings are lost",
				       c->driver[before]->name);
		return false;
	}
	return true;
}

void courier_reload(struct courier *c)
{
	struct courier_settings *s = c->spare;
	bool good = courier_read(c, s);

	if (good && !fits(c, s)) {
		km_log(LOG_NOTICE, "the new configuration needs other walls: ending with the last "
				   "order, to be started again");
		c->draining = true;
		courier_wake(c);
	} else if (good && open_again(c, s)) {
		c->spare = c->settings;
		c->settings = s;
		km_log(LOG_NOTICE, "the configuration was read again");
		if (courier_greet(c) != KM_OK)
			courier_end(c);
	} else {
		km_log(LOG_ERR, "the configuration stays as it was");
	}
	km_wipe(c->spare, sizeof(*c->spare));
}
