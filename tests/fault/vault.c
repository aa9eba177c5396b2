/* The vault's libraries: SQLite, OpenSSL, liboath. */
#include <errno.h>

#include <liboath/oath.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/kdf.h>
#include <sqlite3.h>

#include "interpose.h"

/* --- SQLite: its results say what the errno would ---------------------------------- */

static int sql_error(void)
{
	switch (fault_error()) {
	case ENOSPC:
		return SQLITE_FULL;
	case ENOMEM:
		return SQLITE_NOMEM;
	default:
		return SQLITE_IOERR_WRITE;
	}
}

/*
 * sqlite3_exec() takes the error of a step from the statement, where ours is not: what the library
 * does inside itself is left alone.
 */
extern const char __executable_start[], etext[];
#define FROM_OUTSIDE                                                                               \
	((const char *)__builtin_return_address(0) >= __executable_start &&                        \
	 (const char *)__builtin_return_address(0) < etext)

PUBLIC int sqlite3_step(sqlite3_stmt *st)
{
	if (FROM_OUTSIDE && fault_fails(FAULT_STEP))
		return sql_error();
	return REAL(sqlite3_step)(st);
}

PUBLIC int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
			void *arg, char **error)
{
	if (FROM_OUTSIDE && fault_fails(FAULT_STEP))
		return sql_error();
	return REAL(sqlite3_exec)(db, sql, row, arg, error);
}

PUBLIC int sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
	if (!fault_fails(FAULT_STEP))
		return REAL(sqlite3_open_v2)(path, db, flags, vfs);
	*db = NULL;
	return sql_error();
}

PUBLIC int sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames,
				     int *done)
{
	return fault_fails(FAULT_STEP)
		   ? sql_error()
		   : REAL(sqlite3_wal_checkpoint_v2)(db, name, mode, frames, done);
}

PUBLIC int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **st,
			      const char **tail)
{
	return FROM_OUTSIDE && fault_fails(FAULT_PREPARE)
		   ? sql_error()
		   : REAL(sqlite3_prepare_v2)(db, sql, len, st, tail);
}

PUBLIC int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int len, unsigned flags,
			      sqlite3_stmt **st, const char **tail)
{
	return FROM_OUTSIDE && fault_fails(FAULT_PREPARE)
		   ? sql_error()
		   : REAL(sqlite3_prepare_v3)(db, sql, len, flags, st, tail);
}

PUBLIC sqlite3_backup *sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from,
					   const char *from_name)
{
	return fault_fails(FAULT_STEP) ? NULL
				       : REAL(sqlite3_backup_init)(to, to_name, from, from_name);
}

PUBLIC int sqlite3_backup_step(sqlite3_backup *b, int pages)
{
	return fault_fails(FAULT_STEP) ? sql_error() : REAL(sqlite3_backup_step)(b, pages);
}

PUBLIC int sqlite3_bind_int64(sqlite3_stmt *st, int i, sqlite3_int64 n)
{
	return fault_fails(FAULT_BIND) ? sql_error() : REAL(sqlite3_bind_int64)(st, i, n);
}

PUBLIC int sqlite3_bind_blob64(sqlite3_stmt *st, int i, const void *bytes, sqlite3_uint64 len,
			       void (*done)(void *))
{
	return fault_fails(FAULT_BIND) ? sql_error()
				       : REAL(sqlite3_bind_blob64)(st, i, bytes, len, done);
}

PUBLIC int sqlite3_bind_text(sqlite3_stmt *st, int i, const char *text, int len,
			     void (*done)(void *))
{
	return fault_fails(FAULT_BIND) ? sql_error()
				       : REAL(sqlite3_bind_text)(st, i, text, len, done);
}

PUBLIC int sqlite3_bind_text64(sqlite3_stmt *st, int i, const char *text, sqlite3_uint64 len,
			       void (*done)(void *), unsigned char encoding)
{
	return fault_fails(FAULT_BIND)
		   ? sql_error()
		   : REAL(sqlite3_bind_text64)(st, i, text, len, done, encoding);
}

/* --- OpenSSL: 0 is a failure in all of these ----------------------------------------- */

#define CRYPTO(name, parameters, arguments)                                                        \
	PUBLIC int name parameters                                                                 \
	{                                                                                          \
		return fault_fails(FAULT_CRYPTO) ? 0 : REAL(name) arguments;                       \
	}

