/*
 * A copy on its way to a desk. It is made a slice a round, between logins: copied,
 * stripped of its keys, digested, signed. Only when the trail says so, durably, does its
 * first byte leave; then the desk asks for one piece after the other. The files have no
 * name by then, so a crash leaves nothing of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "copy.h"
#include "desk.h"
#include "files.h"

#define PAGES       256                 /* of each database in a round: a MiB, about 1 ms */
#define DIGEST_ONCE (4 << 20)           /* bytes in a round: 2 to 10 ms */
#define CHUNK       (15 * KM_COPY_PAGE) /* as COPY_CHUNK takes */
#define TELL_EVERY  16                  /* rounds between two words of how far it is */

#define NO_ROOM "it needs as much room in the state folder as both databases take, and 16 MiB"

struct copy {
	struct line *line;
	unsigned act; /* BACKUP or BUNDLE */
	bool full, made;
	unsigned rounds;
	/* a copy: header, then the two files */
	struct km_copy header;
	int fd[KM_COPY_FILES];
	EVP_MD_CTX *digest;
	unsigned file; /* whose digest is being made */
	uint64_t digested;
	uint8_t head[KM_COPY_HEADER];
	/* a bundle: as it is */
	uint8_t *bytes;
	uint64_t at, total; /* what was handed over */
	uint8_t chunk[CHUNK];
};

void backup_clean(struct vault *v)
{
	km_rc rc = v->state_dir ? store_copy_clean(v->state_dir) : KM_OK;

	if (rc != KM_OK)
		km_log(LOG_ERR, "what a crash left of a backup cannot be removed: %s",
		       km_rc_text(rc, KM_LANG_EN));
}

void backup_drop(struct vault *v, const struct line *l)
{
	struct copy *copy = v->copy;

	if (!copy || (l && copy->line != l))
		return;
	v->copy = NULL;
	store_copy_end(v->store);
	for (unsigned i = 0; i < KM_COPY_FILES; i++)
		file_close(&copy->fd[i]);
	EVP_MD_CTX_free(copy->digest);
	free(copy->bytes);
	free(copy);
}

static struct copy *copy_new(struct call *c, unsigned act)
{
	struct copy *copy = calloc(1, sizeof *copy);

	if (!copy)
		return NULL;
	copy->line = c->l;
	copy->act = act;
	copy->fd[0] = copy->fd[1] = -1;
	return copy;
}

/* KM_ELIMIT: another desk has one. One that this desk has left half way ends. */
static km_rc take_place(struct call *c, unsigned act)
{
	backup_drop(c->v, c->l);
	if (c->v->copy) {
		call_say(c, "another backup is being made");
		return KM_ELIMIT;
	}
	c->v->copy = copy_new(c, act);
	return c->v->copy ? KM_OK : KM_ENOMEM;
}

km_rc backup_begin(struct call *c)
{
	struct vault *v = c->v;
	km_rc rc = v->state_dir ? take_place(c, KM_MSG_BACKUP) : KM_EUNAVAIL;

	if (rc != KM_OK)
		return rc;
	v->copy->full = c->m->backup.full;
	v->copy->digest = EVP_MD_CTX_new();
	rc = v->copy->digest ? store_copy_begin(v->store, v->state_dir) : KM_ENOMEM;
	if (rc == KM_EIO)
		call_say(c, "%s", NO_ROOM);
	if (rc == KM_OK)
		rc = call_keep(c, NULL);
	if (rc != KM_OK)
		backup_drop(v, c->l);
	return rc;
}

/* --- handing over ------------------------------------------------------------------------ */

/* Up to len bytes of the whole from this place on. */
static km_rc read_at(const struct copy *copy, uint64_t at, uint8_t *out, size_t len)
{
	uint64_t begin = KM_COPY_HEADER;

	if (copy->act == KM_MSG_BUNDLE) {
		memcpy(out, copy->bytes + at, len);
		return KM_OK;
	}
	if (at < KM_COPY_HEADER) {
		memcpy(out, copy->head + at, len);
		return KM_OK;
	}
	for (unsigned i = 0; i < KM_COPY_FILES && len > 0; i++) {
		uint64_t end = begin + copy->header.size[i];
		size_t part = at < end ? (size_t)(end - at < len ? end - at : len) : 0;

		if (part > 0 && pread(copy->fd[i], out, part, (off_t)(at - begin)) != (ssize_t)part)
			return KM_EIO;
		out += part;
		at += part;
		len -= part;
		begin = end;
	}
	return len == 0 ? KM_OK : KM_ECORRUPT;
}

