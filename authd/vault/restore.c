/*
 * A state folder from a backup, a key bundle and the site's escrow key. Everything is
 * verified before anything is written. Then a mark says that the folder is not finished,
 * until it is: a start refuses such a folder, and the next restore empties it first. So a
 * crash at any moment leaves a folder that says what to do, or one that is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/signature.h>

#include "copy.h"
#include "files.h"
#include "keys_internal.h"

#define MARK     "restoring"
#define PEM_MOST 8192
#define PIECE    (1 << 16)

struct restoring {
	int copy;
	struct km_copy header;
	uint8_t digest[KM_COPY_DIGEST]; /* of the header */
	struct bundle bundle;
	bool again; /* what is in the folders is left of a restore */
};

static int refuse(const char *what, const char *why)
{
	km_log(LOG_ERR, "%s: %s", what, why);
	return KM_EXIT_FAILED;
}

bool restore_unfinished(const char *state_dir)
{
	int folder FILE_CLOSE = -1;
	bool there = false;

	return file_folder(state_dir, FILE_OURS, &folder) == KM_OK &&
	       file_present(folder, MARK, &there, NULL) == KM_OK && there;
}

void restore_end(struct restoring *in)
{
	if (!in)
		return;
	file_close(&in->copy);
	bundle_close(&in->bundle);
	free(in);
}

/* --- the folders, before anything is done ------------------------------------------------- */

/* -1: it cannot be looked at. A folder that is not there holds nothing, nor one with half a mark.
 */
static int entries(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	int count = 0;

	if (!d)
		return errno == ENOENT ? 0 : -1;
	while ((e = readdir(d)))
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			 strcmp(e->d_name, MARK ".new") != 0;
	closedir(d);
	return count;
}

static int look_at_folders(const struct restore *r, struct restoring *in)
{
	const char *folders[] = { r->state_dir, r->kek_dir };

	in->again = restore_unfinished(r->state_dir);
	for (size_t i = 0; !in->again && i < 2; i++) {
		int count = entries(folders[i]);

		if (count < 0)
			return refuse(folders[i], strerror(errno));
		if (count > 0)
			return refuse(folders[i], "is not empty: a restore needs a new folder");
	}
	return 0;
}

/* --- the copy ------------------------------------------------------------------------------- */

static bool read_all(int fd, void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Reads one database to its end, and to a file (-1: none). Is it the one that was signed for? */
static bool pass_on(int from, int to, uint64_t size, const uint8_t digest[KM_COPY_DIGEST])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t found[KM_COPY_DIGEST] = { 0 }, *piece = malloc(PIECE);
	bool good = ctx && piece && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) == 1;

	while (good && size > 0) {
		size_t len = size < PIECE ? (size_t)size : PIECE;

		good = read_all(from, piece, len) && EVP_DigestUpdate(ctx, piece, len) == 1 &&
		       (to < 0 || write(to, piece, len) == (ssize_t)len);
		size -= len;
	}
	good = good && EVP_DigestFinal_ex(ctx, found, NULL) == 1 &&
	       memcmp(found, digest, sizeof found) == 0;
	EVP_MD_CTX_free(ctx);
	free(piece);
	return good;
}

