/*
 * spool: the folders of smstools. A message is written under a hidden name, made durable, and
 * renamed into outgoing; from then on it may go out. What smstools did with it shows in where the
 * file comes up again, sent or failed; it is removed there, since the code is in it. No byte of
 * those files is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asm/unistd.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "drivers.h"
#include "spool.h"

#define USEC_PER_MS   1000u
#define ACCURACY_USEC 1000
#define FILE_MODE     0660 /* smstools, in the folder's group, writes to it */
#define TAG_BYTES     8
#define EVENT_BYTES   4096

enum spool_folder { OUTGOING, SENT, FAILED, FOLDERS };

static const char *const folder_names[FOLDERS] = { "outgoing", "sent", "failed" };

struct spool {
	int folder[FOLDERS], watched[FOLDERS];
	int inotify;
	gid_t group; /* of outgoing */
	unsigned timeout_ms;
	sd_event_source *source;
	char tag[SPOOL_TAG_MAX];
};

/* Of one order, while it is in the folders. */
struct waiting {
	struct courier *courier;
	uint64_t id;
	sd_event_source *timer;
};

static struct spool *spool_of(struct courier *c)
{
	return *courier_own(c, &sms_spool_driver);
}

static void end(struct courier *c, struct courier_order *o, enum km_order_state state,
		enum km_order_why why)
{
	struct waiting *w = o->own;

	o->own = NULL;
	if (w)
		sd_event_source_disable_unref(w->timer);
	free(w);
	courier_report(c, o, state, why, NULL, 0);
}

/* --- what smstools did with it --------------------------------------------------------------- */

/* The code is in it. */
static void remove_file(const struct spool *s, enum spool_folder folder, const char *name)
{
	if (unlinkat(s->folder[folder], name, 0) < 0 && errno != ENOENT)
		km_log(LOG_WARNING, "a message with a code in it stays in %s: %s",
		       folder_names[folder], strerror(errno));
}

