/*
 * kenmon-authd: the judge.
 *
 * SECURITY. It reads bytes from every local user, and is the only room that
 * does; so it holds nothing worth having: no key, no database, no device, no
 * network, no name service. It asks, informs and refuses. It cannot let
 * anybody in: the vault reads the caller from the kernel and writes ALLOW on
 * the caller's descriptor itself, under its own uid. Whoever takes the judge
 * over sees codes as they are typed from then on, and can refuse everybody; a
 * code seen is worth one login, to the person it belongs to, if it is used
 * before they use it. walls.c is all that is left to it then: it starts no
 * program and writes no file; docs/TRUST.md has the tests. Its siblings are
 * the door and the desk (clients, not trusted), the vault (trusted to decide, not to keep to the
 * protocol) and the sensor (trusted with nothing: it is believed when it says what to show).
 * Of a finger the judge knows a number under which one is waited for, and nothing else; a touch
 * that it has waited for is worth to whoever took it over what a code seen is.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/secret.h>
#include <kenmon/sock.h>

#include "judge.h"

#define ANCHOR_DIR    "/var/lib/kenmon-judge"
#define SENSOR_SOCKET "/run/kenmon/sensor.sock"

struct options {
	const char *config;
	const char *vault_socket;
	const char *sensor_socket;
	const char *socket;
	const char *anchor_dir;
	const char *journal;
	const char *state_dir;
	int64_t vault_uid, sensor_uid, owner, base_uid;
	bool check_config, spawn, debug;
};

/* --- options ------------------------------------------------------------------------ */

static void usage(FILE *to)
{
	fputs("kenmon-authd [--config FILE] [--socket PATH] [--vault-socket PATH]\n"
	      "             [--sensor-socket PATH] [--anchor-dir DIR] [--vault-uid UID]\n"
	      "             [--sensor-uid UID] [--owner UID] [--journal PATH] [--debug]\n"
	      "kenmon-authd --spawn --state-dir DIR --socket PATH [--config FILE]\n"
	      "             [--separate-uids BASE] [--journal PATH] [--debug]\n"
	      "kenmon-authd --check-config [--config FILE]\n"
	      "\n"
	      "The daemon that programs ask for the second factor of a login. With --spawn\n"
	      "it starts and supervises all rooms on a state folder of your own.\n"
	      "See kenmon-authd(8).\n",
	      to);
}

