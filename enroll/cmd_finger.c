/* kenmon enroll fingerprint. Neither image nor template comes here: only how it goes. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/finger.h>
#include <kenmon/log.h>

#include "commands.h"

#define PATIENCE  150 /* seconds between two frames: a capture waits 120 for a touch */
#define STEPS_MAX 512 /* for --json: the sensor takes 60 images, and says a few things of each */

struct finger {
	struct km_msg request;
	char name[64], who[65]; /* of the finger and of the operator, as people read them */
	char reader[65];
	enum km_text said; /* the last line, when it only told to wait or to touch */
	bool told;         /* what is taken, and what for */
	bool taken, touch; /* an image is looked at; the reader waits for the next already */
	bool enough;       /* no more touches are wanted */
	uint8_t end;       /* event that ended the capture; 0: none yet */
	uint8_t verdict;   /* stage that ended the enrolment; 0: none yet */
	unsigned fingers;  /* that the operator has afterwards */
	unsigned steps;
	struct step {
		uint8_t event, outcome, stage, of;
	} step[STEPS_MAX];
};

/* ", right-thumb, right-index, …" */
static const char words[] =
#define KM_FINGER(NAME, number, word, en, ja) ", " word
#include <kenmon/finger.def>
#undef KM_FINGER
    ;

static km_rc parse_finger(struct desk *d, const struct desk_args *args, struct finger *f)
{
	struct msg_enrol_finger *m = &f->request.enrol_finger;
	const char *word = desk_arg(args, "finger");
	uint64_t n = 0;
	km_rc rc = desk_login(d, args, 0, m->login);

	m->finger = (uint8_t)km_finger_parse(word);
	if (rc == KM_OK && !m->finger)
		rc = desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--finger", words + 2);
	if (rc == KM_OK)
		rc = desk_number(d, "--impressions", desk_arg(args, "impressions"),
				 KM_IMPRESSIONS_LEAST, KM_IMPRESSIONS_MAX, &n);
	m->impressions = (uint8_t)n;
	snprintf(f->who, sizeof(f->who), "%s", m->login);
	snprintf(f->name, sizeof(f->name), "%s", km_finger_name(m->finger, d->lang));
	return rc;
}

/* --- how it goes: lines on standard error, with --json too ------------------ */

static void say(struct desk *d, const char *before, enum km_text text)
{
	fprintf(d->err, "%s%s\n", before, km_text(text, d->lang));
	fflush(d->err);
}

static void show_reader(struct desk *d, struct finger *f, const char *reader)
{
	if (!reader[0] || strcmp(reader, f->reader) == 0)
		return;
	snprintf(f->reader, sizeof(f->reader), "%s", reader);
	desk_warn(d, DESK_FINGER_READER, reader, NULL);
}

/* With the reader's first word: who is refused, or has no reader, is told only why. */
static void say_how(struct desk *d, struct finger *f)
{
	f->told = true;
	desk_warn(d, DESK_FINGER_HOW, f->name, f->who);
}

/* "Touch the reader" is said once; each reason to touch it again, each time. */
static void show_event(struct desk *d, struct finger *f, unsigned event)
{
	enum km_text text = km_sensor_event_text(event);
	bool waits = event == KM_SENSOR_WAITING || event == KM_SENSOR_IN_LINE;

	if (km_sensor_event_ends(event)) {
		f->end = (uint8_t)event; /* said behind DONE, which tells whether it matters */
		return;
	}
	f->taken |= event == KM_SENSOR_TAKEN;
	/* First what the last touch was worth, which is on its way; then what is wanted next. */
	f->touch |= f->taken && event == KM_SENSOR_WAITING;
	if (text == KM_TEXT_NOTHING || (waits && (f->taken || f->enough || f->said == text)))
		return;
	f->said = waits ? text : KM_TEXT_NOTHING;
	say(d, "", text);
}