CRYPTO(EVP_CIPHER_CTX_copy, (EVP_CIPHER_CTX * to, const EVP_CIPHER_CTX *from), (to, from))
CRYPTO(EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * c, int type, int n, void *p), (c, type, n, p))
CRYPTO(EVP_CipherInit_ex2,
       (EVP_CIPHER_CTX * c, const EVP_CIPHER *k, const unsigned char *key, const unsigned char *iv,
	int enc, const OSSL_PARAM *p),
       (c, k, key, iv, enc, p))
CRYPTO(EVP_CipherUpdate,
       (EVP_CIPHER_CTX * c, unsigned char *out, int *out_len, const unsigned char *in, int len),
       (c, out, out_len, in, len))
CRYPTO(EVP_CipherFinal_ex, (EVP_CIPHER_CTX * c, unsigned char *out, int *len), (c, out, len))
CRYPTO(EVP_DigestInit_ex2, (EVP_MD_CTX * c, const EVP_MD *md, const OSSL_PARAM *p), (c, md, p))
CRYPTO(EVP_DigestUpdate, (EVP_MD_CTX * c, const void *in, size_t len), (c, in, len))
CRYPTO(EVP_DigestFinal_ex, (EVP_MD_CTX * c, unsigned char *out, unsigned *len), (c, out, len))
CRYPTO(EVP_MAC_CTX_set_params, (EVP_MAC_CTX * c, const OSSL_PARAM *p), (c, p))
CRYPTO(EVP_MAC_init, (EVP_MAC_CTX * c, const unsigned char *key, size_t len, const OSSL_PARAM *p),
       (c, key, len, p))
CRYPTO(EVP_MAC_update, (EVP_MAC_CTX * c, const unsigned char *in, size_t len), (c, in, len))
CRYPTO(EVP_MAC_final, (EVP_MAC_CTX * c, unsigned char *out, size_t *len, size_t cap),
       (c, out, len, cap))
CRYPTO(EVP_DigestSignInit,
       (EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *md, ENGINE *e, EVP_PKEY *key),
       (c, p, md, e, key))
CRYPTO(EVP_DigestSign,
       (EVP_MD_CTX * c, unsigned char *out, size_t *out_len, const unsigned char *in, size_t len),
       (c, out, out_len, in, len))
CRYPTO(EVP_DigestVerifyInit,
       (EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *md, ENGINE *e, EVP_PKEY *key),
       (c, p, md, e, key))
CRYPTO(EVP_DigestVerify,
       (EVP_MD_CTX * c, const unsigned char *s, size_t s_len, const unsigned char *in, size_t len),
       (c, s, s_len, in, len))
CRYPTO(EVP_PKEY_get_raw_public_key, (const EVP_PKEY *key, unsigned char *out, size_t *len),
       (key, out, len))
CRYPTO(EVP_PKEY_derive_init, (EVP_PKEY_CTX * c), (c))
CRYPTO(EVP_PKEY_derive_set_peer, (EVP_PKEY_CTX * c, EVP_PKEY *peer), (c, peer))
CRYPTO(EVP_PKEY_derive, (EVP_PKEY_CTX * c, unsigned char *key, size_t *len), (c, key, len))
CRYPTO(EVP_Digest,
       (const void *in, size_t len, unsigned char *out, unsigned *out_len, const EVP_MD *md,
	ENGINE *e),
       (in, len, out, out_len, md, e))
CRYPTO(RAND_priv_bytes, (unsigned char *bytes, int len), (bytes, len))
CRYPTO(EVP_KDF_derive, (EVP_KDF_CTX * c, unsigned char *key, size_t len, const OSSL_PARAM *p),
       (c, key, len, p))

/* --- liboath ---------------------------------------------------------------------------- */

PUBLIC int oath_hotp_generate(const char *secret, size_t len, uint64_t moving, unsigned digits,
			      bool checksum, size_t offset, char *otp)
{
	return fault_fails(FAULT_OATH)
		   ? OATH_CRYPTO_ERROR
		   : REAL(oath_hotp_generate)(secret, len, moving, digits, checksum, offset, otp);
}

PUBLIC int oath_totp_generate2(const char *secret, size_t len, time_t now, unsigned step,
			       time_t start, unsigned digits, int flags, char *otp)
{
	return fault_fails(FAULT_OATH)
		   ? OATH_CRYPTO_ERROR
		   : REAL(oath_totp_generate2)(secret, len, now, step, start, digits, flags, otp);
}
