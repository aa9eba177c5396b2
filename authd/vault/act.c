/* Which fields an approver sees of each act: all of them. */
#include "act.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/people.h>

#define DAY_SECONDS 86400

enum kind {
	TEXT,
	ROLE,
	STATE,
	DAY,
	TIME,
	UID,
	FACTOR,
	ALGORITHM,
	BRAKE,
	BOOLEAN,
	WIDE,
	WIDE_SIGNED,
	NUMBER,
	SHORT,
	BYTE,
	MARK
};

static const struct {
	uint8_t act;
	const char *word;
} acts[] = {
	{ KM_MSG_OPERATOR_ADD, "operator-add" },
	{ KM_MSG_OPERATOR_STATE, "operator-state" },
	{ KM_MSG_OPERATOR_REBIND, "operator-rebind" },
	{ KM_MSG_OPERATOR_CHANGE, "operator-change" },
	{ KM_MSG_UNLOCK, "unlock" },
	{ KM_MSG_ERASE, "erase" },
	{ KM_MSG_TRANSFER, "transfer" },
	{ KM_MSG_DUE_RELEASE, "due-release" },
	{ KM_MSG_ROSTER_END, "roster" },
	{ KM_MSG_ACTIVATE, "activate" },
	{ KM_MSG_BACKUP, "backup" },
	{ KM_MSG_BUNDLE, "key-bundle" },
};

#define FIELD(NAME, name, kind, key, member)                                                       \
	{                                                                                          \
		KM_MSG_##NAME, kind, key, offsetof(struct km_msg, name.member), 0, false           \
	}
#define SAID(NAME, name, kind, key, member)                                                        \
	{                                                                                          \
		KM_MSG_##NAME, kind, key, offsetof(struct km_msg, name.member), 0, true            \
	}
#define CHANGE(kind, key, member, bit)                                                             \
	{                                                                                          \
		KM_MSG_OPERATOR_CHANGE, kind, key,                                                 \
		    offsetof(struct km_msg, operator_change.member), bit, false                    \
	}

/*
 * In the order in which they are shown. A field with a bit is shown where the mask has it, one that
 * must say something where it is not 0 or empty: nothing that is shown and nothing that is left out
 * mean the same.
 */
