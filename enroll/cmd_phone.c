/*
 * kenmon enroll phone. The number goes to the vault as it was typed, which knows the site's country
 * and prefixes. The code that confirms it is made and judged there.
 */
#include <inttypes.h>
#include <string.h>

#include <kenmon/factor.h>

#include "commands.h"
#include "terminal.h"

struct phone {
	struct km_msg request;
	struct desk_order order;
};

static bool is_phone(unsigned factor)
{
	return km_factor_class(factor) == KM_CLASS_PHONE;
}

/* Blanks around it are the terminal's. */
static const char *trimmed(struct km_secret *s, char out[KM_SECRET_MAX + 1])
{
	char *end;

	memcpy(out, s->bytes, s->len);
	out[s->len] = '\0';
	end = out + strlen(out);
	while (end > out && end[-1] == ' ')
		*--end = '\0';
	return out + strspn(out, " ");
}

km_rc desk_phone_number(struct desk *d, const struct desk_args *args, char *out, size_t size)
{
	const char *given = desk_arg(args, "number");
	struct km_secret typed KM_SECRET = { 0 };
	char text[KM_SECRET_MAX + 1];
	km_rc rc;

	if (given && strcmp(given, "-") != 0)
		return desk_field(d, "--number", given, false, out, size);
	rc = desk_ask(d, desk_text(DESK_ASK_NUMBER, d->lang), true, &typed);
	if (rc == KM_EABORTED && !d->why[0])
		return desk_because(d, rc, DESK_NOTHING_STORED, NULL, NULL);
	return rc == KM_OK ? desk_field(d, "--number", trimmed(&typed, text), false, out, size)
			   : rc;
}

static km_rc parse_phone(struct desk *d, const struct desk_args *args, struct msg_enrol_phone *m)
{
	km_rc rc = desk_login(d, args, 0, m->login);

	m->factor = desk_arg(args, "voice") ? KM_FACTOR_VOICE : KM_FACTOR_SMS;
	m->confirm = !desk_arg(args, "no-confirm");
	if (rc == KM_OK)
		rc = desk_field(d, "--label", desk_arg(args, "label"), true, m->label,
				sizeof(m->label));
	return rc;
}

/* What NIST SP 800-63B-4 wants said of a restricted factor, before a number is asked for. */
static void say_restricted(struct desk *d, const struct msg_enrol_phone *m)
{
	desk_warn(d, DESK_PHONE_RESTRICTED, NULL, NULL);
	desk_warn(d, DESK_PHONE_ALTERNATIVE, m->login, NULL);
}

/* How the vault shows the number, with stars; "" where it cannot be asked. */
static void look_around(struct desk *d, const struct phone *p, uint64_t id, char number[32])
{
	static struct desk_credentials c; /* 16 KiB */
	bool other = false;

	c.count = 0;
	number[0] = '\0';
	if (desk_credentials(d, p->request.enrol_phone.login, &c) != KM_OK)
		return;
	for (unsigned i = 0; i < c.count; i++) {
		other |= !is_phone(c.row[i].factor) && !c.row[i].waiting;
		if (c.row[i].id == id)
			snprintf(number, 32, "%s", c.row[i].number);
	}
	if (!other)
		desk_warn(d, DESK_PHONE_ALONE, p->request.enrol_phone.login, NULL);
}

static void phone_json(struct desk *d, const struct phone *p, km_rc rc, const struct msg_done *done,
		       const char *number)
{
	struct desk_json j = { .f = d->out };
	char said[sizeof(done->text) * 2];

	json_open(&j, NULL, '{');
	json_result(&j, rc, done->id);
	json_string(&j, "factor", km_factor_word(p->request.enrol_phone.factor));
	if (number[0])
		json_string(&j, "number", number);
	else
		json_null(&j, "number");
	json_bool(&j, "confirmed", p->request.enrol_phone.confirm);
	if (done->text[0])
		json_string(&j, "note", desk_reason(done->text, d->lang, said, sizeof(said)));
	json_close(&j, '}');
	fputc('\n', d->out);
}

/* rc: KM_OK, or KM_EFILED where a second person has to agree. */
static int finish_phone(struct desk *d, const struct phone *p, km_rc rc,
			const struct msg_done *done)
{
	const struct msg_enrol_phone *m = &p->request.enrol_phone;
	char id[24], number[32] = "";

	if (!m->confirm)
		desk_warn(d, DESK_PHONE_UNCONFIRMED, m->login, NULL);
	if (rc == KM_OK)
		look_around(d, p, done->id, number);
	snprintf(id, sizeof(id), "%" PRIu64, done->id);
	if (d->json) {
		phone_json(d, p, rc, done, number);
		return desk_filed(d, rc);
	}
	return desk_finish(d, rc, done, DESK_PHONE_ENROLLED, m->login, number[0] ? number : id);
}

int cmd_enroll_phone(struct desk *d, const struct desk_args *args)
{
	static struct phone p;
	struct msg_enrol_phone *m = &p.request.enrol_phone;
	struct desk_operation o = { .request = &p.request, .arg = &p.order, .row = desk_order_row };
	km_rc rc;

	memset(&p, 0, sizeof(p));
	p.request.number = KM_MSG_ENROL_PHONE;
	rc = parse_phone(d, args, m);
	if (rc == KM_OK) {
		say_restricted(d, m);
		rc = desk_phone_number(d, args, m->number, sizeof(m->number));
	}
	if (rc == KM_OK) {
		o.asks = m->confirm;
		rc = desk_operate(d, &o);
	}
	if (rc == KM_EABORTED && !d->why[0])
		rc = desk_because(d, rc, DESK_NOTHING_STORED, NULL, NULL);
	return rc == KM_OK || rc == KM_EFILED ? finish_phone(d, &p, rc, &o.done) : desk_fail(d, rc);
}
