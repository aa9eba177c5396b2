/*
 * The drop folder. Whoever may write into it chooses names and contents, so no
 * name is followed, copied into another without a look, or used twice: links
 * and what is no plain file of one name are refused as they are. A file counts
 * once it has its name: it is written under another and renamed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "roster_drop.h"

#define SUFFIX    ".csv"
#define SIGNATURE ".sig"
#define FILES_MAX 256 /* of one look; there is another after it */
#define LOOKS_MAX 64
#define KEPT_NAME 100 /* characters of the old name in the new one */
#define TRIES     100 /* names tried */
#define GONE      -1  /* instead of an exit code */

struct dropped {
	char name[NAME_MAX + 1];
	struct timespec modified;
};

struct folder {
	struct desk *d;
	int fd;
	struct dropped *file;
	unsigned files;
};

static bool is_roster(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int by_time(const void *a, const void *b)
{
	const struct dropped *p = a, *q = b;

	if (p->modified.tv_sec != q->modified.tv_sec)
		return p->modified.tv_sec < q->modified.tv_sec ? -1 : 1;
	if (p->modified.tv_nsec != q->modified.tv_nsec)
		return p->modified.tv_nsec < q->modified.tv_nsec ? -1 : 1;
	return strcmp(p->name, q->name);
}

static km_rc look(struct folder *f)
{
	int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	f->files = 0;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return KM_EIO;
	}
	while (f->files < FILES_MAX && (e = readdir(dir))) {
		struct dropped *file = &f->file[f->files];

		if (!is_roster(e->d_name) ||
		    fstatat(f->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		snprintf(file->name, sizeof(file->name), "%s", e->d_name);
		file->modified = st.st_mtim;
		f->files++;
	}
	closedir(dir);
	qsort(f->file, f->files, sizeof(f->file[0]), by_time);
	return KM_OK;
}

/* A plain file of one name; *fd is -1 otherwise, and *why says so (NULL: it is not there). */
static void open_plain(const struct folder *f, const char *name, int *fd, const char **why)
{
	struct stat st;

	*why = NULL;
	*fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return;
	if (*fd < 0)
		*why = errno == ELOOP ? desk_text(DESK_DROP_LINK, f->d->lang) : strerror(errno);
	else if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		*why = desk_text(DESK_DROP_PLAIN, f->d->lang);
	if (*why && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* --- where it goes ---------------------------------------------------------------- */

/* "20260401T000000Z-NAME", with nothing in it that a shell or a listing would take amiss. */
static void new_name(const char *name, unsigned number, char out[NAME_MAX + 1])
{
	char plain[KEPT_NAME + 1], when[24];
	time_t now = time(NULL);
	struct tm tm;
	size_t n = 0;

	for (; n < KEPT_NAME && name[n]; n++)
		plain[n] = (name[n] >= '0' && name[n] <= '9') ||
				   (name[n] >= 'a' && name[n] <= 'z') ||
				   (name[n] >= 'A' && name[n] <= 'Z') || strchr("._-", name[n])
			       ? name[n]
			       : '_';
	plain[n] = '\0';
	if (!gmtime_r(&now, &tm) || strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0)
		snprintf(when, sizeof(when), "undated");
	if (number)
		snprintf(out, NAME_MAX + 1, "%s-%u-%s", when, number, plain);
	else
		snprintf(out, NAME_MAX + 1, "%s-%s", when, plain);
}

static bool write_text(int dir, const char *name, const char *text, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool good;

	if (fd < 0)
		return false;
	good = TEMP_FAILURE_RETRY(write(fd, text, len)) == (ssize_t)len;
	return close(fd) == 0 && good;
}

/* What was said is written first: a file in done/ or refused/ is never without it. */
static bool move_to(const struct folder *f, const char *sub, const char *name, const char *text,
		    size_t len)
{
	char target[NAME_MAX + 1], beside[NAME_MAX + 8], signature[NAME_MAX + 8];
	int dir = openat(f->fd, sub, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool moved = false;

	for (unsigned i = 0; dir >= 0 && !moved && i < TRIES; i++) {
		new_name(name, i, target);
		snprintf(beside, sizeof(beside), "%.240s.txt", target);
		if (!write_text(dir, beside, text, len)) {
			if (errno == EEXIST)
				continue;
			break;
		}
		moved = renameat2(f->fd, name, dir, target, RENAME_NOREPLACE) == 0;
		if (!moved)
			break;
		snprintf(beside, sizeof(beside), "%.240s" SIGNATURE, target);
		snprintf(signature, sizeof(signature), "%.250s" SIGNATURE, name);
		(void)renameat2(f->fd, signature, dir, beside, RENAME_NOREPLACE); /* may be none */
	}
	if (dir >= 0)
		close(dir);
	return moved;
}

/* --- one file ---------------------------------------------------------------------- */

/* What a command says, kept. */
struct capture {
	struct desk d;
	char *text;
	size_t len;
};

static bool capture_begin(struct capture *c, const struct desk *d)
{
	*c = (struct capture){ .d = *d };
	c->d.out = open_memstream(&c->text, &c->len);
	c->d.err = c->d.out;
	c->d.in = -1; /* there is nobody to ask */
	return c->d.out != NULL;
}

static int take_one(const struct folder *f, struct capture *c, const char *name, drop_take *take,
		    void *arg)
{
	char signature[NAME_MAX + 8];
	const char *why, *why_sign;
	int fd, sign, code;

	snprintf(signature, sizeof(signature), "%.250s" SIGNATURE, name);
	open_plain(f, name, &fd, &why);
	open_plain(f, signature, &sign, &why_sign);
	if (fd < 0 && !why)
		code = GONE;
	else if (fd < 0 || why_sign)
		code = desk_fail(&c->d, desk_because(&c->d, KM_EINVAL, DESK_DROP_REFUSED,
						     why ? why : why_sign, NULL));
	else
		code = take(&c->d, arg, name, fd, sign);
	if (fd >= 0)
		close(fd);
	if (sign >= 0)
		close(sign);
	return code;
}

static bool is_settled(int code)
{
	return code >= 0 && code <= 3;
}

/* The exit code; 69 also when it could not be moved, so that it is tried again. */
static int settle(const struct folder *f, const char *name, drop_take *take, void *arg)
{
	struct capture c;
	const char *sub;
	bool lost;
	int code;

	if (!capture_begin(&c, f->d))
		return km_rc_exit_code(KM_ENOMEM);
	code = take_one(f, &c, name, take, arg);
	f->d->line = c.d.line;
	/* What was said and cannot be kept leaves the file where it is: it is taken again. */
	lost = ferror(c.d.out) != 0;
	lost |= fclose(c.d.out) != 0 || !c.text;
	if (code == GONE) { /* taken back by whoever left it: nothing was said of it */
		free(c.text);
		return 0;
	}
	if (lost)
		code = is_settled(code) ? km_rc_exit_code(KM_ENOMEM) : code;
	sub = code == 0 || code == 3 ? "done" : "refused";
	if (!is_settled(code))
		desk_warn(f->d, DESK_DROP_STAYS, name, c.text);
	else if (!move_to(f, sub, name, c.text, c.len)) {
		desk_warn(f->d, DESK_DROP_NOT_MOVED, name, strerror(errno));
		code = km_rc_exit_code(KM_EIO);
	} else
		desk_warn(f->d, sub[0] == 'd' ? DESK_DROP_DONE : DESK_DROP_NOT_TAKEN, name, NULL);
	free(c.text);
	return code;
}

int drop_all(struct desk *d, const char *folder, drop_take *take, void *arg)
{
	struct folder f = { .d = d };
	int code = 0, worst = 0;

	f.fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f.fd < 0)
		return desk_fail(
		    d, desk_because(d, KM_EINVAL, DESK_DROP_FOLDER, folder, strerror(errno)));
	f.file = calloc(FILES_MAX, sizeof(f.file[0]));
	for (unsigned looks = 0; f.file && looks < LOOKS_MAX; looks++) {
		if (look(&f) != KM_OK)
			code = km_rc_exit_code(KM_EIO);
		if (f.files == 0 || !is_settled(code))
			break;
		for (unsigned i = 0; i < f.files && is_settled(code); i++) {
			code = settle(&f, f.file[i].name, take, arg);
			worst = code == 1 || code == 2 ? 1 : worst;
		}
	}
	if (!f.file)
		code = km_rc_exit_code(KM_ENOMEM);
	free(f.file);
	close(f.fd);
	return is_settled(code) ? worst : code;
}
