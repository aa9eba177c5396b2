/*
 * The file of a certificate. It is JSON, but of exactly one form: every field, in
 * this order, with these blanks. Reading it is writing it again and finding the
 * same bytes, so a byte that was changed anywhere is a file that is refused, even
 * where a reader of JSON would see no difference.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/people.h>

#include "certificate.h"

enum kind {
	WORD, /* the same in every file */
	HEX,
	HEX_OR_NULL, /* null for zeros */
	CAUSE,
	KIND,
	TIME,   /* UTC; null for 0 */
	NUMBER, /* of this size */
	FLAG,
};

struct field {
	const char *key;
	enum kind kind;
	size_t offset, size;
	const char *word;
};

/*
 * The same in every file but those from before it was written, which hold as they are. Signed by
 * nobody, as it says nothing of this certificate: what is read must be these words.
 */
#define NOT_COVERED                                                                                \
	",\n\"not-covered\":[\n"                                                                   \
	"\"what was printed: lists, recovery codes on paper\",\n"                                  \
	"\"what another system wrote down by itself, such as a gateway's logs\",\n"                \
	"\"what was destroyed before, by a withdrawal of consent or a removal\",\n"                \
	"\"key bundles held elsewhere\",\n"                                                        \
	"\"copies of the databases from before, until the key epoch is closed\"]"

#define OF(type, name) offsetof(struct type, name), sizeof(((struct type *)0)->name)
#define ROW(key, kind, name)                                                                       \
	{                                                                                          \
		key, kind, OF(msg_certificate_row, name), NULL                                     \
	}

static const struct field head[] = {
	{ "format", WORD, 0, 0, KM_CERTIFICATE_DOMAIN },
	{ "method", WORD, 0, 0, CERTIFICATE_METHOD },
	ROW("chain", HEX, chain),
	ROW("subject", HEX, subject),
	ROW("cause", CAUSE, cause),
	ROW("decided-by", HEX_OR_NULL, decided),
	ROW("approved-by", HEX_OR_NULL, approved),
	ROW("unusable-since", TIME, unusable),
	ROW("finished", TIME, finished),
	ROW("key-epoch", NUMBER, epoch),
	ROW("key-epoch-closed", TIME, closed),
	ROW("key-bundles-destroyed", FLAG, bundles),
	ROW("audit-record", NUMBER, seq),
	ROW("audit-hash", HEX, hash),
	{ 0 },
};
static const struct field tail[] = {
	ROW("signed-at", TIME, signed_at),
	ROW("signer", NUMBER, generation),
	ROW("signature", HEX, signature),
	{ 0 },
};
static const struct field item_fields[] = {
	{ "kind", KIND, OF(msg_certificate_item, kind), NULL },
	{ "id", NUMBER, OF(msg_certificate_item, id), NULL },
	{ "created", TIME, OF(msg_certificate_item, created), NULL },
	{ 0 },
};
static const struct field signer_fields[] = {
	{ "generation", NUMBER, OF(msg_signer_row, generation), NULL },
	{ "public", HEX, OF(msg_signer_row, public), NULL },
	{ "since", NUMBER, OF(msg_signer_row, since_seq), NULL },
	{ "since-hash", HEX, OF(msg_signer_row, since_hash), NULL },
	{ "signature", HEX, OF(msg_signer_row, signature), NULL },
	{ 0 },
};

const char *certificate_kind(unsigned kind)
{
	if (kind == CERTIFICATE_DAMAGED)
		return "damaged";
	return kind == 0 ? "person" : km_factor_word(kind);
}

void certificate_free(struct certificate *c)
{
	if (c) {
		free(c->signer);
		*c = (struct certificate){ 0 };
	}
}

km_rc certificate_add_signer(struct certificate *c, const struct msg_signer_row *s)
{
	if (c->signers == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct msg_signer_row *grown = reallocarray(c->signer, cap, sizeof(*grown));

		if (!grown)
			return KM_ENOMEM;
		c->signer = grown;
		c->cap = cap;
	}
	c->signer[c->signers++] = *s;
	return KM_OK;
}

/* --- writing -------------------------------------------------------------------------- */

static uint64_t number_at(const void *at, size_t size)
{
	uint8_t u8;
	uint32_t u32;
	uint64_t u64 = 0;

	if (size == sizeof(u8)) {
		memcpy(&u8, at, sizeof(u8));
		return u8;
	}
	if (size == sizeof(u32)) {
		memcpy(&u32, at, sizeof(u32));
		return u32;
	}
	memcpy(&u64, at, sizeof(u64));
	return u64;
}

