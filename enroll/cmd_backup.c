/*
 * kenmon backup, key bundle: what leaves the machine becomes a file. Each page is
 * digested on its way, and a file that is not what the vault signed for gets no name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/clock.h>

#include "copy_file.h"

#define PATIENCE 600 /* seconds between two words: a copy of a large store on a slow disk */

/* A transfer under way. */
struct fetch {
	struct copy_new to;
	struct desk_progress progress;
	bool making; /* the vault says how far it is; afterwards we see it ourselves */
	uint64_t at, total;
	/* a backup */
	struct km_copy copy;
	uint8_t digest[KM_COPY_DIGEST];
	struct copy_pages pages;
	const struct copy_file *since; /* NULL: whole */
	uint32_t differ;
	/* a bundle */
	struct km_bundle bundle;
};

typedef km_rc take_bytes(struct desk *d, struct fetch *f, const uint8_t *bytes, size_t len);

/* --- a backup, page by page ------------------------------------------------------------------ */

static km_rc begin_difference(struct desk *d, struct fetch *f)
{
	uint8_t header[KM_DIFF_HEADER];
	struct km_diff diff = { .copy = f->copy, .count = f->differ };

	memcpy(diff.full, f->since->digest, sizeof(diff.full));
	km_diff_pack(&diff, header);
	return copy_new_write(d, &f->to, header, sizeof(header));
}

static km_rc take_header(struct desk *d, struct fetch *f, const uint8_t *bytes, size_t len)
{
	if (len != KM_COPY_HEADER || km_copy_unpack(bytes, &f->copy) != KM_OK ||
	    km_copy_total(&f->copy) != f->total || !copy_signed(&f->copy) ||
	    !copy_digest(bytes, len, f->digest))
		return KM_EPROTO;
	if (copy_pages_begin(&f->pages, &f->copy) != KM_OK)
		return KM_ENOMEM;
	if (!f->since)
		return copy_new_write(d, &f->to, bytes, len);
	if (memcmp(f->since->copy.chain, f->copy.chain, sizeof(f->copy.chain)) != 0)
		return desk_because(d, KM_EINVAL, DESK_COPY_OTHER_STORE, f->since->name, NULL);
	return begin_difference(d, f);
}

static km_rc put_page(struct desk *d, struct fetch *f, const uint8_t *page)
{
	uint8_t old[KM_COPY_PAGE], entry[KM_DIFF_ENTRY];
	uint32_t number = f->pages.page;
	km_rc rc;

	if (!f->since)
		return copy_new_write(d, &f->to, page, KM_COPY_PAGE);
	rc = copy_file_page(f->since, f->pages.file, number, old);
	if (rc == KM_OK && memcmp(old, page, KM_COPY_PAGE) == 0)
		return KM_OK;
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return rc;
	entry[0] = (uint8_t)f->pages.file;
	for (unsigned i = 0; i < 4; i++)
		entry[1 + i] = (uint8_t)(number >> (24 - 8 * i));
	f->differ++;
	rc = copy_new_write(d, &f->to, entry, sizeof(entry));
	return rc == KM_OK ? copy_new_write(d, &f->to, page, KM_COPY_PAGE) : rc;
}

static km_rc take_backup(struct desk *d, struct fetch *f, const uint8_t *bytes, size_t len)
{
	km_rc rc = KM_OK;

	if (f->at == 0)
		return take_header(d, f, bytes, len);
	if (len % KM_COPY_PAGE != 0)
		return KM_EPROTO;
	for (size_t i = 0; rc == KM_OK && i < len; i += KM_COPY_PAGE) {
		if (copy_pages_whole(&f->pages))
			return KM_EPROTO;
		rc = put_page(d, f, bytes + i);
		if (rc == KM_OK)
			rc = copy_pages_take(&f->pages, bytes + i);
	}
	return rc == KM_ECORRUPT ? KM_EPROTO : rc;
}

static km_rc take_bundle(struct desk *d, struct fetch *f, const uint8_t *bytes, size_t len)
{
	if (f->at == 0 && (len < KM_BUNDLE_HEADER || km_bundle_unpack(bytes, &f->bundle) != KM_OK ||
			   km_bundle_total(&f->bundle) != f->total))
		return KM_EPROTO;
	return copy_new_write(d, &f->to, bytes, len);
}

/* --- over the line ------------------------------------------------------------------------------
 */

struct row {
	struct fetch *f;
	take_bytes *take;
};