static void take_name(struct courier *c, enum spool_folder folder, const char *name)
{
	const struct spool *s = spool_of(c);
	struct courier_order *o;
	uint64_t id = 0;

	if (!spool_name_is_kenmons(name))
		return;
	remove_file(s, folder, name);
	/* smstools had it when an earlier run ended: nobody waits for it. */
	if (!spool_name_parse(name, s->tag, &id))
		return;
	o = courier_find(c, id);
	if (o && o->own && folder == SENT)
		end(c, o, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	else if (o && o->own)
		end(c, o, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
}

/* At its end it is open no more: -1. */
static DIR *list(const struct spool *s, enum spool_folder folder)
{
	int fd = openat(s->folder[folder], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	if (!dir)
		km_log(LOG_WARNING, "%s cannot be listed: %s", folder_names[folder],
		       strerror(errno));
	return dir;
}

/* Events were lost: whatever is there has come. */
static void take_all(struct courier *c, enum spool_folder folder)
{
	const struct dirent *e;
	DIR *dir = list(spool_of(c), folder);

	while (dir && (e = readdir(dir)) != NULL)
		take_name(c, folder, e->d_name);
	if (dir)
		closedir(dir);
}

static void take_event(struct courier *c, const struct inotify_event *e)
{
	const struct spool *s = spool_of(c);

	for (unsigned i = SENT; i < FOLDERS; i++) {
		if (e->mask & IN_Q_OVERFLOW)
			take_all(c, (enum spool_folder)i);
		else if (e->wd == s->watched[i] && e->len > 0)
			take_name(c, (enum spool_folder)i, e->name);
	}
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	union {
		struct inotify_event first;
		char bytes[EVENT_BYTES];
	} buf;
	ssize_t n = read(fd, &buf, sizeof(buf));

	(void)source;
	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf.bytes + at);

		at += (ssize_t)(sizeof(*e) + e->len);
		take_event(arg, e);
	}
	return 0;
}

/* --- orders -------------------------------------------------------------------------- */

static bool write_file(const struct spool *s, const char *hidden, const struct courier_order *o)
{
	uint8_t bytes[SPOOL_FILE_MAX];
	size_t len = 0;
	int fd = openat(s->folder[OUTGOING], hidden,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good = fd >= 0 && spool_file(o, bytes, &len) &&
		    write(fd, bytes, len) == (ssize_t)len &&
		    /* a folder that gives its group is enough; else we have to be in it */
		    (fchown(fd, (uid_t)-1, s->group) == 0 || errno == EPERM) &&
		    fchmod(fd, FILE_MODE) == 0 && fsync(fd) == 0;

	km_wipe(bytes, sizeof(bytes));
	if (fd >= 0 && close(fd) < 0)
		good = false;
	return good;
}

/* False: nothing of it is in the way of smstools. */
static bool hand_over(const struct spool *s, const struct courier_order *o)
{
	char name[SPOOL_NAME_MAX], hidden[SPOOL_NAME_MAX + 1];
	const int out = s->folder[OUTGOING];

	spool_name(s->tag, o->id, name);
	snprintf(hidden, sizeof(hidden), ".%s", name);
	if (write_file(s, hidden, o) && renameat(out, hidden, out, name) == 0) {
		if (fsync(out) < 0)
			km_log(LOG_WARNING, "outgoing: %s", strerror(errno));
		return true;
	}
	km_log(LOG_ERR, "a message cannot be put into outgoing: %s", strerror(errno));
	if (unlinkat(out, hidden, 0) < 0 && errno != ENOENT)
		km_log(LOG_WARNING, "nor be removed again: %s", strerror(errno));
	return false;
}

/* Nobody has looked at it, if it is still there: then it never goes out. */
static void give_up(struct courier *c, struct courier_order *o, enum km_order_why why)
{
	const struct spool *s = spool_of(c);
	char name[SPOOL_NAME_MAX];

	spool_name(s->tag, o->id, name);
	if (unlinkat(s->folder[OUTGOING], name, 0) == 0)
		end(c, o, KM_ORDER_STATE_FAILED, why);
	else
		end(c, o, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *arg)
{
	const struct waiting *w = arg;
	struct courier_order *o = courier_find(w->courier, w->id);

	(void)source;
	(void)usec;
	if (o)
		give_up(w->courier, o, KM_ORDER_WHY_UNREACHABLE);
	return 0;
}

static void spool_begin(struct courier *c, struct courier_order *o)
{
	const struct spool *s = spool_of(c);
	struct waiting *w = o->own = calloc(1, sizeof(*w));

	if (w)
		*w = (struct waiting){ .courier = c, .id = o->id };
	if (!w ||
	    sd_event_add_time_relative(courier_event(c), &w->timer, CLOCK_BOOTTIME,
				       (uint64_t)s->timeout_ms * USEC_PER_MS, ACCURACY_USEC,
				       on_timeout, w) < 0 ||
	    !hand_over(s, o))
		end(c, o, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
}

/* --- open and close -------------------------------------------------------------------------- */

/* What an earlier run left: nobody waits for it any more, and codes are in it. */
static void clean(const struct spool *s)
{
	for (unsigned i = 0; i < FOLDERS; i++) {
		const struct dirent *e;
		DIR *dir = list(s, (enum spool_folder)i);

		while (dir && (e = readdir(dir)) != NULL)
			if (spool_name_is_kenmons(e->d_name))
				remove_file(s, (enum spool_folder)i, e->d_name);
		if (dir)
			closedir(dir);
	}
}

static void folder_path(const char *spool, enum spool_folder folder, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", spool, folder_names[folder]);
}

static bool open_folder(struct spool *s, const char *spool, enum spool_folder folder)
{
	char path[PATH_MAX];
	struct stat st;
	int *fd = &s->folder[folder];

	folder_path(spool, folder, path);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0 && fstat(*fd, &st) == 0 &&
	    faccessat(*fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0) {
		if (folder == OUTGOING)
			s->group = st.st_gid;
		else
			s->watched[folder] = inotify_add_watch(s->inotify, path,
							       IN_CREATE | IN_MOVED_TO |
								   IN_CLOSE_WRITE | IN_ONLYDIR);
		if (folder == OUTGOING || s->watched[folder] >= 0)
			return true;
	}
	km_log(LOG_ERR, "[sms] spool: %s has to be there for this room to read and write: %s",
	       folder_names[folder], strerror(errno));
	return false;
}

_Static_assert(KM_HEX(TAG_BYTES) <= SPOOL_TAG_MAX, "a tag has room");

static km_rc make_tag(char tag[SPOOL_TAG_MAX])
{
	uint8_t random[TAG_BYTES];
	km_rc rc = km_random(random, sizeof(random));

	if (rc == KM_OK)
		(void)km_hex(random, sizeof(random), tag);
	return rc;
}

static km_rc start(struct courier *c, struct spool *s, const char *spool)
{
	km_rc rc = make_tag(s->tag);

	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (rc != KM_OK || s->inotify < 0)
		return KM_EIO;
	for (unsigned i = 0; i < FOLDERS; i++)
		if (!open_folder(s, spool, (enum spool_folder)i))
			return KM_ECONF;
	clean(s);
	return sd_event_add_io(courier_event(c), &s->source, s->inotify, EPOLLIN, on_events, c) >= 0
		   ? KM_OK
		   : KM_ENOMEM;
}

static km_rc spool_open(struct courier *c, const struct courier_settings *settings)
{
	void **own = courier_own(c, &sms_spool_driver);
	struct spool *s = *own;
	km_rc rc = KM_OK;

	if (!s) {
		s = *own = calloc(1, sizeof(*s));
		if (!s)
			return KM_ENOMEM;
		*s = (struct spool){ .folder = { -1, -1, -1 },
				     .watched = { -1, -1, -1 },
				     .inotify = -1 };
		rc = start(c, s, settings->conf.sms.spool);
	}
	if (rc == KM_OK)
		s->timeout_ms = settings->conf.sms.timeout * 1000;
	return rc;
}

static void spool_close(struct courier *c)
{
	void **own = courier_own(c, &sms_spool_driver);
	struct spool *s = *own;

	*own = NULL;
	if (!s)
		return;
	sd_event_source_disable_unref(s->source);
	if (s->inotify >= 0)
		close(s->inotify);
	for (unsigned i = 0; i < FOLDERS; i++)
		if (s->folder[i] >= 0)
			close(s->folder[i]);
	free(s);
}

static const struct km_call calls[] = {
	/* a new file in outgoing, and its way through the folders; where, Landlock says */
	KM_CALL_IF(openat, IS, 2, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC),
	KM_CALL(fchown),
	KM_CALL(fchmod),
	KM_CALL(fsync),
#ifdef __NR_renameat
	KM_CALL(renameat),
#endif
	KM_CALL(renameat2),
	KM_CALL(unlinkat),
};

static void spool_needs(const struct courier_settings *s, struct courier_needs *needs)
{
	static const unsigned may[FOLDERS] = {
		KM_MAY_LIST | KM_MAY_WRITE | KM_MAY_MAKE | KM_MAY_REMOVE,
		KM_MAY_LIST | KM_MAY_REMOVE,
		KM_MAY_LIST | KM_MAY_REMOVE,
	};

	needs->calls = (struct km_calls){ calls, sizeof(calls) / sizeof(calls[0]) };
	for (unsigned i = 0; i < FOLDERS; i++) {
		folder_path(s->conf.sms.spool, (enum spool_folder)i,
			    needs->path[needs->paths].path);
		needs->path[needs->paths++].may = may[i];
	}
}

const struct courier_driver sms_spool_driver = {
	.name = "spool",
	.open = spool_open,
	.needs = spool_needs,
	.begin = spool_begin,
	.cancel = give_up,
	.close = spool_close,
};
