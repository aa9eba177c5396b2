/*
 * C3 where a certificate is shown: every call that the vault makes meanwhile fails. It is shown
 * whole and signed so that it holds, or not at all; what was destroyed stays so.
 */
#include <kenmon/certificate.h>
#include <kenmon/erased.h>
#include <kenmon/signature.h>

#include "calls_office.h"

#define SHOWN 3 /* the person, a code, recovery codes */

static struct {
	struct msg_certificate_row row;
	struct msg_certificate_item item[KM_CERTIFICATE_ITEMS];
	struct msg_signer_row signer;
	unsigned rows, items, leavers;
	bool done;
	km_rc rc;
} shown;

static void erased(struct world *w)
{
	struct msg_erase *m;

	prepare(w);
	m = &new_operation(KM_MSG_ERASE)->erase;
	memset(asked.erase.op, 0x79, sizeof asked.erase.op);
	TEXT(m->login, "known");
	TEXT(m->reason, "left");
	send_asked(w);
	for (unsigned n = 0; n < 3 && !done_ok(); n++)
		while (heard_one(w))
			;
	assert_true(done_ok());
}

static void take(const struct km_msg *m)
{
	if (m->number == KM_MSG_CERTIFICATE_ROW) {
		shown.row = m->certificate_row;
		shown.rows++;
	} else if (m->number == KM_MSG_CERTIFICATE_ITEM && shown.items < KM_CERTIFICATE_ITEMS) {
		shown.item[shown.items++] = m->certificate_item;
	} else if (m->number == KM_MSG_SIGNER_ROW) {
		shown.signer = m->signer_row;
	} else if (m->number == KM_MSG_LEAVER_ROW) {
		shown.leavers++;
	}
}

static void ask(struct world *w, const struct km_msg *request)
{
	struct km_msg m;

	memset(&shown, 0, sizeof shown);
	if (w->desk < 0 || km_send_msg(w->desk, request, -1, 0) != KM_OK)
		return;
	world_round(w);
	while (hear(w, &m) == KM_OK) {
		if (m.number == KM_MSG_DONE) {
			shown.done = true;
			shown.rc = (km_rc) - (int)m.done.rc;
			return;
		}
		take(&m);
	}
}

/* Two signatures, or a signature and another text under it, would be worse than none. */
static bool holds(void)
{
	uint8_t message[KM_CERTIFICATE_MESSAGE];
	size_t len = km_certificate_message(&shown.row, shown.item, message);

	return shown.rows == 1 && shown.items == SHOWN &&
	       shown.row.generation == shown.signer.generation &&
	       km_signature_verify(shown.signer.public, message, len, shown.row.signature) == KM_OK;
}

static void show(struct world *w)
{
	struct msg_certificate_show *m = &new_operation(KM_MSG_CERTIFICATE_SHOW)->certificate_show;

	TEXT(m->employee_number, "Nknown");
	ask(w, &asked);
}

static void check_show(struct world *w, bool dry)
{
	bool good = shown.done && shown.rc == KM_OK;

	if (good && !holds() && shown.row.generation != 0)
		calls_say("a certificate is shown that does not hold");
	if (dry && !(good && holds()))
		calls_say("nothing failed, and none is shown");
	open_desk(w);
	show(w);
	if (!(shown.done && shown.rc == KM_OK && holds()))
		calls_say("afterwards none is shown");
}

static unsigned short_of; /* what a listing that said OK did not tell */

static void list(struct world *w)
{
	short_of = 0;
	(void)new_operation(KM_MSG_CERTIFICATE_LIST);
	ask(w, &asked);
	if (shown.done && shown.rc == KM_OK && (shown.rows != 1 || shown.row.cause == 0))
		short_of = KM_MSG_CERTIFICATE_LIST;
	new_operation(KM_MSG_LEAVERS)->leavers.after = -1;
	ask(w, &asked);
	/* Somebody else has that account, too. */
	if (shown.leavers != 0)
		short_of = KM_MSG_LEAVERS;
}

static void check_list(struct world *w, bool dry)
{
	if (short_of)
		calls_say("%s does not tell all", km_message_name(short_of));
	if (dry && !(shown.done && shown.rc == KM_OK))
		calls_say("nothing failed, and no list");
	open_desk(w);
	list(w);
	if (!(shown.done && shown.rc == KM_OK) || short_of)
		calls_say("afterwards the lists do not work");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_shows_a_certificate_that_does_not_hold, erased, show, check_show)
MATRIX(test_C3_no_failing_call_shortens_a_list_of_certificates, erased, list, check_list)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_shows_a_certificate_that_does_not_hold),
		cmocka_unit_test(test_C3_no_failing_call_shortens_a_list_of_certificates),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