/* A copy's header comes by itself: the desk reads it before anything else. */
static km_rc put_chunk(struct call *c)
{
	struct copy *copy = c->v->copy;
	struct km_msg m = { .number = KM_MSG_COPY_CHUNK };
	uint64_t most = copy->act == KM_MSG_BACKUP && copy->at == 0 ? KM_COPY_HEADER : CHUNK;
	size_t len = (size_t)(copy->total - copy->at < most ? copy->total - copy->at : most);
	km_rc rc = read_at(copy, copy->at, copy->chunk, len);

	m.copy_chunk.at = copy->at;
	m.copy_chunk.total = copy->total;
	m.copy_chunk.bytes = (struct km_span){ copy->chunk, (uint16_t)len };
	if (rc == KM_OK)
		rc = call_put(c, &m);
	if (rc != KM_OK)
		return rc;
	copy->at += len;
	if (copy->at < copy->total)
		return KM_EAGAIN;
	backup_drop(c->v, c->l);
	return KM_OK;
}

km_rc backup_next(struct call *c)
{
	const struct copy *copy = c->v->copy;

	if (!copy || copy->line != c->l || copy->act != c->m->number || !copy->made)
		return KM_ENOTFOUND;
	return put_chunk(c);
}

/* --- a bundle ---------------------------------------------------------------------------- */

/* It is remembered for `status`, in the transaction of the event. */
static km_rc record_bundle(struct call *c, const struct km_bundle *b)
{
	uint8_t kept[12];
	struct km_event_record r;
	km_rc rc;

	for (unsigned i = 0; i < 4; i++)
		kept[i] = (uint8_t)(b->generation >> (24 - 8 * i));
	for (unsigned i = 0; i < 8; i++)
		kept[4 + i] = (uint8_t)((uint64_t)b->wall >> (56 - 8 * i));
	call_event(c, &r, KM_EVENT_BUNDLED, NULL);
	event_add_number(&r, "generation", b->generation);
	event_add_number(&r, "subjects", b->subjects);
	rc = store_meta_set(c->v->store, "bundle", kept, sizeof kept, &r);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc;
}

km_rc backup_bundle(struct call *c)
{
	struct km_bundle b;
	struct copy *copy;
	size_t len = 0;
	km_rc rc = desk_copy_allowed(c, KM_MSG_BUNDLE, true);

	if (rc == KM_OK)
		rc = take_place(c, KM_MSG_BUNDLE);
	if (rc != KM_OK)
		return rc;
	copy = c->v->copy;
	rc = bundle_make(c->v, &b, &copy->bytes, &len);
	if (rc == KM_EAGAIN) {
		call_say(c, "the key epoch is being closed: ask again in a moment");
		rc = KM_ESTATE;
	}
	if (rc == KM_OK)
		rc = record_bundle(c, &b);
	if (rc != KM_OK) {
		backup_drop(c->v, c->l);
		return rc;
	}
	copy->total = len;
	copy->made = true;
	return put_chunk(c);
}

/* --- making a copy -----------------------------------------------------------------------------
 */

static void tell(struct call *c, uint64_t done, uint64_t total)
{
	struct km_msg m = { .number = KM_MSG_PROGRESS };

	/* Who has not read the last one needs no next one. */
	if (c->v->copy->rounds++ % TELL_EVERY != 0 || c->l->out.head < c->l->out.tail)
		return;
	m.progress.done = done;
	m.progress.total = total;
	call_row(c, &m);
}

static km_rc take_sizes(struct copy *copy)
{
	struct stat st;

	for (unsigned i = 0; i < KM_COPY_FILES; i++) {
		if (fstat(copy->fd[i], &st) < 0)
			return KM_EIO;
		copy->header.size[i] = (uint64_t)st.st_size;
	}
	copy->total = km_copy_total(&copy->header);
	return KM_OK;
}

/* Both are whole: who signs for them is who signs now. */
static km_rc finish_copying(struct vault *v, struct copy *copy, const struct km_head *head)
{
	struct km_copy *h = &copy->header;
	struct km_signer signer;
	km_rc rc = store_signer(v->store, &signer);

	if (rc != KM_OK)
		return rc;
	memcpy(h->chain, head->chain, sizeof h->chain);
	h->seq = head->seq;
	memcpy(h->hash, head->hash, sizeof h->hash);
	h->wall = head->wall;
	h->epoch = v->epoch.at.generation;
	h->generation = signer.generation;
	memcpy(h->public, signer.public, sizeof h->public);
	rc = store_copy_strip(v->store);
	if (rc == KM_OK)
		rc = store_copy_take(v->store, copy->fd);
	store_copy_end(v->store);
	return rc == KM_OK ? take_sizes(copy) : rc;
}

