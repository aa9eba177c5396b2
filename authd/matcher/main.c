/*
 * kenmon-matcher: says whether two fingerprints are of the same finger.
 *
 * SECURITY
 * It computes, and that is all. The vault, to which it connects, lends it the
 * templates of one operator for one touch; the sensor, which connects to it,
 * sends the minutiae of that touch and never hears a word. It holds both in
 * locked memory until it has answered, is told to give back, or the time is up,
 * and wipes them. It has no file, no device, no network and no library but
 * libc's; it parses our own frames and lists of minutiae, from the vault and from
 * the sensor, which reads a reader that anybody may have plugged in. Whoever
 * takes it over sees the templates that are lent from then on, and can say of
 * any touch that it matches: a finger is worth what the matcher says. It opens
 * nothing, reaches nobody and stores nothing (walls.c), so it tells nobody but
 * the vault and the journal; and the vault looks at everything else again.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/secret.h>
#include <kenmon/sock.h>

#include "room.h"

#define GRANT_SOCKET "/run/kenmon/grant.sock"

/* A vault that was started with us listens after a moment. */
#define CONNECT_TRIES   100
#define CONNECT_WAIT_NS 50000000

struct options {
	const char *grant_socket, *journal;
};

enum { OPT_GRANT_SOCKET = 256, OPT_VAULT_UID, OPT_SENSOR_UID, OPT_OWNER, OPT_CONFIG, OPT_VERSION };

static const struct option long_options[] = {
	{ "grant-socket", required_argument, NULL, OPT_GRANT_SOCKET },
	{ "vault-uid", required_argument, NULL, OPT_VAULT_UID },
	{ "sensor-uid", required_argument, NULL, OPT_SENSOR_UID },
	{ "journal", required_argument, NULL, 'j' },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
    "usage: kenmon-matcher [--grant-socket PATH] [--vault-uid UID]\n"
    "                      [--sensor-uid UID] [--journal SOCKET]\n"
    "\n"
    "  --grant-socket PATH  where the vault lends (default " GRANT_SOCKET ")\n"
    "  --vault-uid UID      only what this uid lends is taken\n"
    "  --sensor-uid UID     only a sensor of this uid, or of root, is heard\n"
    "  --journal SOCKET     log to this journald socket instead of standard error\n"
    "  --owner UID, --config FILE  as other rooms have them; nothing depends on them\n"
    "\n"
    "It takes its listening socket from its starter (LISTEN_FDS, name \"probe\").\n"
    "See kenmon-matcher(8).\n";

static bool take_uid(const char *option, int64_t *uid)
{
	if (km_uid_parse(optarg, uid))
		return true;
	fprintf(stderr, "kenmon-matcher: --%s takes a uid, a number\n", option);
	return false;
}

/* 0: go on. Otherwise an exit code + 1. */
static int parse(int argc, char **argv, struct options *o, struct matcher *m)
{
	int64_t owner;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_GRANT_SOCKET:
			o->grant_socket = optarg;
			break;
		case OPT_VAULT_UID:
			good = take_uid("vault-uid", &m->vault_uid);
			break;
		case OPT_SENSOR_UID:
			good = take_uid("sensor-uid", &m->sensor_uid);
			break;
		case 'j':
			o->journal = optarg;
			break;
		case OPT_OWNER:
			good = take_uid("owner", &owner);
			break;
		case OPT_CONFIG:
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case OPT_VERSION:
			puts("kenmon-matcher " KM_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			good = false;
		}
	}
	if (good && optind == argc)
		return 0;
	if (good)
		fprintf(stderr, "kenmon-matcher: takes options only\n");
	return KM_EXIT_USAGE + 1;
}

static km_rc reach_vault(struct matcher *m, const char *path)
{
	const struct timespec pause = { .tv_nsec = CONNECT_WAIT_NS };
	km_rc rc = KM_EUNAVAIL;

	for (unsigned i = 0; i < CONNECT_TRIES && rc == KM_EUNAVAIL; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		rc = km_connect(path, true, &m->vault);
	}
	return rc;
}

static int serve(struct matcher *m, const struct options *o)
{
	km_rc rc;

	m->listener = km_listen_fd("probe");
	if (m->listener < 0 || fcntl(m->listener, F_SETFL, O_NONBLOCK) < 0) {
		km_log(LOG_ERR, "no listening socket was passed: start it by its unit, or by "
				"'kenmon-authd --spawn'");
		return KM_EXIT_USAGE;
	}
	km_room_will_be_ready();
	rc = reach_vault(m, o->grant_socket);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "%s: nobody lends there (%s)", o->grant_socket, km_rc_name(rc));
		return KM_EXIT_FAILED;
	}
	/* Until here a signal simply ends it: there is nothing to be wiped. */
	if (!matcher_hold_signals() || !matcher_init(m)) {
		km_log(LOG_ERR, "cannot start: %s", km_rc_text(KM_ENOMEM, KM_LANG_EN));
		return KM_EXIT_FAILED;
	}
	/* Before the first byte of anybody. */
	if (!matcher_confine())
		return KM_EXIT_FAILED;
	if (km_locked_degraded())
		km_log(LOG_WARNING,
		       "memory cannot be locked (RLIMIT_MEMLOCK): templates could be swapped out");
	rc = matcher_greet(m);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the vault does not listen: %s", km_rc_name(rc));
		return KM_EXIT_FAILED;
	}
	km_room_ready();
	matcher_run(m);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .grant_socket = GRANT_SOCKET };
	struct matcher m = MATCHER_CLOSED;
	int code = parse(argc, argv, &o, &m);

	if (code != 0)
		return code - 1;
	km_log_open("kenmon-matcher", o.journal, LOG_INFO);
	if (km_room_begin() != KM_OK) {
		km_log(LOG_ERR, "the kernel refuses no_new_privs or dumpable: %s", strerror(errno));
		return KM_EXIT_FAILED;
	}
	code = serve(&m, &o);
	matcher_wipe(&m);
	return code;
}