static void show_next(struct desk *d, struct finger *f, const struct msg_finger_stage *r)
{
	f->enough |= r->outcome == KM_STAGE_GOOD && r->stage >= r->of;
	f->taken = false;
	if (f->touch)
		show_event(d, f, KM_SENSOR_WAITING);
	f->touch = false;
}

static void show_stage(struct desk *d, struct finger *f, const struct msg_finger_stage *r)
{
	char number[8], of[8], before[96];
	bool good = r->outcome == KM_STAGE_GOOD;

	f->said = KM_TEXT_NOTHING;
	if (r->outcome == KM_STAGE_KNOWN || r->outcome == KM_STAGE_FAILED ||
	    !km_stage_known(r->outcome)) {
		f->verdict = r->outcome;
		return;
	}
	snprintf(of, sizeof(of), "%u", r->of);
	if (r->outcome == KM_STAGE_RESTARTED) {
		snprintf(number, sizeof(number), "%u", r->stage);
		say(d, "", km_stage_text(r->outcome));
		desk_warn(d, DESK_FINGER_SO_FAR, number, of);
		return;
	}
	/* stage counts the good ones: what was not good was a try at the next. */
	snprintf(number, sizeof(number), "%u", r->stage + (good ? 0u : 1u));
	say(d, desk_expand(DESK_FINGER_IMPRESSION, d->lang, number, of, before, sizeof(before)),
	    km_stage_text(r->outcome));
}

static km_rc take_stage(struct desk *d, void *arg, const struct km_msg *m)
{
	const struct msg_finger_stage *r = &m->finger_stage;
	struct finger *f = arg;

	if (m->number != KM_MSG_FINGER_STAGE)
		return KM_EPROTO;
	if (!f->told && !(r->event && km_sensor_event_ends(r->event)))
		say_how(d, f);
	if (f->steps < STEPS_MAX)
		f->step[f->steps++] = (struct step){ r->event, r->outcome, r->stage, r->of };
	show_reader(d, f, r->reader);
	if (r->event)
		show_event(d, f, r->event);
	if (r->outcome) {
		show_stage(d, f, r);
		show_next(d, f, r);
	}
	return KM_OK;
}

/* --- how it ended ----------------------------------------------------------- */

