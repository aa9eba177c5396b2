/*
 * kenmon-vault: keeps seeds and keys, judges every answer, and
 * states every ALLOW.
 *
 * SECURITY
 * It talks to the judge and to the matcher, each on the one connection of a
 * listening socket, and to desks, each on a socket pair of its own. It writes to the descriptors of
 * clients that the judge hands it, and reads nothing from them: who a client
 * is, it asks the kernel. It holds the master key, the databases and, for the
 * length of one check, one operator's seed or templates; templates alone leave it,
 * to the matcher, one operator's for one grant. It opens no network, no device and
 * no program, and parses nothing but our own frames and its configuration. For
 * a restore, which serves nobody, it reads a backup, a key bundle and the site's
 * escrow key.
 * Whoever takes it over has everything: that is why nothing else is in here,
 * and why it has walls (walls.c) behind which it can carry nothing away.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/sock.h>

#include "codes.h"
#include "copy.h"
#include "desk.h"
#include "grant.h"
#include "walls.h"

struct options {
	const char *state_dir, *key, *journal;
	const char *restore, *bundle, *escrow; /* files, of a restore */
	bool create_key, setup;
};

enum {
	OPT_OWNER = 256,
	OPT_JUDGE_UID,
	OPT_MATCHER_UID,
	OPT_MACHINE_ID,
	OPT_CREATE_KEY,
	OPT_SETUP,
	OPT_RESTORE,
	OPT_BUNDLE,
	OPT_ESCROW,
	OPT_VERSION
};

static const struct option long_options[] = {
	{ "state-dir", required_argument, NULL, 's' },
	{ "key", required_argument, NULL, 'k' },
	{ "config", required_argument, NULL, 'c' },
	{ "journal", required_argument, NULL, 'j' },
	{ "create-key", no_argument, NULL, OPT_CREATE_KEY },
	{ "setup", no_argument, NULL, OPT_SETUP },
	{ "restore", required_argument, NULL, OPT_RESTORE },
	{ "bundle", required_argument, NULL, OPT_BUNDLE },
	{ "escrow-key", required_argument, NULL, OPT_ESCROW },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "judge-uid", required_argument, NULL, OPT_JUDGE_UID },
	{ "matcher-uid", required_argument, NULL, OPT_MATCHER_UID },
	{ "machine-id", required_argument, NULL, OPT_MACHINE_ID },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
    "usage: kenmon-vault [--state-dir DIR] [--key FILE] [--config FILE] [--setup]\n"
    "                    [--create-key] [--owner UID] [--judge-uid UID]\n"
    "                    [--matcher-uid UID] [--journal SOCKET] [--machine-id FILE]\n"
    "       kenmon-vault --restore FILE --bundle FILE --escrow-key FILE [--state-dir DIR]\n"
    "                    [--key FILE]\n"
    "\n"
    "  --state-dir DIR    databases and sealed keys (default /var/lib/kenmon)\n"
    "  --key FILE         the master key (default DIR/master.key)\n"
    "  --config FILE      configuration (default " KM_CONF_PATH ")\n"
    "  --setup            make key and databases where there are none, and stop\n"
    "  --create-key       make the key at a first start\n"
    "  --restore FILE     fill an empty state folder from this backup, and stop\n"
    "  --bundle FILE      with the keys in this bundle\n"
    "  --escrow-key FILE  which this private key opens\n"
    "  --owner UID        this uid counts as root (kenmon-authd --spawn)\n"
    "  --judge-uid UID    only a judge of this uid is served\n"
    "  --matcher-uid UID  only a matcher of this uid is lent templates (default: its socket's\n"
    "                     owner)\n"
    "  --journal SOCKET   log to this journald socket instead of standard error\n"
    "  --machine-id FILE  what tells machines apart (default /etc/machine-id)\n"
    "\n"
    "It takes its listening sockets from its starter (LISTEN_FDS, names \"vault\" and,\n"
    "where fingers are to be compared, \"grant\").\n"
    "See kenmon-vault(8).\n";

/* Takes the uid of an option. */
static bool take_uid(const char *option, bool *has, uid_t *uid)
{
	int64_t n = 0;

	*has = km_uid_parse(optarg, &n);
	if (*has)
		*uid = (uid_t)n;
	else
		fprintf(stderr, "kenmon-vault: %s takes a uid, a number\n", option);
	return *has;
}

