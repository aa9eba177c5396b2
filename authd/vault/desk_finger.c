/*
 * Desk operations on fingers and readers. An enrolment is kept on its line while
 * the sensor captures and the matcher makes a template of it; what comes of it is
 * stored in one transaction with its record, or nothing is.
 */
#include <string.h>

#include <kenmon/factor.h>

#include "desk.h"
#include "grant.h"

#define ENROL_SHOTS   60  /* images: the matcher has enough of them long before */
#define ENROL_SECONDS 120 /* for all of them; somebody stands at the counter */
#define LIST_SECONDS  5   /* the sensor may have to be started, and opens no reader */

/* --- enrolling: what must be so ------------------------------------------------------ */

/* Fingers of a list come first, in its order; *fingers says how many. */
static void fingers_first(struct km_credential *list, size_t count, size_t *fingers)
{
	*fingers = 0;
	for (size_t i = 0; i < count; i++) {
		struct km_credential found = list[i];

		if (found.factor != KM_FACTOR_FINGERPRINT)
			continue;
		list[i] = list[*fingers];
		list[(*fingers)++] = found;
	}
}

/* It will be good before the finger is: that one is not approved without it (desk_activate()). */
static bool code_waits(const struct km_credential *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].waiting && !list[i].until &&
		    (km_factor_class(list[i].factor) == KM_CLASS_DIGITS ||
		     km_factor_class(list[i].factor) == KM_CLASS_RECOVERY))
			return true;
	return false;
}

static km_rc may_enrol(struct call *c, const struct km_operator *op, unsigned finger,
		       const struct km_credential *list, size_t count)
{
	bool code = false;
	km_rc rc;

	if (op->state == KM_ERASING)
		return KM_ESTATE;
	/* Also when the finger was read: consent may have been withdrawn meanwhile. */
	rc = desk_has_consented(c, op);
	if (rc != KM_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (list[i].factor != KM_FACTOR_FINGERPRINT ||
		    km_finger_parse(list[i].label) != finger)
			continue;
		call_say(c,
			 "this finger is credential %llu of this operator: to enrol it anew, "
			 "remove that first",
			 (unsigned long long)list[i].id);
		return KM_EEXIST;
	}
	if (count == KM_MAX_CREDENTIALS) {
		call_say(c, "an operator has at most %d credentials", KM_MAX_CREDENTIALS);
		return KM_ELIMIT;
	}
	rc = desk_has_code(c, list, count, 0, &code);
	if (rc != KM_OK || code || (desk_two_persons(c->v) && code_waits(list, count)))
		return rc;
	call_say(c, "enrol a code first: where there is no reader, or the finger does not match, "
		    "only a code lets this operator in");
	return KM_ESTATE;
}

static km_rc read_fingers(struct call *c, const struct km_operator *op, unsigned finger,
			  struct km_credential list[KM_MAX_CREDENTIALS], size_t *fingers)
{
	size_t count = 0;
	km_rc rc = store_credentials(c->v->store, op->subject, list, &count);

	if (rc == KM_OK)
		rc = may_enrol(c, op, finger, list, count);
	if (rc == KM_OK)
		fingers_first(list, count, fingers);
	return rc;
}

/* --- enrolling: the beginning ---------------------------------------------------------- */

static km_rc take_grant(struct call *c, unsigned seconds, struct grant **out)
{
	km_rc rc = grant_new(c->v, seconds, out);

	if (rc == KM_ELIMIT)
		call_say(c, "too many people are at the readers: try again in a minute");
	if (rc == KM_OK)
		(*out)->line = c->l;
	return rc;
}

static km_rc begin(struct call *c, const struct km_operator *op, const struct km_credential *lent,
		   size_t count)
{
	unsigned wanted = c->m->enrol_finger.impressions;
	struct grant *g = NULL;
	km_rc rc = take_grant(c, ENROL_SECONDS, &g);

	if (rc != KM_OK)
		return rc;
	rc = grant_lend(c->v, g, KM_GRANT_ENROL, wanted, op, lent, count);
	if (rc == KM_EUNAVAIL)
		call_say(c, "the program that compares fingers is not there: see the journal of "
			    "kenmon-matcher");
	if (rc == KM_OK)
		rc = link_sense(c->v, g, ENROL_SHOTS, ENROL_SECONDS);
	return rc == KM_OK ? call_keep(c, op) : rc;
}

