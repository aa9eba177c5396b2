/*
 * kenmon-sensor: has the readers, takes images of fingers when the judge asks, and sends what was
 * found in them to the matcher.
 *
 * SECURITY
 * It talks to the judge, on one connection of its listening socket, and to the matcher, to whom
 * it only writes; it opens USB devices, and parses what they send with libfprint, which is the
 * largest body of code that any room links, and not ours. It holds an image, and the minutiae
 * found in it, from a touch until the finger is lifted: libfprint keeps both so long. Who leaves
 * the finger on has them kept for seconds after the capture has ended (SENSOR_LIFT_MS). It has no
 * template, no key, no name and no database, and it never hears what came of a touch. Whoever
 * takes it over, by a reader that was built to, can send the matcher a finger that is not there:
 * for a login that is being asked for a finger, under its own grant, as if it had been touched;
 * and can keep the fingers that are touched later. So it lives no longer than there is something
 * to do, what it frees it wipes (free.c), and it is confined (walls.c).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <glib-unix.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/room.h>
#include <kenmon/sock.h>

#include "sensor.h"

#define PROBE_SOCKET "/run/kenmon/probe.sock"

enum { OPT_OWNER = 256, OPT_JUDGE_UID, OPT_PROBE, OPT_IDLE, OPT_VERSION };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "journal", required_argument, NULL, 'j' },
	{ "probe-socket", required_argument, NULL, OPT_PROBE },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "judge-uid", required_argument, NULL, OPT_JUDGE_UID },
	{ "idle", required_argument, NULL, OPT_IDLE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
    "usage: kenmon-sensor [--config FILE] [--probe-socket PATH] [--owner UID]\n"
    "                     [--judge-uid UID] [--journal SOCKET] [--idle SECONDS]\n"
    "\n"
    "  --config FILE        configuration (default " KM_CONF_PATH ")\n"
    "  --probe-socket PATH  where the matcher takes probes (default\n"
    "                       " PROBE_SOCKET ")\n"
    "  --owner UID          this uid counts as root (kenmon-authd --spawn)\n"
    "  --judge-uid UID      only a judge of this uid is served\n"
    "  --journal SOCKET     log to this journald socket instead of standard error\n"
    "  --idle SECONDS       end when there was nothing to do for so long (default 30)\n"
    "\n"
    "It takes its listening socket from its starter (LISTEN_FDS, name \"sensor\").\n"
    "See kenmon-sensor(8).\n";

static bool parse_seconds(const char *text, unsigned *seconds)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > SENSOR_IDLE_MOST)
		return false;
	*seconds = (unsigned)n;
	return true;
}

static int wrong(const char *option, const char *wants)
{
	fprintf(stderr, "kenmon-sensor: %s takes %s\n", option, wants);
	return KM_EXIT_USAGE + 1;
}

/* 0: go on. Otherwise an exit code + 1. */
static int take_option(int c, struct sensor *s, const char **journal)
{
	int64_t n = 0;

	switch (c) {
	case 'c':
		s->conf_path = optarg;
		s->conf_given = true;
		return 0;
	case 'j':
		*journal = optarg;
		return 0;
	case OPT_PROBE:
		s->probe_path = optarg;
		return 0;
	case OPT_OWNER:
		s->has_owner = km_uid_parse(optarg, &n);
		s->owner = (uid_t)n;
		return s->has_owner ? 0 : wrong("--owner", "a uid, a number");
	case OPT_JUDGE_UID:
		s->has_judge_uid = km_uid_parse(optarg, &n);
		s->judge_uid = (uid_t)n;
		return s->has_judge_uid ? 0 : wrong("--judge-uid", "a uid, a number");
	case OPT_IDLE:
		return parse_seconds(optarg, &s->idle_s)
			   ? 0
			   : wrong("--idle", "seconds, at most a day");
	case 'h':
		fputs(usage, stdout);
		return 1;
	case OPT_VERSION:
		puts("kenmon-sensor " KM_VERSION);
		return 1;
	default:
		fputs(usage, stderr);
		return KM_EXIT_USAGE + 1;
	}
}

