/* Who the benches log in: operators in the store, accounts in NSS. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/store.h>

#include "bench.h"

#define PER_FLUSH 1000

/* --- operators ------------------------------------------------------------ */

static km_rc enrol(struct km_store *s, const struct km_operator *op, unsigned number)
{
	struct km_credential c = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_event_record event = { .event = KM_EVENT_ENROLLED, .actor = "bench" };
	struct km_secret seed KM_SECRET = { .len = BENCH_SEED };
	uint64_t id;

	token_seed(number, seed.bytes);
	memcpy(c.subject, op->subject, sizeof(c.subject));
	memcpy(event.subject, op->subject, sizeof(event.subject));
	return store_enrol_otp(s, op, &c, &seed, &event, &id);
}

static km_rc register_one(struct km_store *s, const struct registration *r)
{
	struct km_event_record event = { .event = KM_EVENT_OPERATOR_ADDED, .actor = "bench" };
	struct km_operator in = { .uid = r->uid,
				  .state = KM_ACTIVE,
				  .valid_from = r->valid_from ? r->valid_from : KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_operator op;
	struct km_person person = { .department = "Residents' affairs" };
	km_rc rc;

	snprintf(person.login, sizeof(person.login), "%s", r->login);
	snprintf(person.employee_number, sizeof(person.employee_number), "E%u", r->number);
	snprintf(person.name, sizeof(person.name), "Operator %u", r->number);
	if (r->person)
		person = *r->person;
	rc = store_operator_add(s, &in, &person, &event, &op);
	if (rc == KM_OK && r->enrolled)
		rc = enrol(s, &op, r->number);
	if (rc == KM_OK && r->suspended) {
		event.event = KM_EVENT_OPERATOR_SUSPENDED;
		rc = store_operator_state(s, op.subject, KM_SUSPENDED, &event);
	}
	return rc;
}

static km_rc register_all(struct km_store *s, size_t count,
			  void (*describe)(size_t i, struct registration *out))
{
	struct km_now now;
	km_rc rc = km_clock_read(&now);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		struct registration r = { 0 };

		store_set_now(s, &now);
		describe(i, &r);
		rc = register_one(s, &r);
		if (rc == KM_OK && (i % PER_FLUSH == PER_FLUSH - 1 || i == count - 1)) {
			rc = store_flush(s);
			store_idle(s);
		}
	}
	return rc;
}

/* Opens the store of a stopped house for as long as fill takes. */
static bool with_store(const struct house *h, km_rc (*fill)(struct km_store *s, void *arg),
		       void *arg)
{
	char dir[HOUSE_PATH + 16], key[HOUSE_PATH + 32], why[512] = "";
	struct km_keys *keys = NULL;
	struct km_store *s = NULL;
	km_rc rc;

	snprintf(dir, sizeof(dir), "%s/vault", h->state);
	snprintf(key, sizeof(key), "%s/master.key", dir);
	rc = km_keys_open(dir, key, false, &keys);
	if (rc == KM_OK)
		rc = store_open(dir, keys, &s, why, sizeof(why));
	if (rc == KM_OK)
		rc = fill(s, arg);
	if (rc != KM_OK)
		say("the store cannot be filled: %s %s", km_rc_text(rc, KM_LANG_EN), why);
	store_close(s);
	km_keys_close(keys);
	return rc == KM_OK;
}

struct registrations {
	size_t count;
	void (*describe)(size_t i, struct registration *out);
};

static km_rc register_these(struct km_store *s, void *arg)
{
	const struct registrations *r = arg;

	return register_all(s, r->count, r->describe);
}

bool bench_register(const struct house *h, size_t count,
		    void (*describe)(size_t i, struct registration *out))
{
	struct registrations r = { count, describe };

	return with_store(h, register_these, &r);
}

/* --- records -------------------------------------------------------------- */

static km_rc record_all(struct km_store *s, void *arg)
{
	struct km_event_record r = { .event = KM_EVENT_LOGIN_ALLOWED, .actor = "door" };
	const size_t *count = arg;
	struct km_now now;
	km_rc rc = km_clock_read(&now);

	for (size_t i = 0; rc == KM_OK && i < *count; i++) {
		store_set_now(s, &now);
		memset(r.subject, (int)(i % 200) + 1, sizeof(r.subject));
		snprintf(r.body, sizeof(r.body),
			 "service=sshd tty=pts/%zu rhost=10.0.%zu.%zu origin=remote factor=totp "
			 "credential=%zu",
			 i % 9, i % 7, i % 250, i % 200);
		rc = store_record(s, &r);
		if (rc == KM_OK && (i % PER_FLUSH == PER_FLUSH - 1 || i == *count - 1)) {
			rc = store_seal(s);
			if (rc == KM_OK)
				rc = store_flush(s);
			store_idle(s);
		}
	}
	return rc;
}

bool bench_records(const struct house *h, size_t count)
{
	return with_store(h, record_all, &count);
}

/* --- accounts ------------------------------------------------------------- */

void account_flight(unsigned i, char out[32])
{
	snprintf(out, 32, "kmb-flight%02u", i);
}

uint32_t account_flight_uid(unsigned i)
{
	return ACCOUNT_UID + 1 + i;
}

void account_kind(unsigned kind, unsigned i, char out[32])
{
	snprintf(out, 32, "kmb-refused%03u%c", i, "abcd"[kind]);
}

uint32_t account_kind_uid(unsigned kind, unsigned i)
{
	return ACCOUNT_UID + 1 + ACCOUNT_FLIGHTS + i * ACCOUNT_KINDS + kind;
}

static void account_line(FILE *f, const char *name, uint32_t uid)
{
	fprintf(f, "%s:x:%u:65534::/nonexistent:/usr/sbin/nologin\n", name, uid);
}

/* The kinds stand in turn, so that what looks through the file takes as long for each. */
static bool write_passwd(const char *path)
{
	FILE *from = fopen("/etc/passwd", "re"), *to = fopen(path, "we");
	char line[1024], name[32];

	if (!from || !to)
		return false; /* the bench ends here */
	while (fgets(line, sizeof(line), from))
		fputs(line, to);
	fclose(from);
	account_line(to, ACCOUNT_ONE, ACCOUNT_UID);
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++) {
		account_flight(i, name);
		account_line(to, name, account_flight_uid(i));
	}
	for (unsigned i = 0; i < ACCOUNT_EACH * ACCOUNT_KINDS; i++) {
		account_kind(i % ACCOUNT_KINDS, i / ACCOUNT_KINDS, name);
		account_line(to, name, account_kind_uid(i % ACCOUNT_KINDS, i / ACCOUNT_KINDS));
	}
	return fclose(to) == 0;
}

static void write_proc(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, content, strlen(content)) < 0)
			say("%s: %s", path, strerror(errno));
		close(fd);
	}
}

/* Without root, a user namespace in which we stay who we are. */
static bool own_mounts(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (uid == 0)
		return unshare(CLONE_NEWNS) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	write_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_proc("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_proc("/proc/self/gid_map", map);
	return true;
}

bool accounts_make(void)
{
	char path[] = "/tmp/kenmon-bench-XXXXXX";
	int fd = mkstemp(path);
	bool ok = fd >= 0 && fchmod(fd, 0644) == 0 && write_passwd(path) && own_mounts() &&
		  mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		  mount(path, "/etc/passwd", NULL, MS_BIND, NULL) == 0;

	if (!ok)
		say("no accounts of our own (a mount namespace is needed: be root, or allow user "
		    "namespaces): %s",
		    strerror(errno));
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return ok;
}