km_rc desk_enrol_finger(struct call *c)
{
	const struct msg_enrol_finger *m = &c->m->enrol_finger;
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;
	size_t fingers = 0;
	km_rc rc;

	if (!km_finger_known(m->finger))
		return KM_EINVAL;
	if (m->impressions < KM_IMPRESSIONS_LEAST || m->impressions > KM_IMPRESSIONS_MAX) {
		call_say(c, "a finger is enrolled with %d to %d impressions", KM_IMPRESSIONS_LEAST,
			 KM_IMPRESSIONS_MAX);
		return KM_EINVAL;
	}
	rc = call_operator(c, m->login, &op);
	if (rc == KM_OK)
		rc = read_fingers(c, &op, m->finger, list, &fingers);
	/* Two at once would not be compared with each other's finger. */
	if (rc == KM_OK && grants_lent(c->v, op.subject, KM_GRANT_ENROL)) {
		call_say(c, "a finger of this operator is being enrolled already");
		rc = KM_ESTATE;
	}
	return rc == KM_OK ? begin(c, &op, list, fingers) : rc;
}

/* --- enrolling: how it goes -------------------------------------------------------------- */

static unsigned wanted_of(const struct line *l)
{
	return l->pending->asked.enrol_finger.impressions;
}

/* A grant that is no session's has a line, and it ends with what was kept there. */
static bool enrols(const struct line *l)
{
	return l->pending && l->pending->asked.number == KM_MSG_ENROL_FINGER;
}

static void put_stage(struct call *c, unsigned event, unsigned outcome)
{
	struct km_msg m = { .number = KM_MSG_FINGER_STAGE };

	m.finger_stage.event = (uint8_t)event;
	m.finger_stage.outcome = (uint8_t)outcome;
	m.finger_stage.stage = (uint8_t)c->l->pending->good;
	m.finger_stage.of = (uint8_t)wanted_of(c->l);
	memcpy(m.finger_stage.reader, c->l->pending->reader, sizeof m.finger_stage.reader);
	call_row(c, &m);
}

/* The row says what happened, DONE that it was the end; the line may be closed by either. */
static void end_with(struct call *c, unsigned event, unsigned outcome, km_rc rc, enum km_text text)
{
	call_say(c, "%s", km_text(text, KM_LANG_EN));
	put_stage(c, event, outcome);
	if (c->l->pending)
		call_finish(c, rc);
}

/* Which stages end an enrolment, and how. */
static const struct {
	enum km_stage stage;
	km_rc rc;
} last_stages[] = {
	{ KM_STAGE_KNOWN, KM_EEXIST },
	{ KM_STAGE_FAILED, KM_EUNAVAIL },
};

km_rc desk_finger_stage(struct vault *v, struct grant *g, const struct msg_stage *m)
{
	struct line *l = g->line;
	struct call c;

	if (!enrols(l) || m->of != wanted_of(l) || m->stage > m->of || !km_stage_known(m->outcome))
		return KM_EPROTO;
	call_again(&c, v, l);
	l->pending->good = m->stage;
	for (size_t i = 0; i < sizeof last_stages / sizeof last_stages[0]; i++) {
		if (last_stages[i].stage != m->outcome)
			continue;
		end_with(&c, KM_SENSOR_NONE, m->outcome, last_stages[i].rc,
			 km_stage_text(m->outcome));
		return KM_OK;
	}
	put_stage(&c, KM_SENSOR_NONE, m->outcome);
	return KM_OK;
}

/* --- enrolling: the end -------------------------------------------------------------------- */

/* All of it may have changed while the finger lay on the reader. */
static km_rc look_again(struct call *c, struct km_operator *op)
{
	const struct pending *p = c->l->pending;
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t fingers;
	km_rc rc;

	rc = line_still_may(c, operation_of(&p->asked), &p->asked);
	if (rc == KM_OK)
		rc = store_operator_by_subject(c->v->store, p->op.subject, op);
	if (rc == KM_OK && op->state != p->op.state) {
		call_say(c, "the operator is %s since; nothing was stored",
			 km_state_word(op->state));
		rc = KM_ESTATE;
	}
	if (rc == KM_OK)
		rc = read_fingers(c, op, p->asked.enrol_finger.finger, list, &fingers);
	return rc;
}

static km_rc store_finger(struct call *c, const struct km_span *blob)
{
	const struct pending *p = c->l->pending;
	const char *finger = km_finger_word(p->asked.enrol_finger.finger);
	struct km_credential in = { .factor = KM_FACTOR_FINGERPRINT,
				    .waiting = desk_two_persons(c->v) };
	struct km_template *made = km_locked_new(sizeof *made);
	struct km_event_record r;
	struct km_operator op;
	km_rc rc = made ? look_again(c, &op) : KM_ENOMEM;

	if (rc == KM_OK) {
		memcpy(in.subject, op.subject, sizeof in.subject);
		memcpy(in.label, finger, strlen(finger));
		memcpy(made->bytes, blob->bytes, blob->len);
		made->len = (uint16_t)blob->len;
		call_event(c, &r, KM_EVENT_ENROLLED, &op);
		event_add(&r, "factor", km_factor_word(in.factor));
		event_add(&r, "finger", finger);
		event_add(&r, "reader", p->reader);
		event_add_number(&r, "impressions", wanted_of(c->l));
		if (in.waiting)
			event_add(&r, "waiting", "yes");
		rc = store_enrol_finger(c->v->store, &op, &in, p->reader, made, &r, &c->id);
	}
	km_locked_free(made, sizeof *made);
	if (rc != KM_OK)
		return rc;
	note_event(c->v, &r);
	if (!in.waiting)
		return KM_OK;
	return request_file_activation(c, &op, &(struct activation){ .credential = c->id });
}

