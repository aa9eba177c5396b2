/*
 * kenmon sessions list, end. Who was erased, or left and is refused, may still
 * sit at a session that was opened before: the vault names the accounts of a week,
 * logind knows the sessions. Ending them is logind's, too; the account of root is
 * never ended, whatever a row says.
 */
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include <kenmon/conf.h>
#include <kenmon/log.h>

#include "commands.h"
#include "terminal.h"

struct account {
	uint32_t uid;
	int64_t since;
	char sessions[256]; /* logind's names, with blanks between */
};

struct accounts {
	size_t count, cap;
	struct account *row;
	bool shown; /* before it was asked whether to end them */
};

static void accounts_free(struct accounts *a)
{
	free(a->row);
}

/* --- who ---------------------------------------------------------------------------- */

static void join(char **names, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; names && names[i]; i++) {
		int n = snprintf(out + at, cap - at, "%s%s", i ? " " : "", names[i]);

		if (n < 0 || (size_t)n >= cap - at)
			break;
		at += (size_t)n;
	}
}

/* KM_ENOTFOUND: none. */
static km_rc sessions_of(uint32_t uid, char *out, size_t cap)
{
	char **names = NULL;
	int n = sd_uid_get_sessions(uid, 0, &names);

	if (n > 0)
		join(names, out, cap);
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
	/* Without a logind nobody has a session of it. */
	return n > 0 ? KM_OK : KM_ENOTFOUND;
}

static km_rc keep(struct accounts *a, const struct account *one)
{
	if (a->count == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 16;
		struct account *grown = reallocarray(a->row, cap, sizeof(*grown));

		if (!grown)
			return KM_ENOMEM;
		a->row = grown;
		a->cap = cap;
	}
	a->row[a->count++] = *one;
	return KM_OK;
}

static km_rc take_leaver(struct desk *d, void *arg, const struct km_msg *m)
{
	struct account one = { .uid = m->leaver_row.uid, .since = m->leaver_row.since };
	struct accounts *a = arg;

	(void)d;
	if (sessions_of(one.uid, one.sessions, sizeof(one.sessions)) != KM_OK)
		return KM_OK;
	return keep(a, &one);
}

/* Uids begin at 0, places at 1. */
static uint64_t place_of(const struct km_msg *m)
{
	return m->number == KM_MSG_LEAVER_ROW ? (uint64_t)m->leaver_row.uid + 1 : 0;
}

static bool ask_page(void *arg, uint64_t last, struct km_msg *request)
{
	(void)arg;
	request->number = KM_MSG_LEAVERS;
	request->leavers.after = (int64_t)last - 1;
	request->leavers.limit = DESK_PAGE;
	return true;
}

static km_rc find(struct desk *d, struct accounts *a)
{
	struct desk_pages p = {
		.ask = ask_page, .place = place_of, .take = take_leaver, .arg = a, .f = d->out
	};

	return desk_pages(d, &p);
}

/* --- saying --------------------------------------------------------------------------- */

static void say_json(struct desk *d, const struct accounts *a, bool ended)
{
	struct desk_json j = { .f = d->out };

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < a->count; i++) {
		json_line(&j);
		json_open(&j, NULL, '{');
		json_number(&j, "uid", a->row[i].uid);
		json_time(&j, "since", a->row[i].since);
		json_string(&j, "sessions", a->row[i].sessions);
		json_bool(&j, "ended", ended && a->row[i].uid != 0);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	fputc('\n', d->out);
}

static km_rc say(struct desk *d, const struct accounts *a)
{
	const char *const headers[] = { desk_text(DESK_COL_UID, d->lang),
					desk_text(DESK_COL_REFUSED, d->lang),
					desk_text(DESK_COL_SESSIONS, d->lang) };
	struct desk_table t DESK_TABLE;
	char when[DESK_TIME];

	desk_table_init(&t, headers, 3);
	for (size_t i = 0; i < a->count; i++) {
		desk_cell_number(&t, a->row[i].uid);
		desk_cell(&t, desk_time_short(a->row[i].since, when));
		desk_cell(&t, a->row[i].sessions);
	}
	if (a->count == 0)
		desk_note(d, DESK_SESSIONS_NONE, NULL, NULL);
	return desk_table_flush(&t, d->out);
}

/* Whether there is anybody but root. */
static bool some_ended(const struct accounts *a)
{
	return a->count > 1 || (a->count == 1 && a->row[0].uid != 0);
}

static int finish(struct desk *d, km_rc rc, struct accounts *a, bool ended)
{
	if (rc == KM_OK && !d->json && !a->shown)
		rc = say(d, a);
	if (rc == KM_OK && ended && some_ended(a))
		desk_note(d, DESK_SESSIONS_ENDED, NULL, NULL);
	if (rc == KM_OK && d->json)
		say_json(d, a, ended);
	accounts_free(a);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

int cmd_sessions_list(struct desk *d, const struct desk_args *args)
{
	struct accounts a = { .count = 0 };
	km_rc rc = find(d, &a);

	(void)args;
	return finish(d, rc, &a, false);
}

/* --- ending ----------------------------------------------------------------------------- */

static km_rc end_all(struct desk *d, const struct accounts *a)
{
	sd_bus *bus = NULL;
	int code = sd_bus_open_system(&bus);
	char number[24], why[128];
	km_rc rc = KM_OK;

	if (code < 0)
		return desk_because(d, KM_EUNAVAIL, DESK_SESSIONS_BUS, strerror(-code), NULL);
	for (size_t i = 0; i < a->count; i++) {
		sd_bus_error error = SD_BUS_ERROR_NULL;

		snprintf(number, sizeof(number), "%u", a->row[i].uid);
		if (a->row[i].uid == 0) {
			desk_warn(d, DESK_SESSIONS_ROOT, NULL, NULL);
			continue;
		}
		code = sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
					  "org.freedesktop.login1.Manager", "TerminateUser", &error,
					  NULL, "u", a->row[i].uid);
		snprintf(why, sizeof(why), "%s", error.message ? error.message : strerror(-code));
		sd_bus_error_free(&error);
		/* The others all the same. */
		if (code < 0)
			rc = desk_because(d, KM_ESTATE, DESK_SESSIONS_STAY, number, why);
	}
	sd_bus_unref(bus);
	return rc;
}

/* Does the site want them ended by itself? */
static km_rc configured(struct desk *d, const struct desk_args *args, bool *end)
{
	static struct km_conf conf;
	km_rc rc = desk_conf(d, args, &conf);

	if (rc == KM_OK)
		*end = conf.erasure_end_sessions;
	return rc;
}

int cmd_sessions_end(struct desk *d, const struct desk_args *args)
{
	bool as_configured = desk_arg(args, "as-configured"), end = true;
	struct accounts a = { .count = 0 };
	km_rc rc = as_configured ? configured(d, args, &end) : KM_OK;

	if (rc == KM_OK)
		rc = find(d, &a);
	if (rc == KM_OK && a.count > 0 && !as_configured && !desk_arg(args, "yes")) {
		rc = d->json ? KM_OK : say(d, &a);
		a.shown = !d->json;
		if (rc == KM_OK)
			rc = desk_confirm(d, DESK_ASK_SESSIONS, "yes");
		if (rc != KM_OK && !d->why[0])
			rc = desk_because(d, rc, DESK_SESSIONS_KEPT, NULL, NULL);
	}
	if (rc == KM_OK && end && a.count > 0)
		rc = end_all(d, &a);
	return finish(d, rc, &a, end);
}
