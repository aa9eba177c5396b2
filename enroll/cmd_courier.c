/* kenmon courier test, status. */
#include <string.h>

#include <kenmon/factor.h>

#include "commands.h"

/* Seconds between two frames: an order may wait as long as it is of any use. */
#define PATIENCE (KM_ORDER_SECONDS + 20)

struct test {
	struct km_msg request;
	struct desk_order order;
};

static void test_json(struct desk *d, const struct test *t, km_rc rc)
{
	struct desk_json j = { .f = d->out };

	json_open(&j, NULL, '{');
	if (rc == KM_OK) {
		json_string(&j, "result", "done");
	} else {
		json_string(&j, "error", km_rc_name(rc));
		json_string(&j, "message", d->why[0] ? d->why : km_rc_text(rc, d->lang));
	}
	desk_order_json(&j, &t->order);
	json_close(&j, '}');
	fputc('\n', d->out);
}

/* A message that may have gone out is no refusal: whoever asked has to look at the telephone. */
static int finish_test(struct desk *d, const struct test *t, km_rc rc)
{
	if (d->json && rc != KM_EFILED) {
		test_json(d, t, rc);
		return rc == KM_OK ? 0 : km_rc_exit_code(rc);
	}
	if (rc != KM_OK)
		return desk_fail(d, rc);
	fprintf(d->out, "%s\n", desk_text(DESK_COURIER_TESTED, d->lang));
	return 0;
}

int cmd_courier_test(struct desk *d, const struct desk_args *args)
{
	static struct test t;
	struct msg_courier_test *m = &t.request.courier_test;
	struct desk_operation o = {
		.request = &t.request, .patience = PATIENCE, .arg = &t.order, .row = desk_order_row
	};
	km_rc rc;

	memset(&t, 0, sizeof(t));
	t.request.number = KM_MSG_COURIER_TEST;
	m->factor = desk_arg(args, "voice") ? KM_FACTOR_VOICE : KM_FACTOR_SMS;
	rc = desk_phone_number(d, args, m->number, sizeof(m->number));
	if (rc != KM_OK)
		return desk_fail(d, rc);
	rc = desk_operate(d, &o);
	/* A line that broke at ctrl-C called off what was not sent yet. */
	if (rc == KM_EABORTED && (t.order.steps || !o.done.rc))
		rc = desk_because(d, rc, DESK_COURIER_STOPPED, NULL, NULL);
	return finish_test(d, &t, rc);
}

int cmd_courier_status(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_COURIER_STATUS };

	(void)args;
	return desk_show_status(d, &m, "courier");
}