static int parse(int argc, char **argv, struct sensor *s, const char **journal)
{
	int c, code = 0;

	while (code == 0 && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		code = take_option(c, s, journal);
	if (code == 0 && optind != argc) {
		fprintf(stderr, "kenmon-sensor: takes options only\n");
		code = KM_EXIT_USAGE + 1;
	}
	return code;
}

static int read_configuration(struct sensor *s)
{
	struct km_conf_error error = { 0 };

	if (km_conf_read(s->conf_path, s->conf_given, &s->conf, &error) != KM_OK) {
		if (error.line > 0)
			km_log(LOG_ERR, "%s:%d: %s", error.path, error.line, error.text);
		else
			km_log(LOG_ERR, "%s: %s", error.path, error.text);
		return KM_EXIT_CONFIG;
	}
	if (s->conf.allow_virtual)
		km_log(LOG_ALERT, "[sensor] allow-virtual = yes: whoever started this can play a "
				  "fingerprint reader; never so where people log in");
	return 0;
}

/*
 * An image that would harm libfprint. It has begun already with an image of this size, so there is
 * no way back but this one: the judge hears that the capture failed, and others in line are asked
 * for again.
 */
static void refuse_image(void *arg, unsigned width, unsigned height)
{
	struct sensor *s = arg;

	km_log(LOG_ERR, "the reader gave an image of %u x %u: ending, before libfprint looks at it",
	       width, height);
	if (s->jobs > 0)
		job_end(s, KM_SENSOR_FAILED, NULL);
	_exit(KM_EXIT_FAILED);
}

/* What GLib and libfprint say, in our log; at the levels that are worth it. */
static void on_log(const gchar *domain, GLogLevelFlags level, const gchar *text, gpointer data)
{
	char line[512];

	(void)data;
	if (level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO | G_LOG_LEVEL_MESSAGE))
		return;
	km_log(level & G_LOG_LEVEL_ERROR ? LOG_ERR : LOG_NOTICE, "%s: %s", domain ? domain : "glib",
	       km_escape(text, line, sizeof line));
}

static gboolean on_timer(gint fd, GIOCondition condition, gpointer data)
{
	(void)fd; /* job_arm sets it anew, and with that it is no longer due */
	(void)condition;
	job_tick(data);
	return G_SOURCE_CONTINUE;
}

static gboolean on_end(gpointer data)
{
	struct sensor *s = data;

	g_main_loop_quit(s->loop);
	return G_SOURCE_CONTINUE;
}

static int run(struct sensor *s)
{
	s->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer < 0) {
		km_log(LOG_ERR, "no timer: %s", strerror(errno));
		return KM_EXIT_FAILED;
	}
	if (!image_guard(refuse_image, s)) {
		km_log(LOG_ERR, "this libfprint does not say how large an image is: not used");
		return KM_EXIT_CONFIG;
	}
	s->loop = g_main_loop_new(NULL, FALSE);
	s->idle_since = km_boot_ms();
	g_unix_fd_add(s->timer, G_IO_IN, on_timer, s);
	g_unix_signal_add(SIGTERM, on_end, s);
	sensor_link_begin(s);
	job_arm(s);
	km_room_ready();
	g_main_loop_run(s->loop);
	/* The libraries' threads are about: what is open is left to the kernel to close. */
	_exit(0);
}

static int serve(struct sensor *s)
{
	int code = read_configuration(s);

	s->listener = km_listen_fd("sensor");
	if (code == 0 && s->listener < 0) {
		km_log(LOG_ERR, "no listening socket was passed: start it by its unit, or by "
				"'kenmon-authd --spawn'");
		return KM_EXIT_USAGE;
	}
	if (code != 0)
		return code;
	km_room_will_be_ready();
	if (!environment_clean(s->conf.allow_virtual)) {
		km_log(LOG_ERR, "the environment cannot be cleaned: out of memory");
		return KM_EXIT_FAILED;
	}
	g_log_set_default_handler(on_log, NULL);
	return sensor_confine(s) ? run(s) : KM_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct sensor *s = calloc(1, sizeof *s);
	const char *journal = NULL;
	int code;

	if (!s)
		return KM_EXIT_FAILED;
	s->listener = s->judge = s->probe = s->timer = -1;
	s->conf_path = KM_CONF_PATH;
	s->probe_path = PROBE_SOCKET;
	s->idle_s = SENSOR_IDLE_S;
	code = parse(argc, argv, s, &journal);
	if (code != 0)
		return code - 1;
	km_log_open("kenmon-sensor", journal, LOG_INFO);
	if (km_room_begin() != KM_OK) {
		km_log(LOG_ERR, "the kernel refuses no_new_privs or dumpable: %s", strerror(errno));
		return KM_EXIT_FAILED;
	}
	return serve(s);
}
