/*
 * Orders, as a vault that was taken over might give them: what may stand in one is read here a
 * second time. What is taken is begun as it was given, once; of what is not nothing is left, and
 * the room ends.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "../../authd/courier/courier.h"
#include "courier_acts.h"

#define ORDERS_MOST 8 /* in one input */

static struct courier c;
static int vault;
static unsigned begun;
static struct msg_order last; /* as it was begun */

static void begin_one(struct courier *room, struct courier_order *o)
{
	fuzz_check(room == &c && o->state == KM_ORDER_STATE_QUEUED, "begun in another state");
	begun++;
	last = (struct msg_order){ .order = o->id,
				   .kind = o->kind,
				   .text = o->text,
				   .keys = o->keys,
				   .lang = o->lang,
				   .until = o->until_ms };
	memcpy(last.number, o->number, sizeof(last.number));
}

static void cancel_one(struct courier *room, struct courier_order *o, enum km_order_why why)
{
	courier_report(room, o, KM_ORDER_STATE_FAILED, why, NULL, 0);
}

static const struct courier_driver driver = {
	.name = "fuzzed",
	.begin = begin_one,
	.cancel = cancel_one,
};

/* No loop: what it would do is done here. */
void courier_orders_begin(void)
{
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "no sockets");
	vault = pair[0];
	c = (struct courier){ .vault = pair[1], .vault_uid = -1 };
	c.settings = calloc(1, sizeof(*c.settings));
	c.table = calloc(1, sizeof(*c.table));
	fuzz_check(c.settings && c.table, "no memory");
	km_conf_defaults(&c.settings->conf);
	c.settings->conf.sms.at_once = c.settings->conf.voice.at_once = ORDERS_MOST;
	c.driver[COURIER_MESSAGES] = c.driver[COURIER_CALLS] = &driver;
}

/* --- what may stand in one ----------------------------------------------------------------------
 */

static bool only_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len > 0;
}

/* By kind: what is said, and how many keys are asked for at most. */
static const struct rule {
	enum { SAYS_NOTHING, SAYS_DIGITS, SAYS_TEXT } says;
	unsigned keys;
} rules[] = {
	[KM_ORDER_MESSAGE] = { SAYS_TEXT, 0 },        [KM_ORDER_KEYPAD] = { SAYS_NOTHING, 16 },
	[KM_ORDER_SPOKEN] = { SAYS_DIGITS, 0 },       [KM_ORDER_CONFIRM] = { SAYS_NOTHING, 0 },
	[KM_ORDER_NOTICE] = { SAYS_TEXT, 0 },         [KM_ORDER_CALL_TEST] = { SAYS_NOTHING, 0 },
	[KM_ORDER_CALL_NOTICE] = { SAYS_NOTHING, 0 },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static bool may_be_said(const struct msg_order *m)
{
	const char *text = (const char *)m->text.bytes;

	if (rules[m->kind].says == SAYS_DIGITS)
		return only_digits(text, m->text.len);
	if (rules[m->kind].says == SAYS_TEXT)
		return km_text_is_page(text, m->text.len);
	return m->text.len == 0;
}

static bool may_be_given(const struct msg_order *m)
{
	const size_t len = strlen(m->number);

	if (m->kind == KM_ORDER_NONE || m->kind >= RULES || m->order == 0)
		return false;
	/* E.164, and no number is as short as six digits. */
	if (m->number[0] != '+' || m->number[1] == '0' || len < 8 || len > 16 ||
	    !only_digits(m->number + 1, len - 1))
		return false;
	return may_be_said(m) && (m->lang == KM_LANG_EN || m->lang == KM_LANG_JA) &&
	       m->keys <= rules[m->kind].keys && (m->keys > 0) == (rules[m->kind].keys > 0);
}

/* --- one of them ------------------------------------------------------------------------------ */

static struct msg_order read_order(struct fuzz_in *in)
{
	struct msg_order m = { .order = fuzz_u8(in), .kind = fuzz_u8(in) };
	uint8_t text[KM_ORDER_TEXT];

	(void)fuzz_bytes(in, (uint8_t *)m.number, sizeof(m.number) - 1);
	m.text.len = (uint16_t)fuzz_bytes(in, text, sizeof(text));
	memcpy(m.text.bytes, text, m.text.len);
	m.keys = fuzz_u8(in);
	m.lang = fuzz_u8(in);
	m.until = km_boot_ms() + (fuzz_u8(in) % 4 == 3 ? -1 : 60000);
	return m;
}

/* The vault's next word about it; NONE: there is none. */
static unsigned told(uint64_t id)
{
	uint8_t frame[256];
	struct km_msg m;
	size_t len = 0;

	if (km_recv(vault, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
		return KM_ORDER_STATE_NONE;
	fuzz_check(km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, &m) == KM_OK &&
		       m.number == KM_MSG_ORDERED && m.ordered.order == id,
		   "a word about something else");
	return m.ordered.state;
}

static void is_begun(const struct msg_order *m)
{
	begun = 0;
	courier_begin_next(&c);
	fuzz_check(begun == 1, "it was begun %u times", begun);
	fuzz_check(last.order == m->order && last.kind == m->kind && last.keys == m->keys &&
		       last.lang == m->lang && last.until == m->until &&
		       strcmp(last.number, m->number) == 0 && last.text.len == m->text.len &&
		       memcmp(last.text.bytes, m->text.bytes, m->text.len) == 0,
		   "another one was begun");
}

/* False: the room ends. */
static bool give_one(struct fuzz_in *in)
{
	const struct msg_order m = read_order(in);
	const bool good = may_be_given(&m) && !courier_find(&c, m.order);
	const bool late = m.until <= km_boot_ms();
	const unsigned count = c.count;
	km_rc rc = courier_take(&c, &m);

	fuzz_check(rc == (good ? KM_OK : KM_EPROTO), "%s: kind %u to '%s', %u bytes, %u keys",
		   km_rc_name(rc), m.kind, m.number, (unsigned)m.text.len, m.keys);
	fuzz_check(c.count == count + (good && !late), "%u orders after %u", c.count, count);
	fuzz_check(told(m.order) == (!good  ? KM_ORDER_STATE_NONE
				     : late ? KM_ORDER_STATE_FAILED
					    : KM_ORDER_STATE_QUEUED),
		   "the vault hears something else");
	if (good && !late)
		is_begun(&m);
	return good;
}

void courier_give_orders(const uint8_t *bytes, size_t len)
{
	struct fuzz_in in = { bytes, len };

	for (unsigned i = 0; i < ORDERS_MOST && in.left > 0 && give_one(&in); i++)
		;
	courier_cancel_all(&c);
	while (recv(vault, (uint8_t[256]){ 0 }, 256, MSG_DONTWAIT) > 0)
		;
	fuzz_check(c.count == 0 && !c.blocked && !c.stop, "%u orders are left", c.count);
	fuzz_check(fuzz_is_zero(c.table->at, sizeof(c.table->at[0]) * ORDERS_MOST),
		   "a number or a text is left");
}
