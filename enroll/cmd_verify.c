/* kenmon audit verify: the chain, its signers and seals, and anchors that were kept elsewhere. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/anchor.h>
#include <kenmon/clock.h>
#include <kenmon/hex.h>

#include "commands.h"

struct verify {
	struct desk_progress progress;
	struct msg_verified seen;
	struct msg_signer_row *signer; /* all of them */
	size_t signers;
	uint64_t lines, anchors;
};

/* --- the chain ---------------------------------------------------------------- */

static km_rc keep_signer(struct verify *v, const struct msg_signer_row *row)
{
	struct msg_signer_row *more;

	/* One for each key epoch; each comes after the one that signed it. */
	if (v->signers > 0 && row->generation <= v->signer[v->signers - 1].generation)
		return KM_EPROTO;
	more = reallocarray(v->signer, v->signers + 1, sizeof(*more));
	if (!more)
		return KM_ENOMEM;
	v->signer = more;
	v->signer[v->signers++] = *row;
	return KM_OK;
}

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	struct verify *v = arg;

	if (m->number == KM_MSG_SIGNER_ROW)
		return keep_signer(v, &m->signer_row);
	if (m->number != KM_MSG_VERIFIED)
		return desk_progress_row(d, &v->progress, m);
	v->seen = m->verified;
	return KM_OK;
}

/* Slice after slice. The vault keeps the place for this line, so none is sent on another one. */
static km_rc verify_chain(struct desk *d, struct verify *v, struct msg_done *done)
{
	uint8_t again = 0;
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_AUDIT_VERIFY };
		struct desk_operation o = {
			.request = &m, .arg = v, .row = take_row, .asks = again != 0
		};

		m.audit_verify.again = again;
		again = 1;
		rc = desk_operate(d, &o);
		*done = o.done;
	} while (rc == KM_EAGAIN);
	return rc;
}

/* --- anchors ------------------------------------------------------------------- */

static km_rc check_anchor(struct desk *d, struct verify *v, const struct km_anchor *a)
{
	struct km_msg m = { .number = KM_MSG_AUDIT_ANCHOR };
	struct desk_operation o = { .request = &m };
	char line[24], text[sizeof(o.done.text)];
	km_rc rc;

	KM_ANCHOR_COPY(&m.audit_anchor, a);
	rc = desk_operate(d, &o);
	v->anchors += rc == KM_OK;
	if (rc != KM_ECORRUPT)
		return rc;
	snprintf(line, sizeof(line), "%" PRIu64, v->lines);
	return desk_because(d, rc, DESK_ANCHOR_BROKEN, line,
			    desk_reason(o.done.text, d->lang, text, sizeof(text)));
}

/* A line torn by a crash, or of something else: said, and passed over. */
static void pass_over(struct desk *d, struct verify *v, const char *name)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, v->lines);
	desk_warn(d, DESK_ANCHOR_NO_LINE, number, name);
}

#define SHOW_EVERY 1000 /* lines: a few times a second */

static km_rc check_lines(struct desk *d, struct verify *v, FILE *f, const char *name)
{
	char line[KM_ANCHOR_LINE + 2];
	struct km_anchor a;
	bool inside = false; /* a line that is too long */
	km_rc rc = KM_OK;

	while (rc == KM_OK && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);
		bool whole = len > 0 && line[len - 1] == '\n';
		bool rest = inside;

		inside = !whole;
		v->lines += !rest;
		line[strcspn(line, "\r\n")] = '\0';
		if (v->lines % SHOW_EVERY == 0)
			desk_progress_show(d, &v->progress, v->lines, 0);
		if (!rest && km_anchor_parse(line, &a) == KM_OK)
			rc = check_anchor(d, v, &a);
		else if (!rest && line[0] != '\0')
			pass_over(d, v, name);
	}
	if (rc == KM_OK && ferror(f))
		return desk_because(d, KM_EINVAL, DESK_ANCHOR_OPEN, name, strerror(errno));
	if (rc == KM_OK && v->anchors == 0)
		return desk_because(d, KM_EINVAL, DESK_ANCHOR_NONE, name, NULL);
	return rc;
}