/* One that does not fit is another number then, which the comparison at the end sees. */
static void set_number(void *at, size_t size, uint64_t n)
{
	const uint8_t u8 = (uint8_t)n;
	const uint32_t u32 = (uint32_t)n;

	memcpy(at,
	       size == sizeof(u8)    ? (const void *)&u8
	       : size == sizeof(u32) ? (const void *)&u32
				     : (const void *)&n,
	       size);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == 0)
		len--;
	return len == 0;
}

static void write_hex(FILE *f, const uint8_t *bytes, size_t len)
{
	putc('"', f);
	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", bytes[i]);
	putc('"', f);
}

static void write_time(FILE *f, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[40];
	struct tm tm;

	if (seconds > 0 && gmtime_r(&t, &tm) && tm.tm_year < 8100 &&
	    strftime(text, sizeof(text), "\"%Y-%m-%dT%H:%M:%SZ\"", &tm) > 0)
		fputs(text, f);
	else
		fputs("null", f);
}

static void write_value(FILE *f, const struct field *x, const void *base)
{
	const uint8_t *at = (const uint8_t *)base + x->offset;

	switch (x->kind) {
	case WORD:
		fprintf(f, "\"%s\"", x->word);
		break;
	case HEX_OR_NULL:
		if (is_zero(at, x->size))
			fputs("null", f);
		else
			write_hex(f, at, x->size);
		break;
	case HEX:
		write_hex(f, at, x->size);
		break;
	case CAUSE:
		fprintf(f, "\"%s\"", km_cause_word(*at));
		break;
	case KIND:
		fprintf(f, "\"%s\"", certificate_kind(*at));
		break;
	case TIME:
		write_time(f, (int64_t)number_at(at, x->size));
		break;
	case NUMBER:
		fprintf(f, "%" PRIu64, number_at(at, x->size));
		break;
	case FLAG:
		fputs(*at ? "true" : "false", f);
		break;
	}
}

static void write_fields(FILE *f, const struct field *fields, const void *base, const char *between)
{
	for (const struct field *x = fields; x->key; x++) {
		fprintf(f, "%s\"%s\":", x == fields ? "" : between, x->key);
		write_value(f, x, base);
	}
}

void certificate_write(const struct certificate *c, FILE *f)
{
	putc('{', f);
	write_fields(f, head, &c->row, ",\n");
	if (!c->older)
		fputs(NOT_COVERED, f);
	fputs(",\n\"items\":[", f);
	for (size_t i = 0; i < c->row.items && i < KM_CERTIFICATE_ITEMS; i++) {
		fputs(i ? ",\n{" : "\n{", f);
		write_fields(f, item_fields, &c->item[i], ",");
		putc('}', f);
	}
	fputs("],\n", f);
	write_fields(f, tail, &c->row, ",\n");
	fputs(",\n\"signers\":[", f);
	for (size_t i = 0; i < c->signers; i++) {
		fputs(i ? ",\n{" : "\n{", f);
		write_fields(f, signer_fields, &c->signer[i], ",");
		putc('}', f);
	}
	fputs("]}\n", f);
}

/* --- reading -------------------------------------------------------------------------- */

/* What does not fit leaves `at` where it is, and the comparison at the end refuses it. */
struct reader {
	const char *at, *end;
};

static bool take(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len) != 0)
		return false;
	r->at += len;
	return true;
}

static bool take_hex(struct reader *r, uint8_t *out, size_t len)
{
	if ((size_t)(r->end - r->at) < 2 * len + 2 || r->at[0] != '"' || r->at[2 * len + 1] != '"')
		return false;
	if (!km_hex_parse(r->at + 1, out, len))
		return false;
	r->at += 2 * len + 2;
	return true;
}

/* At most so many digits, of which there is one. */
static bool take_digits(struct reader *r, unsigned most, uint64_t *out)
{
	unsigned n = 0;

	*out = 0;
	for (; n < most && r->at < r->end && *r->at >= '0' && *r->at <= '9'; n++)
		*out = *out * 10 + (uint64_t)(*r->at++ - '0');
	return n > 0;
}

