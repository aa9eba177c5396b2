/* The state folder: made once, kept in memory, and put back. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../authd/vault/codes.h"
#include "../../authd/vault/courier.h"
#include "../../authd/vault/store_number.h"
#include "../unit/agree.h"
#include "vault_world.h"

#define FILES 32

int64_t clock_wall, clock_boot;

static char root[80], state[96], key[112];
static struct {
	char path[512];
	uint8_t *bytes; /* NULL: a folder */
	size_t len;
} kept[FILES];
static size_t files;

/* The vault's clock: only the input moves it. */
km_rc __wrap_km_clock_read(struct km_now *now);
km_rc __wrap_km_clock_read(struct km_now *now)
{
	*now = (struct km_now){ .wall = FUZZ_WALL + clock_wall,
				.boot_ms = 1000000 + clock_boot * 1000,
				.today = (FUZZ_WALL + clock_wall) / 86400,
				.synchronised = 1 };
	memset(now->boot_id, 7, sizeof(now->boot_id));
	return KM_OK;
}

void clock_moves(enum act what, uint8_t by)
{
	if (what == TIME)
		clock_boot += by;
	clock_wall += what == TIME ? by : (int8_t)by * 60;
}

/* --- keeping and putting back ---------------------------------------------------------- */

static void walk(const char *folder, void (*each)(const char *path, const struct stat *st))
{
	char path[512];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(folder);

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%.200s/%.200s", folder, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    lstat(path, &st) == 0)
			each(path, &st);
	}
	if (d)
		closedir(d);
}

static void keep(const char *path, const struct stat *st)
{
	int fd;

	fuzz_check(files < FILES, "too many files in the state folder");
	snprintf(kept[files].path, sizeof(kept[files].path), "%s", path);
	if (S_ISDIR(st->st_mode)) {
		files++;
		walk(path, keep);
		return;
	}
	kept[files].len = (size_t)st->st_size;
	kept[files].bytes = malloc(kept[files].len + 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	fuzz_check(fd >= 0 && kept[files].bytes &&
		       read(fd, kept[files].bytes, kept[files].len) == (ssize_t)kept[files].len,
		   "%s cannot be read", path);
	close(fd);
	files++;
}

static void drop(const char *path, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		walk(path, drop);
	remove(path);
}

static void put_back(void)
{
	walk(root, drop);
	for (size_t i = 0; i < files; i++) {
		if (kept[i].bytes)
			fuzz_write_file(kept[i].path, kept[i].bytes, kept[i].len);
		else
			fuzz_check(mkdir(kept[i].path, 0700) == 0, "no folder %s", kept[i].path);
	}
}

/* --- the vault ---------------------------------------------------------------------------- */

void store_link(struct vault *v, int *judge)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0,
		   "no sockets");
	v->judge = ready.data.fd = pair[0];
	v->anchored = v->stop = false;
	v->head_told = 0;
	fuzz_check(epoll_ctl(v->poll, EPOLL_CTL_ADD, pair[0], &ready) == 0, "no epoll");
	*judge = pair[1];
}

void store_matcher(struct vault *v, int *matcher)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0,
		   "no sockets");
	v->matcher = ready.data.fd = pair[0];
	v->matcher_spoke = false;
	fuzz_check(epoll_ctl(v->poll, EPOLL_CTL_ADD, pair[0], &ready) == 0, "no epoll");
	*matcher = pair[1];
}

/* As main.c does, without a listening socket. */
static struct vault *open_vault(void)
{
	struct vault *v = calloc(1, sizeof(*v));
	char why[256] = "";