static const struct field {
	uint8_t act, kind;
	const char *key;
	size_t at;
	uint16_t bit;
	bool must_say;
} fields[] = {
	FIELD(OPERATOR_ADD, operator_add, TEXT, "login", login),
	FIELD(OPERATOR_ADD, operator_add, TEXT, "employee-number", employee_number),
	FIELD(OPERATOR_ADD, operator_add, TEXT, "name", name),
	FIELD(OPERATOR_ADD, operator_add, TEXT, "department", department),
	FIELD(OPERATOR_ADD, operator_add, ROLE, "role", role),
	FIELD(OPERATOR_ADD, operator_add, UID, "uid", uid),
	FIELD(OPERATOR_ADD, operator_add, DAY, "valid-from", valid_from),
	FIELD(OPERATOR_ADD, operator_add, DAY, "valid-until", valid_until),
	FIELD(OPERATOR_STATE, operator_state, TEXT, "login", login),
	FIELD(OPERATOR_STATE, operator_state, STATE, "state", state),
	FIELD(OPERATOR_STATE, operator_state, TEXT, "reason", reason),
	FIELD(OPERATOR_REBIND, operator_rebind, TEXT, "login", login),
	FIELD(OPERATOR_REBIND, operator_rebind, UID, "uid", uid),
	FIELD(OPERATOR_CHANGE, operator_change, TEXT, "login", login),
	CHANGE(TEXT, "name", name, KM_CHANGE_NAME),
	CHANGE(TEXT, "department", department, KM_CHANGE_DEPARTMENT),
	CHANGE(ROLE, "role", role, KM_CHANGE_ROLE),
	CHANGE(DAY, "valid-from", valid_from, KM_CHANGE_VALID_FROM),
	CHANGE(DAY, "valid-until", valid_until, KM_CHANGE_VALID_UNTIL),
	CHANGE(TEXT, "mobile", mobile, KM_CHANGE_MOBILE),
	CHANGE(TEXT, "landline", landline, KM_CHANGE_LANDLINE),
	FIELD(UNLOCK, unlock, TEXT, "login", login),
	FIELD(ERASE, erase, TEXT, "login", login),
	FIELD(ERASE, erase, TEXT, "reason", reason),
	FIELD(TRANSFER, transfer, TEXT, "login", login),
	FIELD(TRANSFER, transfer, DAY, "effective", effective),
	FIELD(TRANSFER, transfer, TEXT, "reason", reason),
	FIELD(DUE_RELEASE, due_release, NUMBER, "erasures", erasures),
	FIELD(DUE_RELEASE, due_release, MARK, "set", set),
	FIELD(ROSTER_END, roster_end, BOOLEAN, "apply", apply),
	FIELD(ROSTER_END, roster_end, WIDE_SIGNED, "erasures", erasures),
	FIELD(ROSTER_END, roster_end, WIDE, "feed", feed),
	FIELD(ROSTER_END, roster_end, BRAKE, "brake", brake),
	FIELD(ROSTER_END, roster_end, NUMBER, "joined", joined),
	FIELD(ROSTER_END, roster_end, NUMBER, "changed", changed),
	FIELD(ROSTER_END, roster_end, NUMBER, "left", left),
	FIELD(ROSTER_END, roster_end, NUMBER, "missing", missing),
	FIELD(ACTIVATE, activate, TEXT, "login", login),
	FIELD(ACTIVATE, activate, WIDE, "credential", credential),
	FIELD(ACTIVATE, activate, FACTOR, "factor", factor),
	SAID(ACTIVATE, activate, ALGORITHM, "algorithm", algorithm),
	SAID(ACTIVATE, activate, BYTE, "digits", digits),
	SAID(ACTIVATE, activate, SHORT, "period", period),
	SAID(ACTIVATE, activate, WIDE, "counter", counter),
	FIELD(ACTIVATE, activate, TEXT, "label", label),
	SAID(ACTIVATE, activate, TIME, "until", until),
	SAID(ACTIVATE, activate, TEXT, "reason", reason),
	SAID(ACTIVATE, activate, WIDE, "invitation", invitation),
	SAID(ACTIVATE, activate, NUMBER, "seconds", seconds),
	FIELD(BACKUP, backup, BOOLEAN, "full", full),
	FIELD(BACKUP, backup, SHORT, "days", days),
	FIELD(BUNDLE, bundle, SHORT, "days", days),
};

const char *act_word(unsigned number)
{
	for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
		if (acts[i].act == number)
			return acts[i].word;
	}
	return "?";
}

/* --- values ------------------------------------------------------------------------------ */

/* Of a text, and of a mark, its first byte. */
static int64_t number_at(const void *at, enum kind kind)
{
	uint16_t narrowest;
	uint32_t narrow;
	int64_t wide;

	switch (kind) {
	case TEXT:
	case ROLE:
	case STATE:
	case FACTOR:
	case ALGORITHM:
	case BRAKE:
	case BOOLEAN:
	case BYTE:
	case MARK:
		return *(const uint8_t *)at;
	case SHORT:
		memcpy(&narrowest, at, sizeof narrowest);
		return narrowest;
	case NUMBER:
		memcpy(&narrow, at, sizeof narrow);
		return narrow;
	case DAY:
	case TIME:
	case UID:
	case WIDE:
	case WIDE_SIGNED:
		break;
	}
	memcpy(&wide, at, sizeof wide);
	return wide;
}

/* Days that no date can say are shown as their number: nothing is left out. */
static const char *day_of(int64_t day, char out[32])
{
	char date[16];

	km_day_format(day, date);
	if (day == KM_DAY_NONE)
		return "none";
	if (date[0])
		snprintf(out, 32, "%s", date);
	else
		snprintf(out, 32, "day %lld", (long long)day);
	return out;
}

/* In UTC: the words and their digest stay what they are when the site's time zone changes. */
static const char *time_of(int64_t seconds, char out[32])
{
	unsigned second = (unsigned)(seconds % DAY_SECONDS);
	char date[16] = "";

	if (seconds >= 0)
		km_day_format(seconds / DAY_SECONDS, date);
	if (date[0])
		snprintf(out, 32, "%sT%02u:%02u:%02uZ", date, second / 3600 % 24, second / 60 % 60,
			 second % 60);
	else
		snprintf(out, 32, "second %lld", (long long)seconds);
	return out;
}

