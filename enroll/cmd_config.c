/* kenmon config check. Reads the file as the rooms do and talks to nobody. */
#include <string.h>
#include <unistd.h>

#include <kenmon/conf.h>
#include <kenmon/log.h>

#include "commands.h"
#include "fault.h"

struct settings {
	struct desk *d;
	struct desk_json json;
	char section[KM_CONF_TEXT + 16];
};

static void show_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct settings *s = arg;
	char text[1024];

	if (s->d->json) {
		json_open(&s->json, NULL, '{');
		json_string(&s->json, "section", section);
		json_string(&s->json, "key", key);
		json_string(&s->json, "value", value);
		json_close(&s->json, '}');
		return;
	}
	if (strcmp(s->section, section) != 0) {
		fprintf(s->d->out, "%s[%s]\n", s->section[0] ? "\n" : "", section);
		snprintf(s->section, sizeof(s->section), "%s", section);
	}
	fprintf(s->d->out, "%s = %s\n", key, km_escape(value, text, sizeof(text)));
}

/* What is wrong with the configuration, and where. */
static km_rc bad_conf(struct desk *d, km_rc rc, const struct km_conf_error *e)
{
	char where[sizeof(e->path) + 16], said[DESK_WHY];

	if (!e->text[0])
		return rc;
	if (e->line)
		snprintf(where, sizeof(where), "%s:%d", e->path, e->line);
	else
		snprintf(where, sizeof(where), "%s", e->path);
	return desk_because(d, rc, DESK_CONF_BAD, where,
			    desk_fault(e, d->lang, said, sizeof(said)));
}

km_rc desk_conf(struct desk *d, const struct desk_args *args, struct km_conf *conf)
{
	struct km_conf_error error = { 0 };
	km_rc rc = km_conf_read(desk_arg(args, "config"), desk_given(args, "config"), conf, &error);

	return rc == KM_OK ? rc : bad_conf(d, rc, &error);
}

int cmd_config_check(struct desk *d, const struct desk_args *args)
{
	static struct km_conf conf;
	const char *path = desk_arg(args, "config");
	struct settings s = { .d = d, .json = { .f = d->out } };
	km_rc rc = desk_conf(d, args, &conf);

	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json) {
		json_open(&s.json, NULL, '{');
		json_string(&s.json, "result", "done");
		json_string(&s.json, "file", path);
		json_open(&s.json, "settings", '[');
	} else
		desk_warn(d, access(path, F_OK) == 0 ? DESK_CONF_GOOD : DESK_CONF_ABSENT, path,
			  NULL);
	km_conf_each(&conf, show_setting, &s);
	if (d->json) {
		json_close(&s.json, ']');
		json_close(&s.json, '}');
		fputc('\n', d->out);
	}
	return 0;
}