static void steps_json(struct desk_json *j, const struct finger *f)
{
	unsigned i;

	json_open(j, "steps", '[');
	for (i = 0; i < f->steps; i++) {
		const struct step *s = &f->step[i];

		json_open(j, NULL, '{');
		if (s->event)
			json_string(j, "event", km_sensor_event_word(s->event));
		if (s->outcome) {
			json_string(j, "outcome", km_stage_word(s->outcome));
			json_number(j, "good", s->stage);
			json_number(j, "of", s->of);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void finger_json(struct desk_json *j, const struct finger *f)
{
	json_string(j, "finger", km_finger_word(f->request.enrol_finger.finger));
	if (f->reader[0])
		json_string(j, "reader", f->reader);
	else
		json_null(j, "reader");
}

/* Why it ended without a template, in the words of the tables; NULL: the rc must do. */
static const char *why_ended(const struct desk *d, const struct finger *f)
{
	if (f->verdict)
		return km_text(km_stage_text(f->verdict), d->lang);
	if (f->end == KM_SENSOR_DONE)
		return desk_text(DESK_FINGER_USED_UP, d->lang);
	if (f->end == KM_SENSOR_STOPPED)
		return desk_text(DESK_FINGER_STOPPED, d->lang);
	return f->end ? km_text(km_sensor_event_text(f->end), d->lang) : NULL;
}

/* told: DONE came, so it is certain that nothing was stored. */
static km_rc find_words(struct desk *d, const struct finger *f, km_rc rc, bool told)
{
	const char *ended = why_ended(d, f);
	char why[DESK_WHY];

	if (rc == KM_EABORTED)
		return d->why[0] ? rc : desk_because(d, rc, DESK_NOTHING_STORED, NULL, NULL);
	if (told && ended)
		return desk_because(d, rc, DESK_FINGER_FAILED, ended, NULL);
	if (told || !f->steps)
		return rc;
	snprintf(why, sizeof(why), "%s", d->why[0] ? d->why : km_rc_text(rc, d->lang));
	return desk_because(d, rc, DESK_FINGER_UNSURE, why, NULL);
}

static bool is_the_readers(unsigned event)
{
	return event == KM_SENSOR_NO_READER || event == KM_SENSOR_UNSUPPORTED ||
	       event == KM_SENSOR_CLAIMED || event == KM_SENSOR_FAILED;
}

static int fail_finger(struct desk *d, const struct finger *f, km_rc rc, bool told)
{
	struct desk_json j = { .f = d->out };

	rc = find_words(d, f, rc, told);
	if (f->end == KM_SENSOR_CLAIMED && desk_fprintd_runs(d))
		desk_warn(d, DESK_FPRINTD_RUNNING, NULL, NULL);
	if (!d->json) {
		desk_fail(d, rc);
		if (is_the_readers(f->end))
			desk_note(d, DESK_FINGER_LOOK, NULL, NULL);
		return km_rc_exit_code(rc);
	}
	json_open(&j, NULL, '{');
	json_string(&j, "error", km_rc_name(rc));
	json_string(&j, "message", d->why[0] ? d->why : km_rc_text(rc, d->lang));
	finger_json(&j, f);
	steps_json(&j, f);
	json_close(&j, '}');
	fputc('\n', d->out);
	return km_rc_exit_code(rc);
}

/* What else the operator has. That this cannot be asked undoes no enrolment. */
static bool look_around(struct desk *d, struct finger *f)
{
	static struct desk_credentials c; /* 16 KiB */
	unsigned i;

	c.count = 0;
	if (desk_credentials(d, f->who, &c) != KM_OK)
		return false;
	for (i = 0; i < c.count; i++)
		f->fingers += c.row[i].factor == KM_FACTOR_FINGERPRINT;
	return true;
}

static int finish_finger(struct desk *d, struct finger *f, const struct msg_done *done)
{
	struct desk_json j = { .f = d->out };
	char id[24], text[DESK_WHY];
	bool known = look_around(d, f);

	snprintf(id, sizeof(id), "%" PRIu64, done->id);
	if (d->json) {
		json_open(&j, NULL, '{');
		json_string(&j, "result", "done");
		json_number(&j, "id", (int64_t)done->id);
		finger_json(&j, f);
		json_number(&j, "impressions", f->request.enrol_finger.impressions);
		if (known)
			json_number(&j, "fingers", f->fingers);
		steps_json(&j, f);
		json_close(&j, '}');
		fputc('\n', d->out);
	} else {
		fprintf(d->out, "%s\n",
			desk_expand(DESK_FINGER_ENROLLED, d->lang, f->name, f->who, text,
				    sizeof(text)));
		fprintf(d->out, "%s\n",
			desk_expand(DESK_FINGER_NUMBER, d->lang, id, f->reader[0] ? f->reader : "?",
				    text, sizeof(text)));
	}
	if (known && f->fingers < 2)
		desk_note(d, DESK_FINGER_SECOND, f->who, NULL);
	desk_note(d, DESK_FINGER_CODES, NULL, NULL);
	return 0;
}

int cmd_enroll_fingerprint(struct desk *d, const struct desk_args *args)
{
	static struct finger f;
	struct desk_operation o = {
		.request = &f.request, .patience = PATIENCE, .arg = &f, .row = take_stage
	};
	km_rc rc;

	memset(&f, 0, sizeof(f));
	f.request.number = KM_MSG_ENROL_FINGER;
	rc = parse_finger(d, args, &f);
	if (rc == KM_EUSAGE)
		return desk_fail(d, rc);
	rc = desk_agree(d, args, f.who);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	rc = desk_operate(d, &o);
	if (rc == KM_EFILED)
		return desk_fail(d, rc);
	return rc == KM_OK ? finish_finger(d, &f, &o.done) : fail_finger(d, &f, rc, o.done.rc != 0);
}
