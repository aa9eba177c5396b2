/* What the operations of a desk have in common. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "desk.h"

km_rc call_put(struct call *c, struct km_msg *m)
{
	return queue_put(&c->l->out, m);
}

void call_say(struct call *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->text, sizeof c->text, format, args);
	va_end(args);
}

km_rc call_ask(struct call *c, enum km_text text)
{
	return call_ask_for(c, text, KM_SHAPE_DIGITS);
}

km_rc call_ask_for(struct call *c, enum km_text text, unsigned shape)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof m.prompt.text, "%s", km_text(text, KM_LANG_EN));
	m.prompt.echo = 1;
	m.prompt.shape = (uint16_t)shape;
	c->end = CALL_ASKED;
	c->l->phase = KM_PHASE_DESK_ASKED;
	return call_put(c, &m);
}

km_rc call_keep(struct call *c, const struct km_operator *op)
{
	struct pending *p = km_locked_new(sizeof *p);

	if (!p)
		return KM_ENOMEM;
	p->asked = *c->m;
	if (op)
		p->op = *op;
	c->l->pending = p;
	c->l->phase = KM_PHASE_DESK_ASKED;
	c->end = CALL_ASKED;
	return KM_OK;
}

void call_event(const struct call *c, struct km_event_record *r, enum km_event event,
		const struct km_operator *op)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];

	event_make(r, event, op ? op->subject : NULL, c->actor);
	event_add(r, "authority", person_authority(c->l));
	if (memcmp(c->requester, nobody, sizeof nobody) != 0)
		event_add_subject(r, EVENT_REQUESTER, c->requester);
	if (memcmp(c->approver, nobody, sizeof nobody) != 0)
		event_add_subject(r, EVENT_APPROVER, c->approver);
	if (c->request)
		event_add_number(r, "request", (int64_t)c->request);
}

void call_requester(const struct call *c, uint8_t out[KM_SUBJECT_BYTES])
{
	memset(out, 0, KM_SUBJECT_BYTES);
	if (c->request)
		memcpy(out, c->requester, KM_SUBJECT_BYTES);
	else if (c->l->right == RIGHTS_FACTOR)
		memcpy(out, c->l->who.subject, KM_SUBJECT_BYTES);
}

km_rc call_operator(struct call *c, const char *login, struct km_operator *op)
{
	km_rc rc = store_operator_by_login(c->v->store, login, op);

	if (rc == KM_ENOTFOUND)
		call_say(c, "no operator is registered under the login %s", login);
	return rc;
}