static bool header_holds(struct restoring *in, const uint8_t bytes[KM_COPY_HEADER])
{
	uint8_t message[KM_COPY_MESSAGE];

	if (km_copy_unpack(bytes, &in->header) != KM_OK ||
	    EVP_Digest(bytes, KM_COPY_HEADER, in->digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	km_copy_message(&in->header, message);
	return km_signature_verify(in->header.public, message, sizeof message,
				   in->header.signature) == KM_OK;
}

static int read_copy(const struct restore *r, struct restoring *in)
{
	uint8_t bytes[KM_COPY_HEADER], more;
	bool good;

	in->copy = open(r->copy, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in->copy < 0)
		return refuse(r->copy, strerror(errno));
	good = read_all(in->copy, bytes, sizeof bytes) && header_holds(in, bytes);
	for (unsigned i = 0; good && i < KM_COPY_FILES; i++)
		good = pass_on(in->copy, -1, in->header.size[i], in->header.digest[i]);
	if (!good || read(in->copy, &more, 1) != 0)
		return refuse(r->copy, "is no backup, or was changed or cut short");
	return 0;
}

/* --- the bundle ------------------------------------------------------------------------------- */

/* A whole file of some size; NULL with errno. */
static uint8_t *slurp(const char *path, size_t most, size_t *len)
{
	int fd FILE_CLOSE = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	uint8_t *bytes;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > most) {
		errno = EFBIG;
		return NULL;
	}
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	if (bytes && !read_all(fd, bytes, *len)) {
		free(bytes);
		bytes = NULL;
		errno = EIO;
	}
	return bytes;
}

static int open_bundle(const struct restore *r, struct restoring *in, const char *pem,
		       size_t pem_len)
{
	size_t len = 0;
	uint8_t *bytes = slurp(r->bundle, INT32_MAX, &len);

	if (!bytes)
		return refuse(r->bundle, strerror(errno));
	switch ((int)bundle_open(bytes, len, pem, pem_len, &in->bundle)) {
	case KM_OK:
		return 0;
	case KM_EINVAL:
		return refuse(r->escrow, "holds no private X25519 key in PEM without a passphrase");
	case KM_ENOTFOUND:
		return refuse(r->bundle, "is sealed to another escrow key");
	case KM_ECORRUPT:
		return refuse(r->bundle, "is no key bundle, or was changed or cut short");
	default:
		return refuse(r->bundle, "out of memory");
	}
}

static int read_bundle(const struct restore *r, struct restoring *in)
{
	char *pem = km_locked_new(PEM_MOST);
	int fd FILE_CLOSE = open(r->escrow, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = pem && fd >= 0 ? read(fd, pem, PEM_MOST - 1) : -1;
	int code = n > 0 ? open_bundle(r, in, pem, (size_t)n)
			 : refuse(r->escrow, n == 0 ? "is empty" : strerror(errno));

	km_locked_free(pem, PEM_MOST);
	return code;
}

static int compare(const struct restore *r, const struct restoring *in)
{
	const struct km_bundle *b = &in->bundle.header;

	if (memcmp(b->chain, in->header.chain, sizeof b->chain) != 0)
		return refuse(r->bundle, "is of another store than the backup");
	if (b->generation < in->header.epoch) {
		km_log(LOG_ERR,
		       "%s is of key epoch %" PRIu32 ", the backup of %" PRIu32
		       ": an older bundle does not know who was registered since. Take the newest",
		       r->bundle, b->generation, in->header.epoch);
		return KM_EXIT_FAILED;
	}
	return 0;
}

int restore_prepare(const struct restore *r, struct restoring **out)
{
	struct restoring *in = calloc(1, sizeof *in);
	int code;

	if (!in)
		return KM_EXIT_FAILED;
	in->copy = -1;
	code = look_at_folders(r, in);
	if (code == 0)
		code = read_copy(r, in);
	if (code == 0)
		code = read_bundle(r, in);
	if (code == 0)
		code = compare(r, in);
	if (code == 0)
		*out = in;
	else
		restore_end(in);
	return code;
}

/* --- filling the folders -----------------------------------------------------------------------
 */

/* What an earlier try left; the mark stays. */
static km_rc empty_folder(const char *path)
{
	int folder FILE_CLOSE = -1;
	km_rc rc = file_folder(path, FILE_OURS, &folder);
	const struct dirent *e;
	DIR *d = rc ? NULL : opendir(path);

	if (!rc && !d)
		rc = KM_EIO;
	while (!rc && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, MARK) != 0)
			rc = file_remove(folder, e->d_name);
	}
	if (d)
		closedir(d);
	return rc;
}

static km_rc mark(const struct restore *r, bool again)
{
	static const char text[] = "kenmon restore\n";
	int folder FILE_CLOSE = -1;
	km_rc rc = file_folder(r->state_dir, FILE_OURS, &folder);

	if (!rc && !again)
		return file_make(folder, MARK, text, sizeof text - 1);
	if (!rc)
		rc = empty_folder(r->kek_dir);
	return rc ? rc : empty_folder(r->state_dir);
}

static km_rc place_databases(const struct restore *r, const struct restoring *in)
{
	static const char *const names[KM_COPY_FILES] = { KM_VAULT_FILE, KM_IDENTITY_FILE };
	int folder FILE_CLOSE = -1;
	km_rc rc = file_folder(r->state_dir, FILE_OURS, &folder);

	if (!rc && lseek(in->copy, KM_COPY_HEADER, SEEK_SET) < 0)
		rc = KM_EIO;
	for (unsigned i = 0; !rc && i < KM_COPY_FILES; i++) {
		int fd FILE_CLOSE = -1;

		rc = file_create(folder, names[i], &fd);
		if (!rc && (!pass_on(in->copy, fd, in->header.size[i], in->header.digest[i]) ||
			    fsync(fd) < 0))
			rc = KM_EIO;
	}
	if (!rc && fsync(folder) < 0)
		rc = KM_EIO;
	return rc;
}