enum option_id {
	OPT_CONFIG = 1,
	OPT_VAULT_SOCKET,
	OPT_SENSOR_SOCKET,
	OPT_SOCKET,
	OPT_ANCHOR_DIR,
	OPT_VAULT_UID,
	OPT_SENSOR_UID,
	OPT_OWNER,
	OPT_JOURNAL,
	OPT_CHECK_CONFIG,
	OPT_DEBUG,
	OPT_SPAWN,
	OPT_STATE_DIR,
	OPT_SEPARATE_UIDS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "vault-socket", required_argument, NULL, OPT_VAULT_SOCKET },
	{ "sensor-socket", required_argument, NULL, OPT_SENSOR_SOCKET },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "anchor-dir", required_argument, NULL, OPT_ANCHOR_DIR },
	{ "vault-uid", required_argument, NULL, OPT_VAULT_UID },
	{ "sensor-uid", required_argument, NULL, OPT_SENSOR_UID },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "journal", required_argument, NULL, OPT_JOURNAL },
	{ "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "spawn", no_argument, NULL, OPT_SPAWN },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "separate-uids", required_argument, NULL, OPT_SEPARATE_UIDS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* The options that only take a value along; false: it is not acceptable. */
static bool keep_value(struct options *o, int id, const char *value)
{
	struct {
		int id;
		const char **text;
		int64_t *uid;
	} const places[] = {
		{ OPT_CONFIG, &o->config, NULL },
		{ OPT_VAULT_SOCKET, &o->vault_socket, NULL },
		{ OPT_SENSOR_SOCKET, &o->sensor_socket, NULL },
		{ OPT_SOCKET, &o->socket, NULL },
		{ OPT_ANCHOR_DIR, &o->anchor_dir, NULL },
		{ OPT_JOURNAL, &o->journal, NULL },
		{ OPT_STATE_DIR, &o->state_dir, NULL },
		{ OPT_VAULT_UID, NULL, &o->vault_uid },
		{ OPT_SENSOR_UID, NULL, &o->sensor_uid },
		{ OPT_OWNER, NULL, &o->owner },
		{ OPT_SEPARATE_UIDS, NULL, &o->base_uid },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].id != id)
			continue;
		if (places[i].uid)
			return km_uid_parse(value, places[i].uid);
		*places[i].text = value;
		return *value != '\0';
	}
	return false;
}

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
	int id;

	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == OPT_HELP) {
			usage(stdout);
			return 0;
		}
		if (id == OPT_VERSION) {
			puts("kenmon-authd " KM_VERSION);
			return 0;
		}
		if (id == OPT_CHECK_CONFIG)
			o->check_config = true;
		else if (id == OPT_SPAWN)
			o->spawn = true;
		else if (id == OPT_DEBUG)
			o->debug = true;
		else if (id == '?')
			return EX_USAGE;
		else if (!keep_value(o, id, optarg)) {
			fprintf(stderr, "kenmon-authd: an option's value is not acceptable: %s\n",
				argv[optind - 1]);
			return EX_USAGE;
		}
	}
	if (optind < argc || o->spawn != (o->state_dir != NULL) || (o->spawn && !o->socket) ||
	    (!o->spawn && o->base_uid >= 0)) {
		usage(stderr);
		return EX_USAGE;
	}
	return -1;
}

/* --- the room ------------------------------------------------------------------------ */

static bool read_config(const struct options *o, struct km_conf *conf)
{
	struct km_conf_error error;
	/* A file that was named has to be there; the default one need not. */
	km_rc rc =
	    km_conf_read(o->config ? o->config : KM_CONF_PATH, o->config != NULL, conf, &error);

	if (rc == KM_OK)
		return true;
	if (error.line > 0)
		km_log(LOG_ERR, "%s:%d: %s", error.path, error.line, error.text);
	else
		km_log(LOG_ERR, "%s: %s", error.path, error.text);
	return false;
}

static int check_config(const struct options *o)
{
	struct km_conf conf;

	if (!read_config(o, &conf))
		return EX_CONFIG;
	puts("The configuration is valid.");
	return 0;
}

static int find_socket(const struct options *o)
{
	int fd = km_listen_fd("authd");

	if (fd < 0) {
		const char *path = o->socket ? o->socket : KM_SOCKET_PATH;
		km_rc rc = km_listen_at(path, 0666, (uid_t)-1, (gid_t)-1, &fd);

		if (rc != KM_OK) {
			km_log(LOG_ERR, "no socket at %s: %s", path, km_listen_text(rc));
			return -1;
		}
	}
	return fd;
}

struct reloaded {
	struct judge *judge;
	const struct options *options;
};

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	const struct reloaded *r = arg;
	struct km_conf conf;

	(void)source;
	(void)info;
	if (read_config(r->options, &conf)) {
		r->judge->conf = conf;
		km_log(LOG_NOTICE, "the configuration was read again");
	} else {
		km_log(LOG_ERR, "the configuration stays as it was");
	}
	return 0;
}

static bool watch_signals(struct judge *j, struct reloaded *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* farewell.c does not wait for its children. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		return false;
	/* Without a handler of its own a signal ends the loop. */
	return sd_event_add_signal(j->event, NULL, SIGTERM, NULL, NULL) >= 0 &&
	       sd_event_add_signal(j->event, NULL, SIGINT, NULL, NULL) >= 0 &&
	       sd_event_add_signal(j->event, NULL, SIGHUP, on_hangup, r) >= 0;
}