/* The files of a restore. */
static bool take_file(int c, struct options *o)
{
	const char **const place = c == OPT_RESTORE  ? &o->restore
				   : c == OPT_BUNDLE ? &o->bundle
				   : c == OPT_ESCROW ? &o->escrow
						     : NULL;

	if (place)
		*place = optarg;
	return place != NULL;
}

/* 0, or an exit code + 1. */
static int check_rest(int argc, const struct options *o)
{
	if (optind != argc) {
		fprintf(stderr, "kenmon-vault: takes options only\n");
		return KM_EXIT_USAGE + 1;
	}
	if (!o->restore != !o->bundle || !o->restore != !o->escrow) {
		fprintf(stderr, "kenmon-vault: --restore, --bundle and --escrow-key go together\n");
		return KM_EXIT_USAGE + 1;
	}
	return 0;
}

/* 0: go on. Otherwise an exit code + 1. */
static int parse(int argc, char **argv, struct options *o, struct vault *v)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			o->state_dir = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 'c':
			v->conf_path = optarg;
			v->conf_given = true;
			break;
		case 'j':
			o->journal = optarg;
			break;
		case OPT_CREATE_KEY:
			o->create_key = true;
			break;
		case OPT_SETUP:
			o->setup = o->create_key = true;
			break;
		case OPT_OWNER:
			if (take_uid("--owner", &v->has_owner, &v->owner))
				break;
			return KM_EXIT_USAGE + 1;
		case OPT_JUDGE_UID:
			if (take_uid("--judge-uid", &v->has_judge_uid, &v->judge_uid))
				break;
			return KM_EXIT_USAGE + 1;
		case OPT_MATCHER_UID:
			if (take_uid("--matcher-uid", &v->has_matcher_uid, &v->matcher_uid))
				break;
			return KM_EXIT_USAGE + 1;
		case OPT_MACHINE_ID:
			v->machine_id_path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case OPT_VERSION:
			puts("kenmon-vault " KM_VERSION);
			return 1;
		default:
			if (take_file(c, o))
				break;
			fputs(usage, stderr);
			return KM_EXIT_USAGE + 1;
		}
	}
	return check_rest(argc, o);
}

static int read_configuration(struct vault *v)
{
	struct km_conf_error error = { 0 };

	if (km_conf_read(v->conf_path, v->conf_given, &v->conf, &error) != KM_OK) {
		if (error.line > 0)
			km_log(LOG_ERR, "%s:%d: %s", error.path, error.line, error.text);
		else
			km_log(LOG_ERR, "%s: %s", error.path, error.text);
		return KM_EXIT_CONFIG;
	}
	if (km_clock_zone(v->conf.time_zone) != KM_OK) {
		km_log(LOG_ERR, "[site] time-zone = %s is not known here", v->conf.time_zone);
		return KM_EXIT_CONFIG;
	}
	return 0;
}

static const char *key_sentence(km_rc rc)
{
	switch ((int)rc) {
	case KM_ENOTFOUND:
		return "the master key or the KEK (in the folder beside this one, with -kek in its "
		       "name) is missing, and none is made where there are databases: bring it "
		       "back, or start on an empty folder";
	case KM_EPERM:
		return "the master key, a database or their folder can be reached by others: chmod "
		       "0600 the files, 0700 the folder, owned by the vault's user";
	case KM_ECORRUPT:
		return "the master key is damaged or belongs to another state folder: bring back "
		       "the right one";
	default:
		return km_rc_text(rc, KM_LANG_EN);
	}
}

