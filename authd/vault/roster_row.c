/* One row of a roster, looked at alone. */
#include "roster_row.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>
#include <kenmon/phone.h>

#include "keys_internal.h"

#define DAY_LAST    2932896 /* 9999-12-31 */
#define PACKED_HEAD (1 + 1 + 2)

static const char *const faults[ROW_COUNT] = {
	[ROW_NONE] = "",
	[ROW_LONG] = "a field is too long",
	[ROW_TEXT] = "a field holds something that is no plain text",
	[ROW_NUMBER] = "there is no employee number",
	[ROW_LOGIN] = "there is no login, or it cannot be one",
	[ROW_NAME] = "there is no name",
	[ROW_DEPARTMENT] = "there is no department",
	[ROW_ROLE] = "there is no such role",
	[ROW_STATUS] = "there is no such status",
	[ROW_DATES] = "a date is none, or valid_from lies after valid_until",
	[ROW_PHONE] = "a telephone number is not one",
	[ROW_NUMBER_TWICE] = "the employee number stands in a row before, too",
	[ROW_LOGIN_TWICE] = "the login stands in a row before, too",
	[ROW_LOGIN_TAKEN] = "the login belongs to another operator",
};

const char *roster_fault_text(unsigned fault)
{
	return fault < ROW_COUNT ? faults[fault] : "?";
}

/* --- bytes -------------------------------------------------------------------------------- */

static const struct text_field {
	size_t offset, size;
} texts[] = {
#define TEXT_FIELD(name)                                                                           \
	{                                                                                          \
		offsetof(struct roster_row, name), sizeof(((struct roster_row *)0)->name)          \
	}
	TEXT_FIELD(who.employee_number), TEXT_FIELD(who.login), TEXT_FIELD(who.name),
	TEXT_FIELD(who.department),      TEXT_FIELD(role),      TEXT_FIELD(who.mobile),
	TEXT_FIELD(who.landline),
};
#define TEXTS (sizeof texts / sizeof texts[0])

struct bytes {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static uint64_t take_number(struct bytes *b, unsigned width)
{
	uint64_t value;

	if (b->bad || b->left < width) {
		b->bad = true;
		return 0;
	}
	value = keys_get(b->at, width);
	b->at += width;
	b->left -= width;
	return value;
}

static void take_text(struct bytes *b, char *out, size_t size, enum roster_fault *fault)
{
	size_t len = (size_t)take_number(b, 2);

	if (b->bad || b->left < len) {
		b->bad = true;
		return;
	}
	if (len >= size)
		*fault = ROW_LONG;
	else if (!km_text_is_plain((const char *)b->at, len))
		*fault = ROW_TEXT;
	else
		memcpy(out, b->at, len); /* the NUL is there: *out was zeroed */
	b->at += len;
	b->left -= len;
}

static void take_body(struct bytes *b, struct roster_row *row, enum roster_fault *fault)
{
	row->status = (uint8_t)take_number(b, 1);
	row->valid_from = (int64_t)take_number(b, 8);
	row->valid_until = (int64_t)take_number(b, 8);
	for (size_t i = 0; i < TEXTS; i++)
		take_text(b, (char *)row + texts[i].offset, texts[i].size, fault);
}

km_rc roster_row_take(const uint8_t **at, size_t *left, struct roster_row *out,
		      enum roster_fault *fault)
{
	struct bytes b = { *at, *left, false };

	memset(out, 0, sizeof *out);
	*fault = ROW_NONE;
	out->line = (uint32_t)take_number(&b, 4);
	take_body(&b, out, fault);
	if (b.bad || out->line == 0)
		return KM_EPROTO;
	*at = b.at;
	*left = b.left;
	return KM_OK;
}

size_t roster_pack(const struct roster_row *row, const struct roster_verdict *verdict,
		   uint8_t out[ROSTER_PACKED])
{
	uint8_t *at = keys_put(out, verdict->fault, 1);

	at = keys_put(at, verdict->cause, 1);
	at = keys_put(at, verdict->mask, 2);
	at = keys_put(at, row->status, 1);
	at = keys_put(at, (uint64_t)row->valid_from, 8);
	at = keys_put(at, (uint64_t)row->valid_until, 8);
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = (const char *)row + texts[i].offset;
		size_t len = strnlen(text, texts[i].size - 1);

		at = keys_put(at, len, 2);
		memcpy(at, text, len);
		at += len;
	}
	return (size_t)(at - out);
}

km_rc roster_unpack(const uint8_t *bytes, size_t len, struct roster_row *row,
		    struct roster_verdict *verdict)
{
	struct bytes b = { bytes, len, false };
	enum roster_fault fault = ROW_NONE;

	memset(row, 0, sizeof *row);
	verdict->fault = (uint8_t)take_number(&b, 1);
	verdict->cause = (uint8_t)take_number(&b, 1);
	verdict->mask = (uint16_t)take_number(&b, 2);
	take_body(&b, row, &fault);
	return b.bad || b.left || fault ? KM_ECORRUPT : KM_OK;
}

/* --- what is wrong -------------------------------------------------------------------------- */

/* What useradd(8) refuses, or a path would take for something else. */
static bool can_be_login(const char *login)
{
	return login[0] && login[0] != '-' && login[0] != '+' && login[0] != '.' &&
	       !strpbrk(login, " /:,\\\"'");
}

static bool is_day(int64_t day)
{
	return day == KM_DAY_NONE || (day >= 0 && day <= DAY_LAST);
}

static bool is_phone(const char *text)
{
	return !*text || km_phone_is_number(text);
}

enum roster_fault roster_row_fault(const struct roster_row *row)
{
	enum km_role role;

	if (!row->who.employee_number[0])
		return ROW_NUMBER;
	if (!can_be_login(row->who.login))
		return ROW_LOGIN;
	if (!row->who.name[0])
		return ROW_NAME;
	if (!row->who.department[0])
		return ROW_DEPARTMENT;
	if (row->role[0] && !km_role_parse(row->role, &role))
		return ROW_ROLE;
	if (row->status > KM_ROSTER_RETIRED)
		return ROW_STATUS;
	if (!is_day(row->valid_from) || !is_day(row->valid_until) ||
	    (row->valid_from != KM_DAY_NONE && row->valid_until != KM_DAY_NONE &&
	     row->valid_from > row->valid_until))
		return ROW_DATES;
	if (!is_phone(row->who.mobile) || !is_phone(row->who.landline))
		return ROW_PHONE;
	return ROW_NONE;
}

void roster_fields(unsigned mask, char *out, size_t cap)
{
	static const char *const names[] = { "name",        "department", "role",     "valid_from",
					     "valid_until", "mobile",     "landline", "login" };
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if ((mask & (1u << i)) && used < cap)
			used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? "," : "",
						 names[i]);
}