	fuzz_check(v, "no memory");
	v->listener = v->judge = v->matcher_door = v->matcher = -1;
	v->courier_door = v->courier = -1;
	v->machine_id_path = key;
	for (size_t i = 0; i < VAULT_LINES; i++)
		v->line[i].fd = -1;
	for (size_t i = 0; i < VAULT_SESSIONS; i++)
		v->session[i].client = -1;
	km_conf_defaults(&v->conf);
	v->conf.login.factors.factors[0] |= KM_PHONE_FACTORS;
	fuzz_check(km_keys_open(state, key, true, &v->keys) == KM_OK, "no keys");
	fuzz_check(store_open(state, v->keys, &v->store, why, sizeof(why)) == KM_OK, "%s", why);
	fuzz_check(!why[0], "%s", why);
	fuzz_check(km_clock_read(&v->now) == KM_OK, "no clock");
	v->before = v->now;
	store_set_now(v->store, &v->now);
	v->poll = epoll_create1(EPOLL_CLOEXEC);
	v->frame = km_locked_new(KM_FRAME_MAX);
	v->in = km_locked_new(sizeof(*v->in));
	fuzz_check(v->poll >= 0 && v->frame && v->in && code_init() == KM_OK &&
		       check_init(v) == KM_OK && suspect_start(v) == KM_OK,
		   "no vault");
	return v;
}

void store_vault_free(struct vault *v)
{
	for (size_t i = 0; i < VAULT_LINES; i++)
		line_close(v, &v->line[i]);
	queue_free(&v->to_judge);
	orders_free(v);
	roster_forget(v);
	store_close(v->store);
	km_keys_close(v->keys);
	km_locked_free(v->frame, KM_FRAME_MAX);
	km_locked_free(v->in, sizeof(*v->in));
	close(v->poll);
	free(v);
}

struct vault *store_vault(void)
{
	clock_wall = clock_boot = 3600;
	put_back();
	model_reset();
	return open_vault();
}

void store_verify(struct vault *v)
{
	struct km_verify verify = { .next = 0 };

	while (!verify.finished && !verify.bad)
		fuzz_check(store_audit_verify(v->store, &verify, 256) == KM_OK, "no verification");
	fuzz_check(!verify.bad, "record %llu: %s", (unsigned long long)verify.bad, verify.why);
}

/* --- the first state -------------------------------------------------------------------------- */

static struct km_operator add(struct vault *v, const char *login, int64_t uid, uint8_t how)
{
	/* The second to come is a registrar. */
	struct km_operator in = { .uid = uid,
				  .role = model.persons == 1 ? KM_ROLE_REGISTRAR : KM_ROLE_OPERATOR,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct person *p = &model.person[model.persons];
	struct km_person who = { .name = "name", .department = "department" };
	struct km_event_record r;
	struct km_operator op;

	model.persons++;
	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "N-%.60s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "fuzz");
	fuzz_check(store_operator_add(v->store, &in, &who, &r, &op) == KM_OK, "no %s", login);
	*p = (struct person){
		.state = how, .role = in.role, .uid = uid, .from = KM_DAY_NONE, .until = KM_DAY_NONE
	};
	memcpy(p->login, who.login, sizeof(p->login));
	/* So that a finger can be enrolled, until they withdraw it. */
	fuzz_check(try_to_agree(v, login) == KM_OK, "%s cannot agree", login);
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "fuzz");
	if (how == KM_SUSPENDED)
		fuzz_check(store_operator_state(v->store, op.subject, KM_SUSPENDED, &r) == KM_OK,
			   "%s cannot be suspended", login);
	return op;
}

static void enrol(struct vault *v, const struct km_operator *op, uint8_t factor)
{
	struct km_credential in = {
		.factor = factor, .algorithm = KM_SHA1, .digits = 6, .period = 30
	};
	struct km_secret seed = { .len = 20 };
	struct km_event_record r;
	uint64_t id = 0;
	km_rc rc;

	memset(seed.bytes, 0x20 + (int)model.credentials, seed.len);
	if (factor == KM_FACTOR_RECOVERY)
		seed.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; factor == KM_FACTOR_RECOVERY && i < seed.len; i++)
		seed.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	memcpy(in.subject, op->subject, sizeof(in.subject));
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "fuzz");
	if (factor == KM_FACTOR_RECOVERY)
		rc = store_enrol_recovery(v->store, op, &seed, false, &r, &id);
	else
		rc = store_enrol_otp(v->store, op, &in, &seed, &r, &id);
	fuzz_check(rc == KM_OK, "no credential: %d", rc);
	model_credential(&model.person[model.persons - 1], id, factor, &seed);
}

