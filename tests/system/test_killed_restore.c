/*
 * Kill -9 of a restore at every call to the kernel. What it leaves is a folder in which nothing
 * was begun, one that refuses to start and says so, or one that is finished; and the next
 * restore comes to an end. A part of the points by default; KENMON_EVERY=1 (tests/long) tries all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/room.h>

#include "../../authd/vault/store_internal.h"
#include "house_killer.h"
#include "house_office.h"

static unsigned step = 17; /* calls from one kill to the next */
static char where[160];

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: not so: %s", where, #condition);                             \
	} while (0)

/* --- what is restored ------------------------------------------------------------------- */

static struct files {
	char copy[HOUSE_PATH + 16], bundle[HOUSE_PATH + 16], escrow[HOUSE_PATH + 16];
	char root[HOUSE_PATH + 16], state[HOUSE_PATH + 32], kek[HOUSE_PATH + 32];
	char vault[HOUSE_PATH + 32];
} at;

static int setup(void **state)
{
	static struct house h;
	char conf[256], command[HOUSE_PATH * 2], hex[80] = "";
	struct house_out o = { 0 };

	snprintf(
	    command, sizeof(command),
	    "umask 077; f=$(mktemp) && openssl genpkey -algorithm X25519 -out $f 2>/dev/null && "
	    "openssl pkey -in $f -pubout -outform DER | tail -c 32 | od -An -v -tx1 | "
	    "tr -d ' \\n'; echo; echo $f");
	if (house_run(&o, -1, NULL, (const char *const[]){ "sh", "-c", command, NULL }) != 0 ||
	    o.out_len < 66)
		return -1;
	memcpy(hex, o.out, 64);
	snprintf(at.escrow, sizeof(at.escrow), "%.*s", (int)strcspn(o.out + 65, "\n"), o.out + 65);
	house_out_free(&o);
	snprintf(conf, sizeof(conf), "[backup]\nescrow-key = %s\n", hex);
	*state = &h;
	return office_house(&h, conf) ? 0 : -1;
}

static int teardown(void **state)
{
	struct house *h = *state;

	office_close();
	house_end(h);
	unlink(at.escrow);
	return 0;
}

static void must_desk(const struct house *h, const char *a, const char *b, const char *c)
{
	snprintf(where, sizeof(where), "kenmon %s %s", a, b);
	must(house_desk(h, NULL, NULL, a, b, c, NULL) == 0);
}

static void make_files(struct house *h)
{
	snprintf(at.copy, sizeof(at.copy), "%s/copy", h->dir);
	snprintf(at.bundle, sizeof(at.bundle), "%s/bundle", h->dir);
	snprintf(at.root, sizeof(at.root), "%s/new", h->dir);
	snprintf(at.state, sizeof(at.state), "%s/vault", at.root);
	snprintf(at.kek, sizeof(at.kek), "%s/vault-kek", at.root);
	snprintf(at.vault, sizeof(at.vault), "%s/kenmon-vault", h->bin);
	must(office_totp_operator(h, "daemon", 1) && office_totp_operator(h, "man", 6));
	must_desk(h, "backup", at.copy, NULL);
	must(house_desk(h, NULL, NULL, "erase", "man", "--reason", "left", "--yes", NULL) == 0);
	must_desk(h, "key", "bundle", at.bundle);
	office_close();
	must(house_stop(h));
}

/* --- one try --------------------------------------------------------------------------------- */

static void empty(void)
{
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "rm", "-rf", at.root, NULL }) == 0);
	must(mkdir(at.root, 0700) == 0);
}

/* True: it was killed at the n-th call. */
static bool restore_killed(unsigned n, unsigned *counted)
{
	const char *const argv[] = { at.vault,   "--restore",   at.copy,
				     "--bundle", at.bundle,     "--escrow-key",
				     at.escrow,  "--state-dir", at.state,
				     NULL };
	struct killer k;
	bool struck;

	must(killer_run(&k, argv, n));
	struck = killer_end(&k);
	if (counted)
		*counted = killer_counted(&k);
	snprintf(where, sizeof(where), "a restore killed at %u (%s)", n,
		 struck ? killer_call(&k) : "not");
	if (!struck)
		must(WIFEXITED(killer_status(&k)) && WEXITSTATUS(killer_status(&k)) == 0);
	killer_free(&k);
	return struck;
}

static int start_once(void)
{
	return house_run(
	    &(struct house_out){ 0 }, -1, NULL,
	    (const char *const[]){ at.vault, "--setup", "--state-dir", at.state, NULL });
}

static bool is_there(const char *folder, const char *name)
{
	char path[HOUSE_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

/* --- what it left ------------------------------------------------------------------------------
 */

/* Started and looked into: the living are there, the erased are not. */
static void must_be_restored(void)
{
	struct km_keys *keys = NULL;
	struct km_store *s = NULL;
	struct km_operator op;
	struct km_person who;
	struct km_verify v = { 0 };
	char key[HOUSE_PATH + 64];

	must(start_once() == 0);
	snprintf(key, sizeof(key), "%s/master.key", at.state);
	must(km_keys_open(at.state, key, false, &keys) == KM_OK);
	must(store_open(at.state, keys, &s, NULL, 0) == KM_OK);
	must(store_operator_by_login(s, "daemon", &op) == KM_OK && op.state == KM_ACTIVE);
	must(store_person(s, &op, &who) == KM_OK && strcmp(who.login, "daemon") == 0);
	must(store_operator_by_login(s, "man", &op) == KM_ENOTFOUND);
	while (!v.finished)
		must(store_audit_verify(s, &v, 10000) == KM_OK);
	must(v.bad == 0 && v.restored > 0);
	store_close(s);
	km_keys_close(keys);
}

static void must_be_harmless(void)
{
	bool marked = is_there(at.state, "restoring");

	if (marked)
		must(start_once() == KM_EXIT_CONFIG);
	if (marked || !is_there(at.state, "vault.db"))
		must(!restore_killed(0, NULL));
	must(!is_there(at.state, "restoring"));
	must_be_restored();
}

static void test_a_restore_killed_at_any_step_is_begun_again_or_finished(void **state)
{
	unsigned counted = 0, tried = 0;

	make_files(*state);
	empty();
	must(!restore_killed(0, &counted) && counted > 100);
	must_be_restored();
	for (unsigned n = 1; n <= counted; n += step) {
		empty();
		tried += restore_killed(n, NULL);
		must_be_harmless();
	}
	printf("# a restore: %u calls counted, killed at %u\n", counted, tried);
	/* Random numbers decide by a call or two how long it is. */
	assert_true(tried + 1 >= (counted - 1) / step + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_restore_killed_at_any_step_is_begun_again_or_finished, setup, teardown),
	};

	if (getenv("KENMON_EVERY"))
		step = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
