/*
 * Codes sent by telephone. A code is kept as an HMAC under a key derived from its operator's own,
 * like recovery codes; counts stand under tags, which say nothing of a number or a person.
 */
#include "store_phone.h"

#include <string.h>

#include "store_internal.h"

static km_rc challenge_mac(struct km_store *s, const struct km_challenge *c,
			   uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t row[KM_SUBJECT_BYTES + 8 + 8 + 1 + KM_TAG_BYTES + KM_TAG_OF_SESSION + 16 + 8];
	uint8_t *at = row;

	memcpy(at, c->subject, KM_SUBJECT_BYTES);
	at = keys_put(at + KM_SUBJECT_BYTES, c->credential, 8);
	at = keys_put(at, c->order, 8);
	at = keys_put(at, c->kind, 1);
	memcpy(at, c->code, KM_TAG_BYTES);
	at += KM_TAG_BYTES;
	memcpy(at, c->session, KM_TAG_OF_SESSION);
	at += KM_TAG_OF_SESSION;
	memcpy(at, c->boot, sizeof(c->boot));
	keys_put(at + sizeof(c->boot), (uint64_t)c->until_ms, 8);
	return km_mac_row(s->keys, "challenge", row, sizeof(row), mac);
}

static km_rc budget_mac(struct km_store *s, const uint8_t tag[KM_TAG_BYTES],
			const struct km_budget *b, uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t row[KM_TAG_BYTES + 8 + 4 + 8 + 4 + 4];
	uint8_t *at = row + KM_TAG_BYTES;

	memcpy(row, tag, KM_TAG_BYTES);
	at = keys_put(at, (uint64_t)b->hour, 8);
	at = keys_put(at, b->in_hour, 4);
	at = keys_put(at, (uint64_t)b->day, 8);
	at = keys_put(at, b->in_day, 4);
	keys_put(at, b->won, 4);
	return km_mac_row(s->keys, "budget", row, sizeof(row), mac);
}

/* --- codes ------------------------------------------------------------------------------ */

km_rc store_challenge_code(struct km_store *s, const struct km_operator *op,
			   const uint8_t session[KM_TAG_OF_SESSION], const char *terminal,
			   const void *code, size_t len, uint8_t out[KM_TAG_BYTES])
{
	uint8_t message[2 + KM_ORDER_KEYS + KM_TAG_OF_SESSION + KM_TERMINAL_MAX];
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	size_t place = strlen(terminal);
	uint8_t *at = message;
	km_rc rc;

	if (len > KM_ORDER_KEYS || place > KM_TERMINAL_MAX)
		return KM_ELIMIT;
	rc = km_subject_key_unwrap(s->keys, op->subject, op->kek_generation, op->wrapped, &key);
	if (rc)
		return rc;
	at = keys_put(at, len, 2);
	if (len)
		memcpy(at, code, len);
	memcpy(at + len, session, KM_TAG_OF_SESSION);
	memcpy(at + len + KM_TAG_OF_SESSION, terminal, place);
	rc = km_mac_challenge(s->keys, &key, message, 2 + len + KM_TAG_OF_SESSION + place, out);
	km_wipe(message, sizeof(message));
	return rc;
}

static km_rc take_challenge(struct query *q, struct km_challenge *c, uint8_t mac[KM_ROW_MAC_BYTES])
{
	query_get_blob(q, c->subject, sizeof(c->subject));
	c->credential = query_get_number(q, INT64_MAX);
	c->order = query_get_number(q, INT64_MAX);
	c->kind = (uint8_t)query_get_number(q, UINT8_MAX);
	query_get_blob(q, c->code, sizeof(c->code));
	query_get_blob(q, c->session, sizeof(c->session));
	query_get_blob(q, c->boot, sizeof(c->boot));
	c->until_ms = query_get_int(q);
	query_get_blob(q, mac, KM_ROW_MAC_BYTES);
	return q->rc;
}

km_rc store_challenge(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		      struct km_challenge *out)
{
	struct query q QUERY = query_new(s, SQL_CHALLENGE);
	uint8_t mac[KM_ROW_MAC_BYTES] = { 0 }, right[KM_ROW_MAC_BYTES];
	struct km_challenge found = { 0 };
	km_rc there, rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	there = query_row(&q);
	if (there && there != KM_ENOTFOUND)
		return there;
	rc = there ? KM_OK : take_challenge(&q, &found, mac);
	if (!rc)
		rc = challenge_mac(s, &found, right); /* also where there is none */
	if (rc || there)
		return rc ? rc : there;
	rc = row_same_mac(rc, mac, right);
	if (!rc)
		*out = found;
	return rc;
}