static int open_store(struct vault *v, const struct options *o)
{
	char path[4096], why[512] = "";
	const char *key = o->key;
	km_rc rc;

	if (!key) {
		if (snprintf(path, sizeof path, "%s/master.key", o->state_dir) >= (int)sizeof path)
			return KM_EXIT_USAGE;
		key = path;
	}
	if (restore_unfinished(o->state_dir)) {
		km_log(LOG_ERR,
		       "%s: a restore was begun here and not finished: run 'kenmon restore' again",
		       o->state_dir);
		return KM_EXIT_CONFIG;
	}
	rc = km_keys_open(o->state_dir, key, o->create_key, &v->keys);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "%s: %s", o->state_dir, key_sentence(rc));
		return KM_EXIT_CONFIG;
	}
	rc = store_open(o->state_dir, v->keys, &v->store, why, sizeof why);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "%s: %s", o->state_dir, why[0] ? why : km_rc_text(rc, KM_LANG_EN));
		return KM_EXIT_CONFIG;
	}
	/* Served all the same, so that 'audit verify' can name the place; but nobody overlooks it.
	 */
	if (why[0])
		km_log(LOG_ALERT, "%s: %s", o->state_dir, why);
	snprintf(v->trail, sizeof v->trail, "%.*s", (int)sizeof v->trail - 1, why);
	return 0;
}

/*
 * The present signer, in the record of the start; and at the very first start, loudly: whoever
 * notes it elsewhere will know a trail that was made anew, whatever keys are stolen here.
 */
static km_rc tell_signer(struct vault *v, struct km_event_record *started)
{
	char hex[KM_HEX(KM_PUBLIC_BYTES)], text[192];
	const struct km_log_field field = { "KENMON_SIGNER", hex };
	struct km_anchor a;
	km_rc rc = store_sign_head(v->store, &a);

	if (rc != KM_OK || a.generation == 0)
		return rc;
	event_add(started, "signer", km_hex(a.public, sizeof a.public, hex));
	if (a.seq > 0)
		return KM_OK;
	snprintf(text, sizeof text,
		 "the audit trail begins, signed by %s: note this key where this machine cannot "
		 "change it",
		 hex);
	km_log_fields(LOG_NOTICE, &field, 1, text);
	return KM_OK;
}

/* Everything between the store and the first request. */
static km_rc begin(struct vault *v)
{
	struct km_event_record r;
	km_rc rc = km_clock_read(&v->now);

	v->before = v->now;
	store_set_now(v->store, &v->now);
	if (rc == KM_OK)
		rc = check_init(v);
	if (rc == KM_OK)
		rc = suspect_start(v);
	event_make(&r, KM_EVENT_STARTED, NULL, "vault");
	event_add(&r, "version", KM_VERSION);
	event_add(&r, "approval", desk_asked_for(v));
	if (rc == KM_OK)
		rc = tell_signer(v, &r);
	if (rc == KM_OK)
		rc = note_record(v, &r);
	if (rc == KM_OK)
		rc = store_flush(v->store);
	note_settle(v, rc == KM_OK);
	/* A vault that was killed may have left an erasure, or its traces in the logs. */
	v->erasing = rc == KM_OK;
	erase_work(v);
	epoch_look(v);
	feed_look(v);
	due_look(v);
	backup_clean(v);
	ballast_keep(v);
	return rc;
}

static km_rc open_doors(struct vault *v)
{
	const int doors[] = { v->listener, v->matcher_door };

	v->poll = epoll_create1(EPOLL_CLOEXEC);
	v->frame = km_locked_new(KM_FRAME_MAX);
	v->in = km_locked_new(sizeof *v->in);
	if (v->poll < 0 || !v->frame || !v->in)
		return KM_ENOMEM;
	for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
		struct epoll_event ready = { .events = EPOLLIN, .data.fd = doors[i] };

		if (doors[i] >= 0 && epoll_ctl(v->poll, EPOLL_CTL_ADD, doors[i], &ready) < 0)
			return KM_EIO;
	}
	return KM_OK;
}

static struct vault *vault_new(void)
{
	struct vault *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->listener = v->poll = v->judge = v->matcher_door = v->matcher = -1;
	v->conf_path = KM_CONF_PATH;
	v->machine_id_path = "/etc/machine-id";
	for (size_t i = 0; i < VAULT_LINES; i++)
		v->line[i].fd = -1;
	return v;
}

