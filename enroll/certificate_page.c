/*
 * A certificate as one page for people: plain text, or HTML that a browser
 * prints on one sheet of A4, with as many items as there can be. The same sentences in both.
 */
#include <inttypes.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/people.h>

#include "certificate.h"
#include "out.h"

struct page {
	const struct desk *d;
	bool html;
};

#define HEX_TEXT KM_HEX(64)

/* --- how it looks ------------------------------------------------------------------------ */

static void put_text(const struct page *p, const char *text)
{
	char escaped[2048];

	km_escape(text, escaped, sizeof(escaped));
	for (const char *at = escaped; *at; at++) {
		const char *entity = *at == '<'   ? "&lt;"
				     : *at == '>' ? "&gt;"
				     : *at == '&' ? "&amp;"
						  : NULL;

		if (p->html && entity)
			fputs(entity, p->d->out);
		else
			putc(*at, p->d->out);
	}
}

static void put_title(const struct page *p, enum desk_text id, bool first)
{
	FILE *f = p->d->out;

	if (p->html)
		fputs(first ? "<h1>" : "<h2>", f);
	else if (!first)
		putc('\n', f);
	put_text(p, desk_text(id, p->d->lang));
	fputs(!p->html ? "\n" : first ? "</h1>\n" : "</h2>\n", f);
}

static void put_row(const struct page *p, enum desk_text label, const char *value)
{
	fputs(p->html ? "<p><b>" : "  ", p->d->out);
	put_text(p, desk_text(label, p->d->lang));
	fputs(p->html ? "</b>: " : ": ", p->d->out);
	put_text(p, value);
	fputs(p->html ? "</p>\n" : "\n", p->d->out);
}

static void put_line(const struct page *p, const char *text)
{
	fputs(p->html ? "<li>" : "  - ", p->d->out);
	put_text(p, text);
	fputs(p->html ? "</li>\n" : "\n", p->d->out);
}

static void put_sentence(const struct page *p, enum desk_text id, const char *a, const char *b)
{
	char text[1024];

	put_line(p, desk_expand(id, p->d->lang, a, b, text, sizeof(text)));
}

static void put_list(const struct page *p, bool begin)
{
	if (p->html)
		fputs(begin ? "<ul>\n" : "</ul>\n", p->d->out);
}

/* --- what it says ------------------------------------------------------------------------- */

static const char *person(const struct desk *d, const uint8_t subject[16], enum desk_text nobody,
			  char out[HEX_TEXT])
{
	static const uint8_t zeros[16];

	if (memcmp(subject, zeros, sizeof(zeros)) == 0)
		return desk_text(nobody, d->lang);
	return km_hex(subject, 16, out);
}

static void put_decision(const struct page *p, const struct msg_certificate_row *r)
{
	char hex[HEX_TEXT], when[DESK_TIME];
	const struct desk *d = p->d;

	put_row(p, DESK_CERT_SUBJECT, km_hex(r->subject, sizeof(r->subject), hex));
	put_row(p, DESK_CERT_WHY, km_cause_text(r->cause, d->lang));
	put_row(p, DESK_CERT_DECIDED, person(d, r->decided, DESK_CERT_BY_RULE, hex));
	put_row(p, DESK_CERT_APPROVED, person(d, r->approved, DESK_CERT_BY_ONE, hex));
	put_row(p, DESK_CERT_UNUSABLE, desk_time(r->unusable, when));
	put_row(p, DESK_CERT_FINISHED,
		r->finished ? desk_time(r->finished, when) : desk_text(DESK_CERT_NOT_YET, d->lang));
	put_row(p, DESK_CERT_METHOD, CERTIFICATE_METHOD);
}

static void put_epoch(const struct page *p, const struct msg_certificate_row *r)
{
	char number[24], when[DESK_TIME], text[512];

	(void)snprintf(number, sizeof(number), "%" PRIu32, r->epoch);
	put_row(p, DESK_CERT_EPOCH,
		desk_expand(r->closed ? DESK_CERT_CLOSED : DESK_CERT_OPEN, p->d->lang, number,
			    desk_time(r->closed, when), text, sizeof(text)));
}

