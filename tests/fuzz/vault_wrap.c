/*
 * Calls of the vault to its libraries and to the kernel (-Wl,--wrap): the one that the input names
 * fails, and if it says so all of its kind to the end of that round. Every n is tried in
 * tests/unit/test_vault_fault.c; here they meet any state that a story has led to.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <liboath/oath.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#include "vault_world.h"

static struct {
	bool in_round, for_good, fired;
	enum fault fault;
	unsigned nth, calls;
} now;

void fault_to_come(struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);

	now.fault = how % FAULTS;
	now.for_good = how & 0x80;
	now.nth = 1u + fuzz_u8(in);
	now.calls = 0;
	now.fired = false;
}

void fault_none(void)
{
	now.nth = 0;
}

void fault_begin(void)
{
	now.in_round = true;
}

void fault_end(void)
{
	now.in_round = false;
	if (now.fired)
		now.nth = 0;
}

static bool fails(enum fault fault)
{
	unsigned n;

	if (!now.in_round || fault != now.fault || now.nth == 0)
		return false;
	n = ++now.calls;
	if (n < now.nth || (n > now.nth && !now.for_good))
		return false;
	now.fired = true;
	errno = ENOMEM;
	return true;
}

/* name(arguments as they are declared), and what it gives instead. */
#define WRAP(fault, wrong, type, name, declared, passed)                                           \
	type __real_##name declared;                                                               \
	type __wrap_##name declared;                                                               \
	type __wrap_##name declared                                                                \
	{                                                                                          \
		return fails(fault) ? (wrong) : __real_##name passed;                              \
	}

WRAP(FAULT_STEP, SQLITE_IOERR, int, sqlite3_step, (sqlite3_stmt * st), (st))
WRAP(FAULT_BIND, SQLITE_NOMEM, int, sqlite3_bind_int64,
     (sqlite3_stmt * st, int at, sqlite3_int64 n), (st, at, n))
WRAP(FAULT_MAC, 0, int, EVP_MAC_init,
     (EVP_MAC_CTX * ctx, const unsigned char *key, size_t len, const OSSL_PARAM params[]),
     (ctx, key, len, params))
WRAP(FAULT_CIPHER, 0, int, EVP_CIPHER_CTX_copy, (EVP_CIPHER_CTX * out, const EVP_CIPHER_CTX *in),
     (out, in))
WRAP(FAULT_CIPHER, 0, int, EVP_CipherFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *out, int *len),
     (ctx, out, len))
WRAP(FAULT_DIGEST, 0, int, EVP_DigestFinal_ex,
     (EVP_MD_CTX * ctx, unsigned char *out, unsigned *len), (ctx, out, len))
WRAP(FAULT_CODE, OATH_MALLOC_ERROR, int, oath_hotp_generate,
     (const char *seed, size_t len, uint64_t counter, unsigned digits, bool checksum,
      size_t truncation, char *out),
     (seed, len, counter, digits, checksum, truncation, out))
WRAP(FAULT_CODE, OATH_MALLOC_ERROR, int, oath_totp_generate2,
     (const char *seed, size_t len, time_t t, unsigned step, time_t start, unsigned digits,
      int flags, char *out),
     (seed, len, t, step, start, digits, flags, out))
WRAP(FAULT_RANDOM, KM_EIO, km_rc, km_random, (void *p, size_t len), (p, len))
WRAP(FAULT_MEMORY, NULL, void *, malloc, (size_t size), (size))
WRAP(FAULT_MEMORY, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(FAULT_SOCKETS, -1, int, socketpair, (int domain, int type, int protocol, int pair[2]),
     (domain, type, protocol, pair))
WRAP(FAULT_EPOLL, -1, int, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *e),
     (epoll, what, fd, e))

/* --- locked memory -------------------------------------------------------------------- */

/* The sanitizer's, where there is one: it looks for pointers in here only when it is told to. */
__attribute__((weak)) void __lsan_register_root_region(const void *p, size_t size);
__attribute__((weak)) void __lsan_unregister_root_region(const void *p, size_t size);

void *__real_km_locked_new(size_t size);
void *__wrap_km_locked_new(size_t size);
void *__wrap_km_locked_new(size_t size)
{
	void *p = fails(FAULT_LOCKED) ? NULL : __real_km_locked_new(size);

	if (p && __lsan_register_root_region)
		__lsan_register_root_region(p, size);
	return p;
}

void __real_km_locked_free(void *p, size_t size);
void __wrap_km_locked_free(void *p, size_t size);
void __wrap_km_locked_free(void *p, size_t size)
{
	if (p && __lsan_unregister_root_region)
		__lsan_unregister_root_region(p, size);
	__real_km_locked_free(p, size);
}