static km_rc take_row(struct desk *d, void *arg, const struct km_msg *m)
{
	const struct row *row = arg;
	struct fetch *f = row->f;
	const struct msg_copy_chunk *c = &m->copy_chunk;
	km_rc rc = KM_OK;

	if (m->number == KM_MSG_PROGRESS && f->making) {
		desk_progress_show(d, &f->progress, m->progress.done, m->progress.total);
		return KM_OK;
	}
	if (m->number != KM_MSG_COPY_CHUNK || c->at != f->at || c->bytes.len == 0 ||
	    (f->total && c->total != f->total))
		return KM_EPROTO;
	/* Not before: a request that is filed, or refused, leaves no file behind. */
	if (f->making) {
		desk_progress_end(d, &f->progress);
		f->progress =
		    (struct desk_progress){ .began = km_boot_ms(), .text = DESK_COPY_FETCHING };
		f->total = c->total;
		rc = copy_new_begin(d, &f->to);
	}
	f->making = false;
	if (rc == KM_OK)
		rc = row->take(d, f, c->bytes.bytes, c->bytes.len);
	f->at += c->bytes.len;
	desk_progress_show(d, &f->progress, f->at >> 20, f->total >> 20);
	return rc;
}

/* *again is where the message says that it goes on. */
static km_rc fetch(struct desk *d, struct fetch *f, struct km_msg *m, uint8_t *again,
		   take_bytes *take, struct msg_done *done)
{
	struct row row = { f, take };
	struct desk_operation o = {
		.request = m, .patience = PATIENCE, .arg = &row, .row = take_row
	};
	km_rc rc;

	f->making = true;
	f->to.fd = -1;
	f->progress = (struct desk_progress){ .began = km_boot_ms(), .text = DESK_COPY_MAKING };
	do {
		rc = desk_operate(d, &o);
		*again = 1;
	} while (rc == KM_EAGAIN && !o.aborted);
	desk_progress_end(d, &f->progress);
	*done = o.done;
	return rc == KM_OK && (f->making || f->at != f->total) ? KM_EPROTO : rc;
}

static km_rc take_days(struct desk *d, const struct desk_args *args, uint16_t *days)
{
	const char *text = desk_arg(args, "days");
	uint64_t n = 0;
	km_rc rc = text ? desk_number(d, "--days", text, 1, 366, &n) : KM_OK;

	*days = (uint16_t)n;
	return rc;
}

/* --- the commands
 * ---------------------------------------------------------------------------------- */

static km_rc finish_backup(struct desk *d, struct fetch *f)
{
	km_rc rc = copy_pages_whole(&f->pages) ? KM_OK : KM_EPROTO;

	/* How many pages differ is known only now. */
	if (rc == KM_OK && f->since) {
		if (lseek(f->to.fd, 0, SEEK_SET) < 0)
			rc = KM_EIO;
		else
			rc = begin_difference(d, f);
	}
	return rc == KM_OK ? copy_new_finish(d, &f->to) : rc;
}

static int say_backup(struct desk *d, const struct fetch *f)
{
	struct desk_json j = { .f = d->out };
	char count[24];

	snprintf(count, sizeof(count), "%u", f->differ);
	if (!d->json) {
		desk_note(d, f->since ? DESK_DIFFERENCE_MADE : DESK_BACKUP_MADE, f->to.name,
			  f->since ? count : NULL);
		return 0;
	}
	json_open(&j, NULL, '{');
	json_string(&j, "result", "done");
	json_string(&j, "file", f->to.name);
	json_bool(&j, "full", !f->since);
	json_number(&j, "record", (int64_t)f->copy.seq);
	json_number(&j, "key-epoch", f->copy.epoch);
	json_number(&j, "bytes", (int64_t)f->total);
	json_hex(&j, "digest", f->digest, sizeof(f->digest));
	json_close(&j, '}');
	fputc('\n', d->out);
	return 0;
}

int cmd_backup(struct desk *d, const struct desk_args *args)
{
	struct copy_file since COPY_FILE = { .fd = -1 };
	struct fetch f = { .to = { .name = args->operand[0], .fd = -1 } };
	struct km_msg m = { .number = KM_MSG_BACKUP };
	const char *name = desk_arg(args, "since");
	struct msg_done done = { 0 };
	km_rc rc = take_days(d, args, &m.backup.days);

	if (rc == KM_OK && name)
		rc = copy_file_open(d, name, &since);
	if (rc == KM_OK && name)
		f.since = &since;
	m.backup.full = !name;
	if (rc == KM_OK)
		rc = fetch(d, &f, &m, &m.backup.again, take_backup, &done);
	if (rc == KM_OK)
		rc = finish_backup(d, &f);
	copy_pages_end(&f.pages);
	copy_new_end(&f.to);
	return rc == KM_OK ? say_backup(d, &f) : desk_fail(d, rc);
}

int cmd_key_bundle(struct desk *d, const struct desk_args *args)
{
	struct fetch f = { .to = { .name = args->operand[0], .fd = -1 } };
	struct km_msg m = { .number = KM_MSG_BUNDLE };
	struct msg_done done = { 0 };
	char epoch[24];
	km_rc rc = take_days(d, args, &m.bundle.days);

	if (rc == KM_OK)
		rc = fetch(d, &f, &m, &m.bundle.again, take_bundle, &done);
	if (rc == KM_OK)
		rc = copy_new_finish(d, &f.to);
	copy_new_end(&f.to);
	snprintf(epoch, sizeof(epoch), "%u", f.bundle.generation);
	return desk_finish(d, rc, &done, DESK_BUNDLE_MADE, f.to.name, epoch);
}
