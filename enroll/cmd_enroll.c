/* kenmon enroll totp, hotp, recovery-codes. Everything secret lies in one locked block. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/factor.h>

#include "commands.h"
#include "qr.h"
#include "secret_input.h"

enum qr_when { QR_AUTO, QR_ALWAYS, QR_NEVER };

struct enrolment {
	struct km_msg request;
	char base32[DESK_BASE32_MAX];
	char uri[DESK_URI_MAX];
	bool imported; /* then nothing of it is ever shown */
	enum qr_when when;
};

static void enrolment_free(struct enrolment **e)
{
	km_locked_free(*e, sizeof(**e));
	*e = NULL;
}
#define ENROLMENT __attribute__((cleanup(enrolment_free)))

/* As long as the hash (RFC 4226 section 4 asks for 160 bits, RFC 6238 for the hash's own length).
 */
static size_t key_length(unsigned algorithm)
{
	return algorithm == KM_SHA512 ? 64 : algorithm == KM_SHA256 ? 32 : 20;
}

static km_rc parse_qr(struct desk *d, const char *text, enum qr_when *out)
{
	static const char *const words[] = { "auto", "always", "never" };
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = (enum qr_when)i;
			return KM_OK;
		}
	}
	return desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--qr", "always, never, auto");
}

static km_rc parse_numbers(struct desk *d, const struct desk_args *args, struct msg_enrol *m)
{
	uint64_t n = 0;
	km_rc rc = desk_number(d, "--digits", desk_arg(args, "digits"), 6, 8, &n);

	if (rc != KM_OK)
		return rc;
	m->digits = (uint8_t)n;
	if (m->factor == KM_FACTOR_HOTP)
		/* Room above for as many codes as anybody will ever press. */
		return desk_number(d, "--counter", desk_arg(args, "counter"), 0, INT64_MAX / 2,
				   &m->counter);
	rc = desk_number(d, "--period", desk_arg(args, "period"), 15, 300, &n);
	if (rc == KM_OK)
		m->period = (uint16_t)n;
	return rc;
}

static km_rc parse_enrol(struct desk *d, const struct desk_args *args, struct enrolment *e)
{
	struct msg_enrol *m = &e->request.enrol;
	enum km_algorithm algorithm = KM_SHA1;
	const char *name =
	    desk_arg(args, "algorithm"); /* NULL for hotp, which has no such option */
	km_rc rc = desk_login(d, args, 0, m->login);

	if (rc == KM_OK && name && !km_algorithm_parse(name, &algorithm))
		rc = desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--algorithm",
				  "sha1, sha256, sha512");
	m->algorithm = (uint8_t)algorithm;
	if (rc == KM_OK)
		rc = parse_numbers(d, args, m);
	if (rc == KM_OK)
		rc = desk_field(d, "--label", desk_arg(args, "label"), true, m->label,
				sizeof(m->label));
	if (rc == KM_OK)
		rc = parse_qr(d, desk_arg(args, "qr"), &e->when);
	m->confirm = !desk_arg(args, "no-confirm");
	return rc;
}

/* Imports the secret, or makes one and writes it down for the person. */
static km_rc get_secret(struct desk *d, const char *file, struct enrolment *e)
{
	struct msg_enrol *m = &e->request.enrol;
	struct desk_otpauth o = {
		.factor = m->factor,
		.algorithm = m->algorithm,
		.digits = m->digits,
		.period = m->period,
		.counter = m->counter,
		.login = m->login,
		.label = m->label,
		.base32 = e->base32,
	};
	km_rc rc;

	if (file) {
		e->imported = true;
		return desk_secret_read(d, file, &m->secret);
	}
	m->secret.len = (uint16_t)key_length(m->algorithm);
	rc = km_random(m->secret.bytes, m->secret.len);
	if (rc != KM_OK)
		return rc;
	desk_base32(m->secret.bytes, m->secret.len, e->base32);
	return desk_otpauth(&o, e->uri, sizeof(e->uri));
}

/* Groups of four, which are easier to type and to check. */
static void write_grouped(FILE *f, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		fprintf(f, "%s%c", i && i % 4 == 0 ? " " : "", text[i]);
}

static void write_settings(FILE *f, const struct msg_enrol *m)
{
	fprintf(f, "%s, %s, %u digits", km_factor_word(m->factor), km_algorithm_word(m->algorithm),
		m->digits);
	if (m->factor == KM_FACTOR_TOTP)
		fprintf(f, ", %u s\n", m->period);
	else
		fprintf(f, ", counter %" PRIu64 "\n", m->counter);
}

/*
 * Shows the key that was made: when the vault has agreed to the enrolment (it
 * asks for the first code, or has stored it), so that nobody scans a refused one.
 */
static km_rc introduce(struct desk *d, void *arg)
{
	struct enrolment *e = arg;
	const struct msg_enrol *m = &e->request.enrol;
	FILE *f = d->json ? d->err : d->out; /* standard output is one JSON object then */
	bool terminal = isatty(fileno(f) < 0 ? -1 : fileno(f)) == 1;
	char text[DESK_WHY];

	if (e->imported)
		return KM_OK;
	if (e->when == QR_ALWAYS || (e->when == QR_AUTO && terminal)) {
		fprintf(f, "%s\n\n",
			desk_expand(DESK_SCAN, d->lang, m->login, NULL, text, sizeof(text)));
		if (desk_qr(f, e->uri, terminal) != KM_OK)
			desk_warn(d, DESK_QR_FAILED, NULL, NULL);
		fputc('\n', f);
	}
	fprintf(f, "%s", desk_text(DESK_KEY, d->lang));
	write_grouped(f, e->base32, strlen(e->base32));
	fprintf(f, "\n%s", desk_text(DESK_KEY_SETTINGS, d->lang));
	write_settings(f, m);
	fprintf(f, "%s\n\n", e->uri);
	fflush(f);
	return KM_OK;
}

