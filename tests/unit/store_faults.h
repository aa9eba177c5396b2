/*
 * Calls under the store that fail on request: the engine's on its files, its memory, OpenSSL's
 * memory. setup_faults() is the group's setup; arm() says which call of which kind.
 */
#ifndef KENMON_TESTS_STORE_FAULTS_H
#define KENMON_TESTS_STORE_FAULTS_H

#include "store_box.h"

#include <openssl/crypto.h>

/* --- what fails ------------------------------------------------------------------ */

enum fault { FAULT_FILES, FAULT_ENGINE_MEMORY, FAULT_CRYPTO_MEMORY, FAULTS };

static struct {
	bool counting, forever;
	enum fault kind;
	long at, seen; /* at 0: nothing fails, calls are only counted */
} plan;

static inline bool fails(enum fault kind)
{
	if (!plan.counting || kind != plan.kind)
		return false;
	plan.seen++;
	return plan.at && (plan.seen == plan.at || (plan.forever && plan.seen > plan.at));
}

static inline void arm(enum fault kind, long at, bool forever)
{
	plan.counting = true;
	plan.forever = forever;
	plan.kind = kind;
	plan.at = at;
	plan.seen = 0;
}

static inline void disarm(void)
{
	plan.counting = false;
}

/* The engine's files: its own, with a chance to fail before each call. */
struct shim_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs shim_vfs;
static sqlite3_vfs *real_vfs;

#define REAL(f) ((struct shim_file *)(f))->real

static int shim_close(sqlite3_file *f)
{
	return REAL(f)->pMethods ? REAL(f)->pMethods->xClose(REAL(f)) : SQLITE_OK;
}

static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return fails(FAULT_FILES) ? SQLITE_IOERR_READ : REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}

/* Half of it is written, as on a disk that is full. */
static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (!fails(FAULT_FILES))
		return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
	(void)REAL(f)->pMethods->xWrite(REAL(f), p, n / 2, at);
	return plan.at % 2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails(FAULT_FILES) ? SQLITE_IOERR_TRUNCATE
				  : REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int shim_sync(sqlite3_file *f, int flags)
{
	return fails(FAULT_FILES) ? SQLITE_IOERR_FSYNC : REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return fails(FAULT_FILES) ? SQLITE_IOERR_FSTAT
				  : REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int shim_lock(sqlite3_file *f, int lock)
{
	return REAL(f)->pMethods->xLock(REAL(f), lock);
}

static int shim_unlock(sqlite3_file *f, int lock)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), lock);
}

static int shim_reserved(sqlite3_file *f, int *out)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int shim_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int shim_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 1, /* no shared memory: the vault locks exclusively and needs none */
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim_file *file = (struct shim_file *)f;
	int code;

	(void)vfs;
	f->pMethods = NULL;
	if (fails(FAULT_FILES))
		return SQLITE_CANTOPEN;
	file->real = (sqlite3_file *)(file + 1);
	code = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
	if (code == SQLITE_OK)
		f->pMethods = &shim_methods;
	return code;
}

/* The engine's memory, and OpenSSL's. */
static sqlite3_mem_methods real_memory;

static void *engine_malloc(int n)
{
	return fails(FAULT_ENGINE_MEMORY) ? NULL : real_memory.xMalloc(n);
}

static void *engine_realloc(void *p, int n)
{
	return fails(FAULT_ENGINE_MEMORY) ? NULL : real_memory.xRealloc(p, n);
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails(FAULT_CRYPTO_MEMORY) ? NULL : malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails(FAULT_CRYPTO_MEMORY) ? NULL : realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static inline int setup_faults(void **state)
{
	sqlite3_mem_methods memory;

	(void)state;
	/* In memory where there is such a folder: what is tried here is not the disk. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	assert_int_equal(CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free), 1);
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory), SQLITE_OK);
	memory = real_memory;
	memory.xMalloc = engine_malloc;
	memory.xRealloc = engine_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory), SQLITE_OK);
	/* Else small pieces come from a stock that never fails. */
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
	real_vfs = sqlite3_vfs_find(NULL);
	shim_vfs = *real_vfs;
	shim_vfs.zName = "kenmon-faults";
	shim_vfs.szOsFile += (int)sizeof(struct shim_file);
	shim_vfs.xOpen = shim_open;
	return sqlite3_vfs_register(&shim_vfs, 1);
}

#endif