/* KM_EAGAIN: there is more. */
static km_rc digest_some(struct copy *copy)
{
	struct km_copy *h = &copy->header;
	size_t once = 0;

	if (copy->digested == 0 && EVP_DigestInit_ex2(copy->digest, EVP_sha256(), NULL) != 1)
		return KM_ENOMEM;
	while (once < DIGEST_ONCE && copy->digested < h->size[copy->file]) {
		uint64_t left = h->size[copy->file] - copy->digested;
		size_t len = left < CHUNK ? (size_t)left : CHUNK;

		if (pread(copy->fd[copy->file], copy->chunk, len, (off_t)copy->digested) !=
		    (ssize_t)len)
			return KM_EIO;
		if (EVP_DigestUpdate(copy->digest, copy->chunk, len) != 1)
			return KM_ENOMEM;
		copy->digested += len;
		once += len;
	}
	if (copy->digested < h->size[copy->file])
		return KM_EAGAIN;
	if (EVP_DigestFinal_ex(copy->digest, h->digest[copy->file], NULL) != 1)
		return KM_ENOMEM;
	copy->digested = 0;
	return ++copy->file < KM_COPY_FILES ? KM_EAGAIN : KM_OK;
}

static km_rc sign(struct vault *v, struct copy *copy)
{
	uint8_t message[KM_COPY_MESSAGE];
	struct km_signer signer;
	km_rc rc = store_signer(v->store, &signer);

	/* Another epoch has begun: what was copied does not know who would sign. */
	if (rc == KM_OK && signer.generation != copy->header.generation)
		return KM_ESTATE;
	km_copy_message(&copy->header, message);
	if (rc == KM_OK)
		rc = store_sign(v->store, message, sizeof message, copy->header.signature);
	km_copy_pack(&copy->header, copy->head);
	return rc;
}

static km_rc record(struct call *c)
{
	struct copy *copy = c->v->copy;
	uint8_t digest[KM_COPY_DIGEST];
	char hex[KM_HEX(KM_COPY_DIGEST)];
	struct km_event_record r;
	km_rc rc = desk_copy_allowed(c, KM_MSG_BACKUP, true);

	if (rc != KM_OK)
		return rc;
	if (EVP_Digest(copy->head, sizeof copy->head, digest, NULL, EVP_sha256(), NULL) != 1)
		return KM_ENOMEM;
	call_event(c, &r, KM_EVENT_BACKED_UP, NULL);
	event_add_number(&r, "full", copy->full);
	event_add_number(&r, "seq", (int64_t)copy->header.seq);
	event_add_number(&r, "bytes", (int64_t)copy->total);
	event_add(&r, "digest", km_hex(digest, sizeof digest, hex));
	return note_record(c->v, &r);
}

/* KM_EAGAIN: more to do. KM_OK: made, and said in this batch. */
static km_rc make(struct call *c)
{
	struct vault *v = c->v;
	struct copy *copy = v->copy;
	uint64_t done = 0, total = 0;
	struct km_head head;
	km_rc rc;

	if (copy->total == 0) {
		rc = store_copy_step(v->store, PAGES, &done, &total, &head);
		if (rc == KM_EAGAIN)
			tell(c, done, total);
		else if (rc == KM_OK)
			rc = finish_copying(v, copy, &head);
		return rc == KM_OK ? KM_EAGAIN : rc;
	}
	rc = digest_some(copy);
	if (rc == KM_OK)
		rc = sign(v, copy);
	return rc == KM_OK ? record(c) : rc;
}

static void say_why(struct call *c, km_rc rc)
{
	if (rc == KM_ESTATE)
		call_say(c, "the key epoch was closed meanwhile: ask again");
	else if (rc == KM_ENOTFOUND)
		call_say(c, "nobody can sign it: see 'kenmon audit verify'");
	else if (rc == KM_EIO)
		call_say(c, "%s", NO_ROOM);
}

bool backup_work(struct vault *v)
{
	struct copy *copy = v->copy;
	struct call c;
	km_rc rc;

	if (!copy || copy->made)
		return false;
	call_again(&c, v, copy->line);
	rc = v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK) ? KM_ESUSPECT : make(&c);
	if (rc == KM_EAGAIN)
		return true;
	if (rc == KM_OK) {
		copy->made = true;
		rc = put_chunk(&c);
	} else
		say_why(&c, rc);
	/* In the next round, after the flush. */
	call_finish(&c, rc);
	return true;
}
