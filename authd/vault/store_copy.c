/*
 * A consistent copy of both databases, made between logins.
 *
 * The engine's online backup, through the store's own handles: what is written
 * through these meanwhile goes into the copy too, so it never begins anew. Neither
 * copy is finished before the other could be; then both are, in one go, right after a
 * flush and with nothing waiting: so the two are of one moment.
 *
 * Keys are taken out before anybody reads the copy. Tables that hold nothing but keys
 * are emptied, which zeroes their pages whole; no VACUUM, which would move every page,
 * and a later copy would differ from this one everywhere.
 */
#include "copy.h"
#include "files.h"
#include "store_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_LEFT (16 << 20) /* bytes that a copy leaves free */

struct copying {
	sqlite3 *handle;
	sqlite3_backup *backup;
	int pages, left; /* as of the last step; 0 pages: none was made */
	bool whole;
};

struct store_copy {
	int folder;
	struct copying of[DB_COUNT];
};

static const char *const names[DB_COUNT] = {
	[DB_VAULT] = COPY_VAULT_FILE,
	[DB_IDENTITY] = COPY_IDENTITY_FILE,
};

/* Nobody sees the file before it is whole, and after a crash nobody wants it. */
static const char settings[] = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
			       "PRAGMA cache_size = -2048;";

/* The signer's rows stay, without the seed; those of a table of this size cost nothing. */
static const char strip[] =
    "BEGIN IMMEDIATE;"
    "DELETE FROM subject_key; DELETE FROM month_key; DELETE FROM work_key;"
    "DELETE FROM finger_key; DELETE FROM challenge;"
    "CREATE TEMP TABLE known AS"
    " SELECT generation, public, since_seq, since_hash, signature FROM main.signer;"
    "DELETE FROM main.signer;"
    "INSERT INTO main.signer (generation, public, since_seq, since_hash, signature, wrapped)"
    " SELECT generation, public, since_seq, since_hash, signature, zeroblob(48) FROM temp.known;"
    "COMMIT;";

/* --- the files ------------------------------------------------------------------------- */

static km_rc clean(int folder)
{
	static const char *const suffixes[] = { "", "-wal", "-journal" };
	char name[32];
	km_rc rc = KM_OK;

	for (size_t db = 0; db < DB_COUNT; db++) {
		for (size_t i = 0; !rc && i < sizeof(suffixes) / sizeof(*suffixes); i++) {
			(void)snprintf(name, sizeof(name), "%s%s", names[db], suffixes[i]);
			rc = file_remove(folder, name);
		}
	}
	return rc;
}

km_rc store_copy_clean(const char *dir)
{
	int folder FILE_CLOSE = -1;
	km_rc rc = file_folder(dir, FILE_OURS, &folder);

	return rc ? rc : clean(folder);
}

/*
 * Whoever logs in meanwhile needs room too, and comes first. One that is too small while it is
 * being made ends it, and is given back.
 */
static km_rc has_room(struct km_store *s, int folder)
{
	struct statvfs fs;
	struct stat st;
	uint64_t need = ROOM_LEFT;

	for (int db = 0; db < DB_COUNT; db++) {
		if (fstatat(folder, store_files[db], &st, AT_SYMLINK_NOFOLLOW))
			return KM_EIO;
		need += (uint64_t)st.st_size + (uint64_t)s->db[db].wal_pages * KM_COPY_PAGE;
	}
	if (fstatvfs(folder, &fs))
		return KM_EIO;
	return (uint64_t)fs.f_bavail * fs.f_frsize < need ? KM_EIO : KM_OK;
}

/* --- beginning -------------------------------------------------------------------------- */

static km_rc begin_one(struct km_store *s, enum store_db_id db, const char *path)
{
	struct copying *c = &s->copy->of[db];
	int fd FILE_CLOSE = -1;
	char whole[PATH_MAX];
	km_rc rc;

	if ((size_t)snprintf(whole, sizeof(whole), "%s/%s", path, names[db]) >= sizeof(whole))
		return KM_ELIMIT;
	rc = file_create(s->copy->folder, names[db], &fd);
	if (!rc)
		rc = store_connect(whole, &c->handle);
	if (!rc)
		rc = store_rc(sqlite3_exec(c->handle, settings, NULL, NULL, NULL));
	if (rc)
		return rc;
	c->backup = sqlite3_backup_init(c->handle, "main", s->db[db].handle, "main");
	if (c->backup)
		return KM_OK;
	rc = store_rc(sqlite3_errcode(c->handle));
	return rc ? rc : KM_ENOMEM;
}