static void put_items(const struct page *p, const struct certificate *c)
{
	put_title(p, DESK_CERT_WHAT, false);
	put_list(p, true);
	for (size_t i = 0; i < c->row.items && i < KM_CERTIFICATE_ITEMS; i++) {
		const struct msg_certificate_item *item = &c->item[i];
		char when[DESK_TIME], number[24];

		desk_time(item->created, when);
		if (item->kind == 0) {
			put_sentence(p, DESK_CERT_PERSON, when, NULL);
			continue;
		}
		(void)snprintf(number, sizeof(number), "%" PRIu64, item->id);
		if (item->kind == CERTIFICATE_DAMAGED)
			put_sentence(p, DESK_CERT_DAMAGED, number, NULL);
		else {
			char text[96];

			(void)snprintf(text, sizeof(text), "%s %s", certificate_kind(item->kind),
				       number);
			put_sentence(p, DESK_CERT_ITEM, text, when);
		}
	}
	put_list(p, false);
}

static void put_limits(const struct page *p, const struct msg_certificate_row *r)
{
	put_title(p, DESK_CERT_NOT_COVERED, false);
	put_list(p, true);
	put_sentence(p, DESK_CERT_NOT_PRINTED, NULL, NULL);
	put_sentence(p, DESK_CERT_NOT_GATEWAY, NULL, NULL);
	put_sentence(p, DESK_CERT_NOT_BEFORE, NULL, NULL);
	put_sentence(p, r->bundles ? DESK_CERT_BUNDLES_GONE : DESK_CERT_BUNDLES, NULL, NULL);
	if (!r->closed)
		put_sentence(p, DESK_CERT_COPIES, NULL, NULL);
	put_list(p, false);
}

static void put_evidence(const struct page *p, const struct certificate *c)
{
	const struct msg_certificate_row *r = &c->row;
	/* The one that is compared with --key: after a restore not the oldest. */
	size_t first = certificate_verify(c, NULL).first;
	char text[HEX_TEXT + 64], hex[HEX_TEXT], when[DESK_TIME];

	put_title(p, DESK_CERT_EVIDENCE, false);
	if (r->seq) {
		(void)snprintf(text, sizeof(text), "%" PRIu64 ", %s", r->seq,
			       km_hex(r->hash, sizeof(r->hash), hex));
		put_row(p, DESK_CERT_RECORD, text);
	}
	put_row(p, DESK_CERT_TRAIL, km_hex(r->chain, sizeof(r->chain), hex));
	if (!r->generation || c->signers == 0) {
		put_row(p, DESK_CERT_SIGNED, desk_text(DESK_CERT_NO_SIGNER, p->d->lang));
		return;
	}
	put_row(p, DESK_CERT_SIGNED, desk_time(r->signed_at, when));
	(void)snprintf(text, sizeof(text), "%" PRIu32 ", %s", r->generation,
		       km_hex(r->signature, sizeof(r->signature), hex));
	put_row(p, DESK_CERT_SIGNATURE, text);
	put_row(p, DESK_CERT_FIRST,
		km_hex(c->signer[first].public, sizeof(c->signer->public), hex));
	put_row(p, DESK_CERT_CHECK, "kenmon certificate verify FILE --key HEX");
}

void certificate_limits(const struct desk *d, const struct msg_certificate_row *r)
{
	put_limits(&(struct page){ .d = d }, r);
}

void certificate_page(const struct desk *d, const struct certificate *c, bool html)
{
	const struct page p = { .d = d, .html = html };

	if (html)
		fprintf(d->out,
			"<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\">\n"
			"<title>kenmon</title>\n<style>\n@page { size: A4; margin: 15mm }\n"
			"body { font: 9pt/1.3 sans-serif; max-width: 180mm; "
			"overflow-wrap: anywhere }\n"
			"h1 { font-size: 14pt; margin: 0 } "
			"h2 { font-size: 11pt; margin: .6em 0 0 }\n"
			"p { margin: .2em 0 } ul { margin: .2em 0 }\n</style></head>\n<body>\n",
			d->lang == KM_LANG_JA ? "ja" : "en");
	put_title(&p, DESK_CERT_TITLE, true);
	put_decision(&p, &c->row);
	put_epoch(&p, &c->row);
	put_items(&p, c);
	put_limits(&p, &c->row);
	put_evidence(&p, c);
	if (html)
		fputs("</body>\n</html>\n", d->out);
}
