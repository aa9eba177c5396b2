/* The judge's own notes of the audit chain. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchor.h"

#define TAIL 4096 /* bytes from the end in which the last good line is looked for */

/* Takes the last good line of the text; returns whether anything behind it was no line. */
static bool last_line(struct judge_anchor *a, char *text, size_t len)
{
	bool passed_over = len > 0 && text[len - 1] != '\n';

	while (len > 0) {
		char *newline = memrchr(text, '\n', len);
		char *start;

		if (!newline)
			break;
		*newline = '\0';
		len = (size_t)(newline - text);
		start = memrchr(text, '\n', len);
		if (km_anchor_parse(start ? start + 1 : text, &a->head) == KM_OK)
			return passed_over;
		passed_over = true;
	}
	return passed_over;
}

static km_rc read_tail(struct judge_anchor *a, off_t size, bool *torn)
{
	char text[TAIL];
	off_t from = size > TAIL ? size - TAIL : 0;
	size_t have = 0;

	while (have < sizeof(text)) {
		ssize_t n = pread(a->fd, text + have, sizeof(text) - have, from + (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return KM_EIO;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	a->torn = have > 0 && text[have - 1] != '\n';
	*torn = last_line(a, text, have);
	return KM_OK;
}

/* A link planted where our file should be must not make us write elsewhere. */
static bool is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
	       st->st_nlink == 1 && (st->st_mode & 077) == 0;
}

km_rc judge_anchor_open(struct judge_anchor *a, const char *dir, bool *torn)
{
	struct judge_anchor fresh = { .fd = -1 };
	char path[4096];
	struct stat st;
	bool bad = false;
	int n = snprintf(path, sizeof(path), "%s/anchor", dir);
	km_rc rc;

	if (n < 0 || (size_t)n >= sizeof(path))
		return KM_EINVAL;
	fresh.fd =
	    open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fresh.fd < 0)
		return errno == ELOOP ? KM_EPERM : KM_EIO;
	rc = is_ours(fresh.fd, &st) ? read_tail(&fresh, st.st_size, &bad) : KM_EPERM;
	if (rc != KM_OK) {
		close(fresh.fd);
		return rc;
	}
	*a = fresh;
	*torn = bad;
	return KM_OK;
}

bool judge_anchor_take(struct judge_anchor *a, const struct km_anchor *head)
{
	/* A vault in doubt says 0: what is written down stays. */
	if (head->seq == 0)
		return false;
	if (km_anchor_same(&a->head, head) && a->head.generation == head->generation)
		return false;
	a->head = *head;
	a->dirty = true;
	return true;
}

km_rc judge_anchor_write(struct judge_anchor *a, int64_t now_ms)
{
	char text[KM_ANCHOR_LINE], line[KM_ANCHOR_LINE + 2];
	ssize_t n;
	int len;

	if (!a->dirty || a->fd < 0)
		return KM_OK;
	km_anchor_format(&a->head, text);
	len = snprintf(line, sizeof(line), "%s%s\n", a->torn ? "\n" : "", text);
	a->written_ms = now_ms;
	do {
		n = write(a->fd, line, (size_t)len);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		a->torn = n != len; /* the next line then begins with a newline of its own */
	if (n != len)
		return KM_EIO;
	/* Once a second at most: what a power cut takes away again would show no rollback. */
	if (fdatasync(a->fd) < 0 && errno != EINVAL)
		return KM_EIO; /* and the line is written again: it may not be there */
	a->dirty = false;
	return KM_OK;
}

void judge_anchor_close(struct judge_anchor *a)
{
	if (!a || a->fd < 0)
		return;
	close(a->fd);
	a->fd = -1;
}