km_rc store_copy_begin(struct km_store *s, const char *dir)
{
	char path[PATH_MAX];
	km_rc rc;

	if (s->copy)
		return KM_ESTATE;
	s->copy = calloc(1, sizeof(*s->copy));
	if (!s->copy)
		return KM_ENOMEM;
	s->copy->folder = -1;
	rc = realpath(dir, path) ? file_folder(dir, FILE_OURS, &s->copy->folder) : KM_EIO;
	if (!rc)
		rc = clean(s->copy->folder);
	if (!rc)
		rc = has_room(s, s->copy->folder);
	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = begin_one(s, (enum store_db_id)db, path);
	if (rc)
		store_copy_end(s);
	return rc;
}

/* --- copying ------------------------------------------------------------------------------ */

/* Up to so many pages, but never the last one. */
static km_rc copy_some(struct copying *c, int pages)
{
	int most = c->pages ? c->left - 1 : 1, code;

	if (c->pages && most <= 0)
		return KM_OK;
	code = sqlite3_backup_step(c->backup, pages < most ? pages : most);
	c->pages = sqlite3_backup_pagecount(c->backup);
	c->left = sqlite3_backup_remaining(c->backup);
	if (code == SQLITE_DONE) /* a database of one page is none of ours */
		return KM_ECORRUPT;
	return code == SQLITE_BUSY || code == SQLITE_LOCKED ? KM_OK : store_rc(code);
}

static km_rc copy_rest(struct copying *c)
{
	int code = sqlite3_backup_step(c->backup, -1);

	if (code == SQLITE_OK)
		return KM_EIO;
	c->left = 0;
	c->whole = code == SQLITE_DONE;
	return store_rc(code);
}

static km_rc finish_one(struct copying *c)
{
	int code = sqlite3_backup_finish(c->backup);

	c->backup = NULL;
	return store_rc(code);
}

static km_rc copy_both_ends(struct km_store *s)
{
	km_rc rc = KM_OK;

	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = copy_rest(&s->copy->of[db]);
	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = finish_one(&s->copy->of[db]);
	return rc;
}

km_rc store_copy_step(struct km_store *s, int pages, uint64_t *done, uint64_t *total,
		      struct km_head *head)
{
	bool near = true;
	km_rc rc = KM_OK;

	if (!s->copy || s->copy->of[DB_VAULT].whole)
		return KM_ESTATE;
	if (!store_end_reading(s))
		return KM_EAGAIN;
	*done = *total = 0;
	for (int db = 0; !rc && db < DB_COUNT; db++) {
		struct copying *c = &s->copy->of[db];

		rc = copy_some(c, pages);
		near = near && c->left <= pages;
		*total += (uint64_t)c->pages;
		*done += (uint64_t)(c->pages - c->left);
	}
	if (rc || !near)
		return rc ? rc : KM_EAGAIN;
	rc = copy_both_ends(s);
	if (!rc)
		*head = s->flushed.head;
	return rc;
}

/* --- taking the keys out ------------------------------------------------------------------- */

static km_rc close_one(struct copying *c)
{
	km_rc rc = store_rc(sqlite3_close(c->handle));

	if (!rc)
		c->handle = NULL;
	return rc;
}

km_rc store_copy_strip(struct km_store *s)
{
	km_rc rc = s->copy && s->copy->of[DB_VAULT].whole ? KM_OK : KM_ESTATE;

	/* What is copied is a database with a log, as the one it was copied from. */
	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = store_rc(sqlite3_exec(s->copy->of[db].handle, settings, NULL, NULL, NULL));
	if (!rc)
		rc = store_rc(sqlite3_exec(s->copy->of[DB_VAULT].handle, strip, NULL, NULL, NULL));
	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = close_one(&s->copy->of[db]);
	return rc;
}

km_rc store_copy_take(struct km_store *s, int fd[KM_COPY_FILES])
{
	int found[DB_COUNT] = { -1, -1 };
	km_rc rc = s->copy && !s->copy->of[DB_IDENTITY].handle ? KM_OK : KM_ESTATE;

	for (int db = 0; !rc && db < DB_COUNT; db++)
		rc = file_open(s->copy->folder, names[db], FILE_OURS, &found[db]);
	if (!rc)
		rc = clean(s->copy->folder);
	for (int db = 0; db < DB_COUNT; db++) {
		if (rc)
			file_close(&found[db]);
		else
			fd[db] = found[db];
	}
	return rc;
}

void store_copy_end(struct km_store *s)
{
	if (!s->copy)
		return;
	for (int db = 0; db < DB_COUNT; db++) {
		(void)sqlite3_backup_finish(s->copy->of[db].backup);
		(void)sqlite3_close(s->copy->of[db].handle);
	}
	if (s->copy->folder >= 0 && clean(s->copy->folder) != KM_OK) {
		/* One that stays goes at the next start. */
	}
	file_close(&s->copy->folder);
	free(s->copy);
	s->copy = NULL;
}
