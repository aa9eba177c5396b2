/*
 * Codes by telephone. What is stored of one is an HMAC under a key derived from
 * its operator's, of the code, of the login it was sent in and of where that is;
 * so it is right there and nowhere else, and nowhere at all once the vault or
 * the machine was started again.
 */
#include "challenge.h"

#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "gate.h"

/* The largest multiple of ten that fits into a byte: what is above it would favour some digits. */
#define EVEN 250

km_rc challenge_digits(unsigned count, char out[KM_ORDER_KEYS + 1])
{
	unsigned n = 0;

	if (count > KM_ORDER_KEYS)
		return KM_ELIMIT;
	while (n < count) {
		uint8_t bytes[KM_ORDER_KEYS];

		if (RAND_priv_bytes(bytes, sizeof bytes) != 1)
			return KM_EIO;
		for (size_t i = 0; i < sizeof bytes && n < count; i++)
			if (bytes[i] < EVEN)
				out[n++] = (char)('0' + bytes[i] % 10);
		km_wipe(bytes, sizeof bytes);
	}
	out[count] = '\0';
	return KM_OK;
}

/* Each text behind its length, so that none can be moved into another. */
static void terminal_of(const struct session *s, char out[KM_TERMINAL_MAX])
{
	const struct msg_open *o = &s->asked;

	snprintf(out, KM_TERMINAL_MAX, "%lu %u %zu:%s %zu:%s %zu:%s", (unsigned long)s->peer,
		 o->origin, strlen(o->service), o->service, strlen(o->tty), o->tty,
		 strlen(o->rhost), o->rhost);
}

/* To be answered, listened to, and keyed in, after it has rung. */
#define CALL_SECONDS 90

unsigned challenge_seconds(const struct vault *v, enum km_order kind)
{
	unsigned call = v->conf.voice.ring + CALL_SECONDS;

	return km_order_waits_for_keys(kind) && call < v->conf.phone.expires
		   ? call
		   : v->conf.phone.expires;
}

km_rc challenge_new(struct vault *v, struct session *s, const struct km_operator *owner,
		    const char *digits, struct km_challenge *out)
{
	char terminal[KM_TERMINAL_MAX];
	km_rc rc = s->sent.tagged ? KM_OK : km_random(s->sent.tag, sizeof s->sent.tag);

	if (rc != KM_OK)
		return rc;
	s->sent.tagged = true;
	terminal_of(s, terminal);
	memcpy(out->subject, owner->subject, sizeof out->subject);
	memcpy(out->session, s->sent.tag, sizeof out->session);
	memcpy(out->boot, v->now.boot_id, sizeof out->boot);
	out->until_ms = v->now.boot_ms + v->conf.phone.expires * 1000LL;
	return store_challenge_code(v->store, owner, s->sent.tag, terminal, digits, strlen(digits),
				    out->code);
}

bool challenge_is_typed(const struct session *s)
{
	return s->sent.kind == KM_ORDER_MESSAGE || s->sent.kind == KM_ORDER_SPOKEN;
}

bool challenge_is_of(const struct vault *v, const struct session *s, const struct km_credential *c)
{
	return challenge_is_typed(s) && s->sent.credential == c->id && c->id != 0 &&
	       gate_is_good(c, v->now.wall);
}

static bool is_ours(const struct vault *v, const struct session *s, const struct km_challenge *c)
{
	return c->kind == s->sent.kind && c->credential == s->sent.credential &&
	       km_equal(c->session, sizeof c->session, s->sent.tag, sizeof s->sent.tag) &&
	       memcmp(c->boot, v->now.boot_id, sizeof c->boot) == 0;
}

km_rc challenge_judge(struct vault *v, struct trial *t, const struct km_operator *owner,
		      const void *code, size_t len, enum code_found *found)
{
	char terminal[KM_TERMINAL_MAX];
	struct km_challenge c = { 0 };
	uint8_t mac[KM_TAG_BYTES];
	km_rc rc, there;

	terminal_of(t->s, terminal);
	rc = store_challenge_code(v->store, owner, t->s->sent.tag, terminal, code, len, mac);
	if (rc != KM_OK)
		return rc;
	there = store_challenge(v->store, owner->subject, &c);
	if (there != KM_OK && there != KM_ENOTFOUND)
		return there;
	*found = CODE_WRONG;
	if (!km_equal(mac, sizeof mac, c.code, sizeof c.code) || there != KM_OK ||
	    !is_ours(v, t->s, &c))
		return KM_OK;
	if (v->now.boot_ms >= c.until_ms) {
		*found = CODE_LATE;
		return KM_OK;
	}
	*found = CODE_RIGHT;
	t->challenge = c;
	return KM_OK;
}

km_rc challenge_site(struct vault *v, const char *what, struct km_spending *out)
{
	struct km_budget stored;
	km_rc rc = km_tag_phone(v->keys, KM_TAG_PHONE_SITE, what, strlen(what), out->tag);

	if (rc == KM_OK)
		rc = store_budget(v->store, out->tag, &stored);
	if (rc == KM_OK)
		out->budget = budget_at(&stored, v->now.wall, v->suspicion & KM_SUSPECT_CLOCK);
	return rc;
}

km_rc challenge_won(struct vault *v, struct km_spending *out)
{
	km_rc rc = challenge_site(v, CHALLENGE_SENT, out);

	if (rc == KM_OK)
		out->budget = budget_won(&out->budget);
	return rc;
}