/* whose: where they stand in the model. */
static void enrol_finger(struct vault *v, const struct km_operator *op, int whose,
			 enum km_finger finger)
{
	struct km_credential in = { .factor = KM_FACTOR_FINGERPRINT };
	static struct km_template made = { .len = 100 };
	static const struct km_secret none;
	struct km_event_record r;
	uint64_t id = 0;

	memset(made.bytes, FINGER + whose, made.len);
	memcpy(in.subject, op->subject, sizeof(in.subject));
	snprintf(in.label, sizeof(in.label), "%s", km_finger_word(finger));
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "fuzz");
	fuzz_check(store_enrol_finger(v->store, op, &in, "reader", &made, &r, &id) == KM_OK,
		   "no finger");
	model_credential(&model.person[whose], id, KM_FACTOR_FINGERPRINT, &none);
}

static void enrol_phone(struct vault *v, const struct km_operator *op, size_t whose,
			enum km_factor factor)
{
	struct km_credential in = { .factor = (uint8_t)factor };
	char number[KM_NUMBER_MAX + 1];
	struct km_event_record r;
	uint64_t id = 0;

	phones_number(whose, number);
	memcpy(in.subject, op->subject, sizeof(in.subject));
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "fuzz");
	fuzz_check(store_enrol_phone(v->store, op, &in, number, &r, &id) == KM_OK, "no number");
}

void store_make(void)
{
	struct km_operator op, hanako, jiro;
	struct vault *v;

	snprintf(root, sizeof(root), "%s/root", fuzz_folder());
	snprintf(state, sizeof(state), "%s/state", root);
	snprintf(key, sizeof(key), "%s/master.key", state);
	fuzz_check(mkdir(root, 0700) == 0 && mkdir(state, 0700) == 0, "no folder %s", state);
	v = open_vault();
	hanako = add(v, "hanako", 1000, KM_ACTIVE);
	enrol(v, &hanako, KM_FACTOR_TOTP);
	enrol(v, &hanako, KM_FACTOR_RECOVERY);
	op = add(v, "taro", 1001, KM_ACTIVE);
	enrol(v, &op, KM_FACTOR_HOTP);
	jiro = add(v, "jiro", 1002, KM_SUSPENDED);
	enrol(v, &jiro, KM_FACTOR_TOTP);
	add(v, "saburo", 1003, KM_ACTIVE);
	op = add(v, "shiro", -1, KM_ACTIVE);
	enrol(v, &op, KM_FACTOR_HOTP);
	/* Last: stories name codes by where they stand. */
	enrol_finger(v, &hanako, 0, KM_FINGER_RIGHT_INDEX);
	enrol_finger(v, &hanako, 0, KM_FINGER_LEFT_INDEX);
	enrol_finger(v, &jiro, 2, KM_FINGER_RIGHT_INDEX);
	enrol_finger(v, &op, 4, KM_FINGER_RIGHT_THUMB);
	enrol_phone(v, &hanako, 0, KM_FACTOR_SMS);
	enrol_phone(v, &hanako, 0, KM_FACTOR_VOICE);
	enrol_phone(v, &jiro, 2, KM_FACTOR_SMS);
	enrol_phone(v, &op, 4, KM_FACTOR_VOICE);
	fuzz_check(store_flush(v->store) == KM_OK, "the first state is not durable");
	store_vault_free(v);
	walk(root, keep);
	model_save();
}
