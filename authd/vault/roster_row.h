/*
 * One row of a roster: as it comes in a slice, as it is kept, and what is wrong
 * with it by itself. Pure.
 */
#ifndef KENMON_VAULT_ROSTER_ROW_H
#define KENMON_VAULT_ROSTER_ROW_H

#include <kenmon/people.h>
#include <kenmon/store.h>

struct roster_row {
	uint32_t line;
	uint8_t status; /* enum km_roster_status; NONE: active */
	int64_t valid_from, valid_until;
	struct km_person who;
	char role[33]; /* its word; "": as it is, or operator */
};

/* What is wrong with a row; also what roster_judge.c finds wrong. Kept in the sealed row. */
enum roster_fault {
	ROW_NONE = 0,
	ROW_LONG,
	ROW_TEXT,
	ROW_NUMBER,
	ROW_LOGIN,
	ROW_NAME,
	ROW_DEPARTMENT,
	ROW_ROLE,
	ROW_STATUS,
	ROW_DATES,
	ROW_PHONE,
	ROW_NUMBER_TWICE,
	ROW_LOGIN_TWICE,
	ROW_LOGIN_TAKEN,
	ROW_COUNT
};
const char *roster_fault_text(unsigned fault); /* an English sentence's part */

/*
 * The next row of a slice; *at moves behind it. KM_EPROTO: that is no row. A field that is too long
 * or no plain text is left empty, and is the row's fault.
 */
KM_MUST_CHECK km_rc roster_row_take(const uint8_t **at, size_t *left, struct roster_row *out,
				    enum roster_fault *fault);
/* What is wrong with it, looked at alone. */
enum roster_fault roster_row_fault(const struct roster_row *row);

/* What was decided about a row. */
struct roster_verdict {
	uint8_t outcome;                   /* enum km_outcome */
	uint8_t fault;                     /* enum roster_fault, of a wrong one */
	uint8_t cause;                     /* enum km_cause, of one who left */
	uint16_t mask;                     /* enum km_change bits: what becomes different */
	uint64_t cursor;                   /* of the operator; 0: nobody who is registered */
	int64_t day;                       /* on which it takes effect */
	uint8_t subject[KM_SUBJECT_BYTES]; /* zeros: nobody who is registered */
};

/* Row and verdict in the form that is sealed; at most ROSTER_PACKED bytes. */
#define ROSTER_PACKED 700
size_t roster_pack(const struct roster_row *row, const struct roster_verdict *verdict,
		   uint8_t out[ROSTER_PACKED]);
/* And back: all of the row but its line, of the verdict fault, cause and mask. KM_ECORRUPT. */
KM_MUST_CHECK km_rc roster_unpack(const uint8_t *bytes, size_t len, struct roster_row *row,
				  struct roster_verdict *verdict);

/* Names of the fields in a mask, separated by a comma. */
void roster_fields(unsigned mask, char *out, size_t cap);

#endif