/* Enough of a digest to tell two apart by eye: what is carried out is held against all of it. */
static const char *mark_of(const uint8_t *digest, char out[32])
{
	return km_hex(digest, KM_MARK_BYTES, out);
}

static const char *value_of(const struct field *f, const uint8_t *at, char out[32])
{
	switch ((enum kind)f->kind) {
	case TEXT:
		return (const char *)at;
	case ROLE:
		return km_role_word(*at);
	case STATE:
		return km_state_word(*at);
	case FACTOR:
		return *at ? km_factor_word(*at) : "invitation";
	case ALGORITHM:
		return km_algorithm_word(*at);
	case BRAKE:
		return km_brake_word(*at);
	case BOOLEAN:
		return *at ? "yes" : "no";
	case DAY:
		return day_of(number_at(at, DAY), out);
	case MARK:
		return mark_of(at, out);
	case TIME:
		return time_of(number_at(at, TIME), out);
	case UID:
		if (number_at(at, UID) < 0)
			return "first-login";
		break;
	case WIDE:
	case WIDE_SIGNED:
	case NUMBER:
	case SHORT:
	case BYTE:
		break;
	}
	if (f->kind == WIDE)
		snprintf(out, 32, "%llu", (unsigned long long)number_at(at, WIDE));
	else
		snprintf(out, 32, "%lld", (long long)number_at(at, f->kind));
	return out;
}

/* --- the text ------------------------------------------------------------------------------ */

static bool put_byte(char text[ACT_TEXT], size_t *len, char byte)
{
	if (*len + 1 >= ACT_TEXT)
		return false;
	text[(*len)++] = byte;
	return true;
}

static bool put_escaped(char text[ACT_TEXT], size_t *len, unsigned char byte)
{
	static const char hex[] = "0123456789ABCDEF";

	if (byte > ' ' && byte != 0x7f && byte != '%' && byte != '=')
		return put_byte(text, len, (char)byte);
	return put_byte(text, len, '%') && put_byte(text, len, hex[byte >> 4]) &&
	       put_byte(text, len, hex[byte & 15]);
}

static bool put_field(char text[ACT_TEXT], size_t *len, const char *key, const char *value)
{
	bool fits = *len == 0 || put_byte(text, len, ' ');

	for (const char *p = key; fits && *p; p++)
		fits = put_byte(text, len, *p);
	fits = fits && put_byte(text, len, '=');
	for (const char *p = value; fits && *p; p++)
		fits = put_escaped(text, len, (unsigned char)*p);
	return fits;
}

km_rc act_text(const struct km_msg *m, char text[ACT_TEXT])
{
	char out[ACT_TEXT] = "", number[32];
	size_t len = 0, count = 0;
	bool fits = true;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const struct field *f = &fields[i];
		const uint8_t *at = (const uint8_t *)m + f->at;

		if (f->act != m->number)
			continue;
		count++;
		if (f->bit && !(m->operator_change.mask & f->bit))
			continue;
		if (f->must_say && number_at(at, f->kind) == 0)
			continue;
		fits = fits && put_field(out, &len, f->key, value_of(f, at, number));
	}
	if (fits && count > 0) {
		out[len] = '\0';
		memcpy(text, out, len + 1);
	}
	km_wipe(out, sizeof out); /* names of people, as whoever has the text wipes it */
	if (!fits)
		return KM_ELIMIT;
	return count > 0 ? KM_OK : KM_EINVAL;
}

km_rc act_digest(unsigned number, const uint8_t subject[KM_SUBJECT_BYTES], const char *text,
		 uint8_t digest[32])
{
	uint8_t bytes[1 + KM_SUBJECT_BYTES + ACT_TEXT];
	size_t len = strnlen(text, ACT_TEXT - 1);
	int made;

	bytes[0] = (uint8_t)number;
	memcpy(bytes + 1, subject, KM_SUBJECT_BYTES);
	memcpy(bytes + 1 + KM_SUBJECT_BYTES, text, len);
	made = EVP_Digest(bytes, 1 + KM_SUBJECT_BYTES + len, digest, NULL, EVP_sha256(), NULL);
	km_wipe(bytes, sizeof bytes);
	return made ? KM_OK : KM_ENOMEM;
}