/* rc: KM_OK, or KM_EFILED where a second person has to agree. */
static int finish_enrol(struct desk *d, struct enrolment *e, km_rc rc, const struct msg_done *done)
{
	const struct msg_enrol *m = &e->request.enrol;
	struct desk_json j = { .f = d->out };
	char id[24];

	if (!m->confirm)
		desk_warn(d, DESK_UNCONFIRMED, m->login, NULL);
	snprintf(id, sizeof(id), "%" PRIu64, done->id);
	if (!d->json) {
		if (!m->confirm)
			(void)introduce(d, e);
		return desk_finish(d, rc, done, DESK_ENROLLED, m->login, id);
	}
	json_open(&j, NULL, '{');
	json_result(&j, rc, done->id);
	json_bool(&j, "confirmed", m->confirm);
	if (!e->imported) {
		json_string(&j, "secret", e->base32);
		json_string(&j, "uri", e->uri);
	}
	json_close(&j, '}');
	fputc('\n', d->out);
	return desk_filed(d, rc);
}

static int enroll(struct desk *d, const struct desk_args *args, enum km_factor factor)
{
	struct enrolment *e ENROLMENT = km_locked_new(sizeof(*e));
	struct desk_operation o = { .arg = e, .before = introduce };
	km_rc rc = KM_ENOMEM;

	if (e) {
		e->request.number = KM_MSG_ENROL;
		e->request.enrol.factor = (uint8_t)factor;
		rc = parse_enrol(d, args, e);
	}
	if (rc == KM_OK)
		rc = get_secret(d, desk_arg(args, "secret-file"), e);
	if (rc == KM_OK) {
		o.request = &e->request;
		o.asks = e->request.enrol.confirm;
		rc = desk_operate(d, &o);
	}
	if (rc == KM_EABORTED && !d->why[0])
		rc = desk_because(d, rc, DESK_NOTHING_STORED, NULL, NULL);
	return rc == KM_OK || rc == KM_EFILED ? finish_enrol(d, e, rc, &o.done) : desk_fail(d, rc);
}

int cmd_enroll_totp(struct desk *d, const struct desk_args *args)
{
	return enroll(d, args, KM_FACTOR_TOTP);
}

int cmd_enroll_hotp(struct desk *d, const struct desk_args *args)
{
	return enroll(d, args, KM_FACTOR_HOTP);
}

/* --- recovery codes ------------------------------------------------------- */

#define CODE_BYTES (KM_RECOVERY_LENGTH * 5 / 8)

struct recovery {
	struct km_msg request;
	uint8_t random[CODE_BYTES];
	char code[KM_RECOVERY_LENGTH + 8];
};

static void recovery_free(struct recovery **r)
{
	km_locked_free(*r, sizeof(**r));
	*r = NULL;
}

static km_rc make_codes(struct recovery *r)
{
	struct km_secret *codes = &r->request.enrol_recovery.codes;
	unsigned i;

	for (i = 0; i < KM_RECOVERY_CODES; i++) {
		km_rc rc = km_random(r->random, sizeof(r->random));

		if (rc != KM_OK)
			return rc;
		desk_base32(r->random, sizeof(r->random), r->code);
		memcpy(codes->bytes + codes->len, r->code, KM_RECOVERY_LENGTH);
		codes->len = (uint16_t)(codes->len + KM_RECOVERY_LENGTH);
	}
	return KM_OK;
}

static void show_codes(struct desk *d, struct recovery *r, km_rc rc, const struct msg_done *done)
{
	const char *codes = (const char *)r->request.enrol_recovery.codes.bytes;
	struct desk_json j = { .f = d->out };
	unsigned i;

	if (d->json) {
		json_open(&j, NULL, '{');
		json_result(&j, rc, done->id);
		json_open(&j, "codes", '[');
	}
	for (i = 0; i < KM_RECOVERY_CODES; i++, codes += KM_RECOVERY_LENGTH) {
		if (!d->json) {
			fprintf(d->out, "%2u.  ", i + 1);
			write_grouped(d->out, codes, KM_RECOVERY_LENGTH);
			fputc('\n', d->out);
			continue;
		}
		memcpy(r->code, codes, KM_RECOVERY_LENGTH);
		r->code[KM_RECOVERY_LENGTH] = '\0';
		json_string(&j, NULL, r->code);
	}
	if (d->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		fputc('\n', d->out);
	} else
		fprintf(d->out, "\n%s\n", desk_text(DESK_CODES_KEEP, d->lang));
}

int cmd_enroll_recovery_codes(struct desk *d, const struct desk_args *args)
{
	struct recovery *r __attribute__((cleanup(recovery_free))) = km_locked_new(sizeof(*r));
	struct msg_done done = { 0 };
	km_rc rc = KM_ENOMEM;

	if (r) {
		r->request.number = KM_MSG_ENROL_RECOVERY;
		rc = desk_login(d, args, 0, r->request.enrol_recovery.login);
	}
	if (rc == KM_OK)
		rc = make_codes(r);
	if (rc == KM_OK)
		rc = desk_act(d, &r->request, &done);
	if (rc != KM_OK && rc != KM_EFILED)
		return desk_fail(d, rc);
	/* Only now: codes on paper that the vault does not know would be worse than none. */
	desk_note(d, DESK_CODES_ENROLLED, r->request.enrol_recovery.login, NULL);
	show_codes(d, r, rc, &done);
	return desk_filed(d, rc);
}