/* 0, or the exit code. */
static int open_anchor(struct judge *j, const char *dir)
{
	bool torn = false;
	km_rc rc = judge_anchor_open(&j->anchor, dir, &torn);

	if (rc != KM_OK) {
		km_log(LOG_ERR, "%s/anchor cannot be used: %s", dir,
		       rc == KM_EPERM ? "not a plain file of this user alone"
				      : km_rc_text(rc, KM_LANG_EN));
		return rc == KM_EPERM ? EX_NOPERM : EX_OSERR;
	}
	if (torn)
		km_log(LOG_WARNING, "%s/anchor: what is no whole line at its end is passed over",
		       dir);
	return 0;
}

/* Everything the loop needs: 0, or the exit code; the reason is in the log. */
static int prepare(struct judge *j, const struct options *o, struct reloaded *r)
{
	int fd, rc;

	j->limits = calloc(1, sizeof(*j->limits));
	if (!j->limits || sd_event_new(&j->event) < 0 || judge_sessions_init(j) != KM_OK ||
	    !watch_signals(j, r)) {
		km_log(LOG_ERR, "no memory to start");
		return EX_OSERR;
	}
	/* WatchdogSec= of the unit: whoever stands still is started again. */
	if (sd_event_set_watchdog(j->event, true) < 0)
		km_log(LOG_WARNING, "no watchdog: nobody notices when the judge stands still");
	if (km_locked_degraded())
		km_log(LOG_WARNING, "memory for codes cannot be locked (RLIMIT_MEMLOCK)");
	rc = open_anchor(j, o->anchor_dir);
	if (rc != 0)
		return rc;
	fd = find_socket(o);
	return fd >= 0 && judge_listen(j, fd) == KM_OK ? 0 : EX_OSERR;
}

static void tear_down(struct judge *j)
{
	judge_listen_end(j);
	if (j->sessions)
		judge_link_down(j, false);
	judge_sensor_down(j);
	judge_sessions_free(j);
	judge_anchor_close(&j->anchor);
	sd_event_unref(j->event);
	free(j->limits);
}

static int run(const struct options *o)
{
	static struct judge judge = {
		.link = { .fd = -1 },
		.sensor = { .fd = -1 },
		.anchor = { .fd = -1 },
		.listen_fd = -1,
		.ports = &judge_real_ports,
	};
	struct judge *j = &judge;
	struct reloaded reloaded = { j, o };
	int rc;

	j->vault_path = o->vault_socket;
	j->vault_uid = o->vault_uid;
	j->sensor_path = o->sensor_socket;
	j->sensor_uid = o->sensor_uid;
	j->owner = o->owner;
	if (!read_config(o, &j->conf))
		return EX_CONFIG;
	if (km_room_begin() != KM_OK) {
		km_log(LOG_ERR, "the kernel does not let the judge give up its powers");
		return EX_OSERR;
	}
	rc = prepare(j, o, &reloaded);
	if (rc == 0 && !judge_confine(j, o->config ? o->config : KM_CONF_PATH, o->anchor_dir))
		rc = EX_OSERR;
	if (rc == 0) {
		if (judge_link_up(j) != KM_OK)
			judge_link_down(j, true);
		rc = sd_event_loop(j->event) < 0 ? EX_SOFTWARE : 0;
		sd_notify(0, "STOPPING=1");
	}
	tear_down(j);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {
		.vault_socket = KM_VAULT_SOCKET_PATH,
		.sensor_socket = SENSOR_SOCKET,
		.anchor_dir = ANCHOR_DIR,
		.vault_uid = -1,
		.sensor_uid = -1,
		.owner = -1,
		.base_uid = -1,
	};
	int rc = read_options(argc, argv, &o);

	if (rc >= 0)
		return rc;
	km_log_open("kenmon-authd", o.journal, o.debug ? LOG_DEBUG : LOG_INFO);
	if (o.check_config)
		return check_config(&o);
	if (o.spawn)
		return judge_spawn(&(struct judge_spawn){ o.config, o.state_dir, o.socket,
							  o.journal, o.base_uid, o.debug });
	return run(&o);
}
