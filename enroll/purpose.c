/* Reading the purpose text. It comes from outside, and goes to a terminal: it is checked whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "purpose.h"

static const char *const files[KM_LANG_COUNT] = {
	[KM_LANG_EN] = "en.txt", [KM_LANG_JA] = "ja.txt"
};

static km_rc check(struct desk *d, const char *path, struct desk_purpose *p)
{
	if (p->len > DESK_PURPOSE_MAX)
		return desk_because(d, KM_ELIMIT, DESK_PURPOSE_LONG, path, "8192");
	if (!km_text_is_page(p->text, p->len))
		return desk_because(d, KM_EINVAL, DESK_PURPOSE_PLAIN, path, NULL);
	p->text[p->len] = '\0';
	return KM_OK;
}

/* One byte more than there may be, so that more is seen. */
static km_rc read_all(struct desk *d, const char *path, int fd, struct desk_purpose *p)
{
	struct stat st;

	p->len = 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return desk_because(d, KM_EINVAL, DESK_PURPOSE_REGULAR, path, NULL);
	while (p->len < sizeof(p->text)) {
		ssize_t n = read(fd, p->text + p->len, sizeof(p->text) - p->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return desk_because(d, KM_EIO, DESK_PURPOSE_OPEN, path, strerror(errno));
		if (n == 0)
			break;
		p->len += (size_t)n;
	}
	return check(d, path, p);
}

/* KM_ENOTFOUND: no such file. */
static km_rc read_file(struct desk *d, const char *folder, enum km_lang lang,
		       struct desk_purpose *p)
{
	char path[4096];
	km_rc rc;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, files[lang]) >= sizeof(path))
		return desk_because(d, KM_EINVAL, DESK_PURPOSE_OPEN, folder,
				    strerror(ENAMETOOLONG));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return KM_ENOTFOUND;
	if (fd < 0)
		return desk_because(d, KM_EIO, DESK_PURPOSE_OPEN, path, strerror(errno));
	rc = read_all(d, path, fd, p);
	close(fd);
	p->lang = lang;
	return rc;
}

km_rc desk_purpose_load(struct desk *d, const char *folder, struct desk_purpose *out)
{
	km_rc rc = read_file(d, folder, d->lang, out);

	if (rc == KM_ENOTFOUND)
		rc = read_file(d, folder, d->lang == KM_LANG_JA ? KM_LANG_EN : KM_LANG_JA, out);
	if (rc != KM_ENOTFOUND)
		return rc;
	out->lang = d->lang;
	out->len = strlen(desk_purpose_shipped[d->lang]);
	memcpy(out->text, desk_purpose_shipped[d->lang], out->len + 1);
	return KM_OK;
}