static km_rc open_anchors(struct desk *d, const char *name, FILE **out)
{
	int fd = strcmp(name, "-") == 0 ? dup(d->in) : -1;

	*out = strcmp(name, "-") != 0 ? fopen(name, "re") : fd >= 0 ? fdopen(fd, "r") : NULL;
	if (*out)
		return KM_OK;
	if (fd >= 0)
		close(fd);
	return desk_because(d, KM_EINVAL, DESK_ANCHOR_OPEN, name, strerror(errno));
}

/* --- what was found ---------------------------------------------------------------- */

/* All that somebody needs who does not trust the vault: tests/system/seals.sh shows how. */
static void say_json(struct desk *d, const struct verify *v, uint64_t records, bool anchors)
{
	struct desk_json j = { .f = d->out };

	json_open(&j, NULL, '{');
	json_string(&j, "result", "done");
	json_number(&j, "records", (int64_t)records);
	json_hex(&j, "chain", v->seen.chain, sizeof(v->seen.chain));
	json_number(&j, "seals", (int64_t)v->seen.seals);
	json_number(&j, "last-sealed-record", (int64_t)v->seen.sealed);
	if (v->seen.restored > 0)
		json_number(&j, "restored-at-record", (int64_t)v->seen.restored);
	if (anchors)
		json_number(&j, "anchors", (int64_t)v->anchors);
	json_open(&j, "signers", '[');
	for (size_t i = 0; i < v->signers; i++) {
		const struct msg_signer_row *s = &v->signer[i];

		json_line(&j);
		json_open(&j, NULL, '{');
		json_number(&j, "generation", s->generation);
		json_hex(&j, "public", s->public, sizeof(s->public));
		json_number(&j, "since", (int64_t)s->since_seq);
		json_hex(&j, "since-hash", s->since_hash, sizeof(s->since_hash));
		json_hex(&j, "signature", s->signature, sizeof(s->signature));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', d->out);
}

static void say(struct desk *d, enum desk_text id, uint64_t number, const char *what)
{
	char count[24], text[256];

	snprintf(count, sizeof(count), "%" PRIu64, number);
	fprintf(d->out, "%s\n", desk_expand(id, d->lang, count, what, text, sizeof(text)));
}

static int succeed(struct desk *d, const struct verify *v, uint64_t records, const char *name)
{
	char hex[KM_HEX(sizeof(v->signer->public))];

	if (d->json) {
		say_json(d, v, records, name != NULL);
		return 0;
	}
	say(d, DESK_UNBROKEN, records, NULL);
	if (v->seen.restored > 0)
		say(d, DESK_TRAIL_RESTORED, v->seen.restored, NULL);
	if (v->signers > 0)
		say(d, DESK_SEALED, v->seen.sealed,
		    km_hex(v->signer->public, sizeof(v->signer->public), hex));
	if (name)
		say(d, DESK_ANCHORS_HOLD, v->anchors, name);
	return 0;
}

int cmd_audit_verify(struct desk *d, const struct desk_args *args)
{
	struct verify v = { .progress = { .began = km_boot_ms(), .text = DESK_VERIFYING } };
	const char *name = desk_arg(args, "anchor");
	struct msg_done done = { .rc = 0 };
	FILE *f = NULL;
	km_rc rc = name ? open_anchors(d, name, &f) : KM_OK;
	int code;

	if (rc == KM_OK)
		rc = verify_chain(d, &v, &done);
	desk_progress_end(d, &v.progress);
	v.progress = (struct desk_progress){ .began = km_boot_ms(), .text = DESK_COMPARING };
	if (rc == KM_OK && f)
		rc = check_lines(d, &v, f, name);
	if (f)
		fclose(f);
	desk_progress_end(d, &v.progress);
	if (rc == KM_OK)
		code = succeed(d, &v, done.id, name);
	else
		code = desk_fail(d, rc);
	free(v.signer);
	/* A broken chain is what was asked about, not a storage that failed us. */
	return rc == KM_ECORRUPT ? 1 : code;
}
