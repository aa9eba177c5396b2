/*
 * What the courier may still do once its drivers are open: hear the vault, read its configuration
 * and credentials again, and what its drivers need for the gateways that are configured. It runs no
 * program: who does that for it (exec_runner.c) was started before the walls and hears nothing but
 * a number and a text. Without a gateway that needs one there is no socket to be made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <asm/unistd.h>

#include <kenmon/log.h>
#include <kenmon/room.h>

#include "courier.h"

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

static const struct km_call calls[] = {
	KM_CALL_IF(openat, LACKS, 2, WRITING),
#ifdef __NR_open
	KM_CALL_IF(open, LACKS, 1, WRITING),
#endif
	/* sd-event */
	KM_CALL(timerfd_create),
	KM_CALL(timerfd_settime),
	KM_CALL(signalfd4),
};

static const struct km_call network[] = {
	KM_CALL_IF(socket, IS, 0, AF_INET),
	KM_CALL_IF(socket, IS, 0, AF_INET6),
	KM_CALL(connect),
	KM_CALL(bind),
	KM_CALL(setsockopt),
};

#define ROWS(table)                                                                                \
	{                                                                                          \
		(table), sizeof(table) / sizeof((table)[0])                                        \
	}

const struct km_calls courier_network_calls = ROWS(network);

#define OWN_PATHS 7

/* Walls are for a file, not for its name: another one in its place could not be read. */
static void note_file(struct courier_needs *needs, unsigned i)
{
	struct stat st;

	if (stat(needs->path[i].path, &st) == 0 && S_ISREG(st.st_mode)) {
		needs->path[i].device = st.st_dev;
		needs->path[i].inode = st.st_ino;
	}
}

void courier_needs_of(const struct courier *c, const struct courier_settings *s,
		      struct courier_needs *needs)
{
	const struct courier_driver *wanted[COURIER_KINDS] = { courier_driver_of_messages(&s->conf),
							       courier_driver_of_calls(&s->conf) };

	(void)c;
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		if (wanted[kind])
			wanted[kind]->needs(s, &needs[kind]);
		for (unsigned i = 0; i < needs[kind].paths; i++)
			note_file(&needs[kind], i);
	}
}

bool courier_needs_same(const struct courier_needs *a, const struct courier_needs *b)
{
	bool same = a->network == b->network && a->paths == b->paths &&
		    a->calls.row == b->calls.row && a->calls.count == b->calls.count;

	for (unsigned i = 0; same && i < a->paths; i++)
		same = a->path[i].may == b->path[i].may && a->path[i].device == b->path[i].device &&
		       a->path[i].inode == b->path[i].inode &&
		       strcmp(a->path[i].path, b->path[i].path) == 0;
	return same;
}

/* Where its own files are: the folder, since an editor puts another file in the old one's place. */
static void place_credential(const struct courier *c, const char *name, char out[PATH_MAX])
{
	char path[PATH_MAX];

	out[0] = '\0';
	if (*name && courier_credential_path(c, name, path))
		km_wall_place(path, "", out);
}

static bool put_up(const struct courier *c, struct km_wall *w)
{
	unsigned gaps = 0;
	km_rc rc = km_wall_up(w, &gaps);

	(void)c;
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the courier cannot be confined: %s: %s",
		       km_rc_text(rc, KM_LANG_EN), strerror(errno));
		return false;
	}
	for (unsigned gap = 1; km_wall_gap_text(gap); gap <<= 1)
		if (gaps & gap)
			km_log(LOG_WARNING, "%s", km_wall_gap_text(gap));
	return true;
}

bool courier_confine(const struct courier *c)
{
	static char config[PATH_MAX], drop_ins[PATH_MAX], sms[PATH_MAX], voice[PATH_MAX];
	static struct km_wall_path path[OWN_PATHS + COURIER_KINDS * COURIER_PATHS];
	const struct km_wall_path own[OWN_PATHS] = {
		{ config, KM_MAY_READ | KM_MAY_LIST },
		{ drop_ins, KM_MAY_READ | KM_MAY_LIST },
		{ c->credentials, KM_MAY_READ | KM_MAY_LIST },
		{ sms, KM_MAY_READ },
		{ voice, KM_MAY_READ },
		/* a time zone is looked for there */
		{ "/usr/share/zoneinfo", KM_MAY_READ },
		{ "/etc/localtime", KM_MAY_READ },
	};
	struct km_wall w = { .calls = { km_wall_basics, ROWS(calls), c->needs[0].calls,
					c->needs[1].calls },
			     .path = path,
			     .paths = OWN_PATHS,
			     .may_reach_abstract = km_room_manager_is_abstract() };

	km_wall_place(c->conf_path, "", config);
	if (snprintf(drop_ins, sizeof(drop_ins), "%s.d", c->conf_path) >= PATH_MAX)
		drop_ins[0] = '\0'; /* nor could it be read */
	place_credential(c, c->settings->conf.sms.credentials, sms);
	place_credential(c, c->settings->conf.voice.credentials, voice);
	memcpy(path, own, sizeof(own));
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		const struct courier_needs *n = &c->needs[kind];

		w.may_reach_network |= n->network;
		for (unsigned i = 0; i < n->paths; i++)
			path[w.paths++] = (struct km_wall_path){ n->path[i].path, n->path[i].may };
	}
	if (w.may_reach_network)
		w.calls[4] = courier_network_calls;
	return put_up(c, &w);
}