static bool take_time(struct reader *r, int64_t *out)
{
	static const char *const before[] = { "\"", "-", "-", "T", ":", ":" };
	uint64_t part[6];
	struct tm tm = { 0 };

	if (take(r, "null"))
		return true;
	for (size_t i = 0; i < 6; i++)
		if (!take(r, before[i]) || !take_digits(r, i ? 2 : 4, &part[i]))
			return false;
	tm.tm_year = (int)part[0] - 1900;
	tm.tm_mon = (int)part[1] - 1;
	tm.tm_mday = (int)part[2];
	tm.tm_hour = (int)part[3];
	tm.tm_min = (int)part[4];
	tm.tm_sec = (int)part[5];
	*out = (int64_t)timegm(&tm);
	return take(r, "Z\"");
}

/* One of the words that a number below 256 has. */
static bool take_word(struct reader *r, const char *(*word)(unsigned), uint8_t *out)
{
	char quoted[64];

	for (unsigned n = 0; n < 256; n++) {
		if (strcmp(word(n), "?") == 0)
			continue;
		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", word(n));
		if (take(r, quoted)) {
			*out = (uint8_t)n;
			return true;
		}
	}
	return false;
}

static bool take_value(struct reader *r, const struct field *x, void *base)
{
	uint8_t *at = (uint8_t *)base + x->offset;
	uint64_t n = 0;
	int64_t when = 0;
	bool good = true;

	switch (x->kind) {
	case WORD:
		return take(r, "\"") && take(r, x->word) && take(r, "\"");
	case HEX_OR_NULL:
		return take(r, "null") || take_hex(r, at, x->size);
	case HEX:
		return take_hex(r, at, x->size);
	case CAUSE:
		return take_word(r, km_cause_word, at);
	case KIND:
		return take_word(r, certificate_kind, at);
	case TIME:
		good = take_time(r, &when);
		n = (uint64_t)when;
		break;
	case NUMBER:
		good = take_digits(r, 19, &n);
		break;
	case FLAG:
		n = take(r, "true");
		good = n || take(r, "false");
		break;
	}
	set_number(at, x->size, n);
	return good;
}

static bool take_fields(struct reader *r, const struct field *fields, void *base,
			const char *between)
{
	for (const struct field *x = fields; x->key; x++) {
		if (x != fields && !take(r, between))
			return false;
		if (!take(r, "\"") || !take(r, x->key) || !take(r, "\":") ||
		    !take_value(r, x, base))
			return false;
	}
	return true;
}

static bool take_items(struct reader *r, struct certificate *c)
{
	while (c->row.items < KM_CERTIFICATE_ITEMS && take(r, c->row.items ? ",\n{" : "\n{"))
		if (!take_fields(r, item_fields, &c->item[c->row.items++], ",") || !take(r, "}"))
			return false;
	return true;
}

static km_rc take_signers(struct reader *r, struct certificate *c)
{
	km_rc rc = KM_OK;

	while (rc == KM_OK && take(r, c->signers ? ",\n{" : "\n{")) {
		struct msg_signer_row s = { 0 };

		if (!take_fields(r, signer_fields, &s, ",") || !take(r, "}"))
			return KM_EINVAL;
		rc = certificate_add_signer(c, &s);
	}
	return rc;
}

/* Is it, to the byte, what would be written? */
static km_rc compare(const struct certificate *c, const char *text, size_t len)
{
	char *again = NULL;
	size_t again_len = 0;
	FILE *f = open_memstream(&again, &again_len);
	bool same;

	if (!f)
		return KM_ENOMEM;
	certificate_write(c, f);
	if (fclose(f) != 0) {
		free(again);
		return KM_ENOMEM;
	}
	same = again_len == len && memcmp(again, text, len) == 0;
	free(again);
	return same ? KM_OK : KM_EINVAL;
}

km_rc certificate_read(const char *text, size_t len, struct certificate *out)
{
	struct reader r = { .at = text, .end = text + len };
	km_rc rc;

	if (!take(&r, "{") || !take_fields(&r, head, &out->row, ",\n"))
		return KM_EINVAL;
	out->older = !take(&r, NOT_COVERED);
	if (!take(&r, ",\n\"items\":[") || !take_items(&r, out) || !take(&r, "],\n") ||
	    !take_fields(&r, tail, &out->row, ",\n") || !take(&r, ",\n\"signers\":["))
		return KM_EINVAL;
	rc = take_signers(&r, out);
	return rc == KM_OK ? compare(out, text, len) : rc;
}