/* Before the first byte of a file that somebody may have written to harm us. */
static bool confine(struct vault *v, const struct options *o)
{
	char kek_dir[PATH_MAX];

	km_room_will_be_ready();
	/* Libraries read the system's settings now, and load what those name. */
	if (code_init() != KM_OK || OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) {
		km_log(LOG_ERR, "the libraries of the vault do not start");
		return false;
	}
	if (km_keys_folder(o->state_dir, kek_dir) != KM_OK) {
		km_log(LOG_ERR, "the path of the state folder is too long");
		return false;
	}
	return vault_confine(
	    &(struct vault_places){
		.state_dir = o->state_dir,
		.kek_dir = kek_dir,
		.key = o->key,
		.config = v->conf_path,
		.machine_id = v->machine_id_path,
		.create = o->create_key || o->restore,
	    },
	    &v->wall_gaps);
}

/* Nobody is served: the folder is filled, and the next start finds it. */
static int restore(struct vault *v, const struct options *o)
{
	char kek_dir[PATH_MAX];
	const struct restore r = { .copy = o->restore,
				   .bundle = o->bundle,
				   .escrow = o->escrow,
				   .state_dir = o->state_dir,
				   .kek_dir = kek_dir,
				   .key = o->key };
	struct restoring *in = NULL;
	int code = read_configuration(v);

	if (code == 0 && km_keys_folder(o->state_dir, kek_dir) != KM_OK)
		code = KM_EXIT_USAGE;
	if (code == 0)
		code = restore_prepare(&r, &in);
	if (code == 0 && !confine(v, o))
		code = KM_EXIT_FAILED;
	if (code == 0)
		code = restore_carry_out(&r, in);
	restore_end(in);
	return code;
}

static int serve(struct vault *v, const struct options *o)
{
	int code = read_configuration(v);
	km_rc rc;

	v->state_dir = o->state_dir;
	v->key_path = o->key;
	v->listener = km_listen_fd("vault");
	v->matcher_door = km_listen_fd("grant");
	if (v->matcher_door == v->listener)
		v->matcher_door = -1; /* the one socket of a starter that names none */
	if (v->matcher_door >= 0)
		matcher_expect(v);
	if (code == 0 && v->listener < 0 && !o->setup) {
		km_log(LOG_ERR, "no listening socket was passed: start it by its unit, or by "
				"'kenmon-authd --spawn'");
		return KM_EXIT_USAGE;
	}
	if (code == 0 && !confine(v, o))
		code = KM_EXIT_FAILED;
	if (code == 0)
		code = open_store(v, o);
	if (code != 0)
		return code;
	rc = begin(v);
	if (rc == KM_OK && o->setup)
		return 0;
	if (rc == KM_OK)
		rc = open_doors(v);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "cannot start: %s%s", km_rc_text(rc, KM_LANG_EN),
		       rc == KM_ECORRUPT ? "; restore the state folder from a backup"
		       : rc == KM_EIO
			   ? "; is the disk full, read-only or failing? It is tried again"
			   : "");
		/* Damage does not get better by starting again; a full disk may. */
		return rc == KM_ECORRUPT ? KM_EXIT_CONFIG : KM_EXIT_FAILED;
	}
	if (km_locked_degraded())
		km_log(LOG_WARNING,
		       "memory cannot be locked (RLIMIT_MEMLOCK): secrets could be swapped out");
	km_log(LOG_NOTICE, "acts on others, %s", desk_mode(v));
	km_room_ready();
	return vault_run(v);
}

int main(int argc, char **argv)
{
	struct options o = { .state_dir = "/var/lib/kenmon" };
	struct vault *v = vault_new();
	int code = v ? parse(argc, argv, &o, v) : KM_EXIT_FAILED + 1;

	if (code != 0)
		return code - 1;
	km_log_open("kenmon-vault", o.journal, LOG_INFO);
	if (km_room_begin() != KM_OK) {
		km_log(LOG_ERR, "the kernel refuses no_new_privs or dumpable: %s", strerror(errno));
		return KM_EXIT_FAILED;
	}
	code = o.restore ? restore(v, &o) : serve(v, &o);
	backup_drop(v, NULL);
	store_close(v->store);
	km_keys_close(v->keys);
	for (size_t i = 0; i < VAULT_LINES; i++)
		line_close(v, &v->line[i]);
	queue_free(&v->to_judge);
	roster_forget(v);
	km_locked_free(v->frame, KM_FRAME_MAX);
	km_locked_free(v->in, sizeof *v->in);
	free(v);
	return code;
}
