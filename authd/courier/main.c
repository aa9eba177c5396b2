/*
 * kenmon-courier: carries codes to telephones, by the gateways of the site.
 *
 * SECURITY
 * It is the one room that speaks to the world outside. The vault, to which it
 * connects, gives it orders: a number, a text or digits to be read, a deadline;
 * never who it is for, and in keypad mode never the digits that are expected. It
 * holds them in locked memory until they have ended. What comes back to the vault
 * is fixed in size: a state, a reason, keys that were pressed. It parses our own
 * frames, its configuration, and what gateways and telephones say, each in its
 * driver; nothing that they say reaches the vault, a screen or the log as text. It
 * has its own credentials at the gateways and no key of ours, no database, no
 * device, no other socket of the house. Whoever takes it over reads codes on
 * their way and can keep them, call whom it likes at the site's expense, and say
 * of any keypad call which keys were pressed, without knowing which were right: what a
 * telephone proves is worth what this room says. It cannot log anybody in:
 * the vault judges, and the password was asked for before. Its walls are in
 * walls.c; programs are run by a process of its own (exec_runner.c), which hears
 * nothing but a number and a text.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/sock.h>

#include "courier.h"

#define ORDER_SOCKET "/run/kenmon/order.sock"

/* A vault that was started with us listens after a moment. */
#define CONNECT_TRIES   100
#define CONNECT_WAIT_NS 50000000

struct options {
	const char *order_socket, *journal;
};

enum { OPT_ORDER_SOCKET = 256, OPT_VAULT_UID, OPT_OWNER, OPT_VERSION };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "order-socket", required_argument, NULL, OPT_ORDER_SOCKET },
	{ "vault-uid", required_argument, NULL, OPT_VAULT_UID },
	{ "journal", required_argument, NULL, 'j' },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
    "usage: kenmon-courier [--config FILE] [--order-socket PATH] [--vault-uid UID]\n"
    "                      [--journal SOCKET]\n"
    "\n"
    "  --config FILE        gateways (default " KM_CONF_PATH ")\n"
    "  --order-socket PATH  where the vault gives orders (default " ORDER_SOCKET ")\n"
    "  --vault-uid UID      only orders of this uid are taken\n"
    "  --journal SOCKET     log to this journald socket instead of standard error\n"
    "  --owner UID          as other rooms have it; nothing depends on it\n"
    "\n"
    "See kenmon-courier(8).\n";

static bool take_uid(const char *option, int64_t *uid)
{
	if (km_uid_parse(optarg, uid))
		return true;
	fprintf(stderr, "kenmon-courier: --%s takes a uid, a number\n", option);
	return false;
}

/* 0: go on. Otherwise an exit code + 1. */
static int take_option(int option, struct options *o, struct courier *c)
{
	int64_t owner;

	switch (option) {
	case 'c':
		c->conf_path = optarg;
		c->conf_given = true;
		return 0;
	case OPT_ORDER_SOCKET:
		o->order_socket = optarg;
		return 0;
	case OPT_VAULT_UID:
		return take_uid("vault-uid", &c->vault_uid) ? 0 : KM_EXIT_USAGE + 1;
	case 'j':
		o->journal = optarg;
		return 0;
	case OPT_OWNER:
		return take_uid("owner", &owner) ? 0 : KM_EXIT_USAGE + 1;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case OPT_VERSION:
		puts("kenmon-courier " KM_VERSION);
		return 1;
	default:
		fputs(usage, stderr);
		return KM_EXIT_USAGE + 1;
	}
}

static int parse(int argc, char **argv, struct options *o, struct courier *c)
{
	int option, code = 0;

	while (code == 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		code = take_option(option, o, c);
	if (code == 0 && optind != argc) {
		fprintf(stderr, "kenmon-courier: takes options only\n");
		code = KM_EXIT_USAGE + 1;
	}
	return code;
}

static km_rc reach_vault(struct courier *c, const char *path)
{
	const struct timespec pause = { .tv_nsec = CONNECT_WAIT_NS };
	km_rc rc = KM_EUNAVAIL;

	for (unsigned i = 0; i < CONNECT_TRIES && rc == KM_EUNAVAIL; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		rc = km_connect(path, true, &c->vault);
	}
	if (rc != KM_OK)
		km_log(LOG_ERR, "%s: nobody gives orders there (%s)", path, km_rc_name(rc));
	return rc;
}

static int serve(struct courier *c, const struct options *o)
{
	km_rc rc;

	km_room_will_be_ready();
	if (!courier_init(c)) {
		km_log(LOG_ERR, "cannot start: %s", km_rc_text(KM_ENOMEM, KM_LANG_EN));
		return KM_EXIT_FAILED;
	}
	if (km_locked_degraded())
		km_log(LOG_WARNING,
		       "memory cannot be locked (RLIMIT_MEMLOCK): codes could be swapped out");
	/* Before the vault is reached: who runs programs for us inherits nothing of that. */
	if (!courier_settle(c))
		return KM_EXIT_CONFIG;
	if (reach_vault(c, o->order_socket) != KM_OK)
		return KM_EXIT_FAILED;
	/* Before the first byte of anybody. */
	if (!courier_confine(c) || !courier_listen(c))
		return KM_EXIT_FAILED;
	rc = courier_greet(c);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the vault does not listen: %s", km_rc_name(rc));
		return KM_EXIT_FAILED;
	}
	km_room_ready();
	courier_run(c);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .order_socket = ORDER_SOCKET };
	struct courier c = { .vault = -1, .vault_uid = -1, .conf_path = KM_CONF_PATH };
	int code = parse(argc, argv, &o, &c);

	if (code != 0)
		return code - 1;
	c.credentials = getenv("CREDENTIALS_DIRECTORY");
	km_log_open("kenmon-courier", o.journal, LOG_INFO);
	if (km_room_begin() != KM_OK) {
		km_log(LOG_ERR, "the kernel refuses no_new_privs or dumpable: %s", strerror(errno));
		return KM_EXIT_FAILED;
	}
	code = serve(&c, &o);
	courier_free(&c);
	return code;
}
