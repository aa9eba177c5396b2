/* kenmon bypass: one code on paper, for a bandaged hand or a forgotten phone. */
#include <string.h>
#include <time.h>

#include <kenmon/clock.h>
#include <kenmon/conf.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "commands.h"
#include "secret_input.h"

#define CODE_BYTES (KM_RECOVERY_LENGTH * 5 / 8)
#define HOUR       3600

/* --- until when ------------------------------------------------------------------------- */

/* The site's zone where its configuration can be read; else this machine's. */
static void use_site_zone(void)
{
	struct km_conf_error error;
	static struct km_conf conf;

	if (km_conf_read(KM_CONF_PATH, false, &conf, &error) == KM_OK && conf.time_zone[0])
		(void)!km_clock_zone(conf.time_zone);
}

/* Two digits, a number below most. */
static bool two_digits(const char *text, int most, int *out)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*out = (text[0] - '0') * 10 + text[1] - '0';
	return *out < most;
}

static bool clock_of(const char *text, struct tm *parts)
{
	parts->tm_sec = 0;
	parts->tm_isdst = -1;
	return two_digits(text, 24, &parts->tm_hour) && text[2] == ':' &&
	       two_digits(text + 3, 60, &parts->tm_min) && text[5] == '\0';
}

/* "+8h" */
static bool hours_of(const char *text, int64_t now, int64_t *until)
{
	int hours = 0;

	if (*text++ != '+' || *text < '0' || *text > '9')
		return false;
	while (*text >= '0' && *text <= '9' && hours < 100)
		hours = hours * 10 + (*text++ - '0');
	*until = now + (int64_t)hours * HOUR;
	return strcmp(text, "h") == 0 && hours > 0;
}

/* "17:00", the next time that it is. */
static bool time_of(const char *text, int64_t now, int64_t *until)
{
	time_t wall = (time_t)now;
	struct tm parts;

	if (!localtime_r(&wall, &parts) || !clock_of(text, &parts))
		return false;
	*until = mktime(&parts);
	if (*until > now)
		return true;
	parts.tm_mday++;
	parts.tm_isdst = -1;
	*until = mktime(&parts);
	return *until > 0;
}

/* "2026-04-01T17:00", the date as everywhere at the desk. KM_ENOTFOUND: it is not of that form. */
static km_rc moment_of(struct desk *d, const char *text, int64_t *until)
{
	const char *t = strrchr(text, 'T');
	char date[64];
	struct tm parts;
	time_t midnight;
	int64_t day;
	km_rc rc;

	if (!t || t == text || (size_t)(t - text) >= sizeof(date))
		return KM_ENOTFOUND;
	memcpy(date, text, (size_t)(t - text));
	date[t - text] = '\0';
	rc = desk_day_of(d, "--until", date, &day);
	if (rc != KM_OK)
		return rc;
	midnight = (time_t)(day * 86400);
	/* the date's parts, in whatever zone */
	if (!gmtime_r(&midnight, &parts) || !clock_of(t + 1, &parts))
		return KM_ENOTFOUND;
	*until = mktime(&parts);
	return *until > 0 ? KM_OK : KM_ENOTFOUND;
}

km_rc desk_until(struct desk *d, const char *text, int64_t now, int64_t *until)
{
	km_rc rc = KM_OK;

	if (!hours_of(text, now, until) && !time_of(text, now, until))
		rc = moment_of(d, text, until);
	if (rc != KM_ENOTFOUND)
		return rc;
	return desk_because(d, KM_EUSAGE, DESK_UNTIL_WRONG, "--until", NULL);
}

/* --- the code ----------------------------------------------------------------------------- */

struct bypass {
	struct km_msg request;
	uint8_t random[CODE_BYTES];
	char code[KM_RECOVERY_LENGTH + 8];
};

static void bypass_free(struct bypass **b)
{
	km_locked_free(*b, sizeof(**b));
	*b = NULL;
}

static km_rc make_code(struct bypass *b)
{
	km_rc rc = km_random(b->random, sizeof(b->random));

	if (rc != KM_OK)
		return rc;
	desk_base32(b->random, sizeof(b->random), b->code);
	return km_secret_set(&b->request.bypass.code, b->code, KM_RECOVERY_LENGTH);
}

static void show_code(struct desk *d, const struct bypass *b, km_rc rc, const struct msg_done *done)
{
	struct desk_json j = { .f = d->out };
	char when[DESK_TIME];

	if (!d->json) {
		desk_note(d, DESK_BYPASS_GIVEN, b->request.bypass.login,
			  desk_time(b->request.bypass.until, when));
		for (unsigned i = 0; i < KM_RECOVERY_LENGTH; i++)
			fprintf(d->out, "%s%c", i && i % 4 == 0 ? "-" : "", b->code[i]);
		fputc('\n', d->out);
		return;
	}
	json_open(&j, NULL, '{');
	json_result(&j, rc, done->id);
	json_string(&j, "code", b->code);
	json_time(&j, "until", b->request.bypass.until);
	json_close(&j, '}');
	fputc('\n', d->out);
}

static km_rc parse(struct desk *d, const struct desk_args *args, struct msg_bypass *m)
{
	km_rc rc = desk_login(d, args, 0, m->login);

	use_site_zone();
	if (rc == KM_OK)
		rc = desk_until(d, desk_arg(args, "until"), time(NULL), &m->until);
	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), false, m->reason,
				sizeof(m->reason));
	return rc;
}

int cmd_bypass(struct desk *d, const struct desk_args *args)
{
	struct bypass *b __attribute__((cleanup(bypass_free))) = km_locked_new(sizeof(*b));
	struct msg_done done = { 0 };
	km_rc rc = KM_ENOMEM;

	if (b) {
		b->request.number = KM_MSG_BYPASS;
		rc = parse(d, args, &b->request.bypass);
	}
	if (rc == KM_OK)
		rc = make_code(b);
	if (rc == KM_OK)
		rc = desk_act(d, &b->request, &done);
	if (rc != KM_OK && rc != KM_EFILED)
		return desk_fail(d, rc);
	/* Only now: a code on paper that the vault does not know would be worse than none. */
	show_code(d, b, rc, &done);
	return desk_filed(d, rc);
}