static km_rc set_challenge(struct km_store *s, const struct km_challenge *c)
{
	struct query q QUERY = query_new(s, SQL_CHALLENGE_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = challenge_mac(s, c, mac);

	if (rc)
		return rc;
	query_blob(&q, c->subject, sizeof(c->subject));
	query_int(&q, (int64_t)c->credential);
	query_int(&q, (int64_t)c->order);
	query_int(&q, c->kind);
	query_blob(&q, c->code, sizeof(c->code));
	query_blob(&q, c->session, sizeof(c->session));
	query_blob(&q, c->boot, sizeof(c->boot));
	query_int(&q, c->until_ms);
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

/* The one that was judged, and no other: this is what makes a code good once. */
km_rc challenge_use(struct km_store *s, const struct km_challenge *c)
{
	struct query q QUERY = query_new(s, SQL_CHALLENGE_USE);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = challenge_mac(s, c, mac);

	if (rc)
		return rc;
	query_blob(&q, c->subject, sizeof(c->subject));
	query_blob(&q, mac, sizeof(mac));
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_EREPLAY : rc;
}

/* --- counts ------------------------------------------------------------------------------ */

km_rc store_budget(struct km_store *s, const uint8_t tag[KM_TAG_BYTES], struct km_budget *out)
{
	struct query q QUERY = query_new(s, SQL_BUDGET);
	uint8_t mac[KM_ROW_MAC_BYTES] = { 0 }, right[KM_ROW_MAC_BYTES];
	struct km_budget found = { 0 };
	km_rc there, rc;

	query_blob(&q, tag, KM_TAG_BYTES);
	there = query_row(&q);
	if (there && there != KM_ENOTFOUND)
		return there;
	if (!there) {
		found.hour = query_get_int(&q);
		found.in_hour = (uint32_t)query_get_number(&q, UINT32_MAX);
		found.day = query_get_int(&q);
		found.in_day = (uint32_t)query_get_number(&q, UINT32_MAX);
		found.won = (uint32_t)query_get_number(&q, UINT32_MAX);
		query_get_blob(&q, mac, sizeof(mac));
	}
	if (q.rc)
		return q.rc;
	rc = budget_mac(s, tag, &found, right); /* also where there is none */
	if (!there)
		rc = row_same_mac(rc, mac, right);
	if (!rc)
		*out = found;
	return rc;
}

km_rc budget_put(struct km_store *s, const struct km_spending *p)
{
	struct query q QUERY = query_new(s, SQL_BUDGET_SET);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = budget_mac(s, p->tag, &p->budget, mac);

	if (rc)
		return rc;
	query_blob(&q, p->tag, sizeof(p->tag));
	query_int(&q, p->budget.hour);
	query_int(&q, p->budget.in_hour);
	query_int(&q, p->budget.day);
	query_int(&q, p->budget.in_day);
	query_int(&q, p->budget.won);
	query_blob(&q, mac, sizeof(mac));
	return query_run(&q);
}

/* --- sending ------------------------------------------------------------------------------ */

km_rc store_send(struct km_store *s, const struct km_sending *in)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	for (size_t i = 0; !rc && i < KM_BUDGETS; i++)
		rc = budget_put(s, &in->spent[i]);
	if (!rc)
		rc = set_challenge(s, in->challenge);
	if (!rc)
		rc = in->swallowed ? chain_pretend(s, in->event) : chain_append(s, in->event);
	if (!rc && in->second)
		rc = chain_append(s, in->second);
	return rc ? rc : store_op_done(&op);
}

km_rc store_spend(struct km_store *s, const struct km_spending *spent, size_t count,
		  const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	for (size_t i = 0; !rc && i < count; i++)
		rc = budget_put(s, &spent[i]);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* --- ending ------------------------------------------------------------------------------- */

km_rc phone_rows_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query open QUERY = query_new(s, SQL_CHALLENGE_DELETE);
	struct query spent QUERY = query_new(s, SQL_BUDGET_DELETE);
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = km_tag_phone(s->keys, KM_TAG_PHONE_OPERATOR, subject, KM_SUBJECT_BYTES, tag);

	if (rc)
		return rc;
	query_blob(&open, subject, KM_SUBJECT_BYTES);
	query_blob(&spent, tag, sizeof(tag));
	rc = query_run_any(&open);
	return rc ? rc : query_run_any(&spent);
}

km_rc store_challenges_end(struct km_store *s)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (rc)
		return rc;
	q = query_new(s, SQL_CHALLENGES_END);
	rc = query_run(&q);
	if (rc == KM_ENOTFOUND)
		return KM_OK; /* and nothing is to be flushed for it */
	return rc ? rc : store_op_done(&op);
}

km_rc store_phone_prune(struct km_store *s, int64_t day)
{
	struct store_op op STORE_OP = { 0 };
	struct query old QUERY = { 0 }, over QUERY = { 0 };
	bool some;
	km_rc rc = store_op_begin(&op, s, false);

	if (rc)
		return rc;
	over = query_new(s, SQL_CHALLENGES_OVER);
	query_blob(&over, s->now.boot_id, sizeof(s->now.boot_id));
	query_int(&over, s->now.boot_ms - KM_CHALLENGE_KEPT_MS);
	rc = query_run(&over);
	some = !rc;
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	old = query_new(s, SQL_BUDGET_PRUNE);
	query_int(&old, day);
	rc = query_run(&old);
	if (rc && (rc != KM_ENOTFOUND || !some))
		return rc;
	return store_op_done(&op);
}