/* A generation that neither the copy nor the bundle has: its KEK is nowhere else. */
static km_rc make_keys(const struct restore *r, const struct restoring *in, const char *vault_db,
		       struct km_keys **keys)
{
	uint32_t next = 0;
	km_rc rc = restore_newest(vault_db, &next);

	if (!rc && next < in->bundle.header.generation)
		next = in->bundle.header.generation;
	if (!rc && next == UINT32_MAX)
		rc = KM_ELIMIT;
	return rc ? rc
		  : km_keys_restore(r->state_dir, r->key ? r->key : KM_MASTER_FILE, in->bundle.keys,
				    next + 1, keys);
}

static km_rc fill_store(const struct restore *r, const struct restoring *in, struct km_keys *keys,
			const struct km_now *now, struct restored *out)
{
	struct km_store *s = NULL;
	char why[256] = "";
	km_rc rc = store_open(r->state_dir, keys, &s, why, sizeof why);

	if (rc) {
		km_log(LOG_ERR, "%s: %s", r->state_dir, why);
		return rc;
	}
	store_set_now(s, now);
	rc = store_restore(s, &in->bundle, in->digest, &in->header, out);
	if (!rc)
		rc = store_flush(s);
	if (!rc)
		rc = store_truncate_logs(s);
	store_close(s);
	return rc;
}

static km_rc carry_out(const struct restore *r, const struct restoring *in, struct restored *out)
{
	struct km_keys *keys = NULL;
	struct km_now now;
	char vault_db[PATH_MAX], real[PATH_MAX];
	int folder FILE_CLOSE = -1;
	km_rc rc = km_clock_read(&now);

	if (!rc)
		rc = mark(r, in->again);
	if (!rc &&
	    (!realpath(r->state_dir, real) || snprintf(vault_db, sizeof vault_db, "%s/%s", real,
						       KM_VAULT_FILE) >= (int)sizeof vault_db))
		rc = KM_EIO;
	if (!rc)
		rc = place_databases(r, in);
	if (!rc)
		rc = make_keys(r, in, vault_db, &keys);
	if (rc == KM_EEXIST)
		km_log(LOG_ERR, "%s is another master key than the bundle's", r->key);
	if (!rc)
		rc = restore_epoch(vault_db, keys, km_keys_generation(keys), now.wall);
	if (!rc)
		rc = fill_store(r, in, keys, &now, out);
	km_keys_close(keys);
	if (!rc)
		rc = file_folder(r->state_dir, FILE_OURS, &folder);
	return rc ? rc : file_remove(folder, MARK);
}

static void tell(const struct restored *d)
{
	km_log(LOG_NOTICE,
	       "restored up to record %" PRIu64 ": %" PRIu64 " operators; %" PRIu64
	       " that were erased since are erased at the next start",
	       d->seq, d->living, d->erased);
	if (d->removed)
		km_log(LOG_NOTICE,
		       "%" PRIu64 " credentials are gone and must be enrolled anew: tokens that "
		       "count, recovery codes, what waited for approval, fingers whose keys the "
		       "bundle does not have",
		       d->removed);
	if (d->unknown)
		km_log(LOG_ALERT,
		       "%" PRIu64 " operators were registered after the bundle was made: register "
		       "them anew",
		       d->unknown);
	if (d->damaged)
		km_log(LOG_ALERT, "%" PRIu64 " operators have a key that does not open",
		       d->damaged);
	if (d->requests || d->rosters)
		km_log(LOG_NOTICE,
		       "%" PRIu64 " requests and %" PRIu64 " rosters that were under way are "
		       "dropped: file and apply them again",
		       d->requests, d->rosters);
}

int restore_carry_out(const struct restore *r, struct restoring *in)
{
	struct restored done = { 0 };
	km_rc rc = carry_out(r, in, &done);

	if (rc) {
		km_log(LOG_ERR, "%s is not restored (%s): run the restore again", r->state_dir,
		       km_rc_text(rc, KM_LANG_EN));
		return KM_EXIT_FAILED;
	}
	tell(&done);
	return 0;
}