static void lost(struct call *c, km_rc why)
{
	static const struct {
		km_rc why;
		const char *text;
	} reasons[] = {
		{ KM_ETIMEOUT, "the time is over" },
		{ KM_EUNAVAIL, "the program that compares fingers has ended" },
		{ KM_ESTATE, "the operator is being erased" },
		{ KM_EPERM, "the operator has withdrawn their consent" },
		{ KM_EABORTED, "a finger of this operator was removed meanwhile: begin anew" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (reasons[i].why == why)
			call_say(c, "%s", reasons[i].text);
	}
	call_finish(c, why);
}

km_rc desk_finger_template(struct vault *v, struct grant *g, const struct msg_finger_template *m)
{
	struct line *l = g->line;
	struct call c;

	/* Nothing but what the desk was told of becomes a template. */
	if (!enrols(l) || l->pending->good != wanted_of(l) || m->blob.len == 0 ||
	    m->blob.len > KM_TEMPLATE_MAX)
		return KM_EPROTO;
	g->mode = 0; /* the matcher has forgotten it: there is nothing to take back */
	call_again(&c, v, l);
	call_finish(&c, store_finger(&c, &m->blob));
	return KM_OK;
}

void desk_finger_lost(struct vault *v, struct line *l, km_rc why)
{
	struct call c;

	call_again(&c, v, l);
	if (l->pending)
		lost(&c, why);
}

/* --- the reader ---------------------------------------------------------------------------- */

static km_rc rc_of_end(unsigned event)
{
	return event == KM_SENSOR_TIMEOUT ? KM_ETIMEOUT : KM_EUNAVAIL;
}

static void enrol_sensed(struct call *c, const struct msg_sensed *m)
{
	struct pending *p = c->l->pending;

	if (m->reader[0])
		memcpy(p->reader, m->reader, sizeof p->reader);
	if (km_sensor_event_ends(m->event))
		end_with(c, m->event, KM_STAGE_NONE, rc_of_end(m->event),
			 m->event == KM_SENSOR_DONE ? KM_TEXT_STAGE_FAILED
						    : km_sensor_event_text(m->event));
	else if (m->event != KM_SENSOR_READER)
		put_stage(c, m->event, KM_STAGE_NONE);
}

/* A reader, or why there is none: that too is an answer to who wants a list. */
static void put_reader(struct call *c, const struct msg_sensed *m)
{
	struct km_msg row = { .number = KM_MSG_READER_ROW };

	row.reader_row.event = m->event;
	memcpy(row.reader_row.reader, m->reader, sizeof row.reader_row.reader);
	memcpy(row.reader_row.detail, m->detail, sizeof row.reader_row.detail);
	c->l->pending->good += m->event == KM_SENSOR_READER;
	call_row(c, &row);
}

static void list_sensed(struct call *c, const struct msg_sensed *m)
{
	static const enum km_sensor_event told[] = { KM_SENSOR_READER, KM_SENSOR_NO_READER,
						     KM_SENSOR_UNSUPPORTED, KM_SENSOR_CLAIMED,
						     KM_SENSOR_HOT };
	bool is_told = false;

	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		is_told |= told[i] == m->event;
	if (is_told)
		put_reader(c, m);
	if (!c->l->pending || !km_sensor_event_ends(m->event))
		return;
	c->id = c->l->pending->good;
	if (is_told || m->event == KM_SENSOR_DONE) {
		call_finish(c, KM_OK);
		return;
	}
	/* Nobody was to touch anything: a list waits in line as captures do. */
	if (m->event == KM_SENSOR_TIMEOUT)
		call_say(c, "readers were not listed in time: one may be in use for a login or an "
			    "enrolment");
	else
		call_say(c, "%s", km_text(km_sensor_event_text(m->event), KM_LANG_EN));
	call_finish(c, rc_of_end(m->event));
}

void desk_finger_sensed(struct vault *v, struct grant *g, const struct msg_sensed *m)
{
	struct line *l = g->line;
	struct call c;

	call_again(&c, v, l);
	if (enrols(l))
		enrol_sensed(&c, m);
	else if (l->pending)
		list_sensed(&c, m);
}

km_rc desk_sensor_list(struct call *c)
{
	struct grant *g = NULL;
	km_rc rc = take_grant(c, LIST_SECONDS, &g);

	if (rc == KM_OK)
		rc = link_sense(c->v, g, 0, LIST_SECONDS);
	return rc == KM_OK ? call_keep(c, NULL) : rc;
}
