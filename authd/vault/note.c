/*
 * Events. The audit chain takes them inside the transaction of what happened;
 * the journal is told after the commit, and may miss them.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/event.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "vault.h"

#define NOTE_FIELDS 24 /* event, subject, actor and the keys of a body */

void event_make(struct km_event_record *r, enum km_event event,
		const uint8_t subject[KM_SUBJECT_BYTES], const char *actor)
{
	memset(r, 0, sizeof *r);
	r->event = event;
	if (subject)
		memcpy(r->subject, subject, KM_SUBJECT_BYTES);
	snprintf(r->actor, sizeof r->actor, "%s", actor);
}

static bool stands_for_itself(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '%' && c != '=';
}

void event_add(struct km_event_record *r, const char *key, const char *value)
{
	size_t used = strlen(r->body), need = strlen(key) + 2;
	char *at = r->body + used;

	for (const char *p = value; *p; p++)
		need += stands_for_itself((unsigned char)*p) ? 1 : 3;
	if (used + need >= sizeof r->body)
		return;
	at += snprintf(at, sizeof r->body - used, "%s%s=", used ? " " : "", key);
	for (const char *p = value; *p; p++) {
		if (stands_for_itself((unsigned char)*p))
			*at++ = *p;
		else
			at += snprintf(at, 4, "%%%02X", (unsigned char)*p);
	}
	*at = '\0';
}

void event_add_number(struct km_event_record *r, const char *key, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)number);
	event_add(r, key, text);
}

void event_add_subject(struct km_event_record *r, const char *key,
		       const uint8_t subject[KM_SUBJECT_BYTES])
{
	char hex[KM_HEX(KM_SUBJECT_BYTES)];

	event_add(r, key, km_hex(subject, KM_SUBJECT_BYTES, hex));
}

void note_event(struct vault *v, const struct km_event_record *r)
{
	if (v->notes < VAULT_NOTES)
		v->note[v->notes++].record = *r;
}

km_rc note_record(struct vault *v, const struct km_event_record *r)
{
	km_rc rc = store_record(v->store, r);

	if (rc == KM_OK)
		note_event(v, r);
	return rc;
}

/* "service=sshd reason=replay" becomes KENMON_SERVICE and KENMON_REASON; names holds the keys. */
static size_t body_fields(char *body, struct km_log_field *field, size_t room, char (*name)[32])
{
	size_t count = 0;
	char *next = body;

	while (count < room && next && *next) {
		char *key = next, *value;

		next = strchr(key, ' ');
		if (next)
			*next++ = '\0';
		value = strchr(key, '=');
		if (!value)
			continue;
		*value++ = '\0';
		snprintf(name[count], sizeof name[count], "KENMON_%.24s", key);
		for (char *c = name[count]; *c; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c == '-' ? '_' : *c;
		field[count] = (struct km_log_field){ name[count], value };
		count++;
	}
	return count;
}

static void drop(char *body, const char *key)
{
	size_t len = strlen(key);
	char *at = body, *end;

	while (at && *at) {
		end = at + strcspn(at, " ");
		if (strncmp(at, key, len) == 0 && at[len] == '=') {
			memmove(at, *end ? end + 1 : end, strlen(*end ? end + 1 : end) + 1);
			continue;
		}
		at = *end ? end + 1 : NULL;
	}
}

/* The journal keeps for ever what it is told, is not ours to erase, and others read it. */
static void drop_private(char *body)
{
	static const char *const keys[] = { EVENT_FREE_TEXT, EVENT_SCORE };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		drop(body, keys[i]);
}

static void to_journal(const struct km_event_record *r)
{
	struct km_log_field field[NOTE_FIELDS];
	char name[NOTE_FIELDS][32], subject[KM_HEX(KM_SUBJECT_BYTES)], number[8];
	char body[sizeof r->body], text[sizeof r->body + 160];
	size_t count = 0;

	km_hex(r->subject, KM_SUBJECT_BYTES, subject);
	snprintf(number, sizeof number, "%u", (unsigned)r->event);
	memcpy(body, r->body, sizeof body);
	drop_private(body);
	snprintf(text, sizeof text, "%s by=%s%s%s", km_event_word(r->event), r->actor,
		 body[0] ? " " : "", body);
	field[count++] = (struct km_log_field){ "KENMON_EVENT", km_event_word(r->event) };
	field[count++] = (struct km_log_field){ "KENMON_EVENT_NUMBER", number };
	field[count++] = (struct km_log_field){ "KENMON_SUBJECT", subject };
	field[count++] = (struct km_log_field){ "KENMON_ACTOR", r->actor };
	count += body_fields(body, field + count, NOTE_FIELDS - count, name + count);
	km_log_fields(km_event_priority(r->event), field, count, text);
}

void note_settle(struct vault *v, bool durable)
{
	for (size_t i = 0; durable && i < v->notes; i++)
		to_journal(&v->note[i].record);
	v->notes = 0;
}
